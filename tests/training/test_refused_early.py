"""A wrong setting of the training is refused before any data are read, and leaves no folder."""

from pathlib import Path

import pytest

import elman
from elman.core.errors import RecipeError


@pytest.mark.parametrize("settings", [{"device": "gpu7"}, {"budget": "20x"}])
def test_a_wrong_setting_is_refused_first(tmp_path: Path, settings: dict[str, str]) -> None:
    table = tmp_path / "never-read.csv"
    with pytest.raises(RecipeError, match=next(iter(settings))):
        elman.fit(str(table), out=tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()
