"""What is wrong, or must be known, about a table once it has been added up.

`problems` are reasons to refuse a figure; `notices` travel with it. Both are read off the tally, so they cost no second look
at the rows.
"""

from dataclasses import dataclass

import polars as pl

from hotmess.errors import (
    BadProbability,
    BadScore,
    HotmessError,
    MostlyUnparsed,
    NoTarget,
    Notice,
    OneSample,
    TargetNotOption,
    TwoTargets,
)
from hotmess.samples import GROUPS, Kind, Samples
from hotmess.sums import Loss, first_rows
from hotmess.tally import Tally, asked_by

__all__ = ["MAX_INVALID", "notices", "problems", "untargeted"]

_FIRST = 1000
_NOUNS: dict[Kind, str] = {
    "answers": "answers",
    "probabilities": "answers",
    "tests": "runs",
    "score": "scores",
    "vector": "vectors",
}
MAX_INVALID = 0.25  # more unreadable answers than this share, and the figures describe the parser


@dataclass(frozen=True, slots=True)
class _Totals:
    """Sums over the whole table."""

    rows: int
    excluded: int
    invalid: int
    bad: int
    rescaled: int
    disagree: int
    off_target: int
    graded: int
    foreign: int
    outcomes: int

    @property
    def counted(self) -> int:
        return self.rows - self.excluded


def _totals(made: Tally) -> _Totals:
    cells = made.cells
    return _Totals(**{n: int(cells[n].sum()) if n in cells.columns else 0 for n in _Totals.__dataclass_fields__})


def problems(made: Tally, samples: Samples, loss: Loss, *, max_invalid: float = MAX_INVALID) -> list[HotmessError]:
    """Every reason not to give a figure for this table."""
    sums = _totals(made)
    found = [_no_target(made, samples, loss), _two_targets(made), _not_an_option(made, sums), _too_many_options(made)]
    found += [_bad(sums, samples, max_invalid) or _unparsed(made, sums, max_invalid), _one_sample(made)]
    return [problem for problem in found if problem is not None]


def untargeted() -> NoTarget:
    """What to say of a table that has nothing to compare answers with."""
    return NoTarget(
        "the table has neither a target nor a score",
        why="bias is the distance from the right answer",
        hint="--columns target=NAME, or --loss spread for the variance alone",
    )


def _no_target(made: Tally, samples: Samples, loss: Loss) -> HotmessError | None:
    known = samples.has_target and ("target_low" not in made.cells.columns or made.cells["target_low"].count() > 0)
    if known or loss == "spread":
        return None
    return untargeted()


def _two_targets(made: Tally) -> HotmessError | None:
    if "target_low" not in made.cells.columns:
        return None
    ends = made.cells.rename({"target_low": "low", "target_high": "high"})
    if made.inner:
        ends = ends.group_by(made.keys).agg(pl.col("low").min(), pl.col("high").max())
    torn = ends.filter(pl.col("low") != pl.col("high"))
    if not torn.height:
        return None
    shown = torn.sort(made.keys).head(3)
    where = "; ".join(f"{row['question_id']} has {row['low']} and {row['high']}" for row in shown.to_dicts())
    return TwoTargets(
        f"{torn.height} question(s) have more than one target",
        where=where + (" …" if torn.height > 3 else ""),
        why="if options were shuffled between runs, a letter names another answer each time",
        hint="store the text of the answer, or give each shuffle its own question_id",
    )


def _not_an_option(made: Tally, sums: _Totals) -> HotmessError | None:
    cells = made.cells
    if made.space == "probabilities" and "target_low" in cells.columns:
        cells = cells.filter(pl.col("target_low").is_not_null() & ~pl.col("target_low").is_in(made.units))
    elif sums.off_target:
        cells = cells.filter(pl.col("off_target") > 0)
    else:
        return None
    questions = cells.select(made.keys).unique()
    if not questions.height:
        return None
    return TargetNotOption(
        f"the target of {questions.height} question(s) is not among the options",
        where=_targets_seen(cells, made),
        why="then every answer is wrong by construction",
        hint="write targets as the options are written",
    )


def _targets_seen(cells: pl.DataFrame, made: Tally) -> str:
    rows = cells.sort(made.keys).unique(made.keys, keep="first", maintain_order=True).head(3).to_dicts()
    shown = "; ".join(f"{row['question_id']}: {row['target_low']}" for row in rows)
    return shown + (f" (options {', '.join(made.units)})" if made.space == "probabilities" else "")


def _too_many_options(made: Tally) -> HotmessError | None:
    if made.space != "votes" or "options" not in made.cells.columns or made.kind == "score":
        return None
    if made.entries is not None:
        chosen = made.entries.filter(pl.col("total") > 0).group_by(made.keys).agg(seen=pl.col("unit").n_unique())
    else:
        totals = [f"total:{unit}" for unit in made.units]
        sums = made.cells.group_by(made.keys).agg(pl.col(totals).sum()) if made.inner else made.cells
        chosen = sums.select(*made.keys, seen=pl.sum_horizontal(pl.col(totals) > 0))
    options = made.cells.group_by(made.keys).agg(pl.col("options").max()) if made.inner else made.cells
    more = chosen.join(options.select(*made.keys, "options"), on=made.keys, nulls_equal=True)
    more = more.filter(pl.col("seen") > pl.col("options"))
    if not more.height:
        return None
    first = more.sort(made.keys).head(3).to_dicts()
    return TargetNotOption(
        f"{more.height} question(s) have more different answers than options",
        where="; ".join(f"{row['question_id']}: {row['seen']} answers, {row['options']} options" for row in first),
        why="`n_choices` or the answers are wrong",
        hint="--columns n_choices=    (to ignore the column)",
    )


def _bad(sums: _Totals, samples: Samples, most: float) -> HotmessError | None:
    if sums.bad <= most * max(sums.rows, sums.outcomes):
        return None
    whole = max(sums.rows, sums.outcomes)
    share = f"{sums.bad:,} of {whole:,} ({sums.bad / whole:.0%})"
    if samples.kind == "probabilities":
        return BadProbability(
            f"{share} stated probabilities are negative, not finite, or sum to neither 1 nor 100",
            why="they would all count as answers that could not be read",
            hint="look at the columns; log-probabilities must be turned into probabilities first",
        )
    return BadScore(
        f"{share} scores lie outside 0 to 1", why="the target of a score is 1", hint="divide by the most that can be had"
    )


def _unparsed(made: Tally, sums: _Totals, most: float) -> HotmessError | None:
    """Whether of every task, model and setting too little could be read; of some only, their rows are withheld later."""
    if not sums.counted or sums.invalid <= most * sums.counted or "invalid" not in made.cells.columns:
        return None
    names = [name for name in GROUPS if name in made.cells.columns]
    groups = made.cells.group_by(names).agg(pl.col("rows", "excluded", "invalid").sum()) if names else made.cells.head(0)
    if groups.filter(pl.col("invalid") <= most * (pl.col("rows") - pl.col("excluded"))).height:
        return None
    return MostlyUnparsed(
        f"{sums.invalid:,} of {sums.counted:,} {_NOUNS[made.kind]} ({sums.invalid / sums.counted:.0%}) could not be read",
        why="the figures would describe the parser, not the model",
        hint=f"read the answers again, or --max-invalid {min(1.0, sums.invalid / sums.counted + 0.01):.2f} if the share is real",
    )


def _one_sample(made: Tally) -> HotmessError | None:
    cells = made.cells if not made.inner else made.cells.group_by(made.keys).agg(pl.col("rows", "excluded").sum())
    samples = (cells["rows"] - cells["excluded"]).to_numpy()
    if samples.max() >= 2:
        return None
    hint = "sample each question again: `epochs=10` in Inspect, `repeats: 10` in lm-eval, `--repeat 10` in promptfoo, more trials"
    if "context_id" not in made.inner and made.cells["question_id"].n_unique() > 1:
        hint += "; or, if repeats have ids of their own, name the question: --columns question_id=NAME"
    return OneSample(
        f"all {len(samples):,} questions have a single sample", why="bias and variance cannot be told apart", hint=hint
    )


# ---------------------------------------------------------------------------------------------- notices


def notices(made: Tally, samples: Samples, *, invalid: str) -> list[Notice]:
    """What the reader of a figure must know about the table behind it."""
    sums = _totals(made)
    found: list[Notice | None] = [*samples.notices, _unread(sums, invalid, made.kind), _left_out(sums), _disagree(sums)]
    found += [_graded(made, sums), _rescaled(made, sums), _missing_tests(made), _some_targets(made), _never_right(made)]
    return [notice for notice in found if notice is not None]


def _unread(sums: _Totals, invalid: str, kind: Kind) -> Notice | None:
    if not sums.invalid:
        return None
    share = sums.invalid / sums.counted
    became = {"class": "wrong answers of one more class", "uniform": "uniform guesses", "drop": "nothing: they were dropped"}
    found = f"{sums.invalid:,} of {sums.counted:,} {_NOUNS[kind]} ({share:.1%}) could not be read"
    found += f" ({sums.foreign:,} of them are none of the options)" if sums.foreign else ""
    found += f"; they count as {became[invalid]}"
    return Notice("unparsed", found, "--invalid class | uniform | drop" if share > 0.02 else "")


def _left_out(sums: _Totals) -> Notice | None:
    if not sums.excluded:
        return None
    return Notice("left-out", f"{sums.excluded:,} of {sums.rows:,} samples were left out: status error or missing")


def _disagree(sums: _Totals) -> Notice | None:
    if sums.disagree <= 0.02 * sums.rows:
        return None
    found = f"the score and the answer disagree about who is right in {sums.disagree:,} samples"
    return Notice("label-disagreement", found, "--label score measures the score")


def _graded(made: Tally, sums: _Totals) -> Notice | None:
    if not sums.graded or made.space != "votes":
        return None
    found = f"{sums.graded:,} of {sums.rows:,} scores lie between 0 and 1; under this loss only 1 is right"
    return Notice("graded", found, "--loss coverage counts them as they are")


def _rescaled(made: Tally, sums: _Totals) -> Notice | None:
    if not sums.rescaled and not sums.bad:
        return None
    if made.space != "probabilities":
        return Notice("off-scale", f"{sums.bad:,} of {sums.rows:,} scores lie outside 0 to 1 and count as unread")
    parts = [f"{sums.rescaled:,} did not sum to 1 exactly and were rescaled"] if sums.rescaled else []
    parts += [f"{sums.bad:,} were negative, not finite or far from 1 in sum, and count as unread"] if sums.bad else []
    return Notice("unnormalised", f"of {sums.rows:,} stated probabilities " + "; ".join(parts))


def _some_targets(made: Tally) -> Notice | None:
    if "target_low" not in made.cells.columns or not made.cells["target_low"].null_count():
        return None
    targets = made.cells.group_by(made.keys).agg(pl.col("target_low").max())
    without = targets.filter(pl.col("target_low").is_null())
    if not without.height:
        return None
    found = (
        f"{without.height:,} of {targets.height:,} questions have no target and are left out: {first_rows(without, made.keys)}"
    )
    return Notice("partial-targets", found, "give them one, or --loss spread")


def _never_right(made: Tally) -> Notice | None:
    """Answers and targets of which no two are alike are more often written differently than all wrong."""
    cells = made.cells
    if made.kind != "answers" or "target_low" not in cells.columns or not cells["samples"].sum():
        return None
    if made.entries is None:
        right = [pl.when(pl.col("target_low") == unit).then(pl.col(f"total:{unit}")) for unit in made.units]
        if cells.head(_FIRST).select(pl.sum_horizontal(*right).sum()).item():  # most tables show at once that they are fine
            return None
        totals = [f"total:{unit}" for unit in made.units]
        said = cells.unpivot(totals, index=[*made.where, "target_low"], variable_name="unit", value_name="total")
        said = said.filter(pl.col("total") > 0).with_columns(pl.col("unit").str.strip_prefix("total:"))
    else:
        said = made.entries.join(cells.select(*made.where, "target_low"), on=made.where, nulls_equal=True)
    if (said["unit"] == said["target_low"]).any():
        return None
    rows = said.drop_nulls("target_low").sort(*made.where, "unit").head(1).to_dicts()
    if not rows:
        return None
    first = rows[0]
    found = f"no answer equals its target: `{first['unit'][:40]}` where the target is `{first['target_low'][:40]}`"
    return Notice("never-right", found, "write answers and targets the same way")


def _missing_tests(made: Tally) -> Notice | None:
    if made.kind != "tests" or made.entries is None:
        return None
    asked = asked_by(made)
    runs = made.cells.group_by(made.keys).agg(pl.col("samples").sum())
    every = runs.join(made.entries.select(*asked, "unit").unique(), on=asked, nulls_equal=True)
    tests = made.entries.group_by(*made.keys, "unit").agg(pl.col("outcomes").sum())
    short = every.join(tests, on=[*made.keys, "unit"], how="left", nulls_equal=True).with_columns(pl.col("outcomes").fill_null(0))
    short = short.filter(pl.col("outcomes") < pl.col("samples"))
    if not short.height:
        return None
    missing = int((short["samples"] - short["outcomes"]).sum())
    found = f"{missing:,} outcomes of {short.height:,} tests are missing and count as failed: "
    found += first_rows(short, [*made.keys, "unit"])
    return Notice("missing-tests", found, "see that every run lists all tests")
