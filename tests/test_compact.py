"""Small parts put together: the same figures, whatever happens to logs, runs and files before, meanwhile and afterwards."""

import json
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import worlds

import hotmess
from hotmess.engines import engine_of
from hotmess.errors import UnreadableFile
from hotmess.read import Reading
from hotmess.read.log import How
from hotmess.read.places import Place
from hotmess.read.store import KEYS, Store
from hotmess.store import Found, clean, compact, ingest, verify

GOLDEN = Path(__file__).parent / "golden"
making = sys.modules["hotmess.store.compact"]


def log(folder, number, questions=8, **more):
    """A small table: draws of its own for the questions that all logs have."""
    folder.mkdir(parents=True, exist_ok=True)
    table = worlds.lengths(number, questions=questions, samples=4)
    table = table.with_columns(pl.col("sample_id") + 4 * number, target=pl.lit("A"), model=pl.lit(f"m{number % 2}"), **more)
    table.write_parquet(folder / f"log{number}.parquet")
    return str(folder)


@pytest.fixture
def source(tmp_path):
    for number in range(6):
        log(tmp_path / "logs", number)
    return str(tmp_path / "logs")


@pytest.fixture
def store(source, tmp_path):
    ingest([source], str(tmp_path / "store"))
    return Store.open(str(tmp_path / "store"))


def figures(place):
    return hotmess.measure(hotmess.read(place), deterministic=True).table()


def rows(place):
    """Every row, in an order of its own."""
    frame = hotmess.read(place).frame.collect("polars").to_native()
    return frame.select(sorted(frame.columns)).sort([name for name in KEYS if name in frame.columns])


def compacted(store):
    made = compact(store)
    return made.before, made.after


def files(store):
    """How many parts are read."""
    parts = [part for record in store.records()[0] for part in record.samples]
    covered = store.covered(parts)
    own = {part.path for cover in covered.values() for part in cover.parts}
    return len(own) + sum(part.path not in covered for part in parts)


def test_figures_and_rows_stay_and_parts_become_few(store, source):
    before = rows(store.place.root)
    assert compacted(store) == (6, 2)
    assert files(store) == 2
    assert rows(store.place.root).equals(before)
    assert figures(store.place.root).equals(figures(source))
    assert "_part" not in before.columns


def test_twice_does_nothing_and_one_part_alone_stays(store, tmp_path):
    compact(store)
    assert compacted(store) == (0, 0)
    ingest([log(tmp_path / "more", 0, task=pl.lit("other"))], store.place.root)
    assert compacted(store) == (0, 0)


def test_what_came_since_is_put_together_with_what_was_small(store, source, tmp_path):
    compact(store)
    for number in (6, 7, 8):
        log(tmp_path / "logs", number)
    ingest([source], store.place.root)
    assert compacted(store) == (5, 2)  # two covers, and three logs
    assert clean(store, older=0)
    assert files(store) == len(list(Path(store.place.path("samples")).rglob("*.parquet"))) == 2
    assert figures(store.place.root).equals(figures(source))


def test_large_parts_stay_and_memory_is_bounded(store, source, monkeypatch):
    monkeypatch.setattr(making, "_SMALL", 33)
    monkeypatch.setattr(making, "_ROWS", 64)  # two logs
    assert compacted(store) == (4, 2)
    assert compacted(store) == (0, 0)
    assert figures(store.place.root).equals(figures(source))
    monkeypatch.setattr(making, "_SMALL", 32)
    assert compacted(store) == (0, 0)


def test_parts_of_other_columns_are_not_put_together(store, source, tmp_path):
    """A log that is taken out takes its columns with it, and the types of others stay."""
    log(tmp_path / "logs", 6, status=pl.lit("ok"), answer=pl.lit("x"))
    ingest([source], store.place.root)
    assert compacted(store) == (6, 2)
    assert hotmess.read(store.place.root).has("status")
    record = next(one for one in store.records()[0] if one.sources[0].endswith("log6.parquet"))
    store.place.remove(f"logs/{record.key}.json")
    assert not hotmess.read(store.place.root).has("status")


def test_a_log_that_grew_takes_its_old_rows_out(store, source, tmp_path):
    compact(store)
    log(tmp_path / "logs", 0, questions=12)
    ingest([source], store.place.root)
    assert figures(store.place.root).equals(figures(source))
    assert compacted(store) == (2, 1)
    assert figures(store.place.root).equals(figures(source))
    clean(store, older=0)
    assert figures(store.place.root).equals(figures(source))
    assert verify(store).whole
    log(tmp_path / "logs", 0)  # as it was
    ingest([source], store.place.root)
    assert figures(store.place.root).equals(figures(source))


def test_a_log_that_is_taken_out_is_out_and_a_moved_one_stays(store, source, tmp_path):
    compact(store)
    clean(store, older=0)
    record = next(one for one in store.records()[0] if one.sources[0].endswith("log3.parquet"))
    store.place.remove(f"logs/{record.key}.json")
    (tmp_path / "logs" / "log3.parquet").unlink()
    assert figures(store.place.root).equals(figures(source))
    shutil.move(tmp_path / "logs" / "log2.parquet", tmp_path / "logs" / "moved.parquet")
    assert {one.became for one in ingest([source], store.place.root)} == {"there"}
    assert figures(store.place.root).equals(figures(source))


def test_a_cover_of_which_nothing_counts_is_removed(store, source, tmp_path):
    compact(store)
    for number in range(6):
        log(tmp_path / "logs", number, questions=9)
    ingest([source], store.place.root)
    old = {name for name in store.place.names() if "compact" in name}
    assert len(old) == 4
    assert set(clean(store, older=0)) == old
    assert figures(store.place.root).equals(figures(source))


def test_ids_that_were_made_up_stay_apart(tmp_path):
    table = worlds.lengths(0, questions=10, samples=12)
    (tmp_path / "logs").mkdir()
    for number in range(4):
        part = table.filter(pl.col("sample_id") % 4 == number).drop("sample_id")
        part.write_parquet(tmp_path / "logs" / f"log{number}.parquet")
    ingest([str(tmp_path / "logs")], str(tmp_path / "store"))
    before = rows(tmp_path / "store")
    assert compacted(Store.open(str(tmp_path / "store"))) == (4, 1)
    assert rows(tmp_path / "store").equals(before)
    assert before["sample_id"].n_unique() == 120


def test_responses_that_several_logs_hold_count_once(tmp_path):
    (tmp_path / "logs").mkdir()
    for name in ("mcq_zstd.eval", "mcq_deflate.eval"):
        shutil.copy(GOLDEN / "inspect" / "logs" / name, tmp_path / "logs" / name)
    ingest([str(tmp_path / "logs")], str(tmp_path / "store"))
    store, before = Store.open(str(tmp_path / "store")), rows(tmp_path / "store")
    assert compacted(store) == (2, 1)
    assert rows(tmp_path / "store").equals(before)
    assert before.height == 16
    assert any(notice.code == "copies" for notice in hotmess.read(tmp_path / "store").notices)
    clean(store, older=0)
    assert rows(tmp_path / "store").equals(before)


def test_what_was_said_is_found_after_it(tmp_path):
    table = pl.DataFrame({"question_id": ["a", "b"] * 2, "sample_id": [0, 0, 1, 1], "target": "A", "n_choices": 4})
    for number in range(2):
        said = pl.format("log {} ANSWER: A", pl.lit(number))
        (tmp_path / "logs").mkdir(exist_ok=True)
        rows_ = table.with_columns(pl.col("sample_id") + 2 * number, completion=said)
        rows_.write_parquet(tmp_path / "logs" / f"{number}.parquet")
    ingest([str(tmp_path / "logs")], str(tmp_path / "store"))
    store = Store.open(str(tmp_path / "store"))
    assert compacted(store) == (2, 1)
    clean(store, older=0)
    told = Reading.of([str(tmp_path / "store")], {}, How()).transcripts(["a"]).sort("sample_id")
    assert told["completion"].to_list() == [f"log {number} ANSWER: A" for number in (0, 0, 1, 1)]


_KILLED = """
import os, signal, sys
from hotmess.read.places import Place
from hotmess.read.places import Place
from hotmess.read.store import KEYS, Store
from hotmess.store import compact

plain = Place.write

def write(place, name, data):
    if name.startswith("compacted/"):
        os.kill(os.getpid(), signal.SIGKILL)
    plain(place, name, data)

Place.write = write
compact(Store.open(sys.argv[1]))
"""


def test_a_run_that_is_killed_before_its_cover_changes_nothing(store, source):
    ran = subprocess.run([sys.executable, "-c", _KILLED, store.place.root], check=False, timeout=60)
    assert ran.returncode == -signal.SIGKILL
    left = tuple(name for name in store.place.names("samples") if "/compact-" in name)
    assert len(left) == 1
    assert verify(store).orphans == left
    assert figures(store.place.root).equals(figures(source))
    assert clean(store) == ()  # young
    assert compacted(store) == (6, 2)
    assert verify(store).whole
    assert figures(store.place.root).equals(figures(source))


def test_what_was_being_written_when_a_run_was_killed_is_nobodys(store, source):
    compact(store)
    left = ("compacted/.a.json.1.part", "logs/.b.json.1.part")
    for name in left:
        Path(store.place.path(name)).write_bytes(b'{"name": ')
    assert figures(store.place.root).equals(figures(source))
    assert verify(store).whole
    assert set(left) <= set(clean(store, older=0))
    assert verify(store) == Found((), (), ())


def meanwhile(monkeypatch, happens):
    """Let something happen while a compaction writes its first part."""
    plain, calls = making.write_parts, []

    def write_parts(*args, **more):
        calls.append(args)
        if len(calls) == 1:
            happens()
        return plain(*args, **more)

    monkeypatch.setattr(making, "write_parts", write_parts)


@pytest.mark.parametrize("cleaned", [False, True])
def test_two_at_once(store, source, monkeypatch, tmp_path, cleaned):
    """The other has seen a log more and a log less, and what it replaced is already gone."""

    def other():
        log(tmp_path / "logs", 6)
        log(tmp_path / "logs", 0, questions=9)
        ingest([source], store.place.root)
        assert compacted(store) == (7, 2)
        if cleaned:
            clean(store, older=0)

    meanwhile(monkeypatch, other)
    compact(store)
    assert len(store.place.names("compacted")) in (3, 4)
    for _ in range(2):
        assert figures(store.place.root).equals(figures(source))
        assert verify(store).whole
        clean(store, older=0)
        compact(store)


def test_the_same_twice_at_once(store, source):
    command = [sys.executable, "-c", "from hotmess.cli import main; main()", "store", store.place.root, "--compact"]
    runs = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [run.communicate(timeout=60)[1] for run in runs]
    assert all("small parts became" in words for words in said), said
    assert verify(store).whole
    assert files(store) == 2
    assert figures(store.place.root).equals(figures(source))


def test_somebody_cleans_up_what_is_being_made(store, source, monkeypatch):
    plain = Store.has
    monkeypatch.setattr(Store, "has", lambda self, parts: clean(self, older=0) is None or plain(self, parts))
    assert compacted(store) == (0, 0)
    assert store.place.names("compacted") == []
    assert figures(store.place.root).equals(figures(source))


def test_logs_that_come_while_it_runs_are_there(store, source, monkeypatch, tmp_path):
    def more():
        log(tmp_path / "logs", 7)
        log(tmp_path / "logs", 1, questions=11)
        ingest([source], store.place.root)

    meanwhile(monkeypatch, more)
    compact(store)
    assert figures(store.place.root).equals(figures(source))
    assert verify(store).whole


def test_what_was_replaced_stays_for_an_hour_and_nothing_is_lost_without_it(store, source, monkeypatch):
    compact(store)
    parts = [part.path for record in store.records()[0] for part in record.samples]
    assert verify(store).orphans == tuple(sorted(parts))
    assert clean(store) == ()
    monkeypatch.setattr(Place, "age", lambda _, name: 0 if name.startswith("compacted") else 3601)
    assert clean(store) == ()  # they are old, but what replaces them is not: somebody may read them
    monkeypatch.setattr(Place, "age", lambda _, name: 3601 if name else 0)
    assert clean(store) == tuple(sorted(parts))
    assert figures(store.place.root).equals(figures(source))
    assert verify(store) == Found((), (), ())
    assert {one.became for one in ingest([source], store.place.root)} == {"there"}
    assert clean(store) == ()


def test_a_damaged_cover_is_found_and_its_logs_come_back(store, source):
    before = figures(source)
    compact(store)
    first, second = (Path(store.place.path(name)) for name in store.place.names("samples") if "/compact-" in name)
    data = first.read_bytes()
    first.write_bytes(data[: len(data) // 2])
    assert verify(store).damaged == (first.relative_to(store.place.root).as_posix(),)
    assert figures(store.place.root).equals(before)  # what it replaces is still there
    first.write_bytes(data)
    clean(store, older=0)
    second.unlink()
    found = verify(store)
    assert len(found.missing) == 3
    assert found.damaged == (second.relative_to(store.place.root).as_posix(),)
    with pytest.raises(UnreadableFile, match=r"3 of 6 parts .* missing"):
        hotmess.read(store.place.root)
    assert sorted(one.became for one in ingest([source], store.place.root)) == ["grown"] * 3 + ["there"] * 3
    assert figures(store.place.root).equals(before)
    clean(store, older=0)
    assert verify(store) == Found((), (), ())


def test_a_cover_that_holds_other_rows_than_it_says_is_damaged_and_never_cleaned_for(store):
    compact(store)
    name = store.place.names("compacted")[0]
    cover = json.loads(store.place.read(name))
    cover["replaces"][0]["rows"] += 1
    store.place.write(name, json.dumps(cover).encode())
    (kept,) = (part for part in store.place.names("samples") if part.endswith(cover["replaces"][0]["path"]))
    assert kept not in clean(store, older=0)
    store.place.write(name, b"{")
    assert name in verify(store).damaged


def test_a_part_of_another_version_is_not_taken_from_a_cover(store, source):
    """Under the same name, written by another version of hotmess."""
    compact(store)
    record = store.records()[0][0]
    (part,) = record.samples
    table = pl.read_parquet(store.place.path(part.path))
    table.write_parquet(store.place.path(part.path), compression="uncompressed")
    size = store.place.size(part.path)
    assert size != part.size
    store.place.write(
        f"logs/{record.key}.json", record.to_json().replace(f'"size": {part.size}'.encode(), f'"size": {size}'.encode())
    )
    assert part.path not in store.covered([one for each in store.records()[0] for one in each.samples])
    assert figures(store.place.root).equals(figures(source))


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_figures_are_those_of_a_fresh_store(tmp_path, seed):
    draw, place, sizes = random.Random(seed), tmp_path / "store", {}
    logs = tmp_path / "logs"
    for number in range(3):
        sizes[number] = 4
        log(logs, number, questions=4)
    ingest([str(logs)], str(place))
    store, steps = Store.open(str(place)), []
    for _ in range(8):
        step = draw.choice(["new", "grow", "shrink", "compact", "compact", "clean", "again"])
        steps.append(step)
        if step == "new":
            sizes[len(sizes)] = 4
            log(logs, len(sizes) - 1, questions=4)
        elif step in ("grow", "shrink"):
            number = draw.choice(list(sizes))
            sizes[number] = max(2, sizes[number] + (1 if step == "grow" else -1))
            log(logs, number, questions=sizes[number])
        if step == "compact":
            compact(store)
            assert compacted(store) == (0, 0), steps
        elif step == "clean":
            clean(store, older=0)
        else:
            ingest([str(logs)], str(place))
        assert rows(place).equals(rows(logs)), steps
    assert verify(store).whole
    ingest([str(logs)], str(tmp_path / "fresh"))
    assert figures(place).equals(figures(tmp_path / "fresh"))


def test_at_an_address(source, tmp_path):
    address = f"memory://{tmp_path.name}/store"
    ingest([source], address)
    store = Store.open(address)
    assert compacted(store) == (6, 2)
    assert len(clean(store, older=0)) == 6
    assert figures(address).equals(figures(source))
    assert verify(store).whole
    assert {one.became for one in ingest([source], address)} == {"there"}


def test_another_engine_reads_covers(store, source, tmp_path):
    pytest.importorskip("duckdb")
    compact(store)
    log(tmp_path / "logs", 0, questions=9)
    ingest([source], store.place.root)
    there = hotmess.read(store.place.root, engine=engine_of("duckdb"))
    assert hotmess.measure(there).table().equals(hotmess.measure(hotmess.read(source)).table())


def test_the_command(run, store):
    code, _, err = run("store", store.place.root, "--compact")
    assert code == 0
    assert err.splitlines()[0] == "6 small parts became 2"
    code, _, err = run("store", store.place.root, "--compact", "--verify")
    assert code == 0
    assert err.splitlines()[0] == "0 small parts became 0"
    assert "0 parts missing, 0 damaged, 6 that nobody reads" in err
