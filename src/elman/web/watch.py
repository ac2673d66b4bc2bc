"""What a question to a network costs and how far it is, told to the job that asks it; a cancelled job ends there."""

from __future__ import annotations

from elman.interpretation.cost import Cost
from elman.web.jobs import Job


class Watching:
    """A `Watch` that tells a job."""

    def __init__(self, told: Job, words: str = "asking the network") -> None:
        self.told, self.words = told, words

    def asking(self, cost: Cost) -> None:
        """Say about how long it takes."""
        if cost.seconds is not None:
            self.words += f", about {max(1, round(cost.seconds)):,} s"
        self.told(0.1, self.words)

    def answering(self, share: float) -> None:
        """So much of the work is done."""
        self.told(0.1 + 0.9 * share, self.words)
