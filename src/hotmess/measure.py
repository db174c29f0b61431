"""Samples in, figures out: the composition that everyone calls.

``samples → tally → decompose → infer → Measurement``, once for the whole table; groups and buckets are made of per-question
terms afterwards, so that ten groups cost no more than one.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args

import numpy as np
import polars as pl
from jaxtyping import Float, Int
from numpy import ndarray

from hotmess.blocks import Invalid
from hotmess.checks import MAX_INVALID, notices, problems, untargeted
from hotmess.decompose import Terms
from hotmess.doubt import doubt_about, shared_contexts
from hotmess.errors import LossMismatch, NoLength, Notice, OneSample, UsageError, one_of
from hotmess.groups import Bucket, Group, Questions, grouping, groups_of, known_columns
from hotmess.infer import Interval, effective_questions
from hotmess.measurement import Measurement
from hotmess.prepare import prepare
from hotmess.rows import Method, Row
from hotmess.samples import Kind, Samples
from hotmess.sums import DELTA, Loss
from hotmess.tally import tally
from hotmess.traps import traps
from hotmess.withhold import readable, without_copies

__all__ = ["measure"]

About = Literal["population", "benchmark"]
Estimator = Literal["unbiased", "plugin"]

_LOSSES: dict[Kind, tuple[Loss, ...]] = {  # the first is the default
    "answers": ("brier", "kl", "mode", "zero_one", "coverage", "spread"),
    "probabilities": ("brier", "kl", "mode", "zero_one", "spread"),
    "score": ("coverage", "brier", "kl", "mode", "zero_one", "squared", "spread"),
    "tests": ("coverage", "spread"),
    "vector": ("squared", "spread"),
}
_FEW_ERRORS = 20  # questions with an error, below which nothing is said about their kind
_FEW_EFFECTIVE = 10
_NOTHING = 1e-12  # a variance of zero, but for rounding
_RARE = 0.1  # of the questions at most, where errors are too rare to say more
_WIDEST = 0.5  # an interval across one half that is wider than this says nothing


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
        loss: by default brier for answers and probabilities, coverage for scores and tests, squared (or spread) for vectors.
        estimator: unbiased (midpoint for kl and mode) or plugin.
        invalid: what a sample is from which no answer could be read: `class`, one more class, always wrong; `uniform`, a guess
            over the options; `drop`, nothing.
        by: columns to split by; ``"length:8"`` means eight buckets of equally many questions by mean length.
        pool: task, model or setting, to be put together; a question then has that name as part of its own.
        length: the numeric column that is meant by length.
        about: intervals for questions like these (population), or for exactly these questions and new samples (benchmark).
        cluster: a column of questions that belong together, such as a template or a repository.
        level: the level of confidence.
        delta: the smoothing of kl.
        max_invalid: refuse a table of which more than this share could not be read.
        paper: the paper's own figures: kl (coverage for tests), plug-in, unreadable answers as uniform guesses.
        deterministic: report a variance of zero even where all repeats are copies, for a system that is meant to be so.

    Raises:
        HotmessError: see `hotmess.errors`; the message says what was found and what to type.
    """
    samples = samples if isinstance(samples, Samples) else prepare(samples)
    loss = None if loss is None else one_of("loss", loss.replace("-", "_"), get_args(Loss))
    one_of("estimator", estimator, get_args(Estimator))
    one_of("invalid", invalid, get_args(Invalid))
    one_of("about", about, get_args(About))
    if not (0 < level < 1 and 0 < delta < 1):
        raise UsageError(f"level is {level:g} and delta {delta:g}; both must lie between 0 and 1", hint="level=0.95, delta=1e-12")
    if paper:
        loss, estimator, invalid = _as_in_the_paper(samples, loss)
    loss = _loss(samples, loss, invalid)
    if loss == "coverage" and not samples.has_target:
        raise untargeted()
    samples = samples.right_or_wrong() if loss == "coverage" else samples
    columns, bucket = grouping(samples, by, pool)
    length = _length(samples, length, bucket)
    measured = Method(loss, _estimator_name(loss, estimator), invalid, samples.kind, about, level, delta, cluster, length)
    made = tally(samples, loss, by=columns, length=length, each_sample=_needs_samples(samples, measured), delta=delta)
    for problem in problems(made, samples, loss, max_invalid=max_invalid):
        raise problem
    table = Questions.of(made, samples, measured, pool)
    groups = list(groups_of(table, columns, pool, bucket))
    rows = tuple(_row(table, group, measured) for group in groups)
    withheld: list[Notice] = []
    rows, unread = readable(rows, max_invalid)
    still = any(abs(row.variance.value) < _NOTHING for row in rows)
    if not deterministic and (still or samples.has("completion_hash")):
        rows, withheld = without_copies(rows, samples)
    said = [
        *unread,
        *withheld,
        *notices(made, samples, invalid=invalid),
        *traps(samples),
        *_notices(table, groups, rows, measured, bucket),
    ]
    return Measurement(rows, measured, tuple(said), samples.source)


# ---------------------------------------------------------------------------------------------- what was asked for


def _as_in_the_paper(samples: Samples, loss: Loss | None) -> tuple[Loss, Estimator, Invalid]:
    kl = samples.kind in ("answers", "probabilities", "score")
    return loss or ("kl" if kl else _LOSSES[samples.kind][0]), "plugin", "uniform" if kl else "class"


def _loss(samples: Samples, loss: Loss | None, invalid: Invalid) -> Loss:
    possible = _LOSSES[samples.kind]
    if loss is None:
        loss = possible[0] if samples.has_target or samples.kind != "vector" else "spread"
    if loss not in possible:
        raise LossMismatch(
            f"the loss {loss} is not defined for {samples.kind}", hint="--loss " + " | ".join(possible).replace("_", "-")
        )
    if invalid == "uniform" and samples.kind in ("tests", "vector"):
        raise LossMismatch(f"a uniform guess is not defined for {samples.kind}", hint="--invalid class | drop")
    return loss


def _estimator_name(loss: Loss, estimator: Estimator) -> str:
    if estimator == "plugin" or loss == "zero_one":
        return "plugin"
    return "midpoint" if loss in ("kl", "mode") else "unbiased"


def _length(samples: Samples, length: str | None, bucket: Bucket | None) -> str | None:
    column = (bucket.column if bucket else "") or length or samples.length
    if length is not None:
        known_columns(samples, [length])
    if column is None:
        if bucket is None:
            return None
        raise NoLength(
            "the table has no length to put questions into buckets by",
            hint="--length COLUMN; known are reasoning_tokens, output_tokens, output_chars, actions",
        )
    if bucket is None:
        return None
    if not samples.frame.collect_schema()[column].is_numeric():
        raise NoLength(f"the column `{column}` is not numeric", hint="--length COLUMN")
    return column


def _needs_samples(samples: Samples, method: Method) -> bool:
    """Whether single samples must be left out, and sums over them do not tell how."""
    votes = samples.kind == "answers" or (samples.kind == "score" and method.loss not in ("coverage", "squared"))
    if votes:
        return False
    return method.estimator == "midpoint" or (method.about == "benchmark" and not samples.has("context_id"))


# ---------------------------------------------------------------------------------------------- figures


def _row(table: Questions, group: Group, method: Method) -> Row:
    nested = group.nested and method.estimator != "plugin"
    chosen = group.members[table.usable(group.members, nested=nested)]
    terms, rows = table.terms, table.table[group.members]
    counted = float((rows["rows"] - rows["excluded"]).sum())
    used = int(terms.samples[chosen].sum())
    doubt = doubt_about(table, chosen, method)
    error, bias, variance = (doubt.of_mean(getattr(terms, name)[chosen], name) for name in ("error", "bias", "variance"))
    shared = method.loss not in ("zero_one", "spread") and len(chosen) > 0
    undefined = Interval(np.nan, np.nan, np.nan, method.level)
    ratio = doubt.of_ratio(terms.variance[chosen], terms.error[chosen]) if shared else undefined
    inputs, outputs = _shares(table, chosen, nested=group.nested)
    return Row(
        group=group.name,
        questions=len(chosen),
        samples=used,
        questions_left_out=len(group.members) - len(chosen),
        left_out=int(rows["rows"].sum()) - used,
        invalid_rate=float(rows["invalid"].sum()) / counted if counted else 0.0,
        error=error,
        bias2=bias,
        variance=variance,
        incoherence=ratio,
        input_variance=inputs,
        output_variance=outputs,
        effective_questions=effective_questions(terms.error[chosen]) if method.loss != "spread" else float(len(chosen)),
        interval=doubt.name if shared else "none",
        verdict=_verdict(terms.error[chosen], error, ratio, method.loss),
        more=_more(terms, chosen, method),
    )


def _shares(table: Questions, chosen: Int[ndarray, " member"], *, nested: bool) -> tuple[float | None, float | None]:
    """The input and the output part of the variance, where contexts tell them apart."""
    if "context_id" not in table.cells.inner or not len(chosen):
        return None, None
    output = table.terms.output[chosen]
    known = np.isfinite(output)
    if not known.all():
        return None, None
    variance, inside = float(table.terms.variance[chosen].mean()), float(output.mean())
    return (variance - inside if nested else None), inside


def _more(terms: Terms, chosen: Int[ndarray, " member"], method: Method) -> dict[str, float]:
    found = {name: float(values[chosen].mean()) if len(chosen) else np.nan for name, values in terms.more.items()}
    return found | ({"log_delta": float(-np.log(method.delta))} if method.loss == "kl" else {})


def _verdict(errors: Float[ndarray, " member"], error: Interval, ratio: Interval, loss: Loss) -> str | None:
    """What may be said in a word; only where the whole interval lies on one side of one half."""
    if loss in ("zero_one", "spread"):
        return None
    rare = len(errors) >= _FEW_ERRORS and error.low <= 0 and (errors > 0).mean() <= _RARE
    if rare:
        return "almost never wrong here"
    if (errors > 0).sum() < _FEW_ERRORS or np.isnan(ratio.low):
        return "too little to tell"
    if ratio.high < 0.5:
        return "systematic"
    if ratio.low > 0.5:
        return "hot mess"
    return "mixed" if ratio.high - ratio.low <= _WIDEST else "too little to tell"


# ---------------------------------------------------------------------------------------------- what must be known


def _notices(
    table: Questions, groups: Sequence[Group], rows: Sequence[Row], method: Method, bucket: Bucket | None
) -> Iterator[Notice]:
    yield from _about_questions(table, rows, method)
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
    two = sum(_few_contexts(table, group) for group in groups)
    if two and method.about == "population":
        found = f"in {two} of {len(rows)} rows questions share fewer than three contexts; the interval does not allow for others"
        yield Notice("few-contexts", found)
    bare = sum(np.isnan(row.incoherence.low) and row.incoherence.value > 0 for row in rows)
    if bare:
        unit = "three samples (or contexts) in every question" if method.about == "benchmark" else "two questions (or clusters)"
        yield Notice("no-interval", f"{bare} of {len(rows)} rows have no interval: it needs {unit}")
    if bucket is not None:
        yield from _about_buckets(table, groups, bucket, method)


def _about_questions(table: Questions, rows: Sequence[Row], method: Method) -> Iterator[Notice]:
    lonely = table.table.height - sum(row.questions for row in rows)
    if lonely:
        found = f"{lonely:,} of {table.table.height:,} questions have too few samples or contexts (or no length, for buckets)"
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


def _few_contexts(table: Questions, group: Group) -> bool:
    return shared_contexts(table, group.members) and bool(table.terms.contexts[group.members].min() < 3)


def _about_buckets(table: Questions, groups: Sequence[Group], bucket: Bucket, method: Method) -> Iterator[Notice]:
    without = table.table.filter(pl.col("lengths") < pl.col("rows") - pl.col("excluded"))
    if without.height:
        found = f"{without.height:,} of {table.table.height:,} questions have samples without {method.length}"
        none = without.filter(pl.col("lengths") == 0).height
        found += f"; {none:,} have none at all and are in no bucket" if none else ""
        yield Notice("no-length", found, "--length with another column, such as output_chars")
    fewer = min(group.name[bucket.name]["of"] for group in groups) if groups else 0
    if fewer < bucket.count:
        yield Notice("few-questions", f"too few questions for {bucket.count} buckets; at least {fewer} are shown")
    yield Notice("same-samples", f"buckets are by the mean {method.length} of the very samples that are scored")
