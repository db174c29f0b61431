"""What Inspect finds by entry point, as `hotmess/…`: tasks, solver, scorers, metrics, and the provider of our own models."""

from hotmess.collect.chains import chains
from hotmess.collect.metrics import incoherence, unread
from hotmess.collect.scorers import mcq as mcq_scorer
from hotmess.collect.scorers import open_answer, probabilities, tests_vector
from hotmess.collect.solvers import fewshot_grid
from hotmess.collect.tasks import agent, gpqa, mcq, mmlu, mwe, swe_bench
from hotmess.reasoners.inspect import hotmess

__all__ = [
    "agent",
    "chains",
    "fewshot_grid",
    "gpqa",
    "hotmess",
    "incoherence",
    "mcq",
    "mcq_scorer",
    "mmlu",
    "mwe",
    "open_answer",
    "probabilities",
    "swe_bench",
    "tests_vector",
    "unread",
]
