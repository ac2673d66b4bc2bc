"""Look inside a run: memory, attribution, gates, dynamics, probes, units, errors and more; all questions, or some.

readout, errors, calibration, ngrams, memory, context, connectivity, attribution, gates, dynamics, probes, interventions, units, spans, saturation,
behaviour, training

elman explain runs/syllables-gru-0001
elman explain runs/syllables-gru-0001 memory gates
elman explain runs/syllables-gru-0001 memory --pictures svg
elman explain runs/shakespeare-gru-0001 dynamics --at e q
elman explain runs/weather-gru-0001 dynamics --by temperature
elman explain runs/imdb-gru-0001 behaviour --suite mine.toml
elman explain runs/ett-gru-0001 attribution --horizon 96 --method occlusion
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from elman.cli._flags import parse


@dataclass(frozen=True)
class Explain:
    """Look inside a run; writes findings.json and the report."""

    run: Annotated[Path, tyro.conf.Positional]
    questions: Annotated[tuple[str, ...], tyro.conf.Positional] = ()  # names as above; all when none is given
    at: tuple[
        str, ...
    ] = ()  # tokens, or values such as 0.5 or 0.5,-1, under which dynamics seeks points of rest
    by: tuple[
        str, ...
    ] = ()  # class, or features, by which dynamics colours the state's way; the class when none is given
    pictures: Literal["svg", "png", "html"] | None = (
        None  # write each picture into the run's folder findings/, too
    )
    method: str | None = (
        None  # of attribution: integrated_gradients, gradient, gradient_times_input, occlusion, shapley, decomposition
    )
    horizon: int | None = None  # of attribution: the step of a forecast that is explained
    suite: Path | None = None  # of behaviour: a TOML file with the tests


def main(arguments: list[str]) -> int:
    """Run the verb."""
    options = parse(Explain, arguments, "explain")
    from elman import workbench
    from elman.cli._terminal import Terminal

    screen = Terminal()
    found = workbench.explain(
        options.run,
        options.questions,
        at=options.at,
        by=options.by,
        pictures=options.pictures,
        method=options.method,
        horizon=options.horizon,
        suite=options.suite,
        listener=screen,
    )
    names = [f"{finding.question}.{options.pictures}" for finding in found]
    drawn = [name for name in names if (options.run / "findings" / name).exists()]
    if options.pictures and drawn:
        where = (options.run / "findings").as_posix()
        screen.console.print(f"[bold]pictures[/] {where}: {', '.join(drawn)}", soft_wrap=True)
    return 0
