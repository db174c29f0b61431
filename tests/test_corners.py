"""Corners where a figure was once wrong."""

import numpy as np
import polars as pl
import pytest
from test_measure import simulated

import hotmess
from hotmess.infer import ratio_interval


def frame(**columns):
    return pl.DataFrame(columns)


def first(table, **options):
    return hotmess.measure(table, max_invalid=1, **options).rows[0]


def test_kl_of_right_answers_is_nothing():
    perfect = hotmess.measure(simulated(50, ["right"]), loss="kl")
    assert perfect.rows[0].verdict == "almost never wrong here"
    assert np.isnan(perfect.rows[0].incoherence.value)
    slips = simulated(95, ["right"])
    few = simulated(5, ["right"]).with_columns(
        question_id=pl.col("question_id") + 500, answer=pl.when(pl.col("sample_id") == 0).then(pl.lit("B")).otherwise(pl.lit("A"))
    )
    row = first(pl.concat([slips, few]), loss="kl")
    assert row.incoherence.low < 0.5
    assert row.verdict != "hot mess"


@pytest.mark.parametrize("loss", ["brier", "kl", "mode"])
def test_one_sample_has_no_variance_in_any_loss(loss):
    terms = hotmess.decompose([["A"], ["A", "B", "A", "B"]], ["A", "A"], loss=loss, n_choices=4)
    assert np.isnan(terms.variance[0])
    assert terms.variance[1] > 0


@pytest.mark.parametrize("loss", ["brier", "kl", "mode", "zero_one"])
def test_a_score_that_is_missing_is_wrong(loss):
    blank = frame(question_id=[1] * 4 + [2] * 4, score=[None, None, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0])
    zero = blank.with_columns(pl.col("score").fill_null(0.0))
    for name in ("error", "variance"):
        one, other = (getattr(first(table, loss=loss), name).value for table in (blank, zero))
        assert one == pytest.approx(other, abs=1e-9)


def test_a_question_of_which_no_probability_could_be_read():
    table = frame(question_id=[1] * 3 + [2] * 9, probs=[None] * 3 + [[0.5, 0.5]] * 9, target=[0] * 12)
    assert first(table).error.value == pytest.approx(1.25)
    assert first(table, loss="kl").error.value == pytest.approx(14.2, abs=0.1)


def test_a_question_of_which_no_test_ran():
    rows = frame(question_id=["q"] * 3 + ["r"] * 2, tests=[[True, False], [], [True, True], [], []])
    row = first(rows)
    assert (row.questions, row.samples, row.invalid_rate) == (2, 5, pytest.approx(0.6))
    assert row.error.value == pytest.approx(0.75)
    assert first(rows.with_columns(context_id=pl.Series([0, 0, 1, 0, 1]))).questions == 2


CLEAN = {"question_id": [1, 1], "probs": [[0.5, 0.3, 0.2], [0.2, 0.6, 0.2]], "target": [0, 0]}


@pytest.mark.parametrize("n_choices", [None, 2, 5])
def test_stated_probabilities_say_themselves_how_many_options_there_are(n_choices):
    row = first(frame(**CLEAN, n_choices=pl.Series([n_choices] * 2, dtype=pl.Int64)))
    assert (row.error.value, row.variance.value) == pytest.approx((0.71, 0.09))
    kl = first(frame(**CLEAN, n_choices=pl.Series([n_choices] * 2, dtype=pl.Int64)), loss="kl")
    assert kl.variance.value == pytest.approx(first(frame(**CLEAN), loss="kl").variance.value)


def test_an_empty_place_among_probabilities_is_nought():
    middle = frame(question_id=[1, 1], prob_A=[0.5, 0.5], prob_B=[None, None], prob_C=[0.5, 0.5], target=["C", "C"])
    assert first(middle.cast({"prob_B": pl.Float64})).variance.value == pytest.approx(0)
    short = frame(question_id=[1, 1], probs=[[0.5, 0.5], [0.3, 0.3, 0.4]], target=[0, 0])
    long = frame(question_id=[1, 1], probs=[[0.5, 0.5, 0.0], [0.3, 0.3, 0.4]], target=[0, 0])
    for loss in ("brier", "kl", "mode"):
        assert first(short, loss=loss).variance.value == pytest.approx(first(long, loss=loss).variance.value)


def test_suites_of_tests_are_apart():
    rows = [
        {"question_id": q, "sample_id": k, "suite": suite, "test_id": t, "score": float((q + k + ord(t)) % 2)}
        for q in range(3)
        for k in range(3)
        for suite, tests in (("f2p", "ab"), ("p2p", "cd"))
        for t in tests
    ]
    table = pl.DataFrame(rows)
    apart = hotmess.measure(table, by=["suite"])
    for row in apart.rows:
        alone = first(table.filter(pl.col("suite") == row.group["suite"]))
        assert row.error == alone.error
    assert "missing-tests" not in {notice.code for notice in apart.notices}


def test_a_run_that_failed_once_is_left_out_whole():
    rows = frame(
        question_id=["q"] * 6,
        sample_id=[0, 0, 1, 1, 2, 2],
        test_id=["a", "b"] * 3,
        score=[1.0, 0.0, 1.0, 1.0, 1.0, 0.0],
        status=["ok", "ok", "ok", "error", "ok", "ok"],
    )
    row = first(rows)
    assert (row.samples, row.left_out, row.error.value) == (2, 1, 0.5)


def test_status_invalid_counts_in_every_kind():
    points = frame(
        question_id=[1] * 12,
        vector=[[0.0], [1.0], [2.0], *[[5.0]] * 9],
        target_vector=[[1.0]] * 12,
        status=["ok"] * 3 + ["invalid"] * 9,
    )
    row = first(points, invalid="drop")
    assert (row.error.value, row.variance.value, row.invalid_rate) == pytest.approx((2 / 3, 1, 0.75))


def test_probabilities_with_contexts_of_which_some_are_dead():
    rng = np.random.default_rng(0)
    rows = [
        {"question_id": q, "context_id": g, "sample_id": k, "probs": list(rng.dirichlet([1, 1, 1])), "target": 0, "status": "ok"}
        for q in range(4)
        for g in range(3)
        for k in range(3)
    ]
    table = pl.DataFrame(rows)
    dead = table.with_columns(
        status=pl.when((pl.col("question_id") == 0) & (pl.col("context_id") == 0)).then(pl.lit("error")).otherwise("status")
    )
    for loss in ("brier", "kl", "mode"):
        assert first(dead, loss=loss).questions == 4


@pytest.mark.parametrize("loss", ["kl", "mode"])
def test_a_context_that_does_not_know_the_target_has_a_variance_all_the_same(loss):
    rows = [
        {"question_id": q, "context_id": g, "sample_id": k, "probs": [[0.9, 0.1], [0.2, 0.8]][(g + k) % 2], "target": 0}
        for q in range(2)
        for g in range(3)
        for k in range(4)
    ]
    table = pl.DataFrame(rows)
    some = table.with_columns(target=pl.when(pl.col("context_id") != 1).then(pl.col("target")))
    assert first(some, loss=loss).output_variance == pytest.approx(first(table, loss=loss).output_variance)
    assert first(table, loss=loss).output_variance > 0.05


def test_nan_answers_are_none():
    table = frame(question_id=[1] * 6, answer=[0.0, 1.0, float("nan"), 1.0, 1.0, 1.0], target=[1] * 6)
    row = first(table, invalid="drop")
    assert (row.variance.value, row.invalid_rate) == pytest.approx((0.4, 1 / 6))


def test_truth_and_text_of_truth_are_one_class():
    said = frame(question_id=[1] * 4, answer=[True, True, False, True], target=[True] * 4)
    assert first(said).error.value == pytest.approx(0.5)


def test_guesses_without_a_target():
    terms = hotmess.decompose([["A", None, "B"]], loss="spread", invalid="uniform", n_choices=4)
    assert terms.variance[0] == pytest.approx(7 / 12)


def test_whole_numbers_among_probabilities():
    one, other = (
        hotmess.decompose([[[1, 0, 0], [0.5, 0.5, 0]]], [0]),
        hotmess.decompose([[[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]]], [0]),
    )
    assert one.variance == pytest.approx(other.variance)


@pytest.mark.parametrize("about", ["population", "benchmark"])
def test_two_of_three_shared_contexts(about):
    rows = [
        {"question_id": q, "context_id": g, "sample_id": k, "answer": "AB"[(q * g + k) % 2], "target": "A"}
        for q in range(10)
        for g in ((0, 1), (0, 2), (1, 2))[q % 3]
        for k in range(2)
    ]
    measured = hotmess.measure(pl.DataFrame(rows), about=about)
    assert measured.rows[0].questions == 10
    assert "few-contexts" in {n.code for n in measured.notices} or about == "benchmark"


def test_a_ratio_of_one_up_to_rounding():
    v, e = np.array([0.2, 0.1, 0.9, 0.7]), np.array([0.1, 0.2, 0.9, 0.7])
    found = [ratio_interval(v[order], e[order]) for order in ([0, 1, 2, 3], [3, 1, 0, 2])]
    assert len({(round(one.low, 9), one.high) for one in found}) == 1


def test_coverage_needs_a_target_too():
    with pytest.raises(hotmess.HotmessError, match="neither a target nor a score"):
        hotmess.measure(frame(question_id=[1, 1], answer=["a", "b"]), loss="coverage")


def test_one_row_that_knows_the_target_is_enough_for_coverage():
    table = frame(question_id=[1] * 4, answer=list("aabb"), target=["a", None, None, "a"])
    assert first(table, loss="coverage").samples == 4


def test_the_same_question_put_to_several_models_is_one_question():
    one = simulated(60, ["stubborn", "random", "right"])
    four = pl.concat([one.with_columns(model=pl.lit(f"m{k}")) for k in range(4)])
    alone, pooled = first(one), first(four, pool=["model"])
    assert pooled.incoherence.low == pytest.approx(alone.incoherence.low)
    assert pooled.incoherence.high == pytest.approx(alone.incoherence.high)


def test_questions_that_are_in_no_bucket_are_counted():
    table = simulated(20, ["random"]).with_columns(
        output_tokens=pl.when(pl.col("question_id") >= 5).then(pl.col("question_id") * 10)
    )
    measured = hotmess.measure(table, by=["length:2"])
    assert sum(row.questions for row in measured.rows) == 15
    (notice,) = [n for n in measured.notices if n.code == "few-samples"]
    assert "5 of 20" in notice.found
