"""Collecting: the metrics that Inspect shows, against what hotmess measures on the same table."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import hotmess

pytest.importorskip("inspect_ai")

from inspect_ai.scorer import SampleScore, Score

from hotmess.collect import metrics
from hotmess.errors import HotmessError

FIGURES = ("incoherence", "incoherence_low", "incoherence_high", "error", "bias2", "variance")


def figures(table):
    """What `hotmess.measure` finds, as the metric names it; NaN where it refuses."""
    try:
        row = hotmess.measure(table).rows[0]
    except HotmessError:
        return dict.fromkeys(FIGURES, math.nan)
    r = row.incoherence
    return dict(zip(FIGURES, (r.value, r.low, r.high, row.error.value, row.bias2.value, row.variance.value), strict=True))


def as_given(found):
    return pytest.approx(found, nan_ok=True, rel=1e-9, abs=1e-12)


def incoherence(facts):
    """The metric over scores, given as pairs of a question and what its score is made of."""
    return metrics.incoherence()([SampleScore(score=Score(**made), sample_id=q) for q, made in facts])


def noted(**facts):
    """The metadata in which our scorers tell the metric what it must know."""
    return {"hotmess": facts}


def drawn(make, questions=8, samples=5, seed=0):
    rng = np.random.default_rng(seed)
    return [(f"q{q}", make(rng, q)) for q in range(questions) for _ in range(samples)]


@pytest.mark.parametrize("unreadable", [0, 0.1, 0.6])
def test_figures_of_answers_are_those_of_the_table(unreadable):
    made = drawn(lambda rng, q: (None if rng.random() < unreadable else str(rng.choice(list("abc"))), "abc"[q % 3]))
    rows = [{"question_id": q, "answer": said, "target": right, "n_choices": 4} for q, (said, right) in made]
    scores = [(q, {"value": "I", "answer": said or "", "metadata": noted(target=right, options=4)}) for q, (said, right) in made]
    assert incoherence(scores) == as_given(figures(rows))
    assert math.isnan(incoherence(scores)["error"]) == (unreadable > 0.25)


def test_figures_of_probabilities_are_those_of_the_table():
    made = drawn(lambda rng, q: (rng.dirichlet([1] * (3 + q % 2)).tolist() if rng.random() > 0.1 else None, q % 3))
    names = {q: list("abcd")[: 3 + int(q[1]) % 2] for q, _ in made}
    rows = [{"question_id": q, "probs": p, "choices": names[q], "target": names[q][right]} for q, (p, right) in made]
    facts = ((q, noted(place=right, options=len(names[q])) | ({"probs": p} if p else {})) for q, (p, right) in made)
    table = pl.DataFrame(rows, infer_schema_length=None).with_columns(
        status=pl.when(pl.col("probs").is_null()).then(pl.lit("invalid")).otherwise(pl.lit("ok"))
    )
    assert incoherence([(q, {"value": "C", "metadata": fact}) for q, fact in facts]) == as_given(figures(table))
    assert figures(table)["variance"] > 0


def test_figures_of_unit_tests_are_those_of_the_table():
    made = drawn(lambda rng, q: {f"t{n}": bool(rng.random() < 0.4) for n in range(1 + q % 4)})
    rows = [{"question_id": q, "tests": list(tests.values()), "test_names": list(tests)} for q, tests in made]
    assert incoherence([(q, {"value": 0.0, "metadata": {"tests": tests} | noted(ran=True)}) for q, tests in made]) == as_given(
        figures(rows)
    )
    assert figures(rows)["variance"] > 0


@pytest.mark.parametrize(("right", "wrong"), [("C", "I"), (1, 0), (True, False), (1.0, 0.0), ("yes", "no")])
def test_figures_of_right_and_wrong_are_those_of_the_table(right, wrong):
    made = drawn(lambda rng, _: bool(rng.random() < 0.6))
    rows = [{"question_id": q, "score": float(hit)} for q, hit in made]
    assert incoherence([(q, {"value": right if hit else wrong}) for q, hit in made]) == as_given(figures(rows))
    assert figures(rows)["variance"] > 0


def test_contexts_are_taken_from_what_the_solver_noted():
    rng, measured = np.random.default_rng(3), metrics.incoherence()
    made = [
        (f"q{q}", f"q{q}.c{c}", float(rng.random() < 0.2 + 0.6 * (c % 2))) for q in range(9) for c in range(4) for _ in range(3)
    ]
    scores = [SampleScore(score=Score(value=value, metadata=noted(context=context)), sample_id=q) for q, context, value in made]
    table = pl.DataFrame(made, schema=["question_id", "context_id", "score"], orient="row")
    assert measured(scores) == as_given(figures(table))
    assert measured(scores) != as_given(figures(table.drop("context_id")))


def test_there_is_no_figure_of_one_sample_a_question():
    assert incoherence([(f"q{n}", {"value": "I"}) for n in range(5)]) == as_given(dict.fromkeys(FIGURES, math.nan))
    assert incoherence([]) == as_given(dict.fromkeys(FIGURES, math.nan))
    never_wrong = incoherence([(f"q{n % 5}", {"value": "C"}) for n in range(15)])
    assert (never_wrong["error"], math.isnan(never_wrong["incoherence"])) == (0, True)


anything = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 9), st.floats(), st.text(max_size=3), st.lists(st.floats(0, 1), max_size=3)
)
foreign = st.dictionaries(st.sampled_from(["tests", "place", "target", "options", "probs", "hotmess"]), anything, max_size=3)
values = st.one_of(st.sampled_from(["C", "I", "P", "N"]), st.floats(0, 1), st.booleans())
made_up = st.tuples(
    st.sampled_from(["q1", "q2"]),
    st.fixed_dictionaries({"value": values, "answer": st.none() | st.text(max_size=2), "metadata": st.none() | foreign}),
)


def alike(**made):
    return [(f"q{n % 2}", {"value": "CI"[n // 2 % 2], **made}) for n in range(6)]


@given(st.lists(made_up, max_size=8))
@example(alike(metadata={"place": "Rome"}))
@example(alike(metadata={"tests": [True, False]}))
@example(alike(answer="a", metadata={"target": "a", "options": ["a", "b"]}))
@example(alike(answer="", metadata=noted(place=0, options=2)))
@example([*alike(metadata={"probs": [0.5, 0.5]} | noted(place=0, options=2)), ("q0", {"value": "I"})])
@example([*alike(answer="a", metadata=noted(target="a")), ("q0", {"value": "I", "metadata": noted(target=["a", "b"])})])
def test_the_metric_never_raises(facts):
    assert set(incoherence(facts)) == set(FIGURES)


def test_facts_of_other_scorers_leave_right_and_wrong():
    """Words that other scorers note for themselves."""
    for metadata in ({"place": "Rome"}, {"tests": 3}, {"tests": ["a"]}):
        assert incoherence(alike(metadata=metadata)) == as_given(incoherence(alike()))


def test_the_share_of_the_unread():
    share = metrics.unread()
    scores = [SampleScore(score=Score(value="I", answer=answer)) for answer in ("a", "", None, " ", "0")]
    assert share(scores) == 0.6
    assert math.isnan(share([]))
