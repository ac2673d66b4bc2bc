"""What the loop tells: lines where there is no terminal, a bar where there is one, nothing when silent."""

from __future__ import annotations

import io

from elman.training import progress
from elman.training.progress import Bar, Lines, Progress

from .test_loop import run


def test_lines_show_loss_metric_rival_and_time(tmp_path, capsys):
    _, history = run(tmp_path, progress=Lines(), rival=("last_value", 1.25))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(history.rows) == 6
    assert lines[0].startswith("step      4/24") and f"nats {history.rows[0]['nats']:.4f}" in lines[0]
    assert all("last_value 1.2500" in line and "left" in line for line in lines)


def test_silence(tmp_path, capsys):
    run(tmp_path, progress=Progress())
    assert capsys.readouterr() == ("", "")


def test_a_bar_shows_the_gap_to_the_rival(tmp_path, monkeypatch):
    import rich.progress
    from rich.console import Console

    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=140)
    whole = rich.progress.Progress
    monkeypatch.setattr(rich.progress, "Progress", lambda *columns: whole(*columns, console=console))
    _, history = run(tmp_path, progress=Bar(), rival=("last_value", 1.25))
    text = shown.getvalue()
    assert f"({history.rows[-1]['nats'] - 1.25:+.4f} to last_value)" in text and "24/24" in text


def test_the_choice_is_the_terminals(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stdout", Terminal())
    assert isinstance(progress.for_terminal(), Bar)
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert isinstance(progress.for_terminal(), Lines)


def test_a_validation_without_a_step_before_has_no_loss(capsys):
    from elman.training.progress import Lines

    lines = Lines()
    lines.start(10, 0, None, None)
    lines.validated({"step": 4, "train_loss": None, "accuracy": 0.5}, "accuracy", True)
    lines.validated({"step": 5, "train_loss": 0.25, "accuracy": 0.5}, "accuracy", True)
    first, second = capsys.readouterr().out.splitlines()
    assert "loss" not in first and "loss 0.2500" in second
