"""Logs of lm-evaluation-harness: `samples_<task>_<time>.jsonl` beside `results_<time>.json`.

A line is one question under one filter. `resps` holds all repeats, `filtered_resps` what the filter left, as a rule the first
only: so answers are read again from every repeat, by the filter's own rules. The log-probabilities of the options of a
multiple-choice question become probabilities. The hash of the prompt tells the context.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import polars as pl
from msgspec import Raw
from msgspec.json import Decoder

from hotmess.errors import AggregatedOnly, Notice, UnreadableFile, UsageError
from hotmess.read.files import File
from hotmess.read.lm_eval.columns import COLUMNS, Repeat, Run, by_place, id_field, listed, prompt
from hotmess.read.lm_eval.filters import answered, rules
from hotmess.read.log import How, Log, digest, mapping, number, table, without
from hotmess.read.records import Malformed, decode, lines
from hotmess.read.texts import texts

__all__ = ["NAME", "fits", "read_log"]

NAME = "lm-eval"
_OWN_SEED = 1234  # what the harness sends with every request to an API unless told otherwise


def fits(file: File, head: bytes) -> bool:
    """Whether a file holds samples or results of the harness."""
    if file.name.endswith(".jsonl"):
        return all(key in head for key in (b'"doc_id"', b'"resps"', b'"filtered_resps"'))
    return file.name.endswith(".json") and b'"results"' in head and (b'"alias"' in head or b'"lm_eval_version"' in head)


def read_log(file: File, how: How) -> Log:
    """The samples of one task of one run.

    Raises:
        AggregatedOnly: it is a results file that has no samples beside it.
        UsageError: `how.scorer` is no filter of it.
    """
    if file.name.endswith(".json"):
        if file.sibling("samples_", ".jsonl"):
            return Log(pl.DataFrame())
        raise AggregatedOnly(
            f"`{file.shown}` has only averages", why="single answers are needed", hint="run lm-eval with --log_samples"
        )
    run, bad = _run(file), list[str]()
    every = list(_lines(file, bad, how.keep))
    if how.keep is not None:  # these lines are of one filter, for the places came from its rows
        said = [repeat for line in every for repeat in _repeats(run, line)]
        return texts(said, COLUMNS | {"completion": COLUMNS["said"]}, prompt, how.keep, file.shown)
    names = list(dict.fromkeys(str(line.get("filter") or "none") for line in every))
    chosen = _filter(run, names, how)
    lines_of = {str(line.get("doc_id")): line for line in reversed(every) if str(line.get("filter") or "none") == chosen}
    run = run._replace(ids=id_field([mapping(line.get("doc")) for line in lines_of.values()]))
    repeats = [repeat for line in reversed(lines_of.values()) for repeat in _repeats(run, line)]
    run = run._replace(by_place=by_place(repeats))
    repeats = [repeat._replace(run=run) for repeat in repeats]
    if lines_of and not repeats:
        raise AggregatedOnly(f"`{file.shown}` scores one text in each line", why="there are no options and no answers to compare")
    if not repeats:
        raise UnreadableFile(f"`{file.shown}` has no line that can be read" + (f": {bad[0]}" if bad else ""))
    steps, note = rules(run, chosen, how)
    graded = all(repeat.place == 0 for repeat in repeats)  # the harness scores the first repeat only
    made = table(repeats, {name: get for name, get in COLUMNS.items() if graded or name != "score"}, file.shown)
    frame = answered(made.frame, steps, run, how)
    note += made.notices
    return without(Log(frame, (*note, *_notices(run, names, chosen, frame))), bad, file.shown)


_LINE, _DOCUMENT = Decoder(dict[str, Raw]), Decoder(dict[str, Any])
_VALUE = Decoder(Any)


def _lines(file: File, bad: list[str], keep: Collection[str] | None) -> Iterator[dict[str, Any]]:
    """Each line, or each that `keep` names, as `line 7`."""
    with file.open() as stream:
        for place, line in enumerate(lines(stream), 1):
            if keep is not None and f"line {place}" not in keep:
                continue
            try:
                found: dict[str, Any] = {name: decode(raw, _VALUE) for name, raw in decode(line, _LINE).items()}
                found["line"] = place
                yield found
            except Malformed as problem:
                bad.append(f"line {place}: {problem}")


def _run(file: File) -> Run:
    """What the results file beside a samples file says; without one, what the name says."""
    task, _, time = file.name.removeprefix("samples_").removesuffix(".jsonl").rpartition("_")
    found: dict[str, Any] = {}
    results = file.beside(f"results_{time}.json") if time else None
    if results is None and time and (other := file.sibling("", f"{time}.json")):
        results = file.beside(other)
    if results is not None:
        try:
            found = decode(results.read(), _DOCUMENT)
        except Malformed as problem:
            raise UnreadableFile(f"`{results.shown}` cannot be read: {problem}") from problem
    config = mapping(mapping(found.get("configs")).get(task))
    metrics = config.get("metric_list") or [{}]
    asked = mapping(mapping(found.get("config")).get("model_args"))
    source = str(found.get("model_source") or "")
    own = asked.get("seed", _OWN_SEED) if "completions" in source else None
    folder = file.parts[-2] if len(file.parts) > 1 else ""
    return Run(
        file=file,
        task=task or file.name,
        model=str(found.get("model_name") or folder),
        source=source,
        asked=asked,
        shots=mapping(found.get("n-shot")).get(task),
        filters={str(rule.get("name")): rule.get("filter") or () for rule in config.get("filter_list") or ()},
        metric=mapping(metrics[0]),
        request_seed=own,
        run_seed=mapping(found.get("config")).get("torch_seed"),
        known=results is not None,
        name=f"{time or file.name}/{digest(file.path.encode()) if not time else task}",
    )


def _filter(run: Run, names: Sequence[str], how: How) -> str:
    """The filter whose lines are read: the one asked for, else the first of the task's."""
    if how.scorer in names:
        return str(how.scorer)
    if how.scorer:
        raise UsageError(
            f"there is no filter `{how.scorer}` in `{run.file.shown}`; found: {', '.join(names)}", hint=f"--scorer {names[0]}"
        )
    return next((name for name in run.filters if name in names), names[0] if names else "none")


def _repeats(run: Run, line: Mapping[str, Any]) -> Iterator[Repeat]:
    """The repeats of one line: texts, or for each option a log-probability."""
    requests = line.get("resps") or ()
    doc = mapping(line.get("doc"))
    where = f"line {line['line']}"
    first = requests[0] if requests and isinstance(requests[0], list) else list(requests)
    if first and isinstance(first[0], list):
        options = _options(doc, line)
        if len(options) < 2:
            return  # one text was scored: there is nothing to choose from
        given = requests[: len(options)]
        for place in range(min(map(len, given))):
            chances = _softmax([number(request[place][0]) for request in given])
            yield Repeat(run, line, doc, options, place, None, chances, where)
        return
    for place, said in enumerate(first):
        yield Repeat(run, line, doc, listed(doc), place, str(said), None, where)


def _softmax(logs: Sequence[float | None]) -> list[float] | None:
    """Log-probabilities of the options as probabilities that sum to one."""
    if None in logs or not logs:
        return None
    known = [value for value in logs if value is not None]
    weights = [math.exp(value - max(known)) for value in known]
    return [weight / sum(weights) for weight in weights]


def _options(doc: Mapping[str, Any], line: Mapping[str, Any]) -> list[str]:
    """The options of a multiple-choice question: its texts, or where each request has a text of its own, these."""
    calls = [mapping(call) for call in mapping(line.get("arguments")).values()]
    if "acc_mutual_info" in (line.get("metrics") or ()):
        calls = calls[: len(calls) // 2]  # each option was asked for once more, without the question
    said = [str(call.get("arg_1", "")).strip() for call in calls]
    there = listed(doc)
    apart = len(set(said)) == len(said)  # else the options stand in the contexts
    if there and len(there) == len(said) and (not apart or all(len(text.strip("()")) == 1 for text in said)):
        return there
    return said if apart else [str(place) for place in range(len(calls))]


def _notices(run: Run, names: Sequence[str], chosen: str, frame: pl.DataFrame) -> Iterator[Notice]:
    if len(names) > 1:
        yield Notice(
            "several-scorers", f"`{run.file.shown}` has the filters {', '.join(names)}; `{chosen}` was read", "--scorer NAME"
        )
    if run.asked.get("think_end_token") and "output_chars" in frame.columns:
        found = f"reasoning was cut off before `{run.file.shown}` was written (think_end_token); lengths are those of answers"
        yield Notice("no-reasoning-text", found)
