"""ETT: hourly or 15-minute load and oil temperature of two transformers (Zhou et al. 2021, Informer).

The standard protocol: 12 months train, 4 validate, 4 test (8,640 / 2,880 / 2,880 hours; four times that for the 15-minute
files), all seven columns forecast, errors in standard deviations of the training rows.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl

from elman.core.errors import DataError
from elman.core.files import sha256
from elman.core.recipe import DataOptions
from elman.data.archive import first, is_archive
from elman.data.contract import SeriesTable, Source
from elman.data.download import download, local
from elman.data.series import prepare

URL = "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/main/ETT-small/ETTh1.csv"
SHA256 = "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066"
COLUMNS = ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")


def load(options: DataOptions) -> SeriesTable:
    """ETTh1 by default; `path` names another file of the set (ETTh2.csv, ETTm1.csv), or the folder with ETTh1.csv."""
    path = local(options.path) if options.path else download(URL, f"sha256:{SHA256}", "ETTh1.csv", "ETTh1")
    if path.is_dir():
        path = local(str(path / "ETTh1.csv"))
    frame = _read(path)
    if "date" not in frame.columns or "OT" not in frame.columns:
        raise DataError(
            f"{path} is not a file of ETT: columns {', '.join(frame.columns)}; expected date and {', '.join(COLUMNS)}."
        )
    stamps = frame["date"].sort()
    month = 30 * 24 * round(3600 / max(1, (stamps[1] - stamps[0]).total_seconds()))
    if frame.height < 20 * month:
        raise DataError(f"{path} has {frame.height:,} rows; the protocol of ETT needs {20 * month:,}.")
    borders = (stamps[12 * month], stamps[16 * month])
    options = replace(options, time="date", target=options.target or COLUMNS)
    return prepare(
        frame, path, options, sha256(path), borders=borders, end=stamps[20 * month] if len(stamps) > 20 * month else None,
        season=month // 30, source="ett", licence=source.licence, citation=source.citation,
        rule="standard protocol: 12 months train, 4 validation, 4 test",
    )  # fmt: skip


def _read(path: Path) -> pl.DataFrame:
    if is_archive(path):
        return pl.read_csv(first(path, ".csv"), try_parse_dates=True)
    return pl.read_csv(path, try_parse_dates=True)


source = Source(
    title="Electricity transformer temperature",
    task="forecasting",
    load=load,
    licence="CC BY-ND 4.0",
    citation="Zhou et al. 2021, Informer, AAAI",
    url=URL,
    size="17,420 hours x 7 series",
    sha256=SHA256,
    defaults={
        "encoding.horizon": 96,
        "encoding.context_length": 720,
        "encoding.patch_length": 48,
        "encoding.channels": "independent",
        "encoding.window_norm": "last",
        "encoding.calendar": False,
        "model.hidden_size": 128,
        "model.dropout": 0.5,
        "training.batch_size": 448,
        "training.learning_rate": 1e-3,
        "training.epochs": 8.0,
        "training.validations": 8,
        "training.schedule": "cosine",
        "training.warmup": 0.05,
        "training.loss": "mae",
        "training.weight_decay": 0.0,
        "training.threads": 1,
    },
)
