"""Letters to texts, answers out of completions, stated probabilities."""

import random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hotmess
from hotmess.answers import PATTERNS, are_letters, by_text, from_completions, stated

OPTIONS = ["Paris", "Rome", "Oslo"]


def texts(answers, options=OPTIONS):
    frame = pl.DataFrame(
        {"choices": [options] * len(answers), "answer": answers}, schema={"choices": pl.List(pl.String), "answer": pl.String}
    )
    return frame.select(by_text("answer", letters=are_letters("answer", ["answer"], pl.lit(0))))["answer"].to_list()


@pytest.mark.parametrize(
    "letter", ["B", "b", "(B)", "[b]", " B. ", "B)", "b:", "B) Rome", "(B) Rome", "B. Rome", "Rome", " Rome "]
)
def test_a_letter_is_its_option(letter):
    assert texts([letter]) == ["Rome"]


def test_several_letters_are_their_options_in_one_order():
    assert texts(["A, C", "C,A", "(C), (A)", "A and C", "A, C."]) == ["Oslo; Paris"] * 5
    rows = [{"question_id": q, "answer": a, "target": "A, C", "choices": OPTIONS} for q in (1, 2) for a in ("C, A", "A", "B")]
    assert hotmess.measure(pl.DataFrame(rows)).rows[0].questions == 2


@pytest.mark.parametrize("other", ["Z", "maybe B", "Berlin", "A, Z", "", "B) Berlin", "12"])
def test_what_stands_for_no_option_stays(other):
    assert texts([other]) == [other]


def test_options_that_are_labels_or_digits_stay_themselves():
    assert texts(["A", "(b)", "C"], ["C", "B", "A"]) == ["A", "B", "C"]
    assert texts(["1", "3"], ["3", "1", "2"]) == ["1", "3"]
    assert texts(["B", "D"], ["1", "2", "3", "4"]) == ["2", "4"]


def test_several_labels_are_right_together():
    assert texts(["A, C", "(c) and (a)", "B"], ["C", "B", "A"]) == ["A; C", "A; C", "B"]


def test_options_that_look_like_letters():
    """Where some answer is a letter and no option, all are letters: C is the third element, not carbon."""
    elements = ["C", "N", "He", "Ne"]
    assert texts(["A", "C", "B"], elements) == ["C", "He", "N"]
    assert texts(["C", "N", "He"], elements) == ["C", "N", "He"]
    rows = [{"question_id": 1, "sample_id": n, "answer": a, "target": "C", "choices": elements} for n, a in enumerate("AAAB")]
    assert hotmess.measure(pl.DataFrame(rows)).rows[0].error.value > 1  # every answer is wrong
    rows = [
        {"question_id": 1, "sample_id": n, "answer": a, "target": "C", "choices": elements}
        for n, a in enumerate(["He"] * 3 + ["X"])
    ]
    assert hotmess.measure(pl.DataFrame(rows)).rows[0].error.value > 1  # one stray letter does not make letters of texts


def test_without_options_nothing_changes():
    frame = pl.DataFrame({"choices": [None], "answer": ["B"]}, schema={"choices": pl.List(pl.String), "answer": pl.String})
    assert frame.select(by_text("answer", letters=pl.lit(value=True)))["answer"].to_list() == ["B"]


@given(st.permutations(["one word", "two words", "three words", "four"]), st.integers(0, 3))
def test_a_letter_survives_every_shuffle(order, place):
    """The answer is the same option, wherever it stands."""
    assert texts(["ABCD"[order.index("two words")]], list(order)) == ["two words"]
    assert texts(["ABCD"[place]], list(order)) == [order[place]]


def test_shuffled_letters_make_no_variance():
    """A model that always picks one option has no variance, however the options are shuffled; its letters would say otherwise."""
    rng, rows = random.Random(1), []
    for question in range(30):
        for number in range(6):
            order = rng.sample(OPTIONS, 3)
            rows.append({"question_id": question, "sample_id": number, "choices": order, "answer": "ABC"[order.index("Rome")]})
            rows[-1]["target"] = "ABC"[order.index("Oslo")]
    measured = hotmess.measure(pl.DataFrame(rows))
    assert measured.rows[0].variance.value == pytest.approx(0)
    assert measured.rows[0].bias2.value == pytest.approx(2)


def test_shuffled_probabilities_stand_beside_their_option():
    rng, rows = random.Random(2), []
    known = {"Paris": 0.2, "Rome": 0.7, "Oslo": 0.1}
    for question in range(10):
        for number in range(5):
            order = rng.sample(OPTIONS, 3)
            probs = [known[option] for option in order]
            rows.append({"question_id": question, "sample_id": number, "choices": order, "probs": probs, "target": "Rome"})
    measured = hotmess.measure(pl.DataFrame(rows))
    assert measured.rows[0].variance.value == pytest.approx(0)
    assert measured.rows[0].error.value == pytest.approx(0.2**2 + 0.3**2 + 0.1**2)


# ---------------------------------------------------------------------------------------------- completions

READ = {
    "I weigh it up.\nANSWER: B": "B",
    "**Answer:** (C)": "(C)",
    "The answer is Rome.": "Rome",
    "ANSWER: A\nNo, wait.\nANSWER: C": "C",
    "<answer>\n 42 \n</answer> and nothing more": "42",
    r"so \boxed{\frac{1}{2}} it is": r"\frac{1}{2}",
    r"$\boxed{\text{Rome}}$": "Rome",
    "6 * 7\n#### 42": "42",
    "It must be (B).": "B",
    "After all that: C": "C",
    "ANSWER: B <answer>C</answer>": "C",
    "The answer is not B. The answer is C because B is wrong.": "C",
    "The answer is unclear.\n\\boxed{5}": "5",
    "I think the answer is 3.5 here": "3.5 here",
}


def read(completions, pattern=None, **columns):
    frame = pl.DataFrame({"completion": completions, **columns}, schema_overrides={"completion": pl.String})
    return from_completions(frame.lazy(), pattern).collect()


@pytest.mark.parametrize(("text", "answer"), READ.items(), ids=range(len(READ)))
def test_answers_are_read_by_the_documented_patterns(text, answer):
    assert read([text], choices=[OPTIONS])["answer"].to_list() == [answer]


def test_what_cannot_be_read_has_a_reason():
    found = read(["", "I am a man of few words", None, "   "], choices=[OPTIONS] * 4)
    assert found["answer"].null_count() == 4
    assert found["reason"].to_list() == ["empty completion", "no pattern matched", "empty completion", "empty completion"]


def test_a_letter_needs_options():
    assert read(["It must be (B)."])["answer"].to_list() == [None]
    assert read(["It must be (D)."], n_choices=[3])["answer"].to_list() == [None]


def test_own_pattern_comes_before_answers_and_patterns():
    found = read(["ANSWER: A, or rather => B"], pattern=r"=> ([A-D])", answer=["A"])
    assert found["answer"].to_list() == ["B"]
    assert read(["x=1 x=2"], pattern=r"x=\d")["answer"].to_list() == ["x=2"]


@pytest.mark.parametrize("bad", ["(", r"(?<=x)y", r"(a)\1"])
def test_patterns_that_cannot_be_used(bad):
    with pytest.raises(hotmess.HotmessError, match="no regular expression"):
        read(["x"], pattern=bad)


def test_no_pattern_takes_long_on_any_text():
    """The time is linear, so this ends; a backtracking matcher would not."""
    evil = ["a" * 20_000 + "!", "\\boxed{" * 3000, "<answer>" * 3000, "answer" * 3000]
    assert len(read(evil, pattern=r"(a+)+$")) == len(read(evil)) == 4


def test_markers_lengths_and_hashes():
    found = read(["Wait, no. Wait! Hmm.", "Waiting", None])
    assert found["wait_count"].to_list() == [2, 0, None]
    assert found["backtrack_count"].to_list() == [3, 0, None]
    assert found["output_chars"].to_list() == [20, 7, None]
    assert found["completion_hash"].n_unique() == 3
    assert "completion" not in found.columns


def test_a_table_of_completions_is_measured(tmp_path, run):
    lines = ["question_id,completion,target", *(f'{q},"I think so. ANSWER: {a}",A' for q in (1, 2, 3) for a in "AAB")]
    (tmp_path / "raw.csv").write_text("\n".join(lines))
    code, out, _ = run("measure", "raw.csv")
    assert code == 0
    assert "3 × 3" in out


def test_patterns_are_those_of_the_docstring():
    from hotmess.answers import completions

    assert all(name in completions.__doc__ for name in PATTERNS)


# ---------------------------------------------------------------------------------------------- stated probabilities


@pytest.mark.parametrize(
    ("said", "options", "probs"),
    [
        ({"A": 0.7, "B": 0.3}, ["x", "y"], [0.7, 0.3]),
        ({"y": "30%", "x": 0.7}, ["x", "y"], [0.7, 0.3]),
        ('I say {"A": 0.5, "B": 0.5}.', ["x", "y"], [0.5, 0.5]),
        ({"(B)": 1}, ["x", "y"], [0.0, 1.0]),
        ([0.1, 0.9], ["x", "y"], [0.1, 0.9]),
        ([0.1, 0.9], ["x", "y", "z"], None),
        ({"Q": 1.0}, ["x", "y"], None),
        ({"A": "much"}, ["x", "y"], None),
        ({"A": True}, ["x", "y"], None),
        ("no object", ["x", "y"], None),
        (None, None, None),
        ({"A": 0.2, "B": 0.8}, None, [0.2, 0.8]),
    ],
)
def test_stated_probabilities(said, options, probs):
    assert stated(said, options) == (None if probs is None else pytest.approx(probs))


def test_rows_without_a_text_keep_what_was_told_of_them():
    rows = {"question_id": ["a", "b"], "completion": ["Wait, no", None], "output_chars": [None, 7], "completion_hash": [None, 99]}
    frame = pl.DataFrame(rows, schema_overrides={"completion_hash": pl.UInt64}).lazy()
    found = from_completions(frame, answers=False).collect()
    assert found["output_chars"].to_list() == [8, 7]
    assert found["wait_count"].to_list() == [1, None]
    assert found["completion_hash"][1] == 99
