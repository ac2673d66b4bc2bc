"""Getting a file once: a checked download into the cache, or a copy the user already has."""

from __future__ import annotations

import codecs
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from elman.core.errors import DataError, nearest
from elman.data.cache import cache_folder, locked

ATTEMPTS = 4
PAUSE = 1.0  # seconds before the second attempt; doubled for each one after
TIMEOUT = (10, 30)  # seconds to connect, and of silence
PIECE = 2**18
LOOKED_AT = 2**16  # bytes that tell a binary file from a text in another encoding
PASSING = {408, 425, 429, 500, 502, 503, 504}  # answers that another attempt may change


def mirrored(url: str) -> str:
    """The URL to ask instead, by ELMAN_MIRROR: "PREFIX=REPLACEMENT" pairs separated by spaces; the first match counts."""
    for pair in os.environ.get("ELMAN_MIRROR", "").split():
        prefix, sign, replacement = pair.partition("=")
        if not (prefix and sign and replacement):
            raise DataError(
                f"ELMAN_MIRROR holds {pair!r}; expected PREFIX=REPLACEMENT, e.g. https://ai.stanford.edu/=https://my.mirror/"
            )
        if url.startswith(prefix):
            return replacement + url[len(prefix) :]
    return url


def download(url: str, checksum: str | None, name: str, title: str) -> Path:
    """The file behind `url`, from the cache or downloaded with its checksum ("sha256:..." or "md5:...").

    What a cut-off transfer left is continued, also by a later process; bytes that are not the known ones are thrown
    away and fetched anew once. Without a published checksum (None) the source itself must check what is inside.
    Raises DataError, with the way round it, where the server does not answer or the bytes are not the known ones.
    """
    import pooch
    import requests

    target = mirrored(url)
    help_text = f"Fetch {url} yourself and pass it with --path, or set ELMAN_MIRROR to a copy you reach."
    folder = cache_folder() / "downloads"
    part = folder / f"{name}.part"
    pooch.get_logger().setLevel("WARNING")

    def get() -> Path:
        return Path(
            pooch.retrieve(
                target, known_hash=checksum, fname=name, path=folder,
                downloader=lambda address, output, _: _fetch(address, Path(output), part, title),
            )
        )  # fmt: skip

    with locked(folder / name, title):
        resumed = part.exists()
        try:
            try:
                return get()
            except ValueError:
                if not resumed:
                    raise
                return get()  # what was continued may have been of another file
        except ValueError as error:
            raise DataError(
                f"{title} arrived damaged: its checksum is not {checksum}. {help_text}"
            ) from error
        except (requests.RequestException, OSError) as error:
            raise DataError(
                f"{title} could not be downloaded from {target}: {_reason(error)}. {help_text}"
            ) from error


@contextmanager
def unproven(path: str | None, url: str, name: str, title: str) -> Iterator[Path]:
    """The user's copy at `path`, or the file behind `url`, of which no checksum is published: what is done within checks it.

    A DataError there means that something else came. What was downloaded is then thrown away, so that the next attempt asks
    the server again.
    """
    file = local(path) if path else download(url, None, name, title)
    try:
        yield file
    except DataError as error:
        if path:
            raise
        file.unlink(missing_ok=True)
        raise DataError(
            f"{error} It came from {mirrored(url)} and was thrown away. Try again, or fetch it yourself and pass it with --path."
        ) from None


def _reason(error: Exception) -> str:
    """In a few words: requests' own are a paragraph of class names."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}".strip()
    if isinstance(error, requests.Timeout):
        return "the server is silent"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the transfer was cut off"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return str(error) or type(error).__name__


def _fetch(url: str, output: Path, part: Path, title: str) -> None:
    """Load `url` to `output`, by way of `part`, which stays where the transfer is cut off; try ATTEMPTS times."""
    import requests

    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))
        try:
            _continue(url, part, title)
            os.replace(part, output)
            return
        except requests.RequestException as error:
            status = error.response.status_code if error.response is not None else None
            if status == 416:  # more is there than the file has: not this file
                part.unlink(missing_ok=True)
            elif status is not None and status not in PASSING:
                raise
            if attempt == ATTEMPTS - 1:
                raise


def _continue(url: str, part: Path, title: str) -> None:
    """One attempt: ask for the bytes that `part` does not hold yet, or for all where the server knows no parts."""
    import requests

    held = part.stat().st_size if part.exists() else 0
    # Bytes as they are on the server's disk: a length, and a place to continue from, mean nothing else.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={held}-"} if held else {})
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        held = held if answer.status_code == 206 else 0
        length = answer.headers.get("Content-Length")
        total = held + int(length) if length else None
        with open(part, "ab" if held else "wb") as stream, _progress(title, total, held) as bar:
            for piece in answer.iter_content(PIECE):
                stream.write(piece)
                bar.update(0, advance=len(piece))
    if total is not None and part.stat().st_size < total:
        raise requests.exceptions.ChunkedEncodingError(f"{part.stat().st_size:,} of {total:,} bytes came")


def _progress(title: str, total: int | None, held: int) -> Any:
    """A bar on the terminal's error stream; silent where that is no terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(),
        console=console, disable=not console.is_terminal, transient=True,
    )  # fmt: skip
    bar.add_task(title, total=total, completed=held)
    return bar


def local(path: str) -> Path:
    """A path the user gave, or DataError when nothing is there."""
    found = Path(path).expanduser()
    if not found.exists():
        raise DataError(f"nothing at {path}.{beside(found)} Give the path of a file or folder that exists.")
    return found


def beside(missing: Path) -> str:
    """A sentence that names what lies where nothing was found and is called nearly so, or the folder that is not there."""
    folder = missing.parent
    if not folder.is_dir():
        return f" There is no folder {folder}."
    close = nearest(missing.name, [one.name for one in folder.iterdir()])
    return f" Did you mean {str(folder / close)!r}?" if close else ""


def only_file(path: Path) -> Path:
    """The path of a file, or the only file in a folder; DataError where there are several."""
    if not path.is_dir():
        return path
    files = [one for one in path.iterdir() if one.is_file() and not one.name.startswith(".")]
    if len(files) != 1:
        raise DataError(f"{path} is a folder of {len(files)} files; expected one. Give the path of the file.")
    return files[0]


def read_text(path: Path, expected: str = "text") -> str:
    """A UTF-8 text file (a byte order mark is dropped); DataError where it is empty, `expected` says of what, or names the byte that is not UTF-8."""
    content = path.read_bytes()
    if not content.removeprefix(codecs.BOM_UTF8).strip():
        held = "has 0 bytes" if not content else f"holds blank lines alone, {len(content):,} bytes"
        raise DataError(f"{path} is empty: it {held}. Expected {expected}.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if 0 in content[:LOOKED_AT] and guessed(content) != "utf-16":
            raise DataError(
                f"{path} is not UTF-8 but binary: a byte of 0 at offset {content.index(0)}. Expected {expected}."
            ) from None
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path} is not UTF-8: byte 0x{content[error.start]:02x} at offset {error.start} (line {line}). "
            f"Convert it first, e.g. iconv -f {guessed(content)} -t utf-8 {path.name} > new-{path.name}"
        ) from None


def guessed(content: bytes) -> str:
    """The most likely encoding of what is not UTF-8."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    windows = re.search(
        rb"[\x80-\x9f]", content
    )  # signs such as those of the euro; in latin1 nobody types these
    return "cp1252" if windows else "latin1"


def package_file(package: str, name: str, purpose: str) -> Path:
    """A data file inside an installed package, found without importing the package; MissingExtra when it is absent."""
    from importlib import metadata

    from elman.core.errors import MissingExtra

    try:
        files = metadata.files(package) or []
    except metadata.PackageNotFoundError:
        raise MissingExtra(package, purpose, "samples") from None
    for file in files:
        if str(file).replace("\\", "/").endswith(name):
            return Path(str(file.locate()))
    raise DataError(
        f"the package {package!r} holds no {name}; reinstall it with pip install --force-reinstall {package}."
    )
