"""Single samples, pairs, halves, ensembles and repeats: against brute force, exact enumeration, and the closed forms."""

from itertools import combinations, product
from math import comb

import numpy as np
import polars as pl
import pytest
from conftest import number, numbers
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

import hotmess
from hotmess.arrays import sample_table
from hotmess.decompose import decompose
from hotmess.ensembles import disjoint, ensemble_terms, kl_ensembles, none_right, one_hot_limit
from hotmess.pairs import attribution, halves, leave_pair_out, permuted_halves, ratio_difference, relative_length
from hotmess.prepare import prepare
from hotmess.repeats import change_rate, changes, icc, pass_at, pass_hat
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


def drawn(rng, questions, samples):
    """Answers to questions, each with chances of its own."""
    p = rng.dirichlet([2.0, 1.0, 0.5, 0.5], size=questions)
    return (rng.random((questions, samples, 1)) > p.cumsum(1)[:, None, :-1]).sum(2)


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


@pytest.mark.parametrize("values, targets, loss", KINDS.values(), ids=KINDS)
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


def test_halves_are_questions_of_their_own():
    """The same split written down as a column gives, through the tally, the same terms."""
    rng = np.random.default_rng(2)
    answers, lengths = rng.integers(0, 3, (12, 3, 4)), rng.permutation(12.0 * 12).reshape(12, 12)
    table = sample_table(answers, [0] * 12, n_choices=3).with_columns(tokens=pl.Series(lengths.ravel()))
    half = np.where(np.argsort(np.argsort(lengths, axis=1), axis=1) < 6, "a", "b")
    terms = decompose(tally(prepare(table.with_columns(setting=pl.Series(half.ravel())))))
    (s,) = singles(tally(prepare(table), each_sample=True, length="tokens"))
    found = halves(s, rng)
    assert found.error.T.ravel() == pytest.approx(terms.error)
    assert found.variance.T.ravel() == pytest.approx(terms.variance)
    assert found.whole == pytest.approx(attribution(s)[0].mean(1))


def test_whole_is_the_mean_of_the_halves_and_what_is_between_them():
    rng = np.random.default_rng(3)
    s = plain(drawn(rng, 40, 9), rng.integers(1, 5, (40, 9)).astype(float))
    found = halves(s, rng)
    assert found.whole == pytest.approx(found.variance.mean(1) + found.between, abs=1e-12)
    order = np.argsort(s.length + 1e-3 * rng.random(s.length.shape), axis=1)
    one = s.length[np.arange(40)[:, None], order]
    assert found.log_length[:, 0] == pytest.approx(np.log(one[:, :4]).mean(1))  # however ties fall
    assert found.log_length[:, 1] == pytest.approx(np.log(one[:, 5:]).mean(1))


def test_what_is_between_halves_is_a_quarter_of_their_squared_distance():
    """Two groups of many samples, each with an answer of its own, and no variance inside."""
    answers = np.repeat([[0, 1]], 200, axis=1).reshape(1, 400)
    found = halves(plain(answers, np.arange(400.0)[None]), np.random.default_rng(0))
    assert found.variance[0] == pytest.approx([0, 0])
    assert found.between[0] == pytest.approx(2 / 4, rel=0.01)


def test_samples_without_a_length_are_in_neither_half_and_small_halves_are_nan():
    length = np.array([[1, 2, 3, 4, np.nan, np.nan], [1, 2, 3, np.nan, np.nan, np.nan], [np.nan] * 6])
    score = np.array([[1.0, 1, 0, 0, 5, 5]] * 3)
    found = halves(plain(np.array([[0, 1, 2, 2, 3, 3]] * 3), length), np.random.default_rng(0), score)
    assert found.variance == pytest.approx(np.array([[1, 0], [np.nan] * 2, [np.nan] * 2]), nan_ok=True)
    assert found.error == pytest.approx(np.array([[1, 2], [np.nan] * 2, [np.nan] * 2]), nan_ok=True)
    assert found.score == pytest.approx(np.array([[1, 0], [np.nan] * 2, [np.nan] * 2]), nan_ok=True)
    assert np.isnan(found.whole).tolist() == [False, True, True]


def test_a_half_with_one_context_has_no_variance():
    s = plain(np.array([[0, 1, 2, 3]]), np.array([[1.0, 2, 3, 4]]), context=np.array([0, 0, 1, 2]))
    assert np.isnan(halves(s, np.random.default_rng(0)).variance).all()
    sums = permuted_halves(s, draws=500, rng=np.random.default_rng(0))
    assert 0.55 < (sums[0, 1] > 0).mean() < 0.75  # of six splits, two leave the first two together


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


def observed_difference(s, rng):
    found = halves(s, rng)
    return ratio_difference(np.stack([found.variance, found.error]).sum(1).T[..., None])[0]


def test_permutation_p_is_uniform_when_length_says_nothing():
    """Lengths are tied, and harder questions longer; K is odd."""
    rng, ps = np.random.default_rng(11), []
    for _ in range(150):
        answers = drawn(rng, 40, 7)
        level = (answers != 0).mean(1, keepdims=True)
        s = plain(answers, np.floor(3 * level + rng.integers(1, 5, answers.shape)))
        null = ratio_difference(permuted_halves(s, draws=99, rng=rng))
        ps.append((1 + (np.abs(null) >= abs(observed_difference(s, rng)) - 1e-12).sum()) / 100)
    assert kstest(ps, "uniform").pvalue > 0.01
    assert np.mean(np.array(ps) <= 0.1) < 0.2


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
    """All questions have lengths from one distribution; long samples are the odd ones out."""
    rng = np.random.default_rng(4)
    answers = drawn(rng, 6000, 5)
    favourite = np.array([np.bincount(row, minlength=4).argmax() for row in answers])[:, None]
    s = plain(answers, np.exp(0.5 * rng.standard_normal(answers.shape) + 0.8 * (answers != favourite)))
    edge = np.median(s.length.mean(1))
    v, e = attribution(s)
    long = s.length.mean(1) > edge
    naive = v[long].sum() / e[long].sum() - v[~long].sum() / e[~long].sum()
    variance, error = (part.sum(0) for part in leave_pair_out(s, np.array([edge])))
    fair = variance / error
    assert naive > 0.15
    assert abs(fair[1] - fair[0]) < 0.1 * naive + 0.03


# ---------------------------------------------------------------------------------------------- ensembles


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
    assert limit.variance == pytest.approx([0.25, 0.25])
    rng, delta = np.random.default_rng(0), 1e-250
    made = kl_ensembles(np.eye(3)[answers], target, [2], rng=rng, delta=delta, rounds=3000)[0]
    assert made.error / -np.log(delta) == pytest.approx(limit.error, abs=0.02)
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
    counts = np.array([[[2, 1], [0, 0], [1, 1]], [[0, 0], [0, 0], [3, 1]]])
    found = changes(counts, 2)
    alone = changes(counts[:1, [0, 2]], 2)
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
    assert high - low >= 2 * se


def test_icc_interval_covers():
    rng, hits = np.random.default_rng(3), 0
    for _ in range(300):
        p = rng.beta(1.0, 1.0, 60)
        count = rng.integers(3, 9, 60).astype(float)
        total = rng.binomial(count.astype(int), p).astype(float)
        found = icc(total, total, count)
        hits += found.low <= 1 / 3 <= found.high
    assert 0.9 < hits / 300 < 0.99
