"""Every trap: found in a table that has it, not found in the same table without it."""

import random

import polars as pl
import pytest

import hotmess
from hotmess.copies import identical
from hotmess.errors import explain
from hotmess.prepare import prepare
from hotmess.traps import traps, unseen

QUESTIONS, SAMPLES = 12, 6


def honest(seed=0):
    """An honest table: answers, texts and lengths by chance, one seed for each sample."""
    rng = random.Random(seed)
    rows = []
    for question in range(QUESTIONS):
        for number in range(SAMPLES):
            words = " ".join(rng.choice(["so", "thus", "wait", "hence", "then", "but"]) for _ in range(rng.randint(30, 90)))
            rows.append(
                {
                    "model": "small",
                    "question_id": f"q{question}",
                    "sample_id": f"s{number}",
                    "answer": rng.choice(["left", "right", "up"]),
                    "target": "left",
                    "choices": ["left", "right", "up"],
                    "score": 0.0,
                    "status": "ok",
                    "completion": words,
                    "output_tokens": len(words),
                    "seed": str(question * 1000 + number),
                    "temperature": 0.7,
                    "cached": False,
                    "source": "run-1" if number < SAMPLES / 2 else "run-2",
                    "setting": "effort=low",
                    "question_hash": f"text of {question}",
                }
            )
    for row in rows:
        row["score"] = float(row["answer"] == row["target"])
    return rows


def first_of_each(rows, *names):
    """What the first sample of each question has, for all its samples."""
    first = {row["question_id"]: row for row in reversed(rows)}
    return [{**row, **{name: first[row["question_id"]][name] for name in names}} for row in rows]


def copied(rows):
    return first_of_each(rows, "answer", "score", "completion", "output_tokens")


def second_run_is_the_first(rows):
    text = {(row["question_id"], row["sample_id"]): row["completion"] for row in rows}
    half = SAMPLES // 2
    return [
        {**row, "completion": text[row["question_id"], f"s{int(row['sample_id'][1:]) % half}"]}
        if row["source"] == "run-2"
        else row
        for row in rows
    ]


def capped(rows):
    return [{**row, "output_tokens": min(row["output_tokens"], 250)} for row in rows]


def shuffled(rows):
    return [{**row, "choices": ["up", "left", "right"] if row["sample_id"] == "s1" else row["choices"]} for row in rows]


def other_options(rows):
    return [{**row, "choices": ["left", "right", "up", "down"] if row["sample_id"] == "s1" else row["choices"]} for row in rows]


def failed(rows):
    return [{**row, "status": "error", "score": 0.0} if row["sample_id"] == "s1" else row for row in rows]


def graded_twice(rows):
    same = first_of_each(rows, "completion")
    return [{**row, "score": float(row["sample_id"] == "s0")} for row in same]


def changed(**values):
    return lambda rows: [{**row, **values} for row in rows]


def on_one_sample(**values):
    return lambda rows: [{**row, **values} if row["sample_id"] == "s1" else row for row in rows]


TRAPS = {
    "one-seed": changed(seed="7"),
    "repeated-completions": lambda rows: first_of_each(rows, "completion"),
    "copied-runs": second_run_is_the_first,
    "temperature-zero": changed(temperature=0.0),
    "cached": on_one_sample(cached=True),
    "capped-length": capped,
    "reshuffled": shuffled,
    "options-differ": other_options,
    "two-texts": on_one_sample(question_hash="another text"),
    "mixed-settings": on_one_sample(setting="effort=high"),
    "grader-noise": graded_twice,
    "errors-as-wrong": failed,
    "unread-because": on_one_sample(answer=None, status="invalid", reason="no marker"),
}


def frame(rows):
    return pl.DataFrame(rows, infer_schema_length=None)


def codes(rows):
    return {notice.code for notice in traps(prepare(frame(rows)))}


@pytest.mark.parametrize("seed", range(5))
def test_an_honest_table_has_no_trap(seed):
    assert codes(honest(seed)) == set()


@pytest.mark.parametrize("code", TRAPS)
def test_each_trap_is_found_where_it_is(code):
    assert code in codes(TRAPS[code](honest()))


def test_every_trap_has_words_and_a_remedy():
    for code, make in TRAPS.items():
        found = next(n for n in traps(prepare(frame(make(honest())))) if n.code == code)
        assert any(character.isdigit() for character in found.found)
        assert found.hint or code == "reshuffled"
        assert len(explain(code)) > 60


# ---------------------------------------------------------------------------------------------- no randomness


def refused(rows, **how):
    try:
        hotmess.measure(frame(rows), **how)
    except hotmess.HotmessError as error:
        return error.code
    return None


def test_copies_are_refused_and_not_called_coherent():
    assert refused(copied(honest())) == "no-randomness"
    assert refused(honest()) is None


@pytest.mark.parametrize("label", ["answer", "score"])
def test_whatever_the_label(label):
    samples = prepare(frame(copied(honest())), label=label)
    with pytest.raises(hotmess.HotmessError, match="identical"):
        hotmess.measure(samples)


@pytest.mark.parametrize(
    "proof", [["completion"], ["output_tokens"], ["seed"], ["temperature"], ["cached"]], ids=lambda columns: columns[0]
)
def test_each_proof_suffices(proof):
    rows = [{**row, "seed": "7", "temperature": 0.0, "cached": True} for row in copied(honest())]
    kept = {"question_id", "sample_id", "answer", "target", *proof}
    assert refused([{name: row[name] for name in kept} for row in rows]) == "no-randomness"


def test_equal_answers_alone_are_no_proof():
    """A sure model gives one answer to a question, again and again."""
    rows = first_of_each(honest(), "answer", "score")
    assert refused(rows) is None
    bare = [{name: row[name] for name in ("question_id", "answer", "target")} for row in rows]
    assert refused(bare) is None
    short = [{**row, "completion": row["answer"]} for row in bare]  # one letter, one word: the same text proves nothing
    assert refused(short) is None


def test_of_two_models_the_one_that_copies_is_withheld():
    rows = [*copied(honest()), *changed(model="large")(honest(1))]
    measured = hotmess.measure(frame(rows))
    assert [row.group["model"] for row in measured.rows] == ["large"]
    assert "no-randomness" in [notice.code for notice in measured.notices]
    assert len(hotmess.measure(frame(rows), deterministic=True).rows) == 2
    pooled = hotmess.measure(frame(rows), pool=["model"])
    assert "pooled" in next(notice.found for notice in pooled.notices if notice.code == "no-randomness")


def test_a_failure_of_the_infrastructure_hides_no_copies():
    rows = [{**row, "status": "error", "answer": None} if row["sample_id"] == "s1" else row for row in copied(honest())]
    assert refused(rows) == "no-randomness"


def test_a_seed_is_no_proof_where_the_texts_differ():
    """A sure model that was asked with one seed, which its provider did not honour."""
    rows = [{**row, "seed": "7", "temperature": 0.0} for row in first_of_each(honest(), "answer", "score")]
    assert refused(rows) is None


def test_counters_that_round_are_no_proof():
    rows = [{**row, "reasoning_tokens": 64} for row in first_of_each(honest(), "answer", "score")]
    assert (
        refused([{name: row[name] for name in ("question_id", "answer", "target", "reasoning_tokens")} for row in rows]) is None
    )


def test_contexts_that_differ_are_randomness():
    """Temperature 0 under ten few-shot sets: nothing is drawn but the input, and that is a result."""
    rows = [{**row, "context_id": row["sample_id"], "temperature": 0.0, "seed": "7"} for row in honest()]
    assert refused(rows) is None


def test_deterministic_systems_can_be_measured():
    measured = hotmess.measure(frame(copied(honest())), deterministic=True)
    assert measured.rows[0].variance.value == pytest.approx(0)


def test_unit_tests_that_are_copies():
    rows = [
        {
            "question_id": f"q{q}",
            "sample_id": f"s{k}",
            "tests": [True, q % 2 == 0, False],
            "completion_hash": q,
            "output_tokens": 500 + q,
        }
        for q in range(6)
        for k in range(4)
    ]
    assert refused(rows) == "no-randomness"
    assert refused([{**row, "completion_hash": row["completion_hash"] * 10 + int(row["sample_id"][1:])} for row in rows]) is None


def test_check_says_what_cannot_be_looked_for():
    assert unseen(prepare(frame(honest()))) == []
    bare = prepare(frame([{name: row[name] for name in ("question_id", "answer", "target")} for row in honest()]))
    assert "one seed for all" in unseen(bare)
    assert identical(bare) == []


def test_pooling_copies_does_not_make_them_random():
    rows = [*copied(honest()), *changed(model="large")(copied(honest(1)))]
    assert refused(rows, pool=["model"]) == "no-randomness"
