"""Differences where questions share contexts; and what a gate must not rest on: rare errors, missing models, wrong words."""

import numpy as np
import polars as pl
import pytest
from test_compare import answers, codes
from test_gate import gate, outcomes

import hotmess
from hotmess.decide.gate import kept
from hotmess.infer import Ratio, crossed_difference, crossed_interval, mean_interval
from hotmess.leave_out import LeftOut

HARD, SLIPS = 0.03, 0.1


def ratio(values, contexts):
    """The mean of values (question, context) as a ratio of sums, with what it is without each context."""
    questions, count = values.shape
    without = (values.sum(1, keepdims=True) - values) / (count - 1)
    question, context = (ids.ravel() for ids in np.indices(values.shape))
    ones = np.ones(values.size)
    left = LeftOut(question, np.asarray(contexts)[context], ones, ones, without.ravel())
    return Ratio(values.mean(1), np.ones(questions), left)


@pytest.mark.parametrize("benchmark", [False, True])
def test_beside_a_model_that_is_never_wrong_the_interval_is_that_of_the_other(benchmark):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 1)) + rng.normal(0, 0.5, 6) + rng.normal(size=(40, 6))
    one, none = ratio(values, np.arange(6)), ratio(np.zeros((40, 6)), np.arange(6))
    found = crossed_difference(one, none, benchmark=benchmark)
    alone = crossed_interval(one.above, one.below, one.left, benchmark=benchmark, plain=True)
    assert (found.value, found.low, found.high) == pytest.approx((alone.value, alone.low, alone.high))


def test_what_the_same_prompts_do_to_both_cancels_and_other_prompts_add():
    rng = np.random.default_rng(1)
    question, prompt, other = rng.normal(size=(60, 1)), rng.normal(0, 2, 8), rng.normal(0, 2, 8)
    noise = rng.normal(size=(2, 60, 8))
    same = crossed_difference(
        ratio(question + prompt + noise[0], np.arange(8)), ratio(question + prompt + noise[1], np.arange(8))
    )
    apart = crossed_difference(
        ratio(question + prompt + noise[0], np.arange(8)), ratio(question + other + noise[1], np.arange(8, 16))
    )
    assert same.high - same.low < 0.4
    assert apart.high - apart.low > 2


@pytest.mark.parametrize("shared", [True, False])
def test_two_runs_of_one_model_in_contexts_of_their_own_seldom_differ(shared):
    rng = np.random.default_rng(2)
    found = []
    for _ in range(400):
        question = rng.normal(size=(50, 1))
        runs = [
            ratio(question + rng.normal(0, 0.4, 8) + rng.normal(size=(50, 8)), np.arange(8) + 8 * n * (not shared))
            for n in (0, 1)
        ]
        found.append(crossed_difference(*runs).p < 0.05)
    assert 0.01 < np.mean(found) < 0.095  # of 400; with questions alone .5


def test_compare_leaves_contexts_out_where_questions_share_them():
    rng = np.random.default_rng(3)
    chances = 1 / (1 + np.exp(-rng.normal(0.3, 1.5, (30, 1)) - rng.normal(0, 0.5, (2, 1, 5))))  # (model, question, context)
    tables = []
    for model, chance in zip("ab", chances, strict=True):
        right = rng.random((30, 5, 3)) < chance[..., None]
        question, context, sample = (ids.ravel() for ids in np.indices(right.shape))
        columns = {
            "question_id": question,
            "context_id": context,
            "sample_id": sample,
            "answer": np.where(right.ravel(), "A", "B"),
        }
        tables.append(pl.DataFrame(columns).with_columns(model=pl.lit(model), target=pl.lit("A"), n_choices=2))
    both = hotmess.compare(pl.concat(tables), draws=0)
    assert both.interval == "two-way jackknife over questions and contexts"
    assert "questions-only" not in codes(both)
    found = gate(tables[1], baseline=kept(tables[0]), max_error_increase=0.5)
    assert any(notice.code == "questions-only" for notice in found.notices)


# ---------------------------------------------------------------------------------------------- rare errors


def rare(rng, runs, questions):
    """Runs in which a few questions carry the error, and others slip now and then."""
    return np.where(rng.random((runs, questions)) < HARD, 1.0, 0.1 * (rng.random((runs, questions)) < SLIPS))


def test_rare_errors_that_were_not_seen_do_not_pass():
    truth = HARD + (1 - HARD) * SLIPS * 0.1
    runs = rare(np.random.default_rng(4), 1000, 100)
    plain = np.mean([mean_interval(terms).high <= truth for terms in runs])
    guarded = np.mean([mean_interval(np.append(terms, 1.0)).high <= truth for terms in runs])
    assert plain > 0.08
    assert guarded < 0.045


def test_a_run_with_a_slip_is_never_better_off_than_one_without():
    right = np.array([[1.0, 0, 0, 0]] * 60)
    perfect = answers(right, 10, 0)
    slip = perfect.with_columns(answer=pl.when(pl.int_range(pl.len()) == 7).then(pl.lit("B")).otherwise("answer"))
    ends = [gate(table, max_error=1.0).decided[0].found.high for table in (perfect, slip)]
    assert ends[0] <= ends[1]
    rises = [gate(table, baseline=perfect, max_error_increase=1.0).decided[0].found.high for table in (perfect, slip)]
    assert rises[0] <= rises[1]
    for most in (ends[0] + 1e-9, 0.001):
        assert outcomes(gate(perfect, max_error=most)) == ["pass" if most > ends[0] else "unsure"]


def test_rare_errors_and_unlike_numbers_of_samples_are_said():
    rare_ = np.vstack([np.tile([[1.0, 0, 0, 0]], (60, 1)), np.tile([[0.5, 0.5, 0, 0]], (12, 1))])
    few, many = answers(rare_, 5, 0), answers(rare_, 20, 1)
    assert "few-effective" not in codes(hotmess.compare(many, answers(rare_, 20, 2), draws=0))
    assert "very unlike numbers of samples" in codes(hotmess.compare(few, many, draws=0))["few-effective"]


def test_an_interval_that_cannot_be_had_decides_nothing():
    table = answers(np.full((30, 4), 0.25), 8, 1).with_columns(repo=pl.lit("one"))
    found = gate(table, max_error=0.9, max_incoherence=0.5, rules=hotmess.Rules(cluster="repo"))
    assert outcomes(found) == ["unsure", "unsure"]
    text = found.to_json()
    assert '"value_low": null' in text
    assert "Infinity" not in text


def test_few_right_answers_do_not_pass_an_incoherence():
    right = np.array([[1.0, 0, 0, 0]] * 60)
    assert outcomes(gate(answers(right[:5], 5, 0), max_incoherence=0.5)) == ["unsure"]
    assert outcomes(gate(answers(right, 5, 0), max_incoherence=0.5)) == ["pass"]
    few = np.vstack([right, [[0.0, 1, 0, 0]] * 6])
    (one,) = gate(answers(few, 5, 0), max_incoherence=0.95).decided
    assert (one.outcome, one.needs) == ("unsure", "more questions with errors: a few carry nearly all of it")


def test_a_model_that_is_gone_is_not_passed():
    p = np.tile([[0.7, 0.1, 0.1, 0.1]], (60, 1))
    old = pl.concat([answers(p, 8, seed, model=name) for seed, name in enumerate(["m1", "m2"])])
    new = answers(p, 8, 2, model="m1")
    found = gate(new, baseline=old, max_error_increase=0.5)
    assert {one.group["model"]: one.outcome for one in found.decided} == {"m1": "pass", "m2": "unsure"}
    assert found.outcome == "unsure"
    (said,) = [notice for notice in found.notices if notice.code == "unpaired"]
    assert "m2" in said.found
    by_file = gate(new, baseline=kept(old), max_error_increase=0.5)
    assert by_file.outcome == "unsure"


def test_a_rise_that_more_samples_would_decide_says_how_many():
    p = np.tile([[0.6, 0.2, 0.1, 0.1]], (400, 1))
    old, new = answers(p, 6, 0), answers(p, 6, 1)
    rose = gate(new, baseline=old, max_error_increase=1.0).decided[0].found
    (one,) = gate(new, baseline=old, max_error_increase=0.1 * rose.value + 0.9 * rose.high).decided
    assert one.outcome == "unsure"
    assert "more samples per question" in one.needs


def test_a_run_beside_its_own_baseline_has_not_changed():
    p = np.tile([[0.6, 0.2, 0.1, 0.1]], (40, 1))
    table = answers(p, 7, 0)
    found = gate(table, baseline=kept(table), max_error_increase=0.5)
    assert found.decided[0].found.value == 0.0
    assert found.outcome == "pass"


# ---------------------------------------------------------------------------------------------- words


def test_where_only_what_is_said_changed_no_question_is_called_messy():
    before, after = np.tile([[0.95, 0.05, 0, 0]], (60, 1)), np.tile([[0.05, 0.95, 0, 0]], (60, 1))
    found = hotmess.compare(answers(before, 10, 0), answers(after, 10, 1))
    words = found.tests["into"].value_counts()
    assert dict(words.iter_rows()).get("systematic", 0) >= 50
    assert dict(words.iter_rows()).get("messy", 0) <= 6


def test_targets_that_differ_are_told_apart_also_from_a_file():
    p = np.tile([[0.7, 0.3, 0, 0]], (40, 1))
    old = answers(p, 6, 0)
    new = answers(p, 6, 1).with_columns(target=pl.when(pl.col("question_id") < "q006").then(pl.lit("B")).otherwise("target"))
    for baseline in (old, kept(old)):
        found = gate(new, baseline=baseline, max_error_increase=0.9)
        assert found.decided[0].questions == 34
        assert any(notice.code == "other-target" for notice in found.notices)
