"""What names mean to someone who meets them first: metrics, and the controls and residuals of findings."""

from __future__ import annotations

from elman.report.numbers import words

# metric -> label, what it is
METRICS = {
    "accuracy": ("accuracy", "share of examples whose class is predicted right"),
    "f1": ("F1", "balance of precision and recall, mean over classes; 1 is best"),
    "log_loss": ("log loss", "nats: how surprised the model is by the true class; lower is better"),
    "calibration_error": (
        "calibration error",
        "mean gap between how sure a model is and how often it is right; lower is better",
    ),
    "example_f1": (
        "F1 of an example",
        "balance of precision and recall of an example's labels, mean over examples; 1 is best",
    ),
    "micro_f1": ("micro F1", "the same over all labels of all examples at once: frequent labels count most"),
    "macro_f1": ("macro F1", "the same for each label, mean over labels: rare ones count as much"),
    "exact": ("exact", "share of examples whose labels are all right, none missing and none too many"),
    "selective_accuracy": (
        "selective accuracy",
        "accuracy where it may pass over what it is least sure of, mean over all shares answered; 1 is best, "
        "the accuracy itself is what a confidence that says nothing gives",
    ),
    "rmse": ("RMSE", "root of the mean squared error, in the target's unit"),
    "mae": ("MAE", "mean absolute error, in the target's unit"),
    "r2": ("R²", "share of the target's variance that is explained; 1 is best, 0 is the mean of the split"),
    "mse": (
        "MSE",
        "mean squared error after dividing each series by its standard deviation in the training rows; 1 is about "
        "as good as their mean",
    ),
    "mae_scaled": ("scaled MAE", "mean absolute error in standard deviations of the training rows"),
    "wape": (
        "WAPE",
        "sum of absolute errors as a share of the sum of absolute values, over all entities; lower is better",
    ),
    "rmsse": (
        "RMSSE",
        "root of the mean squared error divided by that of repeating the last value in the training rows, mean over entities",
    ),
    "mase": ("MASE", "mean absolute error divided by that of repeating the last season in the training rows"),
    "pinball": ("pinball", "mean loss of the predicted quantiles; lower is better"),
    "direction": ("direction", "share of moves whose sign is predicted right; 0.5 is a coin"),
    "nats_per_token": ("nats per token", "mean surprise of a token, as a natural logarithm; lower is better"),
    "nats_per_character": (
        "nats per character",
        "mean surprise of a character, as a natural logarithm; lower is better",
    ),
    "nats_per_word": ("nats per word", "mean surprise of a word, as a natural logarithm; lower is better"),
    "bits_per_character": ("bits per character", "the same in bits: nats divided by 0.693"),
    "perplexity": ("perplexity", "as uncertain as a fair choice among so many; lower is better"),
}

# question -> what its control is, what its residual is
CONTROLS = {
    "memory": "order counts over",
    "context": "order counts up to",
    "connectivity": "with shuffled weights",
    "attribution": "with shuffled weights",
    "dynamics": "with shuffled weights",
    "interventions": "without random units",
    "probes": "in its control",
    "calibration": "for labels drawn from its own probabilities",
    "behaviour": "with the answers to other examples",
    "training": "before training",
    "units": "for labels shuffled",
    "spans": "of random spans",
    "saturation": "with shuffled weights",
}
RESIDUALS = {
    "attribution": "credit that does not add up",
    "dynamics": "between the sum of all exponents and the rate at which volume changes",
    "training": "between items and the whole gradient",
    "gates": "left over by new = kept · old + written · candidate",
}


def metric(name: str) -> str:
    """A metric's name as people write it."""
    return METRICS[name][0] if name in METRICS else words(name)


def meaning(name: str) -> str:
    """What a metric is, in a sentence; nothing for one that is not known here."""
    if name.startswith("coverage_"):
        return "share of true values inside the predicted interval; best when it is the interval's own level"
    return METRICS[name][1] if name in METRICS else ""
