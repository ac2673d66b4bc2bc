"""Token inputs against a plain loop over tokens: embeddings, pairs, log-count ratios, and what dropout takes away."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from elman.core.recipe import ModelOptions
from elman.encoding.pairs import pair_numbers
from elman.models.inputs import TokenInputs
from elman.models.network import TokenNetwork

SIZE, PAIRS = 7, (2 * 7 + 3, 3 * 7 + 3, 5 * 7 + 6)
TABLES = ((0.0, 0.5, -1.0, 2.0, 0.25, -0.5, 1.5), (0.0, -2.0, 1.0, 3.0))


def inputs_with(ratios=(), **options) -> TokenInputs:
    torch.manual_seed(0)
    inputs = TokenInputs(SIZE, 4, bigrams=PAIRS, ratios=ratios, **options)
    for parameter in inputs.parameters():
        torch.nn.init.normal_(parameter)
    return inputs.eval()


def by_hand(inputs, row, tables):
    """v_t = W[w] + sum over orders of ratio * (0.1 * E[gram] + shared), or the pair's own vector without ratios."""
    numbers = pair_numbers(np.array(row), np.array(PAIRS), SIZE)
    steps = []
    for token, pair in zip(row, numbers):
        vector = inputs.embedding.weight[token]
        if tables:
            vector = vector + tables[0][token] * (0.1 * inputs.weighted.weight[token] + inputs.shared[0])
            vector = vector + tables[1][pair] * (0.1 * inputs.pairs.weight[pair] + inputs.shared[1])
        elif pair:
            vector = vector + inputs.pairs.weight[pair]
        steps.append(vector)
    return torch.stack(steps)


ROW = [2, 3, 3, 5, 6, 1, 4]


@pytest.mark.parametrize("tables", [(), TABLES])
def test_against_a_plain_loop(tables):
    inputs = inputs_with(tables)
    if not tables:
        with torch.no_grad():
            inputs.pairs.weight[0].zero_()
    torch.testing.assert_close(inputs(torch.tensor([ROW]))[0], by_hand(inputs, ROW, tables))


def test_ratios_that_come_with_a_batch_stand_for_the_tables():
    inputs = inputs_with(TABLES)
    tokens = torch.tensor([ROW])
    numbers = torch.from_numpy(pair_numbers(np.array(ROW), np.array(PAIRS), SIZE))
    own = torch.stack([torch.tensor(TABLES[0])[tokens[0]], torch.tensor(TABLES[1])[numbers]], -1)[None]
    torch.testing.assert_close(inputs(tokens, own), inputs(tokens))
    nothing = inputs(tokens, torch.zeros_like(own))
    torch.testing.assert_close(nothing, inputs.embedding(tokens))


def test_a_dropped_token_takes_its_ratio_and_its_pairs_with_it():
    inputs = inputs_with(TABLES, token_dropout=0.999999)
    tokens, ratios = torch.tensor([ROW]), torch.ones(1, len(ROW), 2)
    vectors = inputs.train()(tokens, ratios)[0]
    kept = ROW.index(1)  # <unk> itself stays what it was
    for step, vector in enumerate(vectors):
        expected = inputs.embedding.weight[1]
        if step == kept:
            expected = expected + 0.1 * inputs.weighted.weight[1] + inputs.shared[0]
        # Two <unk> in a row are no pair that counts, and no pair was there at this step before.
        whole = pair_numbers(np.array(ROW), np.array(PAIRS), SIZE)[step] == 0
        expected = expected + (0.1 * inputs.pairs.weight[0] + inputs.shared[1] if whole else 0)
        torch.testing.assert_close(vector, expected)


def test_the_ratios_are_no_weights():
    """They belong to the encoder: a state dict neither carries nor changes them."""
    network = TokenNetwork(ModelOptions(hidden_size=3), SIZE, 2, pooling="last", bigrams=PAIRS, ratios=TABLES)
    assert not [name for name in network.state_dict() if "ratios" in name]
