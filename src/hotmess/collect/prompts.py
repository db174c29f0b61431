"""What a model is told: the question, its options, what form the answer takes, and answered questions before it."""

from typing import Literal, get_args

from hotmess.collect.questions import Question, letter
from hotmess.errors import UsageError, one_of

__all__ = ["FORMATS", "Format", "format_of", "prompt"]

Format = Literal["letter", "probabilities", "cot", "open"]
FORMATS: tuple[str, ...] = get_args(Format)

_ASKS: dict[str, str] = {
    "letter": (
        "Answer the multiple-choice question below with one of the options {letters}. "
        "End your reply with a line of its own of the form\nANSWER: X\nwhere X is the letter of the option that you choose."
    ),
    "cot": (
        "Answer the multiple-choice question below with one of the options {letters}. "
        "First reason step by step, as long as you need. "
        "Then end your reply with a line of its own of the form\nANSWER: X\nwhere X is the letter of the option that you choose."
    ),
    "probabilities": (
        "For the multiple-choice question below, state the probability of each of the options {letters} to be the right one. "
        "End your reply with a JSON object on a line of its own that has each letter as a key and its probability as the value, "
        "such as\n{example}\nEach probability lies between 0 and 1, and they sum to 1."
    ),
    "open": "Answer the question below. Give your final answer between the tags <answer> and </answer>.",
}
_EXAMPLES = "Here are questions of the same kind, with their answers."


def format_of(name: str, *, options: bool) -> Format:
    """The format of that name, if questions like these can be asked in it.

    Raises:
        UsageError: there is none of that name, or it needs options where there are none.
    """
    known: Format = one_of("format", name, FORMATS)
    if known != "open" and not options:
        raise UsageError(f"the format `{name}` needs options, and the questions have none", hint="the format open")
    return known


def prompt(one: Question, form: Format, shown: tuple[Question, ...] = ()) -> str:
    """All that a model is told, in one message."""
    letters = [letter(place) for place in range(len(one.options))]
    ask = _ASKS[form].format(letters=", ".join(letters), example=_example(letters))
    before = "\n\n".join([_EXAMPLES, *(f"{_asked(other, form)}\n\n{_answered(other, form)}" for other in shown)]) if shown else ""
    return "\n\n".join(filter(None, [ask, before, "Now the question to answer." if shown else "", _asked(one, form)]))


def _asked(one: Question, form: Format) -> str:
    lines = [f"{letter(place)}) {option}" for place, option in enumerate(one.options)] if form != "open" else []
    return "\n\n".join(filter(None, [f"Question: {one.text}", "\n".join(lines)]))


def _answered(one: Question, form: Format) -> str:
    """The right answer, as it would be given; probabilities are not shown, since to show certainty would teach it."""
    if form == "open" or one.answer not in one.options:
        return f"<answer>{one.answer}</answer>"
    right = letter(one.options.index(one.answer))
    return f"The right option is {right}." if form == "probabilities" else f"ANSWER: {right}"


def _example(letters: list[str]) -> str:
    """An object of the right form that favours no option: the same number for each."""
    each = round(1 / max(len(letters), 1), 2)
    return "{" + ", ".join(f'"{name}": {each}' for name in letters) + "}"
