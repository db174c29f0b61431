"""What reviewers of the analyses broke, once: a small table for each."""

import numpy as np
import polars as pl
import pytest
import worlds
from scipy.stats import binom, t

import hotmess
from hotmess import Rules
from hotmess.groups import equal_counts
from hotmess.infer import share_interval


def answers(rows, **more):
    """A table of (question, sample, answer, …), where A is right."""
    names = ["question_id", "sample_id", "answer", *more]
    return pl.DataFrame([dict(zip(names, row, strict=True)) for row in rows]).with_columns(target=pl.lit("A"))


def test_shares_have_wilsons_interval_and_stay_inside():
    values = np.repeat([1.0, 0.0], [45, 5])
    found, n, p, q = share_interval(values), 49.0, 0.9, t.ppf(0.975, 49) ** 2  # n: the jackknife divides by N - 1
    ends = (p + q / (2 * n) + np.array([-1, 1]) * np.sqrt(q * p * (1 - p) / n + q**2 / (4 * n**2))) / (1 + q / n)
    assert (found.low, found.high) == pytest.approx(tuple(ends))
    perfect = share_interval(np.ones(20))
    assert perfect.high == 1
    assert 0.75 < perfect.low < 0.9


def test_intervals_of_shares_of_few_hold_the_truth():
    rng = np.random.default_rng(0)
    for p in (0.03, 0.3):
        found = [share_interval(rng.binomial(5, p, 60) / 5) for _ in range(400)]
        assert np.mean([one.low <= p <= one.high for one in found]) > binom.ppf(0.001, 400, 0.95) / 400


def test_clusters_of_one_change_nothing_about_a_share():
    values = np.random.default_rng(1).random(30)
    assert share_interval(values, clusters=np.arange(30)) == share_interval(values)


def test_equal_values_are_never_parted():
    values = np.array([3.0, 1, 3, 2, 3, 3, 9, 8])
    parts = equal_counts(values, 4)
    assert len(set(parts[values == 3])) == 1
    assert equal_counts(np.arange(10.0), 3).tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_what_failed_has_no_length():
    table = worlds.lengths(1, questions=40, samples=5).with_columns(status=pl.lit("ok"))
    failed = table.filter(pl.col("sample_id") == 0).with_columns(
        sample_id=pl.lit(99), status=pl.lit("error"), output_tokens=10**6
    )
    failed = failed.cast({name: table.schema[name] for name in ("sample_id", "output_tokens")})
    clean, noisy = (hotmess.by_length(one, buckets=4) for one in (table, pl.concat([table, failed])))
    assert noisy.tests.drop("p_permuted").equals(clean.tests.drop("p_permuted"))


def test_unknown_lengths_are_unknown_however_they_are_written():
    table = worlds.lengths(2, questions=30, samples=6).with_columns(pl.col("output_tokens").cast(pl.Float64))
    hole = pl.when(pl.col("sample_id") == pl.col("sample_id").max()).then
    null, nan = (table.with_columns(output_tokens=hole(value).otherwise("output_tokens")) for value in (None, float("nan")))
    assert hotmess.by_overthinking(nan, draws=0).points.equals(hotmess.by_overthinking(null, draws=0).points)


def test_a_test_that_short_runs_never_list_fails_there():
    rows = [
        {"question_id": q, "sample_id": k, "tests": [True], "test_names": ["a"], "actions": k} for q in range(4) for k in range(4)
    ]
    long = {"tests": [True, False], "test_names": ["a", "b"]}
    rows += [{"question_id": q, "sample_id": k, **long, "actions": k} for q in range(4) for k in range(4, 8)]
    halves = hotmess.by_overthinking(pl.DataFrame(rows), draws=0, rules=Rules(deterministic=True)).points
    assert halves["error"].to_list() == pytest.approx([0.5, 0.5, 0.5])
    assert halves["accuracy"].to_list() == pytest.approx([0, 0, 0])


def test_pooled_models_are_compared_question_by_question():
    table = worlds.budgets(3, questions=20)
    two = pl.concat([table, table.with_columns(model=pl.lit("twin"))])
    alone, pooled = (
        hotmess.by_budget(table, budget="effort"),
        hotmess.by_budget(two, budget="effort", rules=Rules(pool=("model",))),
    )
    asked = pl.col("kind") == "asked for"
    assert pooled.tests.filter(asked)["value"].to_list() == pytest.approx(alone.tests.filter(asked)["value"].to_list())


def test_clusters_count_once_in_correlations():
    table = worlds.lengths(4, questions=12, models=("a", "b"))
    copies = [
        table.with_columns(pl.format("{}-{}", "question_id", pl.lit(n)).alias("question_id"), seed_of="question_id")
        for n in "xyz"
    ]
    rules = Rules(cluster="seed_of")
    once, thrice = hotmess.length_agreement(table), hotmess.length_agreement(pl.concat(copies), rules=rules)
    assert thrice.points["spearman"][0] == pytest.approx(once.points["spearman"][0], abs=0.02)
    assert thrice.points["spearman_low"][0] == pytest.approx(once.points["spearman_low"][0], abs=0.1)


def decided_by_context():
    """Half of the contexts are right whenever they are asked, the others never."""
    rng = np.random.default_rng(5)
    right = rng.random((300, 4)) < 0.5
    columns = {"question_id": 16, "context_id": 4}
    place = {
        name: np.tile(np.repeat(np.arange(n), size), 1) for (name, size), n in zip(columns.items(), (300, 1200), strict=True)
    }
    place["context_id"] = place["context_id"] % 4
    answer = np.where(np.repeat(right.ravel(), 4), "A", "B")
    return pl.DataFrame({**place, "sample_id": np.tile(np.arange(16), 300), "answer": answer}).with_columns(target=pl.lit("A"))


def test_some_right_knows_what_contexts_decide():
    found = hotmess.by_ensemble(decided_by_context(), sizes=(1, 2, 4)).points
    new, one = (found.filter(pl.col("way") == way)["some_right"].to_list() for way in ("new contexts", "one context"))
    assert new == pytest.approx([0.5, 0.75, 0.9375], abs=0.04)
    assert one == pytest.approx([0.5, 0.5, 0.5], abs=0.04)


def test_error_left_is_that_of_one_sample():
    table = worlds.lengths(6, questions=50)
    few, many = (hotmess.by_ensemble(table, sizes=sizes).tests["value"][0] for sizes in ((1, 2), (8, 16)))
    assert few == many


def test_limits_of_ensembles_never_have_more_variance_than_error():
    table = worlds.lengths(7, questions=60)
    found = hotmess.by_ensemble(table, sizes=(1, 2, 4), rules=Rules(loss="mode"))
    assert (found.points["variance"] <= found.points["error"] + 1e-12).all()
    assert found.method.estimator == "plugin"


def test_format_counts_runs_of_every_context_and_no_failures_of_the_infrastructure():
    rows = [("q", c, k, None if c == 2 else "A", "error" if (c, k) == (0, 0) else "ok") for c in range(3) for k in range(4)]
    table = pl.DataFrame(rows, schema=["question_id", "context_id", "sample_id", "answer", "status"], orient="row")
    found = hotmess.format_adherence(table.with_columns(target=pl.lit("A")), rules=Rules(max_invalid=1))
    rate = dict(zip(found.points["outcome"], found.points["rate"], strict=True))
    assert rate["not read"] == pytest.approx(4 / 11)
    assert rate["left out: error"] == pytest.approx(1 / 12)


def test_ties_of_probabilities_are_answers_like_others():
    rows = [{"question_id": q, "sample_id": k, "probs": [0.5, 0.5], "target": 0} for q in range(3) for k in range(3)]
    table = pl.DataFrame(rows)
    assert hotmess.answer_changes(table, rules=Rules(deterministic=True)).points["rate"].to_list() == [0]


def test_a_half_that_can_hardly_be_read_is_still_shown():
    table = worlds.lengths(8, questions=30, samples=8)
    long = pl.col("output_tokens") > pl.col("output_tokens").median().over("question_id")
    lost = table.with_columns(answer=pl.when(long & (pl.col("sample_id") % 3 == 0)).then(None).otherwise("answer"))
    found = hotmess.by_overthinking(lost, draws=0)
    assert found.points["half"].to_list() == ["shorter", "longer", "all"]
