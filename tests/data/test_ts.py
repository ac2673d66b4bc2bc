"""Files of series: what is read against known facts and against the package aeon, and every malformed line against its message."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data import ts_file
from elman.data.load import load
from elman.data.ts_file import parse
from elman.data.value_splits import digest
from elman.data.values import read_values

HEAD = "@problemName x\n@timeStamps false\n@univariate false\n@dimensions 2\n@equalLength false\n"
CLASSES = HEAD + "@classLabel true a b\n@data\n"
NUMBERS = HEAD + "@targetLabel true\n@data\n"


def test_what_a_file_says():
    file = parse("# a comment\n\n" + CLASSES + "1,2,?:4,5,6:a\n# another\n\n7:8:b\n", "f")
    assert [one.shape for one in file.values] == [(3, 2), (1, 2)] and file.values[0].dtype == np.float32
    np.testing.assert_array_equal(file.values[0], np.array([[1, 4], [2, 5], [np.nan, 6]], np.float32))
    assert file.targets == ["a", "b"] and file.labels == ("a", "b") and file.channels == 2
    assert not file.notes


def test_numbers_and_no_target():
    file = parse(NUMBERS + "1,2:3,4:-0.5\n1:2:1e3\n", "f")
    assert file.targets == [-0.5, 1000.0] and file.labels is None
    file = parse(HEAD + "@classLabel false\n@data\n1,2:3,4\n", "f")
    assert file.targets == [] and file.values[0].shape == (2, 2)


def test_case_of_keys_and_line_ends_do_not_matter():
    text = CLASSES.replace("@classLabel", "@CLASSLABEL").replace("@data", "@Data") + "1:2:a\n3:4:b\n"
    assert parse(text.replace("\n", "\r\n"), "f").targets == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CLASSES + "1,2:3,4:a\n1,x:3,4:b\n", "f, line 9: value 2 of channel 1 is 'x'; expected a number, or [?]"),
        (CLASSES + "1,2:3,4:c\n", r"line 8: the class is 'c'; @classLabel names a, b"),
        (CLASSES + "1,2:3:a\n", "line 8: channels of 1 to 2 values"),
        (CLASSES + "1,2:a\n", "line 8: 1 channels, but @dimensions says 2.*class or number"),
        (CLASSES + "1,2:3,4:5,6:a\n", "line 8: 3 channels, but @dimensions says 2"),
        (CLASSES + "1,:3,4:a\n", "line 8: value 2 of channel 1 is ''"),
        (CLASSES + "1,inf:3,4:a\n", "line 8: value 2 of channel 1 is inf, which is not finite"),
        (CLASSES + "(0,1),(1,2):(0,3):a\n", "line 8: channel 1 has time stamps"),
        (CLASSES, "f holds no series after @data"),
        (NUMBERS + "1:2:many\n", "line 8: the target is 'many'; expected a number"),
        (NUMBERS + "1:2:nan\n", "line 8: the target is 'nan'"),
        (HEAD + "@classLabel true a\n1:2:a\n", "line 7: '1:2:a' stands before @data"),
        (HEAD, "has no line @data"),
        (HEAD.replace("@timeStamps false", "@timeStamps true") + "@data\n", "line 2: series with time stamps are not read"),
        (HEAD + "@dimensions 3\n@data\n", "line 6: @dimensions is said for the second time"),
        (HEAD.replace("@dimensions 2", "@dimensions two") + "@data\n", "@dimensions is 'two'; expected a whole number"),
        (HEAD + "@missing perhaps\n@data\n", "@missing is 'perhaps'; expected true or false"),
        (HEAD + "@missing\n@data\n", "line 6: @missing has no value"),
        (HEAD + "@classLabel yes a\n@data\n", "@classLabel is 'yes'"),
        (HEAD + "@classLabel true a\n@targetLabel true\n@data\n", "one of them"),
        ("@univariate true\n@classLabel true a\n@data\n1:2:a\n", "line 4: 2 channels, but @univariate is true"),
        ("@classLabel true a\n@data\n1:2:a\n1:a\n", "line 4: 1 channels, but the first series has 2"),
    ],
)  # fmt: skip
def test_malformed_files_are_named_with_their_line(text, said):
    with pytest.raises(DataError, match=said):
        parse(text, "f")


def test_a_header_that_the_data_contradict_is_a_warning():
    text = CLASSES.replace("@equalLength false", "@equalLength true\n@missing false\n@colour red")
    notes = parse(text + "1,?:2,3:a\n1:2:b\n", "f").notes
    assert len(notes) == 3 and "@colour" in notes[0] and "@equalLength" in notes[1] and "@missing" in notes[2]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.lists(
            st.tuples(st.floats(width=32, allow_nan=False, allow_infinity=False), st.none() | st.integers(-9, 9)),
            min_size=1, max_size=6,
        ),
        min_size=1, max_size=5,
    )
)  # fmt: skip
def test_what_is_written_is_read(series):
    rows = []
    for one in series:
        first = ",".join(repr(a) for a, _ in one)
        second = ",".join("?" if b is None else str(b) for _, b in one)
        rows.append(f"{first}:{second}:b")
    file = parse(CLASSES + "\n".join(rows), "f")
    for values, one in zip(file.values, series):
        wanted = np.array([[a, np.nan if b is None else b] for a, b in one], np.float32)
        np.testing.assert_array_equal(values, wanted)


def pair(folder, train=60, test=20, name="toy"):
    for part, count, offset in (("TRAIN", train, 0), ("TEST", test, 1000)):
        rows = [f"{k + offset},{k % 7}:{k},1:{'ab'[k % 2]}" for k in range(count)]
        (folder / f"{name}_{part}.ts").write_text(CLASSES + "\n".join(rows) + "\n")
    return folder


def test_a_pair_by_either_file_or_by_its_folder(tmp_path):
    pair(tmp_path)
    found = [
        load(DataOptions(source=str(path)))
        for path in (tmp_path, tmp_path / "toy_TRAIN.ts", tmp_path / "toy_TEST.ts")
    ]
    assert len({dataset.provenance.data_hash for _, dataset in found}) == 1
    source, dataset = found[0]
    assert source.task == "classification" and dataset.channels == ("channel 1", "channel 2")
    assert {split: len(part) for split, part in dataset.splits.items()} == {
        "train": 54,
        "validation": 6,
        "test": 20,
    }
    counts = Counter(dataset.splits["validation"].targets)
    assert counts == {"a": 3, "b": 3}
    keys = {split: set(map(digest, part.values)) for split, part in dataset.splits.items()}
    assert not keys["train"] & keys["validation"] and len(keys["train"]) == 54


def test_one_file_is_split_by_hash_whatever_the_order(tmp_path):
    rows = [f"{k},{k * k}:{k},1:{k / 7}" for k in range(200)]
    (tmp_path / "a.ts").write_text(NUMBERS + "\n".join(rows))
    (tmp_path / "b.ts").write_text(NUMBERS + "\n".join(reversed(rows)))
    source, first = load(DataOptions(source=str(tmp_path / "a.ts")))
    _, second = load(DataOptions(source=str(tmp_path / "b.ts")))
    assert source.task == "regression" and first.labels is None
    for split in ("train", "validation", "test"):
        keys = [{digest(values) for values in dataset.splits[split].values} for dataset in (first, second)]
        assert keys[0] == keys[1] and keys[0]
    assert 100 < len(first.splits["train"]) < 180


def test_equal_series_stay_on_one_side_and_copies_of_the_test_are_named(tmp_path):
    rows = [f"{k % 20},{k % 20}:1,2:{'ab'[k % 20 % 2]}" for k in range(200)]
    (tmp_path / "a.ts").write_text(CLASSES + "\n".join(rows))
    _, dataset = load(DataOptions(source=str(tmp_path / "a.ts")))
    keys = [set(map(digest, part.values)) for part in dataset.splits.values()]
    assert not keys[0] & keys[1] and not keys[0] & keys[2] and not keys[1] & keys[2]
    pair(tmp_path, train=40, test=10, name="b")
    (tmp_path / "b_TEST.ts").write_text((tmp_path / "b_TRAIN.ts").read_text())
    _, dataset = load(DataOptions(source=str(tmp_path / "b_TRAIN.ts")))
    assert any("of the test split also stand in" in note for note in dataset.provenance.notes)


def test_pairs_that_do_not_fit(tmp_path):
    pair(tmp_path)
    test = tmp_path / "toy_TEST.ts"
    whole = test.read_text()
    for text, said in (
        (whole.replace("true a b", "true a b c"), "classes c"),
        (
            whole.replace("true a b", "false").replace(":a\n", "\n").replace(":b\n", "\n"),
            "nothing to measure on",
        ),
        ("@targetLabel true\n@data\n1:2:3\n", "numbers where it has classes"),
        ("@classLabel true a b\n@data\n1:2:3:a\n", "has 3 channels, it has 2"),
    ):
        test.write_text(text)
        with pytest.raises(DataError, match=said):
            load(DataOptions(source=str(tmp_path)))
    test.write_text(whole)
    for options, said in (
        ({"test_share": 0.5}, "drop --test-share"),
        ({"group": "x"}, "does not use --group"),
        ({"fold": "1/2"}, "does not use --fold"),
    ):
        with pytest.raises(DataError, match=said):
            load(DataOptions(source=str(tmp_path), **options))
    (tmp_path / "toy_TRAIN.ts").unlink()
    with pytest.raises(DataError, match="no toy_TRAIN.ts beside it"):
        load(DataOptions(source=str(test)))


def test_two_pairs_in_a_folder_are_asked_about(tmp_path):
    pair(pair(tmp_path), name="other")
    with pytest.raises(DataError, match="one pair"):
        load(DataOptions(source=str(tmp_path)))


def test_limit_and_validation_share(tmp_path):
    _, dataset = load(DataOptions(source=str(pair(tmp_path)), limit=10, validation_share=0.5))
    assert len(dataset.splits["train"]) == 10 and len(dataset.splits["validation"]) == 30


def test_japanese_vowels(data_folder):
    folder = data_folder / "japanese-vowels"
    if not folder.is_dir():
        pytest.skip("the Japanese vowels are not in the data folder")
    _, named = load(DataOptions(source="japanese-vowels", path=str(folder)))
    _, own = load(DataOptions(source=str(folder)))
    assert named.provenance.data_hash == own.provenance.data_hash
    assert {split: len(part) for split, part in named.splits.items()} == {
        "train": 243,
        "validation": 27,
        "test": 370,
    }
    lengths = [len(values) for part in named.splits.values() for values in part.values]
    assert (min(lengths), max(lengths)) == (7, 29)
    assert named.labels == tuple("123456789") and len(named.channels) == 12
    assert set(Counter(named.splits["validation"].targets).values()) == {3}
    with pytest.raises(DataError, match="370 and 270|holds"):
        load(DataOptions(source="japanese-vowels", path=str(data_folder / "names")))


def test_the_package_aeon_reads_the_same(data_folder):
    aeon = pytest.importorskip("aeon.datasets", reason="aeon is not installed", exc_type=ImportError)
    path = data_folder / "japanese-vowels" / "JapaneseVowels_TEST.ts"
    if not path.exists():
        pytest.skip("the Japanese vowels are not in the data folder")
    values, targets = aeon.load_from_ts_file(str(path))
    file = parse(path.read_text(), str(path))
    assert list(targets) == file.targets
    for theirs, ours in zip(values, file.values):
        np.testing.assert_allclose(theirs.T, ours, rtol=1e-6)


def test_series_to_judge(tmp_path):
    (tmp_path / "x.ts").write_text(HEAD + "@classLabel false\n@data\n1,2:3,4\n5:6\n")
    names, values = read_values(tmp_path / "x.ts", ("channel 1", "channel 2"))
    assert names == [0, 1] and values[1].tolist() == [[5.0, 6.0]]
    (tmp_path / "x.csv").write_text("series,b,a\nu,1,2\nu,3,\nv,5,6\n")
    names, values = read_values(tmp_path / "x.csv", ("a", "b"))
    assert names == ["u", "v"] and values[0][0].tolist() == [2.0, 1.0] and np.isnan(values[0][1, 0])
    names, values = read_values([np.zeros((3, 2)), np.ones((4, 2))], ("a", "b"))
    assert [len(one) for one in values] == [3, 4]
    assert read_values([np.zeros(3)], ("a",))[1][0].shape == (3, 1)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,c\n1,2\n", "no column 'b'.*Columns: a, c"),
        ("a,b\n1,x\n", "column 'b' .* expected numbers"),
    ],
)
def test_tables_that_do_not_fit(tmp_path, content, said):
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(DataError, match=said):
        read_values(tmp_path / "x.csv", ("a", "b"))


def test_arrays_that_do_not_fit():
    with pytest.raises(DataError, match="shape .3, 1."):
        read_values([np.zeros((3, 1))], ("a", "b"))
    with pytest.raises(DataError, match="not texts"):
        read_values(("hello",), ("a", "b"))
    with pytest.raises(DataError, match="no series"):
        read_values([], ("a", "b"))


def test_the_task_is_what_the_file_says(tmp_path):
    (tmp_path / "a.ts").write_text(NUMBERS + "1:2:3\n")
    (tmp_path / "b.ts").write_text(CLASSES + "1:2:a\n")
    assert ts_file.task_of(tmp_path / "a.ts") == "regression"
    assert ts_file.task_of(tmp_path / "b.ts") == "classification"
