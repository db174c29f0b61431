"""Writes two Every Eval Ever records (schema 0.3.0) with their instance files under data/.

Run as `python make.py` with every-eval-ever 0.3.0 (Python 3.12), then validate with
    python -m every_eval_ever validate 'data/*/*/*/*.json*'
The package's own models check each record as it is built.
"""

import hashlib
import json
from pathlib import Path

from every_eval_ever.eval_types import EvaluationLog
from every_eval_ever.instance_level_types import InstanceLevelEvaluationLog

HERE = Path(__file__).parent
CHOICES = ["fire", "the sun", "itself"]


def sample_hash(raw, reference):
    text = json.dumps({"raw": raw, "reference": reference}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def instance(run, sample, epoch, raw, reference, extracted, score, *, choices=None, trace=None, reasoning=None,
             outputs=None, tokens=None, error=None, messages=None):  # fmt: skip
    single = messages is None
    source = "output.raw" if single else f"messages[{len(messages) - 1}].content"
    attribution = {"turn_idx": 0 if single else len(messages) - 1, "source": source, "extracted_value": extracted,
                   "extraction_method": "regex", "is_terminal": True}  # fmt: skip
    return {
        "schema_version": "0.3.0",
        "evaluation_id": run["evaluation_id"],
        "model_id": run["model"],
        "evaluation_name": run["name"],
        "evaluation_result_id": f"{run['name']}:accuracy",
        "sample_id": sample,
        "sample_hash": sample_hash(raw, reference),
        "interaction_type": "single_turn" if single else "agentic",
        "input": {"raw": raw, "reference": reference, **({"choices": choices} if choices else {})},
        "output": {"raw": outputs, **({"reasoning_trace": trace} if trace else {})} if single else None,
        "messages": messages,
        "answer_attribution": [] if error else [attribution],
        "evaluation": {"score": score, "is_correct": score == 1.0, "num_turns": len(messages or [0])},
        "token_usage": None if tokens is None else {
            "input_tokens": 20, "output_tokens": tokens, "total_tokens": 20 + tokens,
            **({"reasoning_tokens": reasoning} if reasoning else {}),
        },
        "error": error,
        "metadata": {"epoch": str(epoch), "stop_reason": "" if error else "stop"},
    }  # fmt: skip


def choices_run(run):
    """Three questions with choices, three epochs each; the request of one epoch failed."""
    letters = {"moonlight": ("B", "BBC"), "cold": ("C", "CC!"), "hot": ("A", "ABA")}
    for sample, (target, answers) in letters.items():
        for epoch, letter in enumerate(answers, 1):
            raw = f"Where does {sample} come from?"
            failed = letter == "!"
            yield instance(
                run, sample, epoch, raw, [target], letter, float(letter == target), choices=CHOICES,
                outputs=[""] if failed else [f"The answer is {letter}."], tokens=None if failed else 4,
                error="APITimeoutError: request timed out" if failed else None,
            )  # fmt: skip


def thinking_run(run):
    """Free answers with reasoning traces: two epochs of a sum, two outputs in one row, an agent's row."""
    for epoch, answer in enumerate(["42", "41"], 1):
        yield instance(
            run, "sum", epoch, "What is 40 + 2?", ["42"], answer, float(answer == "42"),
            outputs=[f"It is {answer}."], trace=[f"40 and 2 make {answer}."], tokens=30 + epoch, reasoning=20 + epoch,
        )  # fmt: skip
    yield instance(
        run, "capital", 1, "What is the capital of France?", ["Paris"], "Paris", 1.0, outputs=["Paris", "Lyon"],
        trace=["France: Paris.", "France: Lyon?"], tokens=50, reasoning=40,
    )  # fmt: skip
    messages = [
        {"turn_idx": 0, "role": "user", "content": "How many files are there?"},
        {"turn_idx": 1, "role": "assistant", "content": None, "reasoning_trace": "I list them.",
         "tool_calls": [{"id": "c1", "name": "bash", "arguments": {"cmd": "ls"}}]},
        {"turn_idx": 2, "role": "tool", "content": "a b", "tool_call_id": ["c1"]},
        {"turn_idx": 3, "role": "assistant", "content": "2", "reasoning_trace": "Two names."},
    ]  # fmt: skip
    yield instance(run, "files", 1, messages[0]["content"], ["2"], "2", 1.0, messages=messages, tokens=60, reasoning=12)


RUNS = [
    {"uuid": "11111111-1111-4111-8111-111111111111", "name": "toy_choices", "model": "toy-org/toy-small",
     "temperature": 0.7, "rows": choices_run},
    {"uuid": "22222222-2222-4222-8222-222222222222", "name": "toy_words", "model": "toy-org/toy-think",
     "temperature": 1.0, "rows": thinking_run},
]  # fmt: skip


def aggregate(run, rows, path, content):
    scores = [row["evaluation"]["score"] for row in rows if row["error"] is None]
    return {
        "schema_version": "0.3.0",
        "evaluation_id": run["evaluation_id"],
        "evaluation_timestamp": "1767225600",
        "retrieved_timestamp": "1767225600",
        "source_metadata": {"source_type": "evaluation_run", "source_organization_name": "toy",
                            "evaluator_relationship": "third_party"},
        "eval_library": {"name": "toy", "version": "1"},
        "model_info": {
            "name": run["model"].split("/")[1], "id": run["model"], "developer": "toy-org",
            "additional_details": {"deployment_type": "unknown", "model_availability": "unknown"},
        },
        "evaluation_results": [{
            "evaluation_result_id": f"{run['name']}:accuracy",
            "evaluation_name": run["name"],
            "source_data": {"dataset_name": run["name"], "source_type": "other"},
            "metric_config": {"metric_id": "accuracy", "metric_name": "accuracy", "lower_is_better": False,
                              "score_type": "continuous", "min_score": 0.0, "max_score": 1.0},
            "score_details": {"score": sum(scores) / len(scores), "uncertainty": {"num_samples": len(scores)}},
            "generation_config": {"generation_args": {"temperature": run["temperature"]}},
        }],
        "detailed_evaluation_results": {
            "format": "jsonl", "file_path": path, "hash_algorithm": "sha256",
            "checksum": hashlib.sha256(content.encode()).hexdigest(), "total_rows": len(rows),
        },
    }  # fmt: skip


for run in RUNS:
    run["evaluation_id"] = f"{run['name']}/{run['model']}/1767225600"
    rows = list(run["rows"](run))
    for row in rows:
        InstanceLevelEvaluationLog.model_validate(row)
    content = "".join(json.dumps(row) + "\n" for row in rows)
    folder = Path("data", "toy", run["model"])
    path = folder / f"{run['uuid']}_samples.jsonl"
    record = aggregate(run, rows, path.as_posix(), content)
    EvaluationLog.model_validate(record)
    (HERE / folder).mkdir(parents=True, exist_ok=True)
    (HERE / path).write_text(content)
    (HERE / folder / f"{run['uuid']}.json").write_text(json.dumps(record, indent=1) + "\n")
