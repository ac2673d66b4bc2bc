"""CoNLL-U: what is a word and what is not, what is wrong and where, own files and folders, and the facts of UD EWT."""

from __future__ import annotations

import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data.conllu import parse
from elman.data.load import load

SAMPLE = """\
# newdoc id = one
# text = I don't know.
1\tI\tI\tPRON\tPRP\t_\t4\tnsubj\t_\t_
2-3\tdon't\t_\t_\t_\t_\t_\t_\t_\t_
2\tdo\tdo\tAUX\tVBP\t_\t4\taux\t_\t_
3\tn't\tnot\tPART\tRB\t_\t4\tadvmod\t_\t_
4\tknow\tknow\tVERB\tVB\t_\t0\troot\t_\tSpaceAfter=No
5\t.\t.\tPUNCT\t.\t_\t4\tpunct\t_\t_

# text = # and she tea
1\t#\t#\tSYM\tNN\t_\t0\troot\t_\t_
2\tand\tand\tCCONJ\tCC\t_\t0\troot\t_\t_
3\tshe\tshe\tPRON\tPRP\t_\t0\troot\t_\t_
3.1\tdrank\tdrink\tVERB\tVBD\t_\t_\t_\t_\tCopyOf=4
4\tice cream\ttea\t_\tNN\t_\t0\troot\t_\t_
"""


def lines(words, tags=None, column=3):
    rows = []
    for number, word in enumerate(words, 1):
        cells = ["_"] * 10
        cells[0], cells[1] = str(number), word
        cells[column] = tags[number - 1] if tags else "X"
        rows.append("\t".join(cells))
    return "\n".join(rows) + "\n\n"


def test_ranges_and_empty_nodes_are_no_words():
    found = parse(SAMPLE, "sample")
    assert found.words == [["I", "do", "n't", "know", "."], ["#", "and", "she", "ice cream"]]
    assert found.tags == [["PRON", "AUX", "PART", "VERB", "PUNCT"], ["SYM", "CCONJ", "PRON", ""]]
    assert parse(SAMPLE, "sample", "xpos").tags[1] == ["NN", "CC", "PRP", "NN"]
    assert parse(SAMPLE.replace("\n", "\r\n").rstrip(), "sample") == found


BROKEN = {
    "spaces": (SAMPLE.replace("\tknow\t", " know "), r"line 7: 8 columns, expected 10 with a tab"),
    "ID": (SAMPLE.replace("4\tknow", "4a\tknow"), r"line 7: the ID is '4a'"),
    "gap": (SAMPLE.replace("4\tknow", "6\tknow"), r"line 7: word 6 comes where word 4 should"),
    "no blank line": (SAMPLE.replace("\n\n#", "\n#"), r"line 10: word 1 comes where word 6 should"),
    "no form": (SAMPLE.replace("4\tknow", "4\t"), r"line 7: column FORM is empty"),
    "no tag": (SAMPLE.replace("\tVERB\tVB\t", "\t\tVB\t"), r"line 7: column UPOS is empty"),
    "nothing": ("# text = nothing\n\n", "holds no sentence"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_wrong_is_named_with_file_and_line(kind):
    text, words = BROKEN[kind]
    with pytest.raises(DataError, match="my.conllu.*" + words):
        parse(text, "my.conllu")


WORDS = st.lists(
    st.tuples(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1), st.sampled_from(["A", "B", "_"])),
    min_size=1, max_size=6,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=4))
def test_what_is_written_is_read(sentences):
    text = "".join(lines([word for word, _ in one], [tag for _, tag in one]) for one in sentences)
    found = parse(text, "invented")
    assert found.words == [[word for word, _ in one] for one in sentences]
    assert found.tags == [[tag.replace("_", "") for _, tag in one] for one in sentences]


def test_a_file_of_ones_own_is_split_by_sentence(tmp_path):
    sentences = [[f"word{k % 150}", "sat"] for k in range(300)]  # every one twice
    path = tmp_path / "my.conllu"
    path.write_text("".join(lines(words, ["N", "V"]) for words in sentences))
    source, dataset = load(DataOptions(source=str(path)))
    parts = {split: {tuple(words) for words in part.words} for split, part in dataset.splits.items()}
    assert source.task == "tagging" and dataset.labels == ("N", "V")
    assert sum(map(len, dataset.splits.values())) == 300 and sum(map(len, parts.values())) == 150
    path.write_text("".join(lines(words, ["N", "V"]) for words in reversed(sentences)))
    again = load(DataOptions(source=str(path)))[1]
    assert {split: {tuple(words) for words in part.words} for split, part in again.splits.items()} == parts
    assert again.provenance.data_hash != dataset.provenance.data_hash
    fewer = load(DataOptions(source=str(path), limit=20))[1]
    assert len(fewer.splits["train"]) == 20 and len(fewer.splits["test"]) == len(again.splits["test"])


def test_a_folder_keeps_the_split_of_its_names(tmp_path):
    for name, count in (("xx-ud-train", 40), ("xx-ud-test", 7), ("notes", 3)):
        (tmp_path / f"{name}.conllu").write_text(
            "".join(lines([f"{name}{k}", "sat"], ["N", "V"]) for k in range(count))
        )
    dataset = load(DataOptions(source=str(tmp_path)))[1]
    sizes = {split: len(part) for split, part in dataset.splits.items()}
    assert sizes["test"] == 7 and sizes["train"] + sizes["validation"] == 40 and sizes["validation"]
    assert "10% of train" in dataset.provenance.split
    assert any("notes.conllu is in no split" in note for note in dataset.provenance.notes)
    (tmp_path / "xx-ud-dev.conllu").write_text(lines(["dev", "sat"], ["N", "V"]) * 5)
    assert len(load(DataOptions(source=str(tmp_path)))[1].splits["validation"]) == 5
    with pytest.raises(DataError, match="comes split"):
        load(DataOptions(source=str(tmp_path), test_share=0.5))
    with pytest.raises(DataError, match="--label upos or --label xpos"):
        load(DataOptions(source=str(tmp_path), label="lemma"))
    with pytest.raises(DataError, match="no word of .* has a tag in column XPOS"):
        load(DataOptions(source=str(tmp_path), label="xpos"))


@pytest.fixture(scope="module")
def ewt(data_folder):
    path = data_folder / "ud-ewt"
    if not path.exists():
        pytest.skip("no local copy of UD EWT")
    return path


def test_the_facts_of_ud_ewt(ewt):
    _, dataset = load(DataOptions(source="ud-ewt", path=str(ewt)))
    assert {split: len(part) for split, part in dataset.splits.items()} == {
        "train": 12_544, "validation": 2_001, "test": 2_077,
    }  # fmt: skip
    assert sum(map(len, dataset.splits["train"].words)) == 204_577
    assert len(dataset.labels) == 17 and "CC BY-SA" in dataset.provenance.licence


def test_ud_ewt_is_read_as_the_package_conllu_reads_it(ewt, tmp_path):
    conllu = pytest.importorskip("conllu")
    packed = next(path for path in ewt.iterdir() if ".tar" in path.name)
    with tarfile.open(packed) as archive:
        archive.extractall(tmp_path, filter="data")
    for name in ("en_ewt-ud-dev.conllu", "en_ewt-ud-test.conllu"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        theirs = [
            [token for token in sentence if isinstance(token["id"], int)] for sentence in conllu.parse(text)
        ]
        for column in ("upos", "xpos"):
            ours = parse(text, name, column)
            assert ours.words == [[token["form"] for token in sentence] for sentence in theirs]
            assert ours.tags == [
                [(token[column] or "").replace("_", "") for token in sentence] for sentence in theirs
            ]
    missing = tmp_path / "en_ewt-ud-test.conllu"
    missing.unlink()
    with pytest.raises(DataError, match="holds no en_ewt-ud-test.conllu"):
        load(DataOptions(source="ud-ewt", path=str(tmp_path)))
