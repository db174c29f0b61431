"""Asking again: ensembles, changes of answers, attempts and numbers of samples, against what is known of their worlds."""

from math import comb, log

import numpy as np
import polars as pl
import pytest
import worlds
from test_length import LEAST, MOST, TIMES, codes, held, rejected, said

import hotmess
from hotmess import HotmessError, Rules
from hotmess.analyses import answer_changes, by_ensemble, pass_k, sample_efficiency

SIZES = (1, 2, 4)
ENDS = ["value", "value_low", "value_high"]


def point(result, **where):
    return result.points.filter(**where).row(0, named=True)


def covers(points, name, truth):
    """How many of these intervals hold the truth."""
    return sum(row[f"{name}_low"] <= truth <= row[f"{name}_high"] for row in points)


def twice(samples):
    """Each question once more, under another name; `pair` says which belong together."""
    samples = samples.with_columns(pair="question_id")
    return pl.concat([samples, samples.with_columns(question_id=pl.col("question_id") + "'")])


def uneven(samples):
    """Some questions with fewer samples than others, which stand elsewhere among arrays of equal shape."""
    return samples.filter((pl.col("question_id").str.slice(-1) != "3") | (pl.col("sample_id") < 6))


# ---------------------------------------------------------------------------------------------- ensembles


def test_ensembles_over_contexts_have_the_variance_that_the_world_says():
    results = [
        by_ensemble(worlds.contexts(seed, between=0.35, within=0.25), sizes=SIZES, designs=[(3, 4)]) for seed in range(TIMES)
    ]
    bias = worlds.contexts.truth(0, questions=20_000, contexts=1, samples=1, between=0.35, within=0.25)["bias2"].mean()
    for size in SIZES:
        for way, variance in {"new contexts": 0.6 / size, "one context": 0.35 + 0.25 / size}.items():
            points = [point(result, way=way, size=size) for result in results]
            assert covers(points, "variance", variance) >= MOST, (way, size)
            assert covers(points, "bias2", bias) >= MOST, (way, size)
            assert covers(points, "incoherence", variance / (variance + bias)) >= MOST, (way, size)
    assert covers([point(result, way="3 contexts × 4") for result in results], "variance", 0.35 / 3 + 0.25 / 12) >= MOST


def means(samples, *groups):
    """The mean answers of groups of samples, as probabilities that a system states."""
    share = [(pl.col("answer") == letter).mean().alias(f"prob_{letter}") for letter in "ABCD"]
    return samples.group_by("question_id", *groups).agg(*share, target=pl.col("target").first())


def test_ensembles_that_are_made_have_the_variance_of_the_closed_form():
    samples = worlds.contexts(7, questions=300).with_columns(number=pl.col("context_id").str.slice(-4).cast(pl.Int64) // 2)
    found = by_ensemble(samples, sizes=(2,), designs=[(2, 4)])
    over_two = hotmess.measure(means(samples, "number")).rows[0]
    assert over_two.variance.low <= point(found, way="2 contexts × 4")["variance"] <= over_two.variance.high
    inside = means(samples.with_columns(deal=pl.col("sample_id") % 2), "context_id", "deal")
    one = hotmess.measure(inside).rows[0]
    assert one.variance.low <= point(found, way="one context", size=2)["variance"] <= one.variance.high


def test_an_ensemble_of_one_is_a_sample_and_of_many_its_bias():
    samples = worlds.lengths(2, questions=60)
    row, found = hotmess.measure(samples).rows[0], by_ensemble(samples, sizes=(1, 1000))
    one, many = point(found, size=1), point(found, size=1000)
    for name in ("error", "bias2", "variance", "incoherence"):
        measured = getattr(row, name)
        assert [one[name], one[f"{name}_low"], one[f"{name}_high"]] == pytest.approx(
            [measured.value, measured.low, measured.high]
        )
    assert many["variance"] == pytest.approx(row.variance.value / 1000)
    assert many["error"] == pytest.approx(row.bias2.value, rel=0.01)
    left = said(found, "error left")
    assert [left[end] for end in ENDS] == pytest.approx(
        [1 - row.incoherence.value, 1 - row.incoherence.high, 1 - row.incoherence.low]
    )


def test_ensembles_of_the_samples_at_hand_lose_what_plugging_in_loses():
    tables = [worlds.lengths(seed, questions=60, samples=20) for seed in range(TIMES)]
    results = [by_ensemble(table, sizes=(1, 2, 4), scheme="disjoint", ensembles=5, seed=1) for table in tables]
    closed = [by_ensemble(table, sizes=(1, 2, 4)) for table in tables]
    for size in (1, 2, 4):
        low, whole = (np.mean([point(r, size=size)["variance"] for r in some]) for some in (results, closed))
        assert low == pytest.approx(0.8 * whole, rel=0.1)  # of five ensembles
    assert held([said(result, "variance") for result in results], -1.0) >= MOST
    every = by_ensemble(tables[0], sizes=(1,), scheme="disjoint", ensembles=20)
    plugin = hotmess.measure(tables[0], estimator="plugin").rows[0]
    assert point(every)["variance"] == pytest.approx(plugin.variance.value)
    assert point(every)["bias2"] == pytest.approx(plugin.bias2.value)


@pytest.mark.parametrize("way", ["arithmetic mean", "geometric mean"])
def test_kl_ensembles_of_one_are_those_of_measure(way):
    samples = worlds.lengths(2, questions=60, samples=8)
    found = by_ensemble(samples, sizes=SIZES, rules=Rules(loss="kl"))
    row, one = hotmess.measure(samples, loss="kl").rows[0], point(found, way=way, size=1)
    assert [one["error"], one["variance"]] == pytest.approx([row.error.value, row.variance.value])
    larger = [point(found, way=way, size=size) for size in SIZES]
    for name in ("error", "variance"):
        assert sorted((p[name] for p in larger), reverse=True) == [p[name] for p in larger]
    if way == "geometric mean":  # keeps the bias
        assert all(p["bias2_low"] < one["bias2"] < p["bias2_high"] for p in larger)
    else:  # errs where none is right
        none = [(1 - p["some_right"]) * row.more["log_delta"] for p in larger]
        assert all(0 < p["error"] - n + 0.2 < log(p["size"]) + 0.4 for p, n in zip(larger, none, strict=True))


def test_the_limit_of_kl_errs_where_none_is_right():
    found = by_ensemble(worlds.lengths(2, questions=60), sizes=(1, 2, 5, 10), rules=Rules(loss="mode"))
    assert (1 - found.points["some_right"]).to_list() == pytest.approx(found.points["error"].to_list())
    samples = worlds.lengths(2, questions=60).group_by("question_id").agg(right=(pl.col("answer") == pl.col("target")).sum())
    exact = [np.mean([1 - comb(10 - n, size) / comb(10, size) for n in samples["right"]]) for size in (1, 2, 5, 10)]
    assert found.points["some_right"].to_list() == pytest.approx(exact)


@pytest.mark.parametrize("how", [{}, {"scheme": "disjoint", "ensembles": 3}, {"rules": "kl"}])
def test_sizes_beyond_the_samples(how):
    samples = worlds.lengths(2, questions=20, samples=6)
    how = how | ({"rules": Rules(loss="kl")} if "rules" in how else {})
    found = by_ensemble(samples, sizes=(1, 2, 8), **how)
    if how:
        assert found.points["size"].unique().to_list() == [1, 2]
        assert "few-for-ensembles" in codes(found)
    else:
        assert found.points["some_right"].is_null().to_list() == [False, False, True]
        assert codes(found) & {"few-for-ensembles"} == set()


@pytest.mark.parametrize("how", [{}, {"scheme": "disjoint", "ensembles": 3}, {"loss": "mode"}])
def test_ensembles_of_questions_that_belong_together(how):
    loss, samples = how.pop("loss", None), uneven(worlds.lengths(3, questions=40))
    how = how | {"sizes": (1, 2)}
    alone = by_ensemble(samples, rules=Rules(loss=loss), **how)
    same = by_ensemble(samples.with_columns(pair="question_id"), rules=Rules(loss=loss, cluster="pair"), **how)
    together = by_ensemble(twice(samples), rules=Rules(loss=loss, cluster="pair"), **how)
    names = [name for name in alone.points.columns if name.endswith(("_low", "_high"))]
    assert same.points[names].to_numpy() == pytest.approx(alone.points[names].to_numpy(), nan_ok=True)
    if "scheme" not in how:  # these are dealt anew
        assert together.points[names].to_numpy() == pytest.approx(alone.points[names].to_numpy(), nan_ok=True)


# ---------------------------------------------------------------------------------------------- changes


def third_moment(p, total):
    """E X³ of a share that is drawn from a Dirichlet distribution with mean p and this total."""
    a = p * total
    return a * (a + 1) * (a + 2) / (total * (total + 1) * (total + 2))


def test_three_draws_change_as_often_as_the_world_says():
    found = [answer_changes(worlds.contexts(seed, between=0.35, within=0.25)) for seed in range(TIMES)]
    p = np.array(worlds.contexts.truth(0, questions=20_000, contexts=1, samples=1, between=0.35, within=0.25)["p"].to_list())
    truth = {"both": 1 - (p**3).sum(1).mean(), "sampling": 1 - third_moment(p, 0.25 / 0.35).sum(1).mean()}
    truth["context"] = truth["both"] - truth["sampling"]
    for source, rate in truth.items():
        assert covers([point(result, source=source) for result in found], "rate", rate) >= MOST, source
    assert held([said(result, "rate") for result in found], truth["context"]) >= MOST


def test_two_draws_change_as_often_as_the_variance_says():
    samples = worlds.contexts(1, questions=40)
    row, found = hotmess.measure(samples).rows[0], answer_changes(samples, draws=2)
    rates = {source: point(found, source=source)["rate"] for source in ("sampling", "context", "both")}
    assert rates == pytest.approx({"sampling": row.output_variance, "context": row.input_variance, "both": row.variance.value})


def test_contexts_that_change_nothing_add_nothing():
    found = [answer_changes(worlds.lengths(seed, questions=60, samples=3, contexts=3)) for seed in range(TIMES)]
    apart = [said(result, "rate") for result in found]
    assert held(apart, 0.0) >= MOST
    assert rejected(apart) <= LEAST


@pytest.mark.parametrize("draws", [2, 3, 5])
def test_without_contexts_it_is_sampling_that_changes(draws):
    samples = worlds.lengths(4, questions=400)
    p = np.array(worlds.lengths.truth(4, questions=400)["p"].to_list())
    found = answer_changes(samples.drop("target", "context_id"), draws=draws)
    assert found.points["source"].to_list() == ["sampling"]
    assert covers([point(found)], "rate", 1 - (p**draws).sum(1).mean()) == 1


def test_changes_of_scores_and_of_the_most_probable():
    samples = worlds.lengths(3, questions=30)
    right = pl.col("answer") == pl.col("target")
    score = answer_changes(samples.with_columns(score=right.cast(pl.Float64)).drop("answer", "target"), draws=2)
    share = samples.group_by("question_id").agg(right.mean().alias("right"))["right"]
    assert point(score)["rate"] == pytest.approx((2 * share * (1 - share) * 10 / 9).mean())
    stated = [pl.when(pl.col("answer") == letter).then(0.4).otherwise(0.2).alias(f"prob_{letter}") for letter in "ABCD"]
    assert point(answer_changes(samples.with_columns(stated).drop("answer")))["rate"] == pytest.approx(
        point(answer_changes(samples))["rate"]
    )


def test_changes_by_difficulty():
    samples = worlds.sizes(2, questions=30, sizes=(1, 2))
    found = answer_changes(samples, difficulty="difficulty")
    assert sorted(found.points["difficulty"].unique()) == ["easy", "hard", "medium"]
    hard = answer_changes(samples.filter(difficulty="hard", model="base-1b"))
    assert point(found, difficulty="hard", model="base-1b")["rate"] == pytest.approx(point(hard)["rate"])


# ---------------------------------------------------------------------------------------------- attempts


def test_attempts_succeed_as_often_as_the_world_says():
    found = [pass_k(worlds.lengths(seed, questions=100), sizes=(1, 2, 5)) for seed in range(TIMES)]
    p = np.array(worlds.lengths.truth(0, questions=20_000, samples=1)["p"].to_list())[:, 0]
    for k in (1, 2, 5):
        points = [point(result, k=k) for result in found]
        assert covers(points, "pass_at", 1 - ((1 - p) ** k).mean()) >= MOST
        assert covers(points, "pass_hat", (p**k).mean()) >= MOST
    alike = p.var() / (p.mean() * (1 - p.mean()))
    assert held([said(result, "intraclass correlation") for result in found], alike) >= MOST


@pytest.mark.parametrize("rules", [Rules(), Rules(invalid="drop"), Rules(invalid="uniform"), Rules(paper=True)])
def test_attempts_count_alike_whatever_could_be_read_of_others(rules):
    """Contexts of one to four attempts, and some that could not be read: they are not right."""
    samples = worlds.contexts(5, questions=20).filter((pl.col("sample_id") % 4 == 0) | pl.col("context_id").str.ends_with("1"))
    samples = samples.with_columns(answer=pl.when(pl.col("sample_id") % 12 == 0).then(None).otherwise("answer"))
    right = (pl.col("answer") == pl.col("target")).fill_null(False).sum()
    counts = samples.group_by("question_id").agg(n=pl.len(), right=right)[["right", "n"]].rows()
    found = pass_k(samples, sizes=(1, 3), rules=Rules(invalid=rules.invalid, paper=rules.paper, max_invalid=0.9))
    for k in (1, 3):
        assert point(found, k=k)["pass_at"] == pytest.approx(np.mean([1 - comb(n - r, k) / comb(n, k) for r, n in counts]))
        assert point(found, k=k)["pass_hat"] == pytest.approx(np.mean([comb(r, k) / comb(n, k) for r, n in counts]))


def test_a_run_succeeds_where_every_test_passes():
    samples = worlds.agent_runs(2, questions=40).filter(pl.col("sample_id") < 5)
    found = pass_k(samples, sizes=(1, 5))
    solved = samples.group_by("question_id").agg(solved=pl.col("tests").list.all())["solved"]
    assert point(found, k=5)["pass_at"] == pytest.approx(solved.list.any().mean())
    assert point(found, k=5)["pass_hat"] == pytest.approx(solved.list.all().mean())


def test_a_score_succeeds_at_full_marks():
    table = pl.DataFrame({"question_id": list("aabb"), "score": [1.0, 0.9, 1.0, 1.0]})
    assert pass_k(table, sizes=(1, 2)).points["pass_at", "pass_hat"].rows() == [(0.75, 0.75), (1.0, 0.5)]


def test_questions_with_few_attempts_are_left_out_of_all_sizes():
    found = pass_k(
        worlds.lengths(3, questions=30).filter((pl.col("question_id") > "q0003") | (pl.col("sample_id") < 4)), sizes=(1, 5)
    )
    assert found.points["questions"].to_list() == [26, 26]
    assert "few-attempts" in codes(found)
    assert pass_k(worlds.lengths(3, questions=9)).points["k"].to_list() == [1, 2, 3, 5, 8, 10]


def test_attempts_at_questions_that_belong_together():
    samples = worlds.lengths(3, questions=30)
    alone, together = pass_k(samples), pass_k(twice(samples), rules=Rules(cluster="pair"))
    names = [f"{name}{end}" for name in ("pass_at", "pass_hat") for end in ("", "_low", "_high")]
    assert together.points[names].to_numpy() == pytest.approx(alone.points[names].to_numpy())


# ---------------------------------------------------------------------------------------------- how many samples


def test_unbiased_terms_stay_and_plug_in_terms_rise_with_the_number_of_samples():
    samples = worlds.lengths(3, questions=60, samples=20)
    row, found = hotmess.measure(samples).rows[0], sample_efficiency(samples, sizes=(2, 5, 10, 20))
    assert found.points["size"].unique().to_list() == [2, 5, 10]  # subsets of more than half are much the same
    wide = []
    for size in (2, 5, 10):
        fair, plain = (point(found, size=size, estimator=name) for name in ("unbiased", "plug-in"))
        error = (fair["variance_high"] - fair["variance_low"]) / 4 / np.sqrt(200)
        assert fair["variance"] == pytest.approx(row.variance.value, abs=4 * error)
        assert plain["variance"] == pytest.approx((1 - 1 / size) * fair["variance"])
        assert plain["bias2"] == pytest.approx(fair["bias2"] + fair["variance"] / size)
        wide.append(fair["incoherence_high"] - fair["incoherence_low"])
    assert sorted(wide, reverse=True) == wide


def test_subsets_differ_as_new_samples_would():
    """The spread over subsets of the samples at hand is that over tables with other samples of the same questions."""
    samples = worlds.lengths(3, questions=40, samples=200)
    found = point(sample_efficiency(samples.filter(pl.col("sample_id") < 20), sizes=(5,)), estimator="unbiased")
    dealt = [samples.filter(pl.col("sample_id") // 5 == number) for number in range(40)]
    anew = [hotmess.measure(table).rows[0].variance.value for table in dealt]
    assert found["variance_high"] - found["variance_low"] == pytest.approx(2 * 1.96 * np.std(anew), rel=0.3)


def test_subsets_of_contexts_are_whole_contexts():
    samples = worlds.contexts(3, questions=40)
    row, found = hotmess.measure(samples).rows[0], sample_efficiency(samples, sizes=(2, 4), draws=100)
    for size in (2, 4):
        fair, plain = (point(found, size=size, estimator=name) for name in ("unbiased", "plug-in"))
        assert fair["variance_low"] < row.variance.value < fair["variance_high"]
        between = row.input_variance / size + row.output_variance / (4 * size)
        assert plain["variance"] == pytest.approx(row.variance.value - between, rel=0.05)


def test_sizes_go_up_to_half_of_the_samples():
    assert sample_efficiency(worlds.lengths(3, questions=9, samples=11), draws=5).points["size"].unique().to_list() == [2, 3, 5]
    mixed = worlds.lengths(3, questions=20).filter((pl.col("question_id") > "q0003") | (pl.col("sample_id") < 4))
    assert sample_efficiency(mixed, draws=5).points["questions"].unique().to_list() == [16]


# ---------------------------------------------------------------------------------------------- what cannot be asked

FEW = worlds.lengths(1, questions=8, samples=3)
REFUSED = {
    "an ensemble of none": (lambda: by_ensemble(FEW, sizes=(0, 1)), "nothing-to-compare"),
    "no ensemble": (lambda: by_ensemble(FEW, sizes=()), "nothing-to-compare"),
    "more ensembles than samples": (lambda: by_ensemble(FEW, scheme="disjoint"), "nothing-to-compare"),
    "plug-in ensembles under kl": (lambda: by_ensemble(FEW, rules=Rules(paper=True)), "loss-mismatch"),
    "ensembles without a target": (lambda: by_ensemble(worlds.embeddings(1, questions=8)), "loss-mismatch"),
    "one draw": (lambda: answer_changes(FEW, draws=1), "usage"),
    "more draws than samples": (lambda: answer_changes(FEW, draws=4), "nothing-to-compare"),
    "changes of vectors": (lambda: answer_changes(worlds.embeddings(1, questions=8)), "loss-mismatch"),
    "changes of runs": (lambda: answer_changes(worlds.agent_runs(1, questions=8)), "loss-mismatch"),
    "more attempts than there are": (lambda: pass_k(FEW, sizes=(4,)), "nothing-to-compare"),
    "attempts at nothing": (lambda: pass_k(worlds.embeddings(1, questions=8)), "loss-mismatch"),
    "subsets of three": (lambda: sample_efficiency(FEW), "nothing-to-compare"),
    "subsets under kl": (lambda: sample_efficiency(FEW, rules=Rules(loss="kl")), "loss-mismatch"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_asked_is_refused(name):
    call, code = REFUSED[name]
    with pytest.raises(HotmessError) as refused:
        call()
    assert refused.value.code == code
