"""Longer and shorter samples of the same questions: what differs is found, and halves of nothing are the same."""

import numpy as np
import polars as pl
import pytest
import worlds
from test_length import LEAST, MOST, TIMES, codes, held, rejected, said

import hotmess
from hotmess import HotmessError, Rules
from hotmess.analyses import by_overthinking, by_relative_length

TERMS = ["error", "bias2", "variance"]
HALVES, WHOLE = "longer half", "whole"


def overthinking(samples, **how):
    return by_overthinking(samples, **{"draws": 100} | how)


def half(result, name, **where):
    return result.points.filter(half=name, **where).row(0, named=True)


def test_a_difference_that_is_there_is_found():
    """Longer samples answer like shorter ones six times of ten less; the truth is that of many questions."""
    results = [overthinking(worlds.lengths(seed, questions=80, within=0.6), draws=0) for seed in range(TIMES)]
    truth = (
        worlds.lengths.truth(0, questions=20_000, samples=1, within=0.6)
        .drop("question_id", "p", "p_long")
        .mean()
        .row(0, named=True)
    )
    apart = [truth["variance_long"] / truth["error_long"] - truth["variance_short"] / truth["error_short"]]
    apart += [truth["error_long"] - truth["error_short"], truth["variance_long"] - truth["variance_short"]]
    for what, value in zip(("incoherence", "error", "variance"), apart, strict=True):
        found = [said(result, what, HALVES) for result in results]
        assert held(found, value) >= MOST, what
        assert value > 0
        assert rejected(found) >= MOST or what == "incoherence"  # a ratio of both is known less well
    # Of ten samples, each has five of nine partners in the other half, where of endless ones it would have one of two.
    between = 10 / 9 * (truth["variance"] - (truth["variance_short"] + truth["variance_long"]) / 2)
    assert held([said(result, "variance", WHOLE) for result in results], between) >= MOST


def test_nothing_is_found_in_halves_of_nothing():
    """With few samples, of an odd number, and lengths that are mostly tied."""
    tables = [worlds.lengths(seed, questions=60, samples=7).with_columns(pl.col("output_tokens") // 500) for seed in range(TIMES)]
    results = [overthinking(table) for table in tables]
    for what in ("incoherence", "error", "variance", "accuracy"):
        found = [said(result, what, HALVES) for result in results]
        assert held(found, 0.0) >= MOST, what
        assert rejected(found) <= LEAST, what
    assert rejected([said(result, "incoherence", HALVES) for result in results], "p_permuted") <= LEAST
    assert held([said(result, "variance", WHOLE) for result in results], 0.0) >= MOST


def test_permuting_lengths_says_what_the_interval_says():
    found = [said(overthinking(worlds.lengths(seed, questions=60, within=0.1)), "incoherence", HALVES) for seed in range(TIMES)]
    both = np.array([[row["p"], row["p_permuted"]] for row in found])
    assert np.abs(both[:, 0] - both[:, 1]).max() < 0.25
    assert np.corrcoef(both.T)[0, 1] > 0.9


def test_the_whole_is_the_mean_of_its_halves_and_what_lies_between_them():
    result = overthinking(worlds.lengths(1, questions=40, within=0.5), draws=0)
    short, long, whole = (half(result, name) for name in ("shorter", "longer", "all"))
    between = said(result, "variance", WHOLE)["value"]
    assert whole["variance"] == pytest.approx((short["variance"] + long["variance"]) / 2 + between)
    assert whole["bias2"] == pytest.approx((short["bias2"] + long["bias2"]) / 2 - between)
    assert whole["error"] == pytest.approx((short["error"] + long["error"]) / 2)
    assert between > 0
    assert said(result, "error", HALVES)["value"] == pytest.approx(long["error"] - short["error"])
    assert said(result, "incoherence", HALVES)["value"] == pytest.approx(long["incoherence"] - short["incoherence"])


def test_halves_are_what_a_sort_by_length_makes():
    samples = worlds.lengths(1, questions=40, samples=9).with_columns(
        output_tokens=pl.col("output_tokens") * 10 + pl.col("sample_id")
    )
    result = overthinking(samples, draws=0)
    place = pl.col("output_tokens").rank().over("question_id")
    for name, part in {"shorter": place <= 4, "longer": place >= 6, "all": place > 0}.items():
        rows = samples.filter(part)
        row = hotmess.measure(rows).rows[0]
        found = half(result, name)
        assert [found[term] for term in (*TERMS, "incoherence")] == pytest.approx(
            [getattr(row, t).value for t in (*TERMS, "incoherence")]
        )
        assert found["samples"] == row.samples == rows.height
        assert found["length"] == pytest.approx(rows["output_tokens"].mean())
        assert found["accuracy"] == pytest.approx((rows["answer"] == rows["target"]).mean())


def test_ties_are_split_evenly_whatever_the_seed():
    samples = worlds.lengths(1, questions=30).with_columns(output_tokens=7)
    found = [overthinking(samples, seed=seed, draws=0) for seed in (1, 1, 2)]
    assert [half(result, name)["samples"] for result in found for name in ("shorter", "longer")] == [150] * 6
    assert found[0].points.equals(found[1].points)
    assert not found[0].points.equals(found[2].points)


@pytest.mark.parametrize("crossed", [False, True])
def test_contexts_stay_pairs_of_different_contexts(crossed):
    samples = worlds.contexts(3, questions=40, crossed=crossed)
    result = overthinking(samples)
    ids = samples.sort("output_tokens", maintain_order=True).with_columns(place=pl.int_range(pl.len()).over("question_id"))
    short, long = (hotmess.measure(ids.filter(part)).rows[0] for part in (pl.col("place") < 16, pl.col("place") >= 16))
    for name, row in {"shorter": short, "longer": long}.items():  # ties are few
        assert [half(result, name)[term] for term in TERMS] == pytest.approx(
            [getattr(row, term).value for term in TERMS], abs=0.02
        )
    apart = said(result, "incoherence", HALVES)
    assert apart["value_low"] < 0 < apart["value_high"]
    assert apart["p_permuted"] > 0.05
    assert ("questions-only" in codes(result)) is crossed


def test_models_stand_one_after_the_other_and_share_the_chance_of_a_false_alarm():
    result = overthinking(worlds.lengths(2, questions=30, models=("b", "a")), draws=100)
    assert result.points["model"].to_list() == ["a"] * 3 + ["b"] * 3
    assert result.points["half"].to_list() == ["shorter", "longer", "all"] * 2
    for model in ("a", "b"):
        row = said(result, "incoherence", HALVES, model=model)
        assert row["p_holm"] >= row["p"]


def test_the_papers_halves_have_no_pairs_to_permute_nor_a_whole_to_compare():
    result = by_overthinking(worlds.lengths(3, questions=40), rules=Rules(paper=True))
    assert (result.method.loss, result.method.estimator) == ("kl", "plugin")
    assert said(result, "incoherence", HALVES)["p_permuted"] is None
    assert not result.tests.filter(pl.col("per").str.starts_with(WHOLE)).height  # plug-in terms grow with the number of samples
    apart = said(result, "incoherence", HALVES)
    assert apart["value_low"] < 0 < apart["value_high"]
    mode = by_overthinking(worlds.lengths(3, questions=40), rules=Rules(loss="mode"))
    assert said(mode, "accuracy", HALVES)["value"] == pytest.approx(-said(mode, "error", HALVES)["value"])


def test_questions_of_too_few_samples_are_in_no_half():
    samples = worlds.lengths(3, questions=30).filter((pl.col("question_id") > "q0004") | (pl.col("sample_id") < 3))
    result = overthinking(samples, draws=0)
    assert [half(result, name)["questions"] for name in ("shorter", "longer", "all")] == [25, 25, 30]
    assert result.tests["questions"].to_list() == [25] * result.tests.height


def test_without_errors_nothing_differs():
    result = overthinking(worlds.lengths(1, questions=20).with_columns(answer="target"))
    assert said(result, "incoherence", HALVES)["value"] is None
    assert [said(result, what, HALVES)["p"] for what in ("error", "variance", "accuracy")] == [1.0] * 3


LENGTHS = ("output_tokens", "output_chars", "actions")
THREE = {"question_id": ["q"] * 3, "answer": list("ABC"), "target": ["A"] * 3, "output_tokens": [1, 2, 3]}
REFUSED = {
    "three samples": (lambda: by_overthinking(worlds.lengths(1, questions=9, samples=3)), "nothing-to-compare"),
    "no length at all": (lambda: by_overthinking(pl.DataFrame(THREE).drop("output_tokens")), "no-length"),
    "lengths unknown": (
        lambda: by_overthinking(worlds.lengths(1, questions=9).with_columns(output_tokens=pl.lit(None, pl.Int64))),
        "nothing-to-compare",
    ),
    "no target": (lambda: by_overthinking(worlds.embeddings(1, questions=9)), "loss-mismatch"),
    "single samples under kl": (
        lambda: by_relative_length(worlds.lengths(1, questions=9), rules=Rules(loss="kl")),
        "loss-mismatch",
    ),
    "single samples of one length": (
        lambda: by_relative_length(worlds.lengths(1, questions=9).with_columns(output_tokens=7)),
        "nothing-to-compare",
    ),
    "single samples without a length": (lambda: by_relative_length(worlds.lengths(1, questions=9).drop(LENGTHS)), "no-length"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_compared_is_refused(name):
    call, code = REFUSED[name]
    with pytest.raises(HotmessError) as refused:
        call()
    assert refused.value.code == code


# ---------------------------------------------------------------------------------------------- sample by sample


def test_bins_of_samples_and_their_trend_are_what_a_loop_finds():
    samples = worlds.lengths(4, questions=30, samples=5, within=0.5)
    found = by_relative_length(samples, bins=4)
    rows = []
    for question in samples.partition_by("question_id"):
        answers, lengths, target = question["answer"].to_list(), question["output_tokens"].to_numpy(), question["target"][0]
        for k, answer in enumerate(answers):
            alike = sum(other == answer for other in answers) - 1
            x = np.log2(lengths[k] / np.median(np.delete(lengths, k)))
            rows.append((x, 1 - alike / 4, 2.0 * (answer != target)))
    x, v, e = np.array(rows).T
    ratio, centre = v.sum() / e.sum(), (x @ e) / e.sum()
    slope = ((x - centre) @ (v - ratio * e)) / (e @ (x - centre) ** 2)
    assert said(found, "incoherence")["value"] == pytest.approx(slope)
    for members, point in zip(np.array_split(np.argsort(x, kind="stable"), 4), found.points.iter_rows(named=True), strict=True):
        assert point["samples"] == len(members)
        assert point["ratio"] == pytest.approx(2 ** x[members].mean())
        assert [point["variance"], point["error"]] == pytest.approx([v[members].mean(), e[members].mean()])
        assert point["incoherence"] == pytest.approx(v[members].sum() / e[members].sum())


def test_no_sample_is_thrown_away():
    for samples in (
        worlds.lengths(5, questions=30, samples=7),
        worlds.contexts(5, questions=30),
        worlds.agent_runs(5, questions=1),
    ):
        points = by_relative_length(samples, bins=5).points
        row = hotmess.measure(samples).rows[0]
        for name in ("error", "variance"):
            assert (points[name] @ points["samples"]) / row.samples == pytest.approx(getattr(row, name).value)


def test_samples_of_any_length_are_alike_where_length_says_nothing():
    found = [said(by_relative_length(worlds.lengths(seed, questions=60)), "incoherence") for seed in range(TIMES)]
    assert held(found, 0.0) >= MOST
    assert rejected(found) <= LEAST


def test_longer_samples_that_err_more_are_found():
    for seed in range(3):
        points = by_relative_length(worlds.lengths(seed, questions=80, within=0.8), bins=2).points
        assert points["error_high"][0] < points["error_low"][1]
        assert points["variance_high"][0] < points["variance_low"][1]


def test_one_question_put_to_two_models_is_left_out_of_both():
    once = worlds.lengths(6, questions=30)
    twice = pl.concat([once, once.with_columns(model=pl.lit("n"))])
    alone, together = by_relative_length(once, bins=3), by_relative_length(twice, bins=3, rules=Rules(pool=("model",)))
    ends = ["value", "value_low", "value_high", "p"]
    assert together.tests[ends].row(0) == pytest.approx(alone.tests[ends].row(0))
    ends = ["incoherence", "incoherence_low", "incoherence_high"]
    assert together.points[ends].to_numpy() == pytest.approx(alone.points[ends].to_numpy())
    assert together.points["questions"].max() == 60
