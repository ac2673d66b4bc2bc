"""Write a run as plain PyTorch: a script and a notebook that do not import elman."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from elman.cli._flags import parse


@dataclass(frozen=True)
class Eject:
    """Write a run as plain PyTorch, with its data and weights beside it."""

    run: Annotated[Path, tyro.conf.Positional]
    out: Path | None = None  # default: RUN/ejected


def main(arguments: list[str]) -> int:
    """Run the verb."""
    options = parse(Eject, arguments, "eject")
    from elman.eject.write import eject

    script = eject(options.run, options.out)
    lines = len(script.read_text(encoding="utf-8").splitlines())
    print(f"{script} ({lines} lines) and main.ipynb beside it. Run: python {script}")
    return 0
