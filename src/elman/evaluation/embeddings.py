"""A linear model on vectors that another model gave for every example: what a frozen encoder knows, as one more rival."""

from __future__ import annotations

import warnings
import zipfile

import numpy as np

from elman.core.errors import DataError
from elman.core.results import Predictions
from elman.data.contract import SplitName
from elman.data.download import local
from elman.evaluation.contract import LabelledProblem, MultiLabelProblem, Predictor, Problem
from elman.evaluation.texts import class_numbers, numbers_predictor, training_rows

SUFFIXES = (".npy", ".npz")
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")


def embedded(path: str, problem: Problem, seconds: float) -> Predictor:
    """Logistic regression (classes; C = 1) or ridge regression (numbers; the penalty by leave-one-out) on vectors, each number standardised.

    A `.npz` file holds the arrays train, validation and test, (examples, numbers) each, in the order of `elman.load(SOURCE).splits`;
    a `.npy` file one array with the rows of all three, one after the other. Raises DataError for what does not fit.
    """
    if not isinstance(problem, LabelledProblem) or isinstance(problem, MultiLabelProblem):
        raise DataError(
            f"{path} holds vectors, one for each example; they serve classes and numbers of texts or series alone."
        )
    vectors = _vectors(path, {split: len(problem.splits[split]) for split in SPLITS})
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    width = vectors["train"].shape[1]
    rows = training_rows(
        problem, int(max(100, seconds * 1e6 / max(1, width) / max(2, len(problem.labels or ()))))
    )
    labels = problem.labels
    if labels is None:
        ridge = make_pipeline(StandardScaler(), RidgeCV(np.geomspace(0.01, 1e4, 13)))
        ridge.fit(vectors["train"][rows], np.asarray(problem.splits["train"].targets, np.float64)[rows])
        return numbers_predictor(problem, lambda split: ridge.predict(vectors[split]))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=200))
    with warnings.catch_warnings():  # the steps of the solver are the time limit
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(vectors["train"][rows], class_numbers(problem, "train")[rows])

    def predict(split: SplitName) -> Predictions:
        targets = class_numbers(problem, split)
        outputs = np.zeros((len(targets), len(labels)))
        outputs[:, model.classes_] = model.predict_proba(vectors[split])
        return Predictions("classes", outputs, targets, labels)

    return predict


def order_of(path: str, problem: Problem) -> str:
    """In words, which rows of a `.npy` file were taken for which split: they tell nothing of it themselves; "" for a `.npz`."""
    if not path.lower().endswith(".npy") or not isinstance(problem, LabelledProblem):
        return ""
    sizes = ", ".join(f"{len(problem.splits[split]):,} {split}" for split in SPLITS)
    return f"rows taken for {sizes}, in the order of the splits and not of a table"


def _vectors(path: str, sizes: dict[SplitName, int]) -> dict[SplitName, np.ndarray]:
    """The vectors of every split (examples, numbers) float64, held against the sizes of the splits."""
    shown = ", ".join(f"{size:,} {split}" for split, size in sizes.items())
    try:
        content = np.load(local(path), allow_pickle=False)
        arrays = {name: content[name] for name in content.files} if hasattr(content, "files") else content
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path} cannot be read as NumPy arrays: {error}. Write it with numpy.save or numpy.savez."
        ) from None
    if not isinstance(arrays, dict):
        total = sum(sizes.values())
        if arrays.ndim != 2 or len(arrays) != total:
            raise DataError(
                f"{path} has the shape {arrays.shape}; expected {total:,} rows of numbers: {shown}, in this order."
            )
        ends = np.cumsum(list(sizes.values()))[:-1]
        arrays = dict(zip(sizes, np.split(arrays, ends)))
    found: dict[SplitName, np.ndarray] = {}
    for split, size in sizes.items():
        if split not in arrays:
            raise DataError(
                f"{path} holds {', '.join(arrays) or 'nothing'}; expected the arrays train, validation and test."
            )
        one = arrays[split]
        if one.ndim != 2 or len(one) != size or not np.issubdtype(one.dtype, np.number):
            raise DataError(
                f"{split} of {path} has the shape {one.shape}; expected {size:,} rows of numbers ({shown})."
            )
        found[split] = one.astype(np.float64)
        if not np.isfinite(found[split]).all():
            row = int((~np.isfinite(found[split])).any(1).argmax())
            raise DataError(f"row {row} of {split} in {path} holds a number that is not finite.")
    widths = {one.shape[1] for one in found.values()}
    if len(widths) > 1:
        raise DataError(
            f"the splits of {path} have {min(widths)} to {max(widths)} numbers a row; expected one width."
        )
    return found
