"""CPU time of our synthetic transformer, against transformers of the same number of parameters, interleaved in one run.

An update is one of a batch of 128; the others are given its tokens, ours makes them. A rollout is one step of 256 starts: the
state as tokens, 28 new tokens, and the state moved by what they say; `generate` is only asked for the tokens. The floor is the
matrix multiplications alone, of the shapes that ours needs. One thread.

python -m benchmarks.synthetic                   4x32 and 4x128
python -m benchmarks.synthetic --sizes 4x64 --rounds 9
"""

import argparse
from collections.abc import Callable, Iterator
from copy import deepcopy
from statistics import median
from time import process_time

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, logging

from hotmess.synthetic.network import Transformer
from hotmess.synthetic.setting import Preset, Size, preset
from hotmess.synthetic.train import Lessons, Training

ASKED = preset("paper", {"trajectories": 200, "horizon": 64, "batch": 128, "updates": 1_000_000})
STARTS = 256
TURN = 0.6  # CPU seconds that a way has in a round, or one call if that takes longer

Shape = tuple[int, int, int, int]  # of so many products: rows, what is summed over, columns


def count(model: nn.Module) -> int:
    """Its parameters; those that are used twice count once."""
    return sum(weight.numel() for weight in model.parameters())


def llama(size: Size, places: int, words: int) -> LlamaForCausalLM:
    """A Llama of the size, whose hidden layers are as wide as makes it as large as ours, in eights."""
    width = size.width
    others = (words + 2 * size.layers + 1) * width + 4 * size.layers * width**2
    hidden = (size.parameters(ASKED.problem) - others) / (3 * size.layers * width)
    config = LlamaConfig(
        vocab_size=words,
        hidden_size=width,
        intermediate_size=8 * round(hidden / 8),
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        max_position_embeddings=places,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
    )
    return LlamaForCausalLM(config)


def gpt2(size: Size, places: int, words: int) -> GPT2LMHeadModel:
    """A GPT-2 of the size: ours but for the biases."""
    config = GPT2Config(
        vocab_size=words,
        n_positions=places,
        n_embd=size.width,
        n_layer=size.layers,
        n_head=size.heads,
        activation_function="gelu",  # the one that it was born with is many kernels
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=None,
        eos_token_id=None,
    )
    return GPT2LMHeadModel(config)


def taught(model: nn.Module, written: Tensor) -> Callable[[], None]:
    """An update of a model of transformers by the tokens of a batch."""
    labels = written.clone()
    labels[:, : written.shape[1] // 2] = -100
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.98), fused=True)
    model.train()

    def update() -> None:
        optimizer.zero_grad()
        model(input_ids=written, labels=labels, use_cache=False).loss.backward()
        optimizer.step()

    return update


def generated(model: nn.Module, state: Tensor) -> Callable[[], Tensor]:
    """The tokens of a step by `generate`, greedily; as many as those of the state."""
    model.eval()
    new = state.shape[1]
    fixed = {"attention_mask": torch.ones_like(state), "do_sample": False, "use_cache": True, "pad_token_id": 0}

    def generate() -> Tensor:
        with torch.inference_mode():
            return model.generate(state, max_new_tokens=new, **fixed)[:, new:]

    return generate


def led(model: Transformer, starts: Tensor) -> Callable[[], None]:
    """A step of rollouts from these starts, as `hotmess.synthetic.rollouts` takes it; the next call takes the next one."""
    x, cache, tokens = starts.clone(), model.cache(len(starts)), model.tokens

    def step() -> None:
        with torch.inference_mode():
            x.add_(tokens.decode(model.decode(tokens.encode(x), cache, None)))

    return step


def forgetful(model: Transformer, state: Tensor) -> Callable[[], Tensor]:
    """The tokens of a step by ours, reading all tokens so far for each new one."""

    def decode() -> Tensor:
        written = state
        with torch.inference_mode():
            for place in range(model.tokens.point):
                x = model.words[written] + model.places[: written.shape[1]]
                for block in model.blocks:
                    x = block(x)
                allowed = model.tokens.allowed(place)
                logits = linear(model.end(x[:, -1]), model.words[allowed.start : allowed.stop])
                written = torch.cat([written, logits.argmax(-1, keepdim=True) + allowed.start], 1)
        return written[:, model.tokens.point :]

    return decode


def layer(size: Size, sequences: int, *, new: int, asking: int, seen: int) -> Iterator[Shape]:
    """The products of a layer: `new` places have keys, the last `asking` of them look at `seen` places and go on."""
    width, heads = size.width, sequences * size.heads
    rows = sequences * asking
    yield from [(1, sequences * new, width, 2 * width), (1, rows, width, width)]
    yield from [(heads, asking, width // size.heads, seen), (heads, asking, seen, width // size.heads)]
    yield from [(1, rows, width, width), (1, rows, width, 4 * width), (1, rows, 4 * width, width)]


def of_update(size: Size, sequences: int, point: int, words: int) -> Iterator[Shape]:
    """The products of the forward pass of an update."""
    places = 2 * point - 1
    for _ in range(size.layers - 1):
        yield from layer(size, sequences, new=places, asking=places, seen=places)
    yield from layer(size, sequences, new=places, asking=point, seen=places)
    yield (1, sequences * point, size.width, words)


def of_rollout(size: Size, sequences: int, point: int, allowed: list[int]) -> Iterator[Shape]:
    """The products of a step of a rollout: reading the state, then one token at a time."""
    for _ in range(size.layers - 1):
        yield from layer(size, sequences, new=point, asking=point, seen=point)
    yield from layer(size, sequences, new=point, asking=1, seen=point)
    for seen in range(point + 1, 2 * point):
        for _ in range(size.layers):
            yield from layer(size, sequences, new=1, asking=1, seen=seen)
    yield from ((1, sequences, size.width, words) for words in allowed)


def floor(shapes: Iterator[Shape], *, backward: bool) -> Callable[[], None]:
    """The products alone, and with `backward` the two that each of them needs for its gradients."""
    work = list(shapes)
    made = {
        (many, rows, inner, columns): [
            torch.randn(many, *two).squeeze(0) for two in ((rows, inner), (inner, columns), (rows, columns))
        ]
        for many, rows, inner, columns in set(work)
    }

    def multiply() -> None:
        with torch.inference_mode():
            for shape in work:
                x, weight, slope = made[shape]
                _ = x @ weight
                if backward:
                    _ = slope @ weight.mT
                    _ = x.mT @ slope

    return multiply


def ways(size: Size, asked: Preset) -> tuple[dict[str, Callable], dict[str, Callable]]:
    """What makes an update, and what makes a step of a rollout; ours first."""
    torch.manual_seed(0)
    lessons = Lessons.of(asked, torch.device("cpu"))
    tokens, words, states = lessons.tokens, lessons.tokens.SIZE, lessons.taught
    training, model = Training(asked, size, 0, lessons), Transformer(size, tokens)
    peers = {"llama": llama(size, 2 * tokens.point, words), "gpt2": gpt2(size, 2 * tokens.point, words)}
    counts = {"hotmess": count(model), **{name: count(peer) for name, peer in peers.items()}}
    print(f"\n{size}, parameters:", ", ".join(f"{name} {number:,}" for name, number in counts.items()))
    batch, starts = states[: asked.course.batch], states[torch.randint(len(states), (STARTS,))]
    written, state = lessons.write(batch), tokens.encode(starts)
    allowed = [len(tokens.allowed(place)) for place in range(tokens.point)]
    updates = {
        "hotmess": lambda: training.advance(1),
        **{f"{name} of transformers": taught(peer, written) for name, peer in peers.items()},
        "floor: multiplications": floor(of_update(size, len(batch), tokens.point, words), backward=True),
    }
    rollouts = {
        "hotmess": led(model, starts),
        **{f"`generate`, {name}": generated(deepcopy(peer), state) for name, peer in peers.items()},
        "hotmess, no cache": forgetful(model, state),
        "floor: multiplications": floor(of_rollout(size, STARTS, tokens.point, allowed), backward=False),
    }
    return updates, rollouts


def seconds(way: Callable, times: int) -> float:
    """What a call takes, of so many."""
    start = process_time()
    for _ in range(times):
        way()
    return (process_time() - start) / times


def compare(what: str, ways: dict[str, Callable], rounds: int) -> None:
    """Print what each way takes, and its ratio to ours, the first."""
    times = {}
    for name, way in ways.items():
        way()  # the first call makes room
        times[name] = max(1, round(TURN / seconds(way, 1)))
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            took[name].append(seconds(way, times[name]))
    ours = took[next(iter(ways))]
    for name, found in took.items():
        ratios = [one / mine for one, mine in zip(found, ours, strict=True)]
        ratio = "" if found is ours else f"{median(ratios):7.2f} x the time ({min(ratios):.2f}-{max(ratios):.2f})"
        print(f"  {what:<10}{name:<26}{1000 * median(found):9.1f} ms{ratio}")


def main() -> None:
    """Compare at each size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", nargs="+", type=Size.of, default=[Size(4, 32), Size(4, 128)])
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    logging.set_verbosity_error()  # or the table is torn apart by how transformers names its loss
    print(f"An update of {ASKED.course.batch}, a step of {STARTS} rollouts; CPU time of one, median of {asked.rounds} rounds")
    for size in asked.sizes:
        updates, rollouts = ways(size, ASKED)
        compare("update", updates, asked.rounds)
        compare("rollouts", rollouts, asked.rounds)


if __name__ == "__main__":
    main()
