"""The shorter and the longer half of each question's samples, as a column that can be split by."""

from collections.abc import Sequence
from dataclasses import replace

import narwhals as nw
import numpy as np
import polars as pl

from hotmess.frames import polars
from hotmess.samples import Samples, added

__all__ = ["HALVES", "with_half"]

HALVES = ("shorter", "longer")


def with_half(samples: Samples, length: str, rng: np.random.Generator, *, by: Sequence[str] = ()) -> Samples:
    """The samples that lie in a half, with its name in the column `half`.

    Ties in length are broken at random, and the middle one of an odd number is in neither half, so that both have equally many.

    Args:
        samples: the samples.
        length: the column that says how long each is; samples without a length, or that do not count, are in neither half.
        rng: breaks ties.
        by: columns that split the samples of a question into questions of their own.
    """
    samples = samples.with_sample_ids()
    table = polars(samples.frame).collect()
    keys = list(dict.fromkeys([*samples.keys, *by]))
    where = [*keys, *(["context_id"] if samples.has("context_id") else []), "sample_id"]
    known = pl.col(length).is_not_null()
    if samples.has("status"):
        known &= ~pl.col("status").is_in(["error", "missing"]).fill_null(value=False)
    one = table.filter(known).group_by(where, maintain_order=True).agg(pl.col(length).mean())
    one = one.with_columns(_tie=pl.Series(rng.random(one.height))).sort(length, "_tie")
    place, count = pl.int_range(1, pl.len() + 1).over(keys), pl.len().over(keys)
    half = pl.when(place <= count // 2).then(pl.lit(HALVES[0])).when(place > count - count // 2).then(pl.lit(HALVES[1]))
    one = one.with_columns(half=half).filter(pl.col("half").is_not_null()).select(*where, "half")
    joined = table.join(one, on=where, nulls_equal=True, maintain_order="left")
    return replace(samples, frame=nw.from_native(joined.lazy()), columns=added(samples.columns, "half"))
