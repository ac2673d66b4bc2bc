"""The pack that ships: every analysis finds what is known, and one that is wrong is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from elman import known_answers
from elman.__main__ import main


@pytest.mark.parametrize(
    "known", known_answers.known_answers(), ids=lambda known: f"{known.network}: {known.quantity}"
)
def test_known(known):
    assert known.holds(known.measure())


def test_the_command_tells_right_from_wrong(monkeypatch, capsys):
    first = known_answers.known_answers()[0]
    monkeypatch.setattr(known_answers, "known_answers", lambda: (first, replace(first, expected=1.0)))
    assert main(["check", "analyses"]) == 1
    shown = capsys.readouterr().out
    assert "right  connectivity" in shown and "WRONG  connectivity" in shown and "do not trust" in shown
    monkeypatch.setattr(known_answers, "known_answers", lambda: (first,))
    assert main(["check", "analyses"]) == 0
    assert main(["check", "analyses", "more"]) == 2
