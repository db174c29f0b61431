"""Which questions' transcripts go into a page, and the packing of them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Literal

import polars as pl

from hotmess.errors import safe
from hotmess.read.inspect.link import inspect_link
from hotmess.report.part import Part
from hotmess.report.questions import answers_of
from hotmess.report.transcripts import Packed, Transcript, pack, within

__all__ = ["Texts", "Which", "told"]

Which = Literal["none", "messiest", "all"]
Texts = Callable[[Collection[str]], pl.DataFrame]
Key = tuple[Any, ...]

_AROUND = 500  # bytes in the page around a blob: its element, its buttons, the beginning of its prompt


def told(
    parts: Sequence[tuple[int, Part]], which: Which, texts: Texts, budget: int, *, most: int
) -> tuple[Packed, dict[int, str]]:
    """The transcripts that fit, by the number of their row in the page, and what was asked there.

    Args:
        parts: each with the number of its first row.
        which: those of the messiest questions of each model, or of all.
        texts: brings the texts of questions; see `Reading.transcripts`.
        budget: how many bytes there are.
        most: how many questions of a part the page has rows for.
    """
    wanted = [list(_wanted(start, part, which, most)) for start, part in parts]
    rows = [row for rank in zip_longest(*wanted) for row in rank if row]
    asked = {str(part.questions["question_id"][place]) for _, part, place in rows}
    frame = texts(asked) if asked else pl.DataFrame()
    if not frame.height:
        return Packed({}, 0, 0, 0), {}
    said = _by_question(frame)
    answers = {part.id: _answers(part, [place for _, one, place in rows if one is part]) for _, part in parts}
    found: dict[int, list[Transcript]] = {}
    prompts: dict[int, str] = {}
    for number, part, place in rows:
        key = _key(part, place)
        texts_of = [(answer, said.get(_id(part, key, answer))) for answer in answers[part.id].get(key, ())]
        transcripts = [_transcript(answer, text) for answer, text in texts_of if text is not None and _counts(answer, text)]
        if any(one.text for one in transcripts):
            found[number] = transcripts
        prompt = next((text["prompt"] for _, text in texts_of if text is not None and text["prompt"]), "")
        prompts |= {number: prompt} if prompt else {}
    return within(list(found), lambda number: pack(found[number]), budget, around=_AROUND), prompts


def _wanted(start: int, part: Part, which: Which, most: int) -> Iterator[tuple[int, Part, int]]:
    """The rows of a part that have a button, those first that are the messiest of some model."""
    ranks = zip_longest(*part.messiest, *part.repeated)
    listed = dict.fromkeys(place for rank in ranks for place in rank if place is not None)
    first = [place for place in listed if place in part.strips or place < most]
    rest = [place for place in range(min(part.questions.height, most)) if place not in listed] if which == "all" else []
    yield from ((start + place, part, place) for place in (*first, *rest))


def _key(part: Part, place: int) -> Key:
    row = part.questions.row(place, named=True)
    return tuple(row[name] for name in part.samples.keys)


def _answers(part: Part, places: Sequence[int]) -> dict[Key, list[dict[str, Any]]]:
    return answers_of(part.samples, part.questions[list(places)], part.length)


def _by_question(frame: pl.DataFrame) -> dict[tuple[str, ...], dict[str, Any]]:
    """The rows of texts by all that names a sample, as text; groups that the frame lacks are empty."""
    names = ("task", "model", "setting", "question_id", "context_id", "sample_id")
    ids = [pl.col(name).cast(pl.String).fill_null("") if name in frame.columns else pl.lit("") for name in names]
    keyed = frame.with_columns(_id=pl.concat_list(ids))
    return {tuple(row["_id"]): row for row in keyed.iter_rows(named=True)}


def _id(part: Part, key: Key, answer: Mapping[str, Any]) -> tuple[str, ...]:
    named = dict(zip(part.samples.keys, key, strict=True))
    groups = ("task", "model", "setting", "question_id")
    return (*("" if named.get(n) is None else str(named[n]) for n in groups), answer["_context"], str(answer["sample_id"]))


def _counts(answer: Mapping[str, Any], text: Mapping[str, Any]) -> bool:
    """Whether a sample has a text, and is no failure of the infrastructure."""
    return text["completion"] is not None and answer["_status"] not in ("error", "missing")


def _transcript(answer: Mapping[str, Any], text: Mapping[str, Any]) -> Transcript:
    word = "no answer" if answer["_said"] is None else safe(str(answer["_said"]))
    link = inspect_link(text["source"] or "", text["source_ref"] or "")
    name, context = str(answer["sample_id"]), answer["_context"] or None
    return Transcript(name, context, word, answer["_right"], answer["_length"], text["completion"], link)
