"""A pytest plugin of one fixture: hold the logs of a run to limits, in the tests that you have.

    def test_agent_is_not_a_hot_mess(hotmess):
        hotmess.gate("logs/latest", max_error=0.30, max_incoherence=0.50)

A limit that is broken fails the test with one readable block; where nobody can tell, the test is skipped with what would decide
it. It keeps no state beyond the session, sends nothing anywhere, and reads no environment variable.
"""

from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

if TYPE_CHECKING:
    from hotmess.asked import Rules
    from hotmess.decide import Gate
    from hotmess.samples import Samples

__all__ = ["Gates", "hotmess", "pytest_addoption", "pytest_configure", "pytest_sessionfinish"]

_SEEN: pytest.StashKey["list[Samples]"] = pytest.StashKey()

Source = str | PathLike[str]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the two options."""
    group = parser.getgroup("hotmess")
    group.addoption("--hotmess-report", metavar="PATH", help="Write the page of all logs that were gated.")
    group.addoption("--hotmess-update", action="store_true", help="Rewrite the baseline files of gates instead of comparing.")


def pytest_configure(config: pytest.Config) -> None:
    """Begin with no logs seen."""
    config.stash[_SEEN] = []


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the page, if one was asked for and a gate ran."""
    place, seen = session.config.getoption("--hotmess-report"), session.config.stash[_SEEN]
    if place and seen and not hasattr(session.config, "workerinput"):  # of pytest-xdist: each worker has seen a part
        from hotmess.report import report

        Path(place).write_text(report(seen, command="pytest --hotmess-report"), encoding="utf-8", errors="replace")


@dataclass(frozen=True, slots=True)
class Gates:
    """What the fixture is: gates for this test.

    Attributes:
        folder: relative paths start here: where pytest was started.
        update: whether baseline files are rewritten.
        seen: the samples that were gated in this session.
    """

    folder: Path
    update: bool
    seen: "list[Samples]" = field(default_factory=list)

    def gate(
        self,
        logs: Source,
        *,
        max_error: float | str | None = None,
        max_bias2: float | str | None = None,
        max_variance: float | str | None = None,
        max_incoherence: float | str | None = None,
        max_error_increase: float | str | None = None,
        max_bias2_increase: float | str | None = None,
        max_variance_increase: float | str | None = None,
        max_incoherence_increase: float | str | None = None,
        baseline: Source | None = None,
        unsure: Literal["skip", "pass", "fail"] = "skip",
        peeking: int | None = None,
        label: Literal["answer", "score"] | None = None,
        task: str | None = None,
        model: str | None = None,
        rules: "Rules | None" = None,
    ) -> "Gate | None":
        """Fail the test where a limit is broken, skip it where nobody can tell.

        Args:
            logs: what to read: a file or a folder.
            max_error: this and the following limits are what `hotmess.Limits` says.
            max_bias2: see `hotmess.Limits`.
            max_variance: see `hotmess.Limits`.
            max_incoherence: see `hotmess.Limits`.
            max_error_increase: see `hotmess.Limits`.
            max_bias2_increase: see `hotmess.Limits`.
            max_variance_increase: see `hotmess.Limits`.
            max_incoherence_increase: see `hotmess.Limits`.
            baseline: logs to compare with, or a small .json file, which `pytest --hotmess-update` writes.
            unsure: what to do where the samples do not decide.
            peeking: see `hotmess.gate`.
            label: measure answers, or right and wrong.
            task: keep this task only.
            model: keep this model only.
            rules: how to measure.

        Returns:
            What was decided, where the test goes on; None where `--hotmess-update` rewrote the baseline instead.

        Raises:
            HotmessError: the logs cannot be read, or a limit says nothing.
        """
        from hotmess.asked import Rules
        from hotmess.decide import Baseline, Limits
        from hotmess.decide import gate as decided
        from hotmess.errors import one_of
        from hotmess.read import read

        one_of("unsure", unsure, ("skip", "pass", "fail"))
        limits = Limits(
            max_error=max_error,
            max_bias2=max_bias2,
            max_variance=max_variance,
            max_incoherence=max_incoherence,
            max_error_increase=max_error_increase,
            max_bias2_increase=max_bias2_increase,
            max_variance_increase=max_variance_increase,
            max_incoherence_increase=max_incoherence_increase,
        )
        how = rules or Rules()
        samples = read(self._path(logs), label=label, task=task, model=model)
        self.seen.append(samples)
        old = None if baseline is None else self._baseline(self._path(baseline), samples, how, (label, task, model))
        if self.update and isinstance(old, Baseline):
            return None
        found = decided(samples, limits, baseline=old, peeking=peeking, rules=how)
        self._act(found, unsure)
        return found

    def _path(self, source: Source) -> str:
        text = str(source)
        return text if "://" in text else str(self.folder / text)

    def _baseline(self, place: str, samples: "Samples", rules: "Rules", only: tuple[Any, ...]) -> Any:
        from hotmess.decide.baseline import Baseline, is_baseline
        from hotmess.decide.gate import kept
        from hotmess.read import read

        if self.update and place.endswith(".json") and (is_baseline(Path(place)) or not Path(place).exists()):
            Path(place).write_text(kept(samples, rules).to_json(), encoding="utf-8")
        if is_baseline(Path(place)):
            return Baseline.read(Path(place))
        if place.endswith(".json") and not Path(place).exists():
            pytest.fail(f"there is no baseline {place}; pytest --hotmess-update writes it", pytrace=False)
        label, task, model = only
        return read(place, label=label, task=task, model=model)

    @staticmethod
    def _act(found: "Gate", unsure: str) -> None:
        if found.outcome == "fail" or (found.outcome == "unsure" and unsure == "fail"):
            pytest.fail(f"{found.said()}\n{found}", pytrace=False)  # the first line is what pytest's summary shows
        if found.outcome == "unsure" and unsure == "skip":
            needs = "; ".join(f"{one.limit}: {one.found}, needs {one.needs}" for one in found.decided if one.outcome == "unsure")
            pytest.skip(f"unsure: {needs}")


@pytest.fixture
def hotmess(request: pytest.FixtureRequest) -> Gates:
    """Gates for the logs of a run: `hotmess.gate(logs, max_error=0.3)`."""
    config = request.config
    return Gates(config.invocation_params.dir, bool(config.getoption("--hotmess-update")), config.stash[_SEEN])
