"""A scikit-learn style estimator: fit, predict, predict_proba, score on lists of texts."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from elman.prediction import predict
from elman.run import Run


class RecurrentClassifier:
    """Texts to classes with a recurrent network, with the manners of scikit-learn.

    Settings are recipe settings by name: `RecurrentClassifier(cell="lstm", hidden_size=64)`. A tenth of the training texts is
    held out to choose by; no test split is touched. The run's folder is `run_`.
    """

    _estimator_type = "classifier"

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def __repr__(self) -> str:
        return (
            f"RecurrentClassifier({', '.join(f'{name}={value!r}' for name, value in self.settings.items())})"
        )

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The settings."""
        return dict(self.settings)

    def set_params(self, **settings: Any) -> RecurrentClassifier:
        """Change settings."""
        self.settings |= settings
        return self

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        tags = InputTags(string=True, two_d_array=False)
        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(),
            input_tags=tags,
        )

    def fit(self, X: Sequence[str], y: Sequence[Any]) -> RecurrentClassifier:
        """Train on texts and their classes."""
        from elman.workbench import fit

        folder = Path(tempfile.mkdtemp(prefix="elman-"))
        kinds = {str(label): label for label in y}
        names = list(map(str, y))
        held = np.random.default_rng(self.settings.get("seed", 0)).permutation(len(names))[
            : max(1, len(names) // 10)
        ]
        split = np.full(len(names), "train", dtype=object)
        split[held] = "validation"
        rows = {"text": list(map(str, X)), "label": names, "split": split.tolist()}
        table = pl.DataFrame(rows)
        # The reader wants a test split; the validation rows stand in and are never reported.
        table = pl.concat(
            [table, table.filter(pl.col("split") == "validation").with_columns(split=pl.lit("test"))]
        )
        table.write_parquet(folder / "texts.parquet")
        settings = {"rivals": (), **self.settings}
        self.run_: Run = fit(
            folder / "texts.parquet",
            out=folder / "run",
            text="text",
            label="label",
            explained=False,
            **settings,
        )
        self.classes_ = np.array([kinds[label] for label in self.run_.encoder.labels])
        return self

    def predict_proba(self, X: Sequence[str]) -> np.ndarray:
        """Probabilities (texts, classes), columns as in `classes_`."""
        table = predict(self.run_, list(X))
        probabilities: np.ndarray = table.select(
            f"p({label})" for label in self.run_.encoder.labels
        ).to_numpy()
        return probabilities

    def predict(self, X: Sequence[str]) -> np.ndarray:
        """The most probable class of each text."""
        chosen: np.ndarray = self.classes_[self.predict_proba(X).argmax(1)]
        return chosen

    def score(self, X: Sequence[str], y: Sequence[Any]) -> float:
        """Accuracy."""
        return float((self.predict(X) == np.asarray(y)).mean())
