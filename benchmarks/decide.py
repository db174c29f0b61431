"""Comparing two runs, against what notebooks do for it, and against the least that could be done, interleaved in one run.

python -m benchmarks.decide            448 questions × 30 samples, as GPQA in the paper
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np
import polars as pl
from scipy.stats import bootstrap, permutation_test

import hotmess
from benchmarks.tables import SAMPLES, make

QUESTIONS = 448
DEALS = 999
FEW = 8  # questions of the way that tests one at a time; its time is scaled up
ROUNDS = 5


def arrays(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Predictions (question, sample, option) and targets."""
    table = pl.read_parquet(path).sort("question_id", "sample_id")
    f = np.eye(4)[table["answer"].replace_strict(dict(zip("ABCD", range(4), strict=True))).to_numpy()].reshape(-1, SAMPLES, 4)
    y = np.eye(4)[table["target"].replace_strict(dict(zip("ABCD", range(4), strict=True))).to_numpy()].reshape(-1, SAMPLES, 4)
    return f, y[:, 0]


def variance(f: np.ndarray) -> np.ndarray:
    """Unbiased variance of each question."""
    return ((f - f.mean(1, keepdims=True)) ** 2).sum(2).mean(1) * f.shape[1] / (f.shape[1] - 1)


def floor(old: Path, new: Path) -> None:
    """Look at every value of the columns that are needed, once."""
    for path in (old, new):
        pl.scan_parquet(path).select(pl.col("question_id", "answer", "target").max()).collect()


def ours(old: Path, new: Path) -> float:
    """Four differences with intervals and p-values."""
    return float(hotmess.compare(hotmess.read(old), hotmess.read(new), draws=0).points["difference"][3])


def resampled(old: Path, new: Path) -> float:
    """The same difference of incoherence with scipy's paired bootstrap over questions (percentile, 2,000 draws)."""
    terms = []
    for path in (old, new):
        f, y = arrays(path)
        terms += [variance(f), ((f - y[:, None]) ** 2).sum(2).mean(1)]

    def apart(v_old, e_old, v_new, e_new, axis=-1):
        return v_new.sum(axis) / e_new.sum(axis) - v_old.sum(axis) / e_old.sum(axis)

    bootstrap(terms, apart, paired=True, vectorized=True, n_resamples=2000, method="percentile", rng=0)
    return float(apart(*terms))


def turned(old: Path, new: Path) -> None:
    """Every question tested: two figures each, by dealing its samples anew."""
    hotmess.compare(hotmess.read(old), hotmess.read(new), draws=DEALS)


def one_at_a_time(old: Path, new: Path) -> None:
    """The same test of the variance alone with scipy's permutation_test, for a few questions."""
    (f, _), (g, _) = arrays(old), arrays(new)

    def change(a, b, axis=-1):
        return np.abs(_spread(b, axis) - _spread(a, axis))

    for one, two in zip(f[:FEW].argmax(2), g[:FEW].argmax(2), strict=True):
        permutation_test((one, two), change, vectorized=True, n_resamples=DEALS, alternative="greater", rng=0)


def _spread(votes: np.ndarray, axis: int) -> np.ndarray:
    """The probability that two different samples disagree."""
    k = votes.shape[axis]
    counts = np.stack([(votes == option).sum(axis) for option in range(4)])
    return 1 - (counts * (counts - 1)).sum(0) / (k * (k - 1))


def timed(way: Callable[[Path, Path], object], old: Path, new: Path) -> float:
    """CPU seconds."""
    start = process_time()
    way(old, new)
    return process_time() - start


def main() -> None:
    """Print a line for each."""
    with tempfile.TemporaryDirectory() as folder:
        old = make(Path(folder), "one-hot", QUESTIONS * SAMPLES)
        new = Path(folder) / "new.parquet"
        some = pl.int_range(pl.len()).shuffle(0) % 5 == 0  # a run that answers A a fifth of the time
        pl.read_parquet(old).with_columns(pl.when(some).then(pl.lit("A")).otherwise("answer").alias("answer")).write_parquet(new)
        ways = {"floor": floor, "ours": ours, "resampled": resampled, "turned": turned, "one at a time": one_at_a_time}
        took: dict[str, list[float]] = {name: [] for name in ways}
        timed(ours, old, new)
        for _ in range(ROUNDS):
            for name, way in ways.items():
                took[name].append(timed(way, old, new))
    many = QUESTIONS / FEW
    print(f"{QUESTIONS} questions × {SAMPLES} samples, twice; CPU s, medians of {ROUNDS} interleaved rounds")
    for name, scale in (("floor", 1.0), ("ours", 1.0), ("resampled", 1.0), ("turned", 1.0), ("one at a time", many)):
        print(f"{name:14} {median(took[name]) * scale:8.3f}")
    pairs = (("resampled", "ours", 1.0), ("ours", "floor", 1.0), ("one at a time", "turned", many))
    for slow, fast, scale in pairs:
        ratios = sorted(scale * a / b for a, b in zip(took[slow], took[fast], strict=True))
        print(f"{slow} / {fast}: {median(ratios):.1f} ({ratios[0]:.1f}-{ratios[-1]:.1f})")


if __name__ == "__main__":
    main()
