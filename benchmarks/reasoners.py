"""Samples per CPU-second from our reasoning models, against Inspect's `hf/` provider and transformers, interleaved in one run.

The floor is the multiplications alone, as many and as large as a batch of 256 needs for the tokens that ours wrote.

python -m benchmarks.reasoners                   reasoner-0.8m, 64 prompts
python -m benchmarks.reasoners MODEL --prompts 256
"""

import argparse
import asyncio
import os
from collections.abc import Callable
from statistics import median
from time import process_time

import torch
from inspect_ai.model import ChatMessageUser, GenerateConfig, get_model
from torch.nn.functional import linear

from hotmess.reasoners.chains import Dials, examples, prompt, question
from hotmess.reasoners.family import load, place
from hotmess.reasoners.generate import Reasoner, Way

DIALS = Dials(examples=(2, 2))
ROUNDS = 3
TOKENS = 256


def prompts(count: int) -> list[str]:
    """Different questions, each with two answered ones before it."""
    return [
        prompt(one, examples(one.ident, 0, dials=DIALS)) for one in (question(number, dials=DIALS) for number in range(count))
    ]


def through_inspect(name: str, texts: list[str], at_once: int | None = None, **arguments: object) -> Callable[[], int]:
    """All prompts at a time through a provider of Inspect, `at_once` in a batch; the number of tokens that were written."""
    config = GenerateConfig(temperature=1.0, max_tokens=TOKENS, max_connections=at_once)
    model = get_model(name, config=config, memoize=False, **arguments)

    async def ask() -> int:
        outputs = await asyncio.gather(*(model.generate([ChatMessageUser(content=text)]) for text in texts))
        return sum(output.usage.output_tokens for output in outputs)

    return lambda: asyncio.run(ask())


def direct(name: str, texts: list[str]) -> Callable[[], int]:
    """Ours, without Inspect."""
    reasoner = Reasoner.load(name)

    def ask() -> int:
        asked = reasoner.prompts([[{"role": "user", "content": text}] for text in texts])
        return sum(reply.output_tokens for reply in reasoner.ask(asked, list(range(len(asked))), Way(max_tokens=TOKENS)))

    return ask


def by_transformers(name: str, texts: list[str]) -> Callable[[], int]:
    """`generate` of transformers on all prompts as one batch."""
    model, tokenizer = load(name)
    chats = [[{"role": "user", "content": text}] for text in texts]
    asked = tokenizer.apply_chat_template(chats, add_generation_prompt=True, return_tensors="pt", padding=True, return_dict=True)

    def ask() -> int:
        with torch.inference_mode():
            told = model.generate(**asked, do_sample=True, temperature=1.0, top_k=0, max_new_tokens=TOKENS)
        return int((told[:, asked["input_ids"].shape[1] :] != tokenizer.pad_token_id).sum())

    return ask


def floor(name: str, tokens: int) -> Callable[[], int]:
    """The multiplications by the weights, for so many tokens."""
    weights = [weight for weight in load(name)[0].parameters() if weight.ndim == 2]
    inputs = [torch.randn(256, weight.shape[1]) for weight in weights]

    def multiply() -> int:
        with torch.inference_mode():
            for _ in range(-(-tokens // 256)):
                for x, weight in zip(inputs, weights, strict=True):
                    linear(x, weight)
        return tokens

    return multiply


def main() -> None:
    """Print what each way takes, and its ratio to ours."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", nargs="?", default="reasoner-0.8m")
    parser.add_argument("--prompts", type=int, default=64)
    asked = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"  # or Inspect's provider looks for `local` there
    texts = prompts(asked.prompts)
    ours = direct(asked.model, texts)
    theirs = {"model_path": str(place(asked.model)), "device": "cpu"}
    ways = {
        "hotmess, direct": ours,
        "hotmess/ in Inspect": through_inspect(f"hotmess/{asked.model}", texts),
        "hf/ in Inspect": through_inspect("hf/local", texts, **theirs),
        "hf/ in Inspect, one batch": through_inspect("hf/local", texts, len(texts), **theirs),
        "transformers, one batch": by_transformers(asked.model, texts),
        "floor: multiplications": floor(asked.model, ours()),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start = process_time()
            way()
            took[name].append(process_time() - start)
    print(f"{asked.model}, {asked.prompts} prompts, {torch.get_num_threads()} threads; CPU seconds, median of {ROUNDS} rounds")
    for name, seconds in took.items():
        ratios = [one / mine for one, mine in zip(seconds, took["hotmess/ in Inspect"], strict=True)]
        rate = asked.prompts / median(seconds)
        ours_is = "" if name.startswith("hotmess/") else f"{median(ratios):7.2f} x the time ({min(ratios):.2f}-{max(ratios):.2f})"
        print(f"{name:<26}{rate:8.0f} samples/CPU-s {ours_is}")


if __name__ == "__main__":
    main()
