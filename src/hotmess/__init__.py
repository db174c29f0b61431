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
    from hotmess.arrays import decompose as decompose
    from hotmess.decompose import Terms as Terms
    from hotmess.errors import HotmessError as HotmessError
    from hotmess.errors import Notice as Notice
    from hotmess.errors import explain as explain
    from hotmess.infer import Interval as Interval
    from hotmess.measure import measure as measure
    from hotmess.measurement import Measurement as Measurement
    from hotmess.read import read as read
    from hotmess.samples import Samples as Samples

__version__ = "0.1.0"

_HOMES = {
    "HotmessError": "errors",
    "Interval": "infer",
    "Measurement": "measurement",
    "Notice": "errors",
    "Samples": "samples",
    "Terms": "decompose",
    "decompose": "arrays",
    "explain": "errors",
    "measure": "measure",
    "read": "read",
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
