"""Do 95 % intervals cover? Simulated benchmarks, of which the truth is known.

Each cell has 1,500 replications; the Monte-Carlo error of a coverage of .95 is then .0056, so that .93 to .97 leaves three and a
half of them on either side.
"""

import numpy as np
import pytest

from hotmess.infer import Interval, benchmark_interval, crossed_interval, ratio_interval
from hotmess.leave_out import LeftOut

REPLICATIONS = 1500


def population(kind, n, rng):
    """Distributions over four answers, the first of them right: solved, confidently wrong, and uncertain questions."""
    share = {"mixed": (0.35, 0.2, 0.45), "easy": (0.7, 0.1, 0.2), "hard": (0.1, 0.4, 0.5)}[kind]
    which = rng.choice(3, size=n, p=share)
    sure = np.eye(4)[np.where(which == 0, 0, rng.integers(1, 4, n))]
    p = 0.97 * sure + 0.03 * rng.dirichlet(np.ones(4), n)
    unsure = rng.dirichlet(np.full(4, 0.8), n)
    return np.where((which == 2)[:, None], unsure, p)


def exact(p):
    """Variance and error of each question."""
    return 1 - (p**2).sum(-1), 2 * (1 - p[..., 0])


def sampled(p, k, rng):
    """Unbiased variance and error of each question from k answers."""
    n = rng.multinomial(k, p)
    return 1 - (n * (n - 1)).sum(-1) / (k * (k - 1)), 2 * (1 - n[..., 0] / k)


@pytest.mark.parametrize("kind", ["mixed", "easy", "hard"])
@pytest.mark.parametrize(("questions", "samples"), [(50, 3), (100, 10), (448, 5)])
def test_questions_like_these(kind, questions, samples):
    rng = np.random.default_rng([questions, samples, len(kind)])
    v, e = exact(population(kind, 400_000, rng))
    truth = v.sum() / e.sum()
    hits = 0
    for _ in range(REPLICATIONS):
        found = ratio_interval(*sampled(population(kind, questions, rng), samples, rng))
        hits += found.low <= truth <= found.high
    assert 0.93 <= hits / REPLICATIONS <= 0.97


@pytest.mark.parametrize("questions", [50, 100])
def test_where_every_error_is_a_slip(questions):
    """All error is variance, and every question has at most one slip: without the boundary rule the interval is a point."""
    rng = np.random.default_rng(questions)
    p = np.full((questions, 2), (0.99, 0.01))
    v, e = exact(p)
    truth, hits, widths = v.sum() / e.sum(), 0, []
    for _ in range(REPLICATIONS):
        found = ratio_interval(*sampled(p, 5, rng))
        if np.isnan(found.value):
            continue
        hits += found.low <= truth <= found.high
        widths.append(found.high - found.low)
    assert hits / len(widths) >= 0.93
    assert min(widths) > 0


def left_out_votes(p, k, rng):
    """Terms of one benchmark and of each question with one vote left out."""
    n = rng.multinomial(k, p)
    v, e = 1 - (n * (n - 1)).sum(-1) / (k * (k - 1)), 2 * (1 - n[:, 0] / k)
    question, unit = np.nonzero(n)
    less = n[question].astype(float)
    less[np.arange(len(unit)), unit] -= 1
    left = LeftOut(
        question=question,
        context=np.full(len(unit), -1),
        count=n[question, unit].astype(float),
        error=2 * (1 - less[:, 0] / (k - 1)),
        variance=1 - (less * (less - 1)).sum(1) / ((k - 1) * (k - 2)),
    )
    return v, e, left


@pytest.mark.parametrize("samples", [5, 10])
def test_exactly_these_questions(samples):
    rng = np.random.default_rng(samples)
    p = population("mixed", 150, rng)
    v, e = exact(p)
    truth = v.sum() / e.sum()
    found = [benchmark_interval(*left_out_votes(p, samples, rng)) for _ in range(REPLICATIONS)]
    assert 0.93 <= covered(found, truth) <= 0.99  # too wide rather than too narrow with few samples


def covered(found: list[Interval], truth: float) -> float:
    return float(np.mean([one.low <= truth <= one.high for one in found]))


def shared(n, contexts, samples, effect, rng):
    """Terms over contexts shared by all questions, each with its own effect on how sure the model is; and one left out."""
    p = population("mixed", n, rng)
    heat = np.exp(effect * rng.standard_normal(contexts))[None, :, None]
    tilted = (p[:, None] + 1e-9) ** (1 / heat)
    counts = rng.multinomial(samples, tilted / tilted.sum(-1, keepdims=True))  # (question, context, class)

    def terms(c):
        f = c / samples
        r = f - np.eye(4)[0]
        loss = 2 * (1 - f[..., 0])
        whole, groups = r.sum(1), c.shape[1]
        bias = ((whole**2).sum(-1) - (r**2).sum((1, 2))) / (groups * (groups - 1))
        return loss.mean(1) - bias, loss.mean(1)

    v, e = terms(counts)
    left = [terms(np.delete(counts, g, axis=1)) for g in range(contexts)]
    question, context = np.tile(np.arange(n), contexts), np.repeat(np.arange(contexts), n)
    out = LeftOut(
        question, context, np.ones(n * contexts), np.concatenate([x[1] for x in left]), np.concatenate([x[0] for x in left])
    )
    return v, e, out


def truth_of_shared(effect, rng):
    p = population("mixed", 4_000, rng)
    heat = np.exp(effect * rng.standard_normal(400))[None, :, None]
    tilted = (p[:, None] + 1e-9) ** (1 / heat)
    f = tilted / tilted.sum(-1, keepdims=True)
    mean = f.mean(1)
    error = 2 * (1 - mean[:, 0])
    bias = ((mean - np.eye(4)[0]) ** 2).sum(-1)
    return (error - bias).sum() / error.sum()


def test_contexts_that_all_questions_share():
    """Where a context makes the model more or less sure everywhere, questions alone promise too much; both together do not."""
    rng = np.random.default_rng(7)
    truth = truth_of_shared(0.8, rng)
    both, alone = [], []
    for _ in range(500):
        v, e, left = shared(150, 8, 3, 0.8, rng)
        both.append(crossed_interval(v, e, left))
        alone.append(ratio_interval(v, e))
    assert covered(alone, truth) < 0.8
    assert covered(both, truth) > 0.89


def test_shared_labels_without_a_shared_effect_cost_little():
    """Contexts nested in questions but numbered alike look shared; the interval is then hardly wider than it need be."""
    rng = np.random.default_rng(8)
    truth = truth_of_shared(0.0, rng)
    both, wider = [], []
    for _ in range(500):
        v, e, left = shared(150, 8, 3, 0.0, rng)
        both.append(crossed_interval(v, e, left))
        alone = ratio_interval(v, e)
        wider.append((both[-1].high - both[-1].low) / (alone.high - alone.low))
    assert 0.92 <= covered(both, truth) <= 0.99
    assert np.median(wider) < 1.1
