"""One function for each claim of the paper: from a sample table to a `Result`. Draws nothing."""

from hotmess.analyses.adherence import format_adherence
from hotmess.analyses.agreement import length_agreement, length_by_difficulty
from hotmess.analyses.bias_variance import plane
from hotmess.analyses.budget import by_budget
from hotmess.analyses.changes import answer_changes
from hotmess.analyses.efficiency import sample_efficiency
from hotmess.analyses.ensemble import by_ensemble
from hotmess.analyses.length import by_length, by_wait_ratio
from hotmess.analyses.length_and_size import by_length_and_size
from hotmess.analyses.overthinking import by_overthinking, by_relative_length
from hotmess.analyses.passes import pass_k
from hotmess.analyses.pursuit import split_bias
from hotmess.analyses.question import one_question
from hotmess.analyses.scale import by_scale
from hotmess.analyses.spread import answer_spread
from hotmess.analyses.steps import by_step

__all__ = [
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
]
