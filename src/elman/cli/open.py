"""Open a run in the browser: type at it, look inside, change it; a page for this machine alone.

elman open runs/demo-gru-0001
elman open                       # all runs of the folder runs
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from elman.cli._flags import parse
from elman.core.errors import RunError

if TYPE_CHECKING:
    from elman.web.shelf import Shelf


@dataclass(frozen=True)
class Open:
    """Open a run in the browser."""

    run: Annotated[Path, tyro.conf.Positional] = Path("runs")  # a run's folder, or a folder of runs
    port: int | None = None  # 8321, or the next one that is free
    host: str = "127.0.0.1"  # this machine alone; from another one, use a tunnel (ssh -L)


def main(arguments: list[str]) -> int:
    """Run the verb."""
    options = parse(Open, arguments, "open")
    from elman.web.server import listen, new_key, serve

    held = listen(options.host, options.port)
    shelf = shelf_of(options.run)
    key = new_key()
    print(
        f"Open http://127.0.0.1:{held.getsockname()[1]}/?key={key}\n(this machine alone; Ctrl-C ends it)",
        flush=True,
    )
    serve(shelf, held, key)
    return 0


def shelf_of(place: Path) -> Shelf:
    """The runs beside a run, that run first; or those of a folder. Raises RunError where there is none."""
    from elman.run import Run
    from elman.web.shelf import Shelf

    if place.is_dir() and not (place / "run.json").exists():
        shelf = Shelf(place)
        if not shelf.names():
            raise RunError(f"there is no run in {place}. `elman demo` makes two.")
        return shelf
    run = Run.open(place)
    return Shelf(run.folder.resolve().parent, run.name)
