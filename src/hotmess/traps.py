"""Traps: ways in which a log can hold no variance, or a false one, and look well.

Each is looked for where the table has the evidence, and says what was found, in how many samples, and what to do. They are
notices: the reader of a figure must know them. One is more: repeats that are all the same (`identical`), for their variance of
zero is no property of the model.
"""

from collections.abc import Iterator, Sequence

import polars as pl

from hotmess.errors import NoRandomness, Notice
from hotmess.frames import polars
from hotmess.samples import GROUPS, LENGTHS, Samples

__all__ = ["identical", "refusal", "told", "traps", "unseen"]

LONG = 50  # characters; shorter texts may well be the same twice
_FEWEST = 10  # different lengths, below which they are a counter that rounds
_CAPPED = 0.01  # of the samples at one greatest length
_EVIDENCE = {
    "completion_hash": "copied and repeated completions, noise of the grader",
    "seed": "one seed for all",
    "temperature": "temperature 0",
    "choices": "reshuffled options",
    "source": "copies between runs",
}
_COLUMNS = (
    *("source", "seed", "temperature", "cached", "completion_hash", "question_hash", "choices", "status", "reason", "effort"),
    *LENGTHS,
)


def traps(samples: Samples) -> list[Notice]:
    """Every trap that the table shows evidence of."""
    if not set(samples.columns) & {*_EVIDENCE, "cached", "setting", *LENGTHS}:
        return []
    rows, keys = _responses(samples)
    found = [*_seeds(rows, keys), *_repeated(rows, keys), *_copied(rows, keys), *_asked(rows), *_capped(rows, samples)]
    found += [*_options(rows, keys), *_texts(rows, keys), *_settings(rows), *_graded(rows, keys), *_failed(rows)]
    return [*found, *_unread(rows), *_stopped(rows)]


def unseen(samples: Samples) -> list[str]:
    """What could not be looked for, since the table has no such column."""
    lengths = [] if samples.length else ["lengths that end at a limit"]
    return [what for name, what in _EVIDENCE.items() if name not in samples.columns] + lengths


def refusal(found: Sequence[tuple[dict[str, str], int, str]]) -> NoRandomness:
    """Why a variance of zero is no result, where repeats are `identical`."""
    return NoRandomness(
        f"the repeats of all {sum(n for _, n, _ in found):,} questions with several samples are identical",
        where=told(found),
        why="then a variance of zero says nothing about the model: nothing was drawn at random",
        hint="sample again with temperature above 0, without a fixed seed or a cache; --deterministic if zero is meant",
    )


def told(found: Sequence[tuple[dict[str, str], int, str]]) -> str:
    """Who is `identical`, and what shows it, in words."""
    shown = [" ".join([*(str(name) for name in group.values() if name), proof]) for group, _, proof in found[:3]]
    return "; ".join(shown) + (" …" if len(found) > 3 else "")


def identical(samples: Samples) -> list[tuple[dict[str, str], int, str]]:
    """The tasks, models and settings all of whose repeats are the same; how many questions those are, and what shows it.

    Equal answers alone are no proof, for a sure model gives them, too. The whole text shows it, if it is long; or lengths that
    differ between questions and never within one; or equal texts, as far as they are known, where no randomness was asked for:
    temperature 0, one seed, a cache.
    """
    rows, keys = _responses(samples)
    names = rows.collect_schema().names()
    lengths = [name for name in LENGTHS if name in names]
    asked = [name for name in ("temperature", "seed", "cached") if name in names]
    if not ("completion_hash" in names or lengths or asked):
        return []
    counted = ("completion_hash", *lengths, "seed")
    same = [pl.col(name).drop_nulls().n_unique().alias(f"{name}_seen") for name in counted if name in names]
    top = [pl.col(name).max().alias(f"{name}_top") for name in ("temperature", *lengths) if name in names]
    cached = [pl.col("cached").all().alias("all_cached")] if "cached" in names else []
    said = pl.col("prediction").n_unique().alias("predictions")
    each = _counts(rows).group_by(keys).agg(pl.len().alias("n"), said, *same, *top, *cached).filter(pl.col("n") > 1)
    proofs, groups = _proofs(names, lengths), [name for name in keys if name != "question_id"]
    told = [((pl.col("predictions") == 1) & proof).fill_null(value=False).alias(what) for what, proof in proofs.items()]
    apart = [pl.col(f"{name}_top").n_unique().alias(f"{name}_values") for name in lengths]
    by = each.with_columns(told).group_by(groups or [pl.lit(0).alias("all")])
    totals = by.agg(pl.len().alias("n"), *(pl.col(what).all() for what in proofs), *apart)
    found = []
    for row in totals.sort(groups or "n").collect().to_dicts():
        varied = any(row[f"{name}_values"] > 1 for name in lengths)
        proof = next((what for what in proofs if row[what] and (what != _SAME_LENGTH or varied)), None)
        if proof:
            found.append(({name: row[name] for name in groups}, int(row["n"]), proof))
    return found


_SAME_LENGTH = "every completion has the same length, to the last token"


def _proofs(names: list[str], lengths: list[str]) -> dict[str, pl.Expr]:
    """What shows that the repeats of one question are copies."""
    proofs: dict[str, pl.Expr] = {}
    alike = pl.lit(value=True)
    if "completion_hash" in names:
        alike = pl.col("completion_hash_seen") == 1
        long = pl.col("output_chars_top") >= LONG if "output_chars" in names else pl.lit(value=True)
        proofs["every completion is the same, byte for byte"] = alike & long
    if lengths:
        fixed = pl.all_horizontal(pl.col(f"{name}_seen") == 1 for name in lengths)
        proofs[_SAME_LENGTH] = alike & fixed & pl.any_horizontal(pl.col(f"{name}_top") >= LONG for name in lengths)
        alike = alike & fixed
    if "temperature" in names:
        proofs["temperature 0 was asked for"] = alike & (pl.col("temperature_top").fill_null(1.0) == 0)
    if "seed" in names:
        proofs["one seed was sent with every request"] = alike & (pl.col("seed_seen") == 1)
    if "cached" in names:
        proofs["every answer came from a cache"] = alike & pl.col("all_cached").fill_null(value=False)
    return proofs


def _responses(samples: Samples) -> tuple[pl.LazyFrame, list[str]]:
    """One row per response that counts, with a `prediction` that is equal where two say the same; and what names a question."""
    frame, keys = polars(samples.frame), list(samples.keys)
    there = [name for name in _COLUMNS if name in samples.columns]
    context = [name for name in ("context_id",) if name in samples.columns]
    known = [name for name in there if name not in keys]
    if samples.kind == "tests":  # a row for each test so far
        whole = [*keys, *context, *(name for name in ("sample_id",) if name in samples.columns)]
        outcome = pl.struct("test_id", "score").sort().hash().sum().alias("prediction")
        frame = frame.group_by(whole, maintain_order=True).agg(outcome, *(pl.col(name).first() for name in known))
    else:
        measured = {"answers": "answer", "score": "score", "vector": "vector", "probabilities": "prob_"}[samples.kind]
        said = [name for name in samples.columns if name == measured or (measured == "prob_" and name.startswith(measured))]
        frame = frame.select(*keys, *context, *known, pl.struct(said).hash().alias("prediction"), *_score(samples))
    return frame, keys


def _score(samples: Samples) -> list[pl.Expr]:
    return [pl.col("score").cast(pl.Float64)] if samples.has("score") and samples.kind != "tests" else []


def _counts(rows: pl.LazyFrame) -> pl.LazyFrame:
    """The rows that count: a failure of the infrastructure is no repeat."""
    return rows if "status" not in rows.collect_schema().names() else rows.filter(~pl.col("status").is_in(["error", "missing"]))


def _has(rows: pl.LazyFrame, *names: str) -> bool:
    return set(names) <= set(rows.collect_schema().names())


# ---------------------------------------------------------------------------------------------- one trap each


def _seeds(rows: pl.LazyFrame, keys: list[str]) -> Iterator[Notice]:
    """Samples of one question that were asked for with one seed."""
    if not _has(rows, "seed"):
        return
    asked = _counts(rows).filter(pl.col("seed").is_not_null())
    cell = [*keys, *(name for name in ("context_id",) if _has(rows, name))]
    differ = [pl.col("completion_hash").n_unique().alias("texts")] if _has(rows, "completion_hash") else []
    each = asked.group_by(cell).agg(
        pl.len().alias("n"), pl.col("seed").n_unique().alias("seeds"), pl.col("seed").first(), *differ
    )
    seen = each.filter((pl.col("n") > 1) & (pl.col("seeds") < pl.col("n"))).collect()
    if not seen.height:
        return
    n, seeds = int(seen["n"].sum()), int(seen["seeds"].sum())
    found = f"{n:,} samples share {seeds:,} seeds, each within its question (first: seed {seen['seed'][0]})"
    if differ and seen["texts"].sum() > seeds:
        found += "; their completions differ nevertheless, so the provider does not honour seeds in full"
    yield Notice("one-seed", found, "give each sample a seed of its own, or none")


def _repeated(rows: pl.LazyFrame, keys: list[str]) -> Iterator[Notice]:
    """Fewer different completions than samples."""
    if not _has(rows, "completion_hash"):
        return
    long = _long(rows).group_by(keys).agg(pl.len().alias("n"), pl.col("completion_hash").n_unique().alias("texts"))
    seen = long.select(pl.col("n", "texts").sum()).collect()
    n, texts = int(seen["n"][0]), int(seen["texts"][0])
    if n - texts >= max(2, n * _CAPPED):
        found = (
            f"{n - texts:,} of {n:,} completions of {LONG} characters or more repeat another one of their question, byte for byte"
        )
        yield Notice("repeated-completions", found, "look for a cache, for seeds that recur, and for temperature 0")


def _long(rows: pl.LazyFrame) -> pl.LazyFrame:
    found = _counts(rows).filter(pl.col("completion_hash").is_not_null())
    return found.filter(pl.col("output_chars") >= LONG) if _has(rows, "output_chars") else found


def _copied(rows: pl.LazyFrame, keys: list[str]) -> Iterator[Notice]:
    """Runs whose completions are those of another run: one cache, or one seed, served both."""
    if not _has(rows, "completion_hash", "source"):
        return
    text = [*keys, "completion_hash"]
    within = pl.len().over([*text, "source"]).alias("within")  # a template that recurs within a run recurs between runs as well
    runs = _long(rows).with_columns(pl.col("source").n_unique().over(text).alias("runs"), within)
    shared = ((pl.col("runs") > 1) & (pl.col("within") == 1)).sum().alias("shared")
    each = runs.group_by("source").agg(pl.len().alias("n"), shared).sort("source").collect()
    copies = each.filter((pl.col("shared") >= 2) & (pl.col("shared") >= pl.col("n") / 2))
    if copies.height:
        shown = ", ".join(f"{row['source']} ({row['shared']:,} of {row['n']:,})" for row in copies.head(3).to_dicts())
        more = " …" if copies.height > 3 else ""
        found = f"{copies.height} of {each.height} runs hold completions that another run has word for word: {shown}{more}"
        yield Notice("copied-runs", found, "run again without a cache, with other seeds; count one of them only")


def _asked(rows: pl.LazyFrame) -> Iterator[Notice]:
    """How much randomness was asked for: none at temperature 0, none from a cache."""
    named = {"temperature": pl.col("temperature") == 0, "cached": pl.col("cached")}
    there = {name: test for name, test in named.items() if _has(rows, name)}
    if not there:
        return
    seen = (
        _counts(rows)
        .select(pl.len().alias("n"), *(test.sum().alias(name) for name, test in there.items()))
        .collect()
        .to_dicts()[0]
    )
    if seen.get("temperature"):
        found = f"{seen['temperature']:,} of {seen['n']:,} samples were asked for at temperature 0, which leaves little to chance"
        yield Notice("temperature-zero", found, "sample at the temperature at which the model is used")
    if seen.get("cached"):
        found = f"{seen['cached']:,} of {seen['n']:,} samples came from a cache, as copies of others"
        yield Notice("cached", found, "switch the cache off, or let it tell repeats apart")


def _capped(rows: pl.LazyFrame, samples: Samples) -> Iterator[Notice]:
    """Lengths that pile up at their greatest value: a limit cut them."""
    length = samples.length
    if length is None or length == "actions":
        return
    names = [name for name in GROUPS if name in samples.columns]
    groups: list[str | pl.Expr] = [*names] or [pl.lit(0).alias("all")]
    known = _counts(rows).filter(pl.col(length).is_not_null())
    counted = known.group_by(*groups, length).agg(pl.len().alias("n"))
    by = names or ["all"]
    top = pl.col(length).max().over(by).alias("top")
    seen = counted.with_columns(pl.col("n").sum().over(by).alias("whole"), top, pl.len().over(by).alias("values"))
    at_top = seen.filter(pl.col(length) == pl.col("top"))
    below = seen.filter((pl.col(length) < pl.col("top")) & (pl.col(length) > pl.col("top") / 2))
    rest = below.group_by(by).agg(pl.col("n").max().alias("next"))
    found = at_top.join(rest, on=by, how="left").with_columns(pl.col("next").fill_null(0)).collect()
    piled = found.filter((pl.col("n") >= 3) & (pl.col("n") >= pl.col("whole") * _CAPPED) & (pl.col("n") > 3 * pl.col("next")))
    piled = piled.filter((pl.col("top") >= LONG) & (pl.col("n") < pl.col("whole")) & (pl.col("values") >= _FEWEST))
    for row in piled.sort("n", descending=True).head(1).to_dicts():
        who = f" of {row['model']}" if row.get("model") else ""
        share = f"{row['n']:,} of {row['whole']:,} samples{who} ({row['n'] / row['whole']:.1%})"
        what = f"{share} have exactly {row['top']:,} {length}: a limit cut them, they are longer than they look"
        yield Notice("capped-length", what, "raise the limit (max_tokens), or read the longest bucket with care")


def _options(rows: pl.LazyFrame, keys: list[str]) -> Iterator[Notice]:
    """Options in another order from run to run."""
    if not _has(rows, "choices") or rows.collect_schema()["choices"] != pl.List(pl.String):
        return
    orders, sets = pl.col("choices").n_unique().alias("orders"), pl.col("choices").list.sort().n_unique().alias("sets")
    seen = rows.filter(pl.col("choices").is_not_null()).group_by(keys).agg(orders, sets).collect()
    shuffled, other = seen.filter((pl.col("orders") > 1) & (pl.col("sets") == 1)).height, seen.filter(pl.col("sets") > 1).height
    if shuffled:
        found = f"{shuffled:,} of {seen.height:,} questions have their options in several orders"
        yield Notice("reshuffled", found)
    if other:
        found = f"{other:,} of {seen.height:,} questions have different options from sample to sample"
        yield Notice("options-differ", found, "give each set of options a question_id of its own")


def _texts(rows: pl.LazyFrame, keys: list[str]) -> Iterator[Notice]:
    """Questions whose text is not the same everywhere, though nothing says that the context changes."""
    if not _has(rows, "question_hash") or _has(rows, "context_id"):
        return
    seen = rows.group_by(keys).agg(pl.col("question_hash").drop_nulls().n_unique().alias("texts")).collect()
    several = seen.filter(pl.col("texts") > 1)
    if several.height:
        first = several.sort("question_id")["question_id"][0]
        found = f"{several.height:,} of {seen.height:,} questions have more than one text under one id (first: {first})"
        yield Notice("two-texts", found, "if these are different questions, give each an id of its own")


def _settings(rows: pl.LazyFrame) -> Iterator[Notice]:
    """One model that was asked in several ways."""
    names = [name for name in ("task", "model") if _has(rows, name)]
    by: list[str | pl.Expr] = [*names] or [pl.lit(0).alias("all")]
    if _has(rows, "setting"):
        seen = rows.group_by(by).agg(pl.col("setting").unique().sort()).filter(pl.col("setting").list.len() > 1).collect()
        if seen.height:
            row = seen.sort(names or "all").to_dicts()[0]
            shown = " | ".join(str(one) for one in row["setting"][:3])
            found = f"{row.get('model', 'one model')} was asked in {len(row['setting'])} ways, measured apart: {shown}"
            yield Notice("mixed-settings", found, "--pool setting puts them together")
        return
    for name in ("effort", "temperature"):
        if _has(rows, name):
            values = rows.group_by(by).agg(pl.col(name).unique().sort()).filter(pl.col(name).list.len() > 1).collect()
            if values.height:
                first = values.sort(names or "all").to_dicts()[0]
                found = f"{name} takes {len(first[name])} values within {first.get('model', 'one model')}, and they are pooled"
                yield Notice("mixed-settings", found, f"--columns setting={name} keeps them apart")


def _graded(rows: pl.LazyFrame, keys: list[str]) -> Iterator[Notice]:
    """One completion that was graded in two ways: the grader's chance, which counts as the model's."""
    if not _has(rows, "completion_hash"):
        return
    verdict = "score" if _has(rows, "score") else "prediction"
    text = [*keys, "completion_hash", *(name for name in ("choices",) if _has(rows, name))]  # letters move with the options
    twice = _counts(rows).filter(pl.col("completion_hash").is_not_null() & pl.col(verdict).is_not_null())
    each = twice.group_by(text).agg(pl.len().alias("n"), pl.col(verdict).n_unique().alias("verdicts")).filter(pl.col("n") > 1)
    seen = each.select(pl.len().alias("n"), (pl.col("verdicts") > 1).sum().alias("torn")).collect()
    if int(seen["torn"][0]):
        found = f"{seen['torn'][0]:,} of {seen['n'][0]:,} completions that occur more than once were graded in more than one way"
        yield Notice(
            "grader-noise", found, "grade each completion again, and take the chance of the grader out of the model's variance"
        )


def _stopped(rows: pl.LazyFrame) -> Iterator[Notice]:
    """Samples that a limit stopped."""
    if _has(rows, "status"):
        seen = rows.select(pl.len().alias("n"), (pl.col("status") == "limit").sum().alias("stopped")).collect()
        if seen["stopped"][0]:
            yield Notice("stopped", f"{seen['stopped'][0]:,} of {seen['n'][0]:,} samples were stopped by a limit")


def _unread(rows: pl.LazyFrame) -> Iterator[Notice]:
    """Why answers could not be read, as the log says."""
    if not _has(rows, "status", "reason"):
        return
    unread = rows.filter((pl.col("status") == "invalid") & pl.col("reason").is_not_null())
    seen = unread.group_by("reason").agg(pl.len().alias("n")).sort("n", "reason", descending=[True, False]).collect()
    if seen.height:
        shown = ", ".join(f"{row['n']:,} {row['reason']}" for row in seen.head(5).to_dicts())
        yield Notice("unread-because", f"answers could not be read because: {shown}", "--pattern reads them in another way")


def _failed(rows: pl.LazyFrame) -> Iterator[Notice]:
    """Failures of the infrastructure that the log scores as wrong answers."""
    if not _has(rows, "status", "score"):
        return
    seen = rows.filter((pl.col("status") == "error") & (pl.col("score") == 0)).select(pl.len()).collect().item()
    if seen:
        found = f"{seen:,} samples failed by the infrastructure, not by the model, and were scored as wrong; they are left out"
        yield Notice("errors-as-wrong", found, "run them again")
