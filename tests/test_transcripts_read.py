"""The second reading: the text of chosen questions, with the ids of the first."""

import json
import random
import sys
import zipfile
from pathlib import Path

import duckdb
import polars as pl
import pytest
from test_fuzz import COUNT, SEEDS, files, mutated

from hotmess.errors import HotmessError
from hotmess.read import Reading
from hotmess.read.archive import Archive
from hotmess.read.gather import read_all
from hotmess.read.inspect.link import inspect_link
from hotmess.read.log import How
from hotmess.samples import GROUPS

GOLDEN = Path(__file__).parent / "golden"
LOGS = GOLDEN / "inspect" / "logs"
COLUMNS = ("completion", "prompt", "source", "source_ref")


def reading(*sources, columns=None, **how):
    return Reading.of(sources, columns or {}, How(**how))


def ids(samples):
    """The samples of the first reading, each once, as a frame of ids."""
    samples = samples.with_sample_ids()
    keys = [name for name in (*GROUPS, "question_id", "context_id", "sample_id") if samples.has(name)]
    return samples.frame.collect("polars").to_native().select(keys).unique(maintain_order=True)


def joined(read, questions=None):
    """Each sample of the questions (else of all) beside its transcript, which is there exactly once."""
    first = pl.concat([ids(samples) for samples in read.each()], how="diagonal_relaxed")
    every = first["question_id"].cast(pl.String).unique().to_list()
    found = read.transcripts(every if questions is None else questions)
    keys = [name for name in first.columns if name in found.columns]
    assert found.columns == [*keys, *COLUMNS]
    assert keys == first.columns
    if questions is not None:
        first = first.filter(pl.col("question_id").cast(pl.String).is_in(questions))
    if len(found):
        assert not found.select(keys).is_duplicated().any()
        assert found.select(keys).sort(keys).equals(first.sort(keys))
    return first.join(found, on=keys, how="left", nulls_equal=True)


# ---------------------------------------------------------------------------------------------- logs of the real tools

INSPECT = sorted(path.name for path in LOGS.iterdir() if path.suffix != ".shards")
RUNS = sorted(path.name for path in (GOLDEN / "lm_eval" / "runs").iterdir())
WITH_TEXT = [
    *(f"inspect/logs/{name}" for name in INSPECT),
    *(f"lm_eval/runs/{name}" for name in RUNS),
    *("inspect/logs", "tau/tau_bench", "tau/tau2", "promptfoo/out.json", "promptfoo/out.jsonl", "promptfoo/old_v2.json"),
    *("helm", "helm/generation", "helm/joint", "helm/separate", "every_eval_ever/data", "every_eval_ever/converted/data"),
    *("swe_bench", "lm_eval/runs", "promptfoo", "."),
]


def read_or_skip(path):
    try:
        read = reading(GOLDEN / path)
        read.each()
    except HotmessError as problem:
        pytest.skip(f"nothing to read: {problem.found}")
    return read


@pytest.mark.parametrize("path", WITH_TEXT)
def test_every_sample_has_its_transcript_once(path):
    found = joined(read_or_skip(path))
    assert len(found)
    assert found["prompt"].null_count() < len(found) or found["completion"].null_count() < len(found)


@pytest.mark.parametrize("path", WITH_TEXT)
def test_one_question_is_what_it_is_among_all(path):
    read = read_or_skip(path)
    every = joined(read)
    question = every["question_id"][0]
    alone = joined(read, [str(question)])
    assert set(alone["question_id"]) == {question}
    assert alone.equals(every.filter(pl.col("question_id") == question), null_equal=True)


@pytest.mark.parametrize("path", WITH_TEXT)
def test_texts_are_those_that_the_first_reading_hashed(path):
    read_or_skip(path)
    read = reading(GOLDEN / path, text=True)
    samples = read.each()
    if not any(one.has("completion_hash") for one in samples):
        pytest.skip("nothing was hashed")
    keys = ["task", "model", "question_id", "sample_id", "source"]
    known = [one.frame.collect("polars").to_native().select(*keys, "completion_hash") for one in samples]
    first = pl.concat(known, how="diagonal_relaxed").unique().drop_nulls("completion_hash")
    first = first.filter(~pl.col("source").str.contains("swe_bench"))  # there it is the patch that was hashed
    both = first.join(joined(read), on=keys, how="left", nulls_equal=True)
    assert both.filter(pl.col("completion").hash() != pl.col("completion_hash")).height == 0
    assert both["completion"].null_count() == 0


def texts(path, **where):
    found = joined(reading(GOLDEN / path))
    for name, value in where.items():
        found = found.filter(pl.col(name) == value)
    return found


@pytest.mark.parametrize("name", ["mcq_zstd.eval", "mcq_deflate.eval", "mcq.json"])
def test_inspect_tells_what_was_asked_and_said(name):
    found = texts(f"inspect/logs/{name}", question_id="owl")
    assert found["prompt"].unique().to_list() == ["Which bird of Quell hunts by night?"]
    assert found["completion"].str.contains("ANSWER").all()


def test_inspect_opens_no_other_question(monkeypatch):
    """Entries of other questions are not decompressed, which is what makes the second reading fast."""
    read, opened = reading(LOGS / "tools.eval"), []
    first = Archive.read
    monkeypatch.setattr(Archive, "read", lambda self, name: opened.append(name) or first(self, name))
    assert len(read.transcripts(["door/left"])) == 3
    assert {name for name in opened if name.startswith("samples/")} == {f"samples/door/left_epoch_{n}.json" for n in (1, 2, 3)}


def test_only_files_that_hold_a_chosen_sample_are_opened(monkeypatch):
    read, opened = reading(GOLDEN / "inspect" / "logs"), []

    def watched(work, processes):
        opened.extend(file.name for file, *_ in work)
        return read_all(work, processes)

    monkeypatch.setattr(sys.modules["hotmess.read.transcripts"], "read_all", watched)
    assert len(read.transcripts(["tale1"]))
    assert opened
    assert all(name.startswith("chunked") for name in opened)


def test_lm_eval_tells_the_repeats_of_a_line_apart():
    found = texts("lm_eval/runs/gen")
    lines = (GOLDEN / "lm_eval" / "runs" / "gen").rglob("samples_*.jsonl")
    said = {json.loads(line)["doc_id"]: json.loads(line)["resps"][0] for line in next(lines).read_text().splitlines()}
    first = found.filter(pl.col("question_id").str.starts_with("0-")).sort("sample_id")
    assert first["completion"].to_list() == said[0]
    assert first["prompt"].unique().to_list() == [
        "Question: Ada packs 3 crates with 14 pears each. How many pears is that?\nAnswer:"  # no JSON of a chat
    ]
    assert texts("lm_eval/runs/mcq")["completion"].null_count() == len(texts("lm_eval/runs/mcq"))  # options, and no text


def test_prompts_of_the_others():
    assert "Capital of FRANCE?" in texts("helm/generation")["prompt"].to_list()
    assert "[moon] Moonlight is (A) fire (B) sunlight? One letter." in texts("promptfoo/out.json")["prompt"].to_list()
    summed = texts("every_eval_ever/data", question_id="sum")
    assert summed["prompt"].unique().to_list() == ["What is 40 + 2?"]
    assert "40 and 2 make 42.\n\nIt is 42." in summed["completion"].to_list()  # with the trace of reasoning
    assert texts("tau/tau_bench")["prompt"].str.contains("Hello.", literal=True).any()


def test_swe_bench_tells_what_the_agent_said():
    found = texts("swe_bench", question_id="acme__gadgets-7")
    agent = found.filter(pl.col("completion").is_not_null())
    assert agent["prompt"].unique().to_list() == ["Solve: Please fix issue acme__gadgets-7."]
    assert agent["completion"].str.starts_with('Step 1.\nbash({"command": "ls"})').all()
    assert agent["source_ref"].str.ends_with(".traj.json").all()
    only = reading(GOLDEN / "swe_bench" / "logs")
    assert only.transcripts(["acme__gadgets-7"]).is_empty()  # reports without trajectories hold no text


def test_trajectories_beside_logs_of_other_tools_leave_these_as_they_are():
    alone, beside = (reading(GOLDEN / "tau" / "tau2", *more).frame.collect() for more in ((), (GOLDEN / "swe_bench",)))
    beside = beside.filter(pl.col("source").str.contains("tau2"))
    assert beside["setting"].null_count() == 0
    columns = ["sample_id", "setting", "source_ref"]
    assert beside.select(columns).equals(alone.select(columns))


# ---------------------------------------------------------------------------------------------- copies and careless ids


def eee(question, said, *, line_epoch="1", evaluation="toy/1"):
    return {
        "schema_version": "0.3.0",
        "evaluation_id": evaluation,
        "model_id": "m",
        "evaluation_name": "t",
        "sample_id": question,
        "input": {"raw": "Why?", "reference": ["A"]},
        "output": {"raw": [said]},
        "metadata": {"epoch": line_epoch},
    }


def written(path, records):
    path.write_text("\n".join(map(json.dumps, records)))
    return path


def test_ids_that_meet_by_accident_keep_their_own_texts(tmp_path):
    """Two runs give their responses one id; the first reading tells them apart by their files, and so must the second."""
    written(tmp_path / "a_samples.jsonl", [eee("q", "A, says one"), eee("p", "A"), eee("q", "B, says one", line_epoch="2")])
    written(tmp_path / "b_samples.jsonl", [eee("p", "A"), eee("q", "C, says another"), eee("q", "B, says one", line_epoch="2")])
    read = reading(tmp_path)
    found = joined(read, ["q"])
    assert sorted(found["completion"]) == ["A, says one", "B, says one", "C, says another"]
    assert found["sample_id"].str.contains(" in ").sum() == 2
    by_file = {Path(source).name[0]: said for source, said in found.select("source", "completion").rows() if "B" not in said}
    assert by_file == {"a": "A, says one", "b": "C, says another"}


def test_summaries_without_ids_of_samples(tmp_path):
    """Old Inspect wrote no ids into summaries; a place tells the sample as well."""
    with zipfile.ZipFile(LOGS / "mcq_deflate.eval") as old, zipfile.ZipFile(tmp_path / "old.eval", "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "summaries.json":
                data = json.dumps([{k: v for k, v in one.items() if k != "uuid"} for one in json.loads(data)]).encode()
            new.writestr(name, data)
    found = joined(reading(tmp_path / "old.eval"))
    assert found["sample_id"].str.contains("/").all()
    assert found["completion"].null_count() == 0


def test_logs_under_other_names():
    read = reading(GOLDEN / "promptfoo" / "out.json", columns={"question_id": "source_ref", "sample_id": ""})
    found = read.transcripts(["testIdx 0, promptIdx 0"])
    assert found["completion"].to_list() == ["B"]


# ---------------------------------------------------------------------------------------------- tables

TABLE = pl.DataFrame(
    {
        "task": ["t", "t", "t", "u"],
        "question_id": [1, 2, 1, 1],
        "completion": ["ANSWER: A", "ANSWER: B", "ANSWER: C", "ANSWER: A"],
        "target": ["A"] * 4,
        "question": ["one?", "two?", "one?", "one?"],
    }
)


@pytest.mark.parametrize(
    "made",
    [
        pl.DataFrame.clone,
        pl.DataFrame.lazy,
        pl.DataFrame.to_pandas,
        pl.DataFrame.to_arrow,
        lambda t: duckdb.from_arrow(t.to_arrow()),
    ],
    ids=["polars", "lazy", "pandas", "arrow", "duckdb"],
)
def test_tables_in_memory(made):
    read = reading(made(TABLE))
    found = read.transcripts(["1"])
    assert found["completion"].to_list() == ["ANSWER: A", "ANSWER: C", "ANSWER: A"]
    assert found["prompt"].unique().to_list() == ["one?"]
    assert found["sample_id"].to_list() == [0, 2, 3]  # numbers of rows, where a table has no ids
    assert len(joined(read)) == 4


@pytest.mark.parametrize(
    ("name", "write"),
    [("a.csv", pl.DataFrame.write_csv), ("a.jsonl", pl.DataFrame.write_ndjson), ("a.parquet", pl.DataFrame.write_parquet)],
)
def test_tables_in_files(tmp_path, name, write):
    write(TABLE, tmp_path / name)
    assert joined(reading(tmp_path / name), ["2"])["completion"].to_list() == ["ANSWER: B"]


def test_tables_under_other_names():
    theirs = TABLE.rename({"completion": "output", "question_id": "id"})
    read = reading(theirs, columns={"completion": "output", "question_id": "id"})
    assert joined(read, ["2"])["completion"].to_list() == ["ANSWER: B"]
    assert reading(theirs, columns={"question_id": "id", "answer": "output"}).transcripts(["2"])["prompt"].to_list() == ["two?"]


def test_rows_of_a_selection_have_the_numbers_that_its_samples_have():
    read = reading(TABLE)
    found = read.transcripts(["1"], task="u")
    assert found["sample_id"].to_list() == ids(read.samples(task="u"))["sample_id"].to_list() == [0]
    with pytest.raises(HotmessError, match="no row has the task"):
        read.transcripts(["1"], task="none")


def test_tests_in_rows_of_their_own_are_one_transcript():
    rows = [{"question_id": "q", "sample_id": 1, "test_id": name, "score": 1.0, "completion": "done"} for name in "ab"]
    assert reading(pl.DataFrame(rows)).transcripts(["q"])["completion"].to_list() == ["done"]


def test_kinds_that_were_measured_apart():
    mixed = pl.DataFrame({"task": ["a", "b"], "question_id": ["q", "q"], "answer": ["A", None], "score": [None, 1.0]})
    read = reading(mixed.with_columns(completion=pl.lit("said"), target=pl.lit("A")))
    assert len(read.each()) == 2
    assert len(joined(read, ["q"])) == 2


def test_nothing_to_show():
    table = pl.DataFrame({"question_id": ["q", "q"], "answer": ["A", "B"], "target": ["A", "A"]})
    found = reading(table).transcripts(["q"])
    assert found.is_empty()
    assert found.columns == ["question_id", "sample_id", *COLUMNS]
    assert reading(TABLE).transcripts([]).is_empty()
    assert reading(TABLE).transcripts(["none"]).is_empty()


def test_logs_and_tables_together(tmp_path):
    table = {"task": ["t", "t"], "question_id": ["q", "p"], "completion": ["ANSWER: A", "B"], "answer": ["A", "B"]}
    pl.DataFrame(table | {"target": ["A", "A"], "prompt": ["What?", "Why?"]}).write_csv(tmp_path / "table.csv")
    written(tmp_path / "a_samples.jsonl", [eee("q", "A"), eee("p", "A")])
    read = reading(tmp_path)
    found = joined(read, ["q"])
    assert sorted(found.select("completion", "prompt").rows()) == [("A", "Why?"), ("ANSWER: A", "What?")]


# ---------------------------------------------------------------------------------------------- hostile logs


def test_half_a_surrogate_pair_is_replaced(tmp_path):
    record = json.dumps(eee("q", "said HALF")).replace("HALF", "\\ud800")
    (tmp_path / "a_samples.jsonl").write_text(record)
    assert joined(reading(tmp_path))["completion"].to_list() == ["said \ufffd"]


@pytest.mark.parametrize("prompt", [None, 7, [], {}, "[{", '[{"role": "user"}]', [[["x"]]], {"content": {"text": "x"}}, "\ud800"])
def test_prompts_of_any_shape_lose_no_text(tmp_path, prompt):
    record = eee("q", "said") | {"input": {"raw": prompt, "reference": ["A"]}}
    written(tmp_path / "a_samples.jsonl", [record])
    assert joined(reading(tmp_path))["completion"].to_list() == ["said"]


def test_a_file_that_is_gone_leaves_its_samples_without_text(tmp_path):
    written(tmp_path / "a_samples.jsonl", [eee("q", "A")])
    written(tmp_path / "b_samples.jsonl", [eee("q", "B", evaluation="toy/2")])
    read = reading(tmp_path)
    (tmp_path / "a_samples.jsonl").unlink()
    found = read.transcripts(["q"])
    assert found["completion"].to_list() == [None, "B"]
    (tmp_path / "b_samples.jsonl").write_text("no JSON")
    assert read.transcripts(["q"]).is_empty()


def test_an_entry_that_is_damaged_leaves_its_sample_without_text(tmp_path):
    with zipfile.ZipFile(LOGS / "mcq_deflate.eval") as old, zipfile.ZipFile(tmp_path / "log.eval", "w") as new:
        for name in old.namelist():
            new.writestr(name, b"{" if name == "samples/owl_epoch_1.json" else old.read(name))
    found = joined(reading(tmp_path / "log.eval"), ["owl"])
    assert found.filter(pl.col("completion").is_null())["source_ref"].to_list() == ["owl epoch 1"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SEEDS)
def test_no_log_that_was_read_crashes_the_second_reading(tmp_path, name):
    rng = random.Random(f"{name} transcripts {COUNT}")
    seeds = [files(path) for path in SEEDS[name]]
    for number in range(COUNT // 3):
        content = dict(rng.choice(seeds))
        victim = rng.choice([path for path in content if path.rpartition(".")[2] in {"eval", "json", "jsonl"}])
        content[victim] = mutated(rng, victim, content[victim], tmp_path / "scratch")
        for path, data in content.items():
            (tmp_path / str(number) / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / str(number) / path).write_bytes(data)
        try:
            read = reading(tmp_path / str(number))
            read.each()
        except HotmessError:
            continue
        joined(read)


# ---------------------------------------------------------------------------------------------- links into the viewer

VIEW = "http://127.0.0.1:7575/#/logs"


@pytest.mark.parametrize(
    ("source", "ref", "link"),
    [
        ("logs/a.eval", "owl epoch 2", f"{VIEW}/a.eval/samples/sample/owl/2/"),
        ("logs/a.eval", "samples/door/left_epoch_1.json", f"{VIEW}/a.eval/samples/sample/door%2Fleft/1/"),
        ("logs/a.eval", "samples/tale1_epoch_3/", f"{VIEW}/a.eval/samples/sample/tale1/3/"),
        ("C:\\logs\\a b#.json", "dööř 50%? epoch 10", f"{VIEW}/a%20b%23.json/samples/sample/d%C3%B6%C3%B6%C5%99%2050%25%3F/10/"),
        ("s3://bucket/run/a.eval", "x epoch 1 epoch 2", f"{VIEW}/a.eval/samples/sample/x%20epoch%201/2/"),
        ("results.json", "task 3 trial 1", None),
        ("samples_t.jsonl", "line 7", None),
        ("answers.csv", "q epoch 1", None),
        ("report.json", "a/b.traj.json", None),
    ],
)
def test_inspect_link(source, ref, link):
    assert inspect_link(source, ref) == link


def test_inspect_link_below_a_folder():
    assert inspect_link("logs/gpqa/a.eval", "q epoch 1", "logs/") == f"{VIEW}/gpqa/a.eval/samples/sample/q/1/"
    assert inspect_link("other/a.eval", "q epoch 1", "logs") == f"{VIEW}/a.eval/samples/sample/q/1/"


@pytest.mark.parametrize("name", INSPECT)
def test_every_sample_of_inspect_has_a_link(name):
    found = joined(read_or_skip(f"inspect/logs/{name}"))
    links = [inspect_link(*row) for row in found.select("source", "source_ref").rows()]
    assert None not in links
    assert len(set(links)) == len(links)
