"""Open a network in the browser: type at it, look inside, change it; a page for this machine alone.

elman open runs/demo-gru-0001
elman open                                            # all runs of the folder runs
elman open runs/demo-gru-0001/checkpoints/last.safetensors
elman open --model shop:network                       # your own torch model: network() in shop.py returns (model, inputs)
elman open --tour                                     # a guided tour on networks that come with the install: what is a gate?
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from elman.cli._flags import parse

if TYPE_CHECKING:
    from elman.web.shelf import Shelf

DEFAULT = Path("runs")


@dataclass(frozen=True)
class Open:
    """Open a network in the browser."""

    run: Annotated[Path, tyro.conf.Positional] = (
        DEFAULT  # a run's folder, a checkpoint of a run, or a folder of runs
    )
    model: str | None = (
        None  # module:function, which returns (model, inputs) or (model, inputs, options of elman.inspect)
    )
    port: int | None = None  # 8321, or the next one that is free
    host: str = "127.0.0.1"  # this machine alone; from another one, use a tunnel (ssh -L)
    tour: bool = (
        False  # begin with the guided tour, on networks whose answers are known unless a run is named
    )


def main(arguments: list[str]) -> int:
    """Run the verb."""
    options = parse(Open, arguments, "open")
    from elman.web.server import listen, new_key, serve

    shelf, tour = shelf_of(options.run, tour=options.tour, model=options.model), options.tour
    if options.model is None and empty(options.run) and not tour:
        print(
            f"There is no run in {options.run} yet (`elman demo` makes two); these networks came with the install."
        )
        tour = True
    held, key = listen(options.host, options.port), new_key()
    print(
        f"Open http://127.0.0.1:{held.getsockname()[1]}/?key={key}{'#tour' if tour else ''}\n(this machine alone; Ctrl-C ends it)",
        flush=True,
    )
    with contextlib.suppress(KeyboardInterrupt):  # its end, as the line above says
        serve(shelf, held, key)
    return 0


def empty(place: Path) -> bool:
    """Whether a folder, or the one that is opened unless another is named, holds no run."""
    from elman.web.shelf import Shelf

    if not place.is_dir():
        return place == DEFAULT and not place.exists()
    return not (place / "run.json").exists() and not Shelf(place).names()


def shelf_of(place: Path, *, tour: bool = False, model: str | None = None) -> Shelf:
    """The runs beside a run, that run first, or a checkpoint of it; or those of a folder, a `model` before them. Where it is empty,
    and for the tour where no other place is named, the networks that come with the install.

    Raises RunError where there is no such run or its weights cannot be read, UserError where there is no such model.
    """
    from elman.run import BEST, Run
    from elman.shipped import shipped
    from elman.web.shelf import Shelf
    from elman.workbench import explain

    if model is not None:
        from elman.own import own
        from elman.web.model import ModelSubject

        run_itself = (place / "run.json").exists()
        return Shelf(
            place.resolve().parent if run_itself else place, model=ModelSubject(own(model)), explain=explain
        )
    if empty(place) or (tour and place == DEFAULT):
        return Shelf(shipped(), explain=explain)
    if place.is_dir() and not (place / "run.json").exists():
        return Shelf(place, explain=explain)
    if place.is_file() or place.suffix == ".safetensors":
        run = Run.of_checkpoint(place)
        _ = run.network  # what is wrong with its weights is told here, not on every page
        name = run.name if run.checkpoint == BEST else f"{run.name}@{run.checkpoint}"
        return Shelf(run.folder.parent, name, explain=explain)
    run = Run.open(place)
    _ = run.recipe  # no page of the run would show anything without it
    return Shelf(run.folder.resolve().parent, run.name, explain=explain)
