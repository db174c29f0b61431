"""From what a model wrote to an answer that can be compared between runs.

`letters` turns a letter into the text of its option, so that options in another order cannot make fake variance.
`completions` reads an answer from raw text by documented patterns. `stated` reads probabilities that a model states.
"""

from hotmess.answers.completions import PATTERNS, from_completions
from hotmess.answers.letters import are_letters, by_text, in_one_order, letters_and_texts, stands_for_option
from hotmess.answers.stated import stated

__all__ = [
    "PATTERNS",
    "are_letters",
    "by_text",
    "from_completions",
    "in_one_order",
    "letters_and_texts",
    "stands_for_option",
    "stated",
]
