"""Data sets of the Hugging Face hub: against a stand-in for `datasets` that is asked the same, and the library where it is there."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import polars as pl
import pytest

import elman
from elman.__main__ import main
from elman.core.errors import DataError, MissingExtra
from elman.core.recipe import DataOptions
from elman.data import huggingface
from elman.data.load import load

VALUE = SimpleNamespace(dtype="string")
CLASSES = SimpleNamespace(dtype="int64", names=["bad", "good"])
INFO = SimpleNamespace(license="cc0", citation="Nobody 2024", homepage="https://example.org/films")


class Part:
    """One split, with the part of the interface that is used."""

    def __init__(self, frame, features, info=INFO):
        self.frame, self.features, self.info = frame, features, info

    def to_polars(self):
        return self.frame


def films(count, first=0, label=None):
    rows = range(first, first + count)
    frame = pl.DataFrame(
        {
            "text": [f"{'good' if k % 2 else 'bad'} film number {k}, seen twice" for k in rows],
            "label": [k % 2 if label is None else label for k in rows],
            "tokens": [["a", "b"]] * count,
        }
    )
    return Part(frame, {"text": VALUE, "label": CLASSES, "tokens": VALUE})


def days(count=200):
    text = pl.DataFrame(
        {"day": [f"{k // 28 % 12 + 1:02}/{k % 28 + 1:02}/2024" for k in range(count)], "y": range(count)}
    )
    return Part(text.unique("day", maintain_order=True), {"day": VALUE, "y": VALUE})


class NotFound(FileNotFoundError):
    """As DatasetNotFoundError is."""


SETS = {
    ("films", None): {"train": films(200), "test": films(60, 1000), "unsupervised": films(9, 5000, -1)},
    ("bench", "small"): {"train": films(200), "validation": films(40, 700), "test": films(60, 1000, -1)},
    ("org/whole", None): {"train": films(200), "validation": films(40, 700), "test": films(60, 1000)},
    ("org/one", "en"): {"train": films(200)},
    ("series", None): {"train": days()},
    ("empty", None): {"train": films(0)},
}


@pytest.fixture
def hub(monkeypatch):
    asked = []

    def load_dataset(name, config=None, split=None):
        asked.append((name, config, split))
        if (name, config) not in SETS:
            raise NotFound(f"Dataset '{name}' doesn't exist on the Hub\nor cannot be accessed.")
        if split is None:
            return SETS[name, config]
        if split not in SETS[name, config]:
            raise ValueError(f'Unknown split "{split}".')
        return SETS[name, config][split]

    def load_from_disk(path):
        return SETS["films", None]

    module = SimpleNamespace(load_dataset=load_dataset, load_from_disk=load_from_disk)
    monkeypatch.setitem(sys.modules, "datasets", module)
    return asked


def sizes(source, **options):
    _, data = load(DataOptions(source=source, **options))
    return {split: len(part) for split, part in data.splits.items()}, data


def test_text_and_label_are_guessed_and_classes_have_their_names(hub):
    counts, data = sizes("huggingface:films")
    assert data.labels == ("bad", "good") and counts["test"] == 60
    assert counts["train"] + counts["validation"] == 200 and 5 < counts["validation"] < 45  # cut from train
    assert set(zip((text.split()[0] for text in data.splits["test"].texts), data.splits["test"].targets)) == {
        ("good", "good"), ("bad", "bad")}  # fmt: skip
    notes = " ".join(data.provenance.notes)
    assert "tokens" in notes and "split 'unsupervised' is not used" in notes
    assert data.provenance.licence == "cc0" and data.provenance.citation == "Nobody 2024"


def test_a_split_of_its_own_is_kept(hub):
    counts, _ = sizes("huggingface:org/whole")
    assert counts == {"train": 200, "validation": 40, "test": 60} and hub == [("org/whole", None, None)]


def test_a_test_split_whose_labels_are_secret_is_not_tested_on(hub):
    counts, data = sizes("huggingface:bench/small")
    assert hub == [("bench/small", None, None), ("bench", "small", None)]
    assert counts["test"] == 40 and counts["train"] + counts["validation"] == 200
    assert any("the test split has no label" in note for note in data.provenance.notes)


def test_configuration_and_split_in_the_name(hub):
    counts, data = sizes("huggingface:org/one/en:train")
    assert hub == [("org/one", "en", "train")] and sum(counts.values()) == 200
    assert "by hash of the text" in data.provenance.split
    sizes("huggingface:films:test")
    assert hub[-1] == ("films", None, "test")


def test_columns_by_flags_make_a_series_of_it(hub):
    _, table = load(DataOptions(source="huggingface:series", time="day", target=("y",)))
    assert table.frame.height > 150 and table.season == 7 and table.provenance.source == "series"


def test_the_same_rows_have_the_same_hash(hub):
    first, second = (huggingface.read("huggingface:films").data_hash for _ in range(2))
    assert first == second != huggingface.read("huggingface:films:train").data_hash


def test_a_folder_that_was_saved(hub, tmp_path):
    counts, _ = sizes("huggingface:films", path=str(tmp_path))
    assert counts["test"] == 60 and hub == []
    with pytest.raises(DataError, match="the splits train, test, unsupervised, and none called 'trian'"):
        load(DataOptions(source="huggingface:films:trian", path=str(tmp_path)))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("huggingface:", "names no data set"),
        ("huggingface:nothing", "doesn't exist on the Hub or cannot be accessed"),
        ("huggingface:films:dev", "Unknown split"),
        ("huggingface:empty:train", "has no rows"),
    ],
)
def test_what_is_not_there(hub, source, words):
    with pytest.raises(DataError, match=words):
        load(DataOptions(source=source))


def test_without_a_connection_the_error_says_what_to_do(hub, monkeypatch, capsys):
    def load_dataset(name, config=None, split=None):
        raise ConnectionError(f"Couldn't reach '{name}' on the Hub (LocalEntryNotFoundError)")

    monkeypatch.setattr(sys.modules["datasets"], "load_dataset", load_dataset)
    assert main(["data", "huggingface:org/whole"]) == 2
    said = capsys.readouterr().err
    assert "without a connection: Couldn't reach 'org/whole'" in said and "save_to_disk" in said


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtra, match=r"pip install 'elman\[huggingface\]'"):
        load(DataOptions(source="huggingface:films"))
    assert main(["train", "huggingface:films"]) == 2 and "pip install" in capsys.readouterr().err


def test_a_training_from_the_hub_is_repeated_by_its_recipe(hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELMAN_STATE", str(tmp_path / "state"))
    small = {"hidden_size": 4, "steps": 3, "explained": False, "rivals": ("majority",), "bootstrap": 20}
    run = elman.fit("huggingface:films", **small)
    assert (run.recipe.data.text, run.recipe.data.label) == ("text", "label") and ":" not in run.folder.name
    assert elman.predict(run, ["a good film"]).height == 1


@pytest.mark.filterwarnings("ignore")  # of its own packages
def test_with_the_library_itself(tmp_path):
    datasets = pytest.importorskip("datasets", reason="the extra huggingface is not installed")
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])}
    )
    rows = {"text": [f"a film {k}" for k in range(100)], "label": [k % 2 for k in range(100)]}
    whole = datasets.Dataset.from_dict(rows, features=features)
    datasets.DatasetDict({"train": whole, "test": whole.select(range(20))}).save_to_disk(tmp_path / "films")
    counts, data = sizes("huggingface:films", path=str(tmp_path / "films"))
    assert data.labels == ("no", "yes") and counts["test"] == 20
