"""Ensembles and repeats: against every subset, every way that samples can fall, and the closed forms."""

from dataclasses import replace
from itertools import combinations, product
from math import comb

import numpy as np
import pytest
from conftest import numbers
from hypothesis import given
from hypothesis import strategies as st
from test_singles import drawn, plain

import hotmess
from hotmess.ensembles import disjoint, ensemble_terms, kl_ensembles, none_right, one_hot_limit
from hotmess.pairs import attribution
from hotmess.repeats import change_rate, changes, icc, pass_at, pass_hat


def test_ensembles_in_closed_form(oracle):
    case = oracle("ensembling_closed_form")
    given = case["input"]
    terms = hotmess.decompose([given["samples"]], [given["target"]], n_choices=given["C"])
    for size, wanted in ((int(size), wanted) for size, wanted in case["expect"].items()):
        found = ensemble_terms(terms.variance, terms.output, terms.bias, size)
        right = np.array([given["samples"].count(given["target"])])
        shown = {"brier_bias2": found.bias, "brier_variance": found.variance, "brier_incoherence": found.variance / found.error}
        shown["none_correct"] = none_right(right, np.array([len(given["samples"])]), size)
        for name, value in shown.items():
            assert value[0] == pytest.approx(wanted[name]["value"], abs=case["tol"]), name


def test_ensembles_of_two_are_the_mean_over_all_ways_to_make_two():
    """Over all ways to take two disjoint pairs of five samples, their terms are on average those of the closed form."""
    answers = np.array([[0, 1, 1, 2, 3]])
    s, terms = plain(answers), hotmess.decompose(answers, [0], n_choices=4)
    bias, variance = [], []
    for one in combinations(range(5), 2):
        for two in combinations(set(range(5)) - set(one), 2):
            a, b = s.residual[0, list(one)].mean(0), s.residual[0, list(two)].mean(0)
            bias.append(a @ b)
            variance.append(((a - b) ** 2).sum() / 2)
    found = ensemble_terms(terms.variance, terms.output, terms.bias, 2)
    assert np.mean(variance) == pytest.approx(found.variance[0])
    assert np.mean(bias) == pytest.approx(found.bias[0])


def test_ensembles_over_contexts():
    """m contexts of m samples, drawn from two contexts that answer differently: exact variance of the mean."""
    p = np.array([[0.8, 0.2], [0.3, 0.7]])
    within = (1 - (p**2).sum(1)).mean()
    between = ((p - p.mean(0)) ** 2).sum(1).mean()
    variance, output, bias = (np.array([x]) for x in (within + between, within, 0.1))
    for size in ((1, 1), (2, 1), (1, 3), (2, 2)):
        exact = 0.0
        for drawn_contexts in product((0, 1), repeat=size[0]):
            mean = p[list(drawn_contexts)].mean(0)
            spread = sum((1 - (p[g] ** 2).sum()) / size[1] for g in drawn_contexts) / size[0] ** 2
            exact += (((mean - p.mean(0)) ** 2).sum() + spread) / 2 ** size[0]
        assert ensemble_terms(variance, output, bias, size).variance[0] == pytest.approx(exact)
    assert ensemble_terms(variance, np.array([np.nan]), bias, 4).variance == pytest.approx(variance / 4)


def test_disjoint_ensembles_lose_what_plugging_in_loses():
    rng = np.random.default_rng(6)
    s = plain(drawn(rng, 2000, 24))
    terms = {"variance": attribution(s)[0].mean(1), "error": s.error.mean(1)}
    found = disjoint(s, 4, 6, rng)
    assert found.error == pytest.approx(found.bias + found.variance)
    assert found.variance.mean() == pytest.approx(terms["variance"].mean() / 4 * 5 / 6, rel=0.03)
    assert np.isnan(disjoint(s, 5, 5, rng).error).all()
    heavy = replace(s, weight=3 * s.weight, error=3 * s.error)
    assert disjoint(heavy, 4, 6, rng).variance.mean() == pytest.approx(3 * found.variance.mean(), rel=0.03)
    assert disjoint(heavy, 4, 6, rng).bias.mean() == pytest.approx(3 * found.bias.mean(), rel=0.03)
    one = disjoint(s, 1, 24, rng)
    assert one.error == pytest.approx(terms["error"])
    assert one.variance == pytest.approx(terms["variance"] * 23 / 24)


def test_kl_ensembles(oracle):
    """Every way that a pair can fall, as a question of four samples that are two equal pairs: error and bias of a pair."""
    case = oracle("kl_ensemble_identity")
    support, wanted = np.array(numbers(case["input"]["support"])), {k: v["value"] for k, v in case["expect"].items()}
    ways = np.array(list(product((0, 1), repeat=2)))
    target = np.full(4, case["input"]["target"])
    for how in ("arithmetic", "geometric"):
        found = kl_ensembles(support[ways], target, [2], how, rng=np.random.default_rng(0), delta=0.0)[0]
        error = wanted[f"{how}_bias"] + wanted[f"{how}_variance"]
        assert found.error.mean() == pytest.approx(error, abs=case["tol"])
        assert np.isnan(found.variance).all()  # there is but one pair


def test_kl_ensembles_of_one_are_the_samples():
    rng = np.random.default_rng(1)
    probs, target = rng.dirichlet(np.ones(3), (5, 6)), np.array([0, 1, 2, 0, 1])
    terms = hotmess.decompose(probs, target.tolist(), loss="kl")
    for how in ("arithmetic", "geometric"):
        one, more, none = kl_ensembles(probs, target, [1, 3, 7], how, rng=rng, rounds=3)
        assert one.error == pytest.approx(terms.error)
        assert one.variance == pytest.approx(terms.variance)
        assert (more.variance < one.variance).mean() > 0.5
        assert more.error == pytest.approx(more.bias + more.variance)
        assert np.isnan(none.error).all()


def test_geometric_ensembles_keep_the_bias_and_arithmetic_ones_do_not():
    rng = np.random.default_rng(9)
    probs, target = rng.dirichlet([1.0, 2.0, 2.0], (3000, 12)), np.zeros(3000, dtype=int)
    bias = {
        how: [e.bias.mean() for e in kl_ensembles(probs, target, [1, 4], how, rng=rng, rounds=2)]
        for how in ("arithmetic", "geometric")
    }
    assert bias["geometric"][1] == pytest.approx(bias["geometric"][0], abs=0.03)
    assert abs(bias["arithmetic"][1] - bias["arithmetic"][0]) > 0.1


def test_one_hot_ensembles_approach_their_limit():
    answers = np.array([[0, 0, 1, 1, 1, 2, 2, 2, 2, 2]] * 2)
    counts = np.array([np.bincount(row, minlength=3) for row in answers])
    target = np.array([0, 1])
    limit = one_hot_limit(counts, target, 2)
    assert limit.error == pytest.approx([comb(8, 2) / comb(10, 2), comb(7, 2) / comb(10, 2)])
    assert limit.variance == pytest.approx([comb(5, 2) / comb(10, 2)] * 2)
    rng, delta = np.random.default_rng(0), 1e-250
    many = np.repeat(np.eye(3)[answers], 500, axis=0)
    made = kl_ensembles(many, np.repeat(target, 500), [2], rng=rng, delta=delta)[0]
    assert made.error.reshape(2, -1).mean(1) / -np.log(delta) == pytest.approx(limit.error, abs=0.02)
    assert np.isnan(one_hot_limit(counts, target, 11).error).all()


def test_none_right_is_the_share_of_subsets_and_holds_for_many_samples():
    for whole, size in product(range(1, 8), range(1, 8)):
        for right in range(whole + 1):
            found = none_right(np.array([right]), np.array([whole]), size)[0]
            wanted = comb(whole - right, size) / comb(whole, size) if size <= whole else np.nan
            assert found == pytest.approx(wanted, abs=1e-12, nan_ok=True)
    assert none_right(np.array([500_000]), np.array([1_000_000]), 3)[0] == pytest.approx(0.125, rel=1e-5)


# ---------------------------------------------------------------------------------------------- repeats


def test_answer_change_rate(oracle):
    case = oracle("answer_change_rate")
    counts = np.bincount(case["input"]["samples"])[None]
    for m, wanted in case["expect"].items():
        assert change_rate(counts, int(m))[0] == pytest.approx(wanted["value"], abs=case["tol"])
    assert np.isnan(change_rate(counts, 6)[0])


@given(st.lists(st.integers(0, 3), min_size=3, max_size=7), st.integers(2, 3))
def test_rates_are_means_over_subsets(answers, m):
    counts = np.bincount(answers, minlength=4)[None]
    subsets = [[answers[k] for k in chosen] for chosen in combinations(range(len(answers)), m)]
    right, count = counts[:, 0], counts.sum(1)
    assert change_rate(counts, m)[0] == pytest.approx(np.mean([len(set(some)) > 1 for some in subsets]))
    assert pass_at(right, count, m)[0] == pytest.approx(np.mean([0 in some for some in subsets]))
    assert pass_hat(right, count, m)[0] == pytest.approx(np.mean([set(some) == {0} for some in subsets]))


def test_changes_of_two_are_the_parts_of_the_variance():
    rng = np.random.default_rng(7)
    answers = rng.integers(0, 3, (6, 4, 3))
    counts = (answers[..., None] == np.arange(3)).sum(2)
    terms = hotmess.decompose(answers, [0] * 6, n_choices=3)
    found = changes(counts, 2)
    assert found.both == pytest.approx(terms.variance)
    assert found.sampling == pytest.approx(terms.output)
    assert found.context == pytest.approx(terms.variance - terms.output)


@pytest.mark.parametrize("m", [2, 3])
def test_changes_are_unbiased(m):
    """Mean over all draws of three contexts, each one of two, with three samples of two classes."""
    p, sampling, both = (0.9, 0.4), 0.0, 0.0
    ways = [(p[g] ** n * (1 - p[g]) ** (3 - n) * comb(3, n) / 2, n) for g in (0, 1) for n in range(4)]
    chance, counts = [], []
    for three in product(ways, repeat=3):
        chance.append(np.prod([c for c, _ in three]))
        counts.append([[n, 3 - n] for _, n in three])
    found = changes(np.array(counts), m)
    mean = np.mean(p)
    sampling = 1 - np.mean([q**m + (1 - q) ** m for q in p])
    both = 1 - mean**m - (1 - mean) ** m
    assert np.dot(chance, found.sampling) == pytest.approx(sampling)
    assert np.dot(chance, found.both) == pytest.approx(both)
    assert both > sampling


def test_contexts_without_samples_do_not_count():
    counts = np.array([[[2, 1], [0, 0], [1, 1], [0, 1]], [[0, 0], [0, 0], [3, 1], [0, 0]]])
    found = changes(counts, 2)
    alone = changes(counts[:1, [0, 2, 3]], 2)
    assert alone.sampling[0] == pytest.approx((2 / 3 + 1) / 2)  # one sample alone cannot change
    assert found.both[0] == pytest.approx(alone.both[0])
    assert found.sampling[0] == pytest.approx(alone.sampling[0])
    assert np.isnan(found.both[1])
    assert found.sampling[1] == pytest.approx(0.5)
    assert np.isnan(changes(counts, 5).sampling).all()


def sums(rows):
    return (np.array([f(np.array(row, dtype=float)) for row in rows]) for f in (np.sum, lambda r: (r**2).sum(), len))


def intra_class(rows):
    total, square, count = sums(rows)
    return icc(total, square, count.astype(float))


def test_icc_is_that_of_shrout_and_fleiss():
    """Their table of six targets and four judges, ICC(1,1) = .17."""
    rows = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    assert intra_class(rows).value == pytest.approx(0.1657418)


def test_icc_in_dumb_cases():
    assert intra_class([[1, 1, 1], [0, 0, 0], [1, 1, 1]]).value == 1
    assert np.isnan(intra_class([[1, 1, 1], [0, 0, 0], [1, 1, 1]]).low)
    assert intra_class([[1, 0], [0, 1], [1, 0]]).value == pytest.approx(-1)
    assert np.isnan(intra_class([[1, 1], [1, 1]]).value)
    assert intra_class([[0.1] * 3, [0.7] * 3, [0.3] * 7]).value == 1
    assert np.isnan(intra_class([[1], [0]]).value)
    assert np.isnan(intra_class([[1, 0]]).value)


@given(st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=5), min_size=4, max_size=8))
def test_icc_interval_leaves_questions_out(rows):
    def log_f(rows):
        total, square, count = sums(rows)
        between = (total**2 / count).sum() - total.sum() ** 2 / count.sum()
        inside = square.sum() - (total**2 / count).sum()
        ratio = (count.sum() - len(rows)) * between / ((len(rows) - 1) * inside) if inside > 1e-9 else np.inf
        return np.log(ratio) if ratio > 1e-9 else -np.inf

    found, n = intra_class(rows), len(rows)
    left = np.array([log_f(rows[:i] + rows[i + 1 :]) for i in range(n)])
    if not np.isfinite([*left, log_f(rows)]).all():
        return
    count = np.array([len(row) for row in rows])
    effective = (count.sum() - (count**2).sum() / count.sum()) / (n - 1)
    low, high = (np.log(1 + effective * r / (1 - r)) for r in (found.low, found.high))
    se = np.sqrt((n - 1) / n * ((left - left.mean()) ** 2).sum())
    assert (low + high) / 2 == pytest.approx(log_f(rows), abs=1e-6)
    assert high - low >= 2 * se - 1e-9  # rounding


def test_icc_interval_covers():
    rng, hits = np.random.default_rng(3), 0
    for _ in range(300):
        p = rng.beta(1.0, 1.0, 60)
        count = rng.integers(3, 9, 60).astype(float)
        total = rng.binomial(count.astype(int), p).astype(float)
        found = icc(total, total, count)
        hits += found.low <= 1 / 3 <= found.high
    assert 0.9 < hits / 300 < 0.99
