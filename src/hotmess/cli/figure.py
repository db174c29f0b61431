"""`hotmess figure`: every analysis, as a picture, a table or JSON; by its name or by the number of the paper's figure."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from hotmess.cli.options import again, reading, reading_of

__all__ = ["figure"]

PAPER: dict[str, str] = {}
