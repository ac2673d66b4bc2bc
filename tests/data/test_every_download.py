"""Every source that downloads, from a loopback server with archives of the true layout: a cut, an error, other bytes, hostile members."""

from __future__ import annotations

import hashlib
import io
import random
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pytest

from elman.core.catalogue import catalogue, find
from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data import download
from elman.data.load import load
from elman.data.sources import (
    air_quality,
    ett,
    imdb,
    japanese_vowels,
    jena,
    ptb,
    shakespeare,
    text8,
    ud_ewt,
    wikitext2,
)

from .test_download import Server, review_archive


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def digest(content: bytes | str) -> str:
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


@dataclass(frozen=True)
class Case:
    """What the server has (path under the URL's host: bytes), what of the module knows it by, and how many examples come."""

    module: object
    files: Mapping[str, bytes]
    known: Mapping[str, object]
    count: Callable[[object], int]
    expected: int
    options: Mapping[str, object] = field(default_factory=dict)


def path_of(module, ending: str = "") -> str:
    return urlsplit(module.URL + ending).path


def text_case(module, folder: str) -> Case:
    texts = {split: f" {split} words <unk> N\n" * 30 for split in module.FILES}
    packed = zipped({f"{folder}/{file}": texts[split] for split, file in module.FILES.items()})
    known = {"DIGESTS": {split: digest(text) for split, text in texts.items()}}
    known |= {"SHA256": digest(packed)} if module is ptb else {}
    size = sum(map(len, texts.values()))
    return Case(
        module, {path_of(module): packed}, known, lambda data: sum(map(len, data.splits.values())), size
    )


def transformer() -> bytes:
    generator = random.Random(0)
    first = datetime(2016, 7, 1)
    rows = [
        f"{first + timedelta(hours=k)}," + ",".join(f"{generator.random():.3f}" for _ in ett.COLUMNS)
        for k in range(20 * 720)
    ]
    return ("date," + ",".join(ett.COLUMNS) + "\n" + "\n".join(rows) + "\n").encode()


def vowels() -> bytes:
    generator = random.Random(0)

    def part(count: int) -> str:
        rows = [
            ":".join(
                ",".join(f"{generator.random():.4f}" for _ in range(generator.randint(7, 29)))
                for _ in range(12)
            )
            + f":{k % 9 + 1}"
            for k in range(count)
        ]
        # As the archive writes it: the channels of a series are equally long.
        rows = [even(row) for row in rows]
        head = "@problemName JapaneseVowels\n@timestamps false\n@missing false\n@univariate false\n@dimensions 12\n"
        return (
            head + "@equalLength false\n@classLabel true 1 2 3 4 5 6 7 8 9\n@data\n" + "\n".join(rows) + "\n"
        )

    def even(row: str) -> str:
        *channels, label = row.split(":")
        least = min(len(channel.split(",")) for channel in channels)
        return ":".join([*(",".join(channel.split(",")[:least]) for channel in channels), label])

    return zipped({
        "JapaneseVowels_TRAIN.ts": part(270), "JapaneseVowels_TEST.ts": part(370), "JapaneseVowels.txt": "about",
        "JapaneseVowelsDimension1_TRAIN.arff": "@relation",
    })  # fmt: skip


def treebank() -> dict[str, bytes]:
    sentence = "# sent_id = {k}\n1\tDogs{k}\tdog\tNOUN\tNNS\t_\t2\tnsubj\t_\t_\n2\tbark\tbark\tVERB\tVBP\t_\t0\troot\t_\t_\n\n"
    return {
        path_of(ud_ewt, file): "".join(sentence.format(k=f"{split}{k}") for k in range(20)).encode()
        for split, file in ud_ewt.FILES.items()
    }


def station() -> bytes:
    rows = [
        f"{datetime(2009, 1, 1) + timedelta(minutes=10 * k):%d.%m.%Y %H:%M:%S},996.5,{k % 144 / 10},1.5"
        for k in range(600)
    ]
    return zipped(
        {"jena_climate_2009_2016.csv": "\n".join(['"Date Time","p (mbar)","T (degC)","wv (m/s)"', *rows])}
    )


def dust() -> bytes:
    rows = [
        f"{k + 1},2010,1,{1 + k // 24},{k % 24},{'NA' if k < 24 else k},-2,-1,1021,NW,1.79,0,0"
        for k in range(240)
    ]
    return "\r\n".join(["No,year,month,day,hour,pm2.5,DEWP,TEMP,PRES,cbwd,Iws,Is,Ir", *rows]).encode()


def cases() -> dict[str, Case]:
    plays, letters = "First Citizen:\nSpeak.\n" * 200, b"the quick brown fox " * 100
    reviews, tables, jena_file, banks = review_archive(), transformer(), station(), treebank()
    characters = lambda data: sum(map(len, data.splits.values()))
    rows = lambda data: data.frame.height
    return {
        "imdb": Case(imdb, {path_of(imdb): reviews}, {"MD5": "md5:" + hashlib.md5(reviews).hexdigest()}, lambda d: len(d.splits["test"]), 40),
        "ptb": text_case(ptb, "ptb"),
        "wikitext2": text_case(wikitext2, "wikitext-2"),
        "shakespeare": Case(shakespeare, {path_of(shakespeare): plays.encode()}, {"SHA256": digest(plays)}, characters, len(plays)),
        "text8": Case(text8, {path_of(text8): zipped({"text8": letters})}, {"LENGTH": len(letters)}, characters, len(letters)),
        "ett": Case(ett, {path_of(ett): tables}, {"SHA256": digest(tables)}, rows, 20 * 720),
        "jena": Case(jena, {path_of(jena): jena_file}, {"BYTES": len(jena_file)}, rows, 600),
        "air_quality": Case(air_quality, {path_of(air_quality): dust()}, {"SHA256": digest(dust())}, rows, 240),
        "ud_ewt": Case(ud_ewt, banks, {"DIGESTS": {s: digest(banks[path_of(ud_ewt, f)]) for s, f in ud_ewt.FILES.items()}}, characters, 60),
        "japanese_vowels": Case(japanese_vowels, {path_of(japanese_vowels): vowels()}, {}, characters, 640),
    }  # fmt: skip


CASES = cases()


@pytest.fixture
def serve(monkeypatch, tmp_path):
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "PAUSE", 0.01)
    running = []

    def start(case: Case, files: Mapping[str, bytes], *script):
        server = Server(files, *script)
        running.append(server.server)
        address = urlsplit(case.module.URL)
        monkeypatch.setenv("ELMAN_MIRROR", f"{address.scheme}://{address.netloc}/={server.url}")
        for name, value in case.known.items():
            monkeypatch.setattr(case.module, name, value)
        return server

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def test_every_source_that_downloads_is_here():
    fetching = {
        name for name in catalogue("data.sources") if find("data.sources", name).source.url.startswith("http")
        and hasattr(find("data.sources", name), "URL")
    }  # fmt: skip
    assert fetching == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_it_comes_whole_after_a_cut_and_is_not_asked_for_again(serve, name):
    case = CASES[name]
    server = serve(case, case.files, "cut", "parts")
    assert case.count(load(DataOptions(source=name, **case.options))[1]) == case.expected
    asked = list(server.asked)
    assert {path for path, _ in asked} == set(case.files) and len(asked) == len(case.files) + 1
    assert (
        case.count(load(DataOptions(source=name, **case.options))[1]) == case.expected
        and server.asked == asked
    )


@pytest.mark.parametrize("name", CASES)
def test_a_server_that_errs_is_named_with_the_way_round_it(serve, name):
    case = CASES[name]
    serve(case, case.files, 503)
    with pytest.raises(DataError, match="the server answers 503.*--path.*ELMAN_MIRROR"):
        load(DataOptions(source=name, **case.options))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("other", [b"<html>Log in to this network</html>", None])
def test_other_bytes_are_refused_and_do_not_stay(serve, name, other):
    """A page in place of the file, or an archive of the right kind with other content; then the right one is there."""
    case = CASES[name]
    wrong = other or zipped({"something.txt": "else"})
    serve(case, dict.fromkeys(case.files, wrong), "whole")
    with pytest.raises(DataError):
        load(DataOptions(source=name, **case.options))
    serve(case, case.files, "whole")
    assert case.count(load(DataOptions(source=name, **case.options))[1]) == case.expected


HOSTILE = {
    "out.zip": {"../JapaneseVowels_TRAIN.ts": "x"}, "root.zip": {"/etc/JapaneseVowels_TRAIN.ts": "x"},
    "bomb.zip": dict.fromkeys(("JapaneseVowels_TRAIN.ts", "wiki.train.tokens", "text8"), bytes(100 * 2**20)),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("name", ["japanese_vowels", "wikitext2", "text8"])
def test_a_hostile_archive_of_a_source_without_a_checksum_is_refused(serve, tmp_path, name, kind):
    case = CASES[name]
    serve(case, dict.fromkeys(case.files, zipped(HOSTILE[kind])), "whole")
    with pytest.raises(DataError, match=r"\.\.|absolute|grow|bomb|reason|more than"):
        load(DataOptions(source=name, **case.options))
    assert not (tmp_path / "JapaneseVowels_TRAIN.ts").exists()
