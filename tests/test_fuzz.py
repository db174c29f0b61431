"""Hostile logs: whatever is in a file, a reader gives rows or says what is wrong. FUZZ=15000 is a long run, of each format.

Golden logs are changed at random, in their bytes and in their values, and read; what comes back is measured.
"""

import json
import os
import random
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

import hotmess
from hotmess.overview import overview

GOLDEN = Path(__file__).parent / "golden"
COUNT = int(os.environ.get("FUZZ", "30"))
SEEDS = {
    "inspect": ["inspect/logs/mcq_zstd.eval", "inspect/logs/swe_new.eval", "inspect/logs/chunked.eval", "inspect/logs/mcq.json"],
    "lm_eval": ["lm_eval/runs/gen", "lm_eval/runs/mcq", "lm_eval/runs/letter"],
    "swe_bench": ["swe_bench/logs/run_evaluation/run-1", "swe_bench/traj/run-1"],
    "tau": ["tau/tau_bench", "tau/tau2/dir_layout"],
    "promptfoo": ["promptfoo/out.json", "promptfoo/out.jsonl"],
    "helm": ["helm/joint", "helm/generation", "helm/separate"],
    "every_eval_ever": ["every_eval_ever/data"],
}
VALUES = [
    *(None, True, 0, -1, 2**70, 1.5, 1e308, float("nan"), float("inf"), "", "A", "x" * 5000, "\ud800", "\x1b[2J", "../../x"),
    *([], {}, [[]], [None], {"": {}}, [{"a": [1, "b"]}], "C", {"value": {"a": "C"}}, "2026-01-01", "\u202ereversed"),
]


def files(path):
    """The files of a seed, by their place in it."""
    source = GOLDEN / path
    inside = sorted(p for p in source.rglob("*") if p.is_file()) if source.is_dir() else [source]
    return {str(p.relative_to(source.parent)): p.read_bytes() for p in inside if p.name not in {"expected.json"}}


def places(value, path=()):
    """Every place in a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def changed_value(rng, data):
    """One value of a JSON text replaced or removed."""
    value = json.loads(data)
    path = rng.choice(list(places(value))[1:] or [()])
    if not path:
        return json.dumps(rng.choice(VALUES)).encode()
    holder = value
    for key in path[:-1]:
        holder = holder[key]
    if rng.random() < 0.25:
        del holder[path[-1]]
    else:
        holder[path[-1]] = rng.choice(VALUES)
    return json.dumps(value).encode()


def changed_bytes(rng, data):
    """Bytes flipped, cut, doubled or put in."""
    data = bytearray(data)
    place = rng.randrange(len(data) + 1)
    kind = rng.randrange(4)
    if kind == 0:
        return bytes(data[:place])
    if kind == 1:
        for _ in range(rng.randint(1, 5)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        return bytes(data)
    piece = bytes(rng.randrange(256) for _ in range(rng.randint(1, 20))) if kind == 2 else bytes(data[place : place + 200])
    return bytes(data[:place]) + piece + bytes(data[place:])


def changed_archive(rng, data, path):
    """One entry of a zip archive changed, and all written again."""
    from hotmess.read.archive import Archive

    path.write_bytes(data)
    with path.open("rb") as stream:
        old = Archive(stream, "seed")
        entries = {name: old.read(name) for name in old.names}
    victim = rng.choice(list(entries))
    entries[victim] = mutated(rng, victim, entries[victim], path)
    with zipfile.ZipFile(path, "w", rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as made:
        for name, content in entries.items():
            made.writestr(name, content)
    return path.read_bytes()


def mutated(rng, name, data, scratch):
    """A file changed in its values where it has some, else in its bytes."""
    if rng.random() < 0.3 or not data:
        return changed_bytes(rng, data) if data else bytes(rng.randrange(256) for _ in range(50))
    if name.endswith(".eval"):
        return changed_archive(rng, data, scratch)
    if name.endswith(".jsonl"):
        lines = data.splitlines()
        place = rng.randrange(len(lines))
        lines[place] = changed_value(rng, lines[place])
        return b"\n".join(lines)
    try:
        return changed_value(rng, data)
    except ValueError:
        return changed_bytes(rng, data)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SEEDS)
def test_no_log_can_crash_a_reader(tmp_path, name):
    rng = random.Random(f"{name} {COUNT}")
    seeds = [files(path) for path in SEEDS[name]]
    refused = 0
    for number in range(COUNT):
        content = dict(rng.choice(seeds))
        victim = rng.choice([path for path in content if path.rpartition(".")[2] in {"eval", "json", "jsonl"}])
        content[victim] = mutated(rng, victim, content[victim], tmp_path / "scratch")
        folder = tmp_path / str(number)
        for path, data in content.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        try:
            refused += not read_and_measured(folder, text=rng.random() < 0.5)
        except Exception as bug:
            raise AssertionError(f"{name} {number}: {victim} crashed a reader; kept in {folder}") from bug
        for path in content:
            (folder / path).unlink()
    assert refused < COUNT  # many changes leave a log that can be read


def read_and_measured(folder, *, text):
    """Whether a folder can be read; what can be read is also measured, or refused."""
    try:
        samples = hotmess.read(folder, text=text)
    except hotmess.HotmessError:
        return False
    with suppress(hotmess.HotmessError):
        str(hotmess.measure(samples))
    with suppress(hotmess.HotmessError):
        overview(samples)
    return True
