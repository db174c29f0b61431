"""What the golden logs do not show: hostile files, files elsewhere, folders of many things, and what is written."""

import io
import json
import struct
import sys
import threading
import zipfile
import zlib
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import polars as pl
import pytest
import zstandard

import hotmess
from hotmess.read import Reading
from hotmess.read.archive import Archive
from hotmess.read.log import How
from hotmess.read.records import LARGE, Malformed

GOLDEN = Path(__file__).parent / "golden"
LOGS = GOLDEN / "inspect" / "logs"


def sample(question, epoch, answer="B", **more):
    """One sample of an Inspect log."""
    return {
        "id": question,
        "epoch": epoch,
        "input": f"What is {question}?",
        "choices": ["left", "right", "up"],
        "target": "A",
        "scores": {"choice": {"value": "C" if answer == "A" else "I", "answer": answer}},
        "messages": [
            {"role": "assistant", "content": f"I say {answer} to {question} at {epoch}, since it seems the better one."}
        ],
        **more,
    }


def log(samples, *, status="success", **config):
    """An Inspect log as one JSON text."""
    head = {"task": "toy", "model": "acme/small", "eval_id": "e1", "run_id": "r1", "model_generate_config": config}
    return {"version": 2, "status": status, "eval": head, "plan": {}, "samples": samples}


def twelve(**more):
    return [sample(f"q{q}", epoch, "ABC"[(q + epoch) % 3], **more) for q in range(4) for epoch in (1, 2, 3)]


@pytest.fixture
def write(tmp_path):
    """Write a log; return its path."""

    def made(samples, name="run.json", **how):
        path = tmp_path / name
        path.write_text(json.dumps(log(samples, **how)))
        return path

    return made


def table(path, **how):
    return hotmess.read(path, **how).frame.collect().to_native()


# ---------------------------------------------------------------------------------------------- archives


def archive(name, packed, size, method):
    """An archive of one entry, whose directory may lie about the size."""
    sizes = (0, 0, 0, len(packed), size, len(name), 0)
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, method, *sizes) + name + packed
    central = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, method, *sizes, 0, 0, 0, 0, 0) + name
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(central), len(local), 0)
    return Archive(io.BufferedReader(io.BytesIO(local + central + end)), "made.eval")


def packed(data, method):
    if method == 93:
        return zstandard.ZstdCompressor(write_content_size=False).compress(data)
    squeeze = zlib.compressobj(wbits=-15)
    return squeeze.compress(data) + squeeze.flush()


@pytest.mark.parametrize("method", [0, 8, 93])
def test_archives_give_what_they_say(method):
    data = b"seven words are enough for a test" * 40
    raw = data if method == 0 else packed(data, method)
    assert archive(b"a", raw, len(data), method).read("a") == data
    for lie in (len(data) - 1, len(data) + 1, 0):
        with pytest.raises(Malformed):
            archive(b"a", raw, lie, method).read("a")


@pytest.mark.parametrize("method", [8, 93])
def test_bombs_do_not_go_off(method):
    bomb = packed(bytes(200 << 20), method)  # a few kB that unpack to 200 MB
    assert len(bomb) < 1 << 20
    with pytest.raises(Malformed, match="too many"):
        archive(b"a", bomb, 200 << 20, method).read("a")
    with pytest.raises(Malformed):
        archive(b"a", bomb, 1000, method).read("a")
    read = sum(len(block) for block in iter(partial(archive(b"a", bomb, 200 << 20, method).stream("a").read, 1 << 20), b""))
    assert read == 200 << 20
    assert LARGE < 200 << 20


def test_several_zstandard_frames_are_one_entry():
    data = [b"first " * 1000, b"second " * 1000]
    frames = b"".join(zstandard.ZstdCompressor().compress(part) for part in data)
    assert archive(b"a", frames, sum(map(len, data)), 93).read("a") == b"".join(data)


def test_paths_in_archives_lead_nowhere(tmp_path):
    path = tmp_path / "evil.eval"
    with zipfile.ZipFile(path, "w") as evil, zipfile.ZipFile(LOGS / "mcq_deflate.eval") as good:
        evil.writestr("../../outside.json", "{}")
        evil.writestr("/etc/outside.json", "{}")
        for name in good.namelist():
            evil.writestr(name, good.read(name))
    assert len(table(path)) == 16
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_truncated_logs_say_so(tmp_path, run, share):
    whole = (LOGS / "mcq_zstd.eval").read_bytes()
    path = tmp_path / "cut.eval"
    path.write_bytes(whole[: int(len(whole) * share)])
    code, out, err = run("measure", path)
    assert (code, out) == (2, "")
    assert "damaged or cut short" in err
    assert "inspect log recover" in err


def test_a_damaged_file_of_a_folder_is_said_and_the_others_are_read(tmp_path):
    (tmp_path / "whole.eval").write_bytes((LOGS / "mcq_zstd.eval").read_bytes())
    (tmp_path / "cut.eval").write_bytes((LOGS / "open.eval").read_bytes()[:500])
    samples = hotmess.read(tmp_path)
    assert len(samples.frame.collect().to_native()) == 16
    assert next(n.found for n in samples.notices if n.code == "skipped").startswith("1 of 2 files could not be read")


# ---------------------------------------------------------------------------------------------- hostile records


def test_what_json_forbids_is_read_nevertheless(tmp_path):
    text = json.dumps(log(twelve())).replace('"epoch": 3', '"epoch": 3, "metadata": {"x": NaN, "y": "\\ud800"}')
    path = tmp_path / "odd.json"
    path.write_bytes(text.encode().replace(b"What is q1", b"What is \xff\xfe"))
    assert len(table(path)) == 12


@pytest.mark.parametrize("evil", ["[" * 100_000, '{"a":' * 50_000, '"' + "x" * 10], ids=["lists", "objects", "unclosed"])
def test_nesting_is_an_error_and_no_crash(tmp_path, evil):
    path = tmp_path / "deep.json"
    path.write_text(json.dumps(log(twelve()))[:-1] + f', "more": {evil}')
    with pytest.raises(hotmess.HotmessError):
        hotmess.read(path)


@pytest.mark.parametrize("name", ["deep.json", "deep.jsonl"])
def test_deep_tables_are_read_in_no_time(tmp_path, name):
    deep = '{"a":' * 500 + "1" + "}" * 500
    rows = ['{"question_id": "a", "answer": "x", "target": "x"}', '{"question_id": "a", "answer": "y", "z": ' + deep + "}"]
    text = "\n".join(rows) if name.endswith("l") else f"[{','.join(rows)}]"
    (tmp_path / name).write_text(text)
    assert len(table(tmp_path / name)) == 2


BRACKETS = [b"[" + b"{}," * 3_000_000 + b"{}]", b'[{"id": 1, "metadata": {"a": [' + b"[]," * 3_000_000 + b"[]]}}]"]


@pytest.mark.parametrize("inside", BRACKETS, ids=["samples", "metadata"])
def test_brackets_without_content_are_no_log(tmp_path, inside):
    """Each of these would take seventy times its size in memory."""
    path = tmp_path / "bomb.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("header.json", json.dumps(log([])))
        made.writestr("summaries.json", inside)
    with pytest.raises(hotmess.HotmessError, match="nothing but brackets"):
        hotmess.read(path)


def test_entries_that_overlap_unpack_to_no_end(monkeypatch):
    monkeypatch.setattr(sys.modules["hotmess.read.archive"], "_LEAST", 10_000)
    data = b"[" + b'{"id": "a long enough name of a question"},' * 400 + b'{"id": "z"}]'
    made = archive(b"a", packed(data, 93), len(data), 93)
    with pytest.raises(Malformed, match="a thousand times"):
        _ = [made.read("a") for _ in range(1000)]


def test_a_task_that_nests_patterns_without_end(tmp_path):
    """Five thousand patterns, each around the one before: enough to overrun the stack of the engine."""
    for path in (GOLDEN / "lm_eval" / "runs" / "gen").rglob("*2026*"):
        text = path.read_text()
        if path.suffix == ".json":
            found = json.loads(text)
            found["configs"]["sums"]["metric_list"][0]["regexes_to_ignore"] = ["x"] * 5000
            found["configs"]["sums"]["filter_list"][0]["filter"] = [{"function": "lowercase"}] * 5000
            text = json.dumps(found)
        (tmp_path / path.name).write_text(text)
    assert len(table(tmp_path)) == 20


def test_terminal_escapes_are_not_printed(write, run):
    evil = "\x1b[2J\x1b]0;owned\x07red"
    code, out, err = run("measure", write([{**row, "id": f"{row['id']}{evil}", "target": "Z"} for row in twelve()]))
    assert "\x1b" not in out + err
    assert code == 2


def test_one_record_too_large_to_hold_is_read_by_its_facts(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["hotmess.read.archive"], "LARGE", 20_000)
    monkeypatch.setattr(sys.modules["hotmess.read.inspect.samples"], "LARGE", 20_000)
    path = tmp_path / "large.eval"
    rows = twelve()
    rows[0]["events"] = [{"event": "info", "data": "x" * 30_000}]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        head = log([])
        made.writestr("header.json", json.dumps({name: head[name] for name in ("version", "status", "eval", "plan")}))
        for row in rows:
            made.writestr(f"samples/{row['id']}_epoch_{row['epoch']}.json", json.dumps(row))
    found = table(path, text=True)
    assert len(found) == 12
    assert found["output_chars"].null_count() == 1
    assert found["answer"].null_count() == 0


def test_a_log_too_large_to_hold_is_streamed(write, monkeypatch):
    whole = table(write(twelve()))
    monkeypatch.setattr(sys.modules["hotmess.read.inspect"], "LARGE", 10)
    assert table(write(twelve())).equals(whole)


# ---------------------------------------------------------------------------------------------- folders, copies, elsewhere


def test_a_folder_of_many_things(tmp_path, run):
    (tmp_path / "logs").mkdir()
    for name in ("mcq_zstd.eval", "errors.eval"):
        (tmp_path / "logs" / name).write_bytes((LOGS / name).read_bytes())
    (tmp_path / "logs" / "notes.txt").write_text("nothing of use")
    (tmp_path / "logs" / "summary.csv").write_text("model,accuracy\nsmall,0.5\n")
    (tmp_path / "logs" / "mine.csv").write_text(
        "task,question_id,answer,target\n" + "mine,1,a,a\nmine,1,b,a\nmine,2,a,a\nmine,2,b,a\n"
    )
    samples = hotmess.read(tmp_path / "logs")
    assert set(samples.frame.collect().to_native()["task"]) == {"mcq", "errors", "mine"}
    aside = next(notice.found for notice in samples.notices if notice.code == "left-aside")
    assert "1 of 5 files are in no format" in aside
    assert "summary.csv` is a table without a column `question_id`" in aside
    code, out, _ = run("check", tmp_path / "logs")
    assert code == 0
    assert "Inspect (2)" in out
    assert "table (2)" in out


def test_tasks_of_several_kinds_are_checked_each_by_itself(run):
    parts = Reading.of([LOGS / "swe_new.eval", LOGS / "mcq_zstd.eval"], {}, How()).each()
    assert {part.kind for part in parts} == {"tests", "answers"}
    code, out, err = run("check", LOGS / "swe_new.eval", LOGS / "mcq_zstd.eval", "--json")
    assert code == 0
    assert [part["label"] for part in json.loads(out)["parts"]] == ["answers", "tests"]
    code, _, err = run("measure", LOGS / "swe_new.eval", LOGS / "mcq_zstd.eval")
    assert code == 2
    assert "error[mixed-kinds]" in err
    assert "--task" in err


def test_copies_are_counted_once(tmp_path):
    for name in ("one.eval", "copy.eval"):
        (tmp_path / name).write_bytes((LOGS / "mcq_zstd.eval").read_bytes())
    samples = hotmess.read(tmp_path)
    assert len(samples.frame.collect().to_native()) == 16
    assert "byte for byte" in next(n.found for n in samples.notices if n.code == "copies")
    (tmp_path / "copy.eval").write_bytes((LOGS / "mcq_deflate.eval").read_bytes())  # the same samples in other bytes
    samples = hotmess.read(tmp_path)
    assert len(samples.frame.collect().to_native()) == 16
    assert "16 of 32 samples were read more than once" in next(n.found for n in samples.notices if n.code == "copies")
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("question_id,answer,target\n1,a,b\n1,c,b\n")
    assert len(hotmess.read(tmp_path / "a.csv", tmp_path / "b.csv").frame.collect().to_native()) == 2


class Ranged(SimpleHTTPRequestHandler):
    """Files of a folder, in the parts that are asked for."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        wanted = self.headers.get("Range")
        path = Path(self.translate_path(self.path))
        if wanted is None or not path.is_file():
            return super().do_GET()
        data = path.read_bytes()
        start, _, end = wanted.removeprefix("bytes=").partition("-")
        part = data[int(start) : int(end) + 1 if end else len(data)]
        self.server.parts.append(len(part))
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{int(start) + len(part) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)
        return None

    def end_headers(self):
        self.send_header("Accept-Ranges", "bytes")
        super().end_headers()


@pytest.fixture
def server(tmp_path):
    """A server of a folder on this machine; its address and the folder."""
    served = ThreadingHTTPServer(("127.0.0.1", 0), partial(Ranged, directory=str(tmp_path)))
    served.parts = []
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{served.server_port}", tmp_path
    served.shutdown()
    served.server_close()


@pytest.mark.filterwarnings("ignore")
def test_logs_on_a_server(server, run):
    address, folder = server
    for name in ("mcq_zstd.eval", "open.eval"):
        (folder / name).write_bytes((LOGS / name).read_bytes())
    (folder / "mine.parquet").write_bytes(b"")
    pl.DataFrame({"question_id": [1, 1], "answer": ["a", "b"], "target": ["a", "a"]}).write_parquet(folder / "mine.parquet")
    near, far = table(LOGS / "mcq_zstd.eval"), table(f"{address}/mcq_zstd.eval")
    assert far.drop("source").equals(near.drop("source"))
    assert len(table(f"{address}/mine.parquet")) == 2
    code, _, err = run("measure", f"{address}/nothing.eval")
    assert code == 2
    assert "error[no-such-path]" in err


def test_remote_paths_without_the_library(monkeypatch, run):
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    code, _, err = run("measure", "s3://bucket/logs/")
    assert code == 2
    assert "error[missing-extra]" in err
    assert "pip install 'hotmess[remote]'" in err


def test_standard_input(monkeypatch, run):
    class Piped:
        buffer = io.BytesIO((LOGS / "mcq_zstd.eval").read_bytes())

    monkeypatch.setattr(sys, "stdin", Piped())
    code, out, _ = run("measure", "-")
    assert code == 0
    assert "golden/mcq" in out


def test_many_logs_in_several_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["hotmess.read.gather"], "_WORTH", 0)
    for number in range(3):
        rows = [{**row, "uuid": f"{number}-{row['id']}-{row['epoch']}"} for row in twelve()]
        (tmp_path / f"{number}.json").write_text(json.dumps(log(rows)))
    alone, together = (hotmess.read(tmp_path, processes=count).frame.collect().to_native() for count in (1, 2))
    assert together.equals(alone)
    assert len(alone) == 36


def test_a_process_that_dies_loses_nothing(tmp_path, monkeypatch):
    class Dying:
        """A pool of which one process is killed after the first log."""

        def __init__(self, *_, **__):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return False

        def map(self, function, work, **_):
            yield function(work[0])
            raise BrokenProcessPool

    gathering = sys.modules["hotmess.read.gather"]
    monkeypatch.setattr(gathering, "_WORTH", 0)
    monkeypatch.setattr(gathering, "ProcessPoolExecutor", Dying)
    for number in range(3):
        rows = [{**row, "uuid": f"{number}-{row['id']}-{row['epoch']}"} for row in twelve()]
        (tmp_path / f"{number}.json").write_text(json.dumps(log(rows)))
    assert len(hotmess.read(tmp_path, processes=2).frame.collect().to_native()) == 36


# ---------------------------------------------------------------------------------------------- choices of the reader


@pytest.fixture
def stopped(write):
    """Two tasks of unit tests, each run twice, the second time stopped by a limit and scored with all tests failed."""
    listed = {"PASS_TO_PASS": ["old 1", "old 2"], "FAIL_TO_PASS": ["new"]}
    rows = []
    for question in ("q1", "q2"):
        for epoch, passed in ((1, True), (2, False)):
            parts = [
                json.dumps({"success": names if passed else [], "failure": [] if passed else names}) for names in listed.values()
            ]
            text = f"PASS_TO_PASS:\n\n{parts[0]}\n\nFAIL_TO_PASS:\n\n{parts[1]}\n\n"
            score = {"swe": {"value": float(passed), "explanation": text}}
            limit = None if passed else {"type": "message", "limit": 250}
            rows.append(sample(question, epoch, choices=None, scores=score, limit=limit, metadata=listed))
    return write(rows)


@pytest.mark.parametrize(
    ("policy", "tests", "status"),
    [("as-scored", [False, False, False], "limit"), ("paper", [True, True, False], "limit"), ("drop", None, "missing")],
)
def test_a_run_that_a_limit_stopped(stopped, policy, tests, status):
    found = Reading.of([stopped], {}, How(on_limit=policy)).frame.collect()
    second = found.filter(pl.col("source_ref").str.contains("epoch 2"))
    assert set(second["status"]) == {status}
    for row in second.to_dicts():
        if tests is not None:
            outcomes = dict(zip(row["test_names"], row["tests"], strict=True))
            assert [outcomes[name] for name in ("old 1", "old 2", "new")] == tests
    assert set(found.filter(pl.col("status") == "ok")["score"]) == {1.0}


def test_limits_change_the_figures_as_they_say(stopped):
    errors = {policy: hotmess.read(stopped, on_limit=policy) for policy in ("as-scored", "paper")}
    errors = {policy: hotmess.measure(samples, estimator="plugin").rows[0].error.value for policy, samples in errors.items()}
    assert errors == {"as-scored": pytest.approx(1 / 2), "paper": pytest.approx(1 / 6)}


def test_options_that_cannot_be_meant(run, tmp_path):
    (tmp_path / "t.csv").write_text("question_id,answer,target\n1,a,a\n1,b,a\n")
    code, _, err = run("measure", "t.csv", "--pattern", "x(.)")
    assert code == 2
    assert "no completions to read answers from" in err
    code, _, err = run("measure", GOLDEN / "helm" / "joint", "--scorer", "nothing")
    assert code == 2
    assert "there is no metric `nothing`" in err


@pytest.mark.parametrize("path", ["promptfoo/out.jsonl", "every_eval_ever/data"])
def test_a_cut_line_costs_one_line(tmp_path, path):
    source = GOLDEN / path
    lined = source if source.is_file() else next(source.rglob("1*_samples.jsonl"))
    place = tmp_path / lined.name
    place.write_bytes(lined.read_bytes().rstrip()[:-20])
    whole, cut = hotmess.read(lined), hotmess.read(place)
    assert "1 lines of" in next(notice.found for notice in cut.notices if notice.code == "skipped")
    assert len(cut.frame.collect().to_native()) == len(whole.frame.collect().to_native()) - 1


# ---------------------------------------------------------------------------------------------- what is written


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl", ""])
@pytest.mark.parametrize("source", ["mcq_zstd.eval", "probs.eval", "swe_new.eval", "open.eval", "errors.eval"])
def test_what_is_converted_measures_the_same(tmp_path, run, source, suffix):
    if (source, suffix) in {("swe_new.eval", ""), ("probs.eval", "")}:
        suffix = ".parquet"
    place = tmp_path / f"made{suffix}"
    code, _, err = run("convert", LOGS / source, "-o", place)
    assert code == 0, err
    before, after = (hotmess.measure(hotmess.read(path)).rows for path in (LOGS / source, place))
    for one, other in zip(before, after, strict=True):
        assert other.questions == one.questions
        assert other.error.value == pytest.approx(one.error.value)
        assert other.variance.value == pytest.approx(one.variance.value)


def test_records_have_the_fields_that_the_schema_requires(tmp_path, run):
    assert run("convert", LOGS / "mcq_zstd.eval", "-o", tmp_path / "records")[0] == 0
    (aggregate,) = (tmp_path / "records").rglob("*[0-9a-f].json")
    (responses,) = (tmp_path / "records").rglob("*_samples.jsonl")
    head, lines = json.loads(aggregate.read_text()), [json.loads(line) for line in responses.read_text().splitlines()]
    assert aggregate.parent.relative_to(tmp_path / "records").parts == ("data", "hotmess", "golden", "mcq")
    needed = {
        "schema_version",
        "evaluation_id",
        "retrieved_timestamp",
        "source_metadata",
        "model_info",
        "eval_library",
        "evaluation_results",
    }
    assert needed <= set(head)
    assert head["detailed_evaluation_results"]["total_rows"] == len(lines) == 16
    for line in lines:
        assert {"schema_version", "evaluation_id", "model_id", "evaluation_name", "sample_id", "interaction_type"} <= set(line)
        assert {"input", "output", "answer_attribution", "evaluation"} <= set(line)
        assert all(isinstance(value, str) for value in line["metadata"].values())


def test_sample_table_is_the_table_of_the_design():
    found = Reading.of([LOGS / "mcq_zstd.eval"], {}, How()).table()
    assert {"task", "model", "setting", "question_id", "sample_id", "answer", "target", "choices", "score", "status"} <= set(
        found.columns
    )
    assert set(found["answer"].drop_nulls()) <= set(found["choices"].explode())


# ---------------------------------------------------------------------------------------------- what must not be mixed


def votes(**more):
    return [
        {"question_id": f"q{q}", "sample_id": f"s{k}", "answer": "AB"[(q + k) % 2], "target": "A", **more}
        for q in (1, 2)
        for k in (1, 2, 3)
    ]


def test_groups_without_a_name_stay_when_others_are_bare():
    rows = [*votes(model="x", setting=None), *({**row, "answer": None} for row in votes(model="x", setting="k=1"))]
    measured = hotmess.measure(pl.DataFrame(rows, infer_schema_length=None))
    assert [row.samples for row in measured.rows] == [6]
    assert "6 samples hold no prediction" in next(n.found for n in measured.notices if n.code == "nothing-held")


def test_scores_beside_an_empty_column_of_answers_are_scores():
    rows = [{"question_id": q, "sample_id": f"s{k}", "answer": None, "score": float(k % 2)} for q in (1, 2) for k in range(4)]
    assert hotmess.measure(pl.DataFrame(rows, schema_overrides={"answer": pl.String})).rows[0].error.value == pytest.approx(0.5)
    rows = [
        *({**row, "score": float(row["answer"] == "A")} for row in votes(model="a")),
        *({**row, "model": "b"} for row in rows),
    ]
    samples = hotmess.read(pl.DataFrame(rows, infer_schema_length=None), label="score")
    assert [row.invalid_rate for row in hotmess.measure(samples).rows] == [0.0, 0.0]


def test_a_log_that_was_scored_again_is_one_log(tmp_path):
    first = twelve()
    for number, row in enumerate(first):
        row["uuid"] = f"uuid{number}"
    again = [{**row, "scores": {"choice": {"value": "C", "answer": "A"}}} for row in first]
    (tmp_path / "a.json").write_text(json.dumps(log(first)))
    (tmp_path / "b.json").write_text(json.dumps(log(again)))
    samples = hotmess.read(tmp_path)
    found = samples.frame.collect().to_native()
    assert len(found) == 12
    assert set(found["answer"]) == {"left"}
    assert "copies" in {notice.code for notice in samples.notices}


def test_a_task_without_a_target_leaves_the_others_theirs():
    rows = [*votes(task="t1"), *({**row, "target": None, "score": 1.0} for row in votes(task=None))]
    rows = [{"score": float(row["answer"] == "A"), **row} for row in rows]
    samples = hotmess.read(pl.DataFrame(rows, infer_schema_length=None))
    table_ = samples.frame.collect().to_native()
    assert set(table_.filter(pl.col("task") == "t1")["target"]) == {"A"}


def test_trajectories_of_some_runs_do_not_split_a_model(tmp_path):
    tree = GOLDEN / "swe_bench"
    for path in [*(tree / "logs").rglob("*"), *(tree / "traj" / "run-1").rglob("*")]:
        if path.is_file():
            place = tmp_path / path.relative_to(tree)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
    some, none = (hotmess.measure(hotmess.read(*paths)).rows for paths in ([tmp_path], [tmp_path / "logs"]))
    assert len(some) == len(none) == 1
    assert some[0].error.value == pytest.approx(none[0].error.value)


def test_records_have_no_place_for_some_columns(tmp_path, run):
    (tmp_path / "p.csv").write_text("question_id,prob_A,prob_B,target\n1,0.5,0.5,A\n1,0.4,0.6,A\n")
    code, _, err = run("convert", "p.csv", "-o", "records")
    assert code == 2
    assert "no place for prob_A, prob_B" in err
