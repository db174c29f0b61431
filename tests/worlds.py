"""Simulated sample tables whose truth is known: a world for each claim of the paper.

``worlds.lengths(seed, …)`` returns samples. ``worlds.lengths.truth(seed, …)``, called alike, returns what they show on average, a
row per question (and model, effort, …): `error`, `bias2`, `variance`, and more. For answers these are Brier, and `p` holds the
chances of the target, of one favourite wrong answer, and of the two others.

With w the chance of being wrong, the error is 2w and the variance 1 - |p|². Four options therefore hold the incoherence of a
question between 1 - w and 1 - 2w/3; where it should not move the error, some questions are always answered rightly.
"""

from functools import wraps

import numpy as np
import polars as pl
from scipy.special import gammaincinv, ndtr

LETTERS, DIFFICULTY = np.array(list("ABCD")), np.array(["easy", "medium", "hard"])
EFFORTS = {"low": 1.0, "medium": 2.5, "high": 6.0}
RATES = {"small": ((0.02, 0.0), (0.05, 0.03), (0.1, 0.08)), "large": ((0.01, 0.0), (0.01, 0.02), (0.03, 0.05))}  # invalid, limit
SPREAD = 0.3  # sd of the log of a length around its question
WOBBLY = np.array([0.7, 0.1, 0.1, 0.1])  # bias² 0.12, variance 0.48
MAX_TOKENS, MAX_ACTIONS = 32_768, 250


def _world(made):
    """Of a function that returns samples and truth, one that returns samples, and has one that returns the truth."""

    @wraps(made)
    def samples(seed, **how):
        return made(seed, **how)[0]

    samples.truth = lambda seed, **how: made(seed, **how)[1]
    return samples


def _table(shape, **columns):
    """A table of columns that are spread over shape; those with one more axis hold lists."""
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    lists = {name: pl.Series(a.reshape(-1, a.shape[-1])).arr.to_list() for name, a in arrays.items() if a.ndim > len(shape)}
    return pl.DataFrame({name: lists[name] if name in lists else np.broadcast_to(a, shape).ravel() for name, a in arrays.items()})


def _names(letter, count):
    return np.char.mod(f"{letter}%04d", np.arange(count))


def _rows(shape, **columns):
    """Samples with columns that are spread over (…, question, sample)."""
    ids = {"question_id": _names("q", shape[-2])[:, None], "context_id": "c0", "sample_id": np.arange(shape[-1])}
    return _table(shape, **{"task": "simulated", "model": "m", "setting": "", **ids, **columns})


def _choices(rng, p, **columns):
    """Samples that answer, each drawn from its p (…, question, sample, option); `favoured` is the favourite wrong answer."""
    letters = LETTERS[rng.permuted(np.tile(np.arange(4), (p.shape[-3], 1)), axis=1)]
    drawn = (rng.random(p.shape[:-1])[..., None] > p.cumsum(-1)[..., :-1]).sum(-1)
    options = {"answer": letters[np.arange(len(letters))[:, None], drawn], "target": letters[:, :1], "n_choices": 4}
    return _rows(p.shape[:-1], **options, favoured=letters[:, 1:2], **columns)


def _points(rng, bias2, variance, shape, *, apart, dimensions=4, **columns):
    """Samples around a target, at a distance that repeats, with noise that does not: `apart` is the shape in which it differs."""
    target = rng.standard_normal((shape[-2], 1, dimensions))
    noise = np.sqrt(variance / dimensions)[..., None] * rng.standard_normal((*apart, dimensions))
    vector = target + np.sqrt(bias2)[..., None] * _unit(rng.standard_normal(target.shape)) + noise
    return _rows(shape, vector=vector, target_vector=np.broadcast_to(target, vector.shape), **columns)


def _unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _mean_lengths(rng, questions):
    """Mean tokens of each question, lognormal between 300 and 8,000."""
    return np.exp(rng.normal(np.log(1500), 0.8, questions)).clip(300, 8000)


def _tokens(rng, mean, shape):
    """Whole tokens of each sample; their mean is `mean`, their median exp(-SPREAD²/2) of it."""
    return np.rint(mean * np.exp(SPREAD * rng.standard_normal(shape) - SPREAD**2 / 2)).astype(int)


def _chances(wrong, variance):
    """The chances of target, favourite and two others that have this chance of being wrong, and this variance."""
    squares = 1 - variance - (1 - wrong) ** 2
    favourite = (wrong + np.sqrt(np.maximum(6 * squares - 2 * wrong**2, 0))) / 3
    return np.stack([1 - wrong, favourite, (wrong - favourite) / 2, (wrong - favourite) / 2], -1)


def _with_favourite(right):
    """Chances of which the favourite wrong answer has three fifths of what the target leaves."""
    return np.stack([right, 0.6 * (1 - right), 0.2 * (1 - right), 0.2 * (1 - right)], -1)


def _terms(bias2, variance, suffix=""):
    return {f"error{suffix}": bias2 + variance, f"bias2{suffix}": bias2, f"variance{suffix}": variance}


def _brier(p, suffix=""):
    """Error, bias² and variance of answers drawn from p, of which the first is right."""
    variance = 1 - (p * p).sum(-1)
    return _terms(2 * (1 - p[..., 0]) - variance, variance, suffix)


def _nested(questions, names):
    return np.char.add(_names("q", questions)[:, None], np.char.add("/", names))


@_world
def lengths(
    seed, *, questions=200, samples=10, slope=0.0, harder=0.0, models=("m",), within=0.0, contexts=1, waits=0.0,
    ratio=0.5, error=0.5
):  # fmt: skip
    """Questions whose incoherence (`ratio` at 1,000 tokens) changes by `slope`, and error by `harder`, when length doubles.

    Samples longer than their question's median are drawn from `p_long`, p mixed with `within` of a uniform guess. Incoherence
    changes by `waits` with each sd of the log density of "Wait". Contexts (of `samples` each) and models are alike. In the truth,
    `incoherence` is that of a question that is ever answered wrongly, `level` its expected error; both are clipped.
    """
    rng = np.random.default_rng(seed)
    length, doubt = _mean_lengths(rng, questions), rng.standard_normal(questions)
    doublings = np.log2(length / 1000)
    mixed = (ratio + slope * doublings + waits * doubt).clip(0.1, 0.9)
    wrong = np.minimum(1, (1 - mixed) * rng.uniform(1, 1.5, questions))
    level, density = (error + harder * doublings).clip(0.05, 2 * wrong), 0.002 * np.exp(doubt / 2)
    ever = rng.random(questions) < level / (2 * wrong)
    p = np.where(ever[:, None], _chances(wrong, 2 * mixed * wrong), np.eye(4)[0])
    long = (1 - within) * p + within / 4
    known = {"question_id": _names("q", questions), "length": length, "incoherence": mixed, "level": level}
    terms = {"wait_density": density, **_brier((p + long) / 2), **_brier(p, "_short"), **_brier(long, "_long")}
    shape = (len(models), questions, samples * contexts)
    tokens = _tokens(rng, length[:, None], shape)
    longer = (tokens + rng.random(shape)).argsort(-1).argsort(-1) >= (shape[-1] + 1) // 2
    columns = {"model": np.array(models)[:, None, None], "context_id": _nested(questions, _names("c", contexts).repeat(samples))}
    columns |= {"output_tokens": tokens, "output_chars": 4 * tokens + rng.integers(0, 40, shape)}
    columns |= {"actions": 1 + rng.poisson(tokens / 500), "wait_count": rng.poisson(density[:, None] * tokens)}
    each = np.where(longer[..., None], long[:, None], p[:, None])
    return _choices(rng, each, **columns), _table((questions,), **known, **terms, p=p, p_long=long)


@_world
def sizes(
    seed, *, questions=120, samples=8, sizes=(0.6, 1.7, 4, 8, 14, 32), bias_slope=-0.3, variance_slope=-0.3,
    hard_slope=None, families=("base",), scatter=0.0, kind="answers"
):  # fmt: skip
    """Models whose bias² and variance are powers of their size (in billions), times a factor of the question.

    Of kind `vector`, each question has exactly the bias² and variance of the truth; of kind `answers`, on average over a draw
    that all models share: always wrong, at times (`WOBBLY`), or never. Variance has the power `hard_slope`, if given, in the
    longest third (hard). A family has 0.8 of the error of the one before it; `scatter` is the sd of log factors of each model.
    """
    rng, size = np.random.default_rng(seed), np.array(sizes, dtype=float)[:, None]
    length, shape = _mean_lengths(rng, questions), (len(families), len(sizes), questions)
    third = 3 * length.argsort().argsort() // questions
    theta = (np.array([0.7, 1.0, 1.3])[third] * np.exp(0.1 * rng.standard_normal(questions))).clip(0.5, 1.5)
    slope = np.where(third == 2, variance_slope if hard_slope is None else hard_slope, variance_slope)
    law = theta * np.stack([0.4 * (size / size[0]) ** bias_slope * np.ones(questions), 0.16 * (size / size[0]) ** slope])
    own = np.exp(scatter * rng.standard_normal((2, *shape[:2], 1))) * 0.8 ** np.arange(len(families))[:, None, None]
    bias2, variance = law[:, None] * own
    names = np.array([[[f"{family}-{size:g}b"] for size in sizes] for family in families])
    known = {"model": names, "family": np.array(families)[:, None, None], "model_size": size, "difficulty": DIFFICULTY[third]}
    truth = _table(shape, **known, question_id=_names("q", questions), length=length, **_terms(bias2, variance))
    tokens = _tokens(rng, (length * np.exp(0.1 * rng.standard_normal(shape)))[..., None], (*shape, samples))
    columns = {name: np.asarray(values)[..., None] for name, values in known.items()} | {"output_tokens": tokens}
    if kind == "vector":
        return _points(rng, bias2[..., None], variance[..., None], tokens.shape, apart=tokens.shape, **columns), truth
    at_times = variance[..., None] / 0.48
    always = (bias2[..., None] - 0.12 * at_times) / 2
    if (always < 0).any() or (always + at_times > 1).any():
        raise ValueError("no draw of four options has this bias² and this variance on average; kind='vector' has")
    draw = rng.random((questions, 1))
    p = np.select([(draw < always)[..., None], (draw > 1 - at_times)[..., None]], [np.eye(4)[1], WOBBLY], np.eye(4)[0])
    return _choices(rng, np.broadcast_to(p, (*tokens.shape, 4)), **columns), truth


@_world
def budgets(seed, *, questions=150, samples=10, gain=0.08, natural=0.1):
    """One model at three efforts: accuracy rises by `gain` with each doubling of the budget that was asked for.

    Within an effort it falls by `natural` with each doubling of length over the question's median; the truth has both sides.
    """
    rng, times = np.random.default_rng(seed), np.array(list(EFFORTS.values()))[:, None]
    length, right = _mean_lengths(rng, questions) * times, rng.uniform(0.3, 0.5, questions) + gain * np.log2(times)
    if not 0.15 < right.min() <= right.max() < 0.85:
        raise ValueError("such a gain leaves no room for natural variation")
    half = natural * SPREAD / np.log(2) * np.sqrt(2 / np.pi)
    known = {"effort": np.array(list(EFFORTS))[:, None], "budget": (1000 * times).astype(int)}
    terms = {"accuracy": right, "accuracy_short": right + half, "accuracy_long": right - half, **_brier(_with_favourite(right))}
    truth = _table(right.shape, **known, question_id=_names("q", questions), length=length, **terms, p=_with_favourite(right))
    doublings = SPREAD / np.log(2) * rng.standard_normal((*right.shape, samples))
    tokens = np.rint(length[..., None] * 2**doublings * np.exp(-(SPREAD**2) / 2)).astype(int)
    columns = {name: values[..., None] for name, values in known.items()} | {"output_tokens": tokens}
    p = _with_favourite((right[..., None] - natural * doublings).clip(0, 1))
    return _choices(rng, p, setting=np.char.add("effort=", columns["effort"]), **columns), truth


@_world
def contexts(seed, *, questions=100, contexts=8, samples=4, between=0.3, within=0.3, crossed=False):
    """Contexts that draw their chances from a Dirichlet distribution; every question has both variances, of a sum below 0.75.

    Crossed contexts are the same for all questions, and better or worse for all of them together.
    """
    rng, variance = np.random.default_rng(seed), between + within
    least, most = 0.75 * (1 - np.sqrt(1 - variance / 0.75)), (1 - np.sqrt(max(0.0, 1 - 2 * variance))) / 2
    p = _chances(rng.uniform(least, most if variance < 0.5 else 0.75, questions), variance)
    known = {"question_id": _names("q", questions), "input_variance": between, "output_variance": within}
    shared, own = rng.standard_normal((contexts, 4)), rng.standard_normal((questions, contexts, 4))
    quantile = ndtr((shared + own) / np.sqrt(2) if crossed else own)  # of gammas, which are Dirichlet once divided by their sum
    drawn = np.maximum(gammaincinv(np.maximum(p, 1e-9)[:, None] * within / between, quantile), 1e-300)
    tokens = _tokens(rng, _mean_lengths(rng, questions)[:, None], (questions, contexts * samples))
    names, each = _names("c", contexts).repeat(samples), (drawn / drawn.sum(-1, keepdims=True)).repeat(samples, axis=1)
    rows = _choices(rng, each, context_id=names if crossed else _nested(questions, names), output_tokens=tokens)
    return rows, _table((questions,), **known, **_brier(p), p=p)


@_world
def agent_runs(seed, *, questions=100, slope=0.0, ratio=0.5):
    """Tasks of 3 to 12 unit tests, 5 to 10 runs each; incoherence (`ratio` at 60 actions) changes by `slope` when actions double.

    Fragile tests pass with a chance that is the incoherence, the others always. `MAX_ACTIONS` stop a run, and change no test.
    """
    rng = np.random.default_rng(seed)
    mean = np.exp(rng.normal(np.log(60), 0.6, questions)).clip(8, 240)
    tests, runs = rng.integers(3, 13, questions), rng.integers(5, 11, questions)
    fragile, passing = rng.binomial(tests, 0.6), (ratio + slope * np.log2(mean / 60)).clip(0.05, 0.95)
    known = {"question_id": _names("q", questions), "actions": mean, "tests": tests, "runs": runs, "incoherence": passing}
    error = fragile / tests * (1 - passing)
    truth = _table((questions,), **known, **_terms(error * (1 - passing), error * passing))
    passed = (np.arange(12) >= fragile[:, None, None]) | (rng.random((questions, 10, 12)) < passing[:, None, None])
    actions = np.minimum(_tokens(rng, mean[:, None], (questions, 10)), MAX_ACTIONS)
    columns = {"actions": actions, "output_tokens": _tokens(rng, 400 * actions, actions.shape)}
    columns["status"] = np.where(actions == MAX_ACTIONS, "limit", "ok")
    rows = _rows(actions.shape, tests=passed, **columns, most=runs[:, None], count=tests[:, None])
    rows = rows.filter(pl.col("sample_id") < pl.col("most")).with_columns(pl.col("tests").list.head("count"))
    return rows.drop("most", "count"), truth


@_world
def embeddings(seed, *, questions=150, samples=10, exponent=0.5, level=0.1, dimensions=16, unit=True):
    """Embeddings without a target; their variance is `level` at 1,000 tokens and a power of the mean length."""
    rng = np.random.default_rng(seed)
    length = _mean_lengths(rng, questions)
    variance = level * (length / 1000) ** exponent
    if unit and variance.max() >= 1:
        raise ValueError("vectors of length one have a variance below one")
    centre, noise = _unit(rng.standard_normal((questions, 1, dimensions))), rng.standard_normal((questions, samples, dimensions))
    off = _unit(noise - (noise * centre).sum(-1, keepdims=True) * centre) * np.sqrt(variance)[:, None, None]
    vector = (np.sqrt(1 - variance)[:, None, None] if unit else 1) * centre + off
    rows = _rows((questions, samples), vector=vector, output_tokens=_tokens(rng, length[:, None], (questions, samples)))
    return rows, _table((questions,), question_id=_names("q", questions), length=length, variance=variance)


@_world
def steps(seed, *, questions=1, starts=64, sizes=(0.05, 0.2, 0.8), steps=64, rates=(0.08, 0.04), slopes=(-0.5, -0.2)):
    """Rollouts (samples) to an optimum: bias² and variance fall as exp(-rate step) and as powers of the size (in millions).

    To be measured by step. The noise of one start points the same way at all steps. The truth has a row per size and step.
    """
    rng, size, step = np.random.default_rng(seed), np.array(sizes, dtype=float)[:, None], np.arange(steps + 1)
    bias2 = np.exp(-rates[0] * step) * (size / size[0]) ** slopes[0]
    variance = 0.5 * np.exp(-rates[1] * step) * (size / size[0]) ** slopes[1]
    known = {"model": np.array([f"optimizer-{size:g}m" for size in sizes])[:, None], "model_size": size, "step": step}
    shape, apart = (len(sizes), len(step), questions, starts), (len(sizes), 1, questions, starts)
    columns = {name: values[..., None, None] for name, values in known.items()}
    rows = _points(rng, bias2[..., None, None], variance[..., None, None], shape, apart=apart, **columns)
    return rows, _table(shape[:2], **known, **_terms(bias2, variance))


@_world
def formats(seed, *, questions=60, samples=8, rates=RATES):
    """Models at three efforts, with `rates` of answers that could not be read, and of those that a limit stopped: both null."""
    rng, shape = np.random.default_rng(seed), (len(rates), len(EFFORTS), questions, samples)
    invalid, limit = np.moveaxis(np.array(list(rates.values())), -1, 0)
    names = {"model": np.array(list(rates))[:, None], "effort": np.array(list(EFFORTS))}
    truth = _table(invalid.shape, **names, invalid=invalid, limit=limit)
    failed = list(rng.random(shape) < np.stack([invalid, invalid + limit])[..., None, None])
    reason = np.select(failed, [rng.choice(["no pattern matched", "not an option"], shape), "max_tokens"], "")
    mean = _mean_lengths(rng, questions) * np.array(list(EFFORTS.values()))[:, None]
    tokens = np.where(reason == "max_tokens", MAX_TOKENS, _tokens(rng, mean[..., None], shape).clip(max=MAX_TOKENS - 1))
    p = np.broadcast_to(_with_favourite(rng.uniform(0.3, 0.8, questions))[:, None], (*shape, 4))
    columns = {name: values[..., None, None] for name, values in names.items()} | {"output_tokens": tokens}
    columns |= {"setting": np.char.add("effort=", columns["effort"]), "reason": reason}
    columns["status"] = np.select(failed, ["invalid", "limit"], "ok")
    ok, rows = pl.col("status") == "ok", _choices(rng, p, **columns)
    return rows.with_columns(answer=pl.when(ok).then("answer"), reason=pl.when(~ok).then("reason")), truth


@_world
def pursuit(seed, *, questions=150, samples=10, differ=0.2):
    """A model trained for `target` where `intended` was meant: on a share of exactly `differ`, the favourite wrong answer.

    The truth has the terms against the target, and (`_intended`) against what was intended.
    """
    rng = np.random.default_rng(seed)
    apart, p = rng.permutation(questions) < round(differ * questions), _with_favourite(1 - rng.uniform(0.1, 0.7, questions))
    terms = _brier(p) | _brier(np.where(apart[:, None], p[:, [1, 0, 2, 3]], p), "_intended")
    truth = _table((questions,), question_id=_names("q", questions), differs=apart, **terms, p=p)
    tokens = _tokens(rng, _mean_lengths(rng, questions)[:, None], (questions, samples))
    rows = _choices(rng, p[:, None].repeat(samples, axis=1), differs=apart[:, None], output_tokens=tokens)
    return rows.with_columns(intended=pl.when("differs").then("favoured").otherwise("target")).drop("differs"), truth
