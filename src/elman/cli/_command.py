"""`elman VERB ...`: finds the verb's file in `cli/` and hands over; imports nothing else."""

from __future__ import annotations

import importlib
import os
import re
import sys

from elman.core.catalogue import catalogue
from elman.core.errors import ElmanError, UnknownName

ORDER = (
    "demo",
    "data",
    "train",
    "evaluate",
    "explain",
    "report",
    "compare",
    "predict",
    "generate",
    "eject",
    "cells",
)


def overview() -> str:
    """The text of `elman --help`, made from the first lines of the verbs' files."""
    verbs = catalogue("cli")
    names = [name for name in ORDER if name in verbs] + [name for name in verbs if name not in ORDER]
    lines = [f"  {name:<10} {verbs[name].summary}" for name in names]
    return "\n".join(
        [
            "elman: train recurrent networks, and find the structure in time.",
            "",
            "usage: elman VERB [options]       (elman VERB --help tells the options)",
            "",
            *lines,
            "",
            "Start with: elman demo",
        ]
    )


def run(arguments: list[str]) -> int:
    """Run a command line; returns its exit status. KeyboardInterrupt goes through."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    if arguments[0] in ("-V", "--version"):
        from elman import __version__

        print(f"elman {__version__}")
        return 0
    verb, rest = arguments[0], arguments[1:]
    try:
        if verb not in catalogue("cli"):
            raise UnknownName("verb", verb, catalogue("cli"))
        status = importlib.import_module(f"elman.cli.{verb}").main(rest)
        return int(status or 0)
    except ElmanError as error:
        print(f"elman {verb}: {error}", file=sys.stderr)
        return error.exit_status
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        if error.filename is None:
            raise
        # A path of the user's that nobody asked about before: a folder for a file, no permission, not there.
        print(f"elman {verb}: {error.filename}: {error.strerror}.", file=sys.stderr)
        return 2
    except (MemoryError, RuntimeError) as error:  # torch has the second for it
        if not isinstance(error, MemoryError) and not re.search("allocate memory|out of memory", str(error)):
            raise
        asked = re.search(r"allocate ([\d.]+ ?\w+)", str(error))
        wanted = f": {asked[1]} more were wanted" if asked else ""
        print(
            f"elman {verb}: not enough memory{wanted}. Smaller are --hidden-size, --batch-size, and --max-length or --context-length.",
            file=sys.stderr,
        )
        return 1
