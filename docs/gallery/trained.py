"""The runs behind the gallery: what each was trained on and how, as a command; made once, kept in runs/gallery, used again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from elman.core.recipe import Recipe
from elman.recipes import as_recipe
from elman.run import Run
from elman.workbench import Prepared, evaluate, fit, prepare

FOLDER = Path("runs/gallery")


@dataclass(frozen=True)
class Training:
    """A source (or a file in the folder of data), where its data lies in that folder, and the settings that are not its defaults."""

    source: str
    settings: Mapping[str, object]
    rival: str  # one that costs little: the gallery shows networks, not scores
    place: str | None = None
    file: bool = False
    seed: int = 0

    def command(self, name: str) -> str:
        """The command line that trains it, with DATA for the folder of data."""
        parts = ["elman train", f"DATA/{self.place}" if self.file else self.source]
        if self.place and not self.file:
            parts.append(f"--path DATA/{self.place}")
        parts += [_flag(key.replace("_", "-"), value) for key, value in self.settings.items()]
        return " ".join([*parts, f"--seed {self.seed}", f"--rival {self.rival}", f"--out {FOLDER}/{name}"])


def _flag(name: str, value: object) -> str:
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no-{name}"
    return f"--{name} {value}"


def _text(cell: str) -> Training:
    return Training(
        "shakespeare",
        {"cell": cell, "hidden_size": 128, "truncation_length": 64, "learning_rate": 3e-3, "dropout": 0.1, "epochs": 6},
        "unigram",
        "tiny-shakespeare",
    )  # fmt: skip


TRAININGS: dict[str, Training] = {
    "imdb": Training(
        "imdb",
        {"cell": "gru", "hidden_size": 32, "bidirectional": False, "embedding_size": 32, "pooling": "last", "max_length": 150, "learning_rate": 3e-3, "epochs": 3},
        "majority", "imdb",
    ),
    "quotes": Training(
        "warandpeace.txt",
        {"cell": "lstm", "hidden_size": 192, "truncation_length": 128, "learning_rate": 4e-3, "epochs": 5},
        "unigram", "war-and-peace/warandpeace.txt", file=True,
    ),
    "brackets": Training("dyck1", {"cell": "lstm", "hidden_size": 16, "epochs": 6}, "most_frequent_tag"),
    **{f"copy-{cell}": Training("copy_memory", {"cell": cell}, "most_frequent_tag") for cell in ("rnn", "lstm", "gru")},
    **{f"text-{cell}": _text(cell) for cell in ("rnn", "lstm", "gru")},
    "syllables": Training("syllables", {"cell": "gru", "hidden_size": 64, "epochs": 4}, "majority"),
}  # fmt: skip


def trained(name: str, data: Path | None) -> tuple[Run, Prepared]:
    """The run of that name and its data, trained where there is none yet with these settings. SystemExit where it needs data that is not given."""
    training = TRAININGS[name]
    if training.place and data is None:
        raise SystemExit(
            f"{name} is trained on data/{training.place}; name the folder of data: --data FOLDER"
        )
    path = str(data / training.place) if data and training.place else None
    settings = {**training.settings, "seed": training.seed, "rivals": (training.rival,)}
    if path and not training.file:
        settings["path"] = path
    recipe = as_recipe((path if training.file else None) or training.source, **settings)
    prepared = prepare(recipe)
    folder = FOLDER / name
    if (folder / "scores.json").exists() and _same(Run.open(folder).recipe, prepared.recipe):
        run = Run.open(folder)
        return run, prepare(run.recipe, run.encoder)
    if folder.exists():
        raise SystemExit(f"{folder} holds another run; remove it, and it is trained again.")
    print(f"training {name}: {training.command(name)}", flush=True)
    run = fit(recipe, out=folder, prepared=prepared, explained=False)
    evaluate(run, splits=("validation",))
    return run, prepare(run.recipe, run.encoder)


def _same(ran: Recipe, wanted: Recipe) -> bool:
    """Whether a run was made with these settings; its steps, and where its data lies on a machine, are not among them."""
    free = ("training.steps", "data.path", "data.source")
    mine, theirs = ({k: v for k, v in each.changed().items() if k not in free} for each in (ran, wanted))
    return mine == theirs


def data_hash(run: Run) -> str:
    """The hash of the run's data, as its folder says it."""
    return str(run.facts["provenance"]["data_hash"])
