"""Which questions are asked of a run, and on how many of its validation sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import numpy as np

from elman.behaving import EXAMPLES, Suite, behave, without_tests
from elman.core.errors import RecipeError, UnknownName
from elman.core.recipe import Recipe
from elman.core.results import Advice, Finding, Findings, Predictions
from elman.evaluation.baselines import kneser_ney
from elman.evaluation.contract import SeriesProblem, TaggedProblem, TextProblem, TokenProblem, ValueProblem
from elman.evaluation.measure import choosing_metric
from elman.evaluation.measure import errors as each_error
from elman.evaluation.tagging import in_sentence
from elman.interpretation.advice import advice
from elman.interpretation.attribution import attribution
from elman.interpretation.calibration import calibration
from elman.interpretation.connectivity import connectivity
from elman.interpretation.context import context
from elman.interpretation.cost import READ, SIZES, Watch, ask, whole_split
from elman.interpretation.during_training import during_training
from elman.interpretation.dynamics import dynamics, inputs_named
from elman.interpretation.errors import errors
from elman.interpretation.gates import gates
from elman.interpretation.interventions import interventions
from elman.interpretation.memory import memory
from elman.interpretation.methods import QUICK
from elman.interpretation.needs import READS_FROM_BOTH_ENDS, not_answered, unanswered
from elman.interpretation.ngrams import ngrams, word_counts
from elman.interpretation.probes import probes
from elman.interpretation.readout import readout
from elman.interpretation.saturation import saturation
from elman.interpretation.spans import spans
from elman.interpretation.trials import conditions_named
from elman.interpretation.units import units
from elman.interpretation.view import Sample
from elman.run import Run
from elman.tasks.contract import Encoded, Task
from elman.watching import watched

QUESTIONS = (
    "readout",
    "errors",
    "calibration",
    "ngrams",
    "memory",
    "context",
    "connectivity",
    "attribution",
    "gates",
    "dynamics",
    "probes",
    "interventions",
    "units",
    "spans",
    "saturation",
    "behaviour",
    "training",
)


TOGETHER = 128  # sequences that are read at once, where a whole split is
COUNTED, COMPARED = (
    1_000_000,
    100_000,
)  # tokens: of training that n-grams are counted in, of validation that are compared


def analyse(
    run: Run,
    task: Task,
    encoded: Encoded,
    questions: Sequence[str] = (),
    watch: Watch | None = None,
    at: Sequence[str] = (),
    *,
    by: Sequence[str] = (),
    method: str | None = None,
    horizon: int | None = None,
    suite: Suite | None = None,
) -> Findings:
    """Findings on the validation split, in the order of QUESTIONS, and what was not asked.

    `watch` hears before each question what it will cost, and then how far it has come. `at` names the tokens or values under which
    dynamics seeks points of rest, the mean input where there are none; `by` names what colours the state's way. `method` and `horizon` are those of attribution, which
    compares all its methods where it is asked for by name. `suite` holds the behaviour tests, or names their file.

    What is asked by name and has no answer is told, with the reason, beside the answers to the others.

    Raises UnknownName for a question nobody asks, RecipeError for a method or a horizon without attribution, and where none of the questions
    named has an answer, with what each needs.
    """
    options: dict[str, Any] = {
        name: value for name, value in (("method", method), ("horizon", horizon)) if value is not None
    }
    if options and "attribution" not in questions:
        raise RecipeError(
            f"{' and '.join(options)}: an option of attribution; ask for it: elman explain RUN attribution ..."
        )
    if (at or by) and "dynamics" not in questions:
        given = " and ".join(name for name, value in (("at", at), ("by", by)) if value)
        raise RecipeError(f"{given}: an option of dynamics; ask for it: elman explain RUN dynamics ...")
    if suite is not None and "behaviour" not in questions:
        raise RecipeError(
            "a suite is of behaviour tests; ask for them: elman explain RUN behaviour --suite FILE"
        )
    for question in questions:
        if question not in QUESTIONS:
            raise UnknownName("question", question, QUESTIONS)
    recipe, network = run.recipe, run.network
    view = task.view(network, encoded.encoder, recipe)
    left_out = dict(task.left_out(recipe))

    def whole(question: str) -> AbstractContextManager[None]:
        together = READ if isinstance(encoded.problem, TokenProblem) else TOGETHER
        few = task.sample(encoded, "validation", together, recipe.training.seed)
        return whole_split(question, view, few, _lengths(encoded, few), watch)

    if view.stepping is None:
        left_out.setdefault("dynamics", f"{READS_FROM_BOTH_ENDS} (train with --no-bidirectional to ask it)")
    found: list[Finding] = []
    silent: dict[str, str] = {}  # why a question has no answer, and what would give one

    def keep(question: str, answer: Finding | None, why: str = "") -> None:
        if answer is not None:
            found.append(answer)
        else:
            silent[question] = why or unanswered(question, run.name)

    for question in questions or QUESTIONS:
        if question in left_out:
            silent[question] = f"{question} is no question to {run.name}: {left_out[question]}."
            continue
        if question == "errors":
            with whole("errors"):
                predictions = task.predict(network, encoded, "validation", recipe)
            each = each_error(predictions, encoded.problem)
            found.append(errors(predictions, each, lambda row: describe(encoded, row)))
            continue
        if question == "ngrams":
            if isinstance(encoded.problem, TokenProblem):
                with whole("ngrams"):
                    predictions = task.predict(network, encoded, "validation", recipe)
                    found.append(_beyond_counting(encoded, predictions))
            else:
                silent[question] = (
                    f"ngrams is a question to a language model; {run.name} is one of {recipe.task}."
                )
            continue
        if question == "training":
            seen = during_training(watched(run.folder))
            keep(question, seen, f"{run.name} was not watched as it trained; train with --watch.")
            continue
        if question == "behaviour":
            windows = task.sample(encoded, "validation", EXAMPLES, recipe.training.seed)
            tested = behave(run, view, encoded, windows, suite, watch)
            keep(question, tested, without_tests(run, encoded.problem, suite))
            continue
        sample = task.sample(encoded, "validation", SIZES.get(question, READ), recipe.training.seed)
        if question == "readout":
            keep(question, ask(question, readout, view, sample, watch))
        else:
            asked: dict[str, Any] = {
                "calibration": calibration,
                "memory": memory,
                "context": context,
                "connectivity": connectivity,
                "attribution": partial(attribution, **options)
                if questions
                else partial(attribution, compared=QUICK),
                "gates": gates,
                "dynamics": dynamics,
                "probes": probes,
                "interventions": interventions,
                "units": units,
                "spans": spans,
                "saturation": saturation,
            }
            if question == "dynamics" and (at or by) and view.stepping is not None:
                asked["dynamics"] = partial(
                    dynamics,
                    inputs=inputs_named(view, sample, at) if at else None,
                    conditions=conditions_named(view, sample, by) if by else None,
                )
            keep(question, ask(question, asked[question], view, sample, watch))
    if left_out and not questions:
        reasons: dict[str, list[str]] = {}
        for question, reason in left_out.items():
            reasons.setdefault(reason, []).append(question)
        told = "; ".join(f"{' and '.join(asked_of)}, since {reason}" for reason, asked_of in reasons.items())
        found.append(Finding("left_out", "Not asked", f"{told[0].upper()}{told[1:]}."))
    return Findings([*found, *not_answered(silent, found)] if questions else found)


def _lengths(encoded: Encoded, few: Sample) -> np.ndarray:
    """Steps of each sequence of the validation split; a text is one, and windows are as long as those of a sample."""
    feed, problem = encoded.feeds["validation"], encoded.problem
    if isinstance(problem, TokenProblem):
        return np.array([len(problem.tokens["validation"])])
    alike = np.full(len(feed), few.inputs.shape[1])
    lengths: np.ndarray = getattr(feed, "lengths", alike)
    return lengths


def _beyond_counting(encoded: Encoded, predictions: Predictions) -> Finding:
    """The network beside an n-gram model of the end of the training split, at the first tokens of validation."""
    problem = encoded.problem
    assert isinstance(problem, TokenProblem)
    train, held = problem.tokens["train"][-COUNTED:], np.asarray(problem.tokens["validation"][: COMPARED + 1])
    order = 6 if problem.unit in ("character", "byte") else 5
    counted = kneser_ney.learn(train, problem.vocabulary_size, order)
    said = np.maximum(kneser_ney.probabilities(counted, held, problem.vocabulary_size)[1:], 1e-12)
    names = encoded.encoder.text.vocabulary.tokens
    tokens, training = ([names[int(number)] for number in each] for each in (held[1:], train))
    nats = predictions.outputs[: len(said)]
    return ngrams(nats, -np.log(said), tokens, word_counts(tokens, training), order=order, learnt=len(train))


def describe(encoded: Encoded, row: int) -> str:
    """One example of the validation split in words, at most 160 characters."""
    problem = encoded.problem
    if isinstance(problem, TextProblem):
        text = problem.splits["validation"].texts[row]
        return text if len(text) <= 160 else text[:157] + "..."
    if isinstance(problem, ValueProblem):
        values = problem.splits["validation"].values[row]
        return f"series {row + 1}: {len(values)} steps, {problem.channels[0]} from {values[0, 0]:.3g} to {values[-1, 0]:.3g}"
    if isinstance(problem, TaggedProblem):
        return in_sentence(problem.splits["validation"], row)
    if isinstance(problem, SeriesProblem):
        time = problem.time[problem.origins["validation"][row]]
        if np.issubdtype(problem.time.dtype, np.datetime64):
            return (
                f"window from {str(time.astype('datetime64[s]')).replace('T', ' ').removesuffix(' 00:00:00')}"
            )
        return f"window from {time}"
    text = encoded.encoder.text.decode(problem.tokens["validation"][max(0, row - 40) : row + 2])
    return f"... {text[:-1]}[{text[-1:]}]"


def advise(run: Run, findings: Sequence[Finding], encoded: Encoded) -> tuple[Advice, ...]:
    """What to try next, from the run's history, verdict and findings."""
    recipe = run.recipe
    chose = choosing_metric(encoded.problem, recipe.training.class_weights == "balanced")
    scores = run.scores.get("validation") or {}
    beats = None if _perfect(scores) else scores.get("beats_best_rival")
    return advice(
        run.history, findings, monitor=chose.name, higher_is_better=chose.higher_is_better, settings=settings(recipe),
        command=f"elman train {run.folder.as_posix()}/recipe.toml", beats_best_rival=beats,
        context_length=recipe.encoding.context_length or recipe.training.truncation_length,
    )  # fmt: skip


def settings(recipe: Recipe) -> dict[str, Any]:
    """A recipe's settings by bare name."""
    return {
        key: value for section in recipe.sections() for key, value in vars(getattr(recipe, section)).items()
    }


def _perfect(scores: Mapping[str, Any]) -> bool:
    """Whether the network's primary metric is as good as can be: no change would help."""
    if not scores:
        return False
    primary, network = scores["primary"], next(row for row in scores["rows"] if not row["is_rival"])
    return bool(network["metrics"][primary["name"]]["value"] == (1.0 if primary["higher_is_better"] else 0.0))
