"""Let a language model write: a whole text, or token by token with what else it could have written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from elman.core.errors import RecipeError
from elman.run import Run


@dataclass(frozen=True)
class Written:
    """One token that was drawn: its number, how it is written, the network's probability of it, and of the most probable ones.

    `others` are (number, token, probability), best first; probabilities are the network's own, before temperature and top_k.
    """

    number: int
    token: str
    share: float
    others: tuple[tuple[int, str, float], ...]


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
    run = _language_model(run)
    numbers = run.encoder.text.encode(prompt or "\n").tolist()
    drawn = _drawn(run, numbers, length, temperature, top_k, seed)
    return str(run.encoder.text.decode([*numbers, *(chosen for chosen, _ in drawn)]))


def write(
    run: Run | str | Path,
    prompt: str = "\n",
    after: Sequence[int] = (),
    *,
    length: int = 100,
    temperature: float = 0.8,
    top_k: int | None = None,
    seed: int | None = None,
    shown: int = 8,
) -> Iterator[Written]:
    """As `generate`, one `Written` for each new token as it is drawn, with the `shown` most probable ones beside it.

    `after` are numbers of tokens that stand behind the prompt already: those of an earlier call up to where another is wanted.
    """
    run = _language_model(run)
    text = run.encoder.text
    numbers, most = text.encode(prompt or "\n").tolist(), len(text.vocabulary)
    wrong = [number for number in after if not 2 <= number < most]
    if wrong:
        raise RecipeError(f"token {wrong[0]} cannot be written; this vocabulary has 2 to {most - 1}.")
    for chosen, logits in _drawn(run, [*numbers, *after], length, temperature, top_k, seed):
        shares = logits.softmax(-1)
        best = shares.topk(min(shown, most - 2))
        others = tuple(
            (number, text.decode([number]), share)
            for number, share in zip(best.indices.tolist(), best.values.tolist())
        )
        yield Written(chosen, text.decode([chosen]), float(shares[chosen]), others)


def _language_model(run: Run | str | Path) -> Run:
    run = Run.open(run)
    if run.recipe.task != "language_modelling":
        raise RecipeError(
            f"generate needs a language model; {run.name} does {run.recipe.task}. Train one: elman train FILE.txt"
        )
    return run


def _drawn(
    run: Run, numbers: list[int], length: int, temperature: float, top_k: int | None, seed: int | None
) -> Iterator[tuple[int, Tensor]]:
    """Each token that is drawn, and the logits that the network gave (vocab,), -inf for padding and <unk>."""
    if not 0 <= temperature < float("inf"):
        raise RecipeError(f"temperature is {temperature}; expected 0 or more, and a finite number.")
    for name, count in (("length", length), ("top_k", top_k)):
        if count is not None and count < 1:
            raise RecipeError(f"{name} is {count}; expected 1 or more.")
    draw = torch.Generator()
    if seed is None:
        draw.seed()
    else:
        draw.manual_seed(seed)
    inputs, state = torch.tensor([numbers]), None
    for _ in range(length):
        with torch.no_grad():
            output = run.network(inputs, None, state)
            state, logits = output.state, output.values[0, -1].float()
            logits[:2] = float("-inf")
            sharper = logits.clone()
            if top_k:
                sharper[sharper < sharper.topk(min(top_k, len(logits))).values[-1]] = float("-inf")
            if temperature == 0:
                chosen = int(sharper.argmax())
            else:
                chosen = int(torch.multinomial((sharper / temperature).softmax(-1), 1, generator=draw))
        yield chosen, logits
        inputs = torch.tensor([[chosen]])
