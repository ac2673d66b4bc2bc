"""Getting a file once: a checked download into the cache, or a copy the user already has."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from elman.core.errors import DataError


def cache_folder() -> Path:
    """Where downloads and prepared data live: ELMAN_CACHE, or the platform's cache folder."""
    import pooch

    return Path(os.environ.get("ELMAN_CACHE") or pooch.os_cache("elman"))


def mirrored(url: str) -> str:
    """The URL to ask instead, by ELMAN_MIRROR: "PREFIX=REPLACEMENT" pairs separated by spaces."""
    for pair in os.environ.get("ELMAN_MIRROR", "").split():
        prefix, _, replacement = pair.partition("=")
        if prefix and url.startswith(prefix):
            return replacement + url[len(prefix) :]
    return url


def download(url: str, checksum: str, name: str, title: str) -> Path:
    """The file behind `url`, from the cache or downloaded with its checksum ("sha256:..." or "md5:...").

    Raises DataError, with the way round it, where the server does not answer or the bytes are not the known ones.
    """
    import pooch
    import requests

    target = mirrored(url)
    help_text = f"Fetch {url} yourself and pass it with --path, or set ELMAN_MIRROR to a copy you reach."
    try:
        path = pooch.retrieve(
            target,
            known_hash=checksum,
            fname=name,
            path=cache_folder() / "downloads",
            downloader=pooch.HTTPDownloader(progressbar=False, timeout=30),
        )
    except ValueError as error:
        raise DataError(f"{title} arrived damaged: its checksum is not {checksum}. {help_text}") from error
    except (requests.RequestException, OSError) as error:
        print(f"download of {target} failed: {error}", file=sys.stderr)
        raise DataError(f"{title} could not be downloaded from {target}. {help_text}") from error
    return Path(path)


def local(path: str) -> Path:
    """A path the user gave, or DataError when nothing is there."""
    found = Path(path).expanduser()
    if not found.exists():
        raise DataError(f"nothing at {path}. Give the path of a file or folder that exists.")
    return found


def read_text(path: Path) -> str:
    """A UTF-8 text file (a byte order mark is dropped); DataError names the byte that is not UTF-8."""
    content = path.read_bytes()
    if not content.strip():
        raise DataError(f"{path} is empty. Expected text.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path} is not UTF-8: byte 0x{content[error.start]:02x} at offset {error.start} (line {line}). "
            f"Convert it first, e.g. iconv -f latin1 -t utf-8 {path.name} > new-{path.name}"
        ) from None


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
