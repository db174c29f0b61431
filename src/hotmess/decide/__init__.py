"""Decide: how much to collect, which of two is better, and whether to let it pass."""

from hotmess.decide.baseline import Baseline
from hotmess.decide.compare import compare
from hotmess.decide.gate import Gate, gate
from hotmess.decide.guesses import Guess
from hotmess.decide.limits import Limits
from hotmess.decide.plan import plan
from hotmess.decide.prices import Most, Prices

__all__ = ["Baseline", "Gate", "Guess", "Limits", "Most", "Prices", "compare", "gate", "plan"]
