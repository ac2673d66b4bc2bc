"""Text and tables at size, each in a process of its own: python bench/scale.py [NAME ...] --data FOLDER

text8    100,000,000 characters encoded on one core, and opened again
imdb     50,000 reviews read, split into words, encoded; what padding wastes
memory   training on a text three times as long as the memory that the process may have
series   10,000,000 rows of 20 columns: windows in shuffled batches
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import rows

CHARACTERS = 100_000_000  # of text8
LIMIT = 1 << 30  # bytes that the process of `memory` may have
ROWS, COLUMNS, BATCH = 10_000_000, 20, 256


def peak() -> float:
    """The most memory that this process had so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def anonymous() -> float:
    """Memory of this process that no file stands behind, in MiB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if "RssAnon" in line)
    return int(line.split()[1]) / 1024


def text8(data: Path, folder: Path) -> dict[str, Any]:
    """Seconds to encode and to open again, and those of a dictionary look-up of each character, on one core."""
    os.sched_setaffinity(0, {0})
    import numpy as np
    import torch

    from elman.recipes import as_recipe
    from elman.workbench import prepare

    torch.set_num_threads(1)
    path = folder / "text8"
    prefix = next((data / "text8-prefix").glob("*")).read_text()[:100_000]
    if not path.exists():
        path.write_text(prefix * (CHARACTERS // len(prefix)))
        time.sleep(2.5)  # what changed in the last two seconds is not trusted to stay, and read again
    began = time.perf_counter()
    tokens = prepare(as_recipe("text8", path=str(path))).encoded.feeds["train"].tokens
    seconds, most = time.perf_counter() - began, peak()
    began = time.perf_counter()
    index = {character: number for number, character in enumerate(sorted(set(prefix)))}
    part = prefix * 100  # a tenth
    np.array([index[character] for character in part], np.uint16)
    return {
        "seconds": seconds,
        "peak": most,
        "rival": 10 * (time.perf_counter() - began),
        "tokens": len(tokens),
    }


def imdb(data: Path, folder: Path) -> dict[str, Any]:
    """Seconds for both splits, those of scikit-learn's vectorizer on the same texts, and the share of padding."""
    import numpy as np
    import torch
    from sklearn.feature_extraction.text import CountVectorizer

    import elman
    from elman.encoding.text import BREAK, WORD
    from elman.recipes import as_recipe
    from elman.workbench import prepare

    torch.set_num_threads(2)
    settings: dict[str, Any] = {
        "path": str(data / "imdb"), "bigrams": 0, "log_count_ratios": False, "max_length": 100_000
    }  # fmt: skip
    began = time.perf_counter()
    feeds = prepare(as_recipe("imdb", **settings)).encoded.feeds
    seconds, feed = time.perf_counter() - began, feeds["train"]
    loaded = elman.load("imdb", path=str(data / "imdb")).splits
    began = time.perf_counter()
    vectorizer = CountVectorizer(
        tokenizer=lambda text: WORD.findall(BREAK.sub(" ", text)), token_pattern=None
    )
    vectorizer.fit(loaded["train"].texts)
    for split in loaded.values():
        vectorizer.transform(split.texts)
    rival = time.perf_counter() - began
    order = np.random.default_rng(0).permutation(len(feed))
    padded = sum(
        len(each) * int(feed.lengths[each].max())
        for each in (order[k : k + 32] for k in range(0, len(order), 32))
    )
    return {
        "seconds": seconds, "rival": rival, "reviews": sum(map(len, feeds.values())),
        "bucketed": feed.waste(32, np.random.default_rng(0)), "unbucketed": 1 - int(feed.lengths.sum()) / padded,
    }  # fmt: skip


def memory(data: Path, folder: Path) -> dict[str, Any]:
    """A text of three times LIMIT, read, encoded, trained on and measured with no more than LIMIT of memory."""
    path = folder / "long.txt"
    if not path.exists():
        text = (data / "tiny-shakespeare" / "input.txt").read_bytes()
        with open(path, "wb") as out:
            for _ in range(3 * LIMIT // len(text) + 1):
                out.write(text)
        os.utime(path, (1, 1))
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
    import elman

    began = time.perf_counter()
    run = elman.fit(
        str(path), steps=100, hidden_size=64, validation_share=1e-4, test_share=1e-4, rivals=("unigram", "kneser_ney"),
        out=folder / "run", explained=False,  # pictures are drawn by V8, which takes more than the limit for itself
    )  # fmt: skip
    scores = elman.evaluate(run)["test"]
    return {
        "seconds": time.perf_counter() - began, "bytes": path.stat().st_size, "anonymous": anonymous(),
        "nats": scores.network.metrics["nats_per_character"].value,
    }  # fmt: skip


def series(data: Path, folder: Path) -> dict[str, Any]:
    """Seconds and resident memory to prepare windows, and the speed of shuffled batches against a copy of as many bytes.

    Two threads for both. The copy reads the same table in order, not the same few bytes again: those would come from the cache.
    """
    import numpy as np
    import polars as pl
    import torch

    from elman.recipes import as_recipe
    from elman.workbench import prepare

    torch.set_num_threads(2)
    path, names = folder / "series.parquet", [f"c{number}" for number in range(COLUMNS)]
    if not path.exists():
        code = (
            "import sys, numpy as np, polars as pl; r = np.random.default_rng(0); n = int(sys.argv[2]);"
            "f = {c: r.standard_normal(n, dtype=np.float32) for c in sys.argv[3:]};"
            "pl.DataFrame({'step': np.arange(n), **f}).write_parquet(sys.argv[1])"
        )
        subprocess.run([sys.executable, "-c", code, str(path), str(ROWS), *names], check=True)
    pl.scan_parquet(path).head(10).collect()  # what is loaded once is not counted
    before = peak()
    began = time.perf_counter()
    recipe = as_recipe(
        str(path), time="step", target=(names[0],), observed=tuple(names[1:]), context_length=96, horizon=24
    )
    feed = prepare(recipe).encoded.feeds["train"]
    seconds, most = time.perf_counter() - began, peak() - before
    ours, copies, table = [], [], torch.from_numpy(feed.features.reshape(-1))
    order, place = feed.batches(BATCH, np.random.default_rng(0)), 0
    for _ in range(9):
        began, moved = time.perf_counter(), 0
        for batch in islice(order, 50):
            moved += batch.inputs.numel() + batch.targets.numel()
        ours.append(moved / (time.perf_counter() - began))
        target, began = torch.empty(moved // 50), time.perf_counter()
        for _ in range(50):
            target.copy_(table[place : place + moved // 50])
            place = (place + moved // 50) % (len(table) - moved)
        copies.append(moved / (time.perf_counter() - began))
    return {
        "seconds": seconds, "peak": most, "data": ROWS * COLUMNS * 4 / 2**20,
        "ratios": sorted(mine / copy for mine, copy in zip(ours, copies)),
    }  # fmt: skip


def keep(name: str, claim: str, value: float, passed: bool, load: float, seconds: float, **more: Any) -> None:
    """One row, printed and stored."""
    print(f"{claim}: {value:.4g} {'pass' if passed else 'FAIL'}", flush=True)
    row = {
        "claim": claim, "command": f"python bench/scale.py {name.split()[0]} --data FOLDER", "value": value,
        "interval": [value, value], "seeds": [value], "rival": "", "seconds": seconds, "passed": passed,
        "load": [round(load, 1), round(os.getloadavg()[0], 1)], "threads": 2, "engine": "-",
    }  # fmt: skip
    rows.keep(f"scale {name}", row | more)


def report_text8(found: dict[str, Any], again: dict[str, Any], load: float) -> None:
    whole = found["seconds"] + again["seconds"]
    keep("text8 encoded", "text8's 100,000,000 characters encoded on one core in under 10 s", found["seconds"],
         found["seconds"] < 10, load, whole, metric="seconds", threads=1,
         rival=f"a dictionary look-up of each character, {found['rival']:.1f} s")  # fmt: skip
    keep("text8 memory", "the same in less than 1 GiB of memory, torch included", found["peak"],
         found["peak"] < 1024, load, whole, metric="MiB", threads=1)  # fmt: skip
    keep("text8 again", "the same opened again in another process in under 0.1 s", again["seconds"],
         again["seconds"] < 0.1, load, whole, metric="seconds", threads=1)  # fmt: skip


def report_imdb(found: dict[str, Any], again: dict[str, Any], load: float) -> None:
    keep("imdb encoded", f"IMDB, {found['reviews']:,} reviews: read, split into words, encoded in under 20 s",
         found["seconds"], found["seconds"] < 20, load, found["seconds"], metric="seconds",
         rival=f"scikit-learn's CountVectorizer without reading, {found['rival']:.1f} s")  # fmt: skip
    keep("imdb padding", "IMDB, batches of 32: under 5% of the steps are padding", found["bucketed"],
         found["bucketed"] < 0.05, load, found["seconds"], metric="share",
         rival=f"unbucketed, {found['unbucketed']:.3f}")  # fmt: skip


def report_memory(found: dict[str, Any], again: dict[str, Any], load: float) -> None:
    keep("memory", f"a text of {found['bytes'] / 2**30:.1f} GiB trains in a process that may have 1 GiB",
         found["anonymous"], found["anonymous"] < 1024, load, found["seconds"], metric="MiB")  # fmt: skip


def report_series(found: dict[str, Any], again: dict[str, Any], load: float) -> None:
    ratios = found["ratios"]
    keep("series batches", "10,000,000 rows by 20: shuffled batches of 256 windows at half the speed of a copy or more",
         statistics.median(ratios), statistics.median(ratios) >= 0.5, load, found["seconds"], metric="ratio",
         interval=[ratios[0], ratios[-1]], seeds=ratios, rival="torch.Tensor.copy_ of as many bytes of the same table, in order")  # fmt: skip
    ratio = found["peak"] / found["data"]
    keep("series memory", "10,000,000 rows by 20: peak memory of preparing under 1.5 times the data", ratio,
         ratio < 1.5, load, found["seconds"], metric="ratio", rival=f"{found['data']:.0f} MiB of data")  # fmt: skip


CHILDREN: dict[str, Callable[[Path, Path], dict[str, Any]]] = {
    "text8": text8, "imdb": imdb, "memory": memory, "series": series
}  # fmt: skip


def main() -> None:
    """Each named measurement in a process of its own; text8 in two, to open it again."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CHILDREN))
    parser.add_argument("--data", required=True, type=Path, help="folder of local data sets")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(CHILDREN[given.names[0]](given.data.resolve(), given.child)))
        return
    for name in given.names or CHILDREN:
        with tempfile.TemporaryDirectory() as folder:
            load, found = os.getloadavg()[0], []
            for _ in range(1 + (name == "text8")):
                done = subprocess.run(
                    [sys.executable, __file__, name, "--data", str(given.data), "--child", folder],
                    stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, "ELMAN_CACHE": f"{folder}/cache"},
                )  # fmt: skip
                found.append(json.loads(done.stdout.splitlines()[-1]))
            globals()[f"report_{name}"](found[0], found[-1], load)


if __name__ == "__main__":
    main()
