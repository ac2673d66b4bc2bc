"""A network of one's own by name, `module:function`: imported from the working folder, called, and looked into as `elman.inspect` does.

The function takes nothing and returns (model, inputs), or (model, inputs, options) with the options of `elman.inspect`.
"""

from __future__ import annotations

import copy
import importlib
import importlib.util
import inspect as signatures
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from elman.cells._own import where
from elman.core.errors import ElmanError, UnknownName, UserError, nearest
from elman.inspection import asked, inspect, looked_into
from elman.interpretation.view import Sample, View, untouched

EXPECTED = "(model, inputs) or (model, inputs, options)"


@dataclass(frozen=True)
class Own:
    """A network of one's own: as the analyses see it, the sequences that came with it, and the options of the questions."""

    name: str
    model: Any
    inputs: Tensor
    seen: Mapping[str, Any]  # options of how it is looked into
    asked: Mapping[str, Any]  # options of questions
    view: View
    sample: Sample
    outputs: int

    def twin(self) -> Own | None:
        """The same of a copy, whose weights an analysis may change unseen; None where no copy can be made.

        A `call` of the user's calls the model that it knows, not a copy.
        """
        if not isinstance(self.model, nn.Module) or "call" in self.seen:
            return None
        try:
            model = copy.deepcopy(self.model)
        except Exception:  # tensors that are no leaves, locks, handles: whatever the model holds on to
            return None
        view, _ = looked_into(model, self.inputs, **{"targets": self.sample.targets, **self.seen})
        return replace(self, model=model, view=replace(view, labels=self.view.labels))


def own(name: str, folder: Path | None = None) -> Own:
    """The network that `module:function` gives; modules of `folder`, the working folder when None, can be imported.

    Raises UserError, in one sentence with the fix, for whatever is wrong with the name, the module, the function, or what it returns.
    """
    module, _, function = name.partition(":")
    if not module or not function.isidentifier():
        raise UserError(
            f"{name!r} names no function; expected module:function, such as shop:network for network() in shop.py."
        )
    found = _called(_function(_imported(module, folder or Path.cwd()), module, function), name)
    if not isinstance(found, tuple) or len(found) not in (2, 3):
        raise UserError(f"{name} returned {_kind(found)}; expected {EXPECTED}.")
    model, inputs, options = (*found, {})[:3]
    if not isinstance(model, nn.Module) and not callable(model):
        raise UserError(
            f"the model that {name} returned is {_kind(model)}; expected a torch.nn.Module: return {EXPECTED}."
        )
    if not isinstance(inputs, Tensor) or inputs.dim() < 2:
        raise UserError(
            f"the inputs that {name} returned are {_kind(inputs)}; expected a tensor (batch, time, ...), as the model reads it."
        )
    if not isinstance(options, Mapping):
        raise UserError(
            f"the options that {name} returned are {_kind(options)}; expected a dict of options of elman.inspect."
        )
    return _looked(name, model, inputs, dict(options))


def _looked(name: str, model: Any, inputs: Tensor, options: dict[str, Any]) -> Own:
    known = list(signatures.signature(inspect).parameters)[2:]
    for option in options:
        if option not in known:
            raise UnknownName("option of elman.inspect", str(option), known)
    seen = {
        key: value for key, value in options.items() if key in signatures.signature(looked_into).parameters
    }
    rest = {key: value for key, value in options.items() if key in signatures.signature(asked).parameters}
    try:
        view, sample = looked_into(model, inputs, **seen)
        with untouched(view), torch.no_grad():
            length = sample.length(0)
            first = sample.inputs[:1, :length].to(view.device)
            valid = None if sample.lengths is None else sample.lengths[:1]
            outputs = view.read(view.embed(first), valid)
            made = min((values.shape[1] for values in view.trace(first, valid).values()), default=length)
    except ElmanError:
        raise
    except Exception as error:  # what a model does with what it reads is its own affair
        raise UserError(
            f"the model of {name} fails with inputs {tuple(inputs.shape)}: {where(error)}. Options say how to call it: "
            "time_first=True for (time, batch, ...), lengths, or call=lambda inputs, lengths: ..."
        ) from None
    if made != length:
        raise UserError(
            f"the recurrent layer of {name} reads {made} steps where its inputs have {length}; expected one for each. Give the "
            "layers from there on as the model, and what they read as inputs."
        )
    count = outputs.shape[1]
    if view.labels and len(view.labels) != count:
        raise UserError(f"{name} has {len(view.labels)} labels for {count} outputs; expected one for each.")
    return Own(
        name,
        model,
        inputs,
        seen,
        {key: value for key, value in rest.items() if key not in ("questions", "watch")},
        view,
        sample,
        count,
    )


def _imported(name: str, folder: Path) -> Any:
    """A module of the folder, or of what is installed."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            there = [path.stem for path in folder.glob("*.py")]
            there += [
                f"{path.parent.name}.{path.stem}" for path in folder.glob("*/*.py") if path.stem != "__init__"
            ]
            close = nearest(name.removesuffix(".py").replace("/", "."), there)
            hint = f" Did you mean {close!r}?" if close else ""
            raise UserError(
                f"there is no module {name!r} in {folder}, nor among the installed ones.{hint} Run elman where its file is, "
                "and name it without .py, with a dot for a folder."
            ) from None
        raise UserError(f"the module {name!r} does not run: {_where(error, name)}.") from None
    except (Exception, SystemExit) as error:
        raise UserError(f"the module {name!r} does not run: {_where(error, name)}.") from None


def _where(error: BaseException, module: str) -> str:
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        try:
            spec = importlib.util.find_spec(module)
        except (ImportError, ValueError):
            spec = None
        file = None if spec is None else spec.origin
    return where(error, None if file is None else Path(file))


def _function(module: Any, name: str, function: str) -> Callable[[], Any]:
    try:
        found = getattr(module, function)
    except AttributeError:
        known = [
            key
            for key, value in vars(module).items()
            if signatures.isfunction(value) and value.__module__ == name
        ]
        raise UnknownName(f"function of {name}", function, known) from None
    if not callable(found):
        raise UserError(
            f"{name}:{function} is {_kind(found)}, no function; expected one that returns {EXPECTED}."
        )
    try:
        needed = [
            each.name for each in signatures.signature(found).parameters.values()
            if each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
        ]  # fmt: skip
    except (TypeError, ValueError):
        needed = []
    if needed:
        raise UserError(
            f"{name}:{function} wants {', '.join(needed)}; expected a function that takes nothing and returns {EXPECTED}."
        )
    made: Callable[[], Any] = found
    return made


def _called(function: Callable[[], Any], name: str) -> Any:
    try:
        return function()
    except ElmanError:
        raise
    except (Exception, SystemExit) as error:
        raise UserError(f"{name}() fails: {_where(error, name.partition(':')[0])}.") from None


def _kind(value: Any) -> str:
    """What a value is, in words."""
    if value is None:
        return "nothing"
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    kind = type(value).__name__
    return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"
