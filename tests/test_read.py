"""One table in every form it may come in gives the same bytes."""

import json

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest

import hotmess


def table(questions=12, samples=4, seed=0):
    rng = np.random.default_rng(seed)
    rows = [
        {
            "task": "t",
            "model": model,
            "question_id": f"q{q:02}",
            "sample_id": k,
            "answer": str(rng.choice(list("ABCD"))),
            "target": "ABCD"[q % 4],
            "n_choices": 4,
            "output_tokens": int(rng.integers(10, 100)),
        }
        for model in ("m1", "m2")
        for q in range(questions)
        for k in range(samples)
    ]
    return pl.DataFrame(rows)


def figures(source, **options):
    """Rows as JSON, without the name of the source."""
    found = json.loads(hotmess.measure(hotmess.read(source, **options)).to_json())
    return found["rows"]


@pytest.fixture
def plain():
    return table()


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.csv", pl.DataFrame.write_csv),
        ("a.tsv", lambda t, f: t.write_csv(f, separator="\t")),
        ("a.jsonl", pl.DataFrame.write_ndjson),
        ("a.ndjson", pl.DataFrame.write_ndjson),
        ("a.json", pl.DataFrame.write_json),
        ("a.parquet", pl.DataFrame.write_parquet),
        ("a.arrow", pl.DataFrame.write_ipc),
        ("a.feather", pl.DataFrame.write_ipc),
        ("noending", pl.DataFrame.write_parquet),
    ],
)
def test_files(plain, tmp_path, name, write):
    write(plain, tmp_path / name)
    assert figures(tmp_path / name) == figures(plain)


@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame.lazy,
        pl.DataFrame.to_arrow,
        lambda t: t.to_pandas(),
        lambda t: pd.DataFrame({c: t[c].to_list() for c in t.columns}),
        lambda t: t.to_dicts(),
        lambda t: t.with_columns(pl.col("answer").cast(pl.Categorical)),
    ],
    ids=["polars lazy", "pyarrow", "pandas", "pandas of objects", "records", "categories"],
)
def test_frames(plain, frame):
    assert figures(frame(plain)) == figures(plain)


def test_duckdb_does_the_adding(plain):
    """The same query on another engine: the relation stays lazy until its sums are fetched."""
    relation = duckdb.sql("select * from plain")
    assert isinstance(nw.from_native(relation), nw.LazyFrame)
    assert figures(relation) == figures(plain)


def test_folders_and_patterns(plain, tmp_path):
    halves = plain.filter(pl.col("model") == "m1"), plain.filter(pl.col("model") == "m2")
    halves[0].write_csv(tmp_path / "one.csv")
    (tmp_path / "deep").mkdir()
    halves[1].select(reversed(plain.columns)).write_parquet(tmp_path / "deep" / "two.parquet")
    (tmp_path / "notes.txt").write_text("not a table")
    assert figures(tmp_path) == figures(plain)
    assert figures(str(tmp_path / "**" / "*.[cp]*")) == figures(plain)


def test_other_names_and_aliases(plain):
    theirs = plain.rename({"question_id": "id", "answer": "pred", "target": "gold"})
    assert figures(theirs, columns={"question_id": "id", "answer": "pred", "target": "gold"}) == figures(plain)
    scored = plain.with_columns(correct=(pl.col("answer") == pl.col("target")).cast(pl.Float64)).drop("answer", "target")
    assert figures(scored)[0]["error"] == pytest.approx(figures(plain)[0]["error"] / 2)  # coverage is half of Brier on 0/1


def test_a_foreign_column_that_bears_our_name_makes_way(plain):
    theirs = plain.rename({"answer": "said"}).with_columns(answer=pl.lit("something else"))
    assert figures(theirs, columns={"answer": "said"}) == figures(plain)


def test_csv_keeps_what_is_written(tmp_path):
    (tmp_path / "a.csv").write_text("question_id,answer,target\n1,007,7\n1,7,7\n")
    assert figures(tmp_path / "a.csv")[0]["error"] == 1.0  # 007 is not 7


def test_numbers_of_two_types_are_numbers():
    mixed = pl.DataFrame({"question_id": [1, 1], "answer": [1.0, 2.0], "target": [1, 1]})
    assert figures(mixed)[0]["error"] == 1.0


def test_lists_in_text(tmp_path):
    rows = ['1,"[0.5, 0.5]","[""x"", ""y""]",x', '1,"[1, 0]","[""x"", ""y""]",x']
    (tmp_path / "a.csv").write_text("question_id,probs,choices,target\n" + "\n".join(rows) + "\n")
    found = hotmess.measure(hotmess.read(tmp_path / "a.csv"))
    assert found.method.label == "probabilities"
    assert found.rows[0].error.value == pytest.approx(0.25)


@pytest.mark.parametrize("words", [("True", "False"), ("true", "false"), ("1", "0"), ("1.0", "0.0")])
def test_right_and_wrong_in_words(tmp_path, words):
    (tmp_path / "a.csv").write_text(f"question_id,correct\n1,{words[0]}\n1,{words[1]}\n")
    assert figures(tmp_path / "a.csv")[0]["error"] == 0.5


def test_probabilities_in_columns_and_lists_are_the_same():
    p = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.4, 0.5, 0.1]]
    base = {"question_id": [1] * 3}
    lists = pl.DataFrame(base | {"probs": p, "target": ["A"] * 3})
    places = pl.DataFrame(base | {"probs": p, "target": [0] * 3})
    texts = pl.DataFrame(base | {"probs": p, "choices": [["x", "y", "z"]] * 3, "target": ["x"] * 3})
    columns = pl.DataFrame(base | {f"prob_{n}": [row[c] for row in p] for c, n in enumerate("xyz")} | {"target": ["x"] * 3})
    found = [figures(t)[0]["variance"] for t in (lists, places, texts, columns)]
    assert found == pytest.approx([0.18] * 4)


def test_probabilities_of_questions_with_different_options():
    short = pl.DataFrame(
        {"question_id": [1, 1, 2, 2], "probs": [[0.5, 0.5], [1.0, 0.0], [0.2, 0.3, 0.5], [0.2, 0.3, 0.5]], "target": [0, 0, 2, 2]}
    )
    terms = hotmess.decompose([[[0.5, 0.5], [1.0, 0.0]]], [0], loss="kl")
    found = hotmess.measure(short.filter(pl.col("question_id") == 1), loss="kl")
    assert hotmess.measure(short, loss="kl").rows[0].questions == 2
    assert found.rows[0].error.value == pytest.approx(terms.error[0])


def test_unit_tests_in_lists_and_rows_are_the_same():
    lists = pl.DataFrame(
        {"question_id": ["a"] * 3, "tests": [[True, True, False, False], [True, False, False, True], [True, True, False, True]]}
    )
    rows = lists.with_row_index("sample_id").explode("tests").with_columns(test_id=pl.int_range(pl.len()).over("sample_id"))
    found = [figures(t)[0] for t in (lists, rows.rename({"tests": "score"}))]
    assert [f["variance"] for f in found] == pytest.approx([1 / 6] * 2)
    assert [f["bias2"] for f in found] == pytest.approx([1 / 4] * 2)


def test_a_test_without_an_outcome_has_failed_and_is_named():
    rows = pl.DataFrame(
        {"question_id": ["a"] * 3, "sample_id": [0, 0, 1], "test_id": ["easy", "hard", "easy"], "score": [1.0, 1.0, 1.0]}
    )
    found = hotmess.measure(rows)
    assert found.rows[0].error.value == pytest.approx(0.25)
    (notice,) = [n for n in found.notices if n.code == "missing-tests"]
    assert "1 outcomes of 1 tests" in notice.found
    assert "a/hard" in notice.found


def test_tests_of_a_question_are_those_that_any_model_was_given():
    rows = pl.DataFrame(
        {
            "model": ["m"] * 4 + ["n"] * 2,
            "question_id": ["a"] * 6,
            "sample_id": [0, 0, 1, 1, 0, 1],
            "test_id": ["x", "y", "x", "y", "x", "x"],
            "score": [1.0] * 6,
        }
    )
    found = hotmess.measure(rows)
    assert [row.error.value for row in found.rows] == [0.0, 0.5]


def test_answers_of_score_one_are_one_class():
    table = pl.DataFrame({"question_id": [1] * 4, "answer": ["2+2", "1+3", "9", "9"], "correct": [1.0, 1.0, 0.0, 0.0]})
    terms = hotmess.decompose([["c", "c", "9", "9"]], ["c"])
    assert figures(table)[0]["variance"] == pytest.approx(terms.variance[0])
    assert figures(table)[0]["error"] == pytest.approx(1.0)


def test_answers_decide_and_label_chooses(plain):
    both = plain.with_columns(correct=(pl.col("answer") == pl.col("target")).cast(pl.Float64))
    assert figures(both) == figures(plain)
    found = hotmess.measure(hotmess.read(both, label="score"))
    assert found.method.label == "score"
    assert "label" in {n.code for n in hotmess.measure(hotmess.read(both)).notices}


def test_options_that_are_listed():
    rows = {"question_id": [1] * 4, "choices": [["x", "y", "z"]] * 4, "answer": ["x", "y", "q", None], "target": ["x"] * 4}
    found = hotmess.measure(pl.DataFrame(rows), max_invalid=1)
    assert found.rows[0].invalid_rate == 0.5  # q is none of the options


def test_more_classes_than_the_first_rows_show(monkeypatch):
    monkeypatch.setattr("hotmess.prepare._FIRST_ROWS", 3)
    late = pl.DataFrame({"question_id": [1] * 6, "answer": ["a", "a", "a", "b", "c", "d"], "target": ["a"] * 6})
    terms = hotmess.decompose([["a", "a", "a", "b", "c", "d"]], ["a"])
    assert figures(late)[0]["variance"] == pytest.approx(terms.variance[0])


def test_large_and_scattered_sample_ids_are_told_apart():
    ids = [3, 10**12, -5]
    assert figures(pl.DataFrame({"question_id": [1] * 3, "sample_id": ids, "answer": list("aab"), "target": ["a"] * 3}))
