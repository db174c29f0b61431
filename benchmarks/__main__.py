"""Everything in one run, interleaved, so that a noisy machine is noisy for all.

python -m benchmarks            30 million rows for the fast, 1 million for the slow: about ten minutes, 3 GB of disk
python -m benchmarks --quick    the same, 1 million rows for all
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from benchmarks.tables import make
from benchmarks.ways import WAYS

SLOW_ROWS = 1_000_000
FAST = ("hotmess", "floor")


def run(name: str, path: Path) -> dict:
    """One way, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.ways", name, str(path)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def compare(folder: Path, kind: str, rows: int, rounds: int) -> None:
    """Time every way on one kind of table and print a line each."""
    large, small = make(folder, kind, rows), make(folder, kind, min(rows, SLOW_ROWS))
    jobs = [(name, large, rows) for name in FAST] + [(name, small, min(rows, SLOW_ROWS)) for name in WAYS if name not in FAST]
    took: dict[str, list[dict]] = {name: [] for name in WAYS}
    for round_ in range(rounds):
        for name, path, _ in jobs:
            if name in FAST or round_ == 0:
                took[name].append(run(name, path))
    right = run("hotmess", small)["found"]
    apart = max(float(np.abs(np.subtract(took[n][0]["found"], right)).max()) for n, _, _ in jobs if n not in FAST)
    print(f"\n{kind}: {rows:,} rows, 30 samples a question → incoherence in 10 length buckets")
    print(f"{'':24}{'rows':>12}{'CPU s':>9}{'wall s':>9}{'peak MB':>9}{'µs CPU/row':>12}{'× hotmess':>11}")
    mine = median(t["cpu"] for t in took["hotmess"]) / rows
    for name, _, count in jobs:
        cpu, wall, peak = (median(t[key] for t in took[name]) for key in ("cpu", "wall", "peak"))
        print(f"{name:24}{count:>12,}{cpu:>9.2f}{wall:>9.2f}{peak:>9.0f}{1e6 * cpu / count:>12.3f}{cpu / count / mine:>11.2f}")
    pairs = [a["cpu"] / b["cpu"] for a, b in zip(took["hotmess"], took["floor"], strict=True)]
    print(f"hotmess / floor, pair by pair: {min(pairs):.2f} to {max(pairs):.2f}; all ways agree to {apart:.0e}")


def interval(rounds: int) -> None:
    """The closed form against resampling."""
    from scipy.stats import bootstrap

    from hotmess.infer import ratio_interval

    rng = np.random.default_rng(0)
    error = rng.random(448) * 2
    variance = error * rng.random(448)

    def ratio(v: np.ndarray, e: np.ndarray, axis: int = -1) -> np.ndarray:
        return v.sum(axis) / e.sum(axis)

    ours, theirs = [], []
    for _ in range(rounds):
        start = perf_counter()
        for _ in range(1000):
            found = ratio_interval(variance, error)
        ours.append((perf_counter() - start) / 1000)
        start = perf_counter()
        other = bootstrap((variance, error), ratio, paired=True, n_resamples=2000, method="percentile", rng=rng)
        theirs.append(perf_counter() - start)
    low, high = other.confidence_interval
    print("\ninterval of one figure, 448 questions")
    print(f"hotmess jackknife        {1e6 * median(ours):10.0f} µs   [{found.low:.4f}, {found.high:.4f}]")
    print(f"scipy.stats.bootstrap    {1e6 * median(theirs):10.0f} µs   [{low:.4f}, {high:.4f}]   (2,000 resamples)")
    print(f"ratio                    {median(theirs) / median(ours):10.0f} ×")


def startup(rounds: int) -> None:
    """What it costs to be there at all."""
    program = Path(sys.executable).with_name("hotmess")
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import numpy": [sys.executable, "-c", "import numpy"],
        "import hotmess": [sys.executable, "-c", "import hotmess"],
        "hotmess --help": [str(program), "--help"],
    }
    took: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(3 * rounds):
        for name, command in commands.items():
            start = perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            took[name].append(perf_counter() - start)
    print("\nstarting, wall s (median, with the interpreter)")
    for name, times in took.items():
        print(f"{name:24}{median(times):>8.3f}")


def main() -> None:
    """Make the tables, run everything, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1 million rows for all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dir", type=Path, help="keep the tables here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.dir or Path(temporary)
        for kind in ("answers", "probabilities"):
            compare(folder, kind, SLOW_ROWS if options.quick else 30 * SLOW_ROWS, options.rounds)
    interval(options.rounds)
    startup(options.rounds)


if __name__ == "__main__":
    main()
