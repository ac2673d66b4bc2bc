"""Text sources: small archives of the true layout from a loopback server, and the facts of the real files."""

from __future__ import annotations

import hashlib
import http.server
import io
import threading
import zipfile

import pytest

from elman.core.errors import DataError
from elman.core.recipe import DataOptions, EncodingOptions
from elman.data.load import load
from elman.data.sources import imdb, ptb, text8, wikitext2
from elman.encoding.text import TextEncoder


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def serve(monkeypatch):
    """Answer any request to a source's own server with `files` (name: content), zipped."""
    servers = []

    def start(url, files):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        content = packed.getvalue()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        root = url[: url.index("/", 9) + 1]
        monkeypatch.setenv("ELMAN_MIRROR", f"{root}=http://127.0.0.1:{server.server_port}/")
        return hashlib.sha256(content).hexdigest()

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("module", "name", "folder"), [(ptb, "ptb", "ptb"), (wikitext2, "wikitext2", "wikitext-2")]
)
def test_three_files(serve, monkeypatch, tmp_path, module, name, folder):
    texts = {split: f" {split} words <unk> N\n" * 3 for split in module.FILES}
    digest = serve(module.URL, {f"{folder}/{file}": texts[split] for split, file in module.FILES.items()})
    if module is ptb:
        monkeypatch.setattr(ptb, "SHA256", digest)
    with pytest.raises(DataError, match=r"train.* is not that of"):
        load(DataOptions(source=name))
    digests = {split: hashlib.sha256(text.encode()).hexdigest() for split, text in texts.items()}
    monkeypatch.setattr(module, "DIGESTS", digests)
    _, corpus = load(DataOptions(source=name))
    assert corpus.splits == texts
    downloads = load(DataOptions(source=name, path=str(tmp_path / "cache" / "downloads")))[1]
    assert downloads.splits == texts  # a folder that holds the archive
    assert load(DataOptions(source=name, limit=9))[1].splits["train"] == texts["train"][:9]
    with pytest.raises(DataError, match="comes split"):
        load(DataOptions(source=name, test_share=0.3))


def test_text8(serve, monkeypatch, tmp_path):
    text = "the quick brown fox " * 100
    serve(text8.URL, {"text8": text})
    with pytest.raises(DataError, match="2,000 characters; expected 100,000,000"):
        load(DataOptions(source="text8"))
    monkeypatch.setattr(text8, "LENGTH", 2000)
    _, corpus = load(DataOptions(source="text8"))
    assert {name: len(part) for name, part in corpus.splits.items()} == {
        "train": 1800,
        "validation": 100,
        "test": 100,
    }
    assert corpus.splits["train"] + corpus.splits["validation"] + corpus.splits["test"] == text
    (tmp_path / "t").write_text(text + "A")
    with pytest.raises(DataError, match="it holds 'A'"):
        load(DataOptions(source="text8", path=str(tmp_path / "t")))


def test_sst(tmp_path):
    for ending in ("train", "dev", "test"):
        (tmp_path / f"stsa.binary.{ending}").write_text(f"1 good {ending}\n0 bad , {ending}\n")
    _, data = load(DataOptions(source="sst", path=str(tmp_path)))
    assert list(data.splits["validation"].texts) == ["good dev", "bad , dev"]
    assert list(data.splits["validation"].targets) == ["positive", "negative"]
    (tmp_path / "stsa.binary.dev").write_text("1 good\n2 odd\n")
    with pytest.raises(DataError, match="line 2 .* expected a label 0 to 1"):
        load(DataOptions(source="sst", path=str(tmp_path)))
    with pytest.raises(DataError, match="--label fine"):
        load(DataOptions(source="sst", path=str(tmp_path), label="coarse"))
    with pytest.raises(DataError, match="--path"):
        load(DataOptions(source="sst"))


@pytest.mark.parametrize(
    ("kind", "sizes", "classes"), [("binary", [6920, 872, 1821], 2), ("fine", [8544, 1101, 2210], 5)]
)
def test_sst_facts(data_folder, kind, sizes, classes):
    _, data = load(DataOptions(source="sst", path=str(data_folder / "sst"), label=kind))
    assert [len(examples) for examples in data.splits.values()] == sizes and len(data.labels) == classes


@pytest.mark.parametrize(
    ("name", "file", "counts", "types"),
    [
        ("ptb", "ptb/ptb.zip", [929_589, 73_760, 82_430], 10_000),
        ("wikitext2", "wikitext-2/wikitext-2.tar.xz", [2_088_628, 217_646, 245_569], 33_278),
    ],
)
def test_word_facts(data_folder, name, file, counts, types):
    source, corpus = load(DataOptions(source=name, path=str(data_folder / file)))
    size = source.defaults["encoding.vocabulary_size"]
    encoder = TextEncoder.fit(
        [corpus.splits["train"]], EncodingOptions(tokenizer="spaces", vocabulary_size=size)
    )
    numbers = {split: encoder.encode(text) for split, text in corpus.splits.items()}
    assert [len(part) for part in numbers.values()] == counts
    assert len(set(numbers["train"].tolist())) == types == len(encoder.vocabulary) - 2


def test_text8_facts(data_folder):
    path = data_folder / "text8-prefix" / "text8-100k.txt"
    _, corpus = load(DataOptions(source="text8", path=str(path)))
    assert [len(part) for part in corpus.splits.values()] == [90_000, 5_000, 5_000]


def test_unlabelled_reviews_come_along(tmp_path):
    for part in ("train/pos", "train/neg", "test/pos", "test/neg", "train/unsup"):
        folder = tmp_path / "aclImdb" / part
        folder.mkdir(parents=True)
        for number in range(20):
            (folder / f"{number}_7.txt").write_text(f"{part} {number}")
    data = imdb.load(DataOptions(source="imdb", path=str(tmp_path)))
    assert len(data.unlabelled) == 20 and all("unsup" in text for text in data.unlabelled)
    assert not any("unsup" in text for split in data.splits.values() for text in split.texts)


def test_spaces():
    encoder = TextEncoder.fit(["a don't @-@ B\n"], EncodingOptions(tokenizer="spaces"))
    assert encoder.tokens("a don't @-@ B\nc\n") == ["a", "don't", "@-@", "B", "<eos>", "c", "<eos>"]
