"""One way each of getting pooled incoherence in ten length buckets; run as ``python -m benchmarks.ways NAME FILE``.

Every way but the floors computes the unbiased Brier figures, so that their results can be compared.
"""

import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np

BUCKETS = 10
COLUMNS = {"answers": ["answer"], "probabilities": [f"prob_{name}" for name in "ABCD"]}


def kind_of(path: Path) -> str:
    """Which table it is."""
    return path.name.partition("-")[0]


def pooled(length: np.ndarray, variance: np.ndarray, error: np.ndarray) -> list[float]:
    """Ratio of sums in each bucket of questions by mean length."""
    parts = np.array_split(np.argsort(length, kind="stable"), BUCKETS)
    return [float(variance[part].sum() / error[part].sum()) for part in parts]


def hotmess_way(path: Path) -> list[float]:
    """What a user calls: checks, intervals and all."""
    import hotmess

    return [row.incoherence.value for row in hotmess.measure(hotmess.read(path), by=[f"length:{BUCKETS}"]).rows]


def floor(path: Path) -> None:
    """Look at every value of the columns that are needed, once."""
    import polars as pl

    used = ["question_id", "sample_id", "target", "output_tokens", *COLUMNS[kind_of(path)]]
    pl.scan_parquet(path).select(pl.col(used).max()).collect(engine="streaming")


def pandas_groupby(path: Path) -> list[float]:
    """The idiom that analysis notebooks have: group by question, apply a function."""
    import pandas as pd

    table = pd.read_parquet(path)
    columns = COLUMNS[kind_of(path)]

    def terms(group: pd.DataFrame) -> pd.Series:
        f = group[columns].to_numpy(float) if len(columns) > 1 else np.eye(4)[group["answer"].map("ABCD".index)]
        mean, y = f.mean(0), np.eye(4)["ABCD".index(group["target"].iloc[0])]
        variance = ((f - mean) ** 2).sum(1).mean() * len(f) / (len(f) - 1)
        return pd.Series([group["output_tokens"].mean(), variance, ((f - y) ** 2).sum(1).mean()])

    found = table.groupby("question_id").apply(terms, include_groups=False).to_numpy()
    return pooled(*found.T)


def questions(path: Path) -> list[tuple[list[int], np.ndarray, int]]:
    """Lengths, predictions and target of each question, as Python has them."""
    import polars as pl

    kind, names = kind_of(path), COLUMNS[kind_of(path)]
    groups = pl.read_parquet(path).group_by("question_id", maintain_order=True).agg("output_tokens", "target", *names)
    found = []
    for row in groups.iter_rows(named=True):
        said = [row[name] for name in names]
        f = np.eye(4)[["ABCD".index(a) for a in said[0]]] if kind == "answers" else np.array(said).T
        found.append((row["output_tokens"], f, "ABCD".index(row["target"][0])))
    return found


def python_loop(path: Path) -> list[float]:
    """Plain Python over questions, samples and options."""
    terms = []
    for lengths, f, target in questions(path):
        k, rows = len(f), f.tolist()
        mean = [sum(row[c] for row in rows) / k for c in range(4)]
        variance = sum((row[c] - mean[c]) ** 2 for row in rows for c in range(4)) / (k - 1)
        error = sum((row[c] - (c == target)) ** 2 for row in rows for c in range(4)) / k
        terms.append((sum(lengths) / k, variance, error))
    return pooled(*np.array(terms).T)


def mlxtend_style(path: Path) -> list[float]:
    """A loop over questions with numpy inside, as `mlxtend.evaluate.bias_variance_decomp` loops over test points."""
    terms = []
    for lengths, f, target in questions(path):
        mean, y = np.mean(f, axis=0), np.eye(4)[target]
        variance = np.mean(np.sum((f - mean) ** 2, axis=1)) * len(f) / (len(f) - 1)
        terms.append((np.mean(lengths), variance, np.mean(np.sum((f - y) ** 2, axis=1))))
    return pooled(*np.array(terms).T)


WAYS: dict[str, Callable[[Path], list[float] | None]] = {
    "hotmess": hotmess_way,
    "floor": floor,
    "pandas groupby-apply": pandas_groupby,
    "python loop": python_loop,
    "mlxtend style": mlxtend_style,
}


def cpu() -> float:
    """CPU seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(name: str, path: Path) -> None:
    """Run one way in this process and print what it took; importing libraries is not counted."""
    import polars as pl

    if name == "hotmess":
        import hotmess

        hotmess.measure(pl.DataFrame({"question_id": [1, 1], "answer": ["A", "B"], "target": ["A", "A"]}))
    elif name.startswith("pandas"):
        import pandas as pd  # noqa: F401
    pl.select(pl.lit(1)).lazy().collect(engine="streaming")
    before, start = cpu(), perf_counter()
    found = WAYS[name](path)
    took = {"cpu": cpu() - before, "wall": perf_counter() - start}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**took, "peak": peak, "found": found}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
