"""Word vectors from a file, as the start of a network's embedding."""

from __future__ import annotations

from torch import nn

from elman.core.errors import RecipeError
from elman.core.recipe import Recipe
from elman.encoding.tagged import WordEncoder
from elman.encoding.text import TextEncoder
from elman.models.network import TokenNetwork


def start_from_vectors(
    network: nn.Module, text: TextEncoder | WordEncoder, recipe: Recipe
) -> tuple[str, ...]:
    """Fill in the vectors that the recipe names, if any; a line that says how many were found.

    Raises RecipeError where not one was found, DataError for a file that is none.
    """
    path = recipe.model.vectors
    if not path:
        return ()
    assert isinstance(network, TokenNetwork)
    tokens = text.vocabulary.tokens
    found = network.inputs.load_vectors(path, tokens)
    if not found:
        raise RecipeError(
            f"none of the {len(tokens):,} tokens stands in {path}. Its words must be split and written as the encoder does "
            f"(tokens here: {', '.join(map(repr, tokens[2:5]))}, ...); see --tokenizer and --lowercase."
        )
    return (f"word vectors: {found:,} of {len(tokens):,} tokens found in {path}",)
