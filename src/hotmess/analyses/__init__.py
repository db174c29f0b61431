"""One function for each claim of the paper: from a sample table to a `Result`. Draws nothing."""

from hotmess.analyses.length import by_length, by_wait_ratio

__all__ = ["by_length", "by_wait_ratio"]
