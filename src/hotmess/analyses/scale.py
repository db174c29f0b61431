"""Are larger models more incoherent? Power laws over model size, for easy and hard questions (paper, 4a, 5, 9, 12, 15, 16).

In each group of questions, error, bias² and variance are taken to be powers of size: theta = c size^b. The logit of
incoherence is log variance - log bias², so that its slope is the exponent of variance less that of bias²: "more incoherent
with scale" is one number, and that is what is tested. How hard a question is should not be read off the answers that are
scored: by default it is the mean length of one reference model's answers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.special import expit

from hotmess.analyses.accuracy import accuracy
from hotmess.analyses.difficulty import Difficulty, by_column, by_reference, undivided
from hotmess.analyses.points import additive, ends, figures, frame, kept, of_questions, statement, with_holm
from hotmess.analyses.sizes import Models, outer_keys, question_codes, sized
from hotmess.asked import Asked, Rules, ask
from hotmess.errors import NothingToCompare, Notice, UsageError
from hotmess.figures import row_of
from hotmess.groups import Group
from hotmess.infer import Effect, Law, logit_slope, logit_slope_apart, power_law, ppml_over_sizes, share_interval
from hotmess.measure import measurement
from hotmess.result import Result
from hotmess.rows import Row
from hotmess.samples import Samples

__all__ = ["by_scale"]

_Laws = dict[str, tuple[Law | None, str]]  # of each figure the law, if there is one, and how it was found

_WRONG = "1 - accuracy"
_FEW_SIZES = 4  # below, nobody can tell how far models stand off the line


def by_scale(
    samples: Samples | Any,
    *,
    reference: str | None = None,
    difficulty: str | None = None,
    groups: int = 3,
    size: str = "model_size",
    family: str | None = None,
    rules: Rules = Rules(),
) -> Result:
    """Error, bias², variance, incoherence and accuracy against model size, in groups of questions by difficulty.

    Args:
        samples: a sample table of models of several sizes.
        reference: the model whose mean length of answers says how hard a question is; by default the smallest that has lengths.
        difficulty: a column that says it instead: numbers, or at most six labels. Without lengths, a column `difficulty`.
        groups: how many groups of equally many questions, where lengths or numbers are divided.
        size: the column with the size of each model, such as its number of parameters.
        family: a column that puts models on lines of their own; by default the column `family`, if there is one.
        rules: how to measure.

    Returns:
        Points: `family`, `difficulty` (`by` what, with its `lowest` and `highest` number), model, `size`, questions, samples, and
        error, bias2, variance, incoherence, accuracy with their ends, and what their laws say (NAME_fit); of the questions that
        all models of a line answered.
        Tests: in each line the exponents of error, bias², variance, 1 - accuracy and of the odds of incoherence, which are
        variance / bias² (the slope of the logit), with `question_se` and `model_se`, the parts of their standard errors; and
        the slope of the logit among the hardest questions less that among the easiest.

    Raises:
        NoSuchColumn: there is no column of sizes.
        BadShape: a model has two sizes.
        NothingToCompare: there are fewer than two sizes.
        NothingSelected: the reference model is not there.
    """
    if reference is not None and difficulty is not None:
        raise UsageError("reference and difficulty both say how hard a question is", hint="leave one out")
    models = sized(samples, rules, size, family)
    has_length = rules.length is not None or models.samples.length is not None
    asked = additive(ask(models.samples, rules, lengths=difficulty is None and (has_length or reference is not None)))
    hard = _difficulty(asked, models, reference, difficulty, groups)
    outer = outer_keys(asked, models)
    asked = replace(asked, groups=tuple(_groups(asked, models, hard)))
    measured = measurement(asked)
    lines = list(_lines(asked, measured.rows, [*outer, *(["family"] if models.family else []), "difficulty"], outer))
    if all(len(set(line.sizes)) < 2 for line in lines):
        raise NothingToCompare(
            f"no family has two sizes among {len(lines)} lines" if lines else "no model of two sizes was measured",
            why="a slope needs two sizes of models that are alike in everything else",
            hint="--family COLUMN; hotmess check shows tasks, models and settings",
        )
    right = accuracy(asked)
    found = [(line, _laws(asked, line, right)) for line in lines]
    points = [point for line, known in found for point in _points(asked, line, known, hard, right)]
    laws = [(line, known) for line, known in found if known]
    tests = [test for line, found in laws for test in _tests(line, found, size)]
    tests += list(_apart(asked, laws, hard, size))
    said = [notice for notice in measured.notices if notice.code != "few-samples"]
    thin = sum(row.questions_left_out for row in measured.rows)
    if thin:
        said.append(Notice("few-samples", f"{thin:,} questions have too few samples or contexts, and are left out everywhere"))
    if difficulty is None and hard.measured and len(hard.names) > 1:
        said.append(Notice("same-samples", f"questions are grouped by the mean {hard.by}, whose samples are scored as well"))
    notices = (*said, *models.notices, *of_questions(asked), *_notices(hard, lines, laws))
    interval = "; ".join(dict.fromkeys(row.interval for row in measured.rows))
    return Result("by_scale", frame(points), with_holm(frame(tests)), asked.method, notices, asked.samples.source, interval)


def _difficulty(asked: Asked, models: Models, reference: str | None, column: str | None, groups: int) -> Difficulty:
    if column is not None:
        return by_column(asked, column, groups)
    if reference is not None or (asked.method.length and asked.table.table["lengths"].sum() > 0):
        return by_reference(asked, reference, groups, list(models.size))
    return by_column(asked, "difficulty", groups) if asked.samples.has("difficulty") else undivided(asked)


def _groups(asked: Asked, models: Models, hard: Difficulty) -> Iterator[Group]:
    """The questions of each model by difficulty."""
    for place, name in enumerate(hard.names):
        for whole in asked.wholes:
            members = whole.members[hard.group[whole.members] == place]
            model = whole.name["model"]
            if len(members) and model in models.size:
                family = {"family": models.family[model]} if models.family else {}
                found = {**whole.name, **family, "difficulty": name, "size": models.size[model]}
                yield Group(found, members, bool(asked.table.terms.contexts[members].max() >= 2))


# ---------------------------------------------------------------------------------------------- lines


@dataclass(frozen=True, slots=True)
class _Line:
    """Models of one family on the questions of one difficulty.

    Attributes:
        name: task, setting, family and difficulty.
        parts: a row and its questions for each model, by size.
        shared: the questions that all of the models answered, a row for each model, in one order; None where there are none.
        lost: how many questions only some of them answered.
    """

    name: dict[str, Any]
    parts: tuple[tuple[Row, Group], ...]
    shared: Int[ndarray, "model question"] | None
    lost: int

    @property
    def sizes(self) -> Float[ndarray, " model"]:
        """The size of each model."""
        return np.array([group.name["size"] for _, group in self.parts], dtype=float)

    @property
    def models(self) -> list[Any]:
        """The name of each model."""
        return [group.name["model"] for _, group in self.parts]


def _lines(asked: Asked, rows: Sequence[Row], keys: list[str], outer: list[str]) -> Iterator[_Line]:
    """The lines, the easiest first; rows that were withheld are on none."""
    code = question_codes(asked, outer)
    found: dict[tuple[Any, ...], list[tuple[Row, Group]]] = {}
    for row, group in kept(asked, rows):
        found.setdefault(tuple(row.group[key] for key in keys), []).append((row, group))
    for values in sorted(found, key=lambda values: tuple(str(value) for value in values[:-1])):
        parts = tuple(sorted(found[values], key=lambda part: (part[1].name["size"], str(part[1].name["model"]))))
        chosen = [asked.usable(group) for _, group in parts]
        chosen = [members[np.argsort(code[members], kind="stable")] for members in chosen]
        every = np.unique(np.concatenate([code[members] for members in chosen]))
        both = every[np.all([np.isin(every, code[members]) for members in chosen], axis=0)]
        shared = np.stack([members[np.isin(code[members], both)] for members in chosen]) if len(both) > 1 else None
        yield _Line(dict(zip(keys, values, strict=True)), parts, shared, len(every) - len(both))


def _points(
    asked: Asked, line: _Line, laws: _Laws, hard: Difficulty, right: Float[ndarray, " question"] | None
) -> Iterator[dict[str, Any]]:
    """A row for each model, of the questions that all of them answered."""
    for number, (row, group) in enumerate(line.parts):
        chosen = asked.usable(group) if line.shared is None else np.sort(line.shared[number])
        shown = row if not line.lost or line.shared is None else row_of(asked, replace(group, members=chosen))
        point = (
            line.name
            | {"by": hard.by}
            | hard.span(chosen)
            | {"model": group.name["model"], "size": group.name["size"]}
            | figures(shown)
        )
        if right is not None:
            share = share_interval(right[chosen], level=asked.method.level, clusters=asked.clusters(chosen))
            point |= ends("accuracy", share)
        yield point | _fits(laws, group.name["size"])


def _fits(laws: _Laws, size: float) -> dict[str, float | None]:
    """What the laws say of a model of this size; null where there is no law."""
    found: dict[str, float | None] = {}
    for name, (law, _) in laws.items():
        log = law.intercept + law.slope.value * np.log(size) if law else np.nan
        value = expit(log) if name == "incoherence" else 1 - np.exp(log) if name == _WRONG else np.exp(log)
        found["accuracy_fit" if name == _WRONG else f"{name}_fit"] = None if np.isnan(value) else float(value)
    return found


# ---------------------------------------------------------------------------------------------- laws


def _laws(asked: Asked, line: _Line, right: Float[ndarray, " question"] | None) -> _Laws:
    """The exponent of each figure, and how it was found."""
    index, terms, level = line.shared, asked.table.terms, asked.method.level
    if index is None or len(set(line.sizes)) < 2:
        return {}
    clusters = asked.clusters(index[0])
    parts = {"error": terms.error[index], "bias2": terms.bias[index], "variance": terms.variance[index]}
    parts |= {} if right is None else {_WRONG: 1.0 - right[index]}
    found: _Laws = {}
    slope = logit_slope(parts["variance"], parts["bias2"], line.sizes, level=level, clusters=clusters)
    found["incoherence"] = (slope, _how(slope) if slope else "not defined: bias² or variance is not above 0 at every size")
    for name, values in parts.items():
        law, how = power_law(values, line.sizes, level=level, clusters=clusters), ""
        if law is None:
            law, how = ppml_over_sizes(values, line.sizes, level=level, clusters=clusters), "quasi-Poisson, other questions"
        found[name] = (law, (how or _how(law)) if law else "not defined: nothing above 0")
    return found


def _how(law: Law) -> str:
    return "power law, other questions and other models" if law.sizes >= _FEW_SIZES else "power law, other questions"


def _tests(line: _Line, found: _Laws, size: str) -> Iterator[dict[str, Any]]:
    undefined = Effect(np.nan, np.nan, np.nan, np.nan)
    for name, (law, how) in found.items():
        per = f"exponent of {size}, odds" if name == "incoherence" else f"exponent of {size}"
        count = {"sizes": len(line.parts), "questions": 0 if line.shared is None else line.shared.shape[1]}
        yield statement(line.name, name, per, law.slope if law else undefined, how) | _parts_of(law) | count


def _apart(asked: Asked, laws: list[tuple[_Line, _Laws]], hard: Difficulty, size: str) -> Iterator[dict[str, Any]]:
    """The slope of incoherence among the hardest questions less that among the easiest, of the models that are on both lines."""
    if not hard.ordered or len(hard.names) < 2:
        return
    easiest, hardest = hard.names[0], hard.names[-1]
    for line, _ in laws:
        outer = {name: value for name, value in line.name.items() if name != "difficulty"}
        other = next((part for part, _ in laws if part.name == {**outer, "difficulty": easiest}), None)
        if line.name["difficulty"] != hardest or other is None:
            continue
        law = _paired(asked, line, other)
        if law is not None:
            name, how = {**line.name, "difficulty": f"{hardest} - {easiest}"}, f"paired over models, {_how(law)}"
            said = statement(name, "incoherence", f"exponent of {size}, odds: difference", law.slope, how)
            yield said | _parts_of(law) | {"sizes": law.sizes}


def _paired(asked: Asked, line: _Line, other: _Line) -> Law | None:
    """How much steeper the logit of incoherence is on one line than on the other."""
    both = [model for model in line.models if model in other.models]
    places = [[each.models.index(model) for model in both] for each in (line, other)]
    if line.shared is None or other.shared is None or len(set(line.sizes[places[0]])) < 2:
        return None
    first, second = line.shared[places[0]], other.shared[places[1]]
    terms = asked.table.terms
    return logit_slope_apart(
        (terms.variance[first], terms.bias[first]),
        (terms.variance[second], terms.bias[second]),
        line.sizes[places[0]],
        level=asked.method.level,
        clusters=(asked.clusters(first[0]), asked.clusters(second[0])),
    )


def _parts_of(law: Law | None) -> dict[str, float | None]:
    """Both parts of the standard error of a slope; null where one is not known."""
    parts = {"question_se": law.question_se, "model_se": law.model_se} if law else {"question_se": np.nan, "model_se": np.nan}
    return {name: None if np.isnan(se) else se for name, se in parts.items()}


# ---------------------------------------------------------------------------------------------- notices


def _notices(hard: Difficulty, lines: list[_Line], laws: list[tuple[_Line, _Laws]]) -> Iterator[Notice]:
    without = int((hard.group < 0).sum())
    if without:
        found = f"{without:,} of {len(hard.group):,} questions have no {hard.by or 'difficulty'} and are in no group"
        yield Notice("no-difficulty", found)
    if len(hard.names) < hard.wanted:
        yield Notice("few-questions", f"too few questions for {hard.wanted} groups; {len(hard.names)} are shown")
    if not hard.ordered and len(hard.names) > 1:
        yield Notice("no-order", f"nothing says which of these is harder: {', '.join(hard.names)}; they are not compared")
    lost = sum(line.lost for line in lines)
    if lost:
        none = sum(line.shared is None for line in lines)
        found = f"{lost:,} questions were not answered (often enough) by all models of their line, and are left out of it"
        found += f"; {none} of {len(lines)} lines share no questions, so that nothing is tested there" if none else ""
        yield Notice("not-shared", found)
    few = sum(len(line.parts) < _FEW_SIZES for line in lines)
    if few:
        found = f"in {few} of {len(lines)} lines there are fewer than {_FEW_SIZES} models, too few to tell how far models are off"
        yield Notice("few-sizes", f"{found} a line: intervals of slopes hold for these models and other questions")
    frail = sum(law is not None and bool(np.isnan(law.se)) for _, found in laws for law, _ in [found["incoherence"]])
    if frail:
        found = f"in {frail} of {len(laws)} lines all the variance (or bias²) of a model lies in one question or cluster"
        yield Notice("no-interval", f"{found}, so that the slope of incoherence has no interval")
    bare = [line for line, found in laws if found["incoherence"][0] is None]
    if bare:
        names = ", ".join(str(line.name["difficulty"]) for line in bare[:3])
        found = f"bias² (or variance) is not distinguishable from 0 at some size in {len(bare)} of {len(laws)} lines ({names})"
        yield Notice("no-bias", f"{found}: its exponent is quasi-Poisson, and incoherence has no slope")
