"""The main path: load, encode, build, fit, evaluate, explain, report. Start reading here.

```python
run = elman.fit("syllables", cell="gru")       # or elman.fit("sales.csv", time="date", target="units", horizon=28)
run.scores["test"]["verdict"]
findings = elman.explain(run)
```
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from torch import nn

from elman import __version__
from elman.analyses import advise, analyse
from elman.behaving import Suite
from elman.core.busy import busy
from elman.core.catalogue import find
from elman.core.environment import environment
from elman.core.files import plain, write_json
from elman.core.limits import check
from elman.core.recipe import Recipe
from elman.core.results import Finding, Scores
from elman.core.seeds import seed_everything
from elman.data.contract import Dataset, SplitName
from elman.data.load import load as load_data
from elman.data.load import suits
from elman.data.profile import profile
from elman.evaluation.looks import look
from elman.evaluation.measure import choosing_metric, metrics
from elman.evaluation.rivals import Rivals, hold
from elman.evaluation.store import save_predictions
from elman.evaluation.verdict import judge
from elman.listener import Listener
from elman.recipes import as_recipe
from elman.report.assemble import with_stored, write_findings, write_run_report
from elman.run import Run, new_folder, stamp, vacant
from elman.tasks._settings import refuse_foreign
from elman.tasks.contract import Encoded, Task
from elman.training.enough import enough
from elman.training.find_rate import RateFound
from elman.training.find_rate import find_rate as search_rate
from elman.training.followers import followers
from elman.training.history import Measured
from elman.training.loop import fit as train
from elman.watching import watcher


@dataclass(frozen=True)
class Prepared:
    """A recipe with every default written in, its task, its data, and the data encoded."""

    recipe: Recipe
    task: Task
    dataset: Dataset
    encoded: Encoded


def load(source: str | Path | Recipe, **settings: Any) -> Dataset:
    """The data set of a source: texts with labels, a corpus, or a table of series; split, nothing encoded.

    Raises UnknownName for a source that does not exist and DataError for one that cannot be used.
    """
    return load_data(as_recipe(source, **settings).data)[1]


def prepare(recipe: Recipe, encoder: Any = None) -> Prepared:
    """Load and encode what the recipe names; fits an encoder on the training split unless one is given."""
    source, dataset = load_data(check(recipe).data, recipe.task)
    recipe = recipe.fill(dict(source.defaults))
    task: Task = find("tasks", recipe.task or source.task).task
    suits(task.name, dataset, recipe.data.source)
    dataset = task.suited(dataset)
    written = task.defaults(dataset)
    if encoder is None:  # a run that exists keeps what it has
        refuse_foreign(task, dataset, recipe, written)
    given, recipe = recipe.training, replace(recipe, task=task.name).fill(written)
    encoded = task.encode(dataset, recipe, encoder)
    longer = enough(given, recipe.training, encoded.feeds["train"].steps(recipe.training.batch_size or 64))
    if longer:
        told = f"few examples: {longer['training.epochs']:.0f} epochs instead of {recipe.training.epochs:.0f}, the best weights are kept"
        recipe, encoded = recipe.override(longer), replace(encoded, summary=(*encoded.summary, told))
    return Prepared(recipe, task, dataset, encoded)


def fit(
    source: str | Path | Recipe,
    *,
    out: str | Path | None = None,
    listener: Listener | None = None,
    resume: str | Path | None = None,
    held: Rivals | None = None,
    prepared: Prepared | None = None,
    explained: bool = True,
    **settings: Any,
) -> Run:
    """From raw sequences to a trained, measured and explained network; returns the run (a folder).

    `settings` are recipe settings by name (`cell="lstm"`, `budget="10m"`). Rivals are fitted before the first
    epoch and choices use the validation split only; the test split is opened once, at the end. With `explained=False` it is
    not opened at all, and nothing is analysed. `held` are rivals fitted before on the same data.
    Raises RunError where `out` holds something already.
    """
    listener = listener or Listener()
    recipe = Run.open(resume).recipe if resume else as_recipe(source, **settings)
    if out is not None and resume is None:
        vacant(Path(out))
    prepared = prepared or prepare(recipe)
    recipe, task, encoded = prepared.recipe, prepared.task, prepared.encoded
    sizes: dict[str, int] = {split: len(feed) for split, feed in encoded.feeds.items()}
    seed_everything(recipe.training.seed)
    # Before the rivals: a wrong cell shall not cost their time.
    network = task.network(encoded.encoder, recipe)
    summary = encoded.summary
    if resume is None:
        summary = (*summary, *task.start(network, encoded.encoder, recipe))
    listener.data(recipe, prepared.dataset.provenance, sizes, summary)
    rivals = held or hold(task.name, encoded.problem, recipe.evaluation, told=listener.rival)
    name = recipe.name or f"{Path(recipe.data.source).stem.replace(':', '-')}-{recipe.model.cell}"
    folder = Path(resume or out or new_folder(Path("runs"), name))
    plan, parameters = task.plan(network, encoded), sum(p.numel() for p in network.parameters())
    if resume is None:
        facts = {"version": __version__, "started": stamp(), "provenance": prepared.dataset.provenance}
        facts |= {"summary": summary, "plan": plan, "parameters": parameters, "sizes": sizes}
        facts |= {"profile": profile(prepared.dataset)}
        Run.create(folder, recipe, encoded.encoder.to_dict(), facts)
    listener.training(recipe, plan, parameters)

    chooses = choosing_metric(encoded.problem, recipe.training.class_weights == "balanced")

    def validate(model: nn.Module) -> Measured:
        values = metrics(task.predict(model, encoded, "validation", recipe), encoded.problem)
        return Measured(values, chooses.name, chooses.higher_is_better)

    with busy(folder):
        write_json(folder / "environment.json", environment())
        callbacks = [watcher(folder, task, encoded, recipe)] if recipe.training.watch else []
        for callback in callbacks if resume is None else ():
            callback(network, {"step": 0})
        with followers(folder, recipe.training, resume is not None):
            history = train(
                network, task.objective(encoded, recipe), encoded.feeds["train"], recipe.training, validate=validate,
                folder=folder, progress=listener.progress(), resume=resume is not None, rival=rivals.best(chooses), callbacks=callbacks,
            )  # fmt: skip
        run = Run.open(folder)
        run.settle(history)
        listener.trained(history)
        if explained:
            prepared = replace(prepared, recipe=run.recipe)
            evaluate(run, prepared=prepared, held=rivals, listener=listener)
            explain(run, prepared=prepared, listener=listener)
        return run


def evaluate(
    run: Run | str | Path,
    *,
    splits: Sequence[SplitName] = ("validation", "test"),
    prepared: Prepared | None = None,
    held: Rivals | None = None,
    listener: Listener | None = None,
) -> dict[str, Scores]:
    """Measure a run and its rivals on the same examples; each look at the test split is counted."""
    listener, run = listener or Listener(), Run.open(run)
    prepared = prepared or prepare(run.recipe, run.encoder)
    recipe, encoded = prepared.recipe, prepared.encoded
    rivals = held or hold(prepared.task.name, encoded.problem, recipe.evaluation, told=listener.rival)
    results: dict[str, Scores] = {}
    for split in splits:
        predictions = prepared.task.predict(run.network, encoded, split, recipe)
        came, test = prepared.dataset.provenance, split == "test"
        looks, chance = (look(came.data_hash), came.chance) if test else (None, None)
        results[split] = judge(
            split, predictions, rivals.predict(split), encoded.problem, name=run.name, seconds=rivals.seconds,
            bootstrap=recipe.evaluation.bootstrap, seed=recipe.training.seed, looks=looks, chance=chance,
        )  # fmt: skip
        save_predictions(run.folder, split, predictions, encoded.problem)
        listener.scores(results[split])
    write_json(run.folder / "scores.json", run.stored("scores.json", {}) | plain(results))
    return results


def explain(
    run: Run | str | Path,
    questions: Sequence[str] = (),
    *,
    at: Sequence[str] = (),
    by: Sequence[str] = (),
    pictures: Literal["svg", "png", "html"] | None = None,
    method: str | None = None,
    horizon: int | None = None,
    suite: Suite | None = None,
    prepared: Prepared | None = None,
    listener: Listener | None = None,
) -> list[Finding]:
    """Look inside a run: writes findings.json, the findings' arrays (findings/QUESTION.npz) and the report.

    With `pictures`, the picture of each finding that has one, too, as findings/QUESTION.svg, .png or a page. With `questions`,
    answers these alone; earlier answers to others stay in the run's folder. `at` names tokens or values under which dynamics seeks
    points of rest, `by` what colours the state's way: the class, or features. `method` and `horizon` are those of attribution: how credit is given, and which step of a forecast is explained.
    `suite` are behaviour tests, or the TOML file that holds them.
    """
    listener, run = listener or Listener(), Run.open(run)
    prepared = prepared or prepare(run.recipe, run.encoder)
    findings = analyse(
        run,
        prepared.task,
        prepared.encoded,
        questions,
        listener,
        at,
        by=by,
        method=method,
        horizon=horizon,
        suite=suite,
    )
    whole = with_stored(run.folder, findings)
    advice = advise(run, whole, prepared.encoded)
    write_findings(run.folder, whole, advice)
    for finding in findings if pictures else ():
        if finding.chart is not None or pictures == "html":
            finding.save(run.folder / "findings" / f"{finding.question}.{pictures}")
    listener.findings(findings, advice)
    listener.report(write_run_report(run, whole, advice))
    return findings


def dry_run(recipe: Recipe, steps: int = 3) -> str:
    """Load, encode, build and take a few steps; says what a training would be, writes nothing."""
    prepared = prepare(recipe)
    recipe, task, encoded = prepared.recipe, prepared.task, prepared.encoded
    network, losses, feed = task.network(encoded.encoder, recipe), [], encoded.feeds["train"]
    objective, began = task.objective(encoded, recipe), time.perf_counter()
    for batch, _ in zip(feed.batches(recipe.training.batch_size or 64), range(steps)):
        loss = objective(network, batch, None).loss
        loss.backward()  # type: ignore[no-untyped-call]
        losses.append(loss.item())
    each, count = (time.perf_counter() - began) / steps, feed.steps(recipe.training.batch_size or 64)
    sizes = ", ".join(f"{len(one):,} {split}" for split, one in encoded.feeds.items())
    lines = [recipe.to_toml(), f"data: {sizes}", *encoded.summary, task.plan(network, encoded)]
    lines.append(
        f"loss of {steps} steps: {', '.join(f'{loss:.3f}' for loss in losses)}; {each:.3f} s each, {count:,} steps an epoch"
    )
    return "\n".join(lines)


def find_rate(recipe: Recipe) -> RateFound:
    """Search for a learning rate with a range test on the training split; nothing is kept."""
    prepared = prepare(recipe)
    seed_everything(recipe.training.seed)
    network = prepared.task.network(prepared.encoded.encoder, prepared.recipe)
    objective = prepared.task.objective(prepared.encoded, prepared.recipe)
    return search_rate(network, objective, prepared.encoded.feeds["train"], prepared.recipe.training)
