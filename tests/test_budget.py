"""Budgets asked for beside natural variation: known slopes come back, in the same units, and are compared."""

import numpy as np
import polars as pl
import pytest
import worlds
from scipy import stats

from hotmess.analyses import by_budget
from hotmess.analyses.halved import with_half
from hotmess.asked import Rules, ask
from hotmess.errors import NoLength, NoSuchColumn, NothingToCompare, UsageError
from hotmess.infer import between_and_within
from hotmess.prepare import prepare

GAIN, NATURAL = 0.08, 0.1


@pytest.fixture(scope="module")
def made():
    return worlds.budgets(1, gain=GAIN, natural=NATURAL)


@pytest.fixture(scope="module")
def found(made):
    return by_budget(made)


def row_of(result, kind, what):
    rows = result.tests.filter((pl.col("kind") == kind) & (pl.col("what") == what))
    assert rows.height == 1
    return rows.row(0, named=True)


def codes(result):
    return [notice.code for notice in result.notices]


def drawn(result):
    return [row for rows in result.chart().to_dict(validate=False)["datasets"].values() for row in rows]


# ---- truth


def test_known_slopes_come_back(found):
    truth = {"asked for": GAIN, "natural": -NATURAL, "asked for - natural": GAIN + NATURAL}
    for kind, slope in truth.items():
        row = row_of(found, kind, "accuracy")
        assert row["value_low"] <= slope <= row["value_high"]
        assert row["p"] < 0.01
        assert row["per"] == "doubling of output_tokens"
        assert row["questions"] == 150


def test_nothing_is_found_where_nothing_is():
    found = by_budget(worlds.budgets(2, gain=0.0, natural=0.0))
    assert found.tests.height == 6
    assert ((found.tests["value_low"] < 0) & (found.tests["value_high"] > 0)).all()


def test_equal_slopes_do_not_differ():
    found = by_budget(worlds.budgets(4, gain=0.06, natural=-0.06))
    assert row_of(found, "asked for - natural", "accuracy")["p"] > 0.05
    assert row_of(found, "asked for", "accuracy")["p"] < 0.001


def test_slopes_are_those_of_what_is_shown(found):
    """Least squares through the dots; and, inside budgets, through the pieces."""
    asked = found.points.filter(pl.col("kind") == "asked for")
    line = np.polyfit(np.log2(asked["length"]), asked["incoherence"], 1)[0]
    assert row_of(found, "asked for", "incoherence")["value"] == pytest.approx(line)
    pieces = found.points.filter(pl.col("kind") == "natural")
    ends = [pieces.filter(pl.col("half") == half) for half in ("shorter", "longer")]
    x, y = (np.subtract(*(f(part).to_numpy() for part in ends)) for f in (lambda p: p["length"].log(2), lambda p: p["accuracy"]))
    assert row_of(found, "natural", "accuracy")["value"] == pytest.approx((x @ y) / (x @ x))


def test_columns_are_as_documented(found):
    figures = [
        f"{name}{end}" for name in ("error", "bias2", "variance", "incoherence", "accuracy") for end in ("", "_low", "_high")
    ]
    place = ["task", "model", "kind", "budget", "half", "length", "questions", "samples"]
    assert found.points.columns == [*place, *figures]
    tested = ["what", "per", "value", "value_low", "value_high", "p", "how", "questions"]
    assert found.tests.columns == ["task", "model", "kind", *tested]
    assert found.points["budget"].to_list() == ["low", "medium", "high", *np.repeat(["low", "medium", "high"], 2)]
    assert found.points["half"].to_list() == [""] * 3 + ["shorter", "longer"] * 3
    length = found.points["length"]
    assert length[3] < length[0] < length[4] < length[7]
    assert found.points["samples"][3] == 5 * 150
    assert found.to_json() == found.to_json()
    assert "mixed-settings" not in codes(found)


# ---- the mathematics


def slopes_by_hand(top, bottom, x, keep):
    """Both slopes of some questions."""
    y = [part[..., keep] for part in (*top, *bottom, *x)]
    arms, halves = y[0].sum(-1) / y[2].sum(-1), y[1].sum(-1) / y[3].sum(-1)
    between = stats.linregress(y[4].mean(-1), arms).slope
    apart_x, apart_y = np.diff(y[5].mean(-1))[:, 0], np.diff(halves)[:, 0]
    return between, (apart_x @ apart_y) / (apart_x @ apart_x)


def test_slopes_against_every_question_left_out():
    rng = np.random.default_rng(0)
    n = 15
    shapes = ((3, n), (3, 2, n))
    bottom = tuple(rng.exponential(size=shape) for shape in shapes)
    top = tuple(e * rng.random(e.shape) for e in bottom)
    x = tuple(rng.normal(8, 1, shape) for shape in shapes)
    found = between_and_within(top, bottom, x)
    value = slopes_by_hand(top, bottom, x, np.arange(n))
    without = np.array([slopes_by_hand(top, bottom, x, np.delete(np.arange(n), i)) for i in range(n)])
    for number, each in enumerate((found.between, found.within)):
        assert each.value == pytest.approx(value[number])
        se = np.sqrt((n - 1) / n * ((without[:, number] - without[:, number].mean()) ** 2).sum())
        assert (each.high - each.low) / 2 == pytest.approx(se * stats.t.ppf(0.975, n - 1))
    assert found.apart.value == pytest.approx(value[0] - value[1])
    twice = between_and_within(
        *(tuple(np.repeat(part, 2, -1) for part in pair) for pair in (top, bottom, x)), clusters=np.repeat(range(n), 2)
    )
    for name in found._fields:
        same, wanted = getattr(twice, name), getattr(found, name)
        assert [same.value, same.low, same.p] == pytest.approx([wanted.value, wanted.low, wanted.p])


def test_questions_without_halves_are_in_the_slope_between_budgets_only():
    rng = np.random.default_rng(1)
    arms, halves = rng.random((2, 8)), rng.random((2, 2, 8))
    x = (rng.normal(8, 1, (2, 8)), rng.normal(8, 1, (2, 2, 8)))
    ones = (np.ones((2, 8)), np.ones((2, 2, 8)))
    none = between_and_within((arms, np.full((2, 2, 8), np.nan)), ones, x)
    some = np.where(np.arange(8) < 5, halves, np.nan)
    part = between_and_within((arms, some), ones, x)
    assert none.between == part.between
    assert np.isnan([none.within.value, none.apart.p]).all()
    fewer = between_and_within((arms[:, :5], halves[..., :5]), tuple(o[..., :5] for o in ones), (x[0][:, :5], x[1][..., :5]))
    assert part.within.value == pytest.approx(fewer.within.value)


def test_halves_are_equal_whatever_is_tied():
    table = pl.DataFrame(
        {
            "question_id": np.repeat(["a", "b"], [7, 4]),
            "answer": ["x"] * 11,
            "target": ["x"] * 11,
            "status": ["ok"] * 10 + ["error"],
            "output_tokens": [5, 5, 5, 5, 1, 9, None, 3, 2, 1, 7],
        }
    )
    asked = ask(prepare(table), Rules(), lengths=True)
    found = with_half(asked, np.random.default_rng(0)).frame.collect("polars").to_native()
    assert found["half"].value_counts().sort("half").rows() == [("longer", 4), ("shorter", 4)]
    a = found.filter(pl.col("question_id") == "a")
    assert 1 in a.filter(pl.col("half") == "shorter")["output_tokens"]
    assert 9 in a.filter(pl.col("half") == "longer")["output_tokens"]
    b = found.filter(pl.col("question_id") == "b")
    assert b.select("half", "output_tokens").rows() == [("longer", 3), ("shorter", 1)]


# ---- which column, which models


def test_any_column_can_say_what_was_asked_for(made, found):
    numbers = by_budget(made, budget="budget")
    assert numbers.points["budget"].unique(maintain_order=True).to_list() == ["1000", "2500", "6000"]
    by_setting = by_budget(made.drop("effort"))
    assert by_setting.points["budget"].unique(maintain_order=True).to_list() == ["effort=low", "effort=medium", "effort=high"]
    for other in (numbers, by_setting):
        assert other.tests["value"].to_list() == pytest.approx(found.tests["value"].to_list())


def test_models_are_measured_apart(made):
    others = [made.with_columns(model=pl.lit(name)) for name in ("a", "b")]
    single = made.filter(pl.col("effort") == "low").with_columns(model=pl.lit("c"))
    found = by_budget(pl.concat([*others, single]))
    assert found.points["model"].unique(maintain_order=True).to_list() == ["a", "b"]
    assert "one-budget" in codes(found)
    assert found.tests["p_holm"].is_not_null().all()
    same = found.tests.filter(pl.col("kind") == "asked for").partition_by("model")
    assert same[0].drop("model").equals(same[1].drop("model"))


def test_only_shared_questions_are_used(made):
    lost = (pl.col("effort") == "low") & (pl.col("question_id") < "q0010")
    found = by_budget(made.filter(~lost))
    assert set(found.points["questions"]) == {140}
    assert "10 questions" in next(notice.found for notice in found.notices if notice.code == "not-shared")
    whole = by_budget(made.filter(pl.col("question_id") >= "q0010"))
    assert row_of(found, "asked for", "accuracy") == row_of(whole, "asked for", "accuracy")


def test_three_samples_have_no_halves(made):
    found = by_budget(made.filter(pl.col("sample_id") < 3))
    assert "no-halves" in codes(found)
    assert set(found.points["kind"]) == set(found.tests["kind"]) == {"asked for"}
    assert drawn(found)


def test_other_losses_have_both_kinds(made):
    found = by_budget(made, rules=Rules(paper=True))
    assert found.method.loss == "kl"
    assert set(found.tests["kind"]) == {"asked for", "natural", "asked for - natural"}
    vectors = worlds.sizes(1, kind="vector", questions=20, sizes=(1, 2)).with_columns(model=pl.lit("m"))
    found = by_budget(vectors, budget="model_size")
    assert set(found.tests["what"]) == {"incoherence", "error"}


def test_bad_input_says_what_is_wrong(made):
    low = made.filter(pl.col("effort") == "low")
    split = made.with_columns(setting=pl.concat_str("setting", pl.lit(" t="), pl.col("sample_id") % 2))
    none = made.filter((pl.col("effort") == "low") == (pl.col("question_id") < "q0070"))
    cases = [
        (low, {}, NothingToCompare, "neither effort nor setting has two values"),
        (low, {"budget": "effort"}, NothingToCompare, "has one value"),
        (made, {"budget": "effrt"}, NoSuchColumn, "effrt"),
        (made.drop("output_tokens"), {}, NoLength, "no length"),
        (split, {}, UsageError, "asked for in 2 settings"),
        (none, {}, NothingToCompare, "same questions"),
        (made.with_columns(model="effort"), {}, NothingToCompare, "same questions"),
    ]
    for table, how, error, said in cases:
        with pytest.raises(error, match=said):
            by_budget(table, **how)


# ---- pictures


@pytest.mark.parametrize("models", [1, 2, 5])
def test_pictures_have_data(models):
    made = worlds.budgets(3, questions=30, samples=4)
    found = by_budget(pl.concat([made.with_columns(model=pl.lit(f"m{n}")) for n in range(models)]))
    rows = drawn(found)
    assert {row["kind"] for row in rows if "kind" in row} == {"asked for", "natural"}
    if models == 1:
        assert {row["_budget"] for row in rows if "_budget" in row} == {"low", "medium", "high"}
