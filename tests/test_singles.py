"""Single samples, pairs and halves: against brute force, exact enumeration, and the terms of whole questions."""

from itertools import combinations, product

import numpy as np
import polars as pl
import pytest
from conftest import number
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

import hotmess
from hotmess.arrays import sample_table
from hotmess.decompose import decompose
from hotmess.pairs import attribution, leave_pair_out, masked_terms, permuted_halves, ratio_difference, relative_length
from hotmess.prepare import prepare
from hotmess.singles import Singles, singles
from hotmess.tally import tally


def tallied(values, targets=None, lengths=None, *, loss="brier", n_choices=4, each_sample=True):
    table = sample_table(values, targets, loss=loss, n_choices=n_choices)
    if lengths is not None:
        table = table.with_columns(tokens=pl.Series(lengths, dtype=pl.Float64))
    return tally(prepare(table), loss, each_sample=each_sample, length=None if lengths is None else "tokens")


def single(values, targets=None, lengths=None, *, loss="brier", n_choices=4):
    """The only block of questions of one shape."""
    (block,) = singles(tallied(values, targets, lengths, loss=loss, n_choices=n_choices), loss)
    return block


def plain(answers, length=None, context=None, classes=4):
    """Samples made of an array of answers; the right one is 0."""
    n, k = answers.shape
    target = np.eye(classes)[np.zeros(n, dtype=int)]
    residual = np.eye(classes)[answers] - target[:, None]
    return Singles(
        question=np.arange(n),
        sample=np.arange(n * k).reshape(n, k),
        residual=residual,
        target=target,
        weight=np.ones((n, classes)),
        error=(residual**2).sum(2),
        context=np.broadcast_to(np.arange(k) if context is None else context, (n, k)),
        length=np.full((n, k), np.nan) if length is None else length,
    )


def drawn(rng, p, samples):
    """Answers to questions, each with chances of its own."""
    p = rng.dirichlet([2.0, 1.0, 0.5, 0.5], size=p) if np.isscalar(p) else p
    return (rng.random((len(p), samples, 1)) > p.cumsum(1)[:, None, :-1]).sum(2)


def loop_variance(s, q, members):
    """Mean of |f_k - f_l|^2 / 2 over pairs of contexts, and in these over pairs of samples."""
    found = []
    for g, h in combinations(sorted(set(s.partner[q, members])), 2):
        pairs = product(*([k for k in members if s.partner[q, k] == context] for context in (g, h)))
        found.append(np.mean([(s.weight[q] * (s.residual[q, k] - s.residual[q, m]) ** 2).sum() / 2 for k, m in pairs]))
    return np.mean(found) if found else np.nan


# ---------------------------------------------------------------------------------------------- samples

RNG = np.random.default_rng(5)
KINDS = {
    "answers": (RNG.integers(0, 4, (5, 6)).tolist(), [0, 1, 2, 3, 0], "brier"),
    "contexts": (RNG.integers(0, 4, (5, 3, 2)).tolist(), [0, 1, 2, 3, 0], "brier"),
    "unread": ([[0, None, 1, 1], [None, None, 2, 0]], [0, 1], "brier"),
    "probabilities": (RNG.dirichlet(np.ones(4), (5, 6)).tolist(), [0, 1, 2, 3, 0], "brier"),
    "tests": (RNG.integers(0, 2, (4, 5, 3)).tolist(), None, "coverage"),
    "vectors": (RNG.normal(size=(4, 5, 3)).tolist(), RNG.normal(size=(4, 3)).tolist(), "squared"),
    "embeddings": (RNG.normal(size=(4, 5, 3)).tolist(), None, "spread"),
    "opinions": (RNG.integers(0, 4, (5, 6)).tolist(), None, "spread"),
}


@pytest.mark.parametrize(("values", "targets", "loss"), KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("invalid", ["class", "uniform", "drop"])
def test_samples_add_up_to_their_question(values, targets, loss, invalid):
    made = tallied(values, targets, loss=loss)
    terms = decompose(made.without("sample_id"), loss, invalid=invalid)
    for s in singles(made, loss, invalid=invalid):
        v, e = attribution(s)
        assert v.mean(1) == pytest.approx(terms.variance[s.question], abs=1e-12)
        assert (v * s.share).sum(1) == pytest.approx(terms.variance[s.question], abs=1e-12)
        assert e.mean(1) == pytest.approx(terms.error[s.question], abs=1e-12, nan_ok=True)
        mean = s.differences.sum((1, 2)) / s.apart.sum((1, 2))
        assert mean == pytest.approx(terms.variance[s.question], abs=1e-12)


def test_scores_are_samples_too():
    table = pl.DataFrame({"question_id": [0] * 4, "score": [1.0, 0.0, 1.0, 1.0]})
    (s,) = singles(tally(prepare(table), each_sample=True))
    assert attribution(s)[0].sum() == pytest.approx(4 * 0.5)
    assert s.error.sum() == 2


def test_inner_products_are_those_of_the_weights():
    s = single(*KINDS["tests"][:2], loss="coverage")
    wanted = np.einsum("nku,nlu,nu->nkl", s.residual, s.residual, s.weight)
    assert s.gram == pytest.approx(wanted)
    assert np.diagonal(s.gram, axis1=1, axis2=2) == pytest.approx(s.norm)
    assert s.prediction.min() == 0
    assert s.prediction.max() == 1


def test_pairs_are_of_different_contexts_or_of_different_samples_where_there_is_one():
    blocks = list(singles(tallied([[[0, 1], [2, 3]], [[0, 1, 2, 3]]], [0, 0])))
    apart = {int(q): s.apart[row] for s in blocks for row, q in enumerate(s.question)}
    assert apart[0].sum() == 8
    assert (apart[1] == ~np.eye(4, dtype=bool)).all()
    assert [list(s.contexts) for s in blocks] == [[2, 4]]


def test_questions_can_be_chosen_and_those_without_a_target_are_left_out():
    made = tallied([[0, 1], [1, 1], [2, 0, 1]], [0, None, 1])
    assert sorted(int(q) for s in singles(made) for q in s.question) == [0, 2]
    assert [int(q) for s in singles(made, chosen=np.array([1, 2])) for q in s.question] == [2]


def test_lengths_and_cells_stand_beside_their_samples():
    made = tallied([[[3, 0], [1, 2]]], [0], [7.0, None, 5.0, 9.0])
    (s,) = singles(made)
    assert s.length == pytest.approx(np.array([[7, np.nan, 5, 9]]), nan_ok=True)
    assert made.cells["context_id"].to_numpy()[s.sample[0]].tolist() == [0, 0, 1, 1]
    assert s.context[0, 0] == s.context[0, 1] != s.context[0, 2]
    assert s.prediction[0].argmax(1).tolist() == [3, 0, 1, 2]


def test_a_tally_of_sums_has_no_single_samples():
    with pytest.raises(ValueError, match="each_sample=True"):
        list(singles(tallied([[0, 1]], [0], each_sample=False)))


def test_many_samples_come_in_bounded_parts():
    parts = list(singles(tallied(np.zeros((5, 600), dtype=int), [0] * 5)))
    assert [len(s.question) for s in parts] == [2, 2, 1]


contexts = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=3), min_size=2, max_size=4)


@settings(max_examples=25)
@given(st.lists(contexts, min_size=1, max_size=3))
def test_with_uneven_contexts_shares_make_the_mean(questions):
    terms = hotmess.decompose(questions, [0] * len(questions), n_choices=4)
    for s in singles(tallied(questions, [0] * len(questions))):
        v, e = attribution(s)
        assert (v >= 0).all()
        assert s.share.sum(1) == pytest.approx(1)
        assert (v * s.share).sum(1) == pytest.approx(terms.variance[s.question], abs=1e-12)
        assert (e * s.share).sum(1) == pytest.approx(terms.error[s.question], abs=1e-12)


# ---------------------------------------------------------------------------------------------- lengths


@given(st.lists(st.one_of(st.none(), st.integers(1, 9)), min_size=1, max_size=7))
def test_relative_length_is_to_the_median_of_the_others(lengths):
    s = plain(np.zeros((1, len(lengths)), dtype=int), np.array([[np.nan if x is None else float(x) for x in lengths]]))
    for k, found in enumerate(relative_length(s)[0]):
        others = [x for m, x in enumerate(lengths) if m != k and x is not None]
        wanted = np.log(lengths[k] / np.median(others)) if others and lengths[k] is not None else np.nan
        assert found == pytest.approx(wanted, nan_ok=True)


@pytest.mark.parametrize("context", [None, [0, 0, 1, 1, 2, 2]])
def test_permuted_halves_are_all_splits_alike(context):
    """Over many draws, the mean is that over every way to split six samples in halves."""
    answers = np.array([[0, 1, 1, 2, 3, 0], [0, 0, 0, 1, 1, 2]])
    s = plain(answers, np.ones((2, 6)), context)
    wanted = np.zeros((2, 2))
    for q, short in product(range(2), combinations(range(6), 3)):
        for half, members in enumerate((short, [k for k in range(6) if k not in short])):
            share = np.array([1 / sum(s.partner[q, m] == s.partner[q, k] for m in members) for k in members])
            wanted[half] += [loop_variance(s, q, members) / 20, (share @ s.error[q, members]) / share.sum() / 20]
    found = permuted_halves(s, draws=8000, rng=np.random.default_rng(1))
    assert found.mean(2) == pytest.approx(wanted, rel=0.03)


def test_permuted_halves_do_not_depend_on_how_draws_are_cut(monkeypatch):
    s = plain(drawn(np.random.default_rng(0), 20, 7), np.ones((20, 7)))
    whole = permuted_halves(s, draws=50, rng=np.random.default_rng(3))
    assert whole.shape == (2, 2, 50)
    monkeypatch.setattr("hotmess.pairs._NUMBERS", 20 * 7 * 9)
    parts = permuted_halves(s, draws=50, rng=np.random.default_rng(3))
    assert parts.shape == whole.shape
    assert (parts[0, 1] + parts[1, 1]).mean() == pytest.approx((whole[0, 1] + whole[1, 1]).mean(), rel=0.02)


def test_permuted_lengths_of_a_context_stay_together():
    """Where contexts set the lengths, a half is made of whole contexts; those of three samples cannot swap with those of two."""
    context, level = np.array([0, 0, 1, 1, 2, 2, 3, 3]), np.array([4.0, 7, 5, 9])
    s = plain(np.array([[0, 1, 2, 2, 0, 0, 3, 1]]), level[context][None], context)
    wanted = []
    for short in combinations(range(4), 2):
        members = [k for k in range(8) if context[k] in short]
        wanted.append(round(loop_variance(s, 0, members), 9))
    found = permuted_halves(s, draws=300, rng=np.random.default_rng(0))
    assert set(found[:, 0].round(9).ravel()) == set(wanted)


def test_permuted_lengths_stay_with_samples_that_have_one():
    length = np.array([[1, 2, 3, 4, np.nan, np.nan, 5, 6]])
    s = plain(np.array([[0, 1, 0, 1, 3, 3, 0, 1]]), length, np.array([0, 0, 1, 1, 2, 2, 3, 3]))
    found = permuted_halves(s, draws=200, rng=np.random.default_rng(0))
    assert found[:, 1].max() <= 2
    without = plain(np.array([[0, 1, 0, 1, 0, 1]]), np.arange(6.0)[None], np.array([0, 0, 1, 1, 2, 2]))
    other = permuted_halves(without, draws=200, rng=np.random.default_rng(1))
    assert set(found[0].round(9).T.ravel()) == set(other[0].round(9).T.ravel())


def halves(s, rng):
    """(half, term, question): variance and error of the shorter and the longer half, as the permutations see them."""
    order = np.argsort(np.argsort(s.length + 1e-6 * rng.random(s.length.shape), axis=1), axis=1)
    half = s.length.shape[1] // 2
    masks = np.stack([order < half, order >= s.length.shape[1] - half], axis=1)
    error, variance = masked_terms(s, s.differences, masks)
    return np.stack([variance, error]).transpose(2, 0, 1)


def observed_difference(s, rng):
    return ratio_difference(halves(s, rng).sum(2)[..., None])[0]


def test_permuted_lengths_swap_among_contexts_of_one_size_and_inside_of_contexts():
    """Two contexts of two samples and one of one: eight ways to place the lengths."""
    context, lengths = np.array([0, 0, 1, 1, 2]), np.array([1.0, 5, 2, 6, 3])
    answers = np.array([[0, 1, 2, 2, 0]])
    ways = [[*x, *y, 4] for one, two in (((0, 1), (2, 3)), ((2, 3), (0, 1))) for x in (one, one[::-1]) for y in (two, two[::-1])]
    every = [halves(plain(answers, lengths[way][None], context), np.random.default_rng(0))[..., 0] for way in ways]
    found = permuted_halves(plain(answers, lengths[None], context), draws=6000, rng=np.random.default_rng(2))
    assert found.mean(2) == pytest.approx(np.mean(every, axis=0), abs=0.03)
    assert len(np.unique(found.round(9).reshape(4, -1), axis=1).T) == len({str(way.round(9)) for way in every})


@pytest.mark.parametrize("context", [None, [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]])
def test_permutation_p_is_uniform_when_length_says_nothing(context):
    """Lengths are tied, and harder questions longer; with contexts, these set both lengths and answers, not together."""
    rng, ps = np.random.default_rng(11), []
    for _ in range(120):
        if context is None:
            answers = drawn(rng, 40, 7)
            length = np.floor(3 * (answers != 0).mean(1, keepdims=True) + rng.integers(1, 5, answers.shape))
        else:
            answers = drawn(rng, 40 * 4, 3).reshape(40, 12)
            length = 5.0 * rng.integers(0, 9, (40, 4))[:, context] + rng.integers(0, 5, answers.shape)
        s = plain(answers, length, context)
        null = ratio_difference(permuted_halves(s, draws=99, rng=rng))
        ps.append((1 + (np.abs(null) >= abs(observed_difference(s, rng)) - 1e-12).sum()) / 100)
    assert kstest(ps, "uniform").pvalue > 0.01
    assert np.mean(np.array(ps) <= 0.1) < 0.19


def test_permutation_p_is_small_when_longer_samples_disagree_more():
    rng = np.random.default_rng(12)
    answers = drawn(rng, 100, 10)
    s = plain(answers, rng.random(answers.shape) + 0.5 * (answers != np.sort(answers, axis=1)[:, 5:6]))
    null = ratio_difference(permuted_halves(s, draws=199, rng=rng))
    assert observed_difference(s, rng) > null.max()


# ---------------------------------------------------------------------------------------------- pairs


def test_leave_pair_out(oracle):
    case = oracle("leave_pair_out_buckets")
    given = case["input"]
    s = single(given["samples"], [given["target"]] * 2, np.ravel(given["lengths"]), n_choices=3)
    variance, error = (part.sum(0) for part in leave_pair_out(s, np.array([float(given["edge"])])))
    for bucket, name in enumerate(("short", "long")):
        wanted = {key: number(value["value"]) for key, value in case["expect"][name].items()}
        assert variance[bucket] == pytest.approx(wanted["V"], abs=case["tol"])
        assert error[bucket] == pytest.approx(wanted["E"], abs=case["tol"])
        assert variance[bucket] / error[bucket] == pytest.approx(wanted["R"], abs=case["tol"])


@settings(max_examples=25)
@given(st.lists(contexts, min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_buckets_add_up_to_the_question(questions, random):
    lengths = [float(random.randint(1, 9)) for q in questions for context in q for _ in context]
    terms = hotmess.decompose(questions, [0] * len(questions), n_choices=4)
    for s in singles(tallied(questions, [0] * len(questions), lengths)):
        for sums, wanted in zip(leave_pair_out(s, np.array([2.0, 5.0])), (terms.variance, terms.error), strict=True):
            enough = s.contexts >= 3
            assert sums[enough].sum(1) == pytest.approx(wanted[s.question[enough]], abs=1e-12)
            assert np.isnan(sums[~enough]).all()


@pytest.mark.parametrize("context", [None, [0, 0, 1, 1, 2, 2, 3, 3]])
def test_leave_pair_out_is_what_a_loop_finds(context):
    rng = np.random.default_rng(8)
    length = rng.integers(1, 30, (6, 8)).astype(float)
    length[0, :2] = np.nan
    length[1, 1:] = np.nan
    s, edges = plain(drawn(rng, 6, 8), length, context), np.array([10.0, 15.0, 18.0])
    variance, error = np.zeros((6, 4)), np.zeros((6, 4))
    for q, (k, m) in product(range(6), combinations(range(8), 2)):
        others = [j for j in range(8) if s.partner[q, j] not in (s.partner[q, k], s.partner[q, m])]
        known = length[q, others][~np.isnan(length[q, others])]
        if s.apart[q, k, m] and len(known):
            bucket = sum(known.mean() > edge for edge in edges)
            pairs = s.apart[q].sum() / 2
            variance[q, bucket] += (s.residual[q, k] != s.residual[q, m]).any() / pairs
            error[q, bucket] += (s.error[q, k] + s.error[q, m]) / 2 / pairs
    found = leave_pair_out(s, edges)
    assert found[0] == pytest.approx(variance, abs=1e-12)
    assert found[1] == pytest.approx(error, abs=1e-12)


def test_same_samples_make_a_trend_of_nothing_and_other_samples_do_not():
    """All questions are equally long on average, but within a question long samples are the odd ones out."""
    rng = np.random.default_rng(4)
    kinds = [[0.96, 0.02, 0.01, 0.01]] * 4 + [[0.06, 0.9, 0.02, 0.02]] + [[0.5, 0.3, 0.1, 0.1], [0.3, 0.4, 0.2, 0.1]] * 2
    p = np.repeat(np.array(kinds), 900, axis=0)
    answers = drawn(rng, p, 5)
    odd = (answers != p.argmax(1)[:, None]) - (1 - p.max(1))[:, None]
    s = plain(answers, 10 + rng.standard_normal(answers.shape) + 3 * odd)
    v, e = attribution(s)
    long = s.length.mean(1) > 10
    naive = v[long].sum() / e[long].sum() - v[~long].sum() / e[~long].sum()
    variance, error = (part.sum(0) for part in leave_pair_out(s, np.array([10.0])))
    fair = variance / error
    assert naive > 0.12
    assert abs(fair[1] - fair[0]) < 0.03
