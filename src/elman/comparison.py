"""Runs side by side: their scores on the same examples, with a paired test, and what differs in their recipes.

```python
print(elman.compare(["runs/a", "runs/b"], split="test"))
```
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from elman.core.errors import RunError
from elman.evaluation.compare import Comparison
from elman.evaluation.compare import compare as compared
from elman.run import Run


def compare(
    runs: Sequence[Run | str | Path], split: Literal["validation", "test"] = "validation"
) -> Comparison:
    """The first of the runs (or their folders) beside each of the others.

    Raises RunError for fewer than two, and for runs whose numbers cannot be held against each other: other data, other questions.
    """
    if isinstance(runs, (str, Path, Run)) or len(runs) < 2:
        raise RunError("compare needs at least two runs, in a list.")
    return compared([Run.open(run) for run in runs], split)
