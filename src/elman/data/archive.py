"""Reading archives that came from elsewhere: every member is looked at first, and nothing is unpacked to the disk.

Refused, with the member's name: absolute paths, `..`, links, devices, encrypted members, two members of one name, and
archives that grow beyond reason when unpacked.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, cast

from elman.core.errors import DataError

GROWTH = 200  # times its packed size: text packs 3 to 20 times, a bomb a thousand
ALWAYS = 64 * 2**20  # bytes that any archive may hold: small files that repeat themselves pack well
MOST = 32 * 2**30  # bytes no archive here comes near
MEMBERS = 2_000_000
PIECE = 2**20
DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    EOFError,
    OSError,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
)


def is_archive(path: Path) -> bool:
    """Whether the name is that of a zip or tar archive."""
    return re.search(r"\.(zip|tgz|tar|tar\.(gz|bz2|xz))$", path.name.lower()) is not None


def members(path: Path, wanted: Callable[[str], bool] = lambda name: True) -> Iterator[tuple[str, bytes]]:
    """(name, content) of the files of a zip or tar archive whose name is `wanted`, in the archive's order.

    Every member is checked, also those that are not wanted. Raises DataError for a member that no data set needs (see
    above), with its name, and for an archive that is damaged or cut off.
    """
    try:
        with open(path, "rb") as stream:
            start = stream.read(4)
        yield from (_zip if start in (b"PK\x03\x04", b"PK\x05\x06") else _tar)(path, wanted)
    except DAMAGE as error:
        raise DataError(f"{path} is damaged or cut off: {error}. Get it again.") from None
    except RuntimeError as error:  # how zipfile says "encrypted"
        raise DataError(
            f"{path} cannot be read: {error}. Unpack it yourself and give --path FOLDER."
        ) from None


def first(path: Path, ending: str) -> bytes:
    """The content of the archive's first file with that ending; DataError where there is none."""
    for _, content in members(path, lambda name: name.lower().endswith(ending)):
        return content
    raise DataError(f"{path} holds no {ending} file.")


class _Counted:
    """A stream that stops at the size no honest archive reaches; `now` is the member being read."""

    def __init__(self, path: Path, stream: IO[bytes] | None = None) -> None:
        self.path, self.stream, self.seen, self.now = path, stream, 0, "its first header"
        self.most = min(MOST, max(ALWAYS, GROWTH * path.stat().st_size))

    def read(self, size: int = PIECE) -> bytes:
        assert self.stream is not None
        content = self.stream.read(size)
        self.add(len(content))
        return content

    def add(self, size: int) -> None:
        self.seen += size
        if self.seen > self.most:
            raise DataError(
                f"{self.path} is refused at {self.now!r}: it unpacks to more than {self.most:,} bytes, "
                f"from {self.path.stat().st_size:,}. If you trust it, unpack it yourself and give --path FOLDER."
            )


def _tar(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    with open(path, "rb") as raw:
        start = raw.read(10)
    kinds: dict[bytes, Callable[..., object]] = {b"\x1f\x8b": gzip.open, b"\xfd7": lzma.open}
    opened = bz2.open if start[4:] == b"1AY&SY" else kinds.get(start[:2], open)
    seen: set[str] = set()
    with cast("IO[bytes]", opened(path, "rb")) as stream:
        counted = _Counted(path, stream)
        # As a stream, one block after the other: what is skipped is counted, too.
        with tarfile.open(fileobj=cast("IO[bytes]", counted), mode="r|") as archive:
            for member in archive:
                counted.now = member.name
                kind = (
                    "a link" if member.issym() or member.islnk()
                    else "" if (member.isfile() or member.isdir()) and not member.issparse()
                    else "a device or special file"
                )  # fmt: skip
                _check(path, member.name, kind, seen, member.isdir())
                if counted.seen + member.size > counted.most:
                    counted.add(member.size)
                if member.isfile() and wanted(member.name):
                    content = cast("IO[bytes]", archive.extractfile(member)).read()
                    yield member.name, content
                archive.members.clear()  # type: ignore[attr-defined]  # a hundred thousand headers are not needed twice
        while counted.read():  # to the end, where the packed stream keeps its checksum
            pass


def _zip(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    counted, seen = _Counted(path), set[str]()
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            counted.now = member.filename
            mode = stat.S_IFMT(member.external_attr >> 16)
            kind = (
                "a link" if mode == stat.S_IFLNK
                else "" if mode in (0, stat.S_IFREG, stat.S_IFDIR) else "a device or special file"
            )  # fmt: skip
            _check(path, member.orig_filename, kind, seen, member.is_dir())
            if member.is_dir() or not wanted(member.filename):
                continue
            pieces = []
            with archive.open(member) as stream:  # the size in the header may lie: what comes out is counted
                while piece := stream.read(PIECE):
                    counted.add(len(piece))
                    pieces.append(piece)
            yield member.filename, b"".join(pieces)


def _check(path: Path, name: str, kind: str, seen: set[str], folder: bool) -> None:
    """DataError for a member that would leave its folder, is no file, or comes twice."""
    plain = name.replace("\\", "/")
    if plain.startswith("/") or re.match(r"[A-Za-z]:", plain):
        kind = "an absolute path"
    elif ".." in plain.split("/"):
        kind = "a path that leads out of its folder"
    elif "\x00" in name:
        kind = "a name with a zero byte"
    elif not folder and plain in seen:
        kind = "a second member of that name"
    if kind:
        raise DataError(
            f"{path} is refused: {name!r} is {kind}. No data set needs that; get it from its own site."
        )
    seen.add(plain)
    if len(seen) > MEMBERS:
        raise DataError(f"{path} is refused at {name!r}: more than {MEMBERS:,} members.")
