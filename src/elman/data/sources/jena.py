"""Jena: 14 measurements of a weather station every 10 minutes, 2009 to 2016 (the file of Keras' time series examples).

The air's temperature is forecast; five other columns are observed. -9999 counts as missing.
"""

from __future__ import annotations

from dataclasses import replace

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data.contract import SeriesTable, Source
from elman.data.download import unproven
from elman.data.sources import weather

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/jena_climate_2009_2016.csv.zip"
BYTES = 13_568_290


def load(options: DataOptions) -> SeriesTable:
    """Downloaded, or any file of that station by `path`; 70/10/20 by time."""
    # No checksum of this file is published; its size is.
    with unproven(options.path, URL, "jena_climate_2009_2016.csv.zip", "the weather of Jena") as path:
        if options.path is None and (size := path.stat().st_size) != BYTES:
            raise DataError(f"{path} has {size:,} bytes; expected {BYTES:,}.")
        table = weather.load(replace(options, path=str(path)))
    facts = replace(table.provenance, source="jena", licence=source.licence, citation=source.citation)
    return replace(table, provenance=facts)


source = Source(
    title="Weather of Jena",
    task="forecasting",
    load=load,
    licence="Max Planck Institute for Biogeochemistry, Jena; free use with attribution",
    citation="Max Planck Institute for Biogeochemistry, Jena; as prepared by Chollet 2017, Deep Learning with Python",
    url=URL,
    size="420,551 rows of 10 minutes, 14 MB",
    defaults={
        "encoding.horizon": 24,
        "encoding.context_length": 144,
        "encoding.stride": 6,
        "model.hidden_size": 64,
    },
)
