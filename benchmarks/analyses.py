"""Analyses against the ways that notebooks have, and against the least that could be done, interleaved in one run.

python -m benchmarks.analyses            5,700 questions × 30 samples, as many as the paper's MMLU
python -m benchmarks.analyses --quick    448 questions, as GPQA
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np
import pandas as pd
import polars as pl

import hotmess
from benchmarks.tables import SAMPLES, make
from benchmarks.ways import pooled

DRAWS = 1000  # permutations, and resamples of the bootstrap
NAIVE_DRAWS = 5  # of the way that draws one at a time; its time is scaled up


def one_hot(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predictions (question, sample, option), targets and lengths as arrays."""
    table = pd.read_parquet(path).sort_values(["question_id", "sample_id"])
    f = np.eye(4)[table["answer"].map("ABCD".index)].reshape(-1, SAMPLES, 4)
    y = np.eye(4)[table["target"].map("ABCD".index)].reshape(-1, SAMPLES, 4)[:, 0]
    return f, y, table["output_tokens"].to_numpy().reshape(-1, SAMPLES)


def terms(f: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unbiased variance, and error, of each question."""
    mean, k = f.mean(1, keepdims=True), f.shape[1]
    return ((f - mean) ** 2).sum(2).mean(1) * k / (k - 1), ((f - y[:, None]) ** 2).sum(2).mean(1)


def floor(path: Path) -> None:
    """Look at every value of the columns that are needed, once."""
    pl.scan_parquet(path).select(pl.col("question_id", "answer", "target", "output_tokens").max()).collect()


def by_length(path: Path) -> list[float]:
    """Eight buckets with intervals, trends with p-values and 2,000 permutations."""
    return hotmess.by_length(hotmess.read(path), buckets=10).table()["incoherence"].to_list()


def in_loops(path: Path) -> list[float]:
    """Buckets whose intervals come from a bootstrap over questions, and 2,000 permutations of the trend, one at a time."""
    f, y, length = one_hot(path)
    variance, error = terms(f, y)
    rng = np.random.default_rng(0)
    for part in np.array_split(np.argsort(length.mean(1)), 10):
        draws = rng.integers(len(part), size=(DRAWS, len(part)))
        np.quantile(variance[part][draws].sum(1) / error[part][draws].sum(1), [0.025, 0.975])
    x, rest = np.log2(length.mean(1)), variance - variance.sum() / error.sum() * error
    for _ in range(2 * DRAWS):
        z = rng.permutation(x)
        z = z - (z * error).sum() / error.sum()
        slope = (z * rest).sum() / (z * z * error).sum()
        slope / np.sqrt(((z * (rest - slope * z * error)) ** 2).sum())
    return pooled(length.mean(1), variance, error)


def by_overthinking(path: Path) -> float:
    """Halves, paired tests, and 1,000 permutations of lengths within questions."""
    found = hotmess.by_overthinking(hotmess.read(path), draws=DRAWS)
    return float(found.tests["value"][0])


def one_permutation_at_a_time(path: Path) -> float:
    """The same permutations, each a new sort and a new split of the arrays; only a few, for they take long."""
    f, y, length = one_hot(path)
    rng = np.random.default_rng(0)

    def apart(order: np.ndarray) -> float:
        halves = (order[:, : SAMPLES // 2], order[:, -(SAMPLES // 2) :])
        short, long = (terms(np.take_along_axis(f, half[..., None], axis=1), y) for half in halves)
        return float(long[0].sum() / long[1].sum() - short[0].sum() / short[1].sum())

    for _ in range(NAIVE_DRAWS):
        apart(np.argsort(rng.random(length.shape), axis=1))
    return apart(np.argsort(length, axis=1, kind="stable"))


def by_ensemble(path: Path) -> float:
    """The curve in closed form, from all samples, with intervals."""
    return float(hotmess.by_ensemble(hotmess.read(path), sizes=(1, 2, 3)).table()["variance"][2])


def disjoint(path: Path) -> float:
    """The paper's way: plug-in terms over ten ensembles that share no sample."""
    f, y, _ = one_hot(path)
    rng = np.random.default_rng(0)
    found = 0.0
    for size in (1, 2, 3):
        chosen = np.take_along_axis(f, np.argsort(rng.random(f.shape[:2]), axis=1)[..., None], axis=1)[:, : 10 * size]
        mean = chosen.reshape(len(f), 10, size, 4).mean(2)
        found = float(terms(mean, y)[0].mean() * 9 / 10)
    return found


def timed(way: Callable[[Path], object], path: Path) -> tuple[float, object]:
    """CPU seconds, and what came out."""
    start = process_time()
    found = way(path)
    return process_time() - start, found


PAIRS: dict[str, tuple[Callable, Callable, float]] = {  # ours, the peer, and by how much its time is scaled
    "by_length / bootstrap and permutations in a loop": (by_length, in_loops, 1.0),
    "by_overthinking / one permutation at a time": (by_overthinking, one_permutation_at_a_time, DRAWS / NAIVE_DRAWS),
    "by_ensemble / ten disjoint ensembles": (by_ensemble, disjoint, 1.0),
}


def main() -> None:
    """Run everything and print a line each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.analyses", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="448 questions")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = make(Path(folder), "answers", (448 if options.quick else 5700) * SAMPLES)
        took: dict[str, list[tuple[float, float, float]]] = {name: [] for name in PAIRS}
        said: dict[str, tuple[object, object]] = {}
        for round_ in range(options.rounds + 1):
            for name, (ours, theirs, scale) in PAIRS.items():
                least, (mine, a), (other, b) = timed(floor, path)[0], timed(ours, path), timed(theirs, path)
                said[name] = (a, b)
                if round_:  # the first warms up
                    took[name].append((least, mine, other * scale))
        print(f"{'CPU s, median':48}{'floor':>9}{'hotmess':>9}{'peer':>9}{'peer / hotmess':>16}{'hotmess / floor':>17}")
        for name, times in took.items():
            least, mine, other = (median(column) for column in zip(*times, strict=True))
            print(f"{name:48}{least:>9.3f}{mine:>9.3f}{other:>9.3f}{other / mine:>15.1f}×{mine / least:>16.1f}×")
        for name, (a, b) in said.items():
            print(f"{name}: largest difference of the figures {float(np.abs(np.subtract(a, b)).max()):.1e}")


if __name__ == "__main__":
    main()
