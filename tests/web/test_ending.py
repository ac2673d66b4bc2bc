"""How `elman open` ends."""

from __future__ import annotations

import socket

import pytest

from elman.__main__ import main
from elman.web import server


def test_ctrl_c_is_its_end_and_no_mistake(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(shelf: object, held: socket.socket, key: str) -> None:
        held.close()
        raise KeyboardInterrupt

    monkeypatch.setattr(server, "serve", interrupted)
    assert main(["open", "--tour", "--port", "0"]) == 0
    out, error = capsys.readouterr()
    assert "Ctrl-C ends it" in out and not error
