"""Writes a run as a script, a notebook, its data and its weights; every line of it is meant to be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined

from elman.core.cell_file import label
from elman.core.errors import RecipeError
from elman.core.files import write_atomic, write_json, write_text
from elman.core.recipe import Recipe
from elman.data.contract import Corpus, LabelledSeries, LabelledTexts, SeriesTable
from elman.data.passage import pieces
from elman.encoding.scalers import CHANGES
from elman.models.heads import LEVELS, PARAMETERS
from elman.models.network import ForecastNetwork, TokenNetwork
from elman.run import Run, writable
from elman.workbench import Prepared, prepare

PLAIN = {"rnn": "nn.RNN", "lstm": "nn.LSTM", "gru": "nn.GRU"}


def eject(run: Run | str | Path, out: str | Path | None = None) -> Path:
    """Write main.py, main.ipynb, data and weights into the folder `out`, by default RUN/ejected; returns the script's path.

    Raises RecipeError, by name, for what torch.nn cannot say in a few lines (other cells, layer norm, zoneout ...).
    """
    run = Run.open(run)
    folder = run.folder / "ejected" if out is None else Path(out)
    recipe, network = run.recipe, run.network
    refuse(recipe)
    prepared = prepare(recipe, run.encoder)
    if isinstance(prepared.dataset, LabelledSeries):
        raise RecipeError(
            "eject writes texts, running text and forecasts; it does not carry labelled series."
        )
    writable(folder)
    folder.mkdir(parents=True, exist_ok=True)
    facts = _data(prepared, folder)
    _weights(network, folder / "weights.safetensors")
    template = {
        "classification": "texts",
        "regression": "texts",
        "language_modelling": "language",
        "forecasting": "series",
    }
    values = {"recipe": recipe, "encoder": run.encoder, "run": run, "rnn": PLAIN[recipe.model.cell], **facts}
    environment = Environment(
        loader=PackageLoader("elman", "eject/templates"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    script = environment.get_template(f"{template[recipe.task or '']}.py.jinja").render(**values, repr=repr)
    write_text(folder / "main.py", script)
    write_json(folder / "main.ipynb", notebook(script))
    return folder / "main.py"


def refuse(recipe: Recipe) -> None:
    """Say by name what a plain script does not carry."""
    model = recipe.model
    reasons = [
        name
        for name in (
            "layer_norm",
            "zoneout",
            "weight_drop",
            "variational_dropout",
            "projection_size",
            "learned_initial_state",
            "residual",
            "tied",
            "vectors",
        )
        if getattr(model, name)
    ]
    reasons += [f"task={recipe.task}"] if recipe.task in ("tagging", "multilabel") else []
    reasons += [f"cell={label(model.cell)}"] if model.cell not in PLAIN else []
    reasons += [f"activation={model.activation}"] if model.activation not in (None, "tanh") else []
    reasons += [name for name in ("bigrams", "log_count_ratios") if getattr(recipe.encoding, name)]
    reasons += (
        [f"tokenizer={recipe.encoding.tokenizer}"]
        if recipe.encoding.tokenizer in ("bpe", "unigram", "bytes", "spaces")
        else []
    )
    reasons += [f"scaler={recipe.encoding.scaler}"] if recipe.encoding.scaler in CHANGES else []
    reasons += ["window_norm=scale"] if recipe.encoding.window_norm == "scale" else []
    reasons += ["distribution=negative_binomial"] if model.distribution == "negative_binomial" else []
    reasons += ["left padding"] if recipe.encoding.padding == "left" else []
    if reasons:
        raise RecipeError(
            f"eject writes plain torch.nn, which has no short way to say: {', '.join(reasons)}."
        )


def _data(prepared: Prepared, folder: Path) -> dict[str, Any]:
    """The raw data beside the script, and what the script must know of them."""
    dataset = prepared.dataset
    if isinstance(dataset, LabelledTexts):
        for split, examples in dataset.splits.items():
            frame = pl.DataFrame({"text": list(examples.texts), "label": list(examples.targets)})
            write_atomic(folder / f"{split}.csv", lambda temporary, frame=frame: frame.write_csv(temporary))  # type: ignore[misc]
        return {"labels": dataset.labels}
    if isinstance(dataset, Corpus):
        for split, text in dataset.splits.items():
            write_text(folder / f"{split}.txt", "".join(pieces(text)))
        return {}
    assert isinstance(dataset, SeriesTable)
    encoder = prepared.encoded.encoder
    arrays = encoder.arrays(dataset)
    feed, distribution = prepared.encoded.feeds["train"], prepared.recipe.model.distribution
    columns = {f"x{k}": arrays["features"][:, k] for k in range(arrays["features"].shape[1])}
    columns |= {f"y{k}": arrays["targets"][:, k] for k in range(arrays["targets"].shape[1])}
    frame = pl.DataFrame(columns)
    write_atomic(folder / "series.csv", lambda temporary: frame.write_csv(temporary, float_precision=9))
    rows = pl.DataFrame(
        {
            "split": [s for s, o in prepared.encoded.feeds.items() for _ in o.origins],
            "origin": [int(o) for f in prepared.encoded.feeds.values() for o in f.origins],
        }
    )
    write_atomic(folder / "windows.csv", lambda temporary: rows.write_csv(temporary))
    return {
        "series": len(encoder.series),
        "known": encoder.known_features,
        "features": encoder.features,
        "names": encoder.series,
        "feed": feed,
        "deviations": (encoder.targets_scaler.scale / prepared.encoded.problem.std).tolist(),  # type: ignore[union-attr]
        "nothing": (-encoder.targets_scaler.centre / encoder.targets_scaler.scale).tolist(),
        "levels": list(LEVELS),
        "each": f", {PARAMETERS[distribution]}" if distribution != "point" else "",
    }


def _weights(network: Any, path: Path) -> None:
    """The trained weights under the names of the plain model: embedding, patch, rnn, head."""
    from safetensors.torch import save_file

    tensors = {f"rnn.{name}": value for name, value in network.rnn.to_torch().state_dict().items()}
    tensors |= {f"head.{name}": value for name, value in network.head.state_dict().items()}
    if isinstance(network, TokenNetwork):
        tensors["embedding.weight"] = network.inputs.embedding.weight
    elif isinstance(network, ForecastNetwork) and network.inputs.project is not None:
        tensors |= {f"patch.{name}": value for name, value in network.inputs.project.state_dict().items()}
    whole = {name: value.detach().contiguous() for name, value in tensors.items()}
    write_atomic(path, lambda temporary: save_file(whole, str(temporary)))


def notebook(script: str) -> dict[str, Any]:
    """The script as a notebook: each "# %% Heading" begins a heading and a cell of code."""
    cells: list[dict[str, Any]] = []
    for block in script.split("# %% ")[1:]:
        heading, _, code = block.partition("\n")
        lines = code.strip("\n").splitlines()
        comment = []
        while lines and lines[0].startswith("# "):
            comment.append(lines.pop(0)[2:])
        cells.append(
            {
                "cell_type": "markdown",
                "metadata": {},
                "source": f"## {heading}\n\n" + "\n".join(comment),
                "id": f"text{len(cells)}",
            }
        )
        cells.append(
            {
                "cell_type": "code",
                "metadata": {},
                "source": "\n".join(lines).strip("\n"),
                "outputs": [],
                "execution_count": None,
                "id": f"code{len(cells)}",
            }
        )
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    result: dict[str, Any] = json.loads(
        json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})
    )
    return result
