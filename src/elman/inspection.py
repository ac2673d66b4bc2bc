"""`elman.inspect`: the analyses for a network that was made and trained elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elman.asking import screen
from elman.behaving import Suite, behave_elsewhere, tests_elsewhere
from elman.core.errors import RecipeError, UnknownName
from elman.core.results import Finding, Findings
from elman.interpretation.attribution import attribution
from elman.interpretation.calibration import calibration
from elman.interpretation.connectivity import connectivity
from elman.interpretation.context import context, middle
from elman.interpretation.cost import Cost, Watch, ask, part_of
from elman.interpretation.dynamics import dynamics, inputs_named
from elman.interpretation.errors import errors_of
from elman.interpretation.foreign import Call, view_of_module, view_of_step
from elman.interpretation.gates import gates
from elman.interpretation.interventions import interventions
from elman.interpretation.memory import memory
from elman.interpretation.methods import METHODS, QUICK
from elman.interpretation.needs import (
    NO_LAST_STEP,
    READS_FROM_BOTH_ENDS,
    answerable,
    not_answered,
    reads_from_both_ends,
    unanswered,
)
from elman.interpretation.probes import probes
from elman.interpretation.readout import readout as read_out
from elman.interpretation.saturation import saturation
from elman.interpretation.spans import spans
from elman.interpretation.units import units
from elman.interpretation.view import Sample, View, untouched

QUESTIONS: dict[str, Callable[..., Finding | None]] = {
    "readout": read_out, "errors": errors_of, "calibration": calibration, "memory": memory, "connectivity": connectivity, "attribution": attribution, "gates": gates, "dynamics": dynamics,
    "probes": probes, "interventions": interventions, "units": units, "spans": spans, "saturation": saturation, "context": context,
    "behaviour": behave_elsewhere,
}  # fmt: skip
ABOUT_THE_LAST = ("memory", "connectivity", "attribution", "behaviour")  # step that is read


def inspect(
    model: nn.Module | type[nn.Module] | Callable[[Tensor, Tensor], Tensor],
    inputs: Tensor,
    targets: Tensor | None = None,
    *,
    questions: Sequence[str] = (),
    lengths: Tensor | None = None,
    time_first: bool = False,
    state_dict: Mapping[str, Tensor] | str | Path | None = None,
    call: Call | None = None,
    labels: Sequence[str] = (),
    step_names: Callable[[Tensor], list[str]] | None = None,
    start: Tensor | None = None,
    readout: Callable[[Tensor], Tensor] | None = None,
    sizes: Mapping[str, int] | None = None,
    told: Callable[[str], None] | None = None,
    quiet: bool = False,
    at: Sequence[str] = (),
    conditions: Mapping[str, np.ndarray] | None = None,
    align: np.ndarray | None = None,
    names_next_step: bool = False,
    method: str = "integrated_gradients",
    horizon: int | None = None,
    suite: Suite | None = None,
) -> Findings:
    """Look inside any torch module that holds recurrent layers; it is left as it was, also after an error.

    model       the module; or its class, with a `state_dict` (tensors by name, or a file of them); or a bare step function
                (state (batch, size), input (batch, features)) -> state, with the state to `start` from (size,) and, if
                the state is not the answer itself, a `readout` of states
    inputs      (batch, time, ...) as the model reads them, or (time, batch, ...) with `time_first`: token numbers or values
    targets     classes (batch,) int64, or values (batch, outputs); or one for each step, (batch, time) or (batch, time, outputs), of which the last
                is asked for, or the middle one where it reads from both ends; without them the network's own answers to the whole sequences: how
                far back does what it says depend?
    questions   readout, errors, calibration, memory, connectivity, attribution, gates, dynamics, probes, interventions, units, spans, saturation, context,
                behaviour; all that apply where none is named, behaviour with a `suite` alone
    lengths     valid steps (batch,); the model is then called with them: model(inputs, lengths)
    call        how to call the model where that is not so: (inputs, lengths) -> output, or a tuple that begins with it
    sizes       of how many sequences a question is asked, by name, where it is not the usual number (interpretation/cost.py): where there
                are more, that many are drawn under a seed
    told        hears a line before each question: what it costs, and of how many sequences it is asked (`told=print`); where nobody does,
                a terminal or a notebook shows the line, and how far the question is; not with `quiet`
    at          tokens or values under which dynamics seeks points of rest, as the steps are named, or "0.5,-1"; the mean input otherwise
    conditions, align    what the sequences are trials of, name -> (sequences,) numbers or words, by which dynamics colours the state's way, and the
                step of each (sequences,) from which it counts; the classes, from the first step, where none are given
    labels, step_names   what outputs (class 0, class 1 ... where none are given) and the steps of one row of inputs are called
    names_next_step      whether the output after each step is the next one: a language model, with a label for every token
    method, horizon      of attribution: how credit is given, and which of several values answered is explained, from 1; it compares
                all methods where it is asked for by name, those that cost little otherwise
    suite       of behaviour: tests whose changes are functions (row of inputs, random numbers) -> row, or named changes of series; or the TOML file
                that holds them

    The output is (batch, outputs), or (batch, time, outputs), of which the last valid step is the answer. Dynamics need one
    recurrent layer (or stack) that reads forward. What is asked by name and has no answer is told beside the answers to the others. Raises RecipeError for what does not fit and where
    no question named has an answer, UnknownName for a question.
    """
    for question in questions:
        if question not in QUESTIONS:
            raise UnknownName("question", question, tuple(QUESTIONS))
    if (conditions or align is not None) and questions and "dynamics" not in questions:
        raise RecipeError('conditions and align are of dynamics; ask for it: questions=["dynamics"].')
    if suite is not None and questions and "behaviour" not in questions:
        raise RecipeError('a suite is of behaviour tests; ask for them: questions=["behaviour"].')
    view, sample = looked_into(
        model, inputs, targets, lengths=lengths, time_first=time_first, state_dict=state_dict, call=call, labels=labels,
        step_names=step_names, start=start, readout=readout, names_next_step=names_next_step,
    )  # fmt: skip
    watch = screen(quiet) if told is None else _Told(told)
    return asked(
        view, sample, questions, sizes=sizes, watch=watch, at=at, conditions=conditions, align=align, method=method, horizon=horizon,
        suite=suite,
    )  # fmt: skip


def looked_into(
    model: nn.Module | type[nn.Module] | Callable[[Tensor, Tensor], Tensor],
    inputs: Tensor,
    targets: Tensor | None = None,
    *,
    lengths: Tensor | None = None,
    time_first: bool = False,
    state_dict: Mapping[str, Tensor] | str | Path | None = None,
    call: Call | None = None,
    labels: Sequence[str] = (),
    step_names: Callable[[Tensor], list[str]] | None = None,
    start: Tensor | None = None,
    readout: Callable[[Tensor], Tensor] | None = None,
    names_next_step: bool = False,
) -> tuple[View, Sample]:
    """A network that was made elsewhere as the analyses see it, and its sequences, batch first; options and errors are those of `inspect`."""
    if not isinstance(inputs, Tensor) or inputs.dim() < 2:
        raise RecipeError("inputs are no tensor (batch, time, ...); a single sequence is inputs[None].")
    if time_first:
        inputs = inputs.transpose(0, 1)
    if isinstance(model, type) and issubclass(model, nn.Module):
        model = _filled(model, state_dict)
    elif state_dict is not None:
        raise RecipeError(
            f"state_dict is for a class, and a {type(model).__name__} is given; give the class, or load the weights into it yourself."
        )
    if step_names is not None and not callable(step_names):
        raise RecipeError(
            f"step_names is a {type(step_names).__name__}; a function is expected that names the steps of one row of inputs: "
            "lambda row: [words[int(token)] for token in row]."
        )
    classes = targets is not None and not targets.is_floating_point()
    by_step = targets is not None and targets.dim() == (2 if classes else 3)
    if targets is not None and by_step and time_first:
        targets = targets.transpose(0, 1)
    loss = _cross_entropy if classes else _squared
    view: View
    if isinstance(model, nn.Module):
        view = view_of_module(
            model, inputs, lengths, call or _calling(model, time_first), loss, labels, step_names
        )
    else:
        if start is None:
            raise RecipeError(
                "a step function needs a state to start from: inspect(step, inputs, start=torch.zeros(size))."
            )
        if inputs.dim() == 2:
            inputs = inputs[..., None]
        step: Any = model
        view = view_of_step(step, start, readout, loss, labels, step_names, inputs.shape[-1])
    if names_next_step:
        view = _language_model(view, inputs)
    if targets is not None and by_step:
        view, targets = _at_one_step(view, inputs, lengths, targets)
    if classes and not labels:
        with untouched(view), torch.no_grad():
            count = view.read(view.embed(inputs[:1]), None if lengths is None else lengths[:1]).shape[1]
        view = replace(view, labels=tuple(f"class {number}" for number in range(count)))
    if targets is None:
        with untouched(view), torch.no_grad():
            targets = view.read(view.embed(inputs), lengths)
    if len(targets) != len(inputs):
        raise RecipeError(f"{len(inputs)} sequences but {len(targets)} targets; expected one for each.")
    return view, Sample(inputs, lengths, targets, np.arange(len(inputs)))


def asked(
    view: View,
    sample: Sample,
    questions: Sequence[str] = (),
    *,
    sizes: Mapping[str, int] | None = None,
    watch: Watch | None = None,
    at: Sequence[str] = (),
    conditions: Mapping[str, np.ndarray] | None = None,
    align: np.ndarray | None = None,
    method: str = "integrated_gradients",
    horizon: int | None = None,
    suite: Suite | None = None,
) -> Findings:
    """The questions of `inspect`, with its options, of a view and a sample; `watch` hears what each costs and how far it is."""
    for name, each in {**(conditions or {}), **({} if align is None else {"align": align})}.items():
        if len(each) != len(sample):
            raise RecipeError(
                f"{name!r} has {len(each)} values; expected one for each of {len(sample)} sequences."
            )
    found: list[Finding] = []
    silent: dict[str, str] = {}
    compared = tuple(METHODS) if questions else QUICK
    known = QUESTIONS | {
        "attribution": partial(attribution, method=method, horizon=horizon, compared=compared)
    }
    # What a network should do is known to who made it: a suite is asked where it is wanted.
    usual = [name for name in fitting(view, sample, suite) if name != "behaviour" or suite is not None]
    for question in questions or usual:
        part = part_of(question, sample, size=(sizes or {}).get(question))
        analysis = known[question]
        if view.asked is not None and question in ABOUT_THE_LAST:
            silent[question] = f"{question} is no question to this network: {NO_LAST_STEP}."
            continue
        if question == "behaviour":
            tests = tests_elsewhere(part, suite)
            if not tests:
                silent[question] = unanswered(question, "this network")
                continue
            analysis = partial(behave_elsewhere, tests=tests)
        if question == "dynamics" and view.stepping is not None:
            analysis = partial(
                dynamics,
                inputs=inputs_named(view, part, at) if at else None,
                conditions={name: np.asarray(each)[part.rows] for name, each in conditions.items()}
                if conditions
                else None,
                align=None if align is None else np.asarray(align)[part.rows],
            )
        answer = ask(question, analysis, view, part, watch)
        if answer is not None:
            found.append(answer)
            continue
        both = question == "dynamics" and reads_from_both_ends(view)
        reason = f"dynamics is no question to this network: {READS_FROM_BOTH_ENDS} (ask it of a layer that reads forward)."
        silent[question] = reason if both else unanswered(question, "this network")
    return Findings([*found, *not_answered(silent, found)] if questions else found)


def fitting(view: View, sample: Sample, suite: Suite | None = None) -> tuple[str, ...]:
    """The questions that a network may answer, as far as that can be seen without reading anything."""
    series = suite is not None or sample.inputs.is_floating_point()
    return tuple(
        name
        for name in QUESTIONS
        if answerable(name, view)
        and (view.asked is None or name not in ABOUT_THE_LAST)
        and (series or name != "behaviour")
    )


def _language_model(view: View, inputs: Tensor) -> View:
    """The same view, of a network whose output after each step is the next one."""
    wrong = (
        "an output after every step, (batch, time, outputs)" if view.read_steps is None
        else "the names of the steps" if view.step_names is None
        else "tokens as inputs, (batch, time)" if inputs.is_floating_point() or inputs.dim() != 2
        else f"a label for every token: {len(view.labels)} labels, but token {int(inputs.max())}" if int(inputs.max()) >= len(view.labels)
        else None
    )  # fmt: skip
    if wrong is not None:
        raise RecipeError(f"names_next_step wants {wrong}.")
    return replace(view, names_next_step=True)


def _at_one_step(view: View, inputs: Tensor, lengths: Tensor | None, targets: Tensor) -> tuple[View, Tensor]:
    """A network with a target for each step, asked for one of them: the last, or the middle one where it reads from both ends."""
    if view.read_steps is None or targets.shape[:2] != inputs.shape[:2]:
        answers = (
            "answers once" if view.read_steps is None else f"has {tuple(inputs.shape[:2])} (batch, time)"
        )
        raise RecipeError(
            f"targets are {tuple(targets.shape)}, one for each step, but the network {answers}; expected (batch,) classes, (batch, outputs) values, "
            "or one for each step of a network that answers at each."
        )
    steps, place = view.read_steps, middle if reads_from_both_ends(view) else _last

    def read(vectors: Tensor, valid: Tensor | None) -> Tensor:
        values = steps(vectors, valid)
        given = torch.full((len(values),), vectors.shape[1]) if valid is None else valid
        return values[torch.arange(len(values), device=values.device), place(given).to(values.device)]

    if place is middle:
        view = replace(view, read=read, read_steps=None, asked=middle)
    at = place(torch.full((len(inputs),), inputs.shape[1]) if lengths is None else lengths)
    rows = torch.arange(len(inputs), device=targets.device)
    targets = targets[rows, at.to(targets.device)]
    unknown = 0 if targets.is_floating_point() else int((targets < 0).sum())
    if unknown:
        which = "middle" if place is middle else "last"
        raise RecipeError(
            f"{unknown} of {len(targets)} sequences have no target (below 0) at their {which} step, which is asked for; leave them out."
        )
    return view, targets


def _last(lengths: Tensor) -> Tensor:
    """The last step of each sequence (batch,)."""
    return lengths - 1


class _Told:
    """Passes on what a question costs."""

    def __init__(self, told: Callable[[str], None]) -> None:
        self.told = told

    def asking(self, cost: Cost) -> None:
        self.told(str(cost))

    def answering(self, share: float) -> None:
        pass


def _cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.cross_entropy(outputs, targets, reduction="none")


def _squared(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - targets.reshape(outputs.shape)).square().flatten(1).mean(1)


def _calling(model: nn.Module, time_first: bool) -> Call:
    """The usual way to call a model; lengths only where there are some."""

    def call(inputs: Tensor, lengths: Tensor | None) -> Any:
        given = inputs.transpose(0, 1) if time_first else inputs
        output = model(given) if lengths is None else model(given, lengths)
        while isinstance(output, (tuple, list)):
            output = output[0]
        return output.transpose(0, 1) if time_first and output.dim() == 3 else output

    return call


def _filled(model: type[nn.Module], state_dict: Mapping[str, Tensor] | str | Path | None) -> nn.Module:
    """A model of a class that takes no arguments, with its weights."""
    if state_dict is None:
        raise RecipeError(f"{model.__name__} is a class; give its state_dict, too, or a module.")
    if isinstance(state_dict, (str, Path)):
        state_dict = torch.load(state_dict, map_location="cpu", weights_only=True)
    try:
        made = model()
    except TypeError as error:
        raise RecipeError(
            f"{model.__name__}() cannot be made without arguments ({error}); give a module."
        ) from None
    try:
        made.load_state_dict(dict(state_dict))  # type: ignore[arg-type]
    except RuntimeError as error:
        raise RecipeError(f"the state_dict does not fit {model.__name__}: {error}") from None
    return made.eval()
