"""Unit tests out of SWE-bench results: which passed, by name."""

from collections.abc import Iterable, Mapping
from json import JSONDecodeError, JSONDecoder
from typing import Any

import polars as pl

__all__ = ["FAIL_TO_PASS", "PASS_TO_PASS", "from_explanation", "from_status", "unchanged", "with_failed_tests"]

FAIL_TO_PASS, PASS_TO_PASS = "FAIL_TO_PASS", "PASS_TO_PASS"
_PASSED = {"PASSED", "XFAIL", "passed", True}


def from_explanation(explanation: str) -> dict[str, bool] | None:
    """The outcomes in the text that Inspect's SWE-bench scorer leaves, in either of its formats.

    Each heading is followed by ``{test: "PASSED" | "FAILED"}`` or by ``{"success": [...], "failure": [...]}``.
    """
    found: dict[str, bool] = {}
    for heading in (PASS_TO_PASS, FAIL_TO_PASS):
        start = explanation.find("{", explanation.find(f"{heading}:"))
        if f"{heading}:" not in explanation or start < 0:
            return None
        try:
            block, _ = JSONDecoder().raw_decode(explanation, start)
        except (JSONDecodeError, RecursionError):
            return None
        found |= _outcomes(block)
    return found or None


def _outcomes(block: Any) -> dict[str, bool]:
    if not isinstance(block, Mapping):
        return {}
    if set(block) <= {"success", "failure"} and all(isinstance(names, list) for names in block.values()):
        failed = dict.fromkeys(map(str, block.get("failure", ())), False)
        return failed | dict.fromkeys(map(str, block.get("success", ())), True)
    return {str(name): isinstance(outcome, str | bool) and outcome in _PASSED for name, outcome in block.items()}


def from_status(status: Any, *parts: str) -> dict[str, bool] | None:
    """The outcomes in `tests_status` of a SWE-bench report: tests that a fix must not break, then those it must mend."""
    if not isinstance(status, Mapping):
        return None
    found: dict[str, bool] = {}
    for part in parts or (PASS_TO_PASS, FAIL_TO_PASS):
        found |= _outcomes(status.get(part))
    return found or None


def unchanged(metadata: Mapping[str, Any], *, broken: bool = False) -> dict[str, bool] | None:
    """The outcomes of code that nobody changed, as the paper counts a run stopped by a limit: old tests pass, new ones fail.

    With `broken` all fail: the patch could not even be tested. Nothing if the tests are not listed.
    """
    old, new = (_names(metadata.get(name)) for name in (PASS_TO_PASS, FAIL_TO_PASS))
    return dict.fromkeys(old, not broken) | dict.fromkeys(new, False) or None


def _names(listed: Any) -> Iterable[str]:
    """Names of tests, listed or written as a JSON list."""
    if isinstance(listed, str):
        try:
            listed, _ = JSONDecoder().raw_decode(listed)
        except (JSONDecodeError, RecursionError):
            return ()
    return map(str, listed) if isinstance(listed, list) else ()


def with_failed_tests(rows: pl.DataFrame) -> pl.DataFrame:
    """Runs that ended without results, though not by a failure of the infrastructure, fail every test of their question."""
    if not {"tests", "test_names", "status"} <= set(rows.columns):
        return rows
    keys = [name for name in ("task", "question_id") if name in rows.columns]
    names = pl.col("test_names").explode().drop_nulls().unique(maintain_order=True).implode()
    rows = rows.join(rows.group_by(keys).agg(every=names), on=keys, how="left", maintain_order="left", nulls_equal=True)
    lacks = pl.col("tests").is_null() & pl.col("status").is_in(["ok", "limit"]) & (pl.col("every").list.len() > 0)
    return rows.with_columns(
        tests=pl.when(lacks).then(pl.col("every").list.eval(pl.lit(value=False))).otherwise("tests"),
        test_names=pl.when(lacks).then("every").otherwise("test_names"),
    ).drop("every")
