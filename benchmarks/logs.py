"""Reading an Inspect log: hotmess beside inspect_ai and beside decompression alone, interleaved in one run.

python -m benchmarks.logs            makes a log of 6,000 samples first (a minute or two), then reads it in every way
python -m benchmarks.logs big.eval   reads this one
"""

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

ROUNDS = 3


def checked(path: Path) -> float:
    """hotmess.read: rows from the summaries, checked, letters as texts."""
    import hotmess

    table = hotmess.read(path).frame.collect().to_native()
    return float((table["answer"] == table["target"]).sum())


def summaries(path: Path) -> float:
    """Hotmess, rows from the summaries."""
    from hotmess.read import Reading
    from hotmess.read.log import How

    table = Reading.of([path], {}, How()).frame.collect()
    return float((table["answer"] == table["target"]).sum())


def text(path: Path) -> float:
    """Hotmess, rows from whole transcripts: characters, Wait counts, hashes."""
    from hotmess.read import Reading
    from hotmess.read.log import How

    return float(Reading.of([path], {}, How(text=True)).frame.collect()["wait_count"].sum())


def decompress(path: Path) -> float:
    """The floor: every sample decompressed, nothing read."""
    import zipfile

    import zstandard

    whole = path.read_bytes()
    total = 0
    for entry in zipfile.ZipFile(path).infolist():
        if entry.filename.startswith("samples/"):
            start = entry.header_offset + 30 + len(entry.filename)
            packed = whole[start : start + entry.compress_size]
            total += len(zstandard.ZstdDecompressor().decompress(packed, max_output_size=entry.file_size))
    return float(total)


def inspect_summaries(path: Path) -> float:
    """inspect_ai, read_eval_log_sample_summaries."""
    from inspect_ai.log import read_eval_log_sample_summaries

    return float(sum(sample.scores["choice"].value == "C" for sample in read_eval_log_sample_summaries(str(path))))


def inspect_frame(path: Path) -> float:
    """inspect_ai, samples_df with answers (SampleSummary + SampleScores)."""
    from inspect_ai.analysis import SampleScores, SampleSummary, samples_df

    return float((samples_df(str(path), columns=SampleSummary + SampleScores, quiet=True)["score_choice"] == "C").sum())


def inspect_text(path: Path) -> float:
    """inspect_ai, read_eval_log, and Wait counted in it."""
    from inspect_ai.log import read_eval_log

    return float(sum(sample.output.message.text.count("Wait") for sample in read_eval_log(str(path)).samples or ()))


WAYS: dict[str, Callable[[Path], float]] = {
    way.__name__: way for way in (checked, summaries, text, decompress, inspect_summaries, inspect_frame, inspect_text)
}


def once(name: str, path: Path, small: Path) -> None:
    """Take one way in this process, first on a small log, so that imports are not counted, and print what it took."""
    WAYS[name](small)
    start = process_time()
    found = WAYS[name](path)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu": process_time() - start, "peak": peak, "found": found}))


def take(name: str, path: Path, small: Path) -> dict[str, float]:
    """One way, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.logs", "--once", name, str(path), str(small)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def compare(path: Path, small: Path) -> None:
    """All ways on one log."""
    took: dict[str, list[dict[str, float]]] = {name: [] for name in WAYS}
    for _ in range(ROUNDS):
        for name in WAYS:
            took[name].append(take(name, path, small))
    cpu, peak = ({name: median(one[key] for one in runs) for name, runs in took.items()} for key in ("cpu", "peak"))
    print(f"\n{path.name}, {path.stat().st_size / 1e6:.0f} MB; median of {ROUNDS} interleaved rounds, imports not counted")
    for name, way in WAYS.items():
        print(f"{way.__doc__ or name:72}{cpu[name]:8.3f} CPU s{peak[name]:8.0f} MB")
    print(f"summaries: {cpu['inspect_summaries'] / cpu['summaries']:.0f} × read_eval_log_sample_summaries, ", end="")
    print(f"{cpu['inspect_frame'] / cpu['summaries']:.0f} × samples_df with answers")
    print(f"text: {cpu['inspect_text'] / cpu['text']:.0f} × read_eval_log; {cpu['text'] / cpu['decompress']:.2f} × decompression")
    print(f"memory: {peak['summaries'] / peak['inspect_summaries']:.2f} and {peak['text'] / peak['inspect_text']:.2f} of theirs")


def scaling(path: Path, folder: Path, count: int = 200) -> None:
    """Many logs, in one process and in two."""
    import hotmess

    many = folder / "many"
    many.mkdir()
    whole = path.read_bytes()
    for number in range(count):  # the comment of the archive makes each another file
        (many / f"{number:03d}.eval").write_bytes(whole[:-2] + b"\x03\x00" + f"{number:03d}".encode())
    hotmess.read(many / "000.eval", text=True)
    walls = {}
    for processes in (1, 2):
        start = perf_counter()
        hotmess.read(many, text=True, processes=processes)
        walls[processes] = perf_counter() - start
    size = path.stat().st_size * count / 1e6
    print(f"\n{count} logs, {size:.0f} MB, whole transcripts: {walls[1]:.1f} s in one process, {walls[2]:.1f} s in two", end="")
    print(f" ({walls[1] / walls[2]:.2f} ×)")


def make(path: Path, *counts: int) -> None:
    """Write a log, in a process of its own: the memory of this one is the least that its children seem to have."""
    subprocess.run([sys.executable, "-m", "benchmarks.inspect_log", str(path), *map(str, counts)], check=True)


def main() -> None:
    """Make the logs, and read them in every way."""
    with tempfile.TemporaryDirectory() as folder:
        large, small = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "large.eval", Path(folder) / "small.eval"
        if not large.exists():
            make(large)
        make(small, 20, 15)
        compare(large, small)
        scaling(small, Path(folder))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--once"]:
        once(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        main()
