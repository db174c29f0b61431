"""Unit tests out of SWE-bench results: which passed, by name."""

from collections.abc import Iterable, Mapping
from json import JSONDecodeError, JSONDecoder
from typing import Any

__all__ = ["FAIL_TO_PASS", "PASS_TO_PASS", "from_explanation", "from_status", "unchanged"]

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
