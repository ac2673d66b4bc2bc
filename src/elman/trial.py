"""Before a training: what it would be, and at which learning rate; nothing is kept."""

from __future__ import annotations

import time

from elman.core.recipe import Recipe
from elman.core.seeds import seed_everything
from elman.preparation import prepare
from elman.training.find_rate import RateFound
from elman.training.find_rate import find_rate as search_rate


def dry_run(recipe: Recipe, steps: int = 3) -> str:
    """Load, encode, build and take a few steps; says what a training would be, writes nothing."""
    prepared = prepare(recipe)
    recipe, task, encoded = prepared.recipe, prepared.task, prepared.encoded
    network, losses, feed = task.network(encoded.encoder, recipe), [], encoded.feeds["train"]
    objective, began = task.objective(encoded, recipe), time.perf_counter()
    for batch, _ in zip(feed.batches(recipe.training.batch_size or 64), range(steps)):
        loss = objective(network, batch, None).loss
        loss.backward()  # type: ignore[no-untyped-call]
        losses.append(loss.item())
    each, count = (time.perf_counter() - began) / steps, feed.steps(recipe.training.batch_size or 64)
    sizes = ", ".join(f"{len(one):,} {split}" for split, one in encoded.feeds.items())
    lines = [recipe.to_toml(), f"data: {sizes}", *encoded.summary, task.plan(network, encoded)]
    lines.append(
        f"loss of {steps} steps: {', '.join(f'{loss:.3f}' for loss in losses)}; {each:.3f} s each, {count:,} steps an epoch"
    )
    return "\n".join(lines)


def find_rate(recipe: Recipe) -> RateFound:
    """Search for a learning rate with a range test on the training split; nothing is kept."""
    prepared = prepare(recipe)
    seed_everything(recipe.training.seed)
    network = prepared.task.network(prepared.encoded.encoder, prepared.recipe)
    objective = prepared.task.objective(prepared.encoded, prepared.recipe)
    return search_rate(network, objective, prepared.encoded.feeds["train"], prepared.recipe.training)
