"""Logs made by the real tools, each against the table that it means."""

import json
from collections import defaultdict
from pathlib import Path

import polars as pl
import pytest

import hotmess
from hotmess.read.gather import gather
from hotmess.read.log import How, number

GOLDEN = Path(__file__).parent / "golden"


def expected(folder):
    return json.loads((GOLDEN / folder / "expected.json").read_text())


def rows(*paths, **how):
    return gather([GOLDEN / path for path in paths], How(**how), {}).frame.collect().to_dicts()


def by(found, name):
    groups = defaultdict(list)
    for row in found:
        groups[name(row)].append(row)
    return groups


# ---------------------------------------------------------------------------------------------- Inspect

INSPECT = {name: log for name, log in expected("inspect").items() if log["rows"]}


def accepted(row):
    """The answer as the sample table has it: single blanks, none where none was read, the target where it counted as right."""
    score = next(iter(row["scores"].values()), None)
    if score is None or row["error"] or not (score["answer"] or "").strip() or score["reason"]:
        return None
    first = row["target"][0] if isinstance(row["target"], list) else row["target"]
    answer = first if score["value"] == "C" and not row["choices"] else score["answer"]
    return " ".join(str(answer).split())


@pytest.mark.parametrize("text", [False, True], ids=["summaries", "text"])
@pytest.mark.parametrize("name", INSPECT)
def test_inspect(name, text):
    found = {row["sample_id"]: row for row in rows(f"inspect/logs/{name}", text=text)}
    assert set(found) == {row["uuid"] for row in INSPECT[name]["rows"]}
    for row in INSPECT[name]["rows"]:
        ours, score = found[row["uuid"]], next(iter(row["scores"].values()), None)
        assert ours["question_id"] == str(row["id"])
        assert ours.get("choices") == row["choices"]
        assert ours.get("answer") == accepted(row)
        assert (ours["status"] == "error") == row["error"]
        assert (ours["status"] == "limit") == bool(row["limit"] and not row["error"])
        assert (ours.get("reason") == "invalidated") == row["invalidated"]
        assert ours.get("turns") == row["turn_count"]
        if score is not None and not isinstance(score["value"], dict):
            assert ours["score"] == number(score["value"])
        if len(row["models"]) == 1:
            assert ours.get("output_tokens") == row["output_tokens"]
            assert ours.get("reasoning_tokens") == row["reasoning_tokens"]
        if text and not row["error"]:
            assert ours["actions"] == row["tool_calls"]
            assert ours["wait_count"] == row.get("wait_with_output", row["wait"])
            assert (ours.get("seed") or "") == ",".join(map(str, row["call_seeds"]))


def test_inspect_in_three_shapes_is_one_table():
    apart = ["source", "source_ref", "completion_hash"]
    tables = [pl.DataFrame(rows(f"inspect/logs/{name}", text=True)) for name in ("mcq_zstd.eval", "mcq_deflate.eval", "mcq.json")]
    tables = [table.select(sorted(set(table.columns) - {*apart, "turns", "cached"})).sort("sample_id") for table in tables]
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])


def test_inspect_letters_become_texts_when_options_are_shuffled():
    logs = [GOLDEN / "inspect" / "logs" / f"shuffled_{run}.eval" for run in (1, 2)]
    samples = hotmess.read(*logs)
    table = samples.frame.collect().to_native()
    assert table.group_by("question_id").agg(pl.col("target").n_unique())["target"].to_list() == [1] * 4
    options = set(table["choices"].explode())
    assert set(table["answer"].drop_nulls()) <= options
    assert "reshuffled" in [notice.code for notice in hotmess.measure(samples).notices]
    raw = gather(logs, How(), {}).frame.collect()
    assert raw.group_by("question_id").agg(pl.col("target").n_unique())["target"].max() > 1  # the letter of the target moves


def test_inspect_shards_of_a_merged_log_are_not_counted_again():
    assert len(rows("inspect/logs/sharded.eval")) == 8
    found = [row for row in rows("inspect/logs") if "sharded" in row["source"]]
    assert {Path(row["source"]).name for row in found} == {"sharded.eval"}


@pytest.mark.parametrize("form", ["old", "new"])
def test_inspect_unit_tests_from_both_forms_of_explanation(form):
    found = rows(f"inspect/logs/swe_{form}.eval")
    assert all(row["tests"] for row in found)
    assert all((row["score"] == 1) == all(row["tests"]) for row in found)
    assert sum(not any(row["tests"]) for row in found) == 1  # the text that could not be parsed: every listed test failed


def test_inspect_stated_probabilities():
    samples = hotmess.read(GOLDEN / "inspect" / "logs" / "probs.eval")
    assert samples.kind == "probabilities"
    table = samples.frame.collect().to_native()
    sums = table.select(pl.sum_horizontal("prob_0", "prob_1", "prob_2", "prob_3")).to_series()
    assert (sums - 1).abs().max() < 0.01


def test_inspect_scorers_can_be_chosen():
    first, second = (hotmess.read(GOLDEN / "inspect" / "logs" / "open.eval", scorer=name) for name in (None, "shape.words"))
    assert first.kind == "answers"
    assert "several-scorers" in [notice.code for notice in first.notices]
    with pytest.raises(hotmess.HotmessError, match="there is no scorer `none`"):
        hotmess.read(GOLDEN / "inspect" / "logs" / "open.eval", scorer="none")
    assert second.has("score")


# ---------------------------------------------------------------------------------------------- lm-eval

RUNS = [
    pytest.param(results["tasks"][task], id=f"{run}-{task}")
    for run, every in expected("lm_eval").items()
    for results in every
    for task in results["tasks"]
    if results["tasks"][task].get("samples") and not (run == "letter" or task == "cloze")
]


@pytest.mark.parametrize("task", RUNS)
def test_lm_eval(task):
    filters = {name for doc in task["docs"] for name in doc.get("filters") or ()} or {None}
    for chosen in filters:
        found = list(by(rows(f"lm_eval/{task['samples']}", scorer=chosen), lambda row: row["source_ref"]).values())
        assert len(found) == len(task["docs"])
        for doc, repeats in zip(task["docs"], found, strict=True):
            if "probabilities" in doc:
                stated = [row["probs"] for row in repeats]
                assert stated == [pytest.approx(probs, abs=1e-9) for probs in doc["probabilities"]]
                continue
            assert len(repeats) == len(doc["resps"])  # all repeats, not the one that the filter left
            said = doc["filters"][chosen]
            for row, normal, raw in zip(repeats, said.get("normal", ()), said.get("answers", ()), strict=False):
                assert row["answer"] == (None if raw == "[invalid]" else normal)
            for row, score in zip(repeats, said.get("scores") or (), strict=False):
                assert score is None or (row["answer"] == row["target"]) == bool(score)


def test_lm_eval_contexts_are_prompts():
    found = rows("lm_eval/runs/mcq")
    assert {len(group) for group in by(found, lambda row: row["question_id"]).values()} == {3}
    assert all(len({row["context_id"] for row in group}) > 1 for group in by(found, lambda row: row["question_id"]).values())


def test_lm_eval_reshuffled_letters_are_one_question():
    samples = hotmess.read(GOLDEN / "lm_eval" / "runs" / "letter")
    table = samples.frame.collect().to_native()
    assert set(table["question_id"]) == {"recA1", "recB2", "recC3", "recD4"}
    assert table.group_by("question_id").agg(pl.col("target").n_unique())["target"].to_list() == [1] * 4
    assert "own-patterns" in [notice.code for notice in samples.notices]


def test_lm_eval_one_seed_in_every_request():
    same = hotmess.read(GOLDEN / "lm_eval" / "runs" / "same_seed")
    with pytest.raises(hotmess.HotmessError, match="identical"):
        hotmess.measure(same)
    assert "one-seed" not in [
        n.code for n in hotmess.measure(hotmess.read(GOLDEN / "lm_eval" / "runs" / "mcq"), loss="brier").notices
    ]


def test_lm_eval_averages_only():
    with pytest.raises(hotmess.HotmessError, match="only averages") as caught:
        hotmess.read(GOLDEN / "lm_eval" / "runs" / "averages_only")
    assert caught.value.code == "aggregated-only"
    assert "--log_samples" in caught.value.hint


# ---------------------------------------------------------------------------------------------- the others


def alike(row, found, names):
    return {name: row[name] for name in names} == {name: found.get(name) for name in names}


def test_swe_bench():
    found = {(row["question_id"], row["sample_id"].partition("/")[0]): row for row in rows("swe_bench")}
    every = expected("swe_bench")
    assert len(found) == len(every) == 9
    for row in every:
        ours = found[row["question_id"], row["run_id"] if "run_id" in row else row["run"]]
        assert alike(row, ours, ("score", "status", "actions"))
        tests = dict(zip(ours["test_names"], ours["tests"], strict=True)) if ours["tests"] else None
        assert tests == row["tests"] or (row["tests"] is None and row["status"] != "error")
    empty = found["acme__gadgets-7", "run-2"]
    assert not any(empty["tests"] or [False])


def test_swe_bench_without_a_patch_the_old_tests_pass():
    found = {(row["question_id"], row["sample_id"].partition("/")[0]): row for row in rows("swe_bench")}
    refused = found["acme__widgets-202", "run-3"]  # a patch that did not apply
    tests = dict(zip(refused["test_names"], refused["tests"], strict=True))
    solved = found["acme__widgets-202", "run-1"]
    assert set(tests) == set(solved["test_names"])
    assert set(tests.values()) == {True, False}


def test_swe_bench_grader_noise():
    told = [notice.code for notice in hotmess.measure(hotmess.read(GOLDEN / "swe_bench")).notices]
    assert "grader-noise" in told
    assert "errors-as-wrong" not in told  # tests, not scores, are measured


@pytest.mark.parametrize("path", sorted(p.name for p in (GOLDEN / "tau" / "tau_bench").glob("tool*")))
def test_tau_bench(path):
    found = {(row["question_id"], row["sample_id"].rpartition("/")[2]): row for row in rows(f"tau/tau_bench/{path}")}
    every = expected("tau/tau_bench")
    assert len(found) == len(every)
    for row in every:
        assert alike(row, found[str(row["question_id"]), str(row["run"])], ("score", "status", "actions", "model"))


@pytest.mark.parametrize("path", expected("tau/tau2"))
def test_tau2(path):
    every = expected("tau/tau2")[path]
    found = {(row["question_id"], row["source_ref"].rpartition(" ")[2]): row for row in rows(f"tau/tau2/{path}")}
    assert len(found) == len(every)
    for row in every:
        ours = found[str(row["question_id"]), str(row["run"])]
        assert alike(row, ours, ("score", "status", "actions", "model"))
        basis = {
            name: ok for name, ok in (row["tests"] or {}).items() if name.partition(":")[0] in map(_type, row.get("basis") or ())
        }
        failed = row["tests"] is None and row["status"] != "error"  # ended without results: every check failed
        assert sorted(ours["tests"] or ()) == ([False] * len(ours["tests"]) if failed else sorted(basis.values()))


def _type(name):
    return name.partition(":")[0]


def test_promptfoo():
    every, found = expected("promptfoo"), rows("promptfoo/out.json")
    columns = ("task", "model", "score", "output_tokens")
    ours = sorted(tuple(str(row[name]) for name in columns) for row in found)
    theirs = sorted(
        tuple(str(None if row[name] is None else float(row[name]) if name == "score" else row[name]) for name in columns)
        for row in every
    )
    graded = [row for row in theirs if row[2] != "None"]
    assert [row for row in ours if row in graded] == graded
    assert len(found) == len(every) == 18
    assert {len(group) for group in by(found, lambda row: (row["question_id"], row["model"])).values()} == {3}
    assert [row["status"] for row in found].count("error") == [row["status"] for row in every].count("error") == 1


@pytest.mark.parametrize("run", ["joint", "separate", "generation"])
def test_helm(run):
    every = expected("helm")[run]
    found = {(row["question_id"], row["context_id"], row["sample_id"].rpartition("/")[2]): row for row in rows(f"helm/{run}")}
    assert len(found) == len(every)
    for row in every:
        ours = found[row["question_id"], row["context_id"], str(row["sample"])]
        assert alike(row, ours, ("task", "model", "answer", "target", "choices", "output_tokens"))
        assert ours["status"] == ("ok" if row["status"] == "cached" else row["status"])
        assert row["status"] == "error" or ours["score"] == row["score"]


def test_every_eval_ever():
    found = by(rows("every_eval_ever/data"), lambda row: row["question_id"])
    for question, every in by(expected("every_eval_ever"), lambda row: row["question_id"]).items():
        if question == "capital":  # a line with two outputs: two samples
            assert [row["answer"] for row in found[question]] == ["Paris", "Lyon"]
            continue
        for name in ("answer", "target", "output_tokens", "reasoning_tokens", "model"):
            assert sorted(str(row.get(name)) for row in found[question]) == sorted(str(row[name]) for row in every)


def test_every_eval_ever_from_inspect_takes_answers_not_mean_scores():
    """Its converter gives every epoch the mean over epochs, which would hide all variance."""
    samples = hotmess.read(GOLDEN / "every_eval_ever" / "converted" / "data")
    assert samples.kind == "answers"
    table = samples.frame.collect().to_native()
    for row in expected("every_eval_ever/converted"):
        options = dict(zip("ABCDEF", row["choices"], strict=False))
        answers = table.filter(pl.col("question_id") == row["question_id"])["answer"].to_list()
        assert options.get(row["answer"], row["answer"]) in answers
