"""Surveys: raters rank entities by an attribute, such as intelligence or coherence (paper, figures 4b and 27).

`survey` reads tables of ranks and what the questionnaire saves; `hotmess.survey.questionnaire` writes the page that raters open.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hotmess.result import Result
from hotmess.survey.analysis import Wanted, analysed
from hotmess.survey.checked import checked
from hotmess.survey.read import Asked, read

__all__ = ["survey"]


def survey(
    *sources: Any,
    columns: Mapping[str, str] | None = None,
    attribute: str | None = None,
    invert: Sequence[str] | None = None,
    high_first: bool | None = None,
    x: str | None = None,
    y: str | None = None,
    panels: bool = False,
    seed: int = 0,
    draws: int = 2000,
) -> Result:
    """Mean ranks of what raters ranked, how far they agree, and whether two attributes go together (paper, figures 4b, 27).

    Args:
        sources: paths of tables and of saved questionnaires, or one frame.
        columns: our names (rater, entity, rank, score, attribute, kind) to theirs; an empty name leaves a column out.
        attribute: what tables are about that have no column for it; else the name of the file.
        invert: attributes to be turned round, such as coherence into incoherence; None: coherence, if there is one.
        high_first: True: the highest number is the most of the attribute; False: the lowest; None: of a column `score` the
            highest is, and else numbers must be ranks, of which 1 is.
        x: the attribute to the right; else intelligence, or the first by name.
        y: the attribute upwards; else the next.
        panels: a picture for each kind of entity.
        seed: of permutations, and of entities drawn with replacement.
        draws: how many of each.

    Raises:
        HotmessError: the tables cannot be read, or hold nothing to compare.
    """
    given = checked(read(sources, Asked(columns or {}, attribute, high_first)))
    return analysed(given, Wanted(invert, x, y, panels, seed, draws))
