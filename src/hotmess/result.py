"""What an analysis found: points to draw, tests of what they seem to show, and how both were made."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl
from rich.console import Group, RenderableType
from rich.text import Text

from hotmess.errors import Notice
from hotmess.measurement import as_json, how_made
from hotmess.rows import Method
from hotmess.show import as_text, made
from hotmess.tabular import as_table, narrowed

__all__ = ["Result"]

_FITTED = tuple(f"{name}_fit" for name in ("error", "bias2", "variance", "incoherence", "accuracy"))
_SPARED = ("of", "samples", "how", "by", "lowest", "highest", *_FITTED)  # what a terminal does not show

_LAST = ("accuracy", "error", "bias2", "variance", "questions", "p_permuted", "shortest", "longest", "pearson")  # the first to go
_ROWS = 200  # of a table, beyond which nobody reads
_ENDLESS = 2000  # columns of what is no terminal


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """The result of an analysis. It draws nothing; `hotmess.charts` makes a picture of it.

    Attributes:
        name: the analysis, such as by_length.
        points: a row per point of its picture, tidy: task, model, setting where the table has them, then what the analysis
            says of its columns. NAME_low and NAME_high are the ends of the interval of NAME.
        tests: a row per statement that was tested: `what`, `per` which unit, `value` with its ends, `p` (two-sided; of no
            effect), and `how` it was tested. `p_holm` is corrected for the other rows that ask the same of other models.
        method: how the figures were made.
        notices: what must be known about them.
        source: where the samples came from.
        interval: how the intervals of the points were made.
        lossless: whether the loss played no part.
    """

    name: str
    points: pl.DataFrame
    tests: pl.DataFrame
    method: Method
    notices: tuple[Notice, ...]
    source: str
    interval: str = ""
    lossless: bool = False

    def table(self) -> pl.DataFrame:
        """The points: tidy, one row each."""
        return self.points

    def to_json(self) -> str:
        """One JSON object; the same samples give the same bytes."""
        none = {"loss": None, "estimator": None, "delta": None} if self.lossless else {}
        figures = {"analysis": self.name, **how_made(self.method), **none, "interval": self.interval}
        tables = {"points": self.points.to_dicts(), "tests": self.tests.to_dicts()}
        return as_json(figures | tables, self.source, self.notices)

    def drawable(self) -> bool:
        """Whether any figure is defined, so that a picture would show something."""
        names = [name for name in self.points.columns if f"{name}_low" in self.points.columns]
        names = ["incoherence"] if "incoherence" in names else names  # where there is no error, the rest is all zeros
        return self.points.height > 0 and not (names and all(self.points[name].is_null().all() for name in names))

    def show(self, width: int = _ENDLESS) -> RenderableType:
        """The tables for a terminal, and below them how they were made; a narrow one leaves out what can be spared."""
        parts = [part for frame in (self.points, self.tests) if frame.height for part in _parts(frame, width)]
        return Group(*parts, Text(self.made(), style="dim"))

    def made(self) -> str:
        """How the figures were made, in a line."""
        return made(self.method, self.source, [self.interval] if self.interval else [], lossless=self.lossless)

    def chart(self) -> Any:
        """The picture, an Altair chart.

        Raises:
            NothingToShow: there is no point to draw.
        """
        from hotmess.charts import chart

        return chart(self)

    def __str__(self) -> str:
        """Return the tables as the command line shows them, without colour."""
        return as_text(self.show(), width=_ENDLESS)

    def _repr_html_(self) -> str:
        """The picture and the tests, for Jupyter and marimo."""
        from hotmess.charts.notebook import of_result

        return of_result(self)


def _parts(frame: pl.DataFrame, width: int) -> Iterator[RenderableType]:
    """A table, and what of it is not shown."""
    shown = frame.head(_ROWS)
    gone = narrowed(shown, _SPARED, _LAST, width)
    yield as_table(shown, spared=[*_SPARED, *gone])
    said = [f"{frame.height - _ROWS:,} more rows"] if frame.height > _ROWS else []
    said += [f"no room for {', '.join(gone)}"] if gone else []
    if said:
        yield Text(f"{'; '.join(said)}: -o FILE.csv, or --json", style="dim")
