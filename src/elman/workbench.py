"""The main path: load, encode, build, fit, evaluate, explain, report. Start reading here.

```python
run = elman.fit("syllables", cell="gru")       # or elman.fit("sales.csv", time="date", target="units", horizon=28)
run.scores["test"]["verdict"]
findings = elman.explain(run)
```
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from torch import nn

from elman import __version__
from elman.analyses import advise, analyse
from elman.asking import screen
from elman.behaving import Suite
from elman.core.busy import busy
from elman.core.cell_file import label
from elman.core.environment import environment
from elman.core.files import plain, write_json, write_text
from elman.core.recipe import Recipe
from elman.core.results import Findings, Scores
from elman.core.seeds import seed_everything
from elman.data.contract import SplitName
from elman.data.profile import profile
from elman.evaluation.looks import look
from elman.evaluation.measure import choosing_metric, metrics
from elman.evaluation.rivals import Rivals, hold
from elman.evaluation.store import save_predictions
from elman.evaluation.verdict import judge
from elman.listener import Listener
from elman.preparation import Prepared as Prepared
from elman.preparation import prepare as prepare
from elman.recipes import as_recipe
from elman.report.assemble import with_stored, write_findings
from elman.run import Run, new_folder, stamp, vacant
from elman.training.checkpoint import read_state
from elman.training.followers import followers
from elman.training.history import Measured
from elman.training.loop import fit as train
from elman.training.sitting import is_over
from elman.watching import watcher
from elman.web.still import still
from elman.web.still_section import FILE, write_run_report


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
    not opened at all, and nothing is analysed. `held` are rivals fitted before on the same data. `resume` goes on with a run's
    folder; what is done there is not done again.
    Raises RunError where `out` holds something already.
    """
    listener = listener or Listener()
    recipe = Run.open(resume).recipe if resume else as_recipe(source, **settings)
    measured = False
    if resume:  # before the rivals take their time
        earlier, state = Run.open(resume), read_state(Path(resume) / "checkpoints" / "last.safetensors")[0]
        measured = is_over(state, recipe.training) and earlier.is_measured(state["step"])
        whole = measured and (earlier.folder / "report.html").exists()
        if whole or (not explained and is_over(state, recipe.training) and earlier.is_settled(state["step"])):
            listener.finished(earlier.folder, earlier.facts["history"])
            return earlier
    if out is not None and resume is None:
        vacant(Path(out))
    prepared = prepared or prepare(recipe)
    recipe, task, encoded = prepared.recipe, prepared.task, prepared.encoded
    sizes: dict[str, int] = {split: len(feed) for split, feed in encoded.feeds.items()}
    seed_everything(recipe.training.seed)
    # Before the rivals: a wrong cell or executor shall not cost their time.
    network = task.network(encoded.encoder, recipe)
    summary = encoded.summary
    if resume is None:
        summary = (*summary, *task.start(network, encoded.encoder, recipe))
    plan, parameters = task.plan(network, encoded), sum(p.numel() for p in network.parameters())
    listener.data(recipe, prepared.dataset.provenance, sizes, summary)
    rivals = held or hold(task.name, encoded.problem, recipe.evaluation, told=listener.rival)
    name = recipe.name or f"{Path(recipe.data.source).stem.replace(':', '-')}-{label(recipe.model.cell)}"
    folder = Path(resume or out or new_folder(Path("runs"), name))
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
            if not measured:  # each look at the test split counts
                evaluate(run, prepared=prepared, held=rivals, listener=listener)
                run.note(measured=history.steps)
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
    before = run.stored("scores.json", {})  # a damaged one is told before the test split is looked at
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
            left_out=rivals.left_out,
        )  # fmt: skip
        save_predictions(run.folder, split, predictions, encoded.problem)
        listener.scores(results[split])
    write_json(run.folder / "scores.json", before | plain(results))
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
    quiet: bool = False,
) -> Findings:
    """Look inside a run: writes findings.json, the findings' arrays (findings/QUESTION.npz) and the report.

    With `pictures`, the picture of each finding that has one, too, as findings/QUESTION.svg, .png or a page. With `questions`,
    answers these alone; earlier answers to others stay in the run's folder. `at` names tokens or values under which dynamics seeks
    points of rest, `by` what colours the state's way: the class, or features. `method` and `horizon` are those of attribution: how credit is given, and which step of a forecast is explained.
    `suite` are behaviour tests, or the TOML file that holds them. Where nobody listens, a terminal or a notebook shows what each question
    costs before it is asked, and how far it is; not with `quiet`.
    """
    listener, run = listener or screen(quiet) or Listener(), Run.open(run)
    # What is missing or damaged is told before the questions are asked.
    _ = run.scores, run.stored("findings.json", [], list)
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
    if pictures:
        findings.save(run.folder / "findings", pictures)
    listener.findings(findings, advice)
    seen = still(run, prepared.dataset, whole)
    if seen is None:
        (run.folder / FILE).unlink(missing_ok=True)
    else:
        write_text(run.folder / FILE, json.dumps(seen, ensure_ascii=False, separators=(",", ":")))
    listener.report(write_run_report(run, whole, advice))
    return findings
