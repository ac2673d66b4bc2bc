"""Let a language model write."""

from __future__ import annotations

from pathlib import Path

import torch

from elman.core.errors import RecipeError
from elman.run import Run


def generate(
    run: Run | str | Path,
    prompt: str = "\n",
    *,
    length: int = 500,
    temperature: float = 0.8,
    top_k: int | None = None,
    seed: int | None = None,
) -> str:
    """`length` tokens after the prompt, each drawn from softmax(logits / temperature); temperature 0 takes the most probable.

    `top_k` draws from the k most probable only. Padding and <unk> are never drawn. Raises RecipeError for a run that is no language model.
    """
    run = Run.open(run)
    if run.recipe.task != "language_modelling":
        raise RecipeError(
            f"generate needs a language model; {run.name} does {run.recipe.task}. Train one: elman train FILE.txt"
        )
    if not 0 <= temperature < float("inf") or length < 1 or (top_k is not None and top_k < 1):
        raise RecipeError("temperature must be at least 0, length and top_k at least 1.")
    encoder, network = run.encoder.text, run.network
    numbers = encoder.encode(prompt or "\n").tolist()
    draw = torch.Generator()
    if seed is None:
        draw.seed()
    else:
        draw.manual_seed(seed)
    inputs, state, written = torch.tensor([numbers]), None, []
    with torch.no_grad():
        for _ in range(length):
            output = network(inputs, None, state)
            state, logits = output.state, output.values[0, -1].float()
            logits[:2] = float("-inf")
            if top_k:
                logits[logits < logits.topk(min(top_k, len(logits))).values[-1]] = float("-inf")
            if temperature == 0:
                chosen = int(logits.argmax())
            else:
                chosen = int(torch.multinomial((logits / temperature).softmax(-1), 1, generator=draw))
            written.append(chosen)
            inputs = torch.tensor([[chosen]])
    return str(encoder.decode([*numbers, *written]))
