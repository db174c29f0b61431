"""What can be wrong with an input, each with a code, what was found, why it matters and what to type.

The tree::

    HotmessError                     exit code 2: the input or the call is at fault, never a crash
    ├── FileError                    a path cannot be read or written
    │   ├── NoSuchPath               no-such-path
    │   ├── UnreadableFile           unreadable-file
    │   ├── NotATable                not-a-table
    │   ├── EmptyTable               empty-table
    │   ├── AggregatedOnly           aggregated-only
    │   ├── MissingExtra             missing-extra
    │   ├── NoSuchModel              no-such-model
    │   ├── OtherVersion             other-version
    │   ├── Unreachable              unreachable
    │   ├── EngineFailed             engine-failed
    │   └── CannotWrite              cannot-write
    ├── TableError                   the columns are not those of a sample table
    │   ├── MissingColumn            missing-column
    │   ├── MissingValue             missing-value
    │   ├── NothingCounts            nothing-counts
    │   ├── NoPrediction             no-prediction
    │   ├── MixedKinds               mixed-kinds
    │   ├── BadStatus                bad-status
    │   └── DuplicateSamples         duplicate-samples
    ├── PredictionError              the answers cannot be scored
    │   ├── NoTarget                 no-target
    │   ├── TwoTargets               two-targets
    │   ├── TargetNotOption          target-not-option
    │   ├── BadProbability           bad-probability
    │   ├── BadScore                 bad-score
    │   ├── BadShape                 bad-shape
    │   ├── MostlyUnparsed           mostly-unparsed
    │   ├── OneSample                one-sample
    │   └── NoRandomness             no-randomness
    └── UsageError                   usage
        ├── LossMismatch             loss-mismatch
        ├── NoSuchColumn             no-such-column
        ├── NoLength                 no-length
        ├── NothingSelected          nothing-selected
        ├── NothingToCompare         nothing-to-compare
        ├── NothingToShow            nothing-to-show
        ├── TooLarge                 too-large
        └── UnknownCode              unknown-code

Catch one with ``except hotmess.HotmessError as error``; ``error.code`` is stable, and its class docstring is
what ``hotmess explain CODE`` prints. A `Notice` is the same thing where the run can go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from inspect import cleandoc
from typing import Any, ClassVar

from hotmess.notices import NOTICES

__all__ = ["NOTICES", "HotmessError", "Notice", "codes", "explain", "one_of", "safe"]


class HotmessError(Exception):
    """An input that cannot be used as it is given, or a call that cannot be meant."""

    code: ClassVar[str] = "error"

    def __init__(self, found: str, *, where: str = "", why: str = "", hint: str = "") -> None:
        """Keep the four parts of the message apart, so that a page can lay them out."""
        super().__init__(found)
        self.found, self.where, self.why, self.hint = found, where, why, hint

    def __str__(self) -> str:
        """Return the message as the command line prints it, one part a line."""
        parts = (("where", self.where), ("why", self.why), ("hint", self.hint))
        lines = [f"error[{self.code}]: {safe(self.found)}", *(f"  {name}: {safe(text)}" for name, text in parts if text)]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the reader of a number must know; the number stands."""

    code: str
    found: str
    hint: str = ""

    def __str__(self) -> str:
        """Return the notice as the command line prints it."""
        return f"note[{self.code}]: {safe(self.found)}" + (f"\n  hint: {safe(self.hint)}" if self.hint else "")


class FileError(HotmessError):
    """A path cannot be read or written."""


class NoSuchPath(FileError):
    """The path does not exist, or the pattern matches no file.

    Look for a typing error, or for a shell that did not expand `*`: hotmess expands patterns itself.
    """

    code = "no-such-path"


class UnreadableFile(FileError):
    """The file is there but cannot be read: damaged, cut short, in another encoding, or not permitted.

    Nothing is guessed from half a file. Write it again, or convert it, and read that.
    """

    code = "unreadable-file"


class NotATable(FileError):
    """The file is in none of the formats that hotmess reads.

    Tables are read from CSV, TSV, JSON lines, JSON (a list of records), Parquet and Arrow files.
    """

    code = "not-a-table"


class EmptyTable(FileError):
    """The table has no rows.

    An empty file is usually a job that died before it wrote; there is nothing to measure in it.
    """

    code = "empty-table"


class AggregatedOnly(FileError):
    """The file has averages only.

    Bias and variance are differences between single answers to one question; averages have lost them. lm-eval keeps the
    answers with `--log_samples`, in files named `samples_*.jsonl`; Inspect keeps them unless told otherwise.
    """

    code = "aggregated-only"


class MissingExtra(FileError):
    """Something needs a library that is not installed, since most people do without it.

    Addresses such as `s3://` or `https://` need `pip install 'hotmess[remote]'`.
    """

    code = "missing-extra"


class NoSuchModel(FileError):
    """There is no reasoning model of this name, among those that come with hotmess or at this path."""

    code = "no-such-model"


class OtherVersion(FileError):
    """What lies there was made by another version, or for something else, and cannot be gone on with.

    To mix the two would give figures that belong to neither.
    """

    code = "other-version"


class Unreachable(FileError):
    """What lies elsewhere, such as published questions or an endpoint, does not answer. Nothing that was there before is lost."""

    code = "unreachable"


class EngineFailed(FileError):
    """DuckDB, Spark or Ray gave up on a query: columns of other types, too little memory, a lost machine; its log says more."""

    code = "engine-failed"


class CannotWrite(FileError):
    """The output cannot be written where it was asked for.

    Outputs are written beside their final place and renamed, so that half a file never stays behind.
    """

    code = "cannot-write"


class TableError(HotmessError):
    """The columns are not those of a sample table."""


class MissingColumn(TableError):
    """A column that the measurement needs is not in the table under that name.

    A sample table has one row per model response. `question_id` says which question it answers, because bias and
    variance are properties of the answers to one question. Give other names with `--columns ours=theirs`.
    """

    code = "missing-column"


class MissingValue(TableError):
    """Rows have no question, so nobody can tell which answers belong together.

    Rows are never dropped for that in silence: fill the column, or remove the rows yourself.
    """

    code = "missing-value"


class NothingCounts(TableError):
    """Every row has a status that leaves it out: error or missing."""

    code = "nothing-counts"


class NoPrediction(TableError):
    """No column holds what the model said.

    One of these is needed: `answer` (text), `probs` or `prob_A, prob_B, …` (stated probabilities), `tests` or a row per
    `test_id` (unit tests), `score` (in 0 to 1), `vector` (an embedding or a point).
    """

    code = "no-prediction"


class MixedKinds(TableError):
    """One run holds predictions of different kinds, such as answers in one task and unit tests in another.

    Their errors have no common scale, so they cannot share a row or a picture. Measure one at a time with `--task`, or
    measure the coarser label that all of them have with `--label score`.
    """

    code = "mixed-kinds"

    def __init__(self, found: str, *, parts: tuple[Any, ...] = (), why: str = "", hint: str = "") -> None:
        """Keep the tasks, models and settings of each kind, so that each kind can be looked at by itself."""
        super().__init__(found, why=why, hint=hint)
        self.parts = parts


class BadStatus(TableError):
    """The column `status` holds words that hotmess does not know.

    Known are: ok, invalid (no answer could be read), limit (stopped by a limit), error and missing (infrastructure; left
    out). A foreign column of that name is ignored with `--columns status=`.
    """

    code = "bad-status"


class DuplicateSamples(TableError):
    """Rows agree in task, model, setting, question, context and sample: one response seems to be in the table twice.

    A response counted twice agrees with itself and makes a model look more coherent than it is. Remove the copies. If they
    are different responses, give each its own `sample_id`, or ignore that column with `--columns sample_id=`.
    """

    code = "duplicate-samples"


class PredictionError(HotmessError):
    """The answers cannot be scored."""


class NoTarget(PredictionError):
    """There is nothing to compare the answers with.

    Bias is the distance from the right answer. Without a `target` (or a `score`) only the spread of the answers can be
    measured: `--loss spread`.
    """

    code = "no-target"


class TwoTargets(PredictionError):
    """A question has more than one right answer in the table.

    Usually the options were shuffled between runs and the target is a letter. Store the text of the answer instead of its
    letter, or give each shuffle its own question.
    """

    code = "two-targets"


class TargetNotOption(PredictionError):
    """The right answer is not among the options of its question.

    Then every answer is wrong by construction. Answers, options and targets must be written the same way.
    """

    code = "target-not-option"


class BadProbability(PredictionError):
    """Stated probabilities are not probabilities: negative, not finite, or their sum is far from one.

    A few are counted as answers that could not be read (`--invalid` says what becomes of them); more than the stated
    share stops the run, since the figures would describe the parser.
    """

    code = "bad-probability"


class BadScore(PredictionError):
    """Scores lie outside 0 to 1.

    The target of a score is 1. Divide percentages by 100, and points by the most that can be had.
    """

    code = "bad-score"


class BadShape(PredictionError):
    """Predictions of one table do not have one shape, such as embeddings of two lengths."""

    code = "bad-shape"


class MostlyUnparsed(PredictionError):
    """So many answers could not be read that the figures would describe the parser, not the model.

    Read the answers again with a better pattern. If the share is real, say so with `--max-invalid 1`.
    """

    code = "mostly-unparsed"


class OneSample(PredictionError):
    """Every question has a single sample, so bias and variance cannot be told apart.

    Sample each question at least twice, better five to ten times: `epochs=10` in Inspect, `repeats: 10` in lm-eval.
    """

    code = "one-sample"


class NoRandomness(PredictionError):
    """All repeats of every question are the same, to the last token: nothing was drawn at random.

    Temperature 0, one seed for every request, or a cache make repeats that are copies. Their variance of zero says nothing
    about the model, so it is not reported as coherence. Sample again with a temperature above 0 and a seed of its own for
    each sample (or none). If the system is deterministic by design, and zero is what you mean: `--deterministic`.
    """

    code = "no-randomness"


class UsageError(HotmessError):
    """A call that cannot be meant, such as an option with a value it does not have."""

    code = "usage"


class LossMismatch(UsageError):
    """This loss is not defined for predictions of this kind.

    answers and probabilities: brier, kl, mode, zero-one, spread; score: these and coverage, squared; tests: coverage,
    spread; vector: squared, spread. Answers that have a target can also be measured as right or wrong: coverage.
    """

    code = "loss-mismatch"


class NoSuchColumn(UsageError):
    """An option names a column that the table does not have."""

    code = "no-such-column"


class NoLength(UsageError):
    """The table has no length to put questions into buckets by.

    Lengths are reasoning_tokens, output_tokens, output_chars or actions; any numeric column can be named with `--length`.
    """

    code = "no-length"


class NothingSelected(UsageError):
    """No row is left after `--task` and `--model`."""

    code = "nothing-selected"


class NothingToCompare(UsageError):
    """An analysis compares things of which the table has too few: models of several sizes, settings, contexts, questions.

    The message says what was looked for and what was found.
    """

    code = "nothing-to-compare"


class NothingToShow(UsageError):
    """No figure of the analysis is defined, so a picture would show nothing.

    Incoherence does not exist where no sample was wrong, and no interval where there is one question. The table is still
    printed; `hotmess check` tells what is there.
    """

    code = "nothing-to-show"


class TooLarge(UsageError):
    """What was asked for looks at single samples, and there are too many on another engine to be fetched; choose some."""

    code = "too-large"


class UnknownCode(UsageError):
    """`hotmess explain` was asked for a code that does not exist."""

    code = "unknown-code"


def one_of(name: str, value: str, known: tuple[str, ...]) -> Any:
    """The value, if it is one that is known.

    Raises:
        UsageError: it is not; the message lists those that are.
    """
    if value in known:
        return value
    near = get_close_matches(str(value), known, n=1, cutoff=0.4)
    hint = f"did you mean `{near[0]}`?" if near else ""
    raise UsageError(f"there is no {name} `{value}`; there are {', '.join(known)}", hint=hint)


def safe(text: object) -> str:
    """Text from a log without control codes, so that it cannot move the cursor or colour the screen."""
    return "".join(c for c in str(text) if c.isprintable())


def _tree(cls: type[HotmessError]) -> list[type[HotmessError]]:
    return [cls, *(leaf for child in cls.__subclasses__() for leaf in _tree(child))]


def _texts() -> dict[str, str]:
    found = {cls.code: cleandoc(cls.__doc__ or "") for cls in _tree(HotmessError) if "code" in vars(cls)}
    found.pop("error")
    return {name: " ".join(text.split()) for name, text in NOTICES.items()} | found


def codes() -> list[str]:
    """The codes of all errors and notices."""
    return sorted(_texts())


def explain(code: str) -> str:
    """Return the long form of an error or notice code.

    Raises:
        UnknownCode: there is no such code; the message lists the nearest ones.
    """
    texts = _texts()
    if code in texts:
        return texts[code]
    near = get_close_matches(code, texts, n=3, cutoff=0.4) or sorted(texts)
    raise UnknownCode(f"there is no message with the code `{code}`", hint="hotmess explain " + " | ".join(near))
