"""Samples in, figures out: the composition that everyone calls.

``samples → tally → decompose → infer → Measurement``, once for the whole table; groups and buckets are made of per-question
terms afterwards, so that ten groups cost no more than one.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from hotmess.asked import About, Asked, Estimator, Rules, ask
from hotmess.blocks import Invalid
from hotmess.checks import MAX_INVALID, notices
from hotmess.doubt import shared_contexts
from hotmess.errors import Notice, OneSample
from hotmess.figures import row_of
from hotmess.groups import Bucket, Group
from hotmess.measurement import Measurement
from hotmess.rows import Row
from hotmess.samples import Samples
from hotmess.sums import DELTA, Loss
from hotmess.traps import traps
from hotmess.withhold import readable, without_copies

__all__ = ["measure", "measurement"]

_FEW_EFFECTIVE = 10
_NOTHING = 1e-12  # a variance of zero, but for rounding


def measure(
    samples: Samples | Any,
    *,
    loss: Loss | None = None,
    estimator: Estimator = "unbiased",
    invalid: Invalid = "class",
    by: Sequence[str] = (),
    pool: Sequence[str] = (),
    length: str | None = None,
    about: About = "population",
    cluster: str | None = None,
    level: float = 0.95,
    delta: float = DELTA,
    max_invalid: float = MAX_INVALID,
    paper: bool = False,
    deterministic: bool = False,
) -> Measurement:
    """Split the error of each model into bias² and variance, with intervals.

    Args:
        samples: what `hotmess.read` returned, or a frame with the columns of a sample table.
        loss: this and the following are what `Rules` says of them.
        estimator: see `Rules`.
        invalid: see `Rules`.
        by: columns to split by; ``"length:8"`` means eight buckets of equally many questions by mean length.
        pool: see `Rules`.
        length: see `Rules`.
        about: see `Rules`.
        cluster: see `Rules`.
        level: see `Rules`.
        delta: see `Rules`.
        max_invalid: see `Rules`.
        paper: see `Rules`.
        deterministic: see `Rules`.

    Raises:
        HotmessError: see `hotmess.errors`; the message says what was found and what to type.
    """
    rules = Rules(
        loss=loss,
        estimator=estimator,
        invalid=invalid,
        pool=tuple(pool),
        length=length,
        about=about,
        cluster=cluster,
        level=level,
        delta=delta,
        max_invalid=max_invalid,
        paper=paper,
        deterministic=deterministic,
    )
    return measurement(ask(samples, rules, by=by))


def measurement(asked: Asked) -> Measurement:
    """Figures for each group of questions; rows that are no result are withheld, and that is said.

    Raises:
        NoRandomness: all repeats of all groups are copies.
    """
    samples, rules = asked.samples, asked.rules
    rows = tuple(row_of(asked, group) for group in asked.groups)
    withheld: list[Notice] = []
    rows, unread = readable(rows, rules.max_invalid)
    still = any(abs(row.variance.value) < _NOTHING for row in rows)
    if not rules.deterministic and (still or samples.has("completion_hash")):
        rows, withheld = without_copies(rows, samples)
    known = notices(asked.tally, samples, invalid=asked.method.invalid)
    said = [*unread, *withheld, *known, *traps(samples), *_notices(asked, rows)]
    return Measurement(rows, asked.method, tuple(said), samples.source)


# ---------------------------------------------------------------------------------------------- what must be known


def _notices(asked: Asked, rows: Sequence[Row]) -> Iterator[Notice]:
    method = asked.method
    yield from _about_questions(asked, rows)
    if method.loss == "kl":
        yield Notice(
            "kl-scale", f"KL is in nats at delta {method.delta:g}; divide by log_delta {-np.log(method.delta):.2f} for rates"
        )
    if method.loss == "zero_one":
        yield Notice("no-incoherence", "0/1 terms do not add over questions, so no incoherence is given", "--loss mode")
    if method.estimator == "plugin" and method.loss != "zero_one":
        yield Notice("plugin", "plug-in figures depend on the number of samples per question")
    crossed = sum("contexts" in row.interval for row in rows)
    if crossed:
        yield Notice(
            "crossed", f"in {crossed} of {len(rows)} rows all questions share the same contexts; the interval allows for it"
        )
    two = sum(_few_contexts(asked, group) for group in asked.groups)
    if two and method.about == "population":
        found = f"in {two} of {len(rows)} rows questions share fewer than three contexts; the interval does not allow for others"
        yield Notice("few-contexts", found)
    bare = sum(np.isnan(row.incoherence.low) and row.incoherence.value > 0 for row in rows)
    if bare:
        unit = "three samples (or contexts) in every question" if method.about == "benchmark" else "two questions (or clusters)"
        yield Notice("no-interval", f"{bare} of {len(rows)} rows have no interval: it needs {unit}")
    if asked.bucket is not None:
        yield from _about_buckets(asked, asked.bucket)


def _about_questions(asked: Asked, rows: Sequence[Row]) -> Iterator[Notice]:
    table, method = asked.table, asked.method
    shown = [whole for whole in asked.wholes if any(whole.name.items() <= row.group.items() for row in rows)]
    whole = sum(len(each.members) for each in shown)
    parts = [group for group in asked.groups if any(each.name.items() <= group.name.items() for each in shown)]
    lonely = whole - sum(len(asked.usable(group)) for group in parts)
    if lonely:
        found = f"{lonely:,} of {whole:,} questions have too few samples or contexts (or no length, for buckets)"
        found += " and are left out of error, bias and variance alike"
        yield Notice("few-samples", found)
    counts = table.terms.samples[np.isfinite(table.terms.variance)]
    if method.estimator == "plugin" and len(counts):
        if counts.min() < 2:
            found = f"{int((counts < 2).sum()):,} questions have one sample; the plug-in estimator calls their whole error bias"
            yield Notice("lonely-plugin", found, "--estimator unbiased leaves them out")
        elif counts.min() != counts.max():
            yield Notice("uneven", f"{int(counts.min())} to {int(counts.max())} samples per question")
    if not len(counts):
        raise OneSample("no question has two samples that count", why="bias and variance cannot be told apart")
    never = sum(abs(row.error.value) < _NOTHING for row in rows)
    if never:
        yield Notice("no-errors", f"no errors in {never} of {len(rows)} rows: their incoherence is undefined")
    thin = sum(0 < row.effective_questions < _FEW_EFFECTIVE for row in rows)
    if thin and method.loss not in ("zero_one", "spread"):
        yield Notice(
            "few-effective", f"in {thin} of {len(rows)} rows fewer than {_FEW_EFFECTIVE} questions carry nearly all of the error"
        )


def _few_contexts(asked: Asked, group: Group) -> bool:
    return shared_contexts(asked.table, group.members) and bool(asked.table.terms.contexts[group.members].min() < 3)


def _about_buckets(asked: Asked, bucket: Bucket) -> Iterator[Notice]:
    table, length = asked.table, asked.method.length
    without = table.table.filter(pl.col("lengths") < pl.col("rows") - pl.col("excluded"))
    if without.height:
        found = f"{without.height:,} of {table.table.height:,} questions have samples without {length}"
        none = without.filter(pl.col("lengths") == 0).height
        found += f"; {none:,} have none at all and are in no bucket" if none else ""
        yield Notice("no-length", found, "--length with another column, such as output_chars")
    fewer = min(group.name[bucket.name]["of"] for group in asked.groups) if asked.groups else 0
    if fewer < bucket.count:
        yield Notice("few-questions", f"too few questions for {bucket.count} buckets; at least {fewer} are shown")
    yield Notice("same-samples", f"buckets are by the mean {length} of the very samples that are scored")
