"""Samples to one HTML page: a verdict that may be said, the pictures behind it, the evidence below, and the transcripts.

``samples → part (one task) → page``. `part` computes, with the analyses that everything else uses; `page` only writes.
"""

from collections.abc import Callable, Sequence
from typing import Any

from altair.utils.schemapi import debug_mode

from hotmess.asked import Rules
from hotmess.errors import one_of
from hotmess.prepare import prepare
from hotmess.report.page import Page, page, row_number, rows_of_each
from hotmess.report.part import Part, part, parts_of
from hotmess.report.told import Texts, Which, told
from hotmess.samples import Samples

__all__ = ["BUDGET", "Texts", "Which", "report"]

BUDGET = 5_000_000  # bytes of a page
_NO_TEXTS = (
    "There are no transcripts in this page: none were asked for, or what was read holds no text. "
    "`hotmess report` keeps those of logs, and of tables that have a column `completion`."
)
_DIALOG = 4000  # bytes of what stands in a page only where transcripts do


def report(
    samples: Samples | Sequence[Samples] | Any,
    *,
    rules: Rules = Rules(),
    seed: int = 0,
    transcripts: Which = "messiest",
    texts: Texts | None = None,
    budget: int = BUDGET,
    command: str = "hotmess.report(samples)",
    progress: Callable[[str], None] | None = None,
) -> str:
    """One self-contained page: the answer in a sentence, and the evidence below it.

    Args:
        samples: what `hotmess.read` returned, or a frame; several, where there are several kinds of predictions.
        rules: how to measure.
        seed: of permutations; the same samples and seed give the same page, byte for byte.
        transcripts: those of the ten messiest questions of each model, of all questions, or none.
        texts: brings what was said to the questions of these ids, a row per sample; `Reading.transcripts` does.
        budget: how many bytes the page may have; what does not fit is left out, and the page says so.
        command: what to type to make it again, for the page to say.
        progress: is told what comes next, in a word; from several threads.

    Returns:
        HTML. Tasks have a part each; one that cannot be measured is named with the reason.

    Raises:
        HotmessError: not a single task can be measured.
    """
    one_of("transcripts", transcripts, ("none", "messiest", "all"))
    every = list(samples) if isinstance(samples, list | tuple) else [samples]
    known = [one if isinstance(one, Samples) else prepare(one) for one in every]
    said = progress or (lambda _: None)
    with debug_mode(False):  # noqa: FBT003 - Altair's way: our charts are valid, and to look again takes a sixth of the time
        parts = [part(n, title, one, rules, seed=seed, said=said) for n, (title, one) in enumerate(parts_of(known, rules))]
    measured = [one for one in parts if isinstance(one, Part)]
    if not measured:
        raise next(one.problem for one in parts if not isinstance(one, Part))
    source = known[0].source
    whole = Page(parts, source, command, seed, budget, why_none=_NO_TEXTS)
    if texts is None or transcripts == "none":
        return page(whole)
    said("transcripts")
    room = budget - len(page(whole).encode()) - _DIALOG
    starts = [(row_number(parts, one, 0), one) for one in measured]
    packed, prompts = told(starts, transcripts, texts, room, most=rows_of_each(parts))
    if not packed.kept and not packed.left_out:
        return page(whole)
    return page(Page(parts, source, command, seed, budget, packed, prompts))
