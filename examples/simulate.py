"""Make examples/simulated.csv: two imaginary models that are equally often wrong, in two different ways.

These are not answers of any real model. On 60 questions with four options, under 5 contexts with 3 samples each:

    stubborn   is right or wrong per question, and nearly always gives the same answer again
    scattered  knows every question equally badly, and is wrong in a different way each time

`thinks` makes answers longer where the model is unsure, so that there is a length to look at.

    python examples/simulate.py > examples/simulated.csv
"""

import csv
import sys

import numpy as np

OPTIONS = "ABCD"
QUESTIONS, CONTEXTS, SAMPLES = 60, 5, 3


def chances(model: str, target: int, rng: np.random.Generator) -> np.ndarray:
    """The distribution over options from which the answers to one question are drawn."""
    favourite = np.eye(4)[target if rng.random() < 0.65 else rng.choice([o for o in range(4) if o != target])]
    if model == "stubborn":
        return 0.94 * favourite + 0.06 / 4
    return 0.53 * np.eye(4)[target] + 0.47 * rng.dirichlet(np.full(4, 2.0))


def thinks(p: np.ndarray, rng: np.random.Generator) -> int:
    """How many tokens an answer takes: more where the distribution is flat."""
    doubt = -(p * np.log(p)).sum()
    return int(200 * np.exp(doubt + 0.5 * rng.standard_normal()))


def main() -> None:
    """Write the table to standard output."""
    rng = np.random.default_rng(20260101)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["task", "model", "question_id", "context_id", "sample_id", "answer", "target", "n_choices", "output_tokens"])
    for question in range(QUESTIONS):
        target = int(rng.integers(4))
        for model in ("stubborn", "scattered"):
            p = chances(model, target, rng)
            for context in range(CONTEXTS):
                tilted = p * rng.dirichlet(np.full(4, 12.0))
                tilted /= tilted.sum()
                for sample in range(SAMPLES):
                    answer = OPTIONS[rng.choice(4, p=tilted)] if rng.random() > 0.01 else ""
                    row = (
                        f"q{question:02}",
                        f"q{question:02}c{context}",
                        sample,
                        answer,
                        OPTIONS[target],
                        4,
                        thinks(tilted, rng),
                    )
                    writer.writerow(("simulated", model, *row))


if __name__ == "__main__":
    main()
