"""Logs of any size into parts: what is read in pieces is what is read whole."""

import gzip
import sys
from pathlib import Path

import polars as pl
import pytest
import worlds

import hotmess
from hotmess.errors import UnreadableFile
from hotmess.frames import SCHEMA
from hotmess.prepare import letters_counted, with_texts
from hotmess.read import Reading
from hotmess.read.files import files
from hotmess.read.log import How
from hotmess.read.record import sketch
from hotmess.read.store import Store
from hotmess.store import ingest

pieces, pools, spools = (sys.modules[f"hotmess.store.{name}"] for name in ("written", "pool", "spool"))
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def tiny(monkeypatch):
    """Pieces of a few rows, every table is large, and a pool is full with 40 rows."""
    monkeypatch.setattr(pieces, "_PIECE", 7)
    monkeypatch.setattr(pieces, "_FEWEST", 1)
    monkeypatch.setattr(spools, "LARGE", 0)
    monkeypatch.setattr(pools, "_ROWS", 40)


def kept(folder, name="store"):
    """The rows that a store of a folder holds, and the store."""
    found = ingest([str(folder)], str(folder.parent / name))
    assert {one.became for one in found} == {"new"}, found
    frame = Reading.of([str(folder.parent / name)], {}, How()).frame.collect()
    ids = [one for one in ("task", "model", "question_id", "sample_id", "test_id") if one in frame.columns]
    return frame.select(sorted(frame.columns)).sort(ids, maintain_order=True), Store.open(str(folder.parent / name))


def both(folder, monkeypatch):
    """The rows of a folder, read whole and in pieces."""
    whole, _ = kept(folder, "whole")
    monkeypatch.setattr(pieces, "_PIECE", 7)
    monkeypatch.setattr(pieces, "_FEWEST", 1)
    monkeypatch.setattr(spools, "LARGE", 0)
    monkeypatch.setattr(pools, "_ROWS", 40)
    return whole, kept(folder, "pieces")[0]


TABLE = pl.DataFrame(
    {
        "question_id": [f"{q:03}" for q in range(20) for _ in range(3)],
        "answer": ["01", "A", None] * 20,
        "target": "A",
        "n_choices": [4] * 60,
        "score": [None] * 30 + [0.5] * 10 + [1.0] * 20,
        "output_tokens": [None, 7, 100] * 20,
        "cached": [None, True, False] * 20,
        "seed": [None] * 59 + ["7b"],
        "words": (["true", "FALSE", None] * 20),
        "mixed": (["true", "1", None] * 20),
        "long": (["12345678901234567890", "-1", None] * 20),
        "signed": (["+5", "1", None] * 20),
        "size": (["1e3", ".5", "7"] * 20),
        "source": [None] * 60,
    },
    schema_overrides={"source": pl.String},
)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "csv.gz", "jsonl", "parquet", "arrow"])
def test_tables_that_are_larger_than_memory_are_what_small_ones_are(tmp_path, monkeypatch, suffix):
    folder = tmp_path / "logs"
    folder.mkdir()
    path = folder / f"t.{suffix.removesuffix('.gz')}"
    write = {"csv": TABLE.write_csv, "csv.gz": TABLE.write_csv, "jsonl": TABLE.write_ndjson, "parquet": TABLE.write_parquet}
    write |= {"tsv": lambda path: TABLE.write_csv(path, separator="\t"), "arrow": TABLE.write_ipc}
    write[suffix](path)
    if suffix.endswith(".gz"):
        (folder / "t.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    whole, again = both(folder, monkeypatch)
    names = pl.col("sample_id").str.split(" ").list.first()  # KEY is of the same bytes, too
    assert again.with_columns(names).equals(whole.with_columns(names))
    assert again.schema == whole.schema
    assert again["sample_id"].n_unique() == 60
    assert again.schema["answer"] == pl.String


@pytest.mark.usefixtures("tiny")
def test_a_text_table_that_is_damaged_is_said(tmp_path):
    (tmp_path / "t.csv").write_text("question_id,answer\nq,A\nq,B,C,D\n")
    (found,) = ingest([str(tmp_path / "t.csv")], str(tmp_path / "store"))
    assert "t.csv" in found.record.failed


def test_whole_tasks_decide_what_letters_are(tmp_path, monkeypatch):
    """Options C and N look like letters: one piece says one thing, the task another."""
    rows = [("a", f"q{n}", answer, ["N", "C", "O", "H"]) for n, answer in enumerate(["C", "C", "N", "O", "H", "H", "O"] * 4)]
    rows += [("b", f"q{n}", answer, ["x", "y", "z", "C"]) for n, answer in enumerate(["A", "B", "C", "D", "C", "C", "C"] * 4)]
    rows += [(None, f"q{n}", answer, ["x", "y"]) for n, answer in enumerate(["A", "x"] * 5)]
    table = pl.DataFrame(rows, ["task", "question_id", "answer", "choices"], orient="row").with_columns(target="answer")
    (tmp_path / "logs").mkdir()
    table.write_parquet(tmp_path / "logs" / "t.parquet")
    whole, again = both(tmp_path / "logs", monkeypatch)
    assert again.drop("sample_id").equals(whole.drop("sample_id"))
    alone = table.drop("task")
    counted = letters_counted(part.lazy() for part in alone.iter_slices(5))
    joined = pl.concat(with_texts(part.lazy(), counted).collect() for part in alone.iter_slices(5))
    assert joined.equals(with_texts(alone.lazy()).collect())
    assert letters_counted([table.drop("choices").lazy()]) is None


def test_outcomes_of_words_in_one_piece_and_of_numbers_in_the_next_have_one_type(tmp_path, monkeypatch):
    tests = ["[true, false]"] * 10 + ["[1.0, 0.5]"] * 5
    table = pl.DataFrame({"question_id": [f"{n:02}" for n in range(15)], "sample_id": 0, "tests": tests})
    (tmp_path / "logs").mkdir()
    table.write_csv(tmp_path / "logs" / "t.csv")
    whole, again = both(tmp_path / "logs", monkeypatch)
    assert again.drop("tests").equals(whole.drop("tests"))
    assert again["tests"].to_list() == whole["tests"].to_list() == [[1.0, 0.0]] * 10 + [[1.0, 0.5]] * 5
    kinds = {dict(part.columns)["tests"] for part in Store.open(str(tmp_path / "pieces")).records()[0][0].samples}
    assert kinds == {"List(Float64)"}


def test_what_was_said_in_pieces(tmp_path, monkeypatch):
    table = TABLE.select("question_id", "target", "n_choices", completion=pl.format("{} ANSWER: A", pl.int_range(pl.len())))
    table = table.with_columns(model=pl.format("m{}", pl.int_range(pl.len()) % 3))
    (tmp_path / "logs").mkdir()
    table.write_parquet(tmp_path / "logs" / "t.parquet")
    whole, again = both(tmp_path / "logs", monkeypatch)
    assert again.equals(whole)
    for name in ("whole", "pieces"):
        told = Reading.of([str(tmp_path / name)], {}, How()).transcripts(["003", "011"])
        assert sorted(told["completion"]) == sorted(f"{n} ANSWER: A" for n in (9, 10, 11, 33, 34, 35))


def test_logs_of_tools_in_pieces(tmp_path, monkeypatch):
    whole, again = both_of(tmp_path, monkeypatch, GOLDEN / "inspect" / "logs" / "mcq_zstd.eval")
    assert again.equals(whole)
    record, other = (Store.open(str(tmp_path / name)).records()[0][0] for name in ("whole", "pieces"))
    assert record.sketch == other.sketch != ()
    assert [part.rows for part in record.texts] == [part.rows for part in other.texts]


def both_of(tmp_path, monkeypatch, path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / path.name).write_bytes(path.read_bytes())
    return both(tmp_path / "logs", monkeypatch)


def test_sketches_of_pieces_are_those_of_the_whole():
    table = worlds.lengths(0, questions=50, samples=6).with_columns(pl.col("sample_id").cast(pl.String))
    found: tuple[int, ...] = ()
    for piece in table.iter_slices(31):
        found = sketch(piece, found)
    assert found == sketch(table)
    assert len(found) == 64


@pytest.mark.usefixtures("tiny")
def test_the_same_bytes_give_the_same_parts(tmp_path):
    table = worlds.lengths(0, questions=40, samples=6).with_columns(model=pl.format("m{}", pl.int_range(pl.len()) % 5))
    (tmp_path / "logs").mkdir()
    table.write_csv(tmp_path / "logs" / "t.csv")
    found = [kept(tmp_path / "logs", name)[1].records()[0][0].samples for name in ("one", "two")]
    assert found[0] == found[1]
    assert len(found[0]) > 5
    assert max(part.rows for part in found[0]) <= 40
    for part in found[0]:
        data = [(tmp_path / name / part.path).read_bytes() for name in ("one", "two")]
        assert data[0] == data[1]
        assert pl.read_parquet(data[0])["question_id"].is_sorted()


@pytest.mark.usefixtures("tiny")
def test_many_folders_at_once_stay_within_bounds(tmp_path, monkeypatch):
    held = []
    plain = pools.Pool.add

    def add(self, rows):
        plain(self, rows)
        held.append(self._rows)

    monkeypatch.setattr(pools.Pool, "add", add)
    table = worlds.lengths(0, questions=60, samples=4).with_columns(model=pl.format("m{}", pl.int_range(pl.len()) // 4))
    table = table.sample(fraction=1.0, shuffle=True, seed=0)
    (tmp_path / "logs").mkdir()
    table.write_parquet(tmp_path / "logs" / "t.parquet")
    rows, _ = kept(tmp_path / "logs")
    assert rows.height == 240
    assert max(held) < 40
    figures = [hotmess.measure(hotmess.read(tmp_path / name), deterministic=True).table() for name in ("store", "logs")]
    assert figures[0].equals(figures[1])


def test_columns_of_nothing_have_a_type(tmp_path):
    table = pl.DataFrame({"question_id": ["a", "b"], "sample_id": [0, 0], "answer": "A", "n_choices": 4})
    table = table.with_columns(score=None, foreign=None, mine=pl.lit([[]]), deep=pl.lit({"x": None}))
    table = table.with_columns(test_names=pl.Series([[], []]))
    assert {"score", "foreign"} <= {name for name, dtype in table.schema.items() if dtype == pl.Null}
    (tmp_path / "logs").mkdir()
    table.write_ipc(tmp_path / "logs" / "t.arrow")
    _, store = kept(tmp_path / "logs")
    (part,) = store.records()[0][0].samples
    schema = pl.read_parquet_schema(store.place.path(part.path))
    assert (schema["score"], schema["foreign"], schema["test_names"]) == (SCHEMA["score"], pl.String, SCHEMA["test_names"])
    assert (schema["mine"], schema["deep"]) == (pl.List(pl.List(pl.String)), pl.Struct({"x": pl.String}))


def test_a_part_of_a_file_that_cannot_be_read_is_an_error_of_ours(tmp_path):
    path = tmp_path / "t.parquet"
    pl.DataFrame({"question_id": ["a"] * 5000, "answer": [str(n) for n in range(5000)]}).write_parquet(
        path, compression="uncompressed"
    )
    data = bytearray(path.read_bytes())
    data[200:8000] = bytes(7800)
    path.write_bytes(data)
    (found,) = ingest([str(path)], str(tmp_path / "store"))
    assert found.became == "failed"
    assert "is no sample table" in found.record.failed


def test_small_tables_and_logs_are_read_where_they_lie(tmp_path):
    table = TABLE.write_csv()
    (tmp_path / "t.csv").write_text(table)
    (file,) = files([str(tmp_path / "t.csv")])
    assert spools.spooled(file, {}, tmp_path) is file
    (tmp_path / "deep.jsonl").write_text('{"a": ' + '{"b": ' * 30 + "1" + "}" * 31 + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spools, "LARGE", 0)
        for path in (tmp_path / "deep.jsonl", GOLDEN / "inspect" / "logs" / "mcq_zstd.eval"):
            (file,) = files([str(path)])
            assert spools.spooled(file, {}, tmp_path).path == file.path
        (tmp_path / "bad.csv").write_text("question_id,answer\nq,A\nq,B,C,D\n")
        (file,) = files([str(tmp_path / "bad.csv")])
        with pytest.raises(UnreadableFile, match=r"bad\.csv"):
            spools.spooled(file, {}, tmp_path)
