"""Chains: each question against a solver that reads only its text, each reasoning against a reader of its lines."""

import importlib.util
import re
import sys
from dataclasses import replace
from itertools import pairwise
from string import ascii_lowercase, ascii_uppercase

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from hotmess.errors import UsageError
from hotmess.reasoners import chains
from hotmess.reasoners.grid import Grid


def unchecked():
    """The same module without checks of types: these take forty times as long as the questions, of which thousands are drawn."""
    spec = importlib.util.spec_from_file_location("unchecked_chains", chains.__file__)
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


plain = unchecked()
Dials, Habits, examples, prompt = plain.Dials, plain.Habits, plain.examples, plain.prompt
question, reasoning = plain.question, plain.reasoning

MODULUS = 10
LINE = re.compile(r"(?P<value>\d)(?P<name>[a-z])(?:(?P<operator>[-+*])(?P<number>\d))?")
STRAIGHT = Dials(distractors=(0, 0))


def applied(value, operator, number, *, mistaken=False):
    if operator == "-" and mistaken:
        return max(value, number) - min(value, number)
    return {"+": value + number, "-": value - number, "*": value * number}[operator] % MODULUS


def parsed(text):
    """What a question shows: the number given and its name, each step by the name that it makes, the options, what is asked."""
    *lines, last = text.split("\n")
    made, offered, starts = {}, {}, []
    for line in lines:
        if found := re.fullmatch(r"([A-J])\)(\d)", line):
            offered[found[1]] = int(found[2])
        elif found := re.fullmatch(r"(\d)([a-z])", line):
            starts.append((int(found[1]), found[2]))
        else:
            source, operator, number, name = re.fullmatch(r"([a-z])([-+*])(\d)([a-z])", line).groups()
            assert name not in made
            made[name] = (source, operator, int(number))
    ((start, first),) = starts
    assert first not in made
    return start, first, made, offered, re.fullmatch(r"([a-z])\?", last)[1]


def way(text):
    """The only steps that lead from what is given to what is asked."""
    _, first, made, _, name = parsed(text)
    found = []
    while name != first:
        found.insert(0, (*made[name], name))
        name = made[name][0]
        assert len(found) <= len(made)
    return found


def solved(text, *, mistaken=False):
    """The answer, and the value of each name on the way to it."""
    start, first, _, offered, asked = parsed(text)
    values = {first: start}
    for source, operator, number, name in way(text):
        values[name] = applied(values[source], operator, number, mistaken=mistaken)
    letters = [letter for letter, value in offered.items() if value == values[asked]]
    return (letters[0] if letters else str(values[asked])), values


def content(text):
    """The number given and what is done with it, without names."""
    return parsed(text)[0], tuple(step[1:3] for step in way(text))


def about(hits, draws, share):
    """Whether so many of so many draws are believable for this share."""
    return binomtest(hits, draws, share).pvalue > 1e-4


ranges = st.tuples(st.integers(1, 12), st.integers(1, 12)).map(lambda ends: tuple(sorted(ends)))
few = st.tuples(st.integers(0, 6), st.integers(0, 6)).map(lambda ends: tuple(sorted(ends)))
dials = st.builds(Dials, steps=ranges, distractors=few, examples=few, options=st.sampled_from([0, 2, 4, 7, 10]))
habits = st.builds(Habits, checking=st.floats(0, 1), slips=st.floats(0, 0.5))
questions = st.builds(
    lambda number, seed, split, dials: question(number, seed=seed, split=split, dials=dials),
    *(st.integers(0, 2**31), st.integers(0, 2**31), st.sampled_from(["train", "test"]), dials),
)
seeds = st.integers(0, 2**32)


# ---------------------------------------------------------------------------------------------- questions

STORED = [  # number, seed, split, options; the text, the answer, what the misconception says, a reasoning of each
    (
        (0, 0, "test", 0),
        *("c-2y o+5c c*4u 9o a*4z u-6a z?", "0", "0"),
        "9o+5 Wait 9o+5 4c*4 7u-6 Wait 4c*4 6u-6 0a*4 0z",
    ),
    (
        (6, 7, "train", 0),
        *("b+1n 8x x*2v v+4b n?", "1", "1"),
        "8x*2 Wait 8x*2 6v+4 1b+1 2n Wait 6v+4 0b+1 1n",
    ),
    (
        (3, 0, "test", 4),
        *("k-6w k-8r 5k A)3 B)8 C)7 D)6 r?", "C", "A"),
        "5k-6 8w Wait 5k-8 7r Wait 5k-8 8r Wait 5k-6 9w Wait 5k-8 7r",
    ),
    (
        (0, 1, "train", 10),
        *("b+3h p*3x h+5p p+7g 4b b+3n A)7 B)6 C)9 D)8 E)2 F)1 G)5 H)4 I)0 J)3 x?", "B", "B"),
        "4b+3 6n Wait 4b+3 Wait 4b+3 8h+5 Wait 4b+3 7n Wait 4b+3 7h+5 2p+7 1g Wait 2p+7 9g Wait 2p*3 6x Wait 7h+5 2p*3 6x",
    ),
]


@pytest.mark.parametrize(("which", "text", "answer", "mistaken", "thought"), STORED)
def test_questions_are_those_of_the_first_release(which, text, answer, mistaken, thought):
    number, seed, split, options = which
    asked = question(number, seed=seed, split=split, dials=Dials(options=options))
    assert asked.text.split("\n") == text.split()
    assert (asked.answer, asked.said(asked.value(mistaken=True))) == (answer, mistaken)
    found = reasoning(asked, Habits(checking=1, slips=0.2), np.random.default_rng(5))
    assert (found[0].split("\n"), found[1]) == (thought.split(), answer)


def test_contexts_are_those_of_the_first_release():
    assert [one.ident for one in examples("test-0-0", 3)] == ["train-0-1192156061"]


@pytest.mark.parametrize("number", range(4))
def test_types_are_what_they_say(number):
    asked, same = (module.question(number, dials=module.Dials(options=4 * (number % 2))) for module in (chains, plain))
    shown, as_shown = (module.examples(f"test-0-{number}", 1) for module in (chains, plain))
    assert (chains.prompt(asked, shown), asked.answer, asked.difficulty) == (prompt(same, as_shown), same.answer, same.difficulty)
    for seed in range(5):
        thoughts = (
            module.reasoning(one, module.Habits(1, 0.3, 0.5), np.random.default_rng(seed))
            for module, one in ((chains, asked), (plain, same))
        )
        assert len(set(thoughts)) == 1


@given(st.integers(0, 2**31), st.integers(0, 2**31), dials)
def test_a_question_follows_from_its_number_seed_split_and_dials(number, seed, dials):
    found = question(number, seed=seed, split="train", dials=dials)
    assert found == question(number, seed=seed, split="train", dials=dials)
    others = [
        question(number + 1, seed=seed, split="train", dials=dials),
        question(number, seed=seed + 1, split="train", dials=dials),
        question(number, seed=seed, split="test", dials=dials),
    ]
    assert found.text not in {other.text for other in others}
    assert len({found.ident, *(other.ident for other in others)}) == 4


@pytest.fixture(scope="module")
def short():
    """Chains of one to three steps, by split."""
    dials = Dials(steps=(1, 3), distractors=(0, 1))
    return {split: {content(question(n, split=split, dials=dials).text) for n in range(3000)} for split in ("train", "test")}


def test_no_chain_of_one_split_is_in_the_other(short):
    assert not short["train"] & short["test"]
    assert len(short["train"]) > 1500
    assert len(short["test"]) > 500


def test_seeds_share_their_splits(short):
    others = {content(question(n, seed=2, split="train", dials=Dials(steps=(1, 2))).text) for n in range(1000)}
    assert others & short["train"]
    assert not others & short["test"]


@given(questions)
def test_the_answer_is_what_the_text_says(asked):
    assert asked.answer == solved(asked.text)[0]
    assert asked.said(asked.value(mistaken=True)) == solved(asked.text, mistaken=True)[0]


@given(questions)
def test_distractors_do_not_matter(asked):
    kept = {"".join(map(str, step)) for step in way(asked.text)}
    start, first, made, _, _ = parsed(asked.text)
    lines = [line for line in asked.text.split("\n") if not re.fullmatch(r"[a-z][-+*]\d[a-z]", line) or line in kept]
    assert len(made) == len(asked.chain) + len(asked.wrong)
    assert len(lines) == len(asked.text.split("\n")) - len(asked.wrong)
    assert solved("\n".join(lines))[0] == asked.answer
    assert (start, first) == (asked.start, asked.chain[0].source)


@given(questions)
def test_what_is_asked_leads_nowhere_and_wrong_ways_end_at_once(asked):
    _, _, made, _, last = parsed(asked.text)
    sources = {source for source, _, _ in made.values()}
    assert last not in sources
    assert not sources & {step.name for step in asked.wrong}


@given(st.integers(0, 2**31), dials)
def test_dials_are_kept_to(number, dials):
    asked = question(number, dials=dials)
    steps, besides = way(asked.text), len(parsed(asked.text)[2]) - len(way(asked.text))
    assert dials.steps[0] <= len(steps) <= dials.steps[1]
    assert dials.distractors[0] <= besides <= dials.distractors[1]
    assert dials.examples[0] <= len(examples(asked.ident, number % 7, dials=dials)) <= dials.examples[1]
    assert all(number >= (2 if operator == "*" else 1) for _, operator, number in parsed(asked.text)[2].values())


def test_every_value_of_a_dial_is_drawn():
    found = [question(n) for n in range(600)]
    assert {len(asked.chain) for asked in found} == set(range(1, 7))
    assert {len(asked.wrong) for asked in found} == set(range(4))
    assert {len(examples(asked.ident, 0)) for asked in found} == {0, 1, 2}
    assert {step.operator for asked in found for step in asked.chain} == {"+", "-", "*"}
    assert {asked.start for asked in found} == set(range(MODULUS))
    assert {step.name for asked in found for step in asked.chain} == set(ascii_lowercase)


def test_half_of_the_distractors_are_wrong_ways():
    found = [question(n, dials=Dials(distractors=(3, 3))) for n in range(1000)]
    hits = sum(step.source in solved(asked.text)[1] for asked in found for step in asked.wrong)
    assert about(hits, 3000, 0.5)


@given(st.integers(0, 2**31), st.integers(2, 10))
def test_options_are_different_and_hold_the_answer(number, count):
    asked = question(number, dials=Dials(options=count))
    *_, offered, name = parsed(asked.text)
    assert list(offered) == list(ascii_uppercase[:count])
    assert len(set(offered.values())) == count
    assert offered[asked.answer] == solved(asked.text)[1][name]


@given(st.integers(0, 2**31))
def test_the_misconception_is_offered(number):
    asked = question(number, dials=Dials(options=4))
    assert asked.said(asked.value(mistaken=True)) in "ABCD"


def test_the_place_of_the_answer_gives_nothing_away():
    found = [question(n, dials=Dials(options=4)).answer for n in range(1000)]
    assert all(about(found.count(letter), len(found), 0.25) for letter in "ABCD")


def test_a_number_that_is_not_offered_stays_a_number():
    asked = replace(question(0), options=(3, 8))
    assert [asked.said(value) for value in (3, 8, 5)] == ["A", "B", "5"]


@given(st.integers(0, 2**31), st.sampled_from([0, 2, 4, 10]), st.sampled_from([*"059ABDJKa?٣", "", "10", "AB"]))
def test_an_answer_is_read_if_it_is_one_of_those_that_there_are(number, options, said):
    letters = ascii_uppercase[:options]
    wanted = {*letters} if options else {*"0123456789"}
    assert plain.read(said, len(question(number, dials=Dials(options=options)).options)) == (said if said in wanted else None)


def test_no_two_samples_share_a_seed():
    grids = [Grid(questions=3, contexts=4, samples=5, seed=seed) for seed in range(2)]
    every = [(grid, one, place, model) for grid in grids for one in grid.asked() for place in range(20) for model in ("a", "b")]
    found = [grid.told(one, place, model).seed for grid, one, place, model in every]
    assert len(set(found)) == len(every)
    assert found == [grid.told(one, place, f"hotmess/{model}").seed for grid, one, place, model in every]
    assert 0 <= min(found) < max(found) < 2**63


def test_more_samples_of_a_context_leave_those_that_there_were():
    few, more = Grid(contexts=2, samples=2), Grid(contexts=2, samples=7)
    one = few.question(3)
    assert [few.told(one, place, "m") for place in range(4)] == [more.told(one, place, "m") for place in range(4)]


def test_a_context_is_of_one_question():
    grid = Grid(questions=30)
    told = [grid.told(one, place, "m") for one in grid.asked() for place in range(30)]
    assert len({one.context for one in told}) == 300
    assert len({one.prompt for one in told}) > 290


def test_grids_that_cannot_be_asked_are_refused():
    with pytest.raises(UsageError, match="0 questions, 10 contexts, 3 samples"):
        Grid(questions=0)
    with pytest.raises(UsageError, match="seed -1"):
        Grid(seed=-1)
    with pytest.raises(UsageError, match="10 contexts without an example"):
        Grid(dials=chains.Dials(examples=(0, 0)))
    with pytest.raises(UsageError, match="question 0, seed -2"):
        question(0, seed=-2)


def test_ranges_are_read():
    assert [plain.ends(text) for text in ("3", 3, "1-6", " 1 - 6 ", "6-1")] == [(3, 3), (3, 3), (1, 6), (1, 6), (6, 1)]
    for text in ("", "x", "-1", "1-", "1-x", "1-2-3", "1.5", None):
        with pytest.raises(UsageError, match=f"`{text}` is neither a number nor a range"):
            plain.ends(text)


@pytest.mark.parametrize(("steps", "label"), [(1, "easy"), (2, "easy"), (3, "medium"), (4, "medium"), (5, "hard"), (12, "hard")])
def test_difficulty_is_by_steps(steps, label):
    assert question(1, dials=Dials(steps=(steps, steps))).difficulty == label


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Dials(steps=(0, 3)), "steps 0 to 3"),
        (lambda: Dials(steps=(4, 3)), "steps 4 to 3"),
        (lambda: Dials(steps=(1, 13)), "steps 1 to 13"),
        (lambda: Dials(distractors=(0, 7)), "distractors 0 to 7"),
        (lambda: Dials(distractors=(-1, 2)), "distractors -1 to 2"),
        (lambda: Dials(examples=(0, 9)), "examples 0 to 9"),
        (lambda: Dials(options=1), "1 options"),
        (lambda: Dials(options=11), "11 options"),
        (lambda: Dials(options=-4), "-4 options"),
        (lambda: Habits(checking=1.5), "checking 1.5"),
        (lambda: Habits(slips=-0.25), "slips -0.25"),
        (lambda: Habits(slips=0.75), "slips 0.75"),
        (lambda: Habits(misconception=2.0), "misconception 2.0"),
        (lambda: Habits(checking=float("nan")), "checking nan"),
    ],
)
def test_what_cannot_be_drawn_is_refused(make, said):
    with pytest.raises(UsageError) as refused:
        make()
    assert refused.value.found.startswith(f"{said};")


# ---------------------------------------------------------------------------------------------- contexts


def test_examples_are_short_and_of_the_training_split(short):
    shown = [one for n in range(400) for one in examples(f"test-0-{n}", n % 3, dials=Dials(examples=(2, 4)))]
    assert all(one.ident.startswith("train-0-") for one in shown)
    assert not short["test"] & {content(one.text) for one in shown}
    assert {len(way(one.text)) for one in shown} == {1, 2, 3}
    assert not any(one.wrong for one in shown)
    again = [question(int(one.ident.split("-")[2]), split="train", dials=Dials((1, 3), (0, 0))) for one in shown]
    assert shown == again


@given(st.integers(0, 2**31), st.integers(0, 2**31), st.sampled_from([0, 4]))
def test_a_context_is_the_same_each_time_and_unlike_the_others(number, seed, options):
    dials = Dials(examples=(2, 2), options=options)
    shown = [examples(f"test-{seed}-{number}", context, seed=seed, dials=dials) for context in range(8)]
    assert shown == [examples(f"test-{seed}-{number}", context, seed=seed, dials=dials) for context in range(8)]
    others = [examples(f"test-{seed}-{number + less}", 0, seed=seed + 1 - less, dials=dials) for less in (0, 1)]
    assert len({one.text for context in (*shown, *others) for one in context}) > 16
    assert all(len(one.options) == options for context in shown for one in context)


@given(st.integers(0, 2**31), st.integers(1, 8), st.sampled_from([0, 4]))
def test_a_prompt_is_answered_questions_and_then_one_that_is_not(number, count, options):
    dials = Dials(examples=(count, count), options=options)
    asked = question(number, dials=dials)
    *blocks, last = prompt(asked, examples(asked.ident, 0, dials=dials)).split("\n\n")
    assert last == asked.text == prompt(asked)
    assert [block[-1] for block in blocks] == [solved(block[:-1])[0] for block in blocks]
    assert len(blocks) == count


# ---------------------------------------------------------------------------------------------- reasoning


def lines_of(thought):
    """Lines as (value, name, operator, number), and None for Wait."""
    return [None if line == "Wait" else LINE.fullmatch(line).groups() for line in thought.split("\n")]


@given(questions, habits, seeds)
def test_reasoning_ends_with_the_right_answer(asked, habits, seed):
    thought, said = reasoning(asked, habits, np.random.default_rng(seed))
    right, values = solved(asked.text)
    name = asked.text[-2]
    assert said == right
    assert thought.split("\n")[-1] == f"{values[name]}{name}"


@given(questions, habits, seeds)
def test_reasoning_follows_the_question(asked, habits, seed):
    made = parsed(asked.text)[2]
    steps = {(source, operator, str(number)) for source, operator, number in made.values()}
    found = lines_of(reasoning(asked, habits, np.random.default_rng(seed))[0])
    for line in filter(None, found):
        _, name, *operation = line
        assert (name, *operation) in steps if operation[0] else name in made and name not in {source for source, *_ in steps}
    for line, following in pairwise(found):
        if line and following and line[2]:
            source, operator, number = line[1], line[2], int(line[3])
            assert made[following[1]] == (source, operator, number)
            off = (int(following[0]) - applied(int(line[0]), operator, number)) % MODULUS
            assert off in ({0, 1, 2, MODULUS - 1, MODULUS - 2} if habits.slips else {0})
        else:
            assert line is None or following is None


@given(questions, habits, seeds)
def test_wait_goes_back_to_a_line_that_was_there(asked, habits, seed):
    found = lines_of(reasoning(asked, habits, np.random.default_rng(seed))[0])
    assert found[0]
    assert found[-1]
    for place, line in enumerate(found):
        if line is None:
            assert found[place - 1]
            assert found[place + 1][:2] in [earlier[:2] for earlier in found[:place] if earlier]


@given(questions, habits, seeds)
def test_every_slip_is_noticed(asked, habits, seed):
    values = solved(asked.text)[1]
    last = {line[1]: line for line in lines_of(reasoning(asked, habits, np.random.default_rng(seed))[0]) if line}
    assert {name: int(last[name][0]) for name in values} == values
    assert [last[source][2:] for source, *_ in way(asked.text)] == [(o, str(n)) for _, o, n, _ in way(asked.text)]


@given(questions, st.floats(0, 1), seeds)
def test_without_slips_every_number_is_right(asked, checking, seed):
    _, first, made, _, _ = parsed(asked.text)
    values = solved(asked.text)[1]
    for line in filter(None, lines_of(reasoning(asked, Habits(checking=checking, slips=0), np.random.default_rng(seed))[0])):
        value, name = int(line[0]), line[1]
        source, operator, number = made.get(name, (first, "+", 0))
        assert value == values.get(name, applied(values[source], operator, number))


@given(st.integers(0, 2**31), seeds)
def test_plain_reasoning_is_a_line_a_step_and_the_answer(number, seed):
    asked = question(number, dials=STRAIGHT)
    thought, _ = reasoning(asked, Habits(checking=0, slips=0), np.random.default_rng(seed))
    values = solved(asked.text)[1]
    wanted = [f"{values[source]}{source}{operator}{n}" for source, operator, n, _ in way(asked.text)]
    assert thought == "\n".join([*wanted, f"{values[asked.text[-2]]}{asked.text[-2]}"])


@given(questions, seeds)
def test_without_slips_and_checking_each_wrong_way_is_tried_once_at_most(asked, seed):
    found = lines_of(reasoning(asked, Habits(checking=0, slips=0), np.random.default_rng(seed))[0])
    ends = [line for line in found if line and not line[2]]
    assert len(ends) == len(set(ends)) == found.count(None) + 1
    assert len(found) == len(asked.chain) + 1 + 3 * found.count(None)


def test_slips_come_as_often_as_they_are_asked_for():
    found = [question(n, split="train", dials=Dials(steps=(3, 3), distractors=(0, 0))) for n in range(2000)]
    rng = np.random.default_rng(1)
    hits = sum("Wait" in reasoning(asked, Habits(checking=0, slips=0.1), rng)[0] for asked in found)
    assert about(hits, len(found), 1 - 0.9**3)


def test_checking_is_a_habit_of_a_share_of_reasonings():
    long, rng = question(0, dials=Dials(steps=(12, 12), distractors=(0, 0))), np.random.default_rng(1)
    never, half, always = (
        sum("Wait" in reasoning(long, Habits(checking=share, slips=0), rng)[0] for _ in range(1000)) for share in (0, 0.5, 1)
    )
    assert never == 0
    assert always > 800
    assert about(half, 1000, always / 1000 / 2)


@given(questions, habits, seeds)
def test_a_misconception_comes_to_its_own_answer(asked, habits, seed):
    _, said = reasoning(asked, replace(habits, misconception=1), np.random.default_rng(seed))
    assert said == asked.said(asked.value(mistaken=True)) == solved(asked.text, mistaken=True)[0]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_a_misconception_is_held_by_its_share(share):
    every = (question(n, split="train") for n in range(3000))
    found = [asked for asked in every if asked.value() != asked.value(mistaken=True)]
    rng = np.random.default_rng(2)
    said = [reasoning(asked, Habits(misconception=share), rng)[1] for asked in found]
    hits = sum(one == asked.said(asked.value(mistaken=True)) for one, asked in zip(said, found, strict=True))
    assert len(found) > 500
    assert about(hits, len(found), share)
    assert all(one in {asked.answer, asked.said(asked.value(mistaken=True))} for one, asked in zip(said, found, strict=True))
