"""Device and precision: nothing for one float32 process on the CPU, lightning-fabric where asked for."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from elman.core.errors import MissingExtra, RecipeError
from elman.training.device import place
from elman.training.optimizer import make_optimizer

from .test_loop import OPTIONS, network, run


def placed(**settings):
    model, options = network(), replace(OPTIONS, **settings)
    return place(model, make_optimizer(model, options, 0.01), options), model


def test_one_float32_process_pays_nothing():
    code = "import sys, elman.training.loop; assert not {'lightning_fabric', 'tensorboard', 'rich'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    there, model = placed()
    assert there.model is model and there.device is None


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "cuda" if not torch.cuda.is_available() else "cuda:98"])
def test_a_device_that_is_not_there(device):
    with pytest.raises(RecipeError, match=f"device '{device}'.*--device cpu"):
        placed(device=device)


def test_what_this_version_refuses():
    with pytest.raises(RecipeError, match="processes = 0 is no number"):
        placed(processes=0)
    pytest.importorskip("lightning_fabric")
    with pytest.raises(RecipeError, match=r"started by elman\.fit"):
        placed(processes=2)
    with pytest.raises(RecipeError, match="bf16-mixed, or --device cuda"):
        placed(precision="16-mixed")


def test_fabric_is_missed_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    with pytest.raises(MissingExtra, match=r"elman\[fabric\]"):
        placed(precision="bf16-mixed")


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
def test_mixed_precision_learns_and_keeps_float32_weights(tmp_path):
    pytest.importorskip("lightning_fabric")
    options = replace(OPTIONS, precision="bf16-mixed", steps=60, learning_rate=0.03)
    model, history = run(tmp_path, options)
    assert history.best_value < history.rows[0]["nats"]
    assert {value.dtype for value in model.state_dict().values()} == {torch.float32}
    assert not any(name.startswith("_forward_module") for name in model.state_dict())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("average", [0.0, 0.9])
def test_a_gpu_learns_and_resumes(tmp_path, average):
    options = replace(OPTIONS, device="cuda", steps=60, learning_rate=0.03, average=average)
    _, history = run(tmp_path, options)
    assert history.best_value < history.rows[0]["nats"]
    _, history = run(tmp_path, options, resume=True)
    assert history.steps == 60
