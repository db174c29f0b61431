"""Logs into a store by real clusters on this machine, parts of which are killed: whole, and the same as without them."""

from importlib import import_module
from pathlib import Path

import polars as pl
import pytest
import worlds
from clusters import need, told

import hotmess
from hotmess.engines import Engine
from hotmess.errors import MissingExtra, OtherVersion, Unreachable, UsageError
from hotmess.read.files import files
from hotmess.read.log import How
from hotmess.read.store import Store
from hotmess.store import ingest, verify
from hotmess.store.mapped import mapped

COUNT = 8

COMMON = """
import json, os, signal, sys, threading, time
from pathlib import Path
import hotmess.store
import psutil

source, store = sys.argv[1:3]
module = sys.modules["hotmess.store.ingest"]
plain, driver, records = module.ingest_unit, os.getpid(), Path(store, "logs")

def ingest_unit(unit):
    time.sleep(0.3)
    if "log7" in unit.source and os.getpid() != driver and not Path(store).with_name("spared").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return plain(unit)

def among(words, processes):
    for one in processes:
        try:
            if words in " ".join(one.cmdline()):
                yield one
        except psutil.Error:
            continue

def kill(first, killed):
    while len(list(records.glob("*.json"))) < 2:
        time.sleep(0.02)
    one = next(iter(first()))
    for lost in (one, *one.children(recursive=True)):
        lost.kill()
    killed.append(len(list(records.glob("*.json"))))

def main(engine, first):
    killed = []
    threading.Thread(target=kill, args=(first, killed), daemon=True).start()
    module.ingest_unit = ingest_unit
    found = module.ingest([source], store, engine=engine)
    Path(sys.argv[3]).write_text(json.dumps({"became": [one.became for one in found], "killed": killed}))
"""

RAY = """
from hotmess.engines import Engine
from ray.cluster_utils import Cluster

if __name__ == "__main__":
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
        raylet = psutil.Process(nodes[0].all_processes["raylet"][0].process.pid)
        main(Engine("ray", cluster.address), lambda: [raylet])
    finally:
        import ray
        ray.shutdown()
        cluster.shutdown()
"""

SPARK = """
from hotmess.engines import Engine

if __name__ == "__main__":
    engine = Engine("spark", "local-cluster[2,1,1024]")
    session = engine.spark()
    try:
        children = lambda: psutil.Process().children(recursive=True)
        main(engine, lambda: among("CoarseGrainedExecutorBackend", children()))
    finally:
        session.stop()
"""


def logs(folder, count=COUNT):
    folder.mkdir(parents=True)
    for number in range(count):
        table = worlds.lengths(number, questions=20, samples=6).with_columns(model=pl.lit(f"m{number}"))
        table.write_parquet(folder / f"log{number}.parquet")
    return str(folder)


def figures(source):
    return hotmess.measure(hotmess.read(source)).table()


def parts(store):
    return sorted(path.relative_to(store).as_posix() for path in store.rglob("*.parquet"))


@pytest.mark.parametrize(("engine", "script"), [("ray", RAY), ("spark", SPARK)])
def test_a_cluster_of_which_half_is_killed_brings_in_what_one_process_does(tmp_path, engine, script):
    need(engine)
    source, store = logs(tmp_path / "logs"), tmp_path / "store"
    ingest([source], str(tmp_path / "plain"))
    if engine == "spark":  # a new Python of Spark takes seconds, and Ray has shown what a log does that kills its readers
        (tmp_path / "spared").touch()
    (tmp_path / "script.py").write_text(COMMON + script)
    found = told(tmp_path / "script.py", tmp_path, source, "store")
    assert found["became"] == ["new"] * COUNT
    assert len(found["killed"]) == 1
    assert 2 <= found["killed"][0] < COUNT
    here = Store.open(str(store))
    assert verify(here).whole
    assert verify(here).orphans == ()
    assert [record.failed for record in here.records()[0]] == [""] * COUNT
    assert parts(store) == parts(tmp_path / "plain")
    assert figures(store).equals(figures(tmp_path / "plain"))


def test_a_worker_of_another_version_and_errors_of_workers_are_raised(monkeypatch):
    module = import_module("hotmess.store.mapped")
    assert module._answered(abs, hotmess.__version__, -3) == 3
    other = module._answered(abs, "0.0", -3)
    assert isinstance(other, OtherVersion)
    assert f"the workers have hotmess {hotmess.__version__}, and this is 0.0" in str(other)
    with pytest.raises(TypeError, match="bad operand"):
        module._told(module._answered(abs, hotmess.__version__, "x"))
    monkeypatch.setattr(module, "_on_ray", lambda _, work, units: ((place, work(units[place])) for place in [0] if 0 in units))
    assert list(mapped(abs, [-1, -2, -3], engine=Engine("ray"))) == [1, 2, 3]  # what a cluster never brings is done here


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a\nTraceback (most recent call last):\n  File x\nModuleNotFoundError: No module named 'hotmess'\nat y", "No module"),
        ('Lost task: java.io.IOException: Cannot run program "python9": error=2', 'Cannot run program "python9"'),
        ("ray::_answered() (pid=1)\nRuntimeError: The remote function failed to import on the worker.", "failed to import"),
    ],
)
def test_workers_that_cannot_begin_are_said(text, why):
    module = import_module("hotmess.store.mapped")
    with pytest.raises(MissingExtra, match=why):
        module._refuse_unfit(Engine("spark"), RuntimeError(text))
    module._refuse_unfit(Engine("spark"), RuntimeError("Python worker exited unexpectedly (crashed). ... traceback."))


def test_what_a_worker_does_not_see_is_said(tmp_path):
    module = import_module("hotmess.store.ingest")
    source = logs(tmp_path / "logs", 2)
    store = str(tmp_path / "store")
    Store.make(store)
    first, second = files([source])
    Path(first.path).unlink()
    one = module.ingest_unit(module.Unit(store, (first,), first.path, first.size, How(), True))
    assert one.became == "failed"
    assert "log0.parquet` cannot be opened: No such file" in one.record.failed
    assert "though it was listed: deleted since, or on a disk that" in one.record.failed
    with pytest.raises(Unreachable, match=r"the store `.*elsewhere` is not there on"):
        module.ingest_unit(module.Unit(str(tmp_path / "elsewhere"), (second,), second.path, second.size, How(), True))


def test_tables_with_names_of_their_own(run, tmp_path):
    table = worlds.lengths(0, questions=20, samples=6)
    (tmp_path / "logs").mkdir()
    theirs = {"question_id": "id", "answer": "pred"}
    table.rename(theirs).write_csv(tmp_path / "logs" / "log.csv")
    table.write_csv(tmp_path / "ours.csv")
    log = str(Path(__file__).parent / "golden" / "inspect" / "logs" / "mcq_zstd.eval")
    words = ["ingest", str(tmp_path / "logs"), log, "-o", str(tmp_path / "store"), "--columns"]
    code, _, err = run(*words, "question_id=id,answer=pred")
    assert (code, err.splitlines()[0][:5]) == (0, "2 new")
    columns = ["question_id", "sample_id", "answer"]
    kept = hotmess.read(tmp_path / "store", model="m").frame.collect("polars").to_native().select(columns)
    direct = hotmess.read(tmp_path / "ours.csv").frame.collect("polars").to_native()
    assert kept.sort(columns).equals(direct.with_columns(pl.col("sample_id").cast(pl.String)).select(columns).sort(columns))
    assert run(*words, "question_id=id,answer=pred")[2].startswith("2 there already")
    code, _, err = run(*words, "question_id=nothing")
    assert "1 no logs" in err
    with pytest.raises(UsageError, match="there is no `id` in a sample table"):
        ingest([log], str(tmp_path / "other"), columns={"id": "question_id"})


def test_options_that_do_not_go_together(run, tmp_path):
    code, _, err = run("ingest", tmp_path, "-o", "store", "--engine", "ray", "--processes", "2")
    assert (code, err.splitlines()[0]) == (2, "error[usage]: `--processes 2` is of this machine, and ray has its own")
    code, _, err = run("ingest", tmp_path, "-o", "store", "--address", "ray://head:10001")
    assert code == 2
    assert "is of a cluster, and polars has none" in err
