"""Archives that mean harm are refused with the name of the member; honest ones are read whole."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile

import pytest

from elman.core.errors import DataError
from elman.data import archive

GOOD = {
    "set/readme.txt": b"about",
    "set/train/a.txt": b"one",
    "set/train/b.txt": b"two" * 1000,
    "set/empty.txt": b"",
}


def tar(path, members=(), mode="w:gz", files=GOOD):
    with tarfile.open(path, mode) as packed:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
        for member, content in members:
            packed.addfile(member, io.BytesIO(content) if content else None)
    return path


def zipped(path, members=(), files=GOOD):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in [*files.items(), *members]:
            packed.writestr(name, content)
    return path


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tgz", "a.tar.bz2", "a.tar.xz", "a.zip"])
def test_honest_archives(tmp_path, name):
    path = tmp_path / name
    modes = {"a.tar": "w", "a.tar.bz2": "w:bz2", "a.tar.xz": "w:xz"}
    made = zipped(path) if name.endswith("zip") else tar(path, mode=modes.get(name, "w:gz"))
    assert archive.is_archive(made) and dict(archive.members(made)) == GOOD
    assert dict(archive.members(made, lambda name: "/train/" in name)) == {
        name: content for name, content in GOOD.items() if "/train/" in name
    }
    assert archive.first(made, "b.txt") == GOOD["set/train/b.txt"]
    with pytest.raises(DataError, match=r"holds no \.csv"):
        archive.first(made, ".csv")


def info(name, kind=tarfile.REGTYPE, size=0, target=""):
    member = tarfile.TarInfo(name)
    member.type, member.size, member.linkname = kind, size, target
    return member


HOSTILE = {
    "absolute": (info("/etc/cron.d/x", size=1), b"x", "'/etc/cron.d/x' is an absolute path"),
    "drive": (info("C:\\x.txt", size=1), b"x", "an absolute path"),
    "up": (info("set/../../x.txt", size=1), b"x", "leads out of its folder"),
    "up by backslash": (info("set\\..\\..\\x.txt", size=1), b"x", "leads out of its folder"),
    "symbolic link": (info("set/link", tarfile.SYMTYPE, target="/etc/passwd"), b"", "'set/link' is a link"),
    "hard link": (info("set/hard", tarfile.LNKTYPE, target="set/readme.txt"), b"", "'set/hard' is a link"),
    "device": (info("set/null", tarfile.CHRTYPE), b"", "a device or special file"),
    "block device": (info("set/disk", tarfile.BLKTYPE), b"", "a device or special file"),
    "pipe": (info("set/pipe", tarfile.FIFOTYPE), b"", "a device or special file"),
    "twice": (info("set/readme.txt", size=1), b"x", "a second member of that name"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_tar(tmp_path, case):
    member, content, words = HOSTILE[case]
    made = tar(tmp_path / "bad.tar.gz", [(member, content)])
    for wanted in (
        lambda name: True,
        lambda name: name == "set/train/a.txt",
    ):  # also where nobody asks for it
        with pytest.raises(DataError) as caught:
            list(archive.members(made, wanted))
        assert words in str(caught.value) and "refused" in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.tar.gz"]


def zip_info(name, mode=stat.S_IFREG | 0o644):
    member = zipfile.ZipInfo(name)
    member.external_attr = mode << 16
    return member


@pytest.mark.parametrize(
    ("name", "mode", "words"),
    [
        ("/etc/x", stat.S_IFREG, "an absolute path"),
        ("../x", stat.S_IFREG, "leads out of its folder"),
        ("set\\..\\..\\x", stat.S_IFREG, "leads out of its folder"),
        ("set/link", stat.S_IFLNK, "'set/link' is a link"),
        ("set/null", stat.S_IFCHR, "a device or special file"),
        ("set/pipe", stat.S_IFIFO, "a device or special file"),
    ],
)
def test_hostile_zip(tmp_path, name, mode, words):
    made = zipped(tmp_path / "bad.zip", [(zip_info(name, mode | 0o777), b"x")])
    with pytest.raises(DataError) as caught:
        list(archive.members(made, lambda name: name == "set/train/a.txt"))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "kind", ["tar", "tar, not asked for", "tar that announces it", "header", "zip", "zip that lies"]
)
def test_a_bomb_is_refused_before_it_goes_off(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(archive, "ALWAYS", 1 << 20)
    path, zeros = tmp_path / "bomb", bytes(30 << 20)
    if kind.startswith("zip"):
        zipped(path, [("set/bomb.txt", zeros)])
        if kind == "zip that lies":  # both headers say ten bytes
            content = path.read_bytes()
            path.write_bytes(content.replace(struct.pack("<L", len(zeros)), struct.pack("<L", 10)))
    elif kind == "header":  # an extended header of 30 MB of zeros, which a reader holds in memory
        extended = info("././@PaxHeader", tarfile.XHDTYPE, size=len(zeros)).tobuf(tarfile.USTAR_FORMAT)
        path.write_bytes(gzip.compress(extended + zeros))
    elif kind == "tar that announces it":
        path.write_bytes(gzip.compress(info("set/bomb.txt", size=1 << 40).tobuf(tarfile.GNU_FORMAT)))
    else:
        tar(path, [(info("set/bomb.txt", size=len(zeros)), zeros)])
    with pytest.raises(DataError) as caught:
        list(archive.members(path, lambda name: kind != "tar, not asked for"))
    if kind == "zip that lies":
        assert "damaged" in str(caught.value)
    else:
        assert "unpacks to more than" in str(caught.value)
        assert kind == "header" or "'set/bomb.txt'" in str(caught.value)


@pytest.mark.parametrize(
    "pack", [gzip.compress, bz2.compress, lzma.compress, bytes], ids=lambda pack: pack.__module__
)
def test_cut_off_and_foreign(tmp_path, pack):
    made = tar(tmp_path / "a.tar", mode="w", files={"a.txt": bytes(range(256)) * 400})
    (tmp_path / "cut").write_bytes(
        pack(made.read_bytes())[:-20] if pack is not bytes else made.read_bytes()[:5000]
    )
    (tmp_path / "page").write_bytes(pack(b"<html>not found</html>"))
    for name in ("cut", "page"):
        with pytest.raises(DataError, match="damaged or cut off"):
            list(archive.members(tmp_path / name))
    if pack is not bytes:  # one bit wrong, far from every header
        packed = bytearray(pack(made.read_bytes()))
        packed[len(packed) - 6] ^= 1
        (tmp_path / "flipped").write_bytes(packed)
        with pytest.raises(DataError, match="damaged or cut off"):
            list(archive.members(tmp_path / "flipped"))
    whole = zipped(tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(whole[:-30])
    with pytest.raises(DataError, match="damaged or cut off"):
        list(archive.members(tmp_path / "a.zip"))
