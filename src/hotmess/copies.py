"""Repeats that are all the same: their variance of zero is no property of the model."""

from collections.abc import Sequence
from functools import reduce
from operator import and_, or_

import narwhals as nw

from hotmess.errors import NoRandomness
from hotmess.frames import collect
from hotmess.responses import LONG, counting, different, responses, surely
from hotmess.samples import LENGTHS, Samples

__all__ = ["identical", "refusal", "told"]


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
    rows, keys, said = responses(samples)
    names = rows.collect_schema().names()
    lengths = [name for name in LENGTHS if name in names]
    asked = [name for name in ("temperature", "seed", "cached") if name in names]
    if not ("completion_hash" in names or lengths or asked):
        return []
    counted = [name for name in ("completion_hash", *lengths, "seed") if name in names]
    same = [different(name).alias(f"{name}_seen") for name in counted]
    top = [nw.col(name).max().alias(f"{name}_top") for name in ("temperature", *lengths) if name in names]
    cached = [nw.col("cached").cast(nw.Int64).min().alias("all_cached")] if "cached" in names else []
    alike = [nw.col(name).n_unique().alias(f"{name}_said") for name in said]
    each = counting(rows).group_by(*keys).agg(nw.len().alias("n"), *alike, *same, *top, *cached).filter(nw.col("n") > 1)
    proofs, groups = _proofs(names, lengths), [name for name in keys if name != "question_id"]
    one = reduce(and_, [nw.col(f"{name}_said") == 1 for name in said])
    told = [surely(one & proof).cast(nw.Int64).alias(what) for what, proof in proofs.items()]
    each = each.with_columns(*told, all=nw.lit(0))
    apart = [nw.col(f"{name}_top").n_unique().alias(f"{name}_values") for name in lengths]
    totals = each.group_by(*(groups or ["all"])).agg(nw.len().alias("n"), *(nw.col(what).min() for what in proofs), *apart)
    found = []
    for row in collect(totals).sort(groups or "n").to_dicts():
        varied = any(row[f"{name}_values"] > 1 for name in lengths)
        proof = next((what for what in proofs if row[what] and (what != _SAME_LENGTH or varied)), None)
        if proof:
            found.append(({name: row[name] for name in groups}, int(row["n"]), proof))
    return found


_SAME_LENGTH = "every completion has the same length, to the last token"


def _proofs(names: list[str], lengths: list[str]) -> dict[str, nw.Expr]:
    """What shows that the repeats of one question are copies."""
    proofs: dict[str, nw.Expr] = {}
    alike = nw.lit(value=True)
    if "completion_hash" in names:
        alike = nw.col("completion_hash_seen") == 1
        long = nw.col("output_chars_top") >= LONG if "output_chars" in names else nw.lit(value=True)
        proofs["every completion is the same, byte for byte"] = alike & surely(long)
    if lengths:
        fixed = reduce(and_, [nw.col(f"{name}_seen") == 1 for name in lengths])
        proofs[_SAME_LENGTH] = alike & fixed & reduce(or_, [surely(nw.col(f"{name}_top") >= LONG) for name in lengths])
        alike = alike & fixed
    if "temperature" in names:
        proofs["temperature 0 was asked for"] = alike & (nw.col("temperature_top").fill_null(1.0) == 0)
    if "seed" in names:
        proofs["one seed was sent with every request"] = alike & (nw.col("seed_seen") == 1)
    if "cached" in names:
        proofs["every answer came from a cache"] = alike & (nw.col("all_cached").fill_null(0) == 1)
    return proofs
