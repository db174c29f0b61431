"""Figures against model size: known exponents come back, what is not there is not found, and bad input says what is wrong."""

import json

import numpy as np
import polars as pl
import pytest
import worlds

from hotmess.analyses import by_length_and_size, by_scale
from hotmess.analyses.difficulty import natural_order
from hotmess.asked import Rules
from hotmess.errors import (
    BadShape,
    LossMismatch,
    NoLength,
    NoSuchColumn,
    NothingSelected,
    NothingToCompare,
    NothingToShow,
    UsageError,
)
from hotmess.infer import logit_slope, logit_slope_apart

FIGURES = ("error", "bias2", "variance", "incoherence", "accuracy")


@pytest.fixture(scope="module")
def exact():
    """Bias² falls as size^-.3; variance as size^-.2, and rises as size^.1 on hard questions."""
    return worlds.sizes(1, kind="vector", bias_slope=-0.3, variance_slope=-0.2, hard_slope=0.1)


@pytest.fixture(scope="module")
def plain():
    return worlds.sizes(2, questions=60, samples=5, sizes=(1, 2, 4, 8))


def said(result, what, difficulty=None):
    rows = result.tests.filter(pl.col("what") == what)
    rows = rows if difficulty is None else rows.filter(pl.col("difficulty") == difficulty)
    assert rows.height == 1
    return rows.row(0, named=True)


def holds(row, truth):
    return row["value_low"] <= truth <= row["value_high"]


def codes(result):
    return [notice.code for notice in result.notices]


# ---- truth


def test_exponents_come_back(exact):
    found = by_scale(exact, difficulty="difficulty")
    for name, power in (("easy", -0.2), ("medium", -0.2), ("hard", 0.1)):
        assert holds(said(found, "variance", name), power)
        assert holds(said(found, "bias2", name), -0.3)
        assert holds(said(found, "incoherence", name), power + 0.3)
        apart = said(found, "variance", name)["value"] - said(found, "bias2", name)["value"]
        assert said(found, "incoherence", name)["value"] == pytest.approx(apart, abs=1e-9)
    assert holds(said(found, "incoherence", "hard - easy"), 0.3)
    assert said(found, "incoherence", "hard - easy")["p"] < 0.01


def test_models_off_both_lines_do_not_hide_a_difference():
    """Each model is off the line by as much on hard questions as on easy ones: the difference knows, and stays narrow."""
    made = worlds.sizes(8, kind="vector", questions=150, variance_slope=-0.3, scatter=0.5)
    found = by_scale(made, difficulty="difficulty")
    apart, hard = said(found, "incoherence", "hard - easy"), said(found, "incoherence", "hard")
    easy = said(found, "incoherence", "easy")
    assert apart["value"] == pytest.approx(hard["value"] - easy["value"])
    assert holds(apart, 0)
    assert apart["value_high"] - apart["value_low"] < 0.3 * (hard["value_high"] - hard["value_low"])
    less = made.filter((pl.col("model_size") < 30) | (pl.col("difficulty") != "easy"))
    assert said(by_scale(less, difficulty="difficulty"), "incoherence", "hard - easy")["sizes"] == 5


def test_slope_is_that_of_the_line_through_what_is_shown(exact):
    found = by_scale(exact, groups=1)
    logit = np.log(found.points["variance"] / found.points["bias2"])
    slope, level = np.polyfit(np.log(found.points["size"]), logit, 1)
    assert said(found, "incoherence")["value"] == pytest.approx(slope)
    fit = found.points["incoherence_fit"].to_numpy()
    np.testing.assert_allclose(np.log(fit / (1 - fit)), level + slope * np.log(found.points["size"]))
    np.testing.assert_allclose(
        np.diff(np.log(found.points["bias2_fit"])) / np.diff(np.log(found.points["size"])), said(found, "bias2")["value"]
    )


def test_nothing_is_found_where_nothing_is():
    """Both parts fall alike; the interval of this seed holds 0."""
    found = by_scale(worlds.sizes(3, questions=200, samples=5))
    rows = found.tests.filter(pl.col("what") == "incoherence")
    assert rows.height == 4
    assert all(holds(row, 0) for row in rows.to_dicts())


def test_columns_are_as_documented(plain):
    found = by_scale(plain)
    ends = [f"{name}{end}" for name in FIGURES for end in ("", "_low", "_high")]
    place = ["difficulty", "by", "lowest", "highest", "model", "size", "questions", "samples"]
    fits = [f"{name}_fit" for name in ("incoherence", "error", "bias2", "variance", "accuracy")]
    assert found.points.columns == ["task", *place, *ends, *fits]
    tested = ["what", "per", "value", "value_low", "value_high", "p", "p_holm", "how", "question_se", "model_se", "sizes"]
    assert found.tests.columns == ["task", "difficulty", *tested, "questions"]
    assert set(found.tests["what"]) == {"error", "bias2", "variance", "1 - accuracy", "incoherence"}
    assert json.loads(found.to_json())["analysis"] == "by_scale"
    assert by_scale(plain).to_json() == found.to_json()
    assert "exponent of model_size" in str(found)


# ---- difficulty


def test_groups_are_by_length_of_the_reference(plain):
    found = by_scale(plain)
    assert found.points["difficulty"].unique(maintain_order=True).to_list() == ["short", "medium", "long"]
    assert set(found.points["questions"]) == {20}
    assert set(found.points["by"]) == {"output tokens of base-1b"}
    spans = found.points.unique("difficulty", maintain_order=True).select("lowest", "highest").rows()
    own = plain.filter(pl.col("model") == "base-1b").group_by("question_id").agg(pl.col("output_tokens").mean())
    length = np.sort(own["output_tokens"])
    assert spans == [(length[n], length[n + 19]) for n in (0, 20, 40)]
    assert "same-samples" in codes(found)
    other = by_scale(plain, reference="base-8b", groups=5)
    assert other.points["difficulty"].unique(maintain_order=True).to_list() == [
        "1 of 5 (short)",
        "2 of 5",
        "3 of 5",
        "4 of 5",
        "5 of 5 (long)",
    ]
    assert by_scale(plain, groups=2).points["difficulty"].unique(maintain_order=True).to_list() == ["short", "long"]


def test_difficulty_may_be_a_number(plain):
    place = pl.col("question_id").str.slice(1).cast(pl.Int64)
    few = by_scale(plain.with_columns(level=place % 3), difficulty="level")
    assert few.points["difficulty"].unique(maintain_order=True).to_list() == ["0", "1", "2"]
    many = by_scale(plain.with_columns(level=place), difficulty="level")
    assert many.points.select("difficulty", "lowest", "highest").unique(maintain_order=True).rows() == [
        ("low", 0, 19),
        ("middle", 20, 39),
        ("high", 40, 59),
    ]
    holes = by_scale(plain.with_columns(level=pl.when(place < 50).then(place)), difficulty="level")
    assert "no-difficulty" in codes(holes)
    assert holes.points.unique("difficulty")["questions"].sum() == 50


def test_labels_without_an_order_are_not_compared(plain):
    found = by_scale(plain.with_columns(topic=pl.when(pl.col("difficulty") == "easy").then(pl.lit("law"))), difficulty="topic")
    assert "no-order" not in codes(found)  # one label, and some questions without
    labels = pl.col("difficulty").replace({"easy": "law", "medium": "art", "hard": "war"})
    found = by_scale(plain.with_columns(topic=labels), difficulty="topic")
    assert "no-order" in codes(found)
    assert not any(" - " in name for name in found.tests["difficulty"])


def test_without_a_length_all_questions_are_one_group(plain):
    bare = plain.drop("output_tokens", "difficulty")
    assert set(by_scale(bare).points["difficulty"]) == {"all"}
    assert set(by_scale(plain.drop("output_tokens")).points["difficulty"]) == {"easy", "medium", "hard"}
    with pytest.raises(NoLength):
        by_scale(bare, reference="base-1b")


@pytest.mark.parametrize(
    ("labels", "order"),
    [
        (["hard", "easy", "medium"], ["easy", "medium", "hard"]),
        (["effort=high", "effort=low"], ["effort=low", "effort=high"]),
        (["Level 10", "Level 2"], ["Level 2", "Level 10"]),
        (["Hard graduate level (x)", "Easy undergraduate level"], ["Easy undergraduate level", "Hard graduate level (x)"]),
        ([">4 hours", "<15 min fix", "1-4 hours"], ["<15 min fix", "1-4 hours", ">4 hours"]),
        (["law", "art"], None),
        (["a1b2", "a2b1"], None),
    ],
)
def test_words_have_an_order(labels, order):
    assert natural_order(labels) == order


# ---- which questions, which models


def test_only_shared_questions_are_used(plain):
    lost = (pl.col("model") == "base-4b") & pl.col("question_id").is_in(["q0001", "q0002", "q0003"])
    found = by_scale(plain.filter(~lost), groups=1)
    assert set(found.points["questions"]) == {57}
    assert next(notice for notice in found.notices if notice.code == "not-shared").found.startswith("3 questions")
    whole = by_scale(plain.filter(~pl.col("question_id").is_in(["q0001", "q0002", "q0003"])), groups=1)
    same = [*found.points.columns]
    assert found.points.select(same).equals(whole.points.select(same))
    even = pl.col("question_id").str.slice(1).cast(pl.Int64) % 2 == 0
    apart = by_scale(plain.filter((pl.col("model_size") < 3) == even), groups=1, difficulty=None, reference="base-1b")
    assert "no-difficulty" in codes(apart)


def test_models_that_share_no_question_are_shown_and_not_tested(plain):
    even = pl.col("question_id").str.slice(1).cast(pl.Int64) % 2 == 0
    found = by_scale(plain.filter((pl.col("model_size") < 3) == even).drop("output_tokens", "difficulty"))
    assert found.points.height == 4
    assert found.tests.height == 0
    assert "not-shared" in codes(found)
    assert "size" in str(found)
    assert _drawn(found)


def test_few_sizes_have_no_model_part(plain):
    found = by_scale(plain.filter(pl.col("model_size") < 8), groups=1)
    assert "few-sizes" in codes(found)
    assert found.tests["model_se"].is_null().all()
    assert found.tests["question_se"].is_not_null().all()
    assert by_scale(plain, groups=1).tests["model_se"].is_not_null().all()


def test_families_are_lines_of_their_own():
    made = worlds.sizes(4, questions=30, samples=4, sizes=(1, 2, 4), families=("base", "chat"))
    found = by_scale(made, groups=1)
    assert found.points["family"].to_list() == ["base"] * 3 + ["chat"] * 3
    named = by_scale(made.rename({"family": "stage"}), groups=1, family="stage")
    assert named.points.equals(found.points)
    per_question = made.with_columns(family=pl.col("question_id"))
    assert "family" not in by_scale(per_question, groups=1).points.columns
    with pytest.raises(BadShape, match="two values of `family`"):
        by_scale(per_question, family="family")
    alone = made.with_columns(family=pl.col("model"))
    with pytest.raises(NothingToCompare, match="no family has two sizes"):
        by_scale(alone)


def test_settings_separate_lines_only_where_a_model_has_several(plain):
    own = plain.with_columns(setting=pl.concat_str(pl.lit("seed="), "model"))
    assert by_scale(own, groups=1).tests["sizes"].to_list() == [4] * 5
    both = pl.concat([plain.with_columns(setting=pl.lit(name)) for name in ("cold", "hot")])
    found = by_scale(both, groups=1)
    assert found.points["setting"].unique().sort().to_list() == ["cold", "hot"]
    assert found.tests.filter(pl.col("setting") == "hot")["sizes"].to_list() == [4] * 5


def test_models_without_a_size_are_left_out(plain):
    found = by_scale(plain.with_columns(model_size=pl.when(pl.col("model_size") < 8).then("model_size")), groups=1)
    assert found.points.height == 3
    assert "base-8b" in next(notice for notice in found.notices if notice.code == "no-size").found
    assert "few-samples" not in codes(found)
    judged = by_scale(plain.with_columns(model_size=pl.when(pl.col("model_size") < 8).then("model_size")), reference="base-8b")
    assert judged.points["by"][0] == "output tokens of base-8b"
    assert judged.points.height == 9


def test_bias_that_is_not_above_0_has_no_logit():
    """Samples that lie on both sides of the target: the unbiased bias² is below 0."""
    rng = np.random.default_rng(0)
    rows = []
    for size in (1, 2, 4, 8):
        for question in range(20):
            middle = 0.0 if size == 8 else 3.0
            for side in (-1, 1):
                step = rng.normal(1.0, 0.1)
                rows.append({"model": f"m{size}", "model_size": size, "question_id": question, "vector": [middle + side * step]})
    found = by_scale(pl.DataFrame(rows).with_columns(target_vector=pl.Series([[0.0]] * len(rows))))
    assert "no-bias" in codes(found)
    assert said(found, "incoherence")["value"] is None
    assert said(found, "bias2")["how"].startswith("quasi-Poisson")
    assert said(found, "bias2")["value"] < 0
    assert "accuracy" not in found.points.columns


# ---- bad input


def test_bad_input_says_what_is_wrong(plain):
    first = pl.col("question_id") == "q0000"
    big = pl.col("model") == "base-8b"
    two = plain.with_columns(model_size=pl.when(first & big).then(9.0).otherwise("model_size"))
    cases = [
        (plain.drop("model_size"), {}, NoSuchColumn, "no column `model_size`"),
        (plain, {"size": "answer"}, BadShape, "must hold numbers"),
        (two, {}, BadShape, "`base-8b` has two sizes: 8 and 9"),
        (plain.with_columns(model_size=0.0), {}, BadShape, "has the size 0"),
        (plain.filter(big), {}, NothingToCompare, "1 value"),
        (plain.drop("model"), {}, NothingToCompare, "not told apart"),
        (plain, {"rules": Rules(pool=("model",))}, NothingToCompare, "not told apart"),
        (plain, {"reference": "base8b"}, NothingSelected, "there are base-1b, base-2b"),
        (plain, {"reference": "base-1b", "difficulty": "difficulty"}, UsageError, "both say"),
        (plain, {"difficulty": "hardness"}, NoSuchColumn, "hardness"),
        (plain, {"difficulty": "model"}, UsageError, "more than one value in 60 of 60"),
        (plain.with_columns(topic="question_id"), {"difficulty": "topic"}, UsageError, "60 different labels"),
        (plain.with_columns(topic=pl.lit(None, pl.String)), {"difficulty": "topic"}, NothingToCompare, "empty"),
        (plain, {"family": "kin"}, NoSuchColumn, "kin"),
        (plain, {"rules": Rules(loss="zero_one")}, LossMismatch, "do not add"),
    ]
    for table, how, error, said in cases:
        with pytest.raises(error, match=said):
            by_scale(table, **how)
    with pytest.raises(NothingSelected) as caught:
        by_scale(plain, reference="base8b")
    assert caught.value.hint == 'reference="base-8b"'


# ---- pictures


def _drawn(result):
    """The data of a picture: every row that it holds."""
    spec = result.chart().to_dict(validate=False)  # it is made of checked parts, and checking takes its time
    return [row for rows in spec["datasets"].values() for row in rows]


@pytest.mark.parametrize(("families", "groups"), [(("base",), 3), (("a", "b"), 1), (tuple("abcdefg"), 3)])
def test_pictures_have_data(families, groups):
    found = by_scale(worlds.sizes(5, questions=24, samples=3, sizes=(1, 4), families=families), groups=groups)
    assert {row["size"] for row in _drawn(found) if "size" in row} == {1, 4}


def test_a_model_with_one_wobbly_question_has_no_interval(plain):
    """Without that question nothing varies at one size, so that nobody can tell what other questions would have shown."""
    calm = (pl.col("model") == "base-8b") & (pl.col("question_id") > "q0000")
    table = plain.with_columns(
        answer=pl.when(calm).then(pl.col("answer").first().over("model", "question_id")).otherwise("answer")
    )
    loose = (pl.col("model") == "base-8b") & (pl.col("question_id") == "q0000") & (pl.col("sample_id") == 0)
    table = table.with_columns(answer=pl.when(loose).then(pl.lit("E")).otherwise("answer"), n_choices=5)
    found = by_scale(table, groups=1)
    row = said(found, "incoherence")
    assert row["value"] is not None
    assert [row[name] for name in ("value_low", "p", "question_se", "model_se")] == [None] * 4
    assert "no-interval" in codes(found)


def test_models_of_one_size_have_the_fitted_line():
    made = worlds.sizes(5, questions=40, samples=4, sizes=(1, 4), families=("a", "b")).drop("family")
    found = by_scale(made, groups=1)
    assert found.points["size"].to_list() == [1, 1, 4, 4]
    assert found.points["accuracy_fit"].n_unique() == 2
    assert any("incoherence_fit" in row for row in _drawn(found))


def test_perfect_models_have_no_slopes_and_no_picture(plain):
    found = by_scale(plain.with_columns(answer="target"), groups=1)
    assert "no-errors" in codes(found)
    assert found.tests["value"].is_null().all()
    with pytest.raises(NothingToShow):
        found.chart()


# ---- length and size


def test_plane_of_length_and_size():
    """The logit rises by .1 with each e-fold of size, and not with length."""
    made = worlds.sizes(6, kind="vector", questions=150, bias_slope=-0.3, variance_slope=-0.2)
    found = by_length_and_size(made, buckets=4)
    tests = {row["per"]: row for row in found.tests.to_dicts()}
    assert holds(tests["doubling of model_size"], 0.1 * np.log(2))
    assert tests["doubling of model_size"]["p"] < 0.01
    assert holds(tests["doubling of output_tokens"], 0)
    ratio = tests["sd of log model_size"]["value"] / tests["doubling of model_size"]["value"]
    cells = found.points.filter(pl.col("kind") == "cell")
    assert ratio == pytest.approx(np.log(cells["size"]).std(ddof=0) / np.log(2))
    apart = abs(tests["sd of log output_tokens"]["value"]) - abs(tests["sd of log model_size"]["value"])
    assert tests["sd: |output_tokens| - |model_size|"]["value"] == pytest.approx(apart)
    assert cells.height == 24
    ends = ["incoherence", "incoherence_low", "incoherence_high"]
    place = ["kind", "model", "size", "bucket", "length", "questions", "samples"]
    assert found.points.columns == ["task", *place, *ends]


def test_contours_are_where_the_plane_is():
    made = worlds.sizes(6, questions=200, variance_slope=-0.1)
    for of in ("logit", "log"):
        found = by_length_and_size(made, of=of)
        slopes = {row["per"]: row["value"] / np.log(2) for row in found.tests.to_dicts()}
        slope = np.array([slopes["doubling of output_tokens"], slopes["doubling of model_size"]])
        contours = found.points.filter(pl.col("kind") == "contour")
        assert contours.height >= 4
        height = np.log(contours.select("length", "size").to_numpy()) @ slope
        level = contours["incoherence"].to_numpy()
        logs = np.log(level / (1 - level)) if of == "logit" else np.log(level)
        np.testing.assert_allclose(np.diff(height - logs), 0, atol=1e-9)  # one intercept for all
    assert {row["kind"] for row in _drawn(found) if "kind" in row} == {"cell", "contour"}


def test_many_cells_are_drawn_without_numbers():
    families = tuple("abcdefgh")
    found = by_length_and_size(worlds.sizes(7, kind="vector", questions=48, samples=3, sizes=(1, 2, 4), families=families))
    assert not any("_shown" in row for row in _drawn(found))


def test_length_and_size_need_both(plain):
    for table, error in [
        (plain.drop("output_tokens"), NoLength),
        (plain.drop("model_size"), NoSuchColumn),
        (plain.filter(pl.col("model_size") == 1), NothingToCompare),
        (plain.with_columns(answer="target"), NothingToCompare),
    ]:
        with pytest.raises(error):
            by_length_and_size(table)


def test_slopes_apart_are_paired_over_models():
    rng = np.random.default_rng(0)
    sizes = np.array([1.0, 2, 5, 9])
    hard, easy = ((rng.exponential(size=(4, n)), rng.exponential(size=(4, n))) for n in (30, 20))
    apart, one, two = logit_slope_apart(hard, easy, sizes), logit_slope(*hard, sizes), logit_slope(*easy, sizes)
    assert apart.slope.value == pytest.approx(one.slope.value - two.slope.value)
    assert apart.question_se**2 == pytest.approx(one.question_se**2 + two.question_se**2)
    assert apart.sizes == 4
    few = logit_slope_apart(*(tuple(part[:2] for part in pair) for pair in (hard, easy)), sizes[:2])
    assert few.se == few.question_se
    assert np.isnan(few.model_se)
    assert logit_slope_apart(hard, (easy[0], -easy[1]), sizes) is None
    twice = [tuple(np.repeat(part, 2, 1) for part in pair) for pair in (hard, easy)]
    names = (np.repeat(np.arange(30), 2), np.repeat(np.arange(20), 2))
    same = logit_slope_apart(*twice, sizes, clusters=names)
    assert [same.se, same.df] == pytest.approx([apart.se, apart.df])
