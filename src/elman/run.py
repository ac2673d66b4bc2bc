"""A run: one folder that can be read without us, and the Python view of it."""

from __future__ import annotations

import functools
import json
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.core.busy import is_busy
from elman.core.catalogue import find
from elman.core.cell_file import bare, file_of, placed
from elman.core.errors import RecipeError, RunError, nearest
from elman.core.files import read_json, write_json, write_text
from elman.core.recipe import Recipe

if TYPE_CHECKING:
    from torch import nn

    from elman.tasks.contract import Task

BEST = "best"  # the checkpoint that a run answers with
FORMAT = 1  # raised when a run folder can no longer be read by an older version


@dataclass(frozen=True)
class Run:
    """A run folder. Everything is read from disk when asked for, so a `Run` is cheap to make.

    recipe.toml       all settings, resolved          metrics.jsonl   one row per logged step
    run.json          format, state, source, hash     checkpoints/    best and last weights (safetensors) and state
    encoder.json      vocabulary or scalers           scores.json     network, rivals, intervals
    environment.json  versions, machine, load         findings.json   what the analyses found
    report.html       everything to look at, offline  predictions.parquet
    views.json        what the page shows of one sequence, for the report
    findings/         the findings' arrays (npz) and, where asked for, their pictures
    mycell.py         the cell, where it is one of the user's own: a copy, which runs when the network is made

    `checkpoint` is the one whose weights `network` has; what is written of a run is of its best.
    """

    folder: Path
    checkpoint: str = BEST

    @classmethod
    def create(cls, folder: Path, recipe: Recipe, encoder: dict[str, Any], facts: dict[str, Any]) -> Run:
        """Make the folder and write what is known before training."""
        run = cls(folder)
        own = file_of(recipe.model.cell)
        if own is not None:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(own[0], folder / own[0].name)
        run._write(recipe)
        write_json(folder / "encoder.json", encoder)
        write_json(folder / "run.json", {"format": FORMAT, **facts})
        return run

    @classmethod
    def open(cls, folder: Run | str | Path) -> Run:
        """Open an existing run folder (a Run is open), or raise RunError with what is wrong with it."""
        if isinstance(folder, Run):
            return folder
        folder = Path(folder)
        if not folder.is_dir():
            beside = sorted(path.parent.name for path in folder.parent.glob("*/run.json"))
            close = nearest(folder.name, beside)
            hint = f" Did you mean {str(folder.parent / close)!r}?" if close else ""
            hint += f" Runs beside it: {', '.join(beside[-3:])}." if beside and not close else ""
            what = (
                f"{folder} is a file; a run is a folder" if folder.exists() else f"no run folder at {folder}"
            )
            raise RunError(f"{what}.{hint} `elman train SOURCE` makes one.")
        run = cls(folder)
        version = run.facts.get("format")
        if version != FORMAT:
            raise RunError(
                f"{folder} has run format {version!r}; this version of Elman reads format {FORMAT}. "
                "Upgrade with `pip install -U elman`."
            )
        return run

    @classmethod
    def of_checkpoint(cls, path: str | Path) -> Run:
        """The run that a checkpoint is of, RUN/checkpoints/NAME.safetensors, with its weights. RunError says what is wrong with the file."""
        path = Path(path)
        folder = path.resolve().parent.parent
        if path.suffix != ".safetensors" or path.resolve().parent.name != "checkpoints":
            raise RunError(
                f"{path} is no checkpoint of a run; expected RUN/checkpoints/NAME.safetensors. Beside its weights a network needs "
                "the recipe and the encoder of its run's folder: put the file back there. Weights of a network of your own: "
                "elman open --model module:function."
            )
        run = cls(cls.open(folder).folder, path.stem)
        if not path.is_file():
            raise RunError(
                f"no checkpoint at {path}; {run.name} has {', '.join(run.checkpoints) or 'none yet'}."
            )
        return run

    @property
    def checkpoints(self) -> list[str]:
        """The names of its checkpoints, in alphabetical order."""
        return sorted(path.stem for path in (self.folder / "checkpoints").glob("*.safetensors"))

    def read_json(self, name: str, kind: type = dict) -> Any:
        """A JSON file of the folder that holds a `kind`; RunError when it is missing or damaged."""
        try:
            return read_json(self.folder / name, kind)
        except FileNotFoundError:
            still = (
                "another process is still training in it"
                if is_busy(self.folder)
                else "it is not a finished Elman run"
            )
            raise RunError(f"{self.folder} has no {name}; {still}.") from None

    def stored(self, name: str, default: Any, kind: type = dict) -> Any:
        """A JSON file of the folder that holds a `kind`, or `default` where there is none yet."""
        return self.read_json(name, kind) if (self.folder / name).exists() else default

    @property
    def facts(self) -> dict[str, Any]:
        """run.json: format, source, data hash, engine, history."""
        facts: dict[str, Any] = self.read_json("run.json")
        return facts

    def note(self, **facts: Any) -> None:
        """Add to run.json."""
        write_json(self.folder / "run.json", {**self.facts, **facts})

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.resolve().name

    def settle(self, history: Any) -> None:
        """After training: the steps that were done go into the recipe, so that a replay repeats steps, not seconds."""
        done = {"training.steps": history.steps, "training.budget": None}
        self._write(self.recipe.override(done))
        self.note(finished=stamp(), history=history.summary())

    def is_settled(self, steps: int) -> bool:
        """Whether the end of training that was noted is the one after so many steps."""
        return bool((self.facts.get("history") or {}).get("steps") == steps)

    def is_measured(self, steps: int) -> bool:
        """Whether the test scores are of the weights that so many steps of training gave."""
        known = self.facts.get("measured", steps)  # runs made before this was noted do not say
        return bool(self.is_settled(steps) and known == steps and "test" in self.stored("scores.json", {}))

    @property
    def recipe(self) -> Recipe:
        """The resolved recipe; a cell of the user's own is the copy in this folder. RunError where it is missing or damaged."""
        path = self.folder / "recipe.toml"
        wrong = f"{self.folder} has no recipe.toml." if not path.exists() else ""
        try:
            recipe = Recipe.read(path)
        except RecipeError as error:
            wrong = wrong or str(error)
        else:
            absent = [
                name
                for name, value in (("task", recipe.task), ("data.source", recipe.data.source))
                if not value
            ]
            wrong = f"{path} does not say {' and '.join(absent)}." if absent else ""
        if wrong:
            raise RunError(
                f"{wrong} A run cannot be read without its recipe: restore the file from a copy, or train again."
            ) from None
        cell = placed(recipe.model.cell, self.folder)
        return recipe if cell == recipe.model.cell else recipe.override({"model.cell": cell})

    def _write(self, recipe: Recipe) -> None:
        kept = recipe.override({"model.cell": bare(recipe.model.cell)})
        write_text(self.folder / "recipe.toml", kept.to_toml())

    @property
    def task(self) -> Task:
        """The task object that binds encoding, network and metrics."""
        task: Task = find("tasks", self.recipe.task or "").task
        return task

    @property
    def history(self) -> list[dict[str, Any]]:
        """Rows of metrics.jsonl; a last line cut off by a crash is left out."""
        rows = []
        path = self.folder / "metrics.jsonl"
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                break
        return rows

    @functools.cached_property
    def encoder(self) -> Any:
        """The encoder as fitted on the training split."""
        stored = self.read_json("encoder.json")
        try:
            return self.task.encoder(stored)
        except KeyError as missing:
            raise RunError(
                f"{self.folder / 'encoder.json'} has no key {missing}: another version of Elman wrote it. "
                "Train again, or use that version."
            ) from None
        except (TypeError, AttributeError, ValueError) as error:
            raise RunError(
                f"{self.folder / 'encoder.json'} does not fit the recipe ({error}). Restore it from a copy, or train again."
            ) from None

    @functools.cached_property
    def network(self) -> nn.Module:
        """The trained network with the weights of its checkpoint, in evaluation mode."""
        from elman.training.checkpoint import load_model

        network = self.task.network(self.encoder, self.recipe)
        load_model(network, self.folder / "checkpoints" / f"{self.checkpoint}.safetensors")
        return network.eval()

    @property
    def scores(self) -> dict[str, Any]:
        """scores.json: by split, the network, its rivals, intervals and the verdict."""
        scores: dict[str, Any] = self.read_json("scores.json")
        return scores

    @property
    def findings(self) -> list[dict[str, Any]]:
        """findings.json: what the analyses found."""
        findings: list[dict[str, Any]] = self.read_json("findings.json", list)
        return findings

    def __repr__(self) -> str:
        try:
            scores = self.scores
            verdict = (scores.get("test") or scores["validation"])["verdict"]
        except (RunError, KeyError, TypeError):
            verdict = "not evaluated yet"
        return f"Run({str(self.folder)!r}): {verdict}"

    def _repr_html_(self) -> str:
        import html

        return (
            f"<p><b>{html.escape(repr(self))}</b><br>"
            f"<a href='{html.escape(str(self.folder / 'report.html'))}'>report</a></p>"
        )


def vacant(folder: Path) -> None:
    """RunError where a new run would overwrite something, or cannot be written; nothing is made."""
    if folder.is_dir() and any(folder.iterdir()):
        kind = "holds a run already" if (folder / "run.json").exists() else "is a folder with something in it"
        raise RunError(f"{folder} {kind}. Name a new folder with --out, or go on with it: --resume {folder}.")
    writable(folder)


def writable(folder: Path) -> None:
    """RunError where nothing can be written into a folder that may be yet to be made; nothing is made."""
    place = next((parent for parent in (folder, *folder.absolute().parents) if parent.exists()), folder)
    if not place.is_dir():
        raise RunError(f"{place} is a file; expected a folder. Name a new one with --out.")
    try:
        with tempfile.TemporaryFile(dir=place):  # what a folder's mode says is not all there is to it
            pass
    except OSError as error:
        raise RunError(
            f"{place} cannot be written to: {error.strerror}. Name another folder with --out."
        ) from None


def new_folder(runs: Path, name: str) -> Path:
    """A folder name that does not exist yet: NAME-0001, NAME-0002, ..."""
    for number in range(1, 100_000):
        folder = runs / f"{name}-{number:04d}"
        if not folder.exists():
            return folder
    raise RunError(f"{runs} is full of runs called {name}; choose another name with --name.")


def stamp() -> str:
    """Local time to the second with its offset, as ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
