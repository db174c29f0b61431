"""Collecting: questions of a user's own, how they are put, and what is read out of a reply."""

import json
from hashlib import sha256
from string import ascii_uppercase
from time import monotonic

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hotmess.answers import are_letters, by_text, from_completions
from hotmess.collect.choosing import chosen, tagged
from hotmess.collect.own import own
from hotmess.collect.probabilities import read_probabilities
from hotmess.collect.prompts import FORMATS, format_of, prompt
from hotmess.collect.questions import Question
from hotmess.errors import (
    EmptyTable,
    HotmessError,
    MissingColumn,
    NoSuchPath,
    NotATable,
    TargetNotOption,
    UnreadableFile,
    UsageError,
)

pytest.importorskip("json_repair")

# ---------------------------------------------------------------------------------------------- questions of your own


def lines(*rows):
    return "".join(f"{json.dumps(row)}\n" for row in rows)


@pytest.fixture
def written(tmp_path):
    """Write a file of questions, as text or bytes; return its path."""

    def write(name, content):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(tmp_path / name)

    return write


AB = {"question": "Why?", "choices": ["a", "b"]}


@pytest.mark.parametrize(
    ("row", "options", "answer"),
    [
        (AB | {"answer": "b"}, ("a", "b"), "b"),
        (AB | {"answer": "B"}, ("a", "b"), "b"),
        (AB | {"answer": "(B)"}, ("a", "b"), "b"),
        (AB | {"answer": "B."}, ("a", "b"), "b"),
        (AB | {"target": 1}, ("a", "b"), "b"),
        (AB | {"label": "0"}, ("a", "b"), "a"),
        ({"input": "Why?", "options": ["a ", " b"], "answer": "a "}, ("a", "b"), "a"),
        ({"text": " Why? ", "choices": '["a", "b"]', "answer": "A"}, ("a", "b"), "a"),
        ({"prompt": "Why?", "A": "a", "B": "b", "answer": "A"}, ("a", "b"), "a"),
        (AB | {"choices": ["3", "1", "2"], "answer": 1}, ("3", "1", "2"), "1"),
        (AB | {"choices": ["B", "A"], "answer": "A"}, ("B", "A"), "A"),
        (AB | {"choices": [True, False], "answer": False}, ("True", "False"), "False"),
        ({"question": "Why?"}, (), None),
        ({"question": "Why?", "choices": [], "answer": 42}, (), "42"),
        ({"question": "Why?", "answer": "A"}, (), "A"),
    ],
)
def test_shapes_of_a_question(row, options, answer, written):
    (one,) = own(written("own.jsonl", lines(row))).questions
    assert (one.ident, one.text, one.options, one.answer) == ("own/1", "Why?", options, answer)
    if not any(isinstance(value, list) for value in row.values()):
        frame = pl.DataFrame([{name: str(value) for name, value in row.items()}])
        (same,) = own(written("own.csv", frame.write_csv())).questions
        assert (same.ident, same.text, same.options, same.answer) == ("own/1", "Why?", options, answer)


def test_facts_of_a_question_are_kept(written):
    row = {"id": 7, "subject": "law", "difficulty": "2.5"} | AB | {"answer": "b"}
    named = {"question_id": "x", "category": "art", "difficulty": "hard"} | AB | {"answer": "a"}
    path = written("own.jsonl", f"{lines(row)}\n{lines(named)}")
    first, second = own(path).questions
    assert first == Question("7", "Why?", ("a", "b"), "b", "law", 2.5)
    assert second == Question("x", "Why?", ("a", "b"), "a", "art", None)
    assert own(path).origin == {"data": "own.jsonl", "sha256": sha256(f"{lines(row)}\n{lines(named)}".encode()).hexdigest()}


@pytest.mark.parametrize("name", ["id", "question_id"])
def test_an_id_of_zero_is_an_id(name, written):
    found = own(written("own.jsonl", lines(*({name: n} | AB | {"answer": "a"} for n in range(2)))))
    assert [one.ident for one in found.questions] == ["0", "1"]


def test_rows_to_show_are_never_asked(written):
    rows = [
        AB | {"id": str(n), "answer": "a", "split": split} for n, split in enumerate(["test", "examples", None, "examples"], 1)
    ]
    for path in (written("own.jsonl", lines(*rows)), written("own.ndjson", lines(*rows))):
        found = own(path)
        assert [one.ident for one in found.questions] == ["1", "3"]
        assert [one.ident for one in found.pool] == ["2", "4"]


def test_a_line_may_hold_any_character(written):
    rows = [AB | {"question": f"a{mark}b", "answer": "a"} for mark in ("\u2028", "\x85", "é", "\x0b")]
    found = own(written("own.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)))
    assert [one.text for one in found.questions] == [row["question"] for row in rows]


GOOD = lines(AB | {"answer": "a"})
NONE_OF = "which is none of its 2 options"


@pytest.mark.parametrize(
    ("name", "content", "error", "said"),
    [
        ("a.jsonl", f"{GOOD}\n{{", UnreadableFile, "line 3 of `{}` is no JSON: "),
        ("a.jsonl", f"{GOOD}[1]\n", UnreadableFile, "line 2 of `{}` is no JSON object"),
        ("a.jsonl", f"{GOOD}{'[' * 100_000}\n", UnreadableFile, "line 2 of `{}` is no JSON: "),
        ("a.jsonl", lines({"choices": ["a"]}), MissingColumn, "line 1 of `{}` has no question; it has choices"),
        ("a.jsonl", lines({}), MissingColumn, "line 1 of `{}` has no question; it has nothing"),
        (
            "a.jsonl",
            GOOD + lines(AB | {"question": " "}),
            MissingColumn,
            "line 2 of `{}` has no question; it has question, choices",
        ),
        ("a.jsonl", GOOD + lines(AB), TargetNotOption, "line 2 of `{}` has no answer"),
        ("a.jsonl", lines(AB | {"answer": "c"}), TargetNotOption, f"line 1 of `{{}}` has the answer `c`, {NONE_OF}"),
        ("a.jsonl", lines(AB | {"answer": "C"}), TargetNotOption, f"line 1 of `{{}}` has the answer `C`, {NONE_OF}"),
        ("a.jsonl", lines(AB | {"answer": 2}), TargetNotOption, f"line 1 of `{{}}` has the answer `2`, {NONE_OF}"),
        ("a.jsonl", lines(AB | {"answer": -1}), TargetNotOption, f"line 1 of `{{}}` has the answer `-1`, {NONE_OF}"),
        ("a.jsonl", lines(AB | {"answer": ""}), TargetNotOption, f"line 1 of `{{}}` has the answer ``, {NONE_OF}"),
        ("a.jsonl", GOOD + lines(AB | {"choices": "[a, b]", "answer": "a"}), HotmessError, "line 2 of `{}` "),
        ("a.jsonl", GOOD + lines(AB | {"choices": "a|b", "answer": "a"}), HotmessError, "line 2 of `{}` "),
        ("a.jsonl", GOOD + lines(AB | {"choices": list(map(str, range(27))), "answer": "0"}), HotmessError, "line 2 of `{}` "),
        ("a.jsonl", GOOD.encode() + '{"question": "é"}'.encode("latin1"), HotmessError, "`{}`"),
        ("a.jsonl", lines(*[AB | {"answer": "a", "id": "q"}] * 2), UnreadableFile, "`{}` has the id `q` twice"),
        ("a.jsonl", lines(AB | {"answer": "a", "split": "examples"}), EmptyTable, "`{}` holds only examples"),
        ("a.jsonl", "\n\n", EmptyTable, "`{}` holds no question"),
        ("a.csv", "question,A,B,answer\nx,a,b,A\ny,a,b,C\n", TargetNotOption, f"row 2 of `{{}}` has the answer `C`, {NONE_OF}"),
        ("a.csv", "question,A,B,answer\nx,a,b,\n", TargetNotOption, "row 1 of `{}` has no answer"),
        ("a.csv", "question;A;B\nx;a;b\n", MissingColumn, "row 1 of `{}` has no question; it has question;A;B"),
        ("a.csv", 'question,choices,answer\nx,"[a, b]",A\n', HotmessError, "row 1 of `{}` "),
        ("a.csv", "question\n\x00\xff".encode("latin1"), UnreadableFile, "`{}` cannot be read"),
        ("a.csv", "", UnreadableFile, "`{}` cannot be read"),
        ("a.csv", "question,answer\n", EmptyTable, "`{}` holds no question"),
        ("a.txt", GOOD, NotATable, "`{}` is no file of questions"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(name, content, error, said, written):
    path = written(name, content)
    with pytest.raises(error) as refused:
        own(path)
    assert refused.value.found.startswith(said.format(path))


def test_a_column_that_is_empty_moves_no_letter(written):
    """C would be taken for the second option."""
    path = written("own.csv", "question,A,B,C,D,answer\nx,one,,three,four,C\n")
    with pytest.raises(UnreadableFile) as refused:
        own(path)
    assert refused.value.found == f"row 1 of `{path}` has options A, C, D, and not those before"


def test_what_is_not_there_is_said(tmp_path):
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(NoSuchPath, match="there is no") as refused:
            own(str(path))
        assert f"`{path}`" in refused.value.found


# ---------------------------------------------------------------------------------------------- prompts

ONE = Question("a", "One?", ("x", "y", "z"), "y")
TWO = Question("b", "Two\nlines?", ("u", "v"), "u")
END = "nd your reply with a line of its own of the form\nANSWER: X\nwhere X is the letter of the option that you choose."
BEFORE = "Here are questions of the same kind, with their answers.\n\nQuestion: Two\nlines?"
ASKED = "Question: One?\n\nA) x\nB) y\nC) z"
GOLDEN = {
    "letter": (
        f"Answer the multiple-choice question below with one of the options A, B, C. E{END}",
        f"{BEFORE}\n\nA) u\nB) v\n\nANSWER: A\n\nNow the question to answer.",
        ASKED,
    ),
    "cot": (
        "Answer the multiple-choice question below with one of the options A, B, C. First reason step by step, as long as you "
        f"need. Then e{END}",
        f"{BEFORE}\n\nA) u\nB) v\n\nANSWER: A\n\nNow the question to answer.",
        ASKED,
    ),
    "probabilities": (
        "For the multiple-choice question below, state the probability of each of the options A, B, C to be the right one. End "
        "your reply with a JSON object on a line of its own that has each letter as a key and its probability as the value, such "
        'as\n{"A": 0.33, "B": 0.33, "C": 0.33}\nEach probability lies between 0 and 1, and they sum to 1.',
        f"{BEFORE}\n\nA) u\nB) v\n\nThe right option is A.\n\nNow the question to answer.",
        ASKED,
    ),
    "open": (
        "Answer the question below. Give your final answer between the tags <answer> and </answer>.",
        f"{BEFORE}\n\n<answer>u</answer>\n\nNow the question to answer.",
        "Question: One?",
    ),
}


@pytest.mark.parametrize("form", FORMATS)
def test_prompts_are_those_of_the_first_release(form):
    ask, before, asked = GOLDEN[form]
    assert prompt(ONE, form) == f"{ask}\n\n{asked}"
    assert prompt(ONE, form, (TWO,)) == f"{ask}\n\n{before}\n\n{asked}"


def test_an_open_question_is_shown_with_its_answer():
    (ask, *_), shown = GOLDEN["open"], Question("o", "{0} or {letters}?", (), "5 {}")
    before = "Here are questions of the same kind, with their answers.\n\nQuestion: {0} or {letters}?\n\n<answer>5 {}</answer>"
    assert prompt(Question("p", "P?"), "open", (shown,)) == f"{ask}\n\n{before}\n\nNow the question to answer.\n\nQuestion: P?"


@given(st.integers(2, 26), st.integers(0, 25))
def test_the_example_of_probabilities_favours_no_option(count, right):
    options = tuple(f"option {n}" for n in range(count))
    shown = Question("s", "Shown?", options, options[right % count])
    told = prompt(Question("q", "Asked?", options), "probabilities", (shown,))
    (example,) = [json.loads(line) for line in told.split("\n") if line.startswith("{")]
    assert list(example) == list(ascii_uppercase[:count])
    assert len(set(example.values())) == 1
    assert sum(example.values()) == pytest.approx(1, abs=0.15)
    assert f"The right option is {ascii_uppercase[right % count]}." in told
    assert not {"1.0", "100", "certain"} & set(told.replace("}", " ").replace(",", " ").split())


@pytest.mark.parametrize("form", FORMATS)
def test_formats_are_known_and_need_options(form):
    assert format_of(form, options=True) == form
    if form == "open":
        assert format_of(form, options=False) == form
    else:
        with pytest.raises(UsageError) as refused:
            format_of(form, options=False)
        assert str(refused.value) == (
            f"error[usage]: the format `{form}` needs options, and the questions have none\n  hint: the format open"
        )


def test_other_formats_are_refused():
    with pytest.raises(UsageError) as refused:
        format_of("leter", options=True)
    assert refused.value.found == "there is no format `leter`; there are letter, probabilities, cot, open"
    assert refused.value.hint == "did you mean `letter`?"


# ---------------------------------------------------------------------------------------------- probabilities

CITIES = ("Paris", "Rome", "Oslo")
STATED = {
    '{"A": 0.5, "B": 0.3, "C": 0.2}': ((0.5, 0.3, 0.2), (), ""),
    'I think\n{"A": 0.2, "B": 0.3, "C": 0.5}\nor so.': ((0.2, 0.3, 0.5), (), ""),
    '```json\n{\n "A": 0.5,\n "B": 0.3,\n "C": 0.2\n}\n```': ((0.5, 0.3, 0.2), (), ""),
    '{"answer": {"A": 0.2, "B": 0.3, "C": 0.5}}': ((0.2, 0.3, 0.5), (), ""),
    '{"A": 1, "B": 0, "C": 0} no: {"A": 0, "B": 1, "C": 0}': ((0, 1, 0), (), ""),
    '{"A": 1, "B": 0, "C": 0} from {x: 0 < x < 1}': ((1, 0, 0), (), ""),
    '{"paris": 0.5, "Rome": 0.25, "OSLO": 0.25}': ((0.5, 0.25, 0.25), (), ""),
    '{"(c)": 0.5, "b.": 0.25, "A)": 0.25}': ((0.25, 0.25, 0.5), (), ""),
    '{"A": "0.5", "B": "0.25", "C": "0.25"}': ((0.5, 0.25, 0.25), (), ""),
    "{'A': 0.5, 'B': 0.25, 'C': 0.25}": ((0.5, 0.25, 0.25), ("json",), ""),
    '{"A": 0.5, "B": 0.25, "C": 0.25,}': ((0.5, 0.25, 0.25), ("json",), ""),
    "{A: 0.5, B: 0.25, C: 0.25}": ((0.5, 0.25, 0.25), ("json",), ""),
    '{"A": 0.5 "B": 0.25 "C": 0.25}': ((0.5, 0.25, 0.25), ("json",), ""),
    '{"A": 50, "B": 25, "C": 25}': ((0.5, 0.25, 0.25), ("percent",), ""),
    '{"A": 100}': ((1, 0, 0), ("missing", "percent"), ""),
    '{"A": 50, "B": 24, "C": 24}': ((50 / 98, 24 / 98, 24 / 98), ("percent", "sum"), ""),
    '{"A": 0.75, "C": 0.25}': ((0.75, 0, 0.25), ("missing",), ""),
    '{"A": 0.99}': ((1, 0, 0), ("missing", "sum"), ""),
    '{"A": 0.33, "B": 0.33, "C": 0.33}': ((1 / 3, 1 / 3, 1 / 3), ("sum",), ""),
    '{"A": 0.5, "a": 0.5, "B": 0.5}': ((0.5, 0.5, 0), ("missing",), ""),
    "no object": (None, (), "no JSON object with options"),
    "": (None, (), "no JSON object with options"),
    '{"A": 0.5, "B": 0.25, "C": 0.2': (None, (), "no JSON object with options"),
    "[0.5, 0.25, 0.25]": (None, (), "no JSON object with options"),
    "{}": (None, (), "no JSON object with options"),
    '{"A": 0.5, "B": 0.25, "D": 0.25}': (None, (), "not a number for each option"),
    '{"A": "likely", "B": "so so", "C": 0}': (None, (), "not a number for each option"),
    '{"A": true, "B": false, "C": false}': (None, (), "not a number for each option"),
    '{"A": null, "B": 1, "C": 0}': (None, (), "not a number for each option"),
    '{"A": -0.1, "B": 0.6, "C": 0.5}': (None, (), "a number outside 0 to 1"),
    '{"A": NaN, "B": 0.5, "C": 0.5}': (None, (), "a number outside 0 to 1"),
    '{"A": Infinity, "B": -Infinity, "C": 1}': (None, (), "a number outside 0 to 1"),
    '{"A": 1e308, "B": 1e308, "C": 0}': (None, (), "a number outside 0 to 1"),
    '{"A": 150, "B": -50, "C": 0}': (None, (), "a number outside 0 to 1"),
    '{"A": 0.5, "B": 0.25}': (None, (), "1 options without a probability"),
    '{"A": 0.5}': (None, (), "2 options without a probability"),
    '{"A": 0.5, "B": 0.5, "C": 0.5}': (None, (), "a sum of 1.5"),
    '{"A": 0, "B": 0, "C": 0}': (None, (), "a sum of 0"),
}


@pytest.mark.parametrize("text", STATED)
def test_probabilities_are_read_or_a_reason_is_given(text):
    probabilities, repairs, reason = STATED[text]
    found = read_probabilities(text, CITIES)
    assert found.probabilities == (None if probabilities is None else pytest.approx(probabilities))
    assert (found.repairs, found.reason) == (repairs, reason)


numbers = st.one_of(st.floats(0, 1), st.floats(), st.integers(-5, 120), st.text(max_size=4), st.none(), st.booleans())
objects = st.dictionaries(st.sampled_from(["A", "b", "(C)", "D", "Paris", "rome", "x"]), numbers, max_size=5).map(json.dumps)
pieces = st.one_of(
    objects, st.text(max_size=10), st.sampled_from(['{"A": 0.5, "B": ', "{", "}", "[" * 2000, "{[", '"', "%}", "\\", "'"])
)


@given(st.lists(pieces, max_size=6).map("".join), st.sampled_from([CITIES, ("yes", "no"), ("A", "B"), tuple(ascii_uppercase)]))
@example('{"A": ' + "[" * 900 + "}", CITIES)
@example('{"A": ' + "[" * 100_000 + "}", CITIES)
def test_no_reply_breaks_the_reader(text, options):
    found = read_probabilities(text, options)
    assert (found.probabilities is None) == bool(found.reason)
    if found.probabilities:
        assert len(found.probabilities) == len(options)
        assert sum(found.probabilities) == pytest.approx(1)
        assert min(found.probabilities) >= 0
        assert set(found.repairs) <= {"json", "percent", "missing", "sum"}
    else:
        assert found.repairs == ()


@given(st.lists(st.integers(0, 1000), min_size=3, max_size=3).filter(any))
def test_what_was_stated_is_what_is_read(counts):
    stated = [count / sum(counts) for count in counts]
    for keys in ("ABC", CITIES, reversed("abc")):
        order = stated[::-1] if isinstance(keys, reversed) else stated
        found = read_probabilities(f"So:\n{json.dumps(dict(zip(keys, order, strict=True)))}", CITIES)
        assert found.probabilities == pytest.approx(stated)
        assert found.repairs == ()


# ---------------------------------------------------------------------------------------------- choosing

CHOSEN = {
    "ANSWER: B": "Rome",
    "answer: b": "Rome",
    "**ANSWER: (B)**": "Rome",
    "**Answer:** [B]": "Rome",
    "ANSWER: $B$": "Rome",
    "Answer: B) Rome": "Rome",
    "Answer: B. Rome": "Rome",
    "The answer is Paris.": "Paris",
    "So the answer is (C), since it is cold.": "Oslo",
    "ANSWER: oslo": "Oslo",
    r"So \boxed{C}": "Oslo",
    r"$\boxed{\text{C}}$": "Oslo",
    r"\boxed{\text{Rome}}": "Rome",
    "ANSWER: \n\\boxed{A}": "Paris",
    r"Answer: $\boxed{\text{Oslo}}$": "Oslo",
    "<answer> B </answer>": "Rome",
    "<answer></answer>\nANSWER: B": "Rome",
    "ANSWER: B <answer>C</answer>": "Oslo",
    "ANSWER: A\nNo, wait.\nANSWER: C": "Oslo",
    "ANSWER: C\n\nThe answer is A, they say.": "Oslo",
    "I take (A). No, (B).": None,
    "#### B": "Rome",
    "#### Rome": "Rome",
    "B": "Rome",
    "ANSWER: Z": None,
    "ANSWER: D": None,
    "ANSWER: Berlin": None,
    "It must be D.": None,
    "A cat sat on a mat.": None,
    "I cannot tell.": None,
    "": None,
    " \n": None,
}


@pytest.mark.parametrize("text", CHOSEN)
def test_the_option_that_a_reply_names(text):
    assert chosen(text, CITIES) == CHOSEN[text]


def read_from_a_log(text, *, lone_letters=True):
    """The option that the reader of logs finds in the same completion; to it, a letter may stand alone anywhere."""
    choices = {"choices": pl.lit(pl.Series([list(CITIES)]))}
    frame = pl.DataFrame({"completion": [text]}).lazy()
    frame = frame.with_columns(**choices) if lone_letters else frame
    frame = (
        from_completions(frame)
        .with_columns(**choices)
        .select(by_text("answer", letters=are_letters("answer", ["answer"], pl.lit(0))))
    )
    (answer,) = frame.collect()["answer"]
    return answer if answer in CITIES else None


@pytest.mark.parametrize("text", [text for text in CHOSEN if "oslo" not in text and text != "I take (A). No, (B)."])
def test_a_reply_is_read_as_when_a_log_is_read(text):
    assert chosen(text, CITIES) == read_from_a_log(text)


said = st.sampled_from(["A", "(b)", "C.", "Rome", "d", "Berlin", "**B**", "C) Oslo", ""])
ways = st.sampled_from(["ANSWER: {}", "<answer>{}</answer>", "the answer is {}.", "\\boxed{{{}}}", "no answer: {}"])
replies = st.lists(st.builds(str.format, ways, said), max_size=4).map("\n".join)


@given(replies)
def test_any_reply_is_read_as_when_a_log_is_read(text):
    found = chosen(text, CITIES)
    assert found in (None, read_from_a_log(text))
    assert read_from_a_log(text, lone_letters=False) in (None, found)


@given(st.text() | replies, st.lists(st.text(max_size=5), max_size=26))
def test_what_is_chosen_is_an_option(text, options):
    found = chosen(text, options)
    assert found is None or found in options


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("Option A looks wrong. Let me look at option C.", None),
        ("I refuse to choose; see Plan B.", None),
        ("<think>the answer is A, hmm", None),
        ("<think>the answer is A</think>\nANSWER: B", "Rome"),
        ("ANSWER: \\boxed{B}", "Rome"),
        ("$\\boxed{B}$", "Rome"),
        ("ANSWER: Option B", "Rome"),
        ("ANSWER: B (Rome)", "Rome"),
        ("ANSWER: B - Rome", "Rome"),
        ("ANSWER: A good one is not there", None),
        ("Paris it is not.\n\nB", "Rome"),
    ],
)
def test_only_what_says_that_it_is_an_answer_is_one(text, option):
    assert chosen(text, CITIES) == option


@pytest.mark.parametrize(("text", "option"), [("so the answer is B", None), ("\\boxed{B}", None), ("ANSWER: B", "Rome")])
def test_a_reply_that_was_cut_off_chooses_only_by_its_answer_line(text, option):
    assert chosen(text, CITIES, cut=True) == option


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"A": 0.7, "B": 0.2, "C": 0.1} at first; now {"A": 0.1, "B": 0.9, "C": 0.1, "D": 0.1}', "not a number for each option"),
        ('{"A": 0.4, "B": 0.3, "C": 0.3} is the form; mine is {"A": 0.9, "B": 0.9, "C": 0.1}', "a sum of 1.9"),
    ],
)
def test_a_draft_never_stands_for_probabilities_that_cannot_be_read(text, reason):
    assert read_probabilities(text, ("Paris", "Rome", "Oslo")).reason == reason


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("ANSWER: N", "N"),
        ("ANSWER: C", "O"),
        ("ANSWER: A", "N"),
        ("ANSWER: b", "C"),
        ("The answer is O.", "O"),
        ("ANSWER: X", None),
    ],
)
def test_a_letter_is_that_of_an_option_whatever_options_are_called(text, option):
    assert chosen(text, ("N", "C", "O")) == option


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<answer>5</answer>", "5"),
        ("so <ANSWER>\n a\nb \n</answer>.", "a\nb"),
        ("<answer>1</answer> no <answer>2</answer>", "2"),
        ("<answer>1</answer> no <answer>2", "1"),
        ("<answer> </answer>", None),
        ("ANSWER: 5", None),
        ("", None),
    ],
)
def test_what_stands_between_tags(text, answer):
    assert tagged(text) == answer


HOSTILE = {
    "blanks behind a tag": "<answer>" + " " * 1200,
    "tags that never end": "<answer>" * 4000,
    "lines behind the word": "answer:" + "\n" * 12_000,
    "blanks before the end": "answer: x" + " " * 15_000 + "y",
    "braces": "\\boxed{" + "{a" * 20_000,
    "boxes": "\\boxed{" * 20_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("reader", [lambda text: chosen(text, CITIES), tagged, lambda text: read_probabilities(text, CITIES)])
def test_no_reply_hangs_the_reader(text, reader):
    begun = monotonic()
    assert reader(text) in (None, read_probabilities("", CITIES))
    assert monotonic() - begun < 0.5
