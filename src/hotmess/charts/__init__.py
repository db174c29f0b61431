"""A picture of each result: one Altair (Vega-Lite) specification. Computes nothing."""

import json
from collections.abc import Callable
from math import isfinite
from threading import Lock
from typing import Any

import altair as alt

from hotmess.charts.agreement import length_agreement, length_by_difficulty
from hotmess.charts.budget import by_budget
from hotmess.charts.decisions import compare
from hotmess.charts.kinds import format_adherence, measured, plane, split_bias
from hotmess.charts.length import by_length, by_wait_ratio
from hotmess.charts.optimizers import (
    optimizer_departures,
    optimizer_loss,
    optimizer_replicates,
    optimizer_rollouts,
    optimizer_scaling,
    optimizer_steps,
)
from hotmess.charts.overthinking import by_overthinking, by_relative_length
from hotmess.charts.planning import plan
from hotmess.charts.points import answer_spread, by_step, one_question
from hotmess.charts.repeats import answer_changes, by_ensemble, pass_k, sample_efficiency
from hotmess.charts.scale import by_length_and_size, by_scale
from hotmess.charts.survey import survey, survey_panels
from hotmess.errors import NothingToShow, UsageError, safe
from hotmess.result import Result

__all__ = ["FORMATS", "chart", "measured", "render"]

FORMATS = (".svg", ".pdf", ".png", ".json")
_ONE = Lock()  # what is switched off for one picture is switched off for all threads
_DOTS, _INCHES, _UNITS = 300, 3.25, 340  # per inch of a PNG; a column, and how many units of a chart fill it

_CHARTS: dict[str, Callable[[Result], Any]] = {
    "answer_changes": answer_changes,
    "answer_spread": answer_spread,
    "by_budget": by_budget,
    "by_ensemble": by_ensemble,
    "by_length": by_length,
    "by_length_and_size": by_length_and_size,
    "by_overthinking": by_overthinking,
    "by_relative_length": by_relative_length,
    "by_scale": by_scale,
    "by_step": by_step,
    "by_wait_ratio": by_wait_ratio,
    "compare": compare,
    "format_adherence": format_adherence,
    "length_agreement": length_agreement,
    "length_by_difficulty": length_by_difficulty,
    "one_question": one_question,
    "optimizer_departures": optimizer_departures,
    "optimizer_loss": optimizer_loss,
    "optimizer_replicates": optimizer_replicates,
    "optimizer_rollouts": optimizer_rollouts,
    "optimizer_scaling": optimizer_scaling,
    "optimizer_steps": optimizer_steps,
    "pass_k": pass_k,
    "plan": plan,
    "plane": plane,
    "sample_efficiency": sample_efficiency,
    "split_bias": split_bias,
    "survey": survey,
    "survey_panels": survey_panels,
}


def chart(result: Result) -> Any:
    """The picture of a result.

    Raises:
        NothingToShow: no figure of it is defined.
    """
    if not result.drawable():
        raise NothingToShow(
            f"{result.name} found no figure that is defined",
            why="there is no error to be split, or there are too few samples; a picture would show nothing",
            hint="hotmess check tells what is there",
        )
    return _CHARTS[result.name](result)


def render(drawn: Any, suffix: str) -> bytes:
    """A picture as a file of this ending holds it; nothing is fetched from anywhere.

    Raises:
        UsageError: the ending is not known.
    """
    import vl_convert

    with _ONE, alt.data_transformers.disable_max_rows():  # nothing is sent to a browser; each part was validated when it was made
        spec = json.dumps(_printable(drawn.to_dict(validate=False)), ensure_ascii=False)
    if suffix == ".json":
        return (spec + "\n").encode()
    if suffix == ".svg":
        return vl_convert.vegalite_to_svg(spec).encode()
    if suffix == ".pdf":
        return vl_convert.vegalite_to_pdf(spec)
    if suffix == ".png":
        return vl_convert.vegalite_to_png(spec, scale=_INCHES * 72 / _UNITS, ppi=_DOTS)
    raise UsageError(f"a picture cannot be written as `{suffix}`", hint=" ".join(FORMATS))


def _printable(spec: Any) -> Any:
    """A specification without what its readers cannot take: control codes, at which they end the process, and NaN."""
    if isinstance(spec, dict):
        return {safe(key): _printable(value) for key, value in spec.items()}
    if isinstance(spec, list):
        return [_printable(value) for value in spec]
    if isinstance(spec, float) and not isfinite(spec):
        return None
    return safe(spec) if isinstance(spec, str) else spec
