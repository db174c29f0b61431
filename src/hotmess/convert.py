"""Sample tables as files that others read: Parquet, CSV, JSON lines, and Every Eval Ever records.

A record of Every Eval Ever has no field for a context, a status, unit tests or stated probabilities: they stand in `metadata`,
as text, under our names. What is written is read again as the same samples.
"""

import json
import uuid
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from time import time
from typing import Any

import polars as pl

from hotmess import __version__
from hotmess.errors import CannotWrite

__all__ = ["SUFFIXES", "as_records", "as_table"]

SUFFIXES = (".parquet", ".csv", ".jsonl")
_SCHEMA = "0.3.0"
_METADATA = (
    *(
        "setting",
        "context_id",
        "status",
        "reason",
        "probs",
        "tests",
        "test_names",
        "n_choices",
        "output_chars",
        "wait_count",
        "actions",
    ),
    *("temperature", "seed", "cached", "source", "source_ref"),
)


def as_table(table: pl.DataFrame, suffix: str) -> bytes:
    """A table as the bytes of a file of this ending; CSV holds lists as JSON text."""
    stream = BytesIO()
    if suffix == ".parquet":
        table.write_parquet(stream, compression="zstd")
    elif suffix == ".csv":
        lists = [name for name, dtype in table.schema.items() if isinstance(dtype, pl.List)]
        texts = [pl.Series(name, [_written(value) for value in table[name]], dtype=pl.String) for name in lists]
        table.with_columns(texts).write_csv(stream)
    else:
        table.write_ndjson(stream)
    return stream.getvalue()


def _written(value: Any) -> str | None:
    """A value as JSON text."""
    found = value.to_list() if isinstance(value, pl.Series) else value
    return None if found is None else found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def as_records(table: pl.DataFrame, folder: Path) -> dict[Path, bytes]:
    """The files of a data folder of Every Eval Ever: for each task, model and setting an aggregate and its responses.

    Raises:
        CannotWrite: the table holds what a record has no place for.
    """
    homeless = [name for name in table.columns if name in {"test_id", "vector", "target_vector"} or name.startswith("prob_")]
    if homeless:
        raise CannotWrite(
            f"a record of Every Eval Ever has no place for {', '.join(homeless)}", hint="-o samples.parquet keeps all columns"
        )
    groups = [name for name in ("task", "model", "setting") if name in table.columns]
    parts = table.partition_by(groups, maintain_order=True) if groups else [table]
    made: dict[Path, bytes] = {}
    for part in parts:
        made.update(_record(part.to_dicts(), folder))
    return made


def _record(rows: list[dict[str, Any]], folder: Path) -> dict[Path, bytes]:
    task, model, setting = (str(rows[0].get(name) or "unknown") for name in ("task", "model", "setting"))
    developer, _, name = model.rpartition("/")
    developer = developer.replace("/", "_") or "unknown"
    named = "\n".join([task, model, setting, *(f"{row['question_id']} {row.get('sample_id')}" for row in rows)])
    ident = uuid.UUID(bytes=sha256(named.encode()).digest()[:16], version=4)  # the same samples have the same name
    evaluation = f"{task}/{model.replace('/', '_')}/{ident}"
    place = Path("data") / "hotmess" / developer / name / f"{ident}"
    lines = [_response(row, evaluation, model, task, number) for number, row in enumerate(rows, 1)]
    responses = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
    aggregate = _aggregate(lines, evaluation, model, name, developer, task, setting)
    aggregate["detailed_evaluation_results"] = {
        "format": "jsonl",
        "file_path": f"{place}_samples.jsonl",
        "hash_algorithm": "sha256",
        "checksum": sha256(responses).hexdigest(),
        "total_rows": len(rows),
    }
    beside = folder / place.parent
    return {
        beside / f"{ident}.json": (json.dumps(aggregate, indent=2, ensure_ascii=False) + "\n").encode(),
        beside / f"{ident}_samples.jsonl": responses,
    }


def _response(row: dict[str, Any], evaluation: str, model: str, task: str, number: int) -> dict[str, Any]:
    answer, target = row.get("answer"), row.get("target")
    score = row.get("score")
    if score is None and target is not None:
        score = float(answer == target)
    attribution = {"turn_idx": 0, "source": "output.raw", "extraction_method": "hotmess", "is_terminal": True}
    kept = {"graded": "no"} if row.get("score") is None else {}
    metadata = kept | {name: text for name in _METADATA if (text := _written(row.get(name))) is not None}
    tokens = {name: row.get(name) for name in ("output_tokens", "reasoning_tokens")}
    found: dict[str, Any] = {
        "schema_version": _SCHEMA,
        "evaluation_id": evaluation,
        "model_id": model,
        "evaluation_name": task,
        "sample_id": str(row["question_id"]),
        "interaction_type": "single_turn",
        "input": {"raw": str(row["question_id"]), "reference": [] if target is None else [str(target)]},
        "output": {"raw": [] if answer is None else [str(answer)]},
        "answer_attribution": [] if answer is None else [{**attribution, "extracted_value": str(answer)}],
        "evaluation": {"score": float(score or 0.0), "is_correct": score == 1.0},
        "metadata": {"epoch": str(number), "hotmess_sample": str(row.get("sample_id") or number), **metadata},
    }
    if row.get("choices") is not None:
        found["input"]["choices"] = [str(option) for option in row["choices"]]
    if tokens["output_tokens"] is not None:
        count = int(tokens["output_tokens"])
        reasoning = {} if tokens["reasoning_tokens"] is None else {"reasoning_tokens": int(tokens["reasoning_tokens"])}
        found["token_usage"] = {"input_tokens": 0, "output_tokens": count, "total_tokens": count, **reasoning}
    if row.get("status") == "error":
        found["error"] = str(row.get("reason") or "error")
    return found


def _aggregate(
    lines: list[dict[str, Any]], evaluation: str, model: str, name: str, developer: str, task: str, setting: str
) -> dict[str, Any]:
    """The aggregate that belongs to the responses: their mean score."""
    counted = [line["evaluation"]["score"] for line in lines if "error" not in line]
    unknown = {"deployment_type": "unknown", "model_availability": "unknown"}
    metric = {"metric_id": "mean_score", "lower_is_better": False, "score_type": "continuous", "min_score": 0.0, "max_score": 1.0}
    result = {
        "evaluation_name": task,
        "source_data": {"dataset_name": task, "source_type": "other"},
        "metric_config": metric,
        "score_details": {"score": sum(counted) / len(counted) if counted else 0.0},
        "generation_config": {"additional_details": {"setting": setting}},
    }
    return {
        "schema_version": _SCHEMA,
        "evaluation_id": evaluation,
        "retrieved_timestamp": str(int(time())),
        "source_metadata": {
            "source_type": "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "other",
        },
        "eval_library": {"name": "hotmess", "version": __version__},
        "model_info": {"name": name, "id": model, "developer": developer, "additional_details": unknown},
        "evaluation_results": [result],
    }
