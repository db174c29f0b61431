"""Incoherence against length: the trend that is there is found, none is found where there is none, and buckets are of measure."""

import numpy as np
import polars as pl
import pytest
import worlds

import hotmess
from hotmess import HotmessError, Rules
from hotmess.analyses import by_length, by_wait_ratio
from hotmess.infer import holm

TIMES = 10
MOST = 7  # of ten intervals of 95 % hold the truth; fewer do once in a thousand tries
LEAST = 3  # of ten tests at 5 % reject where there is nothing; more do once in a thousand tries
SHARED = [
    "questions",
    *(f"{name}{end}" for name in ("error", "bias2", "variance", "incoherence") for end in ("", "_low", "_high")),
]
RIGHT = pl.col("answer") == pl.col("target")


@pytest.fixture(autouse=True)
def fewer_permutations(monkeypatch):
    """As many as tell 5 % from 1 %, so that tests stay fast."""
    monkeypatch.setattr("hotmess.analyses.length._DRAWS", 200)


def said(result, what, per="", **where):
    """The one statement of a result about this figure (per this unit, of this model)."""
    rows = result.tests.filter(pl.col("what") == what, pl.col("per").str.starts_with(per), **where)
    assert rows.height == 1
    return rows.row(0, named=True)


def held(rows, truth):
    """How many intervals hold the truth."""
    return sum(row["value_low"] <= truth <= row["value_high"] for row in rows)


def rejected(rows, name="p"):
    return sum(row[name] < 0.05 for row in rows)


def measured(samples, by, **how):
    """What `measure` says, with the names that points have."""
    table = hotmess.measure(samples, by=[by], **how).table().rename({"low": "incoherence_low", "high": "incoherence_high"})
    return table[SHARED].fill_nan(None)


def codes(result):
    return {notice.code for notice in result.notices}


def test_the_trend_that_is_there_is_found():
    found = [said(by_length(worlds.lengths(seed, slope=0.06)), "incoherence") for seed in range(TIMES)]
    assert held(found, 0.06) >= MOST
    assert rejected(found) >= MOST
    assert rejected(found, "p_permuted") >= MOST


def test_where_longer_is_harder_error_rises_and_incoherence_does_not():
    results = [by_length(worlds.lengths(seed, harder=0.06)) for seed in range(TIMES)]
    error, bias, variance, accuracy, found = (
        [said(result, what) for result in results] for what in ("error", "bias2", "variance", "accuracy", "incoherence")
    )
    assert held(error, 0.06) >= MOST
    assert held(accuracy, -0.03) >= MOST
    assert held(found, 0.0) >= MOST
    assert rejected(found) <= LEAST
    assert rejected(found, "p_permuted") <= LEAST
    slopes = [np.array([row["value"] for row in rows]) for rows in (error, bias, variance, accuracy)]
    assert slopes[0] == pytest.approx(slopes[1] + slopes[2])
    assert slopes[0] == pytest.approx(-2 * slopes[3])


def test_trends_are_per_doubling_of_the_mean_length_of_a_question():
    samples = worlds.lengths(2, questions=50)
    result = by_length(samples)
    questions = samples.group_by("question_id").agg(x=pl.col("output_tokens").mean().log(2), right=RIGHT.mean())
    slope = np.polyfit(questions["x"], questions["right"], 1)[0]
    assert said(result, "accuracy")["value"] == pytest.approx(slope)
    assert said(result, "error")["value"] == pytest.approx(-2 * slope)


def right_by_bucket(samples, points, correct, length="output_tokens"):
    """The mean over questions of the share of right samples, in the buckets of some points."""
    questions = samples.group_by("question_id").agg(x=pl.col(length).mean(), right=correct.mean())
    inside = (questions.filter(pl.col("x").is_between(a, b, closed="both")) for a, b in points["shortest", "longest"].iter_rows())
    return [part["right"].mean() for part in inside]


@pytest.mark.parametrize("rules", [Rules(), Rules(loss="kl"), Rules(paper=True), Rules(about="benchmark", level=0.8)])
def test_buckets_are_those_of_measure(rules):
    samples = worlds.lengths(3, questions=60, samples=6)
    points = by_length(samples, buckets=5, rules=rules).points
    how = {name: getattr(rules, name) for name in ("loss", "paper", "about", "level")}
    assert points[SHARED].equals(measured(samples, "length:5", **how))
    assert (points["bias2"] + points["variance"]).to_list() == pytest.approx(points["error"].to_list())
    assert points["bucket"].to_list() == [1, 2, 3, 4, 5]
    assert points["accuracy"].to_list() == pytest.approx(right_by_bucket(samples, points, RIGHT))


KINDS = {
    "score": (
        worlds.lengths(5, questions=40).with_columns(score=RIGHT.cast(pl.Float64)).drop("answer", "target"),
        pl.col("score"),
    ),
    "graded": (
        worlds.lengths(5, questions=40).with_columns(score=pl.col("sample_id") / 9).drop("answer", "target"),
        pl.col("score"),
    ),
    "tests": (worlds.agent_runs(5, questions=40), pl.col("tests").list.all()),
    "probabilities": (
        worlds.lengths(5, questions=40).with_columns(
            probs=pl.concat_list(pl.when(pl.col("answer") == letter).then(0.7).otherwise(0.1) for letter in "ABCD")
        ),
        RIGHT,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_prediction_is_measured_and_is_right_or_wrong(kind):
    samples, correct = KINDS[kind]
    asked = samples.drop("answer", "n_choices") if kind == "probabilities" else samples
    points = by_length(asked, buckets=4).points
    assert points[SHARED].equals(measured(asked, "length:4"))
    assert points["accuracy"].to_list() == pytest.approx(right_by_bucket(samples, points, correct))


def test_points_are_neither_right_nor_wrong():
    samples = worlds.sizes(5, questions=40, sizes=(1,), kind="vector")
    result = by_length(samples, buckets=4)
    assert result.points[SHARED].equals(measured(samples, "length:4"))
    assert "accuracy" not in [*result.points.columns, *result.tests["what"]]


@pytest.mark.parametrize(("length", "unit"), [(None, "output_tokens"), ("output_chars", "output_chars"), ("actions", "actions")])
def test_length_is_the_column_that_is_meant(length, unit):
    samples = worlds.lengths(3, questions=40)
    result = by_length(samples, buckets=4, rules=Rules(length=length))
    assert result.method.length == unit
    assert said(result, "incoherence")["per"] == f"doubling of {unit}"
    assert (result.points["length"] @ result.points["questions"]) / 40 == pytest.approx(samples[unit].mean())


def test_contexts_are_those_of_measure():
    for crossed in (False, True):
        samples = worlds.contexts(2, questions=40, crossed=crossed)
        result = by_length(samples, buckets=4)
        assert result.points[SHARED].equals(measured(samples, "length:4"))
        assert ("questions-only" in codes(result)) is crossed  # buckets allow for shared contexts, the trend does not
        apart = said(by_length(samples, buckets=4, leave_pair_out=True), "incoherence", "longest")
        assert apart["value_low"] < 0 < apart["value_high"]


def test_several_models_share_the_chance_of_a_false_alarm():
    result = by_length(worlds.lengths(3, questions=40, models=("a", "b", "c")))
    for what in ("incoherence", "bias2", "variance", "error", "accuracy"):
        rows = result.tests.filter(pl.col("what") == what)
        assert rows["p_holm"].to_list() == pytest.approx(holm(rows["p"].to_numpy()).tolist())
    assert "p_holm" not in by_length(worlds.lengths(3, questions=40)).tests.columns


def test_a_model_that_is_never_wrong_is_no_test_among_the_others():
    samples = worlds.lengths(3, questions=40, models=("right", "m"))
    samples = samples.with_columns(answer=pl.when(pl.col("model") == "right").then("target").otherwise("answer"))
    result = by_length(samples, buckets=4)
    alone, never = said(result, "incoherence", model="m"), said(result, "incoherence", model="right")
    assert (alone["p"] is None, alone["p_holm"]) == (False, None)
    assert [never[name] for name in ("value", "p", "p_holm", "p_permuted")] == [None] * 4
    assert said(result, "error", model="right")["value"] == 0
    assert result.points.filter(model="right")["incoherence"].is_null().all()
    assert "no-errors" in codes(result)


# ---------------------------------------------------------------------------------------------- pairs by the others


def noisy_when_long(seed, questions=120, samples=6):
    """Questions that are all alike; a sample is long by chance, and then answers anything; the others all say one wrong thing."""
    rng = np.random.default_rng(seed)
    shape = (questions, samples)
    long = rng.random(shape) < 0.4
    answer = np.where(long, rng.choice(list("ABCD"), shape), "A")
    columns = {"answer": answer, "output_tokens": np.where(long, 4000, 1000) + rng.integers(0, 500, shape)}
    ids = {"question_id": np.broadcast_to(np.arange(questions)[:, None], shape)}
    return pl.DataFrame({name: values.ravel() for name, values in (ids | columns).items()}).with_columns(
        target=pl.lit("D"), n_choices=4
    )


def test_samples_that_choose_their_own_bucket_make_a_trend_of_nothing_and_others_do_not():
    tables = [noisy_when_long(seed) for seed in range(TIMES)]
    assert rejected([said(by_length(table), "incoherence") for table in tables]) >= MOST
    left_out = [by_length(table, buckets=4, leave_pair_out=True) for table in tables]
    assert held([said(result, "incoherence", "longest") for result in left_out], 0.0) >= MOST
    assert "same-samples" in codes(by_length(tables[0]))
    assert "same-samples" not in codes(left_out[0])


def test_a_trend_that_is_there_stays_when_the_others_choose():
    results = [by_length(worlds.lengths(seed, slope=0.1), buckets=4, leave_pair_out=True) for seed in range(5)]
    found = [said(result, "incoherence", "longest") for result in results]
    assert rejected(found) == 5
    assert all(row["value"] > 0 for row in found)


def test_pairs_need_a_third_sample():
    samples = worlds.lengths(4, questions=40, samples=5)
    short = samples.filter((pl.col("question_id") > "q0002") | (pl.col("sample_id") < 2))
    result, without = (by_length(table, buckets=3, leave_pair_out=True) for table in (short, short.filter(question_id="q0009")))
    assert "few-samples" in codes(result)
    assert result.points["incoherence"].is_not_null().all()
    assert without.points["questions"].to_list() == [1]
    with pytest.raises(HotmessError, match="no question has three samples") as refused:
        by_length(samples.filter(pl.col("sample_id") < 2), leave_pair_out=True)
    assert refused.value.code == "nothing-to-compare"


@pytest.mark.parametrize("leave_pair_out", [False, True])
def test_questions_that_belong_together_are_left_out_together(leave_pair_out):
    once = worlds.lengths(6, questions=40).with_columns(pair="question_id")
    twice = pl.concat([once, once.with_columns(question_id=pl.col("question_id") + "'")])
    how = {"buckets": 4, "leave_pair_out": leave_pair_out}
    alone, together = by_length(once, **how), by_length(twice, rules=Rules(cluster="pair"), **how)
    ends = ["value", "value_low", "value_high"]
    assert together.tests[ends].to_numpy() == pytest.approx(alone.tests[ends].to_numpy())
    ends = ["incoherence", "incoherence_low", "incoherence_high"]
    assert together.points[ends].to_numpy() == pytest.approx(alone.points[ends].to_numpy())
    if not leave_pair_out:  # lengths cannot be swapped between questions that hang together
        assert together.tests["p_permuted"].is_null().all()


# ---------------------------------------------------------------------------------------------- too little, or not at all


def test_too_few_questions_make_fewer_buckets():
    result = by_length(worlds.lengths(3, questions=22))
    assert result.points["questions"].to_list() == [5, 5, 4, 4, 4]
    assert result.points["of"].to_list() == [5] * 5
    assert "few-questions" in codes(result)


@pytest.mark.parametrize("questions", [1, 2])
def test_one_or_two_questions_have_no_trend(questions):
    result = by_length(worlds.lengths(1, questions=questions))
    assert result.points["error"].to_list() == pytest.approx(
        [hotmess.measure(worlds.lengths(1, questions=questions)).rows[0].error.value]
    )
    assert result.tests.select("value", "value_low", "value_high", "p").null_count().row(0) == (5,) * 4


def test_without_errors_there_is_no_incoherence_and_no_trend():
    result = by_length(worlds.lengths(1, questions=40).with_columns(answer="target"), buckets=4)
    assert result.points["accuracy"].to_list() == [1.0] * 4
    assert result.points["incoherence"].is_null().all()
    assert said(result, "incoherence")["p"] is None
    assert [said(result, what)["p"] for what in ("error", "bias2", "variance", "accuracy")] == [1.0] * 4


def test_questions_without_a_length_are_in_no_bucket():
    known = pl.when(pl.col("question_id") > "q0000").then("output_tokens")
    result = by_length(worlds.lengths(3, questions=40).with_columns(output_tokens=known), buckets=3)
    assert result.points["questions"].sum() == 39
    assert said(result, "incoherence")["questions"] == 39
    assert "no-length" in codes(result)


LENGTHS = ("output_tokens", "output_chars", "actions")
REFUSED = {
    "no length": (lambda: by_length(worlds.lengths(1, questions=8).drop(LENGTHS)), "no-length"),
    "a length that is a word": (lambda: by_length(worlds.lengths(1, questions=8), rules=Rules(length="favoured")), "no-length"),
    "a length that is not there": (
        lambda: by_length(worlds.lengths(1, questions=8), rules=Rules(length="miles")),
        "no-such-column",
    ),
    "no buckets": (lambda: by_length(worlds.lengths(1, questions=8), buckets=0), "usage"),
    "terms that do not add": (lambda: by_length(worlds.lengths(1, questions=8), rules=Rules(loss="zero_one")), "loss-mismatch"),
    "no error": (lambda: by_length(worlds.embeddings(1, questions=8)), "loss-mismatch"),
    "pairs under kl": (
        lambda: by_length(worlds.lengths(1, questions=8), leave_pair_out=True, rules=Rules(loss="kl")),
        "loss-mismatch",
    ),
    "pairs of plug-ins": (
        lambda: by_length(worlds.lengths(1, questions=8), leave_pair_out=True, rules=Rules(estimator="plugin")),
        "loss-mismatch",
    ),
    "nobody counted": (lambda: by_wait_ratio(worlds.lengths(1, questions=8).drop("wait_count")), "no-such-column"),
    "nothing to set the count against": (lambda: by_wait_ratio(worlds.lengths(1, questions=8).drop(LENGTHS)), "no-length"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_meant_is_refused(name):
    call, code = REFUSED[name]
    with pytest.raises(HotmessError) as refused:
        call()
    assert refused.value.code == code


# ---------------------------------------------------------------------------------------------- how often a trace says Wait


def test_where_waits_say_nothing_nothing_is_found():
    found = [said(by_wait_ratio(worlds.lengths(seed, questions=100)), "incoherence") for seed in range(TIMES)]
    assert held(found, 0.0) >= MOST
    assert rejected(found, "p_permuted") <= LEAST


def test_where_waits_say_more_it_is_found():
    found = [said(by_wait_ratio(worlds.lengths(seed, waits=0.1)), "incoherence") for seed in range(5)]
    assert rejected(found) == rejected(found, "p_permuted") == 5
    assert all(row["value"] > 0 for row in found)


def test_waits_are_counted_in_a_thousand_of_the_length():
    samples = worlds.lengths(3, questions=40)
    for length in ("output_tokens", "output_chars"):
        result = by_wait_ratio(samples, buckets=4, rules=Rules(length=length))
        assert said(result, "incoherence")["per"] == f"one Wait more in a thousand of {length}"
        mean = samples.select(1000 * pl.col("wait_count") / pl.col(length)).mean().item()
        assert result.points["length"].mean() == pytest.approx(mean)
