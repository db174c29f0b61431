"""Traps: ways in which a log can hold no variance, or a false one, and look well.

Each is looked for where the table has the evidence, and says what was found, in how many samples, and what to do. They are
notices: the reader of a figure must know them. One is more, and has a file of its own: `hotmess.copies`.
"""

from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import Any

import narwhals as nw
import polars as pl

from hotmess.errors import Notice
from hotmess.frames import collect, count, is_polars, number
from hotmess.lists import at
from hotmess.responses import LONG, counting, different, has, responses
from hotmess.samples import GROUPS, LENGTHS, Samples

__all__ = ["traps", "unseen"]

_FEW = 8  # options that tell one order from another
_FEWEST = 10  # different lengths, below which they are a counter that rounds
_CAPPED = 0.01  # of the samples at one greatest length
_EVIDENCE = {
    "completion_hash": "copied and repeated completions, noise of the grader",
    "seed": "one seed for all",
    "temperature": "temperature 0",
    "choices": "reshuffled options",
    "source": "copies between runs",
}


def traps(samples: Samples) -> list[Notice]:
    """Every trap that the table shows evidence of."""
    if not set(samples.columns) & {*_EVIDENCE, "cached", "setting", *LENGTHS}:
        return []
    rows, keys, said = responses(samples)
    found = [*_seeds(rows, keys), *_repeated(rows, keys), *_copied(rows, keys), *_asked(rows), *_capped(rows, samples)]
    found += [*_options(rows, keys), *_texts(rows, keys), *_settings(rows), *_graded(rows, keys, said), *_failed(rows)]
    return [*found, *_unread(rows), *_stopped(rows)]


def unseen(samples: Samples) -> list[str]:
    """What could not be looked for, since the table has no such column."""
    lengths = [] if samples.length else ["lengths that end at a limit"]
    return [what for name, what in _EVIDENCE.items() if name not in samples.columns] + lengths


# ---------------------------------------------------------------------------------------------- one trap each


def _seeds(rows: nw.LazyFrame[Any], keys: list[str]) -> Iterator[Notice]:
    """Samples of one question that were asked for with one seed."""
    if not has(rows, "seed"):
        return
    asked = counting(rows).filter(~nw.col("seed").is_null())
    cell = [*keys, *(name for name in ("context_id",) if has(rows, name))]
    differ = [nw.col("completion_hash").n_unique().alias("texts")] if has(rows, "completion_hash") else []
    counts = [nw.len().alias("n"), nw.col("seed").n_unique().alias("seeds"), nw.col("seed").min().alias("first")]
    each = asked.group_by(*cell).agg(*counts, *differ).filter((nw.col("n") > 1) & (nw.col("seeds") < nw.col("n")))
    added = [nw.col(name).sum() for name in ("n", "seeds", *(["texts"] if differ else []))]
    seen = collect(each.select(*added, nw.col("first").min())).to_dicts()[0]
    if not seen["n"]:
        return
    n, seeds = int(seen["n"]), int(seen["seeds"])
    found = f"{n:,} samples share {seeds:,} seeds, each within its question (first: seed {seen['first']})"
    if differ and seen["texts"] > seeds:
        found += "; their completions differ nevertheless, so the provider does not honour seeds in full"
    yield Notice("one-seed", found, "give each sample a seed of its own, or none")


def _repeated(rows: nw.LazyFrame[Any], keys: list[str]) -> Iterator[Notice]:
    """Fewer different completions than samples."""
    if not has(rows, "completion_hash"):
        return
    long = _long(rows).group_by(*keys).agg(nw.len().alias("n"), nw.col("completion_hash").n_unique().alias("texts"))
    seen = collect(long.select(nw.col("n").sum(), nw.col("texts").sum()))
    n, texts = int(seen["n"][0] or 0), int(seen["texts"][0] or 0)
    if n - texts >= max(2, n * _CAPPED):
        found = (
            f"{n - texts:,} of {n:,} completions of {LONG} characters or more repeat another one of their question, byte for byte"
        )
        yield Notice("repeated-completions", found, "look for a cache, for seeds that recur, and for temperature 0")


def _long(rows: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    found = counting(rows).filter(~nw.col("completion_hash").is_null())
    return found.filter(nw.col("output_chars") >= LONG) if has(rows, "output_chars") else found


def _copied(rows: nw.LazyFrame[Any], keys: list[str]) -> Iterator[Notice]:
    """Runs whose completions are those of another run: one cache, or one seed, served both."""
    if not has(rows, "completion_hash", "source"):
        return
    text = [*keys, "completion_hash"]
    within = _long(rows).group_by(*text, "source").agg(nw.len().alias("within"))
    # A template that recurs within a run recurs between runs as well.
    shared = ((nw.col("runs") > 1) & (nw.col("within") == 1)).cast(nw.Int64).sum().alias("shared")
    runs = within.with_columns(runs=nw.len().over(*text))
    each = collect(runs.group_by("source").agg(nw.col("within").sum().alias("n"), shared)).sort("source")
    copies = each.filter((pl.col("shared") >= 2) & (pl.col("shared") >= pl.col("n") / 2))
    if copies.height:
        shown = ", ".join(f"{row['source']} ({row['shared']:,} of {row['n']:,})" for row in copies.head(3).to_dicts())
        more = " …" if copies.height > 3 else ""
        found = f"{copies.height} of {each.height} runs hold completions that another run has word for word: {shown}{more}"
        yield Notice("copied-runs", found, "run again without a cache, with other seeds; count one of them only")


def _asked(rows: nw.LazyFrame[Any]) -> Iterator[Notice]:
    """How much randomness was asked for: none at temperature 0, none from a cache."""
    named = {"temperature": nw.col("temperature") == 0, "cached": nw.col("cached")}
    there = [number(test).alias(name) for name, test in named.items() if has(rows, name)]
    if not there:
        return
    seen = collect(counting(rows).select(nw.len().alias("n"), *there)).to_dicts()[0]
    if seen.get("temperature"):
        found = f"{seen['temperature']:,} of {seen['n']:,} samples were asked for at temperature 0, which leaves little to chance"
        yield Notice("temperature-zero", found, "sample at the temperature at which the model is used")
    if seen.get("cached"):
        found = f"{seen['cached']:,} of {seen['n']:,} samples came from a cache, as copies of others"
        yield Notice("cached", found, "switch the cache off, or let it tell repeats apart")


def _capped(rows: nw.LazyFrame[Any], samples: Samples) -> Iterator[Notice]:
    """Lengths that pile up at their greatest value: a limit cut them."""
    length = samples.length
    if length is None or length == "actions":
        return
    known = counting(rows).filter(~nw.col(length).is_null()).with_columns(all=nw.lit(0))
    known = known.filter(nw.col(length).is_finite()) if known.collect_schema()[length].is_float() else known
    by = [name for name in GROUPS if name in samples.columns] or ["all"]
    counted = known.group_by(*by, length).agg(nw.len().alias("n"))
    ends = {"top": nw.col(length).max().over(*by), "whole": nw.col("n").sum().over(*by), "values": nw.len().over(*by)}
    seen = counted.with_columns(**ends)
    below = (nw.col(length) < nw.col("top")) & (nw.col(length) > nw.col("top") / 2)
    seen = seen.with_columns(below=nw.when(below).then(nw.col("n")).otherwise(nw.lit(0)))
    seen = seen.with_columns(next=nw.col("below").max().over(*by)).filter(nw.col(length) == nw.col("top"))
    found = collect(seen)
    piled = found.filter((pl.col("n") >= 3) & (pl.col("n") >= pl.col("whole") * _CAPPED) & (pl.col("n") > 3 * pl.col("next")))
    piled = piled.filter((pl.col("top") >= LONG) & (pl.col("n") < pl.col("whole")) & (pl.col("values") >= _FEWEST))
    for row in piled.sort("n", *by, descending=True).head(1).to_dicts():
        who = f" of {row['model']}" if row.get("model") else ""
        share = f"{row['n']:,} of {row['whole']:,} samples{who} ({row['n'] / row['whole']:.1%})"
        what = f"{share} have exactly {int(row['top']):,} {length}: a limit cut them, they are longer than they look"
        yield Notice("capped-length", what, "raise the limit (max_tokens), or read the longest bucket with care")


def _options(rows: nw.LazyFrame[Any], keys: list[str]) -> Iterator[Notice]:
    """Options in another order from run to run."""
    if not has(rows, "choices") or rows.collect_schema()["choices"] == nw.String:
        return
    known = rows.filter(~nw.col("choices").is_null()).with_columns(ordered=nw.col("choices").list.sort())
    orders, sets = nw.col("choices").n_unique().alias("orders"), nw.col("ordered").n_unique().alias("sets")
    each = known.group_by(*keys).agg(orders, sets)
    shuffled, other = (nw.col("orders") > 1) & (nw.col("sets") == 1), nw.col("sets") > 1
    seen = collect(each.select(nw.len().alias("n"), number(shuffled).alias("shuffled"), number(other).alias("other"))).to_dicts()[
        0
    ]
    if seen["shuffled"]:
        found = f"{seen['shuffled']:,} of {seen['n']:,} questions have their options in several orders"
        yield Notice("reshuffled", found)
    if seen["other"]:
        found = f"{seen['other']:,} of {seen['n']:,} questions have different options from sample to sample"
        yield Notice("options-differ", found, "give each set of options a question_id of its own")


def _texts(rows: nw.LazyFrame[Any], keys: list[str]) -> Iterator[Notice]:
    """Questions whose text is not the same everywhere, though nothing says that the context changes."""
    if not has(rows, "question_hash") or has(rows, "context_id"):
        return
    each = rows.group_by(*keys).agg(different("question_hash").alias("texts"))
    several = nw.col("texts") > 1
    first = nw.when(several).then(nw.col("question_id")).min().alias("first")
    seen = collect(each.select(nw.len().alias("n"), number(several).alias("several"), first)).to_dicts()[0]
    if seen["several"]:
        found = f"{seen['several']:,} of {seen['n']:,} questions have more than one text under one id (first: {seen['first']})"
        yield Notice("two-texts", found, "if these are different questions, give each an id of its own")


def _settings(rows: nw.LazyFrame[Any]) -> Iterator[Notice]:
    """One model that was asked in several ways."""
    if has(rows, "setting"):
        several = _values(rows, "setting")
        if several:
            row = several[0]
            shown = " | ".join(str(one) for one in row["setting"][:3])
            found = f"{row.get('model', 'one model')} was asked in {len(row['setting'])} ways, measured apart: {shown}"
            yield Notice("mixed-settings", found, "--pool setting puts them together")
        return
    for name in ("effort", "temperature"):
        several = _values(rows, name) if has(rows, name) else []
        if several:
            found = (
                f"{name} takes {len(several[0][name])} values within {several[0].get('model', 'one model')}, and they are pooled"
            )
            yield Notice("mixed-settings", found, f"--columns setting={name} keeps them apart")


def _values(rows: nw.LazyFrame[Any], name: str) -> list[dict[str, Any]]:
    """The tasks and models that have several values of a column, and these."""
    by = [one for one in ("task", "model") if has(rows, one)]
    seen = collect(rows.group_by(*by, name).agg(nw.len().alias("n"))).with_columns(all=pl.lit(0))
    each = seen.group_by(by or ["all"]).agg(pl.col(name).sort())
    return each.filter(pl.col(name).list.len() > 1).sort(by or ["all"]).to_dicts()


def _graded(rows: nw.LazyFrame[Any], keys: list[str], said: list[str]) -> Iterator[Notice]:
    """One completion that was graded in two ways: the grader's chance, which counts as the model's."""
    if not has(rows, "completion_hash"):
        return
    ran = [name for name in ("prediction", "passed", "_first", "_last") if has(rows, name)]  # of unit tests
    verdicts = ["score"] if has(rows, "score") else ran or said
    text = [*keys, "completion_hash"]
    if has(rows, "choices") and is_polars(rows):  # letters move with the options
        text = [*text, "choices"]
    elif has(rows, "choices"):  # not every engine groups by lists
        places = {f"_option_{place}": at("choices", place) for place in range(_FEW)}
        rows, text = rows.with_columns(**places), [*text, *places]
    given = reduce(or_, [~nw.col(name).is_null() for name in verdicts])
    twice = counting(rows).filter(~nw.col("completion_hash").is_null(), given)
    each = twice.group_by(*text).agg(nw.len().alias("n"), *(nw.col(name).n_unique().alias(f"{name}_torn") for name in verdicts))
    torn = reduce(or_, [nw.col(f"{name}_torn") > 1 for name in verdicts])
    seen = collect(each.filter(nw.col("n") > 1).select(nw.len().alias("n"), number(torn).alias("torn"))).to_dicts()[0]
    if seen["torn"]:
        found = f"{seen['torn']:,} of {seen['n']:,} completions that occur more than once were graded in more than one way"
        yield Notice(
            "grader-noise", found, "grade each completion again, and take the chance of the grader out of the model's variance"
        )


def _stopped(rows: nw.LazyFrame[Any]) -> Iterator[Notice]:
    """Samples that a limit stopped."""
    if has(rows, "status"):
        seen = collect(rows.select(nw.len().alias("n"), number(nw.col("status") == "limit").alias("stopped"))).to_dicts()[0]
        if seen["stopped"]:
            yield Notice("stopped", f"{seen['stopped']:,} of {seen['n']:,} samples were stopped by a limit")


def _unread(rows: nw.LazyFrame[Any]) -> Iterator[Notice]:
    """Why answers could not be read, as the log says."""
    if not has(rows, "status", "reason"):
        return
    unread = rows.filter((nw.col("status") == "invalid") & ~nw.col("reason").is_null())
    seen = collect(unread.group_by("reason").agg(nw.len().alias("n"))).sort("n", "reason", descending=[True, False])
    if seen.height:
        shown = ", ".join(f"{row['n']:,} {row['reason']}" for row in seen.head(5).to_dicts())
        yield Notice("unread-because", f"answers could not be read because: {shown}", "--pattern reads them in another way")


def _failed(rows: nw.LazyFrame[Any]) -> Iterator[Notice]:
    """Failures of the infrastructure that the log scores as wrong answers."""
    if not has(rows, "status", "score"):
        return
    seen = count(rows.filter((nw.col("status") == "error") & (nw.col("score") == 0)))
    if seen:
        found = f"{seen:,} samples failed by the infrastructure, not by the model, and were scored as wrong; they are left out"
        yield Notice("errors-as-wrong", found, "run them again")
