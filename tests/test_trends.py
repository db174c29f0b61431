"""Effects, trends and laws: oracles, refits by brute force, invariances, and how often 95 % intervals miss."""

from itertools import permutations

import numpy as np
import pytest
from conftest import numbers
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hotmess.infer import (
    Effect,
    correlation,
    difference_of_means,
    difference_of_ratios,
    effect,
    holm,
    logit_slope,
    mean_trend,
    permuted_trend,
    power_law,
    ppml,
    ppml_over_sizes,
    ratio_trend,
    two_variables,
)

SIZES = np.array([1.0, 2, 4, 8, 16, 32])


def exact(*lists):
    return [np.array(numbers(each), dtype=float) for each in lists]


def se_of(found, df):
    return (found.high - found.low) / 2 / stats.t.ppf(0.5 + found.level / 2, df)


def same(found, wanted, scale=1.0, tolerance=1e-9):
    near = pytest.approx
    expected = [scale * wanted.value, scale * wanted.low, scale * wanted.high]
    assert [found.value, found.low, found.high] == near(expected, rel=tolerance, abs=tolerance, nan_ok=True)
    assert found.p == near(wanted.p, rel=1e-6, abs=1e-12, nan_ok=True)


def nothing(found):
    return bool(np.isnan([found.value, found.low, found.high, found.p]).all())


def made(seed, n=60):
    """Variance, error and place of n questions, a third of them without error."""
    rng = np.random.default_rng(seed)
    error = rng.exponential(size=n) * (rng.random(n) > 0.33)
    return error * rng.random(n), error, rng.normal(7, 0.8, n)


def over_sizes(seed, questions=40, sizes=6):
    rng = np.random.default_rng(seed)
    return rng.exponential(size=(sizes, questions)) * rng.exponential(size=questions), SIZES[:sizes]


seeds = st.integers(0, 2**32 - 1)


# ---- oracles


def test_oracle_of_the_trend(oracle):
    case = oracle("trend_slope")
    found = ratio_trend(*exact(*(case["input"][name] for name in "VEx")))
    assert found.value == pytest.approx(case["expect"]["slope"]["value"], abs=case["tol"])
    assert se_of(found, 3) ** 2 == pytest.approx(case["expect"]["var_jackknife"]["value"], abs=case["tol"])


def test_oracle_of_the_paired_difference(oracle):
    case = oracle("paired_difference")
    found = difference_of_ratios(*exact(*(case["input"][name] for name in ("VA", "EA", "VB", "EB"))))
    wanted = {name: value["value"] for name, value in case["expect"].items()}
    assert found.value == pytest.approx(wanted["difference"], abs=case["tol"])
    assert se_of(found, 4) ** 2 == pytest.approx(wanted["var_jackknife"], abs=case["tol"])
    assert found.p == pytest.approx(wanted["p_value"], abs=case["tol"])


def test_oracle_of_scaling(oracle):
    case = oracle("scaling_slopes")
    sizes, bias, variance = exact(*(case["input"][name] for name in ("sizes", "bias2", "variance")))
    wanted = {name: value["value"] for name, value in case["expect"].items()}
    found = [power_law(bias[:, None], sizes), power_law(variance[:, None], sizes)]
    found.append(logit_slope(variance[:, None], bias[:, None], sizes))
    for law, name in zip(found, ("slope_bias", "slope_variance", "slope_logit_incoherence"), strict=True):
        assert law.slope.value == pytest.approx(wanted[name], abs=case["tol"])
        assert np.isnan(law.question_se)  # one question


def test_oracle_of_counts(oracle):
    case = oracle("ppml_binary")
    found = ppml(*exact(case["input"]["V"], case["input"]["x"]))
    assert found.slope.value == pytest.approx(case["expect"]["slope"]["value"], abs=case["tol"])
    assert se_of(found.slope, 4) ** 2 == pytest.approx(case["expect"]["var_hc1"]["value"], abs=case["tol"])
    assert found.intercept == pytest.approx(0, abs=1e-12)  # the mean at x = 0 is 1


# ---- brute force


def brute(figure, rows, df, clusters=None):
    """Effect from refits without one unit each."""
    labels = np.arange(len(rows[0])) if clusters is None else clusters
    without = np.array([figure(*(row[labels != one] for row in rows)) for one in np.unique(labels)])
    return effect(figure(*rows), without, df=len(without) - df)


def weighted_slope(v, e, x):
    root = np.sqrt(e)
    return float(np.linalg.lstsq(np.stack([root, x * root], 1), v / root, rcond=None)[0][1])


@pytest.mark.parametrize("clustered", [False, True])
@given(seeds)
def test_trend_without_each_question_is_a_refit(clustered, seed):
    v, e, x = made(seed, 30)
    some = e > 0
    clusters = np.random.default_rng(seed).integers(0, 9, 30) if clustered else None
    wanted = brute(weighted_slope, [row[some] for row in (v, e, x)], 2, clusters[some] if clustered else None)
    same(ratio_trend(v, e, x, clusters=clusters), wanted, tolerance=1e-7)


@given(seeds)
def test_trend_of_means_is_least_squares(seed):
    rng = np.random.default_rng(seed)
    values, x = rng.standard_normal((2, 20))
    same(mean_trend(values, x), brute(lambda v, x: float(np.polyfit(x, v, 1)[0]), [values, x], 2), tolerance=1e-7)


def ratios_apart(va, ea, vb, eb):
    return float(va.sum() / ea.sum() - vb.sum() / eb.sum())


@pytest.mark.parametrize("clustered", [False, True])
@given(seeds)
def test_difference_without_each_question_is_a_refit(clustered, seed):
    (va, ea, _), (vb, eb, _) = made(seed), made([seed, 1])
    clusters = np.random.default_rng(seed).integers(0, 12, len(ea)) if clustered else None
    same(difference_of_ratios(va, ea, vb, eb, clusters=clusters), brute(ratios_apart, [va, ea, vb, eb], 1, clusters))


@given(seeds)
def test_paired_means_are_a_paired_t_test(seed):
    a, b = np.random.default_rng(seed).standard_normal((2, 15))
    found, wanted = difference_of_means(a, b), stats.ttest_rel(a, b)
    assert found.p == pytest.approx(wanted.pvalue, abs=1e-10)
    assert (found.low, found.high) == pytest.approx(tuple(wanted.confidence_interval()), abs=1e-10)


def poisson_slope(v, x):
    """Newton's method on both parameters, as in any textbook."""
    design, beta = np.stack([np.ones(len(x)), x], 1), np.array([np.log(v.mean()), 0.0])
    for _ in range(50):
        mu = np.exp(design @ beta)
        beta = beta + np.linalg.solve((design * mu[:, None]).T @ design, design.T @ (v - mu))
    return float(beta[1])


@given(seeds)
def test_counts_are_a_poisson_regression(seed):
    v, _, x = made(seed)
    found = ppml(v, x)
    mu = np.exp(found.intercept + found.slope.value * x)
    assert [(v - mu).sum(), (v - mu) @ x] == pytest.approx([0, 0], abs=1e-8)
    design = np.stack([np.ones(len(x)), x], 1)
    bread = np.linalg.inv((design * mu[:, None]).T @ design)
    sandwich = bread @ (design * ((v - mu) ** 2)[:, None]).T @ design @ bread * len(x) / (len(x) - 2)
    assert se_of(found.slope, len(x) - 2) == pytest.approx(np.sqrt(sandwich[1, 1]), rel=1e-6)


@given(seeds)
def test_counts_without_each_cluster_are_refits(seed):
    v, _, x = made(seed)
    clusters = np.random.default_rng(seed).integers(0, 8, len(x))
    same(ppml(v, x, clusters=clusters).slope, brute(poisson_slope, [v, x - 7], 2, clusters), tolerance=1e-6)


def fisher(a, b, ranks):
    r = stats.spearmanr(a, b).statistic if ranks else stats.pearsonr(a, b).statistic
    return float(np.arctanh(r))


@pytest.mark.parametrize("ranks", [False, True])
@given(seeds)
def test_correlation_without_each_question_is_one_anew(ranks, seed):
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 8, 20).astype(float)
    b = a + rng.integers(0, 9, 20)
    found, z = correlation(a, b, ranks=ranks), brute(lambda a, b: fisher(a, b, ranks), [a, b], 2)
    assert np.arctanh([found.value, found.low, found.high]) == pytest.approx([z.value, z.low, z.high], abs=1e-8)
    assert found.p == pytest.approx(z.p, rel=1e-6)


def test_large_ranks_are_done_in_blocks():
    a, b = np.random.default_rng(1).standard_normal((2, 1500))
    assert correlation(a, b + a, ranks=True).value == pytest.approx(stats.spearmanr(a, a + b).statistic)


def studentised(v, e, x):
    slope, n = weighted_slope(v, e, x), len(e)
    centre = (x * e).sum() / e.sum()
    residual = v - (v.sum() / e.sum() + slope * (x - centre)) * e
    spread = (e * (x - centre) ** 2).sum()
    return slope / np.sqrt(n / (n - 2) * (((x - centre) * residual) ** 2).sum()) * spread


def test_permutations_come_near_all_orders():
    rng = np.random.default_rng(3)
    e = rng.exponential(size=6)
    v, x = e * rng.random(6), rng.standard_normal(6)
    drawn = np.array([abs(studentised(v, e, np.array(order))) for order in permutations(x)])
    wanted = (drawn >= abs(studentised(v, e, x)) * (1 - 1e-9)).mean()
    assert permuted_trend(v, e, x, draws=20_000, rng=rng) == pytest.approx(wanted, abs=0.015)


def test_permutations_are_the_same_in_small_blocks(monkeypatch):
    v, e, x = made(5)
    whole = permuted_trend(v, e, x, draws=500, rng=np.random.default_rng(1))
    monkeypatch.setattr("hotmess.infer.trends._BLOCK", 1000)
    assert permuted_trend(v, e, x, draws=500, rng=np.random.default_rng(1)) == whole


def test_holm_by_hand():
    adjusted = holm(np.array([0.04, 0.01, np.nan, 0.03, 0.9]))
    assert adjusted == pytest.approx([0.09, 0.04, np.nan, 0.09, 0.9], nan_ok=True)
    assert len(holm(np.array([]))) == 0


@given(seeds)
def test_laws_have_the_parts_that_the_design_says(seed):
    values, sizes = over_sizes(seed)
    found = power_law(values, sizes)
    n, x = values.shape[1], np.log(sizes)
    logs = np.log([np.delete(values, q, axis=1).mean(1) for q in range(n)]).T
    spread = (n - 1) ** 2 / n * np.cov(logs)
    design = np.stack([np.ones(6), x], 1)
    fit, (rss,), *_ = np.linalg.lstsq(design, np.log(values.mean(1)), rcond=None)
    leave = np.eye(6) - design @ np.linalg.pinv(design)
    square = ((x - x.mean()) ** 2).sum()
    c = (x - x.mean()) / square
    question, off, noise = c @ spread @ c, rss / 4 / square, np.trace(leave @ spread) / 4 / square
    shared = max(0, question - noise)
    assert [found.intercept, found.slope.value] == pytest.approx(fit)
    assert [found.question_se**2, found.model_se**2] == pytest.approx([question, max(0, off - noise)], abs=1e-12)
    assert found.se**2 == pytest.approx(off + shared)
    assert found.df == pytest.approx((off + shared) ** 2 / (off**2 / 4 + shared**2 / (n - 1)))
    assert se_of(found.slope, found.df) == pytest.approx(found.se)


@given(seeds)
def test_influences_give_nearly_the_same_question_part(seed):
    values, sizes = over_sizes(seed, questions=2000)
    psi = values / values.mean(1, keepdims=True) - 1
    z = np.log(sizes) - np.log(sizes).mean()
    assert power_law(values, sizes).question_se == pytest.approx(np.sqrt(((z @ psi / (z @ z)) ** 2).sum()) / 2000, rel=0.02)


@given(seeds)
def test_logit_slope_is_variance_slope_less_bias_slope(seed):
    (variance, sizes), (bias, _) = over_sizes(seed), over_sizes(seed // 2 + 7)
    whole = logit_slope(variance, bias, sizes)
    parts = power_law(variance, sizes), power_law(bias, sizes)
    assert whole.slope.value == pytest.approx(parts[0].slope.value - parts[1].slope.value)
    assert whole.intercept == pytest.approx(parts[0].intercept - parts[1].intercept)
    ratio = variance.sum(1) / (variance + bias).sum(1)
    assert whole.slope.value == pytest.approx(stats.linregress(np.log(sizes), np.log(ratio / (1 - ratio))).slope)


@given(seeds)
def test_ppml_over_sizes_without_each_question_is_a_refit(seed):
    values, sizes = over_sizes(seed, questions=12)
    found = ppml_over_sizes(values, sizes)
    x = np.log(sizes)
    wanted = brute(lambda *rows: poisson_slope(np.array(rows).mean(1), x), list(values), 1)
    same(found.slope, wanted, tolerance=1e-6)
    assert found.question_se == pytest.approx(se_of(found.slope, 11))
    assert np.exp(found.intercept + found.slope.value * x).sum() == pytest.approx(values.mean(1).sum())


def test_ppml_over_sizes_takes_a_mean_below_nothing():
    values = np.array([[4.0, 2, 3], [1, 1, 2], [0.5, -0.6, 0]])
    assert power_law(values, SIZES[:3]) is None
    assert logit_slope(np.abs(values), values, SIZES[:3]) is None
    assert ppml_over_sizes(values, SIZES[:3]).slope.value < -1


def cells(seed, questions=60, models=3, buckets=4, slopes=(0.0, 0.0)):
    """Rows of a grid of cells, each question in one bucket of each model."""
    rng = np.random.default_rng(seed)
    bucket = rng.integers(0, buckets, (models, questions))
    length, size = np.exp(np.arange(buckets)), SIZES[:models]
    cell = (bucket + buckets * np.arange(models)[:, None]).ravel()
    lengths, size = np.tile(length, models), np.repeat(size, buckets)
    share = 1 / (1 + np.exp(-slopes[0] * np.log(lengths) - slopes[1] * np.log(size)))
    error = rng.exponential(size=models * questions) * np.tile(rng.exponential(size=questions), models)
    variance = error * rng.beta(4 * share[cell], 4 * (1 - share[cell]))
    return variance, error, cell, np.tile(np.arange(questions), models), lengths, size


def plane(v, e, cell, length, size):
    """One plane by weighted least squares, with the floor."""
    y, noise = [], []
    for one in range(len(length)):
        a, b = v[cell == one], e[cell == one]
        r, n = a.sum() / b.sum(), len(a)
        y.append(np.log(r / (1 - r)))
        noise.append(n / (n - 1) * ((a - r * b) ** 2).sum() / b.sum() ** 2 / (r * (1 - r)) ** 2)
    root = 1 / np.sqrt(np.maximum(noise, np.median(noise) / 4))
    design = np.stack([np.ones(len(length)), np.log(length), np.log(size)], 1)
    return np.linalg.lstsq(design * root[:, None], np.array(y) * root, rcond=None)[0]


def test_plane_without_each_question_is_a_refit():
    v, e, cell, question, length, size = cells(1)
    found = two_variables(v, e, cell, question, length=length, size=size)
    fits = [plane(*(row[question != q] for row in (v, e, cell)), length, size) for q in range(60)]
    whole = plane(v, e, cell, length, size)
    assert found.intercept == pytest.approx(whole[0])
    for at, one in ((1, found.length), (2, found.size)):
        same(one, effect(whole[at], np.array(fits)[:, at], df=57), tolerance=1e-8)
    assert found.apart.value == pytest.approx(abs(whole[1]) * found.length_sd - abs(whole[2]) * found.size_sd)


def test_plane_finds_what_matters():
    v, e, cell, question, length, size = cells(4, questions=600, slopes=(0.6, -0.2))
    found = two_variables(v, e, cell, question, length=length, size=size)
    assert found.length.low < 0.6 < found.length.high
    assert found.size.low < -0.2 < found.size.high
    assert found.apart.low > 0
    shares = two_variables(v, e, cell, question, length=length, size=size, scale="log")
    assert 0 < shares.length.value < found.length.value


def test_no_plane_over_a_line():
    v, e, cell, question, length, size = cells(3)
    assert two_variables(v, e, cell, question, length=length, size=length**2) is None
    assert two_variables(v, e, cell, question, length=np.ones(12), size=size) is None
    assert two_variables(v * 0, e, cell, question, length=length, size=size) is None


# ---- invariances


@given(seeds, st.floats(0.01, 100), st.floats(-50, 50))
def test_trend_knows_no_order_and_follows_the_scale_of_x(seed, factor, shift):
    v, e, x = made(seed)
    found, order = ratio_trend(v, e, x), np.random.default_rng(seed).permutation(len(x))
    same(ratio_trend(v[order], e[order], x[order]), found, tolerance=1e-7)
    same(ratio_trend(v, e, factor * x + shift), found, 1 / factor, tolerance=1e-6)
    same(ratio_trend(3 * v, e, x), found, 3, tolerance=1e-7)
    same(ratio_trend(3 * v, 3 * e, x), found, tolerance=1e-7)


@given(seeds)
def test_questions_without_error_change_no_trend(seed):
    v, e, x = made(seed)
    some = e > 0
    same(ratio_trend(v[some], e[some], x[some]), ratio_trend(v, e, x))
    same(ratio_trend(v, e + 1e-14, x), ratio_trend(v, e, x), tolerance=1e-8)


@given(seeds)
def test_a_constant_ratio_has_no_trend_and_a_line_has_its_slope(seed):
    _, e, x = made(seed)
    found = ratio_trend(0.3 * e, e, x)
    assert (found.value, found.p) == (0, 1)
    assert permuted_trend(0.3 * e, e, x, draws=20, rng=np.random.default_rng(1)) == 1
    assert ratio_trend((1 - 0.1 * x) * e, e, x).value == pytest.approx(-0.1)


@given(seeds)
def test_questions_asked_twice_shrink_errors_by_the_root_of_two(seed):
    v, e, x = made(seed, 900)
    values, sizes = over_sizes(seed, questions=400, sizes=3)
    for one, two, near in [
        (ratio_trend(v, e, x), ratio_trend(*np.tile([v, e, x], 2)), 0.05),
        (ppml(v, x).slope, ppml(*np.tile([v, x], 2)).slope, 0.05),
        (difference_of_ratios(v, e, e[::-1] / 2, e), difference_of_ratios(*np.tile([v, e, e[::-1] / 2, e], 2)), 0.05),
        (power_law(values, sizes).slope, power_law(np.tile(values, 2), sizes).slope, 0.05),
    ]:
        assert two.value == pytest.approx(one.value)
        assert (one.high - one.low) / (two.high - two.low) == pytest.approx(np.sqrt(2), rel=near)


@given(seeds)
def test_clusters_of_one_question_change_nothing(seed):
    v, e, x = made(seed)
    values, sizes = over_sizes(seed)
    labels = np.array([f"q{i}" for i in np.random.default_rng(seed).permutation(len(x))])
    same(ratio_trend(v, e, x, clusters=labels), ratio_trend(v, e, x))
    same(mean_trend(v, x, clusters=labels), mean_trend(v, x))
    same(difference_of_ratios(v, e, e - v, e, clusters=labels), difference_of_ratios(v, e, e - v, e))
    same(difference_of_means(v, e, clusters=labels), difference_of_means(v, e))
    names = labels[: values.shape[1]]
    for law in (power_law, ppml_over_sizes):
        same(law(values, sizes, clusters=names).slope, law(values, sizes).slope)
    same(logit_slope(values, values[::-1], sizes, clusters=names).slope, logit_slope(values, values[::-1], sizes).slope)


@given(seeds)
def test_clusters_of_copies_are_the_questions_themselves(seed):
    v, e, x = made(seed)
    twice, labels = np.tile([v, e, x], 2), np.tile(np.arange(len(x)), 2)
    same(ratio_trend(*twice, clusters=labels), ratio_trend(v, e, x))
    values, sizes = over_sizes(seed)
    copied = power_law(np.tile(values, 2), sizes, clusters=np.tile(np.arange(40), 2))
    same(copied.slope, power_law(values, sizes).slope)


@given(seeds)
def test_swapping_the_sides_turns_the_sign(seed):
    (va, ea, _), (vb, eb, _) = made(seed), made([seed, 1])
    there, back = difference_of_ratios(va, ea, vb, eb), difference_of_ratios(vb, eb, va, ea)
    assert (back.value, back.low, back.high) == pytest.approx((-there.value, -there.high, -there.low))
    assert back.p == pytest.approx(there.p)


# ---- dumb cases


def test_what_is_printed():
    assert str(Effect(0.041, 0.012, 0.07, 0.006)) == "0.041 [0.012, 0.07], p = 0.006"
    assert str(Effect(0.041, 0.022, 0.06, 0.0000006)) == "0.041 [0.022, 0.06], p < 0.001"
    assert str(Effect(0.0, np.nan, np.nan, 1.0)) == "0, p = 1"
    assert str(Effect(0.5, np.nan, np.nan, np.nan)) == "0.5"


def test_without_error_or_spread_there_is_no_trend():
    v, e, x = made(1)
    zero = np.zeros(60)
    assert nothing(ratio_trend(zero, zero, x))
    assert nothing(ratio_trend(v, e, np.full(60, 0.1)))
    assert nothing(ratio_trend(v, e, zero))
    assert nothing(ratio_trend(v[:2], e[:2] + 1, x[:2]))
    assert nothing(ratio_trend(v, e, x, clusters=np.arange(60) % 2))
    assert nothing(ratio_trend(np.array([]), np.array([]), np.array([])))
    assert np.isnan(permuted_trend(zero, zero, x, draws=10, rng=np.random.default_rng(1)))
    assert nothing(ppml(zero, x).slope)
    assert nothing(ppml(v, zero).slope)


def test_a_slope_that_hangs_on_one_question_has_no_interval():
    x = np.zeros(10)
    x[3] = 1 / 3
    found = ratio_trend(np.linspace(0, 1, 10), np.ones(10), x)
    assert np.isfinite(found.value)
    assert np.isnan([found.low, found.high, found.p]).all()


def test_values_at_one_end_only_grow_without_end():
    x = np.arange(8.0)
    assert nothing(ppml(np.eye(8)[7], x).slope)
    assert nothing(ppml(np.eye(8)[0], x).slope)
    assert ppml_over_sizes(np.eye(6)[5][:, None] * np.ones(4), SIZES) is None


def test_steep_growth_is_still_found():
    x = np.linspace(0, 1, 50)
    for slope in (-60.0, -5.0, 0.0, 5.0, 60.0):
        assert ppml(np.exp(2 + slope * x), x).slope.value == pytest.approx(slope, abs=1e-8)


def test_differences_of_nothing():
    v, e, _ = made(1)
    zero = np.zeros(60)
    assert nothing(difference_of_ratios(v, e, zero, zero))
    same_twice = difference_of_ratios(v, e, v, e)
    assert (same_twice.value, same_twice.p) == (0, 1)
    assert np.isnan(same_twice.low)
    certain = difference_of_ratios(e, e, e / 2, e)
    assert certain.value == 0.5
    assert np.isnan(certain.p)
    one = difference_of_ratios(v[:1], e[:1], e[:1] / 2, e[:1])
    assert np.isnan([one.low, one.p]).all()
    assert nothing(difference_of_means(zero[:0], zero[:0]))
    assert np.isnan(difference_of_means(v[:1], e[:1]).p)
    assert difference_of_means(1e-9 * v, 1e-9 * e).p == pytest.approx(difference_of_means(v, e).p)


def test_a_side_with_one_question_with_error_has_no_interval():
    v, e, _ = made(2)
    alone = np.eye(60)[5]
    assert np.isnan(difference_of_ratios(v, e, alone / 2, alone).p)


def test_correlation_of_constants_and_of_copies():
    a = np.random.default_rng(1).standard_normal(20)
    for ranks in (False, True):
        assert nothing(correlation(a, np.ones(20), ranks=ranks))
        assert nothing(correlation(a[:3], a[:3], ranks=ranks))
        copy = correlation(a, -7 * a + 3, ranks=ranks)
        assert copy.value == -1
        assert np.isnan(copy.low)
        assert np.isnan(correlation(a, np.eye(20)[3], ranks=ranks).p)  # all of b is one question


def test_laws_of_few_sizes_say_what_they_lack():
    values, sizes = over_sizes(3)
    few = power_law(values[:3], sizes[:3])
    assert np.isnan(few.model_se)
    assert few.df == 39
    assert power_law(values[:1], sizes[:1]) is None
    assert power_law(values, np.full(6, 7.0)) is None
    assert ppml_over_sizes(values, np.full(6, 7.0)) is None
    line = sizes[:, None] ** 0.5 * values[0]
    assert power_law(line, sizes).slope.value == pytest.approx(0.5)
    assert power_law(line, sizes).model_se < 1e-9


# ---- how often 95 % intervals miss


def hardness(n, x, rng):
    """Ten answers to each question; the further right in x, the fewer are solved, while incoherence is the same everywhere."""
    p = rng.dirichlet((0.8, 0.4, 0.4, 0.4), n)
    p[rng.random(n) > 1 / (1 + np.exp(-x))] = np.eye(4)[0]
    votes = rng.multinomial(10, p)
    return 1 - (votes * (votes - 1)).sum(1) / 90, 2 - votes[:, 0] / 5


def test_no_trend_is_seldom_found_where_long_is_hard():
    rng = np.random.default_rng(1)
    closed, permuted = [], []
    for at in range(400):
        x = rng.standard_normal(100)
        v, e = hardness(100, x, rng)
        closed.append(ratio_trend(v, e, x).p)
        if at < 200:
            permuted.append(permuted_trend(v, e, x, draws=99, rng=rng))
    assert 0.02 <= np.mean(np.array(closed) < 0.05) <= 0.09
    assert 0.01 <= np.mean(np.array(permuted) <= 0.05) <= 0.1


@pytest.mark.parametrize("sizes", [4, 6])
@pytest.mark.parametrize("scatter", [0.0, 0.3])
def test_laws_hold_for_other_questions_and_other_models(sizes, scatter):
    rng = np.random.default_rng([sizes, int(10 * scatter)])
    x, hits = np.log(SIZES[:sizes])[:, None], 0
    for _ in range(400):
        mean = np.exp(rng.standard_normal(80) - 0.4 * x + scatter * rng.standard_normal((sizes, 1)))
        found = power_law(rng.gamma(0.8, mean), SIZES[:sizes]).slope
        hits += found.low <= -0.4 <= found.high
    assert 0.92 <= hits / 400 <= 0.98


def test_growth_of_values_that_are_mostly_zero():
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(400):
        x = rng.standard_normal(150)
        v = rng.gamma(0.8, np.exp(0.3 * x)) * (rng.random(150) > 0.37)
        found = ppml(v, x).slope
        hits += found.low <= 0.3 <= found.high
    assert 0.91 <= hits / 400 <= 0.98


def test_correlation_of_ranks_with_a_long_tail():
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(400):
        a, b = rng.standard_normal((2, 60))
        found = correlation(np.exp(2 * a), np.exp(2 * (a + np.sqrt(3) * b)), ranks=True)
        hits += found.low <= 6 / np.pi * np.arcsin(0.25) <= found.high
    assert 0.92 <= hits / 400 <= 0.985
