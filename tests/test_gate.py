"""A gate: pass, fail, or unsure; how often it is wrong, and what it needs. And which questions turned since the baseline."""

import json
import re
from dataclasses import replace
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from scipy.special import stdtrit
from test_compare import METHOD, MIXED, answers, arm, codes, column, pair
from test_coverage import population, sampled

import hotmess
from hotmess import Limits
from hotmess.asked import Rules, ask
from hotmess.decide.arms import arms_of, two_runs
from hotmess.decide.compare import RUNS, compared
from hotmess.decide.decided import together
from hotmess.decide.limits import Limit
from hotmess.decide.turned import turned
from hotmess.errors import UsageError
from hotmess.infer.sequences import apart_sequence, mean_sequence, ratio_sequence, sequence_factor, tightness
from hotmess.measure import measurement
from hotmess.prepare import prepare


def gate(table, *, draws=0, rules=Rules(), baseline=None, peeking=None, **limits):
    return hotmess.gate(table, Limits(**limits), rules=rules, baseline=baseline, peeking=peeking, draws=draws)


def outcomes(found):
    return [one.outcome for one in found.decided]


# ---------------------------------------------------------------------------------------------- decisions


def test_pass_fail_and_unsure():
    table = answers(MIXED, 6, 0)
    (row,) = hotmess.measure(table).rows
    ends = gate(table, max_error=1).decided[0].found
    assert ends.low <= row.error.low < row.error.high <= ends.high
    for most, outcome in ((ends.high + 1e-9, "pass"), (row.error.value, "unsure"), (ends.low - 1e-9, "fail")):
        (one,) = gate(table, max_error=most).decided
        assert (one.outcome, one.now, one.found.value) == (outcome, row.error.value, row.error.value)
        assert (one.needs != "") == (outcome == "unsure")
    found = gate(table, max_error=1.99, max_incoherence=row.incoherence.value, max_variance=0.001)
    assert [(one.limit.figure, one.outcome) for one in found.decided] == [
        ("error", "pass"), ("variance", "fail"), ("incoherence", "unsure")
    ]  # fmt: skip
    assert (found.outcome, found.said()) == ("fail", "FAIL: of 3 limits 1 beyond, 1 unsure, 1 within")
    assert gate(table, max_error=1.99, max_incoherence=row.incoherence.value).outcome == "unsure"
    assert gate(table, max_error=1.99, max_variance=0.99).outcome == "pass"


def test_what_fails_alone_is_unsure_among_many():
    table = answers(MIXED, 6, 0)
    most = gate(table, max_error=1).decided[0].found.low - 1e-9
    many = gate(table, max_error=most, max_bias2=1.99, max_variance=0.99, max_incoherence=0.99)
    assert (gate(table, max_error=most).outcome, many.outcome) == ("fail", "unsure")


def test_a_world_at_its_limits_seldom_fails():
    """Three models that did not change, error and variance of each: six chances to fail wrongly."""
    rng, runs, failed = np.random.default_rng(1), 160, 0
    methods = [replace(METHOD, level=level) for level in (0.95, 1 - 0.05 / 6)]
    alone = 0
    for _ in range(runs):
        found = []
        for _ in range(3):
            p = population("mixed", 60, rng)
            arms = pair(arm(*sampled(p, 5, rng)), arm(*sampled(p, 5, rng)))
            limits = [Limit(figure, 0.0, increase=True) for figure in ("error", "variance")]
            found += [together(methods, arms, limit, None, nested=False) for limit in limits]
        failed += any(one.outcome == "fail" for one in found)
        alone += any(one.found.low > 0 for one in found)
    assert failed / runs <= 0.025 + 4 * np.sqrt(0.025 * 0.975 / runs)
    assert alone / runs > 0.07  # what the level of one decision would do


@pytest.mark.parametrize(
    ("unit", "about", "off"), [("questions", "population", 0.2), ("samples per question", "benchmark", 0.06)]
)
def test_what_is_needed_decides(unit, about, off):
    """A new run of the size that was asked for: the estimate moves, so not every time."""
    p, rules, asked, decided = population("mixed", 4000, np.random.default_rng(2)), Rules(about=about), 0, 0
    for seed in range(30):
        own = np.random.default_rng(seed).choice(4000, 40, replace=False)
        most = 2 * float(1 - p[own if about == "benchmark" else slice(None), 0].mean()) + off
        (one,) = gate(answers(p[own], 5, [seed, 0]), rules=rules, max_error=most).decided
        number = re.search(rf"~([\d,]+) more {unit}", one.needs)
        if one.outcome != "unsure" or number is None or (more := int(number[1].replace(",", ""))) > 1000:
            continue
        asked += 1
        if about == "population":
            again = answers(p[np.random.default_rng(seed).choice(4000, 40 + more, replace=False)], 5, [seed, 1])
        else:
            again = answers(p[own], 5 + more, [seed, 1])
        decided += gate(again, rules=rules, max_error=most).outcome != "unsure"
    assert asked >= 10
    assert decided / asked >= 0.6


def test_no_errors_at_all():
    few, many = (answers([(1.0, 0, 0, 0)] * count, 6, 0) for count in (8, 300))
    found = gate(few, max_error=0.3, max_incoherence=0.5)
    assert outcomes(found) == ["unsure", "unsure"]  # of eight questions, none wrong, a fifth may be
    assert "more questions" in found.decided[0].needs
    assert gate(many, max_error=0.3).outcome == "pass"
    assert gate(many, max_incoherence=0.5).outcome == "pass"
    for table, outcome in ((few, "unsure"), (many, "pass")):
        (risen,) = gate(table, max_incoherence_increase=0.1, baseline=table).decided
        assert (risen.outcome, np.isnan(risen.found.value)) == (outcome, True)
    worse = gate(answers([(0.5, 0.5, 0, 0)] * 8, 6, 0), max_incoherence_increase=0.1, baseline=few)
    assert worse.outcome == "unsure"
    assert "errors in the baseline" in worse.decided[0].needs


def test_one_question_decides_nothing():
    found = gate(answers([(0.5, 0.5, 0, 0)], 6, 0), max_error=0.01, max_incoherence=0.01, max_bias2=1.9)
    assert set(outcomes(found)) == {"unsure"}
    json.loads(found.to_json(), parse_constant=pytest.fail)


def test_questions_that_are_all_alike_pass_only_with_many_of_them():
    alike = [pl.DataFrame([{"question_id": q, "sample_id": k, "answer": "AB"[k == 0], "target": "A", "n_choices": 2}
                           for q in range(count) for k in range(4)]) for count in (5, 500)]  # fmt: skip
    assert [gate(one, max_error=0.6).outcome for one in alike] == ["unsure", "pass"]
    assert [gate(one, max_error_increase=0.05, baseline=one).outcome for one in alike] == ["unsure", "pass"]


def test_exactly_these_questions_are_decided_by_their_samples():
    table = answers([(1.0, 0, 0, 0), (0.0, 1, 0, 0)] * 10, 12, 0).with_columns(
        answer=pl.when(pl.col("sample_id") == 0).then(pl.lit("C")).otherwise("answer")
    )
    most = hotmess.measure(table).rows[0].error.value + 0.15
    assert gate(table, max_error=most).outcome == "unsure"
    found = gate(table, max_error=most, rules=Rules(about="benchmark"))
    assert found.outcome == "pass"
    assert found.decided[0].how != gate(table, max_error=most).decided[0].how


# ---------------------------------------------------------------------------------------------- looks


def test_sequences_are_those_of_the_oracle(oracle):
    case = oracle("asymptotic_cs_multiplier")
    found = sequence_factor(case["input"]["t"], case["input"]["rho2"], level=1 - case["input"]["alpha"])
    assert found == pytest.approx(case["expect"]["b"]["value"], abs=case["tol"])
    best = sequence_factor(200, tightness(200))
    assert all(best <= 1.001 * sequence_factor(200, tightness(200) * times) for times in (0.5, 0.8, 1.25, 2))


def test_the_sequence_of_a_ratio_ends_where_it_is_just_told_from_the_data():
    v, e = sampled(MIXED, 6, np.random.default_rng(0))
    found = ratio_sequence(v, e, expected=40)
    factor = sequence_factor(40, tightness(40))
    for end in (found.low, found.high):
        assert abs((v - end * e).mean()) == pytest.approx(factor * (v - end * e).std(ddof=1))
    assert found.low < found.value == v.sum() / e.sum() < found.high
    assert ratio_sequence(np.eye(3)[0], np.eye(3)[0], expected=40).high == np.inf  # the error is not told from none
    rise = apart_sequence(v, e, v, e, expected=40)
    assert (rise.value, rise.low, rise.high) == (0, 0, 0)
    assert np.isnan(apart_sequence(v, 0 * e, v, e, expected=40).value)
    assert np.isnan(mean_sequence(v[:1], expected=40).low)


def test_who_peeks_fifty_times_is_seldom_wrong():
    """Incoherence at its limit: the chance that any of fifty looks is a false alarm, and that of intervals for one look."""
    rng, paths, looks = np.random.default_rng(3), 1000, np.arange(10, 501, 10)
    p = population("mixed", 200_000, rng)
    true = (1 - (p**2).sum(-1)).sum() / (2 * (1 - p[:, 0])).sum()
    v, e = sampled(p[rng.integers(0, len(p), paths * 500)], 5, rng)
    terms = (v - true * e).reshape(paths, 500)
    mean = terms.cumsum(1)[:, looks - 1] / looks
    spread = np.sqrt(((terms**2).cumsum(1)[:, looks - 1] - looks * mean**2) / (looks - 1))
    rho2 = tightness(200)
    half = np.array([sequence_factor(int(look), rho2) for look in looks])
    assert (np.abs(mean) > half * spread).any(1).mean() <= 0.05
    assert (np.abs(mean) > stdtrit(looks - 1, 0.975) / np.sqrt(looks) * spread).any(1).mean() > 0.15


def test_peeking_widens_and_refuses_what_does_not_come_in_one_by_one():
    table, old = answers(MIXED, 6, 0), answers(MIXED, 6, 1)
    limits = {"max_error": 0.9, "max_incoherence": 0.5, "max_error_increase": 0.1, "max_incoherence_increase": 0.1}
    once, always = (gate(table, baseline=old, peeking=peeking, **limits) for peeking in (None, 40))
    for one, all_ in zip(once.decided, always.decided, strict=True):
        assert all_.found.high - all_.found.low > one.found.high - one.found.low
        assert all_.how.startswith("confidence sequence")
    for rules in (Rules(about="benchmark"), Rules(cluster="target")):
        with pytest.raises(UsageError, match="one by one"):
            gate(table, max_error=1, peeking=40, rules=rules)


# ---------------------------------------------------------------------------------------------- questions that turned

RIGHT, WRONG, LOST = (1.0, 0, 0, 0), (0.0, 1, 0, 0), (0.25,) * 4


def changed(first, second, *, draws=999, seed=0, **rules):
    """The test of every question that two runs share."""
    asked = ask(two_runs(prepare(first), prepare(second), RUNS), Rules(**rules))
    measured = measurement(asked)
    (one,) = compared(asked, measured, arms_of(asked, measured.rows, RUNS), runs=RUNS).pairs
    return turned(asked, *one.groups, set(one.pair.first.questions), draws=draws, seed=seed)


def vectors(rng, bias, sd, samples):
    """Samples around a point at a distance from the target."""
    values = bias[:, None, None] * np.eye(3)[0] + sd[:, None, None] * rng.standard_normal((len(bias), samples, 3))
    question, sample = (ids.ravel() for ids in np.indices(values.shape[:2]))
    columns = {"question_id": question, "sample_id": sample, "vector": values.reshape(-1, 3).tolist()}
    return pl.DataFrame(columns).with_columns(target_vector=pl.lit([0.0, 0.0, 0.0]))


def by_hand(letters):
    """Variance and bias² of answers, of which A is right."""
    n, k = np.array([letters.count(letter) for letter in "ABCD"]), len(letters)
    variance = 1 - (n * (n - 1)).sum() / (k * (k - 1))
    return np.array([variance, 2 * (1 - n[0] / k) - variance])


def test_every_deal_of_a_small_question(monkeypatch):
    first, second = "AAAB", "BCBDA"
    places = [set(chosen) for chosen in combinations(range(9), 5)]
    dealt = [
        ["".join(c for at, c in enumerate(first + second) if (at in chosen) == side) for side in (0, 1)] for chosen in places
    ]
    change = np.array([by_hand(second) - by_hand(first), *(by_hand(new) - by_hand(old) for old, new in dealt)])
    rare = (np.abs(change)[None] >= np.abs(change)[:, None] - 1e-12).mean(1)
    exact = [*rare[0], (rare.min(1) <= rare[0].min()).mean()]

    rows = [("q", k, c, "A", 4) for k, c in enumerate(first)], [("q", k, c, "A", 4) for k, c in enumerate(second)]
    runs = [pl.DataFrame(r, schema=["question_id", "sample_id", "answer", "target", "n_choices"], orient="row") for r in rows]
    runs = [pl.concat([run, run.with_columns(question_id=pl.lit("r"))]) for run in runs]  # a pair needs two questions
    drawn = changed(*runs, draws=9999)
    monkeypatch.setattr(
        "hotmess.decide.turned._deals", lambda *_: np.array([[at in chosen for at in range(9)] for chosen in places])
    )
    found = changed(*runs)
    assert [found.variance[0], found.bias[0]] == pytest.approx(change[0])
    assert [found.p_variance[0], found.p_bias[0], found.p[0]] == pytest.approx(exact)
    error = 4 * np.sqrt(np.array(exact) * (1 - np.array(exact)) / 499) + 1 / 127
    assert (np.abs(np.array([drawn.p_variance[0], drawn.p_bias[0], drawn.p[0]]) - exact) <= error).all()


def test_two_looks_at_a_question_that_did_not_change_are_one_test():
    level = np.full(900, 0.5)
    rng = np.random.default_rng(0)
    found = changed(vectors(rng, level, level, 6), vectors(rng, level, level, 9), draws=399)
    for p in (found.p_variance, found.p_bias, found.p):
        assert abs((p <= 0.05).mean() - 0.05) <= 4 * np.sqrt(0.05 * 0.95 / 900)
    assert (np.minimum(found.p_variance, found.p_bias) <= 0.05).mean() > 0.07


def test_contexts_are_dealt_whole():
    """Samples of a context are copies here: dealt one by one, questions would turn that did not."""
    tables = [answers([LOST] * 400, 5, side) for side in (0, 1)]
    thrice = [pl.concat([one.with_columns(context_id="sample_id", sample_id=pl.lit(k)) for k in range(3)]) for one in tables]
    whole = changed(*thrice, draws=299)
    assert whole.dealt == "contexts"
    assert (whole.p <= 0.05).mean() <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 400)
    apart = [one.with_columns(sample_id=pl.col("context_id") * 3 + pl.col("sample_id")).drop("context_id") for one in thrice]
    naive = changed(*apart, draws=299)
    assert naive.dealt == "samples"
    assert (naive.p <= 0.05).mean() > 0.15


def test_of_the_questions_that_are_named_few_are_false():
    rng, false = np.random.default_rng(4), []
    level, moved = np.full(100, 0.5), np.where(np.arange(100) < 30, 4.0, 1.0)
    for seed in range(10):
        found = changed(vectors(rng, level, level, 10), vectors(rng, level * moved, level * moved, 10), draws=499, seed=seed)
        named = [int(found.question[place]) for place, _ in found.named()]
        assert len(named) > 15
        false.append(np.mean(np.array(named) >= 30))
    assert np.mean(false) <= 0.05 * 70 / 100 + 4 * np.std(false) / np.sqrt(10)


def test_what_a_question_turned():
    before, after = [RIGHT, RIGHT, LOST, WRONG, LOST, RIGHT, WRONG], [LOST, WRONG, RIGHT, RIGHT, WRONG, RIGHT, WRONG]
    found = hotmess.compare(answers(before, 20, 0), answers(after, 20, 1))
    into = dict(zip(found.tests["question"], found.tests["into"], strict=True))
    words = {"q000": "messy", "q001": "systematic", "q002": "less messy", "q003": "less systematic", "q004": "systematic"}
    assert into == words
    shown = dict(zip(found.tests["question"], found.tests["what"], strict=True))
    assert (shown["q000"], shown["q001"]) == ("variance", "bias2")
    assert codes(found)["turned"].startswith("5 of 7 questions turned, by samples dealt anew")


def test_few_samples_can_name_no_question_and_that_is_said():
    found = hotmess.compare(answers(MIXED, 3, 0), answers(MIXED, 3, 1), draws=199)
    assert "too few samples or deals, for so many questions, to name a single one" in codes(found)["turned"]


def of_kind(kind, seed):
    rows, right = answers(MIXED, 6, seed), pl.col("answer") == "A"
    ids = ["question_id", "sample_id"]
    if kind == "score":
        return rows.select(*ids, score=right.cast(pl.Float64))
    if kind == "tests":
        return rows.select(*ids, tests=pl.concat_list(right, pl.col("answer") != "B"))
    if kind == "probabilities":
        return rows.select(*ids, "target", prob_A=right * 0.5 + 0.25, prob_B=~right * 0.5 + 0.25)
    return vectors(np.random.default_rng(seed), np.ones(40), np.ones(40), 6) if kind == "vector" else rows


@pytest.mark.parametrize("kind", ["answers", "score", "probabilities", "tests", "vector"])
def test_questions_of_every_kind_are_tested(kind):
    first, second = of_kind(kind, 0), of_kind(kind, 1)
    found = changed(first, second, draws=99)
    assert prepare(first).kind == kind
    assert len(found.question) == 40
    assert ((found.p > 0) & (found.p <= 1)).all()
    terms = hotmess.compare(first, second, draws=0)
    assert column(terms, "difference")["variance"] == pytest.approx(found.variance.mean())
    assert column(terms, "difference")["bias2"] == pytest.approx(found.bias.mean())


def test_names_of_answers_losses_of_logs_and_the_same_seed_change_no_test():
    runs = [answers(MIXED, 6, seed) for seed in (0, 1)]
    names = dict(zip("ABCD", "zcxb", strict=True))
    renamed = [run.with_columns(pl.col("answer", "target").replace(names)) for run in runs]
    found = changed(*runs, draws=199)
    for same in (
        changed(*renamed, draws=199),
        changed(*runs, draws=199),
        *(changed(*runs, draws=199, loss=x) for x in ("kl", "mode")),
    ):
        assert same.p == pytest.approx(found.p)
        assert same.variance == pytest.approx(found.variance)
    assert (changed(*runs, draws=199, seed=1).p != found.p).any()
