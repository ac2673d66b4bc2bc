"""Networks that come with the install, as runs: built by hand, so that what they do inside is known.

`shipped()` makes them once, in the cache, and gives the folder that holds them: `elman open --tour`. Nothing is trained; they are
measured beside rivals like any run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from elman import __version__
from elman.core.environment import environment
from elman.core.files import write_json, write_text
from elman.data.cache import cache_folder, locked
from elman.known_networks import parity_network
from elman.models.network import TokenNetwork
from elman.recipes import as_recipe
from elman.run import Run, stamp
from elman.training.checkpoint import save_weights
from elman.workbench import evaluate, prepare

SURE = 20.0  # where sigmoid and tanh are 0 or 1 to float32
DEEPEST = 5  # depth that has an answer of its own; the last answer is "5+"
COUNT, LONGEST = 600, 24  # texts of a network, and their longest


@dataclass(frozen=True)
class Shipped:
    """One network: what is known of it in one sentence, a first text, settings, texts with their answers, and its weights."""

    name: str
    known: str
    first: str
    settings: dict[str, Any]
    examples: Callable[[np.random.Generator], Iterator[tuple[str, str]]]
    build: Callable[[TokenNetwork, Sequence[str], Sequence[str]], None]


def shipped() -> Path:
    """The folder with the runs of all shipped networks; they are made when they are not there. Raises StorageError where they cannot be."""
    made = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    folder = cache_folder() / "shipped" / f"{__version__}-{made}"
    with locked(folder, "the networks that come with the install"):
        for each in SHIPPED:
            if not (folder / each.name / "scores.json").exists():
                make(each, folder)
    return folder


def make(each: Shipped, folder: Path) -> Run:
    """A run of a shipped network in `folder`; its texts stand beside it as a table."""
    table = folder / f"{each.name}.jsonl"  # which keeps 0110 a text
    draw = np.random.default_rng(0)
    rows = dict(row for _ in range(COUNT) for row in each.examples(draw))
    write_text(
        table, "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows.items())
    )
    recipe = as_recipe(
        str(table.resolve()), task="classification", text="text", label="label", tokenizer="characters", pooling="last", lowercase=False,
        max_length=20_000, **each.settings
    )  # fmt: skip
    prepared = prepare(recipe)
    recipe, encoder = prepared.recipe, prepared.encoded.encoder
    network = prepared.task.network(encoder, recipe)
    assert isinstance(network, TokenNetwork)
    with torch.no_grad():
        for weight in network.parameters():
            weight.zero_()
        each.build(network, encoder.text.vocabulary.tokens, encoder.labels)
    facts = {"version": __version__, "started": stamp(), "provenance": prepared.dataset.provenance}
    facts |= {"summary": prepared.encoded.summary, "plan": prepared.task.plan(network, prepared.encoded)}
    facts |= {"parameters": sum(one.numel() for one in network.parameters()), "first": each.first}
    facts |= {"shipped": each.name, "known": each.known}
    run = Run.create(folder / each.name, recipe, encoder.to_dict(), facts)
    write_json(run.folder / "environment.json", environment())
    save_weights(run.folder / "checkpoints" / "best.safetensors", network.state_dict())
    run.note(finished=stamp())
    evaluate(run, prepared=prepared)
    return run


def depth(text: str) -> int:
    """How many brackets are open at the end of a text since its last full stop."""
    piece = text.rpartition(".")[2]
    return piece.count("(") - piece.count(")")


def _bracket_texts(draw: np.random.Generator) -> Iterator[tuple[str, str]]:
    """Brackets that never close what is not open, letters between them, now and then a full stop."""
    text = ""
    for _ in range(int(draw.integers(1, LONGEST))):
        text += str(draw.choice(list("((()))a." if depth(text) else "(((a.")))
    found = depth(text)
    yield text, f"{DEEPEST}+" if found >= DEEPEST else str(found)


def _count_brackets(network: TokenNetwork, tokens: Sequence[str], labels: Sequence[str]) -> None:
    """An LSTM of one unit: brackets enter, a full stop closes the forget gate, and c is the depth (after Suzgun et al. 2019)."""
    kinds = {"(": 0, ")": 1, ".": 2}
    for number, token in enumerate(tokens):
        if number:  # padding stays at zero
            network.inputs.embedding.weight[number, kinds.get(token, 3)] = 1.0
    _cell(network.rnn).ih.weight.copy_(
        SURE * torch.tensor(
            [
                [1.0, 1.0, -1.0, -1.0],  # input gate: brackets alone
                [1.0, 1.0, -1.0, 1.0],  # forget gate: all but a full stop keep
                [1.0, -1.0, 0.0, 1.0],  # candidate: a letter would count, too, if the input gate let it
                [1.0, 1.0, 1.0, 1.0],  # output gate: open
            ]
        )
    )  # fmt: skip
    # Logits are lines over h; two that follow each other meet halfway between their depths, ten nats apart at either one.
    at = torch.arange(DEEPEST + 1).double().tanh()
    steep = 20.0 / (at[1:] - at[:-1])
    slopes = torch.cat([torch.zeros(1), steep.cumsum(0)])
    starts = torch.cat([torch.zeros(1), (-steep * (at[1:] + at[:-1]) / 2).cumsum(0)])
    _head(network, [int(label.rstrip("+")) for label in labels], slopes[:, None], starts)


def _bit_texts(draw: np.random.Generator) -> Iterator[tuple[str, str]]:
    text = "".join(draw.choice(["0", "1"], int(draw.integers(1, LONGEST))))
    yield text, "odd" if text.count("1") % 2 else "even"


def _parity(network: TokenNetwork, tokens: Sequence[str], labels: Sequence[str]) -> None:
    """Two ReLU units whose sum is 1 after an odd number of ones, else 0: the network of the known answers."""
    network.inputs.embedding.weight[tokens.index("1")] = 1.0
    _cell(network.rnn).load_state_dict(_cell(parity_network()).state_dict())
    weights, biases = torch.tensor([[0.0, 0.0], [2.0, 2.0]]), torch.tensor([0.0, -1.0])
    _head(network, [("even", "odd").index(label) for label in labels], SURE * weights, SURE * biases)


def _head(network: TokenNetwork, order: Sequence[int], weights: Tensor, biases: Tensor) -> None:
    head = network.head
    assert isinstance(head, nn.Linear)
    head.weight.copy_(weights[list(order)])
    head.bias.copy_(biases[list(order)])


def _cell(rnn: Any) -> Any:
    return rnn.layers[0][0]


SHIPPED = (
    Shipped(
        "bracket-counter",
        "c is how many brackets are open since the last full stop.",
        "((a)(",
        {"cell": "lstm", "hidden_size": 1, "embedding_size": 4},
        _bracket_texts,
        _count_brackets,
    ),
    Shipped(
        "parity",
        "The two units add up to 1 after an odd number of ones, else to 0.",
        "1011",
        {"cell": "rnn", "hidden_size": 2, "embedding_size": 1, "activation": "relu"},
        _bit_texts,
        _parity,
    ),
)
