"""When an AI system is wrong, is it wrong the same way each time (bias), or differently every time (a hot mess)?

    >>> import hotmess
    >>> samples = hotmess.read("examples/simulated.csv")
    >>> print(hotmess.measure(samples))  # doctest: +SKIP

Names are imported when they are first used, so that ``import hotmess`` costs nothing.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hotmess.analyses import answer_changes as answer_changes
    from hotmess.analyses import answer_spread as answer_spread
    from hotmess.analyses import by_budget as by_budget
    from hotmess.analyses import by_ensemble as by_ensemble
    from hotmess.analyses import by_length as by_length
    from hotmess.analyses import by_length_and_size as by_length_and_size
    from hotmess.analyses import by_overthinking as by_overthinking
    from hotmess.analyses import by_relative_length as by_relative_length
    from hotmess.analyses import by_scale as by_scale
    from hotmess.analyses import by_step as by_step
    from hotmess.analyses import by_wait_ratio as by_wait_ratio
    from hotmess.analyses import format_adherence as format_adherence
    from hotmess.analyses import length_agreement as length_agreement
    from hotmess.analyses import length_by_difficulty as length_by_difficulty
    from hotmess.analyses import one_question as one_question
    from hotmess.analyses import pass_k as pass_k
    from hotmess.analyses import plane as plane
    from hotmess.analyses import sample_efficiency as sample_efficiency
    from hotmess.analyses import split_bias as split_bias
    from hotmess.arrays import decompose as decompose
    from hotmess.asked import Rules as Rules
    from hotmess.decide import Baseline as Baseline
    from hotmess.decide import Gate as Gate
    from hotmess.decide import Guess as Guess
    from hotmess.decide import Limits as Limits
    from hotmess.decide import Most as Most
    from hotmess.decide import Prices as Prices
    from hotmess.decide.compare import compare as compare
    from hotmess.decide.gate import gate as gate
    from hotmess.decide.plan import plan as plan
    from hotmess.decompose import Terms as Terms
    from hotmess.errors import HotmessError as HotmessError
    from hotmess.errors import Notice as Notice
    from hotmess.errors import explain as explain
    from hotmess.infer import Interval as Interval
    from hotmess.measure import measure as measure
    from hotmess.measurement import Measurement as Measurement
    from hotmess.read import read as read
    from hotmess.report import report as report
    from hotmess.result import Result as Result
    from hotmess.samples import Samples as Samples
    from hotmess.survey import survey as survey

__version__ = "0.1.0"

_ANALYSES = (
    "answer_changes",
    "answer_spread",
    "by_budget",
    "by_ensemble",
    "by_length",
    "by_length_and_size",
    "by_overthinking",
    "by_relative_length",
    "by_scale",
    "by_step",
    "by_wait_ratio",
    "format_adherence",
    "length_agreement",
    "length_by_difficulty",
    "one_question",
    "pass_k",
    "plane",
    "sample_efficiency",
    "split_bias",
)
_HOMES = {
    **dict.fromkeys(_ANALYSES, "analyses"),
    **dict.fromkeys(("Baseline", "Gate", "Guess", "Limits", "Most", "Prices", "compare", "gate", "plan"), "decide"),
    "Engine": "engines",
    "HotmessError": "errors",
    "Interval": "infer",
    "Measurement": "measurement",
    "Notice": "errors",
    "Result": "result",
    "Rules": "asked",
    "Samples": "samples",
    "Terms": "decompose",
    "decompose": "arrays",
    "explain": "errors",
    "measure": "measure",
    "read": "read",
    "report": "report",
    "survey": "survey",
}
__all__ = [*_HOMES, "__version__"]  # noqa: PLE0604 - the names are strings


class _Package(ModuleType):
    """Keeps public functions reachable by name where a module inside has the same name, such as `hotmess.measure`."""

    def __setattr__(self, name: str, value: Any) -> None:
        # Importing hotmess.measure would bind the module to the name of the function.
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'hotmess' has no attribute {name!r}")
        value = getattr(import_module(f"hotmess.{_HOMES[name]}"), name)
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_HOMES})


sys.modules[__name__].__class__ = _Package
