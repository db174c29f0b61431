"""A sample table from a model of ours, without anything between.

Prompts and seeds are those of `hotmess/chains` in Inspect, and so are the samples, but for how sums were rounded.
"""

from collections.abc import Callable
from itertools import product
from typing import Any

import polars as pl

from hotmess.reasoners.chains import Dials, Question, read
from hotmess.reasoners.family import made
from hotmess.reasoners.family import place as place_of
from hotmess.reasoners.generate import Reasoner, Reply, Way
from hotmess.reasoners.grid import Asked, Grid

__all__ = ["ask"]


def ask(name: str, grid: Grid = Grid(), way: Way = Way(), progress: Callable[[int], None] | None = None) -> pl.DataFrame:
    """Ask a model, by name or path; a row per sample.

    Raises:
        MissingExtra: torch or transformers is not installed.
        NoSuchModel: there is no such model.
        OtherVersion: it is one of another version.
    """
    reasoner = Reasoner.load(name)
    places = range(grid.contexts * grid.samples)
    told = [(one, grid.told(one, place, name)) for one, place in product(grid.asked(), places)]
    prompts = reasoner.prompts([[{"role": "user", "content": asked.prompt}] for _, asked in told])
    replies = reasoner.ask(prompts, [asked.seed for _, asked in told], way, progress)
    rows = [_row(one, asked, reply) for (one, asked), reply in zip(told, replies, strict=True)]
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(
        task=pl.lit("chains"),
        model=pl.lit(name),
        setting=pl.lit(_setting(grid.dials, way)),
        model_size=float(made(place_of(name))["parameters"]),
        temperature=way.temperature,
    )


def _setting(dials: Dials, way: Way) -> str:
    """What else was asked for, so that no two ways of asking are taken for one."""
    ranges = {"steps": dials.steps, "distractors": dials.distractors, "shown": dials.examples}
    said = [f"{name}={low}" if low == high else f"{name}={low}-{high}" for name, (low, high) in ranges.items()]
    return ";".join([*said, f"options={dials.options}", f"temperature={way.temperature:g}"])


def _row(one: Question, asked: Asked, reply: Reply) -> dict[str, Any]:
    answer = read(reply.answer, len(one.options))
    return {
        "question_id": one.ident,
        "context_id": asked.context,
        "sample_id": f"{asked.context}.{asked.draw}",
        "answer": answer,
        "target": one.answer,
        **({"choices": [str(value) for value in one.options]} if one.options else {"n_choices": 10}),
        "status": "invalid" if answer is None else "ok",
        "reason": None if answer is not None else "stop" if reply.ended else "max_tokens",
        "difficulty": one.difficulty,
        "mistaken": one.said(one.value(mistaken=True)),
        "reasoning_tokens": reply.reasoning_tokens,
        "output_tokens": reply.output_tokens,
        "wait_count": reply.reasoning.count("Wait"),
        "completion": f"{reply.reasoning}\n{reply.answer}",
        "prompt": asked.prompt,
    }
