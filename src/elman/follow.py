"""`python -m elman.follow FOLDER`: one of several training processes of a run; started by `elman.training.followers` alone."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from elman import workbench
from elman.core.seeds import seed_everything
from elman.run import Run
from elman.training.followers import READY
from elman.training.loop import follow


def main() -> None:
    """Load the run's data, say that all is ready, and follow."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that leads
    folder, resume = Path(sys.argv[1]), "--resume" in sys.argv
    run = Run.open(folder)
    prepared = workbench.prepare(run.recipe, run.encoder)
    recipe, task, encoded = prepared.recipe, prepared.task, prepared.encoded
    seed_everything(recipe.training.seed)
    network = task.network(encoded.encoder, recipe)
    objective = task.objective(encoded, recipe)
    seed_everything(recipe.training.seed + 7919 * int(os.environ["LOCAL_RANK"]))  # other dropout masks
    print(READY, flush=True)
    follow(network, objective, encoded.feeds["train"], recipe.training, folder=folder, resume=resume)


if __name__ == "__main__":
    main()
