"""What must hold on every data set."""

import itertools
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hotmess
from hotmess.arrays import sample_table
from hotmess.decompose import decompose
from hotmess.infer import ratio_interval
from hotmess.prepare import prepare
from hotmess.tally import merge, tally

CLASS_LOSSES = ("brier", "kl", "mode", "zero_one")


@st.composite
def answers(draw, contexts=False, fewest=2):
    """Questions × (contexts ×) samples of answers among up to five classes, ragged, some unreadable; and targets."""
    classes = draw(st.integers(2, 5))
    answer = st.one_of(st.integers(0, classes - 1), st.none()) if draw(st.booleans()) else st.integers(0, classes - 1)
    samples = st.lists(answer, min_size=1 if contexts else fewest, max_size=5)
    question = st.lists(samples, min_size=2, max_size=4) if contexts else samples
    questions = draw(st.lists(question, min_size=1, max_size=5))
    targets = draw(st.lists(st.integers(0, classes - 1), min_size=len(questions), max_size=len(questions)))
    return questions, targets, classes


@st.composite
def probabilities(draw):
    classes, samples = draw(st.integers(2, 4)), draw(st.integers(2, 4))
    weight = st.lists(st.integers(0, 9), min_size=classes, max_size=classes).filter(any)
    raw = draw(st.lists(st.lists(weight, min_size=samples, max_size=samples), min_size=1, max_size=4))
    return np.array(raw, dtype=float) / np.array(raw).sum(-1, keepdims=True), [draw(st.integers(0, classes - 1)) for _ in raw]


@given(answers(), st.sampled_from(CLASS_LOSSES), st.booleans(), st.sampled_from(["class", "uniform", "drop"]))
def test_error_is_bias_plus_variance(data, loss, plugin, invalid):
    questions, targets, classes = data
    terms = hotmess.decompose(questions, targets, loss=loss, plugin=plugin, invalid=invalid, n_choices=classes)
    known = np.isfinite(terms.variance)
    assert terms.error[known] == pytest.approx(terms.bias[known] + terms.variance[known], abs=1e-9)


@given(probabilities(), st.sampled_from(CLASS_LOSSES), st.booleans())
def test_error_is_bias_plus_variance_for_probabilities(data, loss, plugin):
    predictions, targets = data
    terms = hotmess.decompose(predictions, targets, loss=loss, plugin=plugin)
    assert terms.error == pytest.approx(terms.bias + terms.variance, abs=1e-9)


@given(answers(contexts=True), st.sampled_from(CLASS_LOSSES), st.randoms(use_true_random=False))
def test_order_of_samples_and_contexts_is_irrelevant(data, loss, random):
    questions, targets, classes = data
    mixed = [[random.sample(context, len(context)) for context in random.sample(q, len(q))] for q in questions]
    first, second = (hotmess.decompose(q, targets, loss=loss, n_choices=classes) for q in (questions, mixed))
    for name in ("error", "variance", "output"):
        assert getattr(first, name) == pytest.approx(getattr(second, name), abs=1e-9, nan_ok=True)


@given(answers(), st.sampled_from(CLASS_LOSSES), st.randoms(use_true_random=False))
def test_names_of_answers_are_irrelevant(data, loss, random):
    questions, targets, classes = data
    names = random.sample([f"answer {c}" for c in range(classes)], classes)
    named = [[None if a is None else names[a] for a in question] for question in questions]
    first = hotmess.decompose(questions, targets, loss=loss, n_choices=classes)
    second = hotmess.decompose(named, [names[t] for t in targets], loss=loss, n_choices=classes)
    for name in ("error", "variance"):
        assert getattr(first, name) == pytest.approx(getattr(second, name), abs=1e-9, nan_ok=True)


@given(answers(), st.sampled_from(CLASS_LOSSES), st.sampled_from(["class", "uniform", "drop"]))
def test_few_and_many_classes_take_different_ways_to_the_same_figures(data, loss, invalid):
    """One question of forty different answers beside them makes the tally keep a row per answer."""
    questions, targets, _ = data
    many = [f"a{a}" for a in range(40)]
    text = [[None if a is None else f"a{a}" for a in question] for question in questions]
    few = hotmess.decompose(text, [f"a{t}" for t in targets], loss=loss, invalid=invalid)
    both = hotmess.decompose([*text, many], [*(f"a{t}" for t in targets), "a0"], loss=loss, invalid=invalid)
    assert sample_table([*text, many])["answer"].n_unique() > 32
    for name in ("error", "variance"):
        assert getattr(both, name)[:-1] == pytest.approx(getattr(few, name), abs=1e-9, nan_ok=True)


@given(answers(), st.data())
def test_variance_does_not_look_at_the_target(data, draw):
    questions, targets, classes = data
    others = [draw.draw(st.integers(0, classes - 1)) for _ in targets]
    first, second = (hotmess.decompose(questions, t, n_choices=classes).variance for t in (targets, others))
    assert first == pytest.approx(second, abs=1e-12, nan_ok=True)


@given(answers(fewest=2))
def test_contexts_of_one_sample_are_samples(data):
    questions, targets, classes = data
    nested = [[[a] for a in question] for question in questions]
    flat, deep = (hotmess.decompose(q, targets, n_choices=classes) for q in (questions, nested))
    for name in ("error", "bias", "variance"):
        assert getattr(flat, name) == pytest.approx(getattr(deep, name), abs=1e-12)


@given(st.integers(0, 3), st.integers(2, 6), st.sampled_from(CLASS_LOSSES))
def test_copies_of_one_answer_have_no_variance(answer, copies, loss):
    terms = hotmess.decompose([[answer] * copies], [1], loss=loss, n_choices=4)
    assert terms.variance[0] == pytest.approx(0, abs=1e-11)


@given(answers(), st.sampled_from(["kl", "mode"]))
def test_plugin_is_below_and_leaving_one_out_above(data, loss):
    questions, targets, classes = data
    terms = hotmess.decompose(questions, targets, loss=loss, n_choices=classes)
    low, high = terms.more["variance_plugin"], terms.more["variance_crossfit"]
    assert (low <= high + 1e-9).all()
    assert terms.variance == pytest.approx((low + high) / 2, nan_ok=True)


@given(probabilities())
def test_bracket_holds_for_probabilities_with_zeros(data):
    predictions, targets = data
    terms = hotmess.decompose(predictions, targets, loss="kl")
    assert (terms.more["variance_plugin"] <= terms.more["variance_crossfit"] + 1e-9).all()


@given(answers(contexts=True), st.sampled_from(["kl", "mode"]))
def test_bracket_holds_over_contexts(data, loss):
    questions, targets, classes = data
    terms = hotmess.decompose(questions, targets, loss=loss, n_choices=classes)
    assert (terms.more["variance_plugin"] <= terms.more["variance_crossfit"] + 1e-9).all()


@given(st.lists(st.lists(st.floats(-3, 3), min_size=2, max_size=2), min_size=2, max_size=6), st.floats(0, 6))
def test_rotating_points_changes_nothing(points, angle):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    first, second = (
        hotmess.decompose(p[None], [[0.0, 0.0]], loss="squared") for p in (np.array(points), np.array(points) @ turn)
    )
    assert first.variance == pytest.approx(second.variance, abs=1e-9)
    assert first.bias == pytest.approx(second.bias, abs=1e-9)


@given(answers(contexts=True), st.integers(1, 4))
def test_tallies_add(data, parts):
    """The tally of a table is the sum of the tallies of its pieces, whatever goes where."""
    questions, targets, classes = data
    table = sample_table(questions, targets, n_choices=classes).sample(fraction=1, shuffle=True, seed=1)
    whole = tally(prepare(table))
    pieces = [tally(prepare(piece)) for k in range(parts) if (piece := table.gather_every(parts, k)).height]
    added = decompose(merge(*pieces))
    for name in ("error", "variance", "output"):
        assert getattr(decompose(whole), name) == pytest.approx(getattr(added, name), abs=1e-12, nan_ok=True)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 2)), min_size=3, max_size=30))
def test_asking_every_question_twice_changes_the_doubt_not_the_figure(terms):
    v, e = (np.array(column) for column in zip(*terms, strict=True))
    once, twice = ratio_interval(v, e), ratio_interval(np.tile(v, 2), np.tile(e, 2))
    assert once.value == pytest.approx(twice.value)
    if 0.1 < once.value < 0.9:
        assert twice.high - twice.low <= once.high - once.low + 1e-12


@pytest.mark.parametrize("p", [("1/2", "1/2"), ("1/2", "1/3", "1/6"), ("2/3", "1/6", "1/12", "1/12")])
@pytest.mark.parametrize("k", [2, 3, 4])
def test_exactly_unbiased_at_any_number_of_samples(p, k):
    """The mean over all ways that k samples can fall is the exact bias² and variance, in the squared family."""
    p = [Fraction(x) for x in p]
    ways = list(itertools.product(range(len(p)), repeat=k))
    chance = np.array([float(np.prod([p[a] for a in way])) for way in ways])
    terms = hotmess.decompose(ways, [0] * len(ways), n_choices=len(p))
    variance = 1 - sum(x * x for x in p)
    bias = (1 - p[0]) ** 2 + sum(x * x for x in p[1:])
    assert chance @ terms.variance == pytest.approx(float(variance), abs=1e-12)
    assert chance @ terms.bias == pytest.approx(float(bias), abs=1e-12)


def test_exactly_unbiased_over_contexts():
    """Two kinds of context, equally likely; two contexts of two samples: output, input and bias² are exact on average."""
    kinds = [(Fraction(3, 4), Fraction(1, 4)), (Fraction(1, 4), Fraction(3, 4))]
    chances, questions = [], []
    for contexts in itertools.product((0, 1), repeat=2):
        for falls in itertools.product(itertools.product((0, 1), repeat=2), repeat=2):
            chance = Fraction(1, 4)
            for kind, fall in zip(contexts, falls, strict=True):
                chance *= np.prod([kinds[kind][a] for a in fall])
            chances.append(float(chance))
            questions.append([list(fall) for fall in falls])
    terms = hotmess.decompose(questions, [0] * len(questions), n_choices=2)
    chance = np.array(chances)
    inside = 1 - sum(x * x for x in kinds[0])  # |f - m_g|^2, the same in both kinds
    between = 2 * Fraction(1, 4) ** 2  # m_g is (1/2, 1/2) ± (1/4, -1/4)
    assert chance.sum() == pytest.approx(1)
    assert chance @ terms.output == pytest.approx(float(inside), abs=1e-12)
    assert chance @ (terms.variance - terms.output) == pytest.approx(float(between), abs=1e-12)
    assert chance @ terms.bias == pytest.approx(0.5, abs=1e-12)  # |(1/2, 1/2) - (1, 0)|^2


@given(answers(), st.booleans())
def test_dense_numpy_gives_the_same(data, plugin):
    """The formulas of the module's docstring, spelled out on one-hot arrays."""
    questions, targets, classes = data
    terms = hotmess.decompose(questions, targets, n_choices=classes, plugin=plugin, invalid="drop")
    for at, (question, target) in enumerate(zip(questions, targets, strict=True)):
        f = np.eye(classes)[[a for a in question if a is not None]]
        if len(f) < 2:
            continue
        y, mean, bessel = np.eye(classes)[target], f.mean(0), 1 if plugin else len(f) / (len(f) - 1)
        assert terms.error[at] == pytest.approx(((f - y) ** 2).sum(1).mean())
        assert terms.variance[at] == pytest.approx(((f - mean) ** 2).sum(1).mean() * bessel)


def test_an_ensemble_has_its_share_of_the_variance():
    """The mean of E samples has variance / E and the same bias²: checked on all pairs of a question's samples."""
    rng = np.random.default_rng(0)
    single = rng.dirichlet(np.ones(3), size=(1, 8))
    many = [rng.permutation(single[0]) for _ in range(400)]
    pairs = np.array([[(s[2 * i] + s[2 * i + 1]) / 2 for i in range(4)] for s in many])
    one, two = hotmess.decompose(single, [0]), hotmess.decompose(pairs, [0] * 400)
    assert two.variance.mean() == pytest.approx(one.variance[0] / 2, rel=0.05)
    assert two.bias.mean() == pytest.approx(one.bias[0], rel=0.02)


def test_mode_crossfit_has_a_closed_form():
    """1 - (n1/K) h with h = 1, 1/(1+s2) or 0 by the lead of the first class over the second, for all counts up to K = 5."""
    for counts in itertools.product(range(6), repeat=4):
        k = sum(counts)
        if not 2 <= k <= 5:
            continue
        first, second, *_ = sorted(counts, reverse=True)
        ties = counts.count(second)
        h = 1.0 if first >= second + 2 else 1 / (1 + ties) if first == second + 1 else 0.0
        votes = [[c for c, n in enumerate(counts) for _ in range(n)]]
        terms = hotmess.decompose(votes, [0], loss="mode", n_choices=4)
        assert terms.more["variance_crossfit"][0] == pytest.approx(1 - first / k * h), counts


def test_kl_tends_to_mode():
    votes = [[0] * 20 + [1] * 10]
    kl = hotmess.decompose(votes, [1], loss="kl", plugin=True, n_choices=4)
    mode = hotmess.decompose(votes, [1], loss="mode", plugin=True, n_choices=4)
    assert kl.variance / -np.log(1e-12) == pytest.approx(mode.variance, abs=1e-3)
    assert kl.error / -np.log(1e-12) == pytest.approx(mode.error, abs=1e-3)


def test_a_table_of_one_question_per_row_is_the_same_table():
    table = pl.DataFrame({"question_id": [1, 1, 2, 2], "answer": ["a", "b", "a", "a"], "target": ["a", "a", "b", "b"]})
    assert (
        decompose(tally(prepare(table))).error.tolist() == hotmess.decompose([["a", "b"], ["a", "a"]], ["a", "b"]).error.tolist()
    )
