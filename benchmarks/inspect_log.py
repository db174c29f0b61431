"""A large log, written by the real inspect_ai: `python -m benchmarks.inspect_log big.eval [QUESTIONS EPOCHS]`.

Completions have 2 to 8 kB, four fifths of it reasoning with "Wait" in it; 200 questions × 30 epochs by default.
"""

import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

TEXT = """brask lorn tessel quell ember vesk orrin tam salt reed glass tide bell kettle amber moss river stone light under
    over again never always number letter second first maybe"""
WORDS = TEXT.split()


def prose(rng: random.Random, size: int) -> str:
    """So many characters of words."""
    words, length = [], 0
    while length < size:
        words.append("Wait," if rng.random() < 0.02 else rng.choice(WORDS))
        length += len(words[-1]) + 1
    return " ".join(words)


def make(path: Path, questions: int = 200, epochs: int = 30) -> None:
    """Write the log."""
    folder = Path(tempfile.mkdtemp(prefix="bench"))
    os.environ.update(XDG_DATA_HOME=str(folder / "data"), INSPECT_DISPLAY="none")
    from inspect_ai import Task
    from inspect_ai import eval as evaluate
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import (
        ChatCompletionChoice,
        ChatMessageAssistant,
        ContentReasoning,
        ContentText,
        ModelOutput,
        ModelUsage,
        get_model,
    )
    from inspect_ai.scorer import choice
    from inspect_ai.solver import multiple_choice

    asked: dict[str, int] = {}

    def reply(messages, *_) -> ModelOutput:
        text = messages[-1].text
        asked[text] = draw = asked.get(text, -1) + 1
        rng = random.Random(f"{text}|{draw}")
        size = int(2000 * 4 ** rng.random())
        thought, said = prose(rng, int(size * 0.8)), prose(rng, int(size * 0.2))
        letter = "A" if rng.random() < 0.5 else rng.choice("BCD")
        content = [ContentReasoning(reasoning=thought), ContentText(text=f"{said}\n\nANSWER: {letter}")]
        message = ChatMessageAssistant(content=content, source="generate")
        tokens = size // 5
        usage = ModelUsage(input_tokens=90, output_tokens=tokens, total_tokens=90 + tokens, reasoning_tokens=len(thought) // 5)
        chosen = ChatCompletionChoice(message=message, stop_reason="stop")
        return ModelOutput(model="mockllm/model", usage=usage, choices=[chosen])

    samples = [
        Sample(
            id=f"q{k:03d}",
            input=f"Question {k}: which stone of the river Tam is number {k * 7 % 101}?",
            choices=[f"the {WORDS[(k + j) % len(WORDS)]} stone" for j in range(4)],
            target="ABCD"[k % 4],
        )
        for k in range(questions)
    ]
    task = Task(dataset=MemoryDataset(samples, name="stones"), solver=multiple_choice(), scorer=choice(), name="bench")
    model = get_model("mockllm/model", custom_outputs=reply)
    log = evaluate(task, model=model, epochs=epochs, log_dir=str(folder / "logs"), display="none", temperature=0.6)[0]
    shutil.move(log.location, path)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    make(Path(sys.argv[1]), *map(int, sys.argv[2:]))
