"""Every test vector that belongs to the core: exact fractions and 50-digit arithmetic, computed elsewhere by brute force."""

import numpy as np
import pytest
from conftest import CASES, number, numbers

import hotmess
from hotmess.arrays import sample_table
from hotmess.decompose import decompose
from hotmess.infer import (
    benchmark_interval,
    crossed_interval,
    effective_questions,
    ratio_interval,
    ratio_without_bias,
)
from hotmess.infer.intervals import _context_variance, _jackknife, _within_questions
from hotmess.leave_out import leave_out
from hotmess.prepare import prepare
from hotmess.tally import tally


def by_family(*families):
    return pytest.mark.parametrize(
        "case", [c for c in CASES.values() if c["family"] in families and c["id"] != "invalid_answers"], ids=lambda c: c["id"]
    )


def predictions(case):
    """The predictions and the target of a case, as `hotmess.decompose` takes them: one question."""
    given = case["input"]
    for name in ("samples", "contexts", "F", "tests"):
        if name in given:
            return [numbers(given[name])], [given.get("target", numbers(given.get("y", [])) or None)]
    raise AssertionError(case["id"])


def expect(case, found, names):
    for theirs, ours in names.items():
        if theirs in case["expect"]:
            wanted = number(case["expect"][theirs]["value"])
            assert found[ours] == pytest.approx(wanted, abs=case["tol"]), theirs


UNBIASED = {"error": "error", "bias2": "bias", "variance": "variance", "within": "output"}
PLUGIN = {"error": "error", "bias2_plugin": "bias", "variance_plugin": "variance", "error_flat": "error"}


def single(terms):
    return {n: getattr(terms, n)[0] for n in ("error", "bias", "variance", "output")} | {n: v[0] for n, v in terms.more.items()}


@by_family("brier", "squared", "coverage", "embedding", "anorm")
def test_squared_family(case):
    values, target = predictions(case)
    loss = {"brier": "brier", "coverage": "coverage", "embedding": "spread"}.get(case["family"], "squared")
    metric = np.array(case["input"]["A"], dtype=float) if "A" in case["input"] else None
    targets = None if loss in ("coverage", "spread") else target
    if loss in ("squared", "spread"):
        values = [[[float(v) for v in point] for point in question] for question in values]
    for plugin, names in ((False, UNBIASED), (True, PLUGIN)):
        terms = hotmess.decompose(values, targets, loss=loss, plugin=plugin, metric=metric, n_choices=case["input"].get("C"))
        expect(case, single(terms), names)


def test_invalid_answers(oracle):
    case = oracle("invalid_answers")
    given = case["input"]
    for theirs, ours in {"class": "extra_class", "uniform": "uniform", "drop": "drop"}.items():
        wanted = {"expect": case["expect"][ours], "tol": case["tol"]}
        for plugin, names in ((False, UNBIASED), (True, PLUGIN)):
            terms = hotmess.decompose([given["samples"]], [given["target"]], invalid=theirs, plugin=plugin, n_choices=given["C"])
            expect(wanted, single(terms), names)


@by_family("brier_nested")
def test_contexts(case):
    given = case["input"]
    terms = hotmess.decompose([given["contexts"]], [given["target"]], n_choices=given["C"])
    found = single(terms)
    found["between"] = found["variance"] - found["output"]
    found["single_context_bias2"] = found["error"] - found["output"]
    expect(case, found, UNBIASED | {"between": "between", "single_context_bias2": "single_context_bias2"})
    flat = hotmess.decompose([given["contexts"]], [given["target"]], n_choices=given["C"], plugin=True)
    expect(case, single(flat), {"error_flat": "error", "variance_plugin_flat": "variance"})


KL = {
    "error": "error",
    "variance_plugin": "variance_plugin",
    "variance_crossfit": "variance_crossfit",
    "variance_mid": "variance",
    "bias_mid": "bias",
}


@by_family("kl")
def test_kl(case):
    values, target = predictions(case)
    given = case["input"]
    terms = hotmess.decompose(values, target, loss="kl", delta=float(given["delta"]), n_choices=given.get("C"))
    expect(case, single(terms), KL)
    plain = hotmess.decompose(values, target, loss="kl", delta=float(given["delta"]), n_choices=given.get("C"), plugin=True)
    expect(case, single(plain), {"error": "error", "bias": "bias", "variance_plugin": "variance"})


def test_kl_with_contexts(oracle):
    case = oracle("kl_nested")
    given = case["input"]
    values = [numbers(given["contexts"])]
    terms = hotmess.decompose(values, [given["target"]], loss="kl", delta=0.0)
    expect(case, single(terms), KL)
    plain = single(hotmess.decompose(values, [given["target"]], loss="kl", delta=0.0, plugin=True))
    plain["between"] = plain["variance"] - plain["output"]
    expect(case, plain, {"within_plugin": "output", "between_plugin": "between"})


@by_family("mode")
def test_mode(case):
    values, target = predictions(case)
    terms = hotmess.decompose(values, target, loss="mode", n_choices=case["input"]["C"])
    expect(case, single(terms), {k: v for k, v in KL.items() if k != "bias_mid"})
    plain = hotmess.decompose(values, target, loss="mode", plugin=True)
    expect(case, single(plain), {"variance_plugin": "variance", "bias_plugin": "bias"})


@by_family("zero_one")
def test_zero_one(case):
    values, target = predictions(case)
    found = single(hotmess.decompose(values, target, loss="zero_one"))
    expect(case, found, {"error": "error"})
    names = {
        "bias": "bias",
        "net_variance": "variance",
        "variance_unbiased": "variance_unbiased",
        "variance_biased": "variance_biased",
    }
    expect({"expect": case["expect"]["average"], "tol": case["tol"]}, found, names)


def test_interval(oracle):
    case = oracle("pooled_incoherence_ci")
    v, e = (np.array(numbers(case["input"][name])) for name in "VE")
    found = ratio_interval(v, e)
    low, high = (end["value"] for end in case["expect"]["ci_logit_jackknife"])
    assert (found.value, found.low, found.high) == pytest.approx((case["expect"]["R"]["value"], low, high), abs=case["tol"])
    assert _jackknife(v, e) == pytest.approx(case["expect"]["se_jackknife"]["value"], abs=case["tol"])
    assert effective_questions(e) == pytest.approx(case["expect"]["n_eff_error"]["value"], abs=case["tol"])
    assert ratio_without_bias(v, e) == pytest.approx(case["expect"]["jackknife_bias_corrected"]["value"], abs=case["tol"])


def test_boundary_rule(oracle):
    case = oracle("ci_boundary_rule")
    found = ratio_interval(*(np.array(numbers(case["input"][name])) for name in "VE"))
    assert found.value == 1
    assert (found.low, found.high) == pytest.approx([end["value"] for end in case["expect"]["ci"]], abs=case["tol"])


def test_fixed_benchmark(oracle):
    case = oracle("fixed_benchmark_se")
    made = tally(prepare(sample_table(case["input"]["samples"], [case["input"]["target"]] * 3)))
    terms, left = decompose(made), leave_out(made)
    ratio = terms.variance.sum() / terms.error.sum()
    wanted = [w["value"] for w in case["expect"]["per_question_var"]]
    assert ratio == pytest.approx(case["expect"]["R"]["value"], abs=case["tol"])
    assert _within_questions(left, ratio, 3) == pytest.approx(wanted, abs=case["tol"])
    found = benchmark_interval(terms.variance, terms.error, left)
    slope = np.sqrt(case["expect"]["var"]["value"]) / (ratio * (1 - ratio))
    assert np.log(found.high / (1 - found.high)) - np.log(ratio / (1 - ratio)) == pytest.approx(1.959963984540054 * slope)


def test_crossed_contexts(oracle):
    case = oracle("crossed_contexts_variance")
    given, wanted = case["input"], {name: value["value"] for name, value in case["expect"].items()}
    made = tally(prepare(sample_table(given["samples"], [given["target"]] * 2)))
    terms, left = decompose(made), leave_out(made)
    v, e, ratio = terms.variance, terms.error, wanted["R"]
    assert v.sum() / e.sum() == pytest.approx(ratio, abs=case["tol"])
    assert _jackknife(v, e) ** 2 == pytest.approx(wanted["var_question"], abs=case["tol"])
    assert _context_variance(v, e, left) == pytest.approx(wanted["var_context"], abs=case["tol"])
    both = _within_questions(left, ratio, 2).sum() / e.sum() ** 2
    assert both == pytest.approx(wanted["var_interaction"], abs=case["tol"])
    found = crossed_interval(v, e, left)
    assert found.low <= ratio_interval(v, e).low
    assert found.high >= ratio_interval(v, e).high


def test_unbiased_by_enumeration(oracle):
    """The mean over all 27 ways that three samples can fall is the exact value; that of the plug-in is not."""
    case = oracle("brier_unbiased_enumeration")
    p, k, target = numbers(case["input"]["p"]), case["input"]["K"], case["input"]["target"]
    ways = np.array(np.meshgrid(*[range(3)] * k)).reshape(k, -1).T
    chance = np.prod(np.array(p)[ways], axis=1)
    for plugin, names in ((False, UNBIASED), (True, PLUGIN)):
        terms = hotmess.decompose(ways, [target] * len(ways), plugin=plugin)
        found = {name: float(chance @ getattr(terms, name)) for name in ("error", "bias", "variance")}
        expect(case, found, names)


def test_kl_plugin_loses_what_an_ensemble_would_have_left(oracle):
    """E[plug-in at K] = V - V of a geometric ensemble of K; with K = 2 both are halves of an exact value."""
    case = oracle("kl_ensemble_identity")
    support = numbers(case["input"]["support"])
    ways = [[support[a], support[b]] for a in (0, 1) for b in (0, 1)]
    terms = hotmess.decompose(ways, [case["input"]["target"]] * 4, loss="kl", plugin=True, delta=0.0)
    assert terms.variance.mean() == pytest.approx(case["expect"]["expected_plugin"]["value"], abs=case["tol"])
    lost = case["expect"]["variance"]["value"] - case["expect"]["geometric_variance"]["value"]
    assert terms.variance.mean() == pytest.approx(lost, abs=case["tol"])
