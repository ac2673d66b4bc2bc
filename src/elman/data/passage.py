"""Running text that is too long to hold: a stretch of a UTF-8 file, read a piece at a time."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from elman.core.errors import DataError
from elman.data.cache import kept, remembered
from elman.data.download import guessed

PIECE = 1 << 23  # bytes read at once
LONG = 1 << 25  # bytes from which on a text stays in its file
BOM = codecs.BOM_UTF8


@dataclass(frozen=True)
class LongFile:
    """A UTF-8 file: SHA-256 of its text, its length and different characters, and where pieces of it begin."""

    path: Path
    sha256: str
    characters: int
    alphabet: str
    marks: tuple[tuple[int, int], ...]  # (byte, character) at the start of every piece

    def passage(self, start: int, stop: int) -> Passage:
        """Characters `start` to `stop`."""
        return Passage(self.path, self._byte(start), self._byte(stop), stop - start)

    def _byte(self, character: int) -> int:
        if character >= self.characters:
            return self.path.stat().st_size
        place = max(number for number, mark in enumerate(self.marks) if mark[1] <= character)
        byte, before = self.marks[place]
        after = self.marks[place + 1]
        if after[0] - byte == after[1] - before:  # as many bytes as characters: ASCII
            return byte + character - before
        with open(self.path, "rb") as stream:
            stream.seek(byte)
            text = codecs.getincrementaldecoder("utf-8")().decode(stream.read(4 * (character - before)))
        return byte + len(text[: character - before].encode("utf-8"))


@dataclass(frozen=True)
class Passage:
    """Bytes `start` to `stop` of a UTF-8 file, `characters` long.

    Iterates over pieces of some megabytes. A piece ends before white space, where there is any, so that no word, and
    nothing that a byte-level tokenizer takes together, is cut.
    """

    path: Path
    start: int
    stop: int
    characters: int

    def __len__(self) -> int:
        return self.characters

    def __iter__(self) -> Iterator[str]:
        decoder, text = codecs.getincrementaldecoder("utf-8")(), ""
        with open(self.path, "rb") as stream:
            stream.seek(self.start)
            left = self.stop - self.start
            while left:
                content = stream.read(min(PIECE, left))
                if not content:
                    raise DataError(f"{self.path} became shorter while it was read. Start again.")
                left -= len(content)
                text += decoder.decode(content, final=not left)
                at = _gap(text) if left else len(text)
                if at:
                    yield text[:at]
                    text = text[at:]
        if text:
            yield text

    def opening(self, count: int) -> str:
        """The first `count` characters."""
        with open(self.path, "rb") as stream:
            stream.seek(self.start)
            content = stream.read(min(4 * count, self.stop - self.start))
        return content.decode("utf-8", "ignore")[:count]

    def ending(self, count: int) -> str:
        """The last `count` characters."""
        start = max(self.start, self.stop - 4 * count)
        with open(self.path, "rb") as stream:
            stream.seek(start)
            content = stream.read(self.stop - start)
        return content.decode("utf-8", "ignore")[-count:]


def opening(text: str | Passage, count: int) -> str:
    """The first `count` characters of a text."""
    return text[:count] if isinstance(text, str) else text.opening(count)


def ending(text: str | Passage, count: int) -> str:
    """The last `count` characters of a text."""
    return text[-count:] if isinstance(text, str) else text.ending(count)


def pieces(text: str | Passage) -> Iterable[str]:
    """A text as pieces that can be gone through more than once."""
    return [text] if isinstance(text, str) else text


def long_file(path: Path) -> LongFile:
    """What a file holds, read once and then remembered as long as the file is the same; DataError for what is not UTF-8."""
    facts = remembered(path, "text", lambda: _scan(path))
    marks = tuple((byte, character) for byte, character in facts["marks"])
    return LongFile(path, facts["sha256"], facts["characters"], facts["alphabet"], marks)


def one_file(files: list[Path], between: str = "\n\n") -> Path:
    """The texts of many files, with `between` in between, as one file in the cache."""

    def write(target: Path) -> None:
        with open(target, "wb") as out:
            for number, file in enumerate(files):
                out.write(between.encode() if number else b"")
                with open(file, "rb") as stream:
                    first = True
                    while content := stream.read(PIECE):
                        out.write(content.removeprefix(BOM) if first else content)
                        first = False

    facts = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return kept(("one file", repr(facts), between), ".txt", files[0].parent.name, write)


def _gap(text: str) -> int:
    """The last place before white space at which a text can be cut, the ends of lines first; 0 where there is none."""
    for space in "\n", " ":
        at = text.rfind(space)
        while at > 0 and text[at - 1].isspace():
            at -= 1
        if at > 0:
            return at
    return 0


def _scan(path: Path) -> dict[str, object]:
    decoder, digest = codecs.getincrementaldecoder("utf-8")(), hashlib.sha256()
    alphabet: set[str] = set()
    marks: list[tuple[int, int]] = []
    byte = characters = lines = 0
    with open(path, "rb") as stream:
        if stream.read(len(BOM)) == BOM:
            byte = len(BOM)
        stream.seek(byte)
        ended = False
        while not ended:
            content = stream.read(PIECE)
            ended = not content
            waiting = len(decoder.getstate()[0])
            marks.append((byte - waiting, characters))
            try:
                text = decoder.decode(content, final=ended)
            except UnicodeDecodeError as error:
                at = byte - waiting + error.start
                line = lines + content[: max(0, error.start - waiting)].count(b"\n") + 1
                raise DataError(
                    f"{path} is not UTF-8: byte 0x{error.object[error.start]:02x} at offset {at} (line {line}). "
                    f"Convert it first, e.g. iconv -f {guessed(error.object)} -t utf-8 {path.name} > new-{path.name}"
                ) from None
            digest.update(content)
            alphabet.update(set(text))
            byte, characters, lines = (
                byte + len(content),
                characters + len(text),
                lines + content.count(b"\n"),
            )
    return {
        "sha256": digest.hexdigest(), "characters": characters,
        "alphabet": "".join(sorted(alphabet)), "marks": marks,
    }  # fmt: skip
