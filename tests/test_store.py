"""Stores: every log once, whole or not at all, and the same figures as from the logs."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import worlds

import hotmess
from hotmess import tally
from hotmess.errors import CannotWrite, DuplicateSamples, EmptyTable, NotATable, OtherVersion, UnreadableFile, UsageError
from hotmess.read import Reading
from hotmess.read.files import STORE
from hotmess.read.log import How
from hotmess.read.store import Record, Store, is_store
from hotmess.store import clean, ingest, verify

GOLDEN = Path(__file__).parent / "golden"


def logs(folder, count=3, questions=20, **more):
    """Small tables, each of one model."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        table = worlds.lengths(number, questions=questions, samples=6).with_columns(model=pl.lit(f"m{number}"), **more)
        table.write_parquet(folder / f"log{number}.parquet")
    return str(folder)


def figures(source):
    return hotmess.measure(hotmess.read(source)).table()


def became(found):
    return sorted(one.became for one in found)


def test_a_store_gives_the_figures_of_its_logs(tmp_path):
    source = logs(tmp_path / "logs")
    found = ingest([source], str(tmp_path / "store"))
    assert became(found) == ["new"] * 3
    assert figures(tmp_path / "store").equals(figures(source))


@pytest.mark.parametrize(
    "name", ["inspect/logs/mcq_zstd.eval", "tau/tau_bench", "swe_bench", "helm/joint", "every_eval_ever/data"]
)
def test_logs_of_real_tools_come_out_as_they_went_in(tmp_path, name):
    source = str(GOLDEN / name)
    ingest([source], str(tmp_path / "store"))
    direct, kept = hotmess.read(source), hotmess.read(tmp_path / "store")
    assert kept.kind == direct.kind
    assert hotmess.measure(kept, deterministic=True).table().equals(hotmess.measure(direct, deterministic=True).table())


def test_the_same_log_twice_adds_nothing(tmp_path):
    source = logs(tmp_path / "logs")
    ingest([source], str(tmp_path / "store"))
    parts = list((tmp_path / "store" / "samples").rglob("*.parquet"))
    before = {path: path.stat().st_mtime_ns for path in parts}
    shutil.copy(tmp_path / "logs" / "log0.parquet", tmp_path / "logs" / "copy.parquet")
    assert became(ingest([source], str(tmp_path / "store"))) == ["there"] * 4
    assert {path: path.stat().st_mtime_ns for path in parts} == before
    assert sorted((tmp_path / "store" / "samples").rglob("*.parquet")) == sorted(parts)
    assert figures(tmp_path / "store")["samples"].to_list() == [120] * 3


def test_a_log_that_grew_replaces_what_it_was(tmp_path):
    source = logs(tmp_path / "logs", count=2)
    ingest([source], str(tmp_path / "store"))
    logs(tmp_path / "logs", count=1, questions=30)
    assert became(ingest([source], str(tmp_path / "store"))) == ["grown", "there"]
    assert figures(tmp_path / "store")["questions"].to_list() == [30, 20]
    assert verify(Store.open(str(tmp_path / "store"))).whole
    assert not verify(Store.open(str(tmp_path / "store"))).orphans


def test_a_log_that_became_unreadable_replaces_nothing(tmp_path):
    source = logs(tmp_path / "logs", count=2)
    ingest([source], str(tmp_path / "store"))
    (tmp_path / "logs" / "log0.parquet").write_bytes(b"PAR1 cut short")
    found = ingest([source], str(tmp_path / "store"))
    assert became(found) == ["failed", "there"]
    assert "log0.parquet" in found[0].record.failed
    assert figures(tmp_path / "store").height == 2
    assert any(notice.code == "skipped" for notice in hotmess.read(tmp_path / "store").notices)


def test_other_files_among_logs_are_left_aside_and_named_ones_are_refused(tmp_path):
    source = logs(tmp_path / "logs", count=1)
    (tmp_path / "logs" / "notes.csv").write_text("a,b\n1,2\n")
    (tmp_path / "logs" / "readme.bin").write_bytes(b"\0\1\2")
    assert became(ingest([source], str(tmp_path / "store"))) == ["aside", "new"]
    with pytest.raises(NotATable, match=r"readme\.bin"):
        ingest([str(tmp_path / "logs" / "readme.bin")], str(tmp_path / "store"))


def test_parts_without_a_record_are_not_read_and_can_be_removed(tmp_path):
    source = logs(tmp_path / "logs")
    ingest([source], str(tmp_path / "store"))
    store = Store.open(str(tmp_path / "store"))
    record = store.records()[0][0]
    store.place.remove(f"logs/{record.key}.json")  # as if killed before the record was written
    assert figures(tmp_path / "store").height == 2
    assert verify(store).orphans == tuple(sorted(part.path for part in record.samples))
    assert clean(store) == ()  # they are young: a run that goes on may still name them
    assert clean(store, older=0) == tuple(sorted(part.path for part in record.samples))
    assert verify(store).orphans == ()
    assert became(ingest([source], str(tmp_path / "store"))) == ["new", "there", "there"]
    assert figures(tmp_path / "store").equals(figures(source))


def test_missing_and_damaged_parts_are_found(tmp_path):
    source = logs(tmp_path / "logs")
    ingest([source], str(tmp_path / "store"))
    store = Store.open(str(tmp_path / "store"))
    first, second = (record.samples[0].path for record in store.records()[0][:2])
    (tmp_path / "store" / first).unlink()
    data = (tmp_path / "store" / second).read_bytes()
    (tmp_path / "store" / second).write_bytes(data[: len(data) // 2])
    found = verify(store)
    assert (found.missing, found.damaged, found.whole) == ((first,), (second,), False)
    with pytest.raises(UnreadableFile, match=r"2 of 3 parts .* missing or cut off"):
        hotmess.read(tmp_path / "store")
    assert became(ingest([source], str(tmp_path / "store"))) == ["grown", "grown", "there"]
    assert verify(store).whole
    assert figures(tmp_path / "store").equals(figures(source))


def test_a_damaged_record_is_said(tmp_path):
    ingest([logs(tmp_path / "logs")], str(tmp_path / "store"))
    store = Store.open(str(tmp_path / "store"))
    store.place.write(f"logs/{store.records()[0][0].key}.json", b'{"key": 3')
    assert figures(tmp_path / "store").height == 2
    assert any("damaged" in notice.found for notice in hotmess.read(tmp_path / "store").notices)
    with pytest.raises(UnreadableFile, match="1 records of the store are damaged"):
        clean(store, older=0)


def test_stores_of_other_versions_empty_ones_and_stores_beside_logs_are_refused(tmp_path):
    source = logs(tmp_path / "logs")
    store = tmp_path / "store"
    Store.make(str(store))
    with pytest.raises(EmptyTable, match="holds no samples"):
        hotmess.read(store)
    ingest([source], str(store))
    with pytest.raises(UsageError, match="is no store, and stands beside one"):
        hotmess.read(store, source)
    (store / STORE).write_text('{"hotmess_store": 99}')
    with pytest.raises(OtherVersion, match="version 99"):
        hotmess.read(store)
    (store / STORE).write_text("nonsense")
    with pytest.raises(UnreadableFile, match="damaged"):
        hotmess.read(store)


def test_logs_that_hold_the_same_responses_count_each_once(tmp_path):
    (tmp_path / "logs").mkdir()
    for name in ("mcq_zstd.eval", "mcq_deflate.eval"):
        shutil.copy(GOLDEN / "inspect" / "logs" / name, tmp_path / "logs" / name)
    ingest([str(tmp_path / "logs")], str(tmp_path / "store"))
    samples, direct = hotmess.read(tmp_path / "store"), hotmess.read(tmp_path / "logs")
    assert samples.frame.collect("polars").shape[0] == direct.frame.collect("polars").shape[0] == 16
    assert next(notice.found for notice in samples.notices if notice.code == "copies").startswith("2 logs of the store")


def test_samples_of_two_tables_under_one_id_are_refused_and_none_is_thrown_away(tmp_path):
    source = logs(tmp_path / "logs", count=1)
    table = pl.read_parquet(tmp_path / "logs" / "log0.parquet")
    table.with_columns(answer=pl.lit("A")).write_parquet(tmp_path / "logs" / "other.parquet")
    ingest([source], str(tmp_path / "store"))
    with pytest.raises(DuplicateSamples):
        hotmess.measure(hotmess.read(tmp_path / "store"))


def test_ids_are_looked_at_some_questions_at_a_time(monkeypatch):
    """All ids at once would take as much memory as the samples."""
    table = worlds.lengths(0, questions=30, samples=6).with_columns(pl.col("sample_id").cast(pl.String))
    ids = table.with_columns(sample_id=pl.int_range(pl.len()).cast(pl.String))
    monkeypatch.setattr(tally, "_IDS", 20)
    assert hotmess.measure(ids).rows[0].questions == 30
    for row in (0, 90, 179):
        again = pl.concat([ids, ids[row : row + 1]]).sample(fraction=1, shuffle=True, seed=row)
        with pytest.raises(DuplicateSamples, match=r"1 question\(s\) have the same sample_id") as caught:
            hotmess.measure(again)
        assert str(ids["question_id"][row]) in caught.value.where


def test_a_store_is_not_made_among_logs(tmp_path):
    """It would hide them."""
    source = logs(tmp_path / "logs")
    for root in (source, f"{source}/log0.parquet"):
        with pytest.raises(CannotWrite, match=r"holds other files|is a file"):
            ingest([source], root)
    assert not is_store(source)
    with pytest.raises(NotATable):
        ingest([str(GOLDEN / "README.md")], str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_logs_of_one_name_in_two_places_are_two(tmp_path, monkeypatch):
    for number, place in enumerate(("a", "b")):
        logs(tmp_path / place, count=1, task=pl.lit(f"t{number}"))
        monkeypatch.chdir(tmp_path / place)
        assert became(ingest(["log0.parquet"], str(tmp_path / "store"))) == ["new"]
    assert figures(tmp_path / "store")["task"].to_list() == ["t0", "t1"]


def test_logs_that_are_moved_and_copied_stay(tmp_path):
    source = logs(tmp_path / "logs", count=1)
    path, moved = tmp_path / "logs" / "log0.parquet", tmp_path / "logs" / "old.parquet"
    ingest([source], str(tmp_path / "store"))
    shutil.move(path, moved)
    pl.read_parquet(moved).with_columns(model=pl.lit("new")).write_parquet(path)
    assert became(ingest([source], str(tmp_path / "store"))) == ["grown", "there"]
    assert figures(tmp_path / "store")["model"].to_list() == ["m0", "new"]
    shutil.copy(moved, path)
    ingest([source], str(tmp_path / "store"))
    assert figures(tmp_path / "store")["model"].to_list() == ["m0"]
    pl.read_parquet(moved).with_columns(model=pl.lit("newer")).write_parquet(path)
    ingest([source], str(tmp_path / "store"))
    assert figures(tmp_path / "store")["model"].to_list() == ["m0", "newer"]


def test_a_run_that_died_before_old_versions_were_taken_out_counts_the_new_ones_only(tmp_path):
    source = logs(tmp_path / "logs", count=1)
    ingest([source], str(tmp_path / "store"))
    store = Store.open(str(tmp_path / "store"))
    (record,) = store.records()[0]
    kept = {part.path: store.place.read(part.path) for part in record.samples}
    logs(tmp_path / "logs", count=1, questions=30)
    ingest([source], str(tmp_path / "store"))
    for name, data in kept.items():
        store.place.write(name, data)
    store.place.write(f"logs/{record.key}.json", record.to_json())  # as if killed before it was removed
    assert figures(tmp_path / "store")["questions"].to_list() == [30]
    ingest([source], str(tmp_path / "store"))
    assert len(store.records()[0]) == 1


def test_a_store_among_the_logs_is_no_log(tmp_path):
    source = logs(tmp_path / "logs")
    for _ in range(2):
        ingest([source], str(tmp_path / "logs" / "store"))
    assert figures(tmp_path / "logs" / "store").equals(figures(source))


def test_models_of_long_names_do_not_meet(tmp_path):
    names = ["/".join(["checkpoints"] * 12) + f"/step-{number}" for number in range(2)] + ["null", None]
    tables = [worlds.lengths(0, questions=20, samples=6).with_columns(model=pl.lit(name, dtype=pl.String)) for name in names]
    (tmp_path / "logs").mkdir()
    pl.concat(tables).write_parquet(tmp_path / "logs" / "log.parquet")
    ingest([str(tmp_path / "logs")], str(tmp_path / "store"))
    assert hotmess.read(tmp_path / "store").frame.collect("polars").shape[0] == 4 * 120
    assert len(list((tmp_path / "store" / "samples").rglob("*.parquet"))) == 4


def test_tests_of_a_row_each_stay(tmp_path):
    rows = pl.DataFrame({"question_id": ["q1", "q2"]}).join(pl.DataFrame({"sample_id": [0, 1, 2]}), how="cross")
    rows = rows.join(pl.DataFrame({"test_id": ["t1", "t2", "t3"]}), how="cross").with_row_index("n")
    rows = rows.with_columns(score=(pl.col("n") % 5 < 3).cast(pl.Float64)).drop("n")
    (tmp_path / "logs").mkdir()
    rows.write_csv(tmp_path / "logs" / "tests.csv")
    ingest([str(tmp_path / "logs")], str(tmp_path / "store"))
    assert figures(tmp_path / "store").equals(figures(tmp_path / "logs"))


def test_what_was_said_belongs_to_its_question(tmp_path):
    rows = [(f"q{q}", s, f"text of {q} {s} ANSWER: A", "A", 4) for q in range(6) for s in range(3)]
    table = pl.DataFrame(rows, ["question_id", "sample_id", "completion", "target", "n_choices"], orient="row")
    (tmp_path / "logs").mkdir()
    for name, some in (("with", table), ("without", table.drop("sample_id").with_columns(task=pl.lit("without")))):
        some.write_csv(tmp_path / "logs" / f"{name}.csv")
        ingest([str(tmp_path / "logs" / f"{name}.csv")], str(tmp_path / name))
        told = Reading.of([str(tmp_path / name)], {}, How()).transcripts(["q2", "q5"])
        assert told.height == 6
        assert all(f"text of {row['question_id'][1:]} " in row["completion"] for row in told.to_dicts())


def test_another_day_of_a_tool_that_writes_several_files_replaces_the_first(tmp_path):
    source = GOLDEN / "lm_eval"
    folder = next(path.parent for path in sorted(source.rglob("samples_*.jsonl")))
    shutil.copytree(folder, tmp_path / "logs")
    results = sorted((tmp_path / "logs").glob("results_*.json"))
    kept = {path: path.read_bytes() for path in results}
    for path in results:
        path.unlink()
    ingest([str(tmp_path / "logs")], str(tmp_path / "store"))
    for path, data in kept.items():
        path.write_bytes(data)
    assert "grown" in became(ingest([str(tmp_path / "logs")], str(tmp_path / "store")))
    rows = [hotmess.read(place).frame.collect("polars").shape[0] for place in (tmp_path / "store", tmp_path / "logs")]
    assert rows[0] == rows[1]


def test_ids_that_readers_count_do_not_meet_by_accident(tmp_path):
    source = GOLDEN / "promptfoo"
    found = sorted(source.rglob("*.json*"))
    ingest([str(path) for path in found if "expected" not in path.name][:1], str(tmp_path / "store"))
    ids = hotmess.read(tmp_path / "store").frame.collect("polars").to_native()["sample_id"]
    assert ids.n_unique() > 1
    assert all("/" in one and " in " in one for one in ids)


def test_two_stores_are_read_together(tmp_path):
    for number in range(2):
        ingest([logs(tmp_path / f"logs{number}", count=1, task=pl.lit(f"t{number}"))], str(tmp_path / f"store{number}"))
    both = hotmess.read([str(tmp_path / "store0"), str(tmp_path / "store1")])
    assert hotmess.measure(both).table()["task"].to_list() == ["t0", "t1"]


def test_names_of_tasks_and_models_may_be_anything(tmp_path):
    hostile = '../a b/ü%2F\\:*?"<>|' + "x" * 200
    source = logs(tmp_path / "logs", count=1)
    table = pl.read_parquet(tmp_path / "logs" / "log0.parquet").with_columns(task=pl.lit(hostile), model=pl.lit(None, pl.String))
    table.write_parquet(tmp_path / "logs" / "log0.parquet")
    ingest([source], str(tmp_path / "store"))
    assert figures(tmp_path / "store")["task"].to_list() == [hostile]
    assert {path.name for path in tmp_path.iterdir()} == {"logs", "store"}


def test_tables_without_ids_of_samples_can_be_put_together(tmp_path):
    table = worlds.lengths(0, questions=20, samples=12)
    (tmp_path / "logs").mkdir()
    for number in range(2):
        part = table.filter(pl.col("sample_id") % 2 == number).drop("sample_id")
        part.write_parquet(tmp_path / "logs" / f"log{number}.parquet")
    ingest([str(tmp_path / "logs")], str(tmp_path / "store"))
    assert figures(tmp_path / "store")["samples"].to_list() == [240]


def test_what_was_said_is_kept_apart_and_found_again(tmp_path):
    source = str(GOLDEN / "inspect" / "logs" / "mcq_zstd.eval")
    ingest([source], str(tmp_path / "store"))
    ingest([source], str(tmp_path / "mute"), texts=False)
    direct, kept, mute = (Reading.of([path], {}, How()) for path in (source, str(tmp_path / "store"), str(tmp_path / "mute")))
    questions = kept.samples().frame.collect("polars").to_native()["question_id"].unique().to_list()
    keys = ["question_id", "sample_id"]
    want, have = (one.transcripts(questions).sort(keys).select(*keys, "completion", "prompt") for one in (direct, kept))
    assert want["completion"].null_count() < want.height
    assert have.equals(want)
    assert "completion" not in kept.samples().columns
    assert mute.transcripts(questions).height == 0


def test_a_store_may_lie_at_an_address(tmp_path):
    source = logs(tmp_path / "logs")
    address = f"memory://{tmp_path.name}/store"
    ingest([source], address)
    assert is_store(address)
    assert figures(address).equals(figures(source))
    store = Store.open(address)
    assert verify(store).whole
    assert became(ingest([source], address)) == ["there"] * 3


def test_records_survive_the_way_to_the_disk_and_back():
    record = Record("k", ("s", "t"), 3, 4, notices=(("copies", "two"),), sketch=(2**64 - 1,))
    assert Record.of(record.to_json()) == record


def test_several_processes_do_what_one_does(tmp_path):
    source = logs(tmp_path / "logs", count=4)
    ingest([source], str(tmp_path / "one"))
    ingest([source], str(tmp_path / "two"), processes=2)
    names = [
        sorted(path.relative_to(tmp_path / store) for path in (tmp_path / store).rglob("*.parquet")) for store in ("one", "two")
    ]
    assert names[0] == names[1]
    assert figures(tmp_path / "two").equals(figures(source))


_KILLED = """
import os, signal, sys
from pathlib import Path
import hotmess.store

module = sys.modules["hotmess.store.ingest"]
plain = module.ingest_unit

def ingest_unit(unit):
    once = Path(sys.argv[3])
    if "log1" in unit.source and not once.exists():
        once.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return plain(unit)

module.ingest_unit = ingest_unit
if __name__ == "__main__":
    print(sorted(one.became for one in module.ingest([sys.argv[1]], sys.argv[2], processes=2)))
"""


def test_a_worker_that_is_killed_costs_nothing_but_time(tmp_path):
    source = logs(tmp_path / "logs", count=4)
    script = tmp_path / "killed.py"
    script.write_text(_KILLED)
    command = [sys.executable, str(script), source, str(tmp_path / "store"), str(tmp_path / "once")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "once").exists()
    assert ran.stdout.count("new") + ran.stdout.count("there") == 4
    assert figures(tmp_path / "store").equals(figures(source))


def test_a_run_that_is_killed_goes_on_where_it_was(tmp_path):
    source = logs(tmp_path / "logs", count=12, questions=400)
    words = ["ingest", source, "-o", str(tmp_path / "store"), "--processes", "1"]
    command = [sys.executable, "-c", "from hotmess.cli import main; main()", *words]
    started = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    records = tmp_path / "store" / "logs"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not any(records.glob("*.json")):
        time.sleep(0.005)
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    there = len(list(records.glob("*.json")))
    assert there >= 1
    found = ingest([source], str(tmp_path / "store"))
    assert became(found).count("there") >= there
    assert figures(tmp_path / "store").equals(figures(source))


def test_the_commands(run, tmp_path):
    source = logs(tmp_path / "logs")
    store = str(tmp_path / "store")
    code, _, err = run("ingest", source, "-o", store)
    assert code == 0
    assert "3 new; 360 samples" in err
    code, out, _ = run("store", store, "--json", "--verify")
    assert code == 0
    assert [log["samples"] for log in json.loads(out)["logs"]] == [120] * 3
    code, _, err = run("store", store, "--clean")
    assert (code, err.splitlines()[0]) == (0, "0 files that nobody reads removed (older than an hour)")
    code, out, _ = run("measure", store, "--json")
    assert code == 0
    assert len(json.loads(out)["rows"]) == 3
    code, _, err = run("store", source)
    assert code == 2
    assert "is no store" in err
    code, _, err = run("ingest", str(tmp_path / "nowhere"), "-o", store)
    assert code == 2
    assert "does not exist" in err
