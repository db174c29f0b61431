"""Engines: DuckDB, Spark and Daft (by which Ray adds up) give the figures of Polars, and send back what is per question."""

import json
from pathlib import Path

import duckdb
import narwhals as nw
import numpy as np
import polars as pl
import pytest
from clusters import need
from polars.testing import assert_frame_equal

import hotmess
from hotmess import frames, prepare
from hotmess.engines import Engine, engine_of
from hotmess.errors import BadShape, EngineFailed, MissingExtra, TooLarge, Unreachable, UsageError
from hotmess.store import ingest

GOLDEN = Path(__file__).parent / "golden"
OPTIONS = list("ABCD")
QUESTIONS, SAMPLES = 40, 8
WIDE = {f"prob_{name}": name for name in OPTIONS}

pytestmark = pytest.mark.filterwarnings("ignore")  # engines warn about themselves


def base(rng):
    n = QUESTIONS * SAMPLES
    question = np.arange(n) // SAMPLES
    columns = {
        "task": np.where(question < QUESTIONS // 2, "t1", "t2"),
        "model": np.where(question % 2, "a", "b"),
        "question_id": [f"q{number}" for number in question],
        "sample_id": [str(number % SAMPLES) for number in range(n)],
        "target": np.repeat(rng.choice(OPTIONS, QUESTIONS), SAMPLES),
        "reasoning_tokens": rng.integers(50, 5000, n),
    }
    return pl.DataFrame(columns)


def answers(rng):
    table = base(rng)
    said = np.where(rng.random(table.height) < 0.5, table["target"].to_numpy(), rng.choice(OPTIONS, table.height))
    return table.with_columns(answer=pl.Series(said))


def missing(rng):
    return holed(rng, answers(rng), "answer")


def open_answers(rng):
    table = base(rng)
    return table.with_columns(answer=pl.Series([f"x{number}" for number in rng.integers(0, 60, table.height)]))


def listed(rng):
    table = answers(rng).with_columns(choices=pl.lit(["A", "B", "C", "D"]))
    other = pl.when(pl.int_range(pl.len()) % 11 == 0)
    return table.with_columns(answer=other.then(pl.lit("none of them")).otherwise("answer"))


def several_right(rng):
    """Options that may be right together."""
    both = pl.when(pl.int_range(pl.len()) % 5 == 0).then(pl.lit("A; B")).otherwise("answer")
    foreign = pl.when(pl.int_range(pl.len()) % 7 == 0).then(pl.lit("A; Z")).otherwise(both)
    return listed(rng).with_columns(answer=foreign)


def failed(rng):
    table = answers(rng)
    status = rng.choice(["ok", "ok", "ok", "invalid", "error", "limit"], table.height)
    right = (pl.col("answer") == pl.col("target")).cast(pl.Float64)
    return table.with_columns(status=pl.Series(status), reason=pl.lit("no answer"), score=right)


def suspect(rng):
    """Everything that a trap looks at."""
    table = failed(rng)
    n = table.height
    return table.with_columns(
        seed=pl.lit("7"),
        temperature=pl.lit(0.0),
        cached=pl.lit(value=True),
        completion_hash=pl.Series(rng.integers(0, 5, n)).cast(pl.UInt64) + 2**63,
        source=pl.Series(rng.choice(["l1", "l2"], n)),
        output_chars=pl.lit(400),
        question_hash=pl.Series(rng.choice(["h1", "h2"], n)),
        choices=pl.Series([OPTIONS if number % 3 else OPTIONS[::-1] for number in range(n)]),
        effort=pl.Series(rng.choice(["low", "high"], n)),
    )


def stated(rng):
    table = base(rng)
    p = rng.dirichlet([0.5] * 4, table.height)
    return table.with_columns(**{name: pl.Series(p[:, place]) for place, name in enumerate(WIDE)})


def rescaled(rng):
    percent = pl.when(pl.int_range(pl.len()) % 7 == 0).then(100.0).otherwise(1.0)
    return stated(rng).with_columns(pl.col(name) * percent for name in WIDE)


def unstated(rng):
    return holed(rng, stated(rng), *WIDE)


def fewer_options(rng):
    """Half of the questions have three options."""
    table = stated(rng).with_columns(target=pl.when(pl.col("target") == "D").then(pl.lit("A")).otherwise("target"))
    few = pl.col("question_id").str.ends_with("1")
    rest = 1.0 - pl.col("prob_D")
    spread = [pl.when(few).then(pl.col(name) / rest).otherwise(name).alias(name) for name in list(WIDE)[:3]]
    return table.with_columns(*spread, pl.when(~few).then(pl.col("prob_D")).alias("prob_D"))


def in_lists(rng):
    table = stated(rng)
    return table.with_columns(probs=pl.concat_list(*WIDE), choices=pl.lit(["A", "B", "C", "D"])).drop(*WIDE)


def grades(rng):
    table = base(rng).drop("target")
    return table.with_columns(score=pl.Series(rng.choice([0.0, 0.5, 1.0], table.height)))


def unit_tests(rng):
    table = base(rng).drop("target")
    rows = [list(rng.random(3) < 0.6) if number % 13 else None for number in range(table.height)]
    names = [["one", "two", "three"]] * table.height
    return table.with_columns(tests=pl.Series(rows, dtype=pl.List(pl.Boolean)), test_names=pl.Series(names))


def points(rng):
    table = base(rng).drop("target")
    goal = np.repeat(rng.normal(size=(QUESTIONS, 3)), SAMPLES, axis=0)
    return table.with_columns(
        vector=pl.Series(rng.normal(size=(table.height, 3)).tolist()), target_vector=pl.Series(goal.tolist())
    )


def nan_grades(rng):
    """Parquet keeps no statistics of what is not a number."""
    table = grades(rng)
    nan = pl.when(pl.int_range(pl.len()) % 7 == 0).then(float("nan"))
    length = nan.otherwise(pl.col("reasoning_tokens").cast(pl.Float64))
    return table.with_columns(score=nan.otherwise("score"), reasoning_tokens=length)


def numbers(rng):
    """Numbers that engines write in several ways, some without a target."""
    table = answers(rng)
    values = {"A": 1e-5, "B": 1e16, "C": 0.1, "D": 3.0}
    both = [pl.col(name).replace_strict(values, return_dtype=pl.Float64).alias(name) for name in ("answer", "target")]
    known = pl.when(pl.int_range(pl.len()) % 6 > 0)
    return table.with_columns(both).with_columns(target=known.then("target"))


def no_status(rng):
    known = pl.when(pl.int_range(pl.len()) % 5 > 0)
    return grades(rng).with_columns(status=known.then(pl.lit("ok")))


def other_tests(rng):
    """As many tests pass each time, though not the same ones; a completion is there for every question."""
    place = pl.int_range(pl.len()) % 2 == 0
    return unit_tests(rng).with_columns(
        tests=pl.when(place).then(pl.lit([True, False])).otherwise(pl.lit([False, True])),
        test_names=pl.lit(["one", "two"]),
        completion_hash=pl.col("question_id").hash(),
    )


def holed(rng, table, *names):
    gone = pl.Series(rng.random(table.height) < 0.1)
    return table.with_columns(pl.when(~gone).then(pl.col(name)).alias(name) for name in names)


def in_contexts(table):
    number = pl.int_range(pl.len()) % SAMPLES
    return table.with_columns(context_id=pl.format("c{}", number // 2), sample_id=(number % 2).cast(pl.String))


CASES = {
    "answers": (answers, {}),
    "missing": (missing, {"loss": "kl", "invalid": "uniform"}),
    "open": (open_answers, {}),
    "listed": (listed, {"loss": "mode"}),
    "several right": (several_right, {}),
    "failed": (failed, {"by": ["reasoning_tokens:3"]}),
    "suspect": (suspect, {}),
    "in contexts": (lambda rng: in_contexts(answers(rng)), {"by": ["reasoning_tokens:3"]}),
    "benchmark": (answers, {"about": "benchmark"}),
    "right or wrong": (answers, {"loss": "coverage"}),
    "stated": (stated, {}),
    "rescaled": (rescaled, {"loss": "zero_one"}),
    "stated kl": (stated, {"loss": "kl"}),
    "stated mode": (unstated, {"loss": "mode", "invalid": "uniform"}),
    "unstated kl": (unstated, {"loss": "kl"}),
    "unstated kl uniform": (unstated, {"loss": "kl", "invalid": "uniform"}),
    "unstated kl drop": (unstated, {"loss": "kl", "invalid": "drop"}),
    "fewer options kl": (fewer_options, {"loss": "kl"}),
    "lists kl in contexts": (lambda rng: in_contexts(in_lists(rng)), {"loss": "kl", "by": ["reasoning_tokens:3"]}),
    "grades": (grades, {}),
    "grades in contexts": (lambda rng: in_contexts(grades(rng)), {"loss": "brier"}),
    "nan grades": (nan_grades, {"by": ["reasoning_tokens:3"]}),
    "nan grades kl": (nan_grades, {"loss": "kl", "invalid": "uniform"}),
    "numbers": (numbers, {}),
    "no status": (no_status, {}),
    "other tests": (other_tests, {"deterministic": False}),
    "unit tests": (unit_tests, {}),
    "points": (points, {}),
    "spread": (lambda rng: points(rng).drop("target_vector"), {"loss": "spread"}),
}
SLOW = ("failed", "several right", "unstated kl", "lists kl in contexts", "unit tests")  # of Spark, seconds each


def scanned(name, path):
    need(name)
    if name == "duckdb":
        return duckdb.read_parquet(str(path))
    if name == "daft":
        return pytest.importorskip("daft").read_parquet(str(path))
    return spark().read.parquet(str(path))


def spark():
    session = Engine("spark", "local[2]").spark()
    session.sparkContext.setLogLevel("OFF")
    session.conf.set("spark.sql.shuffle.partitions", "2")
    return session


@pytest.fixture(scope="module", autouse=True)
def no_session_stays():
    yield
    import sys

    if "pyspark" in sys.modules:
        from pyspark.sql import SparkSession

        if SparkSession.getActiveSession() is not None:
            SparkSession.getActiveSession().stop()


@pytest.mark.parametrize(
    ("engine", "case"), [(e, case) for e in ("duckdb", "daft") for case in CASES] + [("spark", case) for case in SLOW]
)
def test_engines_give_the_figures_of_polars(engine, case, tmp_path, monkeypatch):
    made, how = CASES[case]
    table = made(np.random.default_rng(7))
    table.write_parquet(tmp_path / "t.parquet")
    how = {"max_invalid": 1.0, "deterministic": True, **how}
    here = hotmess.measure(table, **how)
    back = []
    collect = nw.LazyFrame.collect

    def counted(frame, *given, **named):
        found = collect(frame, *given, **named)
        back.append(0 if isinstance(frame.to_native(), pl.LazyFrame) else found.shape[0])
        return found

    monkeypatch.setattr(nw.LazyFrame, "collect", counted)
    there = hotmess.measure(scanned(engine, tmp_path / "t.parquet"), **how)
    assert_frame_equal(here.table(), there.table(), rel_tol=0, abs_tol=1e-9)
    assert [(one.code, one.found) for one in here.notices] == [(one.code, one.found) for one in there.notices]
    assert 0 < max(back) <= (table.height if case == "open" else table.height / 2)


@pytest.mark.parametrize("name", ["tau/tau_bench", "swe_bench", "helm/joint", "every_eval_ever/data"])
def test_stores_of_real_logs(name, tmp_path):
    ingest([str(GOLDEN / name)], str(tmp_path / "store"))
    how = {"deterministic": True, "max_invalid": 1.0}
    here = hotmess.measure(hotmess.read(tmp_path / "store"), **how)
    there = hotmess.measure(hotmess.read(tmp_path / "store", engine="duckdb"), **how)
    assert_frame_equal(here.table(), there.table(), rel_tol=0, abs_tol=1e-9)
    assert here.notices == there.notices


def test_of_responses_in_several_logs_the_last_counts(tmp_path):
    """A retried log holds the responses of the first; sixty rows that are alike in two other logs stay sixty each."""
    ingest([str(GOLDEN / "inspect" / "logs")], str(tmp_path / "store"))
    how = {"deterministic": True, "max_invalid": 1.0}
    for task in ("mcq", "probs"):
        both = [hotmess.read(tmp_path / "store", task=task, engine=engine) for engine in ("polars", "duckdb")]
        here, there = (hotmess.measure(one, **how) for one in both)
        assert_frame_equal(here.table(), there.table(), rel_tol=0, abs_tol=1e-9)


@pytest.mark.parametrize("engine", ["duckdb", "daft"])
def test_parts_of_other_columns_are_put_together_and_no_row_is_lost(engine, tmp_path):
    """Daft's plug-in threw out rows that are alike when frames were put under each other."""
    from hotmess.read.store import stacked

    pl.DataFrame({"a": [1, 1], "b": ["x", "x"]}).write_parquet(tmp_path / "one.parquet")
    pl.DataFrame({"a": [1.5], "choices": [["y"]]}).write_parquet(tmp_path / "two.parquet")
    frame = stacked([nw.from_native(scanned(engine, tmp_path / f"{name}.parquet")) for name in ("one", "one", "two")])
    rows = frames.collect(frame).sort("a", "b")
    assert rows["a"].to_list() == [1.0, 1.0, 1.0, 1.0, 1.5]
    assert rows["b"].to_list() == ["x"] * 4 + [None]
    assert [None if one is None else list(one) for one in rows["choices"]] == [None] * 4 + [["y"]]


@pytest.mark.parametrize(
    "name",
    ["by_ensemble", "by_length", "by_relative_length", "pass_k", "sample_efficiency"],
)
def test_analyses_on_another_engine(name, tmp_path):
    table = answers(np.random.default_rng(3))
    table.write_parquet(tmp_path / "t.parquet")
    there, here = (getattr(hotmess, name)(one) for one in (scanned("duckdb", tmp_path / "t.parquet"), table))
    assert_frame_equal(here.table(), there.table(), rel_tol=0, abs_tol=1e-9)


def test_a_page_of_another_engine(tmp_path, run):
    answers(np.random.default_rng(3)).write_parquet(tmp_path / "t.parquet")
    code, _, said = run("report", str(tmp_path / "t.parquet"), "--engine", "duckdb", "-o", "page.html")
    assert code == 0, said
    assert (tmp_path / "page.html").stat().st_size > 10_000


# ---------------------------------------------------------------------------------------------- bad input


def test_letters_of_options_are_not_guessed_at(tmp_path):
    table = base(np.random.default_rng(0)).with_columns(answer=pl.lit("B"), choices=pl.lit(["red", "blue"]), target=pl.lit("red"))
    table.write_parquet(tmp_path / "t.parquet")
    with pytest.raises(UsageError, match=r"320 rows have in `answer` letters of their options rather than texts: `B`"):
        prepare.prepare(scanned("duckdb", tmp_path / "t.parquet"))


@pytest.mark.parametrize("said", ["(b)", "b) blue", " blue "])
def test_nor_at_texts_that_only_polars_reads(said, tmp_path):
    table = base(np.random.default_rng(0)).with_columns(
        answer=pl.lit(said), choices=pl.lit(["red", "blue"]), target=pl.lit("red")
    )
    table.write_parquet(tmp_path / "t.parquet")
    with pytest.raises(UsageError, match=r"320 rows have in `answer` letters of their options"):
        prepare.prepare(scanned("duckdb", tmp_path / "t.parquet"))


@pytest.mark.parametrize("engine", ["duckdb", "daft"])
def test_points_without_a_target_are_refused_as_here(engine, tmp_path):
    table = points(np.random.default_rng(0))
    first = pl.when(pl.int_range(pl.len()) % 5 > 0)
    table = table.with_columns(target_vector=first.then("target_vector"))
    table.write_parquet(tmp_path / "t.parquet")
    for one in (table, scanned(engine, tmp_path / "t.parquet")):
        with pytest.raises(BadShape, match="`target_vector` holds vectors of no and 3 numbers"):
            hotmess.measure(one)


@pytest.mark.parametrize("name", ["Score", "a.b"])
def test_names_that_an_engine_takes_for_others(name, tmp_path):
    answers(np.random.default_rng(0)).with_columns(pl.lit(1.0).alias(name)).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(UsageError, match=f"the column `{name}`"):
        prepare.prepare(scanned("duckdb", tmp_path / "t.parquet"))


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_more_probabilities_than_options(engine, tmp_path):
    table = in_lists(np.random.default_rng(0)).with_columns(choices=pl.lit(["A", "B", "C"]))
    table.write_parquet(tmp_path / "t.parquet")
    with pytest.raises(BadShape, match="320 rows have more `probs`, or fewer, than `choices`"):
        prepare.prepare(table if engine == "polars" else scanned(engine, tmp_path / "t.parquet"))


def test_options_in_several_orders_beside_probabilities(tmp_path):
    table = base(np.random.default_rng(0)).with_columns(probs=pl.lit([0.2, 0.8]), target=pl.lit("red"))
    orders = pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit(["red", "blue"])).otherwise(pl.lit(["blue", "red"]))
    table.with_columns(choices=orders).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(UsageError, match=r"40 question\(s\) have their options in several orders"):
        prepare.prepare(scanned("duckdb", tmp_path / "t.parquet"))


def test_lists_too_long_for_a_query(tmp_path):
    table = base(np.random.default_rng(0)).with_columns(probs=pl.lit([1 / 600] * 600))
    table.write_parquet(tmp_path / "t.parquet")
    with pytest.raises(BadShape, match="lists of 600 elements"):
        prepare.prepare(scanned("duckdb", tmp_path / "t.parquet"))


def test_too_many_samples_are_not_fetched(tmp_path, monkeypatch):
    answers(np.random.default_rng(0)).write_parquet(tmp_path / "t.parquet")
    monkeypatch.setattr(frames, "_FETCHED", 100)
    with pytest.raises(TooLarge, match="there are 320 of them on another engine"):
        frames.polars(nw.from_native(scanned("duckdb", tmp_path / "t.parquet")))


def test_a_query_that_fails_says_who_and_why(tmp_path):
    pl.DataFrame({"question_id": ["a"], "answer": ["b"], "target": ["b"], "score": ["often"]}).write_parquet(
        tmp_path / "t.parquet"
    )
    frame = nw.from_native(scanned("duckdb", tmp_path / "t.parquet"))
    with pytest.raises(EngineFailed, match=r"duckdb gave up on a query: .*often"):
        frames.collect(frame.with_columns(nw.col("score").cast(nw.Float64)))


def test_what_an_engine_is_told():
    with pytest.raises(UsageError, match="there is no engine `sparc`") as caught:
        engine_of("sparc")
    assert caught.value.hint == "did you mean `spark`?"
    with pytest.raises(UsageError, match="--address spark://x` is of a cluster, and duckdb has none"):
        engine_of("duckdb", "spark://x")
    with pytest.raises(UsageError, match="--memory 1GB` is for DuckDB"):
        engine_of("spark", None, "1GB")
    with pytest.raises(UsageError, match="--memory lots` is no size"):
        engine_of("duckdb", None, "lots").scan(["x.parquet"])


def test_an_engine_that_is_not_installed(monkeypatch):
    monkeypatch.setattr("hotmess.engines.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match="the engine spark needs pyspark") as caught:
        engine_of("spark")
    assert caught.value.hint == "pip install 'hotmess[spark]'"


def test_engines_read_stores_and_parquet_only(tmp_path):
    (tmp_path / "t.csv").write_text("question_id,answer,target\na,b,b\n")
    with pytest.raises(UsageError, match=r"duckdb reads stores and files of Parquet; `.*t\.csv` is neither"):
        hotmess.read(tmp_path / "t.csv", engine="duckdb")


def test_the_command(run, tmp_path):
    answers(np.random.default_rng(0)).write_parquet(tmp_path / "t.parquet")
    found = [run("measure", str(tmp_path / "t.parquet"), "--json", "--engine", name) for name in ("polars", "duckdb")]
    assert [code for code, _, _ in found] == [0, 0]
    here, there = (json.loads(out)["rows"] for _, out, _ in found)
    assert [one["error"] for one in here] == pytest.approx([one["error"] for one in there], abs=1e-9)
    assert "--engine duckdb" in found[1][2]


@pytest.mark.parametrize("verb", [["gate", "--max-error", "0.9"], ["compare"], ["plan", "--width", "0.1"]])
def test_every_verb_takes_an_engine(verb, run, tmp_path):
    answers(np.random.default_rng(0)).write_parquet(tmp_path / "t.parquet")
    said = [run(verb[0], str(tmp_path / "t.parquet"), *verb[1:], "--engine", engine) for engine in ("polars", "duckdb")]
    assert said[0][0] == said[1][0] != 4, said
    assert said[0][1].splitlines()[:3] == said[1][1].splitlines()[:3]


@pytest.mark.parametrize(
    ("engine", "address"), [("spark", "spark://127.0.0.1:9"), ("spark", "htp://here"), ("ray", "127.0.0.1:9")]
)
def test_no_cluster_at_the_address(engine, address):
    need(engine)
    with pytest.raises(Unreachable, match=f"{engine} at `{address}` cannot be reached: .*(refused|no address of this kind)"):
        getattr(Engine(engine, address), engine)()
