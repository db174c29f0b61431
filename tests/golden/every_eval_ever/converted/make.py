"""Converts an Inspect log with three epochs by the package's own converter.

Run as `python make.py` with every-eval-ever 0.3.0 and inspect-ai (Python 3.12).
The record shows what the converter does with epochs: each row carries the score that the log's
reducer gave the sample, so every epoch of a sample has the same score, and each row is "correct".
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ["INSPECT_DISPLAY"] = "none"
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    ContentReasoning,
    ContentText,
    ModelOutput,
    ModelUsage,
    get_model,
)  # fmt: skip
from inspect_ai.scorer import choice
from inspect_ai.solver import multiple_choice


def reply(n, letter):
    content = [ContentReasoning(reasoning=f"thought {n}"), ContentText(text=f"ANSWER: {letter}")]
    choices = [ChatCompletionChoice(message=ChatMessageAssistant(content=content), stop_reason="stop")]
    usage = ModelUsage(input_tokens=10, output_tokens=20 + n, total_tokens=30 + n, reasoning_tokens=10 + n)
    return ModelOutput(model="mockllm/model", choices=choices, usage=usage)


# Samples run one after another in the order q1, q2 of epoch 1, then of epoch 2, and so on.
replies = [reply(n, letter) for n, letter in enumerate("ABAABB")]
questions = [
    Sample(input="Which is a fruit?", choices=["pear", "stone"], target="A", id="q1"),
    Sample(input="Which is a stone?", choices=["pear", "opal"], target="B", id="q2"),
]
task = Task(dataset=questions, solver=multiple_choice(), scorer=choice(), epochs=3, name="toy")
model = get_model("mockllm/model", custom_outputs=replies)

here = Path(__file__).parent
with tempfile.TemporaryDirectory() as folder:
    log = eval(task, model=model, log_dir=folder, log_format="json", max_samples=1, max_connections=1)[0]
    path = next(Path(folder).glob("*.json"))
    path.write_text(path.read_text().replace("mockllm/model", "openai/toy-small"))  # a developer it knows
    shutil.rmtree(here / "data", ignore_errors=True)
    command = [sys.executable, "-m", "every_eval_ever", "convert", "inspect", "--log_path", path, "--output_dir",
               here / "data", "--source_organization_name", "toy", "--evaluator_relationship", "third_party"]  # fmt: skip
    subprocess.run(command, check=True)
