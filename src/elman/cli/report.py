"""Write a run's report.html again from what is in its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from elman.cli._flags import parse


@dataclass(frozen=True)
class Report:
    """Write a run's report.html again."""

    run: Annotated[Path, tyro.conf.Positional]


def main(arguments: list[str]) -> int:
    """Run the verb."""
    options = parse(Report, arguments, "report")
    from elman.web.still_section import write_run_report

    print(write_run_report(options.run))
    return 0
