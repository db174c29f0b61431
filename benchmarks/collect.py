"""What collecting through our task costs beside Inspect's own multiple choice, with a model that answers at once.

Interleaved in one run. The peer asks without examples and seeds, and writes down letters. The floor is Inspect alone: nothing is
scored.

python -m benchmarks.collect                    50 questions, 10 samples of each
python -m benchmarks.collect --questions 1000
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np
from inspect_ai import Epochs, Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import choice
from inspect_ai.solver import generate, multiple_choice

from hotmess.collect.tasks import mcq

ROUNDS = 3
SAMPLES = 10


def questions(count: int, path: Path) -> list[dict]:
    """Sums with four options, as a file."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(count):
        one, other = (int(drawn) for drawn in rng.integers(1000, size=2))
        options = [str(one + other + away) for away in (0, 1, 10, -1)]
        made.append({"id": str(number), "question": f"What is {one} + {other}?", "choices": options, "answer": "A"})
    path.write_text("\n".join(map(json.dumps, made)))
    return made


def model(seed: int):
    """One that names a letter at random, after some words."""
    rng = np.random.default_rng(seed)

    def answer(*_: object) -> ModelOutput:
        output = ModelOutput.from_content("mockllm/model", "It adds up. " * 40 + f"\nANSWER: {'ABCD'[rng.integers(4)]}")
        output.usage = ModelUsage(input_tokens=100, output_tokens=120, total_tokens=220)
        return output

    return get_model("mockllm/model", custom_outputs=answer, memoize=False)


def ways(count: int, folder: Path) -> dict[str, Callable[[], Task]]:
    """The tasks that are compared."""
    asked = questions(count, folder / "questions.jsonl")
    samples = [Sample(one["question"], one["choices"], one["answer"], one["id"]) for one in asked]
    ours = {"data": str(folder / "questions.jsonl")}
    return {
        "hotmess, 5 contexts × 2": lambda: mcq(**ours, contexts=5, samples=SAMPLES // 5),
        "hotmess, no examples": lambda: mcq(**ours, examples=0, samples=SAMPLES),
        "Inspect: multiple_choice, choice": lambda: Task(
            samples, solver=multiple_choice(), scorer=choice(), epochs=Epochs(SAMPLES)
        ),
        "floor: Inspect, nothing scored": lambda: Task(samples, solver=generate(), epochs=SAMPLES),
    }


def main() -> None:
    """Print what each way takes of the processor, and its ratio to Inspect's own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--questions", type=int, default=50)
    count = parser.parse_args().questions
    with tempfile.TemporaryDirectory() as folder:
        compared = ways(count, Path(folder))
        took: dict[str, list[float]] = {name: [] for name in compared}
        for number in range(ROUNDS):
            for name, task in compared.items():
                start = process_time()
                spared = {"log_realtime": False, "score_display": False}
                [log] = eval(task(), model=model(number), log_dir=folder, display="none", **spared)
                took[name].append(process_time() - start)
                if log.status != "success":
                    sys.exit(f"{name} did not come to its end: {log.error}")
    print(
        f"{count} questions × {SAMPLES} samples; CPU seconds, median of {ROUNDS} rounds, ratio to Inspect's own multiple choice"
    )
    for name, seconds in took.items():
        ratios = [one / peer for one, peer in zip(seconds, took["Inspect: multiple_choice, choice"], strict=True)]
        rate = count * SAMPLES / median(seconds)
        print(f"{name:<34}{rate:6.0f} samples/CPU-s {median(ratios):6.2f} x the time ({min(ratios):.2f}-{max(ratios):.2f})")


if __name__ == "__main__":
    main()
