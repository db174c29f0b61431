"""The shorter and the longer half of each question's samples, as a column that can be split by."""

from dataclasses import replace

import narwhals as nw
import numpy as np
import polars as pl

from hotmess.asked import Asked
from hotmess.frames import polars
from hotmess.samples import Samples, added

__all__ = ["HALVES", "with_half"]

HALVES = ("shorter", "longer")


def with_half(asked: Asked, rng: np.random.Generator) -> Samples:
    """The samples that lie in a half, with its name in the column `half`.

    Ties in length are broken at random, and the middle one of an odd number is in neither half, so that both have equally many.

    Args:
        asked: what was asked of the samples, with lengths; its questions are halved. Samples without a length, or that do not
            enter, are in neither half.
        rng: breaks ties.
    """
    samples, made = asked.samples.with_sample_ids(), asked.each_sample()
    keys, where = list(made.keys), list(made.where)
    enters = (pl.col("lengths") > 0) & (pl.col("rows") > pl.col("excluded"))
    if asked.method.invalid == "drop":
        enters &= pl.col("invalid") == 0
    one = made.cells.filter(enters).select(*where, "length")
    one = one.with_columns(_tie=pl.Series(rng.random(one.height))).sort("length", "_tie")
    place, count = pl.int_range(1, pl.len() + 1).over(keys), pl.len().over(keys)
    half = pl.when(place <= count // 2).then(pl.lit(HALVES[0])).when(place > count - count // 2).then(pl.lit(HALVES[1]))
    one = one.with_columns(half=half).filter(pl.col("half").is_not_null()).select(*where, "half")
    joined = polars(samples.frame).join(one.lazy(), on=where, nulls_equal=True, maintain_order="left")
    return replace(samples, frame=nw.from_native(joined), columns=added(samples.columns, "half"))
