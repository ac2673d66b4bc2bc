from __future__ import annotations

import pytest

from elman.core import errors
from elman.core.errors import ElmanError, MissingExtra, UnknownName, UserError, nearest


@pytest.mark.parametrize(
    ("given", "expected"), [("lstn", "lstm"), ("LSTM", "lstm"), ("gruu", "gru"), ("zebra", None), ("", None)]
)
def test_nearest(given: str, expected: str | None) -> None:
    assert nearest(given, ["gru", "lstm", "mingru"]) == expected


def test_nearest_gives_back_the_spelling_that_is_known() -> None:
    assert nearest("imbd", ["IMDB", "text8"]) == "IMDB"


def test_unknown_name_says_what_was_given_what_is_near_and_what_there_is() -> None:
    error = UnknownName("cell", "lstn", ["lstm", "gru"])
    assert str(error) == "unknown cell 'lstn'. Did you mean 'lstm'? Known: gru, lstm."
    assert (error.given, error.close) == ("lstn", "lstm")
    assert "Known: none." in str(UnknownName("cell", "x", []))
    assert str(UnknownName("token", "q", ["\n", " ", "e", "é"])).endswith(r"Known: '\n', ' ', e, é.")


def test_missing_extra_names_the_install() -> None:
    assert "pip install 'elman[samples]'" in str(
        MissingExtra("vega_datasets", "the source stocks", "samples")
    )


def test_every_exception_is_ours_and_users_mistakes_exit_with_two() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) >= 8
    for kind in kinds:
        assert issubclass(kind, ElmanError)
        assert kind.exit_status == (2 if issubclass(kind, UserError) else 1)
        assert kind.__name__ in (errors.__doc__ or ""), f"{kind.__name__} is missing in the tree"
