"""The exceptions Elman raises.

```
ElmanError                    something Elman reports in one sentence (exit status 1)
├── UserError                 the user can mend it (exit status 2)
│   ├── UnknownName           a name that is not in the catalogue
│   ├── DataError             a file or table that cannot be used as it is
│   ├── RecipeError           options that contradict each other or do not fit the data
│   ├── RunError              a run folder or checkpoint that is corrupt, foreign or newer
│   └── MissingExtra          an optional package that is not installed
├── StorageError              the disk is full or not writable; what was saved before is intact
└── TrainingDiverged          the loss is not a number any more; the last good checkpoint is kept
```
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ElmanError(Exception):
    """Base of all our exceptions; `exit_status` is what the command line returns."""

    exit_status = 1


class UserError(ElmanError):
    """A mistake the user can mend. The message says what was given, what was expected, and the fix."""

    exit_status = 2


def nearest(given: str, known: Iterable[str]) -> str | None:
    """The name in `known` closest to `given`, or None when none is close."""
    lowered = {name.lower(): name for name in known}
    match = difflib.get_close_matches(given.lower(), lowered, n=1)
    return lowered[match[0]] if match else None


class UnknownName(UserError):
    """`given` is not one of `known`: names the nearest and lists the rest."""

    def __init__(self, kind: str, given: str, known: Iterable[str]) -> None:
        known = sorted(known)
        close = nearest(given, known)
        hint = f" Did you mean {close!r}?" if close else ""
        plain = [name if name.isprintable() and name.strip() == name != "" else repr(name) for name in known]
        super().__init__(f"unknown {kind} {given!r}.{hint} Known: {', '.join(plain) or 'none'}.")
        self.kind, self.given, self.known, self.close = kind, given, known, close


class DataError(UserError):
    """A file or table that cannot be used as it is."""


class RecipeError(UserError):
    """Options that contradict each other or do not fit the data."""


class RunError(UserError):
    """A run folder or checkpoint that is missing, corrupt, foreign or newer than this version."""


class MissingExtra(UserError):
    """An optional package is not installed; the message names the `pip install` that mends it."""

    def __init__(self, package: str, purpose: str, extra: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed. "
            f"Install it with: pip install 'elman[{extra}]'"
        )


class StorageError(ElmanError):
    """The disk refused a write; files written before are intact."""


class TrainingDiverged(ElmanError):
    """The loss became NaN or infinite; the last good checkpoint is kept."""
