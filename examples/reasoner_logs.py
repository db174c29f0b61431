"""How the answers that `hotmess demo` shows were made: our reasoners asked through Inspect, the logs put into tables.

    pip install 'hotmess[reasoners,collect]'
    python examples/reasoner_logs.py logs/ tables/

Inspect writes the logs into the first folder, the tables go into the second; a log that is there already is not made again. The
seeds of questions, contexts and samples are fixed, so the same models give the same answers again (on another processor, almost:
sums are rounded in another order there).
"""

import sys
from pathlib import Path

import polars as pl
from inspect_ai import eval as evaluate

from hotmess.collect.chains import chains
from hotmess.read import Reading
from hotmess.read.log import How
from hotmess.reasoners.chains import Dials, examples, prompt, question
from hotmess.reasoners.family import made, place, shipped

FAMILY = [name for name in shipped() if "mistaken" not in name]
MISTAKEN = [name for name in shipped() if "mistaken" in name]
RUNS = {
    "chains": (FAMILY, {}),
    "chains-mistaken": (MISTAKEN, {"name": "chains-mistaken", "questions": 100, "contexts": 5}),
    "chains-deep": (["reasoner-0.8m"], {"name": "chains-deep", "questions": 100, "contexts": 1, "samples": 100, "seed": 1}),
}
DIALS = Dials(examples=(2, 2))  # those of the task
KEPT = (
    *("task", "model", "question_id", "context_id", "sample_id", "answer", "target", "status"),
    *("reasoning_tokens", "output_tokens", "wait_count"),
)


def log(name: str, model: str, arguments: dict, folder: Path) -> None:
    """Ask a model, unless its log lies there."""
    folder = folder / name / model
    if not list(folder.glob("*.eval")):
        options = {"max_connections": 512, "max_samples": 512, "log_format": "eval", "display": "plain"}
        spared = {"log_realtime": False, "score_display": False}  # half of the time goes by with them
        [made] = evaluate(chains(**arguments), model=f"hotmess/{model}", log_dir=str(folder), **options, **spared)
        if made.status != "success":
            sys.exit(f"{made.location} did not come to an end: {made.status}")


def table(name: str, logs: Path) -> pl.DataFrame:
    """The answers of a run, with what was asked and said, and what is known of question and model."""
    reading = Reading.of([logs / name], {}, How(text=True))
    rows = reading.table()
    said = reading.transcripts(rows["question_id"].unique()).select("sample_id", said="completion")
    models = {model: made(place(model.removeprefix("hotmess/")))["parameters"] for model in rows["model"].unique()}
    return (
        rows.join(said, on="sample_id", validate="1:1")
        .join(asked(rows), on=["question_id", "context_id"])
        .sort(pl.col("model").replace_strict(models), "model", "number", "context", "seed")
        .with_columns(
            model_size=pl.col("model").replace_strict(models).cast(pl.Float64),
            sample_id=pl.int_range(pl.len()).over("model", "question_id").cast(pl.String),
            n_choices=10,
            temperature=1.0,
        )
        .select(*KEPT, "n_choices", "difficulty", "mistaken", "model_size", "temperature", "prompt", completion="said")
    )


def asked(rows: pl.DataFrame) -> pl.DataFrame:
    """What was asked in each context, and what is known of it; Inspect's own `input` is the question without the context."""
    found = []
    for ident, context in rows.select("question_id", "context_id").unique(maintain_order=True).iter_rows():
        seed, number = (int(part) for part in ident.split("-")[1:])
        place = int(context.rpartition(".")[2])
        one = question(number, seed=seed, dials=DIALS)
        facts = {"question_id": ident, "context_id": context, "number": number, "context": place}
        known = {"mistaken": one.said(one.value(mistaken=True))}
        found.append(facts | known | {"prompt": prompt(one, examples(ident, place, seed=seed, dials=DIALS))})
    return pl.DataFrame(found)


def main(logs: Path, tables: Path) -> None:
    """Make all logs, then all tables."""
    tables.mkdir(parents=True, exist_ok=True)
    for name, (models, arguments) in RUNS.items():
        for model in models:
            log(name, model, arguments, logs)
        table(name, logs).write_parquet(tables / f"{name}.parquet", compression="zstd", compression_level=19)


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
