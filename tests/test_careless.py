"""What careless users did, and what they should have been told."""

import json
import subprocess
import sys

import polars as pl
import pytest
from test_measure import simulated
from test_read import table

import hotmess
from hotmess.errors import BadShape, LossMismatch, NoSuchColumn, NoTarget, TargetNotOption, UsageError


def codes(measured):
    return {notice.code for notice in measured.notices}


def test_inputs_are_never_overwritten(run, tmp_path):
    table().write_csv(tmp_path / "in.csv")
    before = (tmp_path / "in.csv").read_bytes()
    for source in ("in.csv", ".", "*.csv"):
        code, _, err = run("measure", source, "-o", "in.csv")
        assert code == 2
        assert "one of the files that are read" in err
    assert (tmp_path / "in.csv").read_bytes() == before


def test_next_can_be_pasted(run, tmp_path):
    table().rename({"question_id": "id"}).write_csv(tmp_path / "my data.csv")
    _, _, err = run("measure", "my data.csv", "--columns", "question_id=id", "--model", "m1")
    assert "next: hotmess check 'my data.csv' --columns question_id=id --model m1\n" in err


def test_check_shows_the_columns_of_the_table_and_no_others(run, tmp_path):
    (tmp_path / "a.csv").write_text(
        'question_id,probs,choices,target\nq,"[0.2, 0.8]","[""x"", ""y""]",x\nq,"[0.2, 0.8]","[""x"", ""y""]",x\n'
    )
    _, out, err = run("check", "a.csv", "--columns", "difficulty=")
    assert "columns: question_id, probs, choices, target\n" in out
    assert "next: hotmess measure a.csv --columns difficulty=\n" in err


def test_brackets_in_names(run, tmp_path):
    table().write_csv(tmp_path / "a [1].csv")
    table().write_ndjson(tmp_path / "b [1].jsonl")
    for name in ("a [1].csv", "b [1].jsonl"):
        assert run("measure", name)[0] == 0


@pytest.mark.parametrize("words", [("pass", "fail"), ("Yes", "no")])
def test_words_of_outcomes(tmp_path, words):
    rows = [f"q,{k},t{t},{words[(k + t) % 2]}" for k in range(2) for t in range(2)]
    (tmp_path / "a.csv").write_text("question_id,sample_id,test_id,score\n" + "\n".join(rows) + "\n")
    assert hotmess.measure(hotmess.read(tmp_path / "a.csv")).rows[0].error.value == 0.5


def test_words_that_are_no_score(tmp_path):
    (tmp_path / "a.csv").write_text("question_id,score\nq,good\nq,bad\n")
    with pytest.raises(BadShape, match="it holds `good`, `bad`"):
        hotmess.read(tmp_path / "a.csv")


def test_blank_outcomes_are_missing(tmp_path):
    (tmp_path / "a.csv").write_text("question_id,sample_id,test_id,score\nq,0,a,1\nq,0,b,\nq,1,a,1\nq,1,b,1\n")
    measured = hotmess.measure(hotmess.read(tmp_path / "a.csv"))
    assert measured.rows[0].error.value == 0.25
    assert "missing-tests" in codes(measured)


def test_tests_as_numbers_in_text(tmp_path):
    (tmp_path / "a.csv").write_text('question_id,tests\nq,"[1,0,1]"\nq,"[1,1,1]"\n')
    assert hotmess.measure(hotmess.read(tmp_path / "a.csv")).rows[0].error.value == pytest.approx(1 / 6)


def test_targets_written_in_another_way():
    odd = pl.DataFrame({"question_id": [1, 1, 2, 2], "answer": ["1.0", "2.0", "2.0", "2.0"], "target": ["1", "1", "2", "2"]})
    measured = hotmess.measure(odd)
    (notice,) = [n for n in measured.notices if n.code == "never-right"]
    assert "`1.0` where the target is `1`" in notice.found
    assert "never-right" not in codes(hotmess.measure(table()))


def test_targets_that_are_places(tmp_path):
    (tmp_path / "a.csv").write_text('question_id,probs,target\nq,"[0.2, 0.8]",1\nq,"[0.4, 0.6]",1\n')
    assert hotmess.measure(hotmess.read(tmp_path / "a.csv")).rows[0].error.value == pytest.approx(0.2)
    numbered = pl.DataFrame({"question_id": [1, 1], "prob_0": [0.2, 0.4], "prob_1": [0.8, 0.6], "target": [1, 1]})
    assert hotmess.measure(numbered).rows[0].error.value == pytest.approx(0.2)


def test_answers_that_are_no_option_are_named_as_such():
    rows = {"question_id": [1] * 8, "choices": [["x", "y"]] * 8, "answer": ["x"] * 7 + ["q"], "target": ["x"] * 8}
    (notice,) = [n for n in hotmess.measure(pl.DataFrame(rows)).notices if n.code == "unparsed"]
    assert "1 of them are none of the options" in notice.found


def test_one_stray_cell_does_not_turn_the_table():
    stray = table().with_columns(tests=pl.when(pl.int_range(pl.len()) == 3).then(pl.lit([True, False])))
    assert hotmess.measure(stray).method.label == "answers"


def test_answers_decide_even_where_most_could_not_be_read():
    parsed = pl.when(pl.col("sample_id") == 0).then(pl.col("answer"))
    both = table().with_columns(answer=parsed, score=pl.lit(0.0))
    measured = hotmess.measure(both, max_invalid=1)
    assert measured.method.label == "answers"
    assert measured.rows[0].invalid_rate == 0.75
    assert "label" in codes(measured)


def test_error_bars_of_a_fixed_benchmark_are_its_own():
    stubborn = simulated(60, ["stubborn", "right", "random"])
    wide, narrow = (hotmess.measure(stubborn, about=about).rows[0] for about in ("population", "benchmark"))
    for name in ("error", "bias2", "variance"):
        one, other = getattr(wide, name), getattr(narrow, name)
        assert one.value == pytest.approx(other.value)
        assert other.high - other.low < 0.8 * (one.high - one.low)


def test_an_interval_that_cannot_be_had_is_said():
    two = pl.DataFrame({"question_id": [1, 1, 2, 2], "answer": list("abab"), "target": list("aaaa")})
    measured = hotmess.measure(two, about="benchmark")
    assert "no-interval" in codes(measured)
    assert json.loads(measured.to_json())["rows"][0]["low"] is None


PLAIN = """
import hotmess
table = [{"question_id": 1, "answer": a, "target": "A"} for a in "AB"]
assert hotmess.measure(table, loss="zero-one").method.loss == "zero_one"
assert hotmess.decompose([["a", "b"]], ["a"], loss="zero-one").error[0] == 0.5
for wrong in ({"loss": "bier"}, {"estimator": "plug-in"}, {"invalid": "dorp"}, {"about": "x"}, {"level": 95}):
    try:
        hotmess.measure(table, **wrong)
    except hotmess.HotmessError as error:
        print(error.code)
"""


def test_words_of_options_are_checked_in_python_too():
    """In a process of its own, since under test the annotations are checked first."""
    said = subprocess.run([sys.executable, "-c", PLAIN], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["usage"] * 5


def test_one_value_per_question_even_of_an_empty_one():
    terms = hotmess.decompose([["A", "B"], [], ["B", "B"]], ["A"] * 3)
    assert terms.error == pytest.approx([1.0, float("nan"), 2.0], nan_ok=True)


def test_targets_of_arrays_are_checked():
    with pytest.raises(TargetNotOption):
        hotmess.decompose([[[0.5, 0.5], [0.1, 0.9]]], [7])
    with pytest.raises(NoTarget):
        hotmess.decompose([[[0.5, 0.5], [0.1, 0.9]]], loss="squared")


@pytest.mark.parametrize("name", ["questions", "error", "length", "rows"])
def test_columns_that_results_have_too(name):
    with pytest.raises(UsageError, match=r"name too|number of buckets"):
        hotmess.measure(table().with_columns(pl.lit(1).alias(name)), by=[name])


@pytest.mark.parametrize("name", ["question_id", "answer", "sample_id"])
def test_columns_that_cannot_split(name):
    with pytest.raises(NoSuchColumn, match="cannot be split by"):
        hotmess.measure(table(), by=[name])


def test_contrary_wishes():
    with pytest.raises(UsageError, match="asks for both"):
        hotmess.measure(table(), by=["task"], pool=["task"])
    with pytest.raises(LossMismatch):
        hotmess.measure(pl.DataFrame({"question_id": [1, 1], "tests": [[True], [False]]}), invalid="uniform")


def test_columns_that_are_not_ours():
    with pytest.raises(UsageError, match="there is no `quesion_id`") as caught:
        hotmess.read(table(), columns={"quesion_id": "answer"})
    assert "question_id" in caught.value.hint


def test_all_names_are_guessed_at_once():
    theirs = table().rename({"question_id": "ID", "answer": "pred", "target": "gold"})
    with pytest.raises(hotmess.HotmessError) as caught:
        hotmess.read(theirs)
    assert caught.value.hint == "--columns question_id=ID,answer=pred,target=gold"
