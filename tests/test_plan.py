"""Planning: moments against every tuple and every outcome, components in simulations, designs by brute force, the command."""

import json
from fractions import Fraction
from itertools import permutations, product

import numpy as np
import polars as pl
import pytest
import worlds
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import hotmess
from hotmess.charts import render
from hotmess.decide import Guess, Most, Prices, plan
from hotmess.decide.guesses import QUESTIONS, guessed_moments
from hotmess.decide.pilot import Pilot
from hotmess.errors import LossMismatch, NothingSelected, NothingToCompare, OneSample, UsageError
from hotmess.infer import Moments, components, moments

NAMES = Moments.__slots__


def moments_of(residual, context):
    """The moments of residuals (question, sample, unit)."""
    gram = np.einsum("nku,nlu->nkl", residual, residual)
    return moments(gram, np.einsum("nkk->nk", gram), context)


def nested(f):
    """Moments of predictions (question, context, sample, unit), whose target is the first unit."""
    n, g, m, units = f.shape
    r = f - np.eye(units)[0]
    return moments_of(r.reshape(n, g * m, units), np.broadcast_to(np.repeat(np.arange(g), m), (n, g * m)))


def pooled(found, weights=None):
    count = len(found.error)
    return found.pooled(np.ones((1, count)) if weights is None else np.asarray(weights)[None])


# ---------------------------------------------------------------------------------------------- moments


def slowly(r, context, name):
    """A moment as the mean over all tuples of different contexts, and of samples in them."""
    of = {g: np.flatnonzero(context == g) for g in np.unique(context)}
    e, dot = (r * r).sum(1), r @ r.T
    two = [g for g in of if len(of[g]) > 1]
    mean = {g: e[of[g]].mean() for g in of}
    near = {(a, b): dot[np.ix_(of[a], of[b])].mean() for a, b in permutations(of, 2)}

    def over(groups, value, among=None):
        found = [value(*each) for each in permutations(of, groups) if among is None or among(*each)]
        return np.mean(found) if found else np.nan

    def pairs(g):
        return list(permutations(of[g], 2))

    def to(k, g):
        return dot[k, of[g]].mean()

    def both(a, b, first, second):
        one = [(k, k) for k in of[a]] if first else pairs(a)
        other = [(k, k) for k in of[b]] if second else pairs(b)
        return np.mean([dot[k, m] * dot[j, n] for k, j in one for m, n in other])

    return {
        "error": lambda: over(1, lambda a: mean[a]),
        "variance": lambda: over(1, lambda a: mean[a]) - over(2, lambda a, b: near[a, b]),
        "e1e1_same": lambda: over(1, lambda a: (e[of[a]] ** 2).mean()),
        "e1e1_other": lambda: over(1, lambda a: np.mean([e[k] * e[m] for k, m in pairs(a)]), lambda a: a in two),
        "e1e2": lambda: over(2, lambda a, b: mean[a] * mean[b]),
        "e1r12_same": lambda: over(2, lambda a, b: np.mean([e[k] * to(k, b) for k in of[a]])),
        "e1r12_other": lambda: over(2, lambda a, b: np.mean([e[k] * to(m, b) for k, m in pairs(a)]), lambda a, _: a in two),
        "e1r23": lambda: over(3, lambda a, b, c: mean[a] * near[b, c]),
        "r12r12_same": lambda: over(2, lambda a, b: both(a, b, True, True)),
        "r12r12_mixed": lambda: over(2, lambda a, b: both(a, b, True, False), lambda _, b: b in two),
        "r12r12_other": lambda: over(2, lambda a, b: both(a, b, False, False), lambda a, b: a in two and b in two),
        "r12r13_same": lambda: over(3, lambda a, b, c: np.mean([to(k, b) * to(k, c) for k in of[a]])),
        "r12r13_other": lambda: over(
            3, lambda a, b, c: np.mean([to(k, b) * to(m, c) for k, m in pairs(a)]), lambda a, *_: a in two
        ),
        "r12r34": lambda: over(4, lambda a, b, c, d: near[a, b] * near[c, d]),
    }[name]()


@pytest.mark.parametrize(
    "context",
    [[0, 0, 1, 1, 1, 2, 3, 3, 4], [0, 1, 2, 3, 4, 5, 6, 7, 8], [0, 0, 0, 1, 1, 1, 2, 2, 2], [0, 0, 0, 0, 1, 1, 1, 1, 1]],
    ids=["uneven", "flat", "three contexts", "two contexts"],
)
def test_moments_are_means_over_all_tuples_of_different_contexts(context):
    rng = np.random.default_rng(1)
    r = rng.standard_normal((2, len(context), 3))
    found = moments_of(r, np.array([context, context[::-1]]))
    for n, labels in enumerate((np.array(context), np.array(context[::-1]))):
        for name in NAMES:
            np.testing.assert_allclose(getattr(found, name)[n], slowly(r[n], labels, name), atol=1e-12, err_msg=name)


def every_outcome(contexts, samples):
    """All ways that contexts of chances 1/4 and 3/4 and their samples can fall: wrong or not, and how likely each is."""
    wrong, weight = [], []
    for chances in product((Fraction(1, 4), Fraction(3, 4)), repeat=contexts):
        for drawn in product((0, 1), repeat=contexts * samples):
            each = [p if x else 1 - p for p, x in zip(np.repeat(chances, samples), drawn, strict=True)]
            wrong.append(drawn)
            weight.append(float(np.prod(each)) / 2**contexts)
    return np.array(wrong, dtype=float), np.array(weight)


@pytest.fixture(scope="module")
def outcomes():
    wrong, weight = every_outcome(4, 2)
    return moments_of(wrong[..., None], np.broadcast_to(np.repeat(np.arange(4), 2), wrong.shape)), weight


def test_moments_are_exactly_unbiased(outcomes):
    """Over all outcomes of four contexts with two samples, the means are those of the population, by hand."""
    found = pooled(*outcomes)
    p, p2 = Fraction(1, 2), Fraction(5, 16)  # of a chance of 1/4 or 3/4, and of its square
    exact = {
        "error": p,
        "variance": p - p * p,
        "e1e1_same": p,
        "e1e1_other": p2,
        "e1e2": p * p,
        "e1r12_same": p * p,
        "e1r12_other": p2 * p,
        "e1r23": p**3,
        "r12r12_same": p * p,
        "r12r12_mixed": p * p2,
        "r12r12_other": p2 * p2,
        "r12r13_same": p**3,
        "r12r13_other": p2 * p * p,
        "r12r34": p**4,
    }
    assert tuple(exact) == NAMES
    for name, value in exact.items():
        assert getattr(found, name)[0] == pytest.approx(float(value), abs=1e-14), name


def test_components_in_exact_fractions(outcomes):
    """R = 1/2, a = x/2 - x: a context adds Var(p)/4, a sample E p(1-p)/4, all divided by the squared error, 1/4."""
    parts = components(pooled(*outcomes), "incoherence")
    between, within = Fraction(1, 16), Fraction(3, 16)
    wanted = {"question": 0, "context": between, "sample": within}
    for name, value in wanted.items():
        assert getattr(parts, name)[0] == pytest.approx(float(value), abs=1e-14), name
    for samples in (1, 2, 5):
        assert parts.pairs(samples)[0] == pytest.approx(float(4 * (between + within / samples) ** 2), abs=1e-14)


@pytest.mark.parametrize("design", [(2, 1), (2, 2), (3, 1), (3, 2), (4, 1), (2, 3)], ids=str)
def test_the_formula_is_the_variance_of_the_estimate_over_all_outcomes(outcomes, design):
    """Extrapolated from four contexts of two samples to other designs, against all their outcomes."""
    parts = components(pooled(*outcomes), "incoherence")
    wrong, weight = every_outcome(*design)
    found = moments_of(wrong[..., None], np.broadcast_to(np.repeat(np.arange(design[0]), design[1]), wrong.shape))
    h = (found.variance - found.error / 2) / 0.5
    assert weight @ h == pytest.approx(0, abs=1e-14)
    assert parts.bracket(*design)[0] == pytest.approx(weight @ h**2, abs=1e-13)
    error = components(pooled(*outcomes), "error")
    assert error.bracket(*design)[0] == pytest.approx(weight @ (found.error - 0.5) ** 2, abs=1e-13)


def test_the_bracket_is_the_formula_of_its_components(outcomes):
    parts = components(pooled(*outcomes), "incoherence").plus(np.array([0.2]))
    for g, m in ((2, 1), (5, 2), (10, 3), (7, 4)):
        formula = parts.question + parts.context / g + parts.sample / (g * m) + 2 * parts.pairs(m) / (g * (g - 1))
        assert parts.bracket(g, m)[0] == pytest.approx(formula[0])
        assert parts.bracket(g, m, fixed=True)[0] == pytest.approx(formula[0] - 0.2)


def test_what_a_pilot_cannot_tell_is_not_counted_on():
    """Two contexts: nothing of more of them; three: what four would add is what three show; single samples: nothing of M."""
    f = np.eye(3)[np.random.default_rng(2).integers(0, 3, (60, 3, 1))]
    two, three = (components(pooled(nested(f[:, :g])), "incoherence") for g in (2, 3))
    assert two.bracket(6, 1)[0] == pytest.approx(two.bracket(2, 1)[0])
    assert three.bracket(3, 1)[0] <= three.bracket(2, 1)[0]
    assert three.bracket(3, 5)[0] == pytest.approx(three.bracket(3, 1)[0])
    assert np.isnan(three.four[0])


# ---------------------------------------------------------------------------------------------- simulations


def dirichlet(rng, p, contexts, samples, between):
    """Answers (question, context, sample, option) of contexts that draw their chances around p."""
    drawn = rng.gamma(np.repeat(p[:, None] * (1 / between - 1), contexts, 1)) + 1e-300
    each = (drawn / drawn.sum(-1, keepdims=True)).cumsum(-1)
    answer = (rng.random((len(p), contexts, samples, 1)) > each[:, :, None, :-1]).sum(-1)
    return np.eye(p.shape[1])[answer]


def chances(rng, count):
    return rng.dirichlet([1.6, 0.7, 0.4, 0.3], count)


def estimate(f):
    found = nested(f)
    return float(found.variance.sum() / found.error.sum())


@pytest.mark.parametrize(("contexts", "samples"), [(4, 2), (5, 1), (5, 3)])
def test_components_are_unbiased_in_small_pilots(contexts, samples):
    """Means over pilots, each against what questions of known chances have, and against one another."""
    rng = np.random.default_rng(3)
    p = chances(rng, 400)
    variance = 1 - (p**2).sum(1)
    error = (p - np.eye(4)[0]) ** 2
    error = error.sum(1) + variance
    h = (variance - variance.sum() / error.sum() * error) / error.mean()
    runs = [components(pooled(nested(dirichlet(rng, p, contexts, samples, 0.3))), "incoherence") for _ in range(40)]
    question = np.array([run.question[0] for run in runs])
    assert question.mean() == pytest.approx((h**2).mean(), abs=4 * question.std() / 40**0.5)
    large = components(pooled(nested(dirichlet(rng, np.repeat(p, 8, axis=0), 12, 4, 0.3))), "incoherence")
    for design in ((2, 1), (4, 1), (8, 1), (3, samples)):
        found = np.array([run.bracket(*design)[0] for run in runs])
        assert found.mean() == pytest.approx(large.bracket(*design)[0], abs=4 * found.std() / 40**0.5 + 0.003), design


@pytest.mark.parametrize("design", [(400, 2, 1), (150, 3, 2), (80, 6, 2)], ids=str)
def test_the_predicted_standard_error_is_that_of_independent_designs(design):
    """From a pilot of 5 x 2, against 200 new collections with new questions: Monte-Carlo error of 5 %."""
    rng = np.random.default_rng(4)
    questions, contexts, samples = design
    parts = components(pooled(nested(dirichlet(rng, chances(rng, 3000), 5, 2, 0.3))), "incoherence")
    predicted = float(np.sqrt(parts.bracket(contexts, samples)[0] / questions))
    drawn = [estimate(dirichlet(rng, chances(rng, questions), contexts, samples, 0.3)) for _ in range(200)]
    assert predicted == pytest.approx(np.std(drawn, ddof=1), rel=0.2)


# ---------------------------------------------------------------------------------------------- plans


def mixed(seed, questions, contexts, samples, **columns):
    """Questions of two kinds, one with little variance and one with much, so that questions differ in incoherence."""
    parts = [
        worlds.contexts(seed + 1000 * n, questions=questions // 2, contexts=contexts, samples=samples, between=b, within=w)
        for n, (b, w) in enumerate(((0.04, 0.06), (0.15, 0.4)))
    ]
    named = [
        part.with_columns(pl.col("question_id", "context_id") + end, **columns) for part, end in zip(parts, "xy", strict=True)
    ]
    return pl.concat(named)


@pytest.fixture(scope="module")
def pilot():
    return hotmess.read(mixed(5, 120, 5, 2))


@pytest.fixture(scope="module")
def flat(pilot):
    return pilot.without_contexts()


def two_models(seed, questions, contexts, samples):
    """One model that differs from question to question, and one that fails alike everywhere."""
    a = mixed(seed, questions, contexts, samples, model=pl.lit("a"))
    b = worlds.contexts(seed, questions=questions, contexts=contexts, samples=samples, between=0.1, within=0.4)
    names = dict(zip(b["question_id"].unique().sort(), a["question_id"].unique().sort(), strict=False))
    both = pl.concat([a, b.with_columns(pl.col("question_id").replace(names), model=pl.lit("b"))])
    places = {letter: place for place, letter in enumerate("ABCD")}
    answer, target = (pl.col(name).replace_strict(places) for name in ("answer", "target"))
    return both.with_columns(
        answer=(4 + answer - target).mod(4).cast(pl.String), target=pl.lit("0")
    )  # the same is right for both


@pytest.fixture(scope="module")
def models():
    return two_models(6, 120, 4, 2)


def best(result):
    return result.points.filter(pl.col("rank") == 1).row(0, named=True)


def said(result, what):
    return result.tests.filter(pl.col("what") == what)["value"][0]


def codes(result):
    return {notice.code for notice in result.notices}


def test_the_cheapest_is_really_the_cheapest(pilot):
    prices = Prices(question=0.3, context=0.05, sample=0.01, tokens=(1.0, 4.0), input_tokens=500, output_tokens=2000)
    found = plan(pilot, half_width=0.04, prices=prices)
    each = 0.01 + (500 + 4 * 2000) / 1e6
    rows = found.points.to_dicts()
    assert len(rows) == 9 * 5
    for row in rows:
        g, m, n = row["contexts"], row["samples_each"], row["questions"]
        assert row["cost"] == pytest.approx(n * (0.3 + g * 0.05 + g * m * each))
        assert row["total"] == n * g * m
        assert row["half_width"] <= 0.04
        assert row["questions_high"] >= n or row["questions_high"] == 40
    assert best(found)["cost"] == min(row["cost"] for row in rows)
    assert [row["cost"] for row in rows] == sorted(row["cost"] for row in rows)
    assert [row["rank"] for row in rows[:4]] == [1, 2, 3, None]


def test_the_number_of_questions_is_the_least_that_is_enough(pilot):
    """N from the table of components, by the formula and by trying one less."""
    found = plan(pilot, half_width=0.03)
    value = {row["what"]: row["value"] for row in found.tests.to_dicts()}
    row = next(row for row in found.points.to_dicts() if (row["contexts"], row["samples_each"]) == (4, 2))
    pairs = value["pairs of contexts"]  # of two samples, as in the pilot
    bracket = value["questions"] + value["contexts"] / 4 + value["samples"] / 8 + 2 * pairs / 12

    def half(n):
        return stats.t.ppf(0.975, n - 1) * np.sqrt(bracket / n)

    assert row["questions"] == pytest.approx((1.96 / 0.03) ** 2 * bracket, rel=0.01)
    assert half(row["questions"]) <= 0.03 < half(row["questions"] - 1)
    assert row["half_width"] == pytest.approx(half(row["questions"]))


def test_the_model_says_what_the_interval_says(pilot, flat, models):
    for samples in (pilot, flat):
        for of in ("incoherence", "error"):
            found = plan(samples, of=of)
            assert said(found, "half-width, predicted") == pytest.approx(said(found, "half-width, measured"), rel=0.02)
    found = plan(models, of="difference")
    assert said(found, "half-width, predicted") == pytest.approx(said(found, "half-width, measured"), rel=0.02)
    crossed = [
        worlds.contexts(3, questions=100, contexts=8, samples=2, between=b, within=0.2, crossed=True).with_columns(
            model=pl.lit(name)
        )
        for name, b in (("a", 0.1), ("b", 0.3))
    ]
    shared = plan(pl.concat(crossed), of="difference")  # one seed, one set of prompts
    assert said(shared, "half-width, predicted") == pytest.approx(said(shared, "half-width, measured"), rel=0.1)
    benchmark = plan(pilot, rules=hotmess.Rules(about="benchmark"))
    assert said(benchmark, "half-width, predicted") == pytest.approx(said(benchmark, "half-width, measured"), rel=0.15)


def test_a_planned_collection_keeps_its_promise():
    """Four collections of the planned size from the world of the pilot, measured as anyone would."""
    pilot = mixed(5, 500, 4, 2)
    for half_width in (0.06, 0.04):
        row = best(plan(pilot, half_width=half_width))
        size = (row["questions"] // 2 * 2, row["contexts"], row["samples_each"])
        halves = []
        for seed in range(4):
            measured = hotmess.measure(mixed(50 + seed, *size)).rows[0].incoherence
            halves.append((measured.high - measured.low) / 2)
        assert np.mean(halves) == pytest.approx(half_width, rel=0.12)


def test_a_difference_keeps_its_promise():
    """From a pilot of 600 questions; one of 120 may be off by a sixth."""
    row = best(plan(two_models(6, 600, 4, 2), half_width=0.05, of="difference"))
    assert (row["first"], row["second"], row["total"]) == ("a", "b", 2 * row["questions"] * row["contexts"] * row["samples_each"])
    assert row["detectable"] == pytest.approx(row["half_width"] * (1.95996 + 0.84162) / 1.95996, rel=1e-4)
    size = (row["questions"] // 2 * 2, row["contexts"], row["samples_each"])
    halves = [said(plan(two_models(60 + seed, *size), of="difference"), "half-width, measured") for seed in range(3)]
    assert np.mean(halves) == pytest.approx(0.05, rel=0.12)


def test_contexts_that_all_questions_share_do_not_shrink_with_them():
    crossed = worlds.contexts(8, questions=150, contexts=8, samples=2, between=0.3, within=0.2, crossed=True)
    found = plan(crossed, half_width=0.05)
    assert "shared-in-pilot" in codes(found)
    assert said(found, "half-width, predicted") == pytest.approx(said(found, "half-width, measured"), rel=0.1)
    few = found.points.filter(pl.col("contexts") == 2)
    assert few["questions"].is_null().all()
    assert few["fails"].str.contains("by any number of questions").all()
    own = plan(worlds.contexts(8, questions=150, contexts=8, samples=2, between=0.3, within=0.2), half_width=0.05)
    assert "shared-in-pilot" not in codes(own)
    assert own.points["questions"].is_not_null().all()


def test_exactly_these_questions_are_asked_more_often(pilot):
    found = plan(pilot, half_width=0.03, rules=hotmess.Rules(about="benchmark"), most=Most(contexts=12, samples=8))
    rows = found.points.to_dicts()
    assert {row["questions"] for row in rows} == {120}
    assert all(row["contexts"] >= 3 and row["contexts"] * row["samples_each"] >= 5 for row in rows)
    kept = [row for row in rows if row["fails"] is None]
    assert all(row["half_width"] <= 0.03 for row in kept)
    assert best(found)["total"] == min(row["total"] for row in kept)
    wide = {(row["contexts"], row["samples_each"]): row["half_width"] for row in rows}
    assert all(wide[g, m] >= wide[g + 1, m] and wide[g, m] >= wide[g, m + 1] for g, m in wide if g < 12 and m < 8)


def test_what_is_missing_from_the_pilot_is_enough(flat):
    """More whole rounds: the first number of samples for which the benchmark interval is narrow enough."""
    found = plan(flat, half_width=0.025)
    more = int(said(found, "more rounds, these questions only"))
    fixed = plan(flat, half_width=0.025, rules=hotmess.Rules(about="benchmark"), most=Most(samples=60))
    least = fixed.points.filter(pl.col("fails").is_null())["samples_each"].min()
    assert more == least - 10
    questions = int(said(found, "more questions like these"))
    row = found.points.filter(pl.col("samples_each") == 10).row(0, named=True)
    assert questions + 120 == pytest.approx(row["questions"], abs=1)


def test_a_pilot_of_three_contexts_tells_nothing_of_four():
    table = worlds.contexts(9, questions=60, contexts=3, samples=1)
    found = plan(table)
    assert set(found.points["contexts"]) == {2, 3}
    assert set(found.points["samples_each"]) == {1}
    assert {"few-pilot-contexts", "no-split", "stopping", "no-price"} <= codes(found)
    assert said(found, "half-width, predicted") == pytest.approx(said(found, "half-width, measured"), rel=0.02)
    with pytest.raises(NothingToCompare, match="no question has four contexts"):
        plan(table, rules=hotmess.Rules(about="benchmark"))


def test_questions_of_a_cluster_count_together():
    table = worlds.contexts(10, questions=80, contexts=4, samples=2)
    twice = pl.concat([table.with_columns(part=pl.lit(part), question_id=pl.col("question_id") + part) for part in "ab"])
    twice = twice.with_columns(family=pl.col("question_id").str.head(5))
    alone, together = (plan(twice, rules=hotmess.Rules(cluster=name)) for name in (None, "family"))
    assert best(together)["questions"] > 1.3 * best(alone)["questions"]
    assert said(together, "half-width, predicted") == pytest.approx(said(together, "half-width, measured"), rel=0.05)


@pytest.mark.parametrize("loss", ["coverage", "squared"])
def test_every_squared_loss_is_planned(loss):
    if loss == "squared":
        table = worlds.sizes(11, questions=60, samples=6, sizes=(1,), kind="vector")
    else:
        table = worlds.agent_runs(11, questions=60)
    found = plan(table, half_width=0.04)
    assert found.method.loss == loss
    assert said(found, "half-width, predicted") == pytest.approx(said(found, "half-width, measured"), rel=0.05)


@settings(max_examples=5)
@given(st.floats(0.01, 0.2), st.floats(0.01, 0.2), st.integers(0, 3))
def test_a_smaller_width_never_needs_fewer_questions(one, other, kind):
    guess = [Guess(0.4, 0.3), Guess(0.1, 0.6), Guess(0.4, 0.3, 0.5), Guess(0.7, 0.3)][kind]
    most = Most(contexts=4, samples=4)
    wide, narrow = (plan(guess, half_width=width, most=most).points for width in (max(one, other), min(one, other)))
    both = wide.join(narrow, on=["contexts", "samples_each"], nulls_equal=True)
    assert both.height == wide.height
    assert (both["questions"] <= both["questions_right"]).all()
    assert (narrow["half_width"] <= min(one, other)).all()


# ---------------------------------------------------------------------------------------------- guesses


@pytest.mark.parametrize(("ratio", "error"), [(0.4, 0.3), (0.05, 0.5), (0.7, 0.3), (0.001, 0.2), (0.9, 0.05)])
def test_a_guess_has_the_error_and_the_incoherence_that_were_stated(ratio, error):
    for part in (None, 0.4):
        guess = Guess(ratio, error, part)
        p = guess.chances(QUESTIONS)
        assert p.mean() == pytest.approx(error, abs=0.002)
        assert (p * (1 - p)).sum() / p.sum() == pytest.approx(ratio, abs=0.005)
        found = pooled(guessed_moments(guess, 0))
        noise = 4 / np.sqrt(QUESTIONS * 5)
        assert found.error[0] == pytest.approx(error, abs=noise * np.sqrt(error))
        assert (found.variance / found.error)[0] == pytest.approx(ratio, abs=noise)


def test_the_input_share_of_a_guess_is_what_contexts_change():
    found = pooled(guessed_moments(Guess(0.5, 0.3, 0.4), 1))
    inside = found.e1e1_same - found.e1e1_other
    assert 1 - (inside / found.variance)[0] == pytest.approx(0.4, abs=0.05)


def test_a_guess_is_planned_like_a_pilot_that_has_what_was_guessed():
    rng = np.random.default_rng(12)
    wrong = rng.random((2000, 6)) < Guess(0.4, 0.3).chances(2000)[:, None]
    table = pl.DataFrame({"question_id": np.repeat(np.arange(2000), 6), "score": 1.0 - wrong.ravel()})
    real, guessed = (best(plan(source, half_width=0.04, most=Most(samples=6))) for source in (table, Guess(0.4, 0.3)))
    assert guessed["questions"] * guessed["samples_each"] == pytest.approx(real["questions"] * real["samples_each"], rel=0.1)
    two = best(plan(Guess(0.4, 0.3), half_width=0.04, of="difference", most=Most(samples=6)))
    assert two["questions"] == pytest.approx(2 * guessed["questions"], rel=0.01)


# ---------------------------------------------------------------------------------------------- what cannot be planned


def test_what_cannot_be_planned_is_said(pilot, flat, models):
    never = worlds.contexts(13, questions=30).with_columns(answer=pl.col("target"))
    lonely = pl.DataFrame({"question_id": range(60), "answer": ["A", "B"] * 30, "target": "A"})
    cases = [
        (LossMismatch, "no plan can be made for the loss kl", lambda: plan(pilot, rules=hotmess.Rules(loss="kl"))),
        (LossMismatch, "for the loss mode", lambda: plan(pilot, rules=hotmess.Rules(loss="mode"))),
        (LossMismatch, "0/1", lambda: plan(pilot, rules=hotmess.Rules(loss="zero_one"))),
        (LossMismatch, "plugin", lambda: plan(pilot, rules=hotmess.Rules(estimator="plugin"))),
        (UsageError, "between 0 and 1", lambda: plan(pilot, half_width=0)),
        (NothingToCompare, "none twice in one task", lambda: plan(pilot, of="difference")),
        (NothingSelected, "no model or setting is called `c`", lambda: plan(models, of="difference", against="c")),
        (NothingToCompare, "no sample of the pilot was wrong", lambda: plan(never, rules=hotmess.Rules(deterministic=True))),
        (NothingToCompare, "9 questions with samples enough, and 10", lambda: plan(worlds.contexts(1, questions=9))),
        (OneSample, "all 60 questions have a single sample", lambda: plan(lonely)),
        (UsageError, "input tokens have a price", lambda: plan(pilot, prices=Prices(tokens=(1.0, 2.0)))),
        (UsageError, "a price, or a number of tokens, is -1", lambda: Prices(sample=-1.0)),
        (UsageError, "at most 1 contexts", lambda: Most(contexts=1)),
        (UsageError, "80% cannot be had at an error rate of 30%", lambda: Guess(0.8, 0.3)),
        (UsageError, "the guess of error is 0", lambda: Guess(0.3, 0.0)),
        (UsageError, "the guess of error is 1", lambda: Guess(0.3, 1.0)),
        (UsageError, "the guess of incoherence is 0", lambda: Guess(0.0, 0.3)),
        (UsageError, "the guess of incoherence is 1", lambda: Guess(1.0, 0.3)),
        (UsageError, "hint: --guess-incoherence 40%", lambda: Guess(40, 0.3)),
        (UsageError, "no model `a`", lambda: plan(Guess(0.4, 0.3), against="a")),
        (UsageError, "at most 30 questions; a plan needs 40", lambda: Most(questions=30)),
        (UsageError, "at most 1 sample of a question", lambda: plan(flat, most=Most(samples=1))),
        (UsageError, "500 input tokens, and tokens have no price", lambda: Prices(input_tokens=500)),
        (UsageError, "there are no contexts", lambda: plan(flat, prices=Prices(context=0.1))),
        (UsageError, "all designs cost", lambda: plan(flat, prices=Prices(tokens=(0.0, 0.0)))),
        (UsageError, "it lies between 0 and 1", lambda: plan(pilot, half_width=1.2)),
        (UsageError, "it lies between 0 and inf", lambda: plan(pilot, half_width=0, of="error")),
        (UsageError, "the guess of input is 1", lambda: Guess(0.3, 0.3, 1.0)),
        (UsageError, "no questions of its own", lambda: plan(Guess(0.4, 0.3), rules=hotmess.Rules(about="benchmark"))),
    ]
    for error, message, call in cases:
        with pytest.raises(error, match=message):
            call()


def test_a_model_that_cannot_be_planned_does_not_stop_the_others(models):
    a = models.filter(pl.col("model") == "a")
    right = a.with_columns(model=pl.lit("right"), answer=pl.col("target"))
    few = a.filter(pl.col("question_id").str.starts_with("q0003")).with_columns(model=pl.lit("few"))
    lonely = a.unique("question_id").with_columns(model=pl.lit("lonely"))
    found = plan(pl.concat([models, right, few, lonely]), rules=hotmess.Rules(deterministic=True))
    assert set(found.points["model"]) == {"a", "b"}
    (left,) = [notice for notice in found.notices if notice.code == "not-planned"]
    assert "right: no sample of the pilot was wrong" in left.found
    assert "few: the pilot has 2 questions" in left.found
    assert "lonely: the pilot has 0 questions" in left.found


def test_limits_and_small_pilots_are_said():
    small = worlds.contexts(14, questions=20, contexts=4, samples=2)
    found = plan(small, half_width=0.01, most=Most(questions=400))
    assert {"few-pilot", "out-of-reach"} <= codes(found)
    assert found.points["rank"].is_null().all()
    assert found.points["fails"].str.contains("with 400 questions").all()


def test_the_half_width_of_an_error_may_be_more_than_one(flat):
    """Squared distances have any unit."""
    found = plan(flat, half_width=1.2, of="error", most=Most(samples=3))
    assert best(found)["questions"] == 40


def test_equal_costs_are_ordered_by_samples(flat):
    """Questions cost, samples do not: of designs with 40 questions each, the one with the fewest samples."""
    found = plan(flat, half_width=0.5, of="error", prices=Prices(question=1.0))
    assert found.points["cost"].n_unique() == 1
    assert found.points["total"].is_sorted()
    assert best(found)["samples_each"] == 2


# ---------------------------------------------------------------------------------------------- rare errors


def graded(wrong, **columns):
    """A pilot without contexts, of answers that are wrong or not (question, sample)."""
    questions, samples = wrong.shape
    table = {"question_id": np.repeat(np.arange(questions), samples), "score": 1.0 - wrong.ravel()}
    return pl.DataFrame(table).with_columns(**columns)


def wrong_in(questions, many, samples=6, total=60):
    """So many questions are wrong, each in the first `many` samples."""
    wrong = np.zeros((total, samples))
    wrong[:questions, :many] = 1
    return wrong


def test_errors_that_are_too_few_are_not_planned_by():
    spiky = np.concatenate([wrong_in(20, 1, 40, 20), wrong_in(2, 40, 40, 40)])
    for wrong, message in {
        "few": (wrong_in(19, 2), "19 of 60 questions have an error, and 20 are the least"),
        "spread": (spiky, "the errors of 22 questions are spread as over 3.1, and 10 are the least"),
        "never": (wrong_in(30, 1), "the incoherence is 1: of 30 questions with an error, no error was made twice"),
        "always": (wrong_in(30, 6), "the incoherence is 0: of 30 questions with an error, no question was answered in two ways"),
    }.values():
        table = graded(wrong)
        with pytest.raises(UsageError, match=message) as refused:
            plan(table, rules=hotmess.Rules(deterministic=True))
        assert refused.value.hint == "a larger pilot, or --of error"
        assert plan(table, of="error", rules=hotmess.Rules(deterministic=True), most=Most(samples=3)).points["rank"].max() == 2


def test_a_model_of_rare_errors_is_named_and_others_are_planned():
    rng = np.random.default_rng(15)
    often = rng.random((60, 6)) < rng.beta(1, 2, (60, 1))
    table = pl.concat([graded(often.astype(float), model=pl.lit("often")), graded(wrong_in(12, 1), model=pl.lit("rare"))])
    found = plan(table)
    assert set(found.points["model"]) == {"often"}
    (left,) = [notice for notice in found.notices if notice.code == "not-planned"]
    assert left.found == "rare: 12 of 60 questions have an error, and 20 are the least"
    with pytest.raises(UsageError, match="rare: 12 of 60 questions have an error"):
        plan(table, of="difference")


def test_rare_errors_need_as_many_questions_as_hold_twenty():
    """N >= 20 / (e min(R, 1 - R)), by hand: of 60 questions, 30 are wrong, in two samples of six."""
    found = plan(graded(wrong_in(30, 2)), half_width=0.3)
    e, ratio = 1 / 6, (4 / 6) * (6 / 5)  # V = 2/6 4/6 6/5 in half of them
    assert found.points["questions"].min() == round(20 / (e * (1 - ratio)))
    assert plan(graded(wrong_in(30, 2)), half_width=0.3, of="error").points["questions"].min() == 40
    limited = plan(graded(wrong_in(30, 2)), half_width=0.3, most=Most(questions=100))
    assert limited.points["fails"].str.contains("100 questions have too few errors; 600 are the least").all()


@pytest.mark.parametrize(("ratio", "error", "fewest"), [(0.9, 0.01, 20_000), (0.1, 0.05, 4_000), (0.4, 0.3, 167)])
def test_a_guess_of_rare_errors_needs_as_many_questions_as_hold_twenty(ratio, error, fewest):
    most = Most(samples=3)
    for of in ("incoherence", "difference"):
        found = plan(Guess(ratio, error), half_width=0.4, of=of, most=most)
        assert found.points["questions"].min() == pytest.approx(fewest, abs=1)
    assert plan(Guess(ratio, error), half_width=0.4, of="error", most=most).points["questions"].min() == 40


def test_a_guess_of_rare_errors_keeps_its_promise():
    """Error 2 %, incoherence 85 %: the spread of 100 collections of the planned size; Monte-Carlo error 7 %."""
    guess, rng = Guess(0.85, 0.02), np.random.default_rng(16)
    row = best(plan(guess, half_width=0.05, most=Most(samples=3)))
    size = guess.incoherence / (1 - guess.incoherence - guess.error)
    p = rng.beta(size * guess.error, size * (1 - guess.error), (100, row["questions"], 1))
    wrong = (rng.random((100, row["questions"], row["samples_each"])) < p).mean(-1)
    variance = wrong * (1 - wrong) * row["samples_each"] / (row["samples_each"] - 1)
    drawn = variance.sum(1) / wrong.sum(1)
    assert 1.96 * drawn.std(ddof=1) == pytest.approx(row["half_width"], rel=0.3)
    assert row["half_width"] <= 0.05


def test_intervals_much_wider_than_predicted_are_said():
    """Of 60 questions with an error two repeat it, which carry all that varies; against twelve that are always wrong."""
    two = np.concatenate([wrong_in(58, 1, 10, 58), wrong_in(2, 2, 10, 2)])
    twelve = np.concatenate([wrong_in(12, 10, 10, 12), wrong_in(30, 1, 10)])
    found, plain = (plan(graded(wrong), half_width=0.2, most=Most(samples=3)) for wrong in (two, twelve))
    (wide,) = [notice for notice in found.notices if notice.code == "wider-than-predicted"]
    assert wide.found == "the pilot: ± 0.0246 measured, ± 0.0102 predicted"
    assert "wider-than-predicted" not in codes(plain)


def test_what_is_shared_is_taken_at_its_upper_end():
    """The upper end by chi² of one degree of freedom less than contexts, against draws; Monte-Carlo error of 0.002."""
    parts = components(pooled(guessed_moments(Guess(0.4, 0.3), 0)), "incoherence")
    for contexts in (3, 8):
        known = Pilot({}, parts, 100, nested=True, contexts=contexts, shared=1.0, crossed=True)
        drawn = np.random.default_rng(18).standard_normal((40_000, contexts)).var(axis=1, ddof=1)
        for place in (0.1, 0.9):
            assert known.shared_at(place) == pytest.approx((contexts - 1) / stats.chi2.ppf(1 - place, contexts - 1))
            assert (drawn * known.shared_at(place) > 1).mean() == pytest.approx(place, abs=0.008)
    assert Pilot({}, parts, 100, nested=True, contexts=5).shared_at(0.9) == 0


def test_few_contexts_that_all_questions_share_are_said():
    whole = worlds.contexts(8, questions=100, contexts=8, samples=2, between=0.3, within=0.2, crossed=True)
    names = whole["context_id"].unique().sort()
    for count in (2, 3, 4):
        found = plan(whole.filter(pl.col("context_id").is_in(names[:count].implode())), half_width=0.2)
        assert ("few-shared-contexts" in codes(found)) == (count < 4)
        assert count > 2 or found.points["questions_high"].is_null().all()  # of two nothing is known
    known = plan(whole, half_width=0.1, most=Most(contexts=40, samples=1)).points.filter(pl.col("contexts") == 40)
    assert known["questions"].is_not_null().all()
    assert known["questions_high"].is_null().all()  # 2.5 times the shared part is more than ± 10 points


# ---------------------------------------------------------------------------------------------- command and picture


@pytest.fixture
def table(tmp_path):
    worlds.contexts(5, questions=60, contexts=4, samples=2).with_columns(task=pl.lit("chains")).write_parquet(
        tmp_path / "p.parquet"
    )
    return "p.parquet"


def test_the_command_says_the_plan_and_what_to_type_next(run, table):
    code, out, err = run("plan", table, "--width", "5pt", "--price", "1,4", "--input-tokens", "500")
    assert code == 0
    row = best(plan(hotmess.read(table), prices=Prices(tokens=(1.0, 4.0), input_tokens=500)))
    words = f"{row['questions']:,} questions × {row['contexts']} contexts × {row['samples_each']} sample"
    assert out.startswith(f"m: {words}")
    assert f"= {row['total']:,} samples, ${row['cost']:,.2f}, for ± 5 points" in out
    assert "half-width, measured" in out
    assert err.splitlines()[-1] == (
        f"next: hotmess collect chains --model m -T questions={row['questions']} --contexts {row['contexts']} "
        f"--samples {row['samples_each']} --dry-run"
    )
    assert "note[stopping]" in err


@pytest.mark.parametrize("width", ["0.05", "5pt", "5%", "5 points"])
def test_widths_are_half_widths_however_they_are_written(run, width):
    code, out, err = run("plan", "--guess-incoherence", "40%", "--guess-error", "0.3", "--width", width)
    assert code == 0
    assert "for ± 5 points" in out
    assert "next: hotmess collect TASK" in err


def test_json_is_that_of_the_result(run, table):
    code, out, _ = run("plan", table, "--json", "--max-contexts", "4")
    assert code == 0
    assert out == plan(hotmess.read(table), most=Most(contexts=4)).to_json() + "\n"
    found = json.loads(out)
    assert found["analysis"] == "plan"
    assert {"questions", "questions_high", "cost", "unit", "half_width", "rank", "fails"} <= set(found["points"][0])
    assert found["points"][0]["unit"] == "samples"
    assert found["points"][0]["cost"] == found["points"][0]["total"]


def test_the_command_refuses_what_it_cannot_mean(run, table):
    guess = ("--guess-incoherence", "40%", "--guess-error", "30%")
    for words, message in {
        (): "neither a pilot nor a whole guess",
        ("--guess-error", "30%"): "neither a pilot nor a whole guess",
        (table, "--guess-error", "30%", "--guess-incoherence", "40%"): "both a pilot and a guess",
        (table, "--width", "wide"): "--width is `wide`, which is no number",
        (table, "--price", "1"): "`--price 1` is not understood",
        (table, "--loss", "kl"): "hint: plan by --loss brier",
        (table, "--of", "difference"): "none twice in one task",
        (table, "-o", "plan.docx"): "ends in `.docx`",
        (table, "--max-questions", "30"): "a plan needs 40 at least",
        (table, "--input-tokens", "500"): "hint: --price 1.1,4.4",
        (*guess, "--max-samples", "1"): "hint: --max-samples 2",
        (*guess, "--per-context", "0.1"): "there are no contexts",
        (*guess, "--price", "0,0", "--output-tokens", "9"): "all designs cost $0",
        (*guess, "--task", "chains", "--model", "m"): "--task --model with a guess",
        (*guess, "--loss", "brier"): "--loss with a guess",
        ("--guess-incoherence", "40", "--guess-error", "30%"): "hint: --guess-incoherence 40%",
    }.items():
        code, out, err = run("plan", *words)
        assert (code, out) == (2, ""), words
        assert message in err


def test_two_models_of_many_are_chosen_by_name(run, tmp_path, models):
    third = models.filter(pl.col("model") == "a").with_columns(model=pl.lit("c"))
    pl.concat([models, third]).write_parquet(tmp_path / "m.parquet")
    code, out, _ = run("plan", "m.parquet", "--of", "difference", "--model", "b", "--against", "a", "--json")
    assert code == 0
    assert {(row["first"], row["second"]) for row in json.loads(out)["points"]} == {("a", "b")}


@pytest.mark.parametrize("suffix", [".svg", ".png", ".csv", ".txt"])
def test_pictures_and_tables_are_written(run, tmp_path, table, suffix):
    code, out, err = run("plan", table, "-o", f"x{suffix}")
    assert (code, out) == (0, "")
    assert err.startswith(f"wrote x{suffix}\n")
    assert (tmp_path / f"x{suffix}").stat().st_size > 1000


def test_the_picture_names_the_cheapest(models):
    found = plan(models, half_width=0.04, prices=Prices(sample=0.02))
    drawn = render(found.chart(), ".svg").decode()
    for row in found.points.filter(pl.col("rank").is_not_null()).to_dicts():
        cost = f"${row['cost']:,.2f}"
        assert f"{row['rank']}: {row['questions']:,} × {row['contexts']} × {row['samples_each']}: {cost}" in drawn
    assert "What ± 0.04 of incoherence costs" in drawn
    fixed = render(plan(models, rules=hotmess.Rules(about="benchmark")).chart(), ".json").decode()
    assert "for exactly these questions" in fixed
    assert "half-width ±" in fixed
    guess = render(plan(Guess(0.4, 0.3), of="difference").chart(), ".json").decode()
    assert "samples of each question" in guess
