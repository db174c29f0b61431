"""`hotmess figure`: every analysis by its name and by the numbers of the paper, as a picture, a table or JSON; or a clear no."""

import json
from functools import cache
from types import SimpleNamespace

import polars as pl
import pytest
import worlds

import hotmess
from hotmess import analyses
from hotmess.charts import render
from hotmess.cli.figure import FIGURES

TABLES = {
    "lengths": lambda: worlds.lengths(1, questions=24, samples=6, models=("a", "b")),
    "sizes": lambda: worlds.sizes(1, questions=60, samples=4, sizes=(1, 4, 16, 64)),
    "budgets": lambda: worlds.budgets(1, questions=30),
    "contexts": lambda: worlds.contexts(1, questions=16, contexts=4),
    "formats": lambda: worlds.formats(1, questions=10),
    "embeddings": lambda: worlds.embeddings(1, questions=20, samples=4),
    "steps": lambda: worlds.steps(1, steps=2, starts=8),
    "pursuit": lambda: worlds.pursuit(1, questions=20),
    "right": lambda: worlds.lengths(1, questions=8, samples=4).with_columns(answer="target"),
}
TABLE = {  # of what an analysis is made, where it is not lengths
    **dict.fromkeys(["by-scale", "by-length-and-size", "length-agreement", "length-by-difficulty", "plane"], "sizes"),
    **dict.fromkeys(["by-ensemble", "answer-changes"], "contexts"),
    "by-budget": "budgets",
    "answer-spread": "embeddings",
    "by-step": "steps",
    "format-adherence": "formats",
    "split-bias": "pursuit",
}
NUMBERS = [(number, name) for name, one in FIGURES.items() for number in one.paper]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Return the path of a table, written once."""
    folder = tmp_path_factory.mktemp("tables")
    for name, made in TABLES.items():
        made().write_parquet(folder / f"{name}.parquet")
    return lambda name: folder / f"{name}.parquet"


@pytest.fixture(autouse=True)
def fewer_permutations(monkeypatch):
    monkeypatch.setattr("hotmess.analyses.length._DRAWS", 50)


@pytest.fixture(scope="module")
def found(table):
    """Return what an analysis finds by itself, in such a table."""
    return cache(lambda name: getattr(analyses, name.replace("-", "_"))(hotmess.read(table(TABLE.get(name, "lengths")))))


@pytest.fixture
def drawn(monkeypatch):
    """Results that were drawn, with no more than their names: what each looks like is tested with the charts."""
    results = []

    def sketch(result):
        results.append(result)
        return SimpleNamespace(to_dict=lambda **_: {"data": {"values": [{}]}, "mark": "point", "title": result.name})

    monkeypatch.setattr("hotmess.charts.chart", sketch)
    return results


@pytest.mark.parametrize("name", FIGURES)
def test_every_analysis_is_drawn_by_its_name_with_its_defaults(run, tmp_path, table, found, drawn, name):
    code, out, err = run("figure", name, table(TABLE.get(name, "lengths")), "-o", "x.svg")
    assert (code, out) == (0, "")
    assert err.startswith("wrote x.svg\n")
    assert all(line.startswith(("note[", "  hint: ")) for line in err.splitlines()[1:])
    assert f">{name.replace('-', '_')}<" in (tmp_path / "x.svg").read_text()
    assert [file.name for file in tmp_path.iterdir()] == ["x.svg"]
    assert drawn[0].points.equals(found(name).points)


@pytest.mark.parametrize(("number", "name"), NUMBERS)
def test_every_figure_of_the_paper_is_drawn_by_its_number(run, tmp_path, table, found, drawn, monkeypatch, number, name):
    monkeypatch.setattr(analyses, name.replace("-", "_"), lambda *_, **__: found(name))
    code, out, _ = run("figure", number.upper(), table(TABLE.get(name, "lengths")), "-o", "x.svg")
    assert (code, out) == (0, "")
    assert drawn == [found(name)]
    assert f">{name.replace('-', '_')}<" in (tmp_path / "x.svg").read_text()


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_what_is_drawn_is_the_chart_of_the_result(run, tmp_path, table, suffix):
    assert run("figure", "plane", table("sizes"), "-o", f"x.{suffix}")[0] == 0
    drawn = render(analyses.plane(hotmess.read(table("sizes"))).chart(), f".{suffix}")
    assert (tmp_path / f"x.{suffix}").read_bytes() == drawn


def test_all_analyses_and_all_numbers_are_listed(run):
    code, out, _ = run("figure", "--help")
    assert code == 0
    assert {name.replace("-", "_") for name in FIGURES} == set(analyses.__all__)
    for word in (*FIGURES, *(number for number, _ in NUMBERS)):
        assert word in out.split() or f"{word}," in out.split()
    assert len(NUMBERS) == len(dict(NUMBERS))  # no number is two analyses


@pytest.mark.parametrize("name", ["by-overthinking", "by-ensemble", "sample-efficiency", "one-question", "format-adherence"])
def test_json_is_the_only_thing_on_stdout_and_the_same_twice(run, table, found, name):
    code, out, _ = run("figure", name, table(TABLE.get(name, "lengths")), "--json")
    assert code == 0
    assert json.loads(out)["analysis"] == name.replace("-", "_")
    assert len(json.loads(out)["points"]) > 1
    assert json.loads(out) == json.loads(found(name).to_json())
    assert run("figure", name, table(TABLE.get(name, "lengths")), "--json")[1] == out


@pytest.mark.parametrize("suffix", ["csv", "parquet", "txt"])
def test_the_figures_as_a_table(run, tmp_path, table, suffix):
    assert run("figure", "pass-k", table("lengths"), "--size", 1, "--size", 3, "-o", f"x.{suffix}")[0] == 0
    found = analyses.pass_k(hotmess.read(table("lengths")), sizes=(1, 3))
    read = {"csv": pl.read_csv, "parquet": pl.read_parquet}.get(suffix)
    if read is None:
        assert (tmp_path / "x.txt").read_text() == str(found) + "\n"
    else:
        assert read(tmp_path / f"x.{suffix}")["pass_at"].to_list() == found.points["pass_at"].to_list()


def test_without_an_output_the_table_is_shown_and_what_to_type_next(run, table):
    code, out, err = run("figure", "by-length", table("lengths"), "--buckets", 2)
    assert code == 0
    assert "doubling of output_tokens" in out
    assert f"next: hotmess figure by-length {table('lengths')} --buckets 2 -o by-length.svg" in err
    assert "note[same-samples]" in err


def test_options_say_how_to_measure(run, table):
    path = table("lengths")
    words = ("--buckets", 2, "--length", "output_chars", "--loss", "coverage", "--leave-pair-out", "--model", "a")
    shown = json.loads(run("figure", "by-length", path, *words, "--json")[1])
    assert (shown["loss"], shown["length"]) == ("coverage", "output_chars")
    assert {point["model"] for point in shown["points"]} == {"a"}
    assert "leave-pair-out" in shown["tests"][-1]["how"]
    paper = json.loads(run("figure", "3", path, "--paper", "--json")[1])
    assert (paper["loss"], paper["estimator"]) == ("kl", "plugin")


def test_options_say_what_to_compare(run, table):
    def points(name, which, *words):
        return json.loads(run("figure", name, table(which), *words, "--json")[1])["points"]

    shown = points("by-ensemble", "contexts", "--size", 1, "--size", 4, "--design", "3x4")
    assert {(point["way"], point["size"]) for point in shown} >= {("new contexts", 4), ("3 contexts × 4", 12)}
    assert {point["difficulty"] for point in points("plane", "sizes", "--by", "difficulty")} == set(worlds.DIFFICULTY)
    assert {point["draws"] for point in points("answer-changes", "contexts", "--draws", 2)} == {2}
    assert {point["question_id"] for point in points("one-question", "lengths", "--question", "q0003")} == {"q0003"}


@pytest.mark.parametrize("number", ["4b", "27"])
def test_figures_of_people_explain_themselves(run, table, number):
    code, out, err = run("figure", number, table("lengths"), "-o", "x.svg")
    assert (code, out) == (2, "")
    assert f"figure {number} of the paper is of a survey of people, not of samples of a model" in err


WRONG = {
    "a name": (("by-lenght", "lengths"), "there is no figure or analysis `by-lenght`; did you mean `by-length`?"),
    "a number": (("99", "lengths"), "there is no figure or analysis `99`"),
    "no table": (("by-length",), "Missing argument 'PATH...'"),
    "an ending": (
        ("by-length", "lengths", "-o", "x.docx"),
        "error[cannot-write]: `x.docx` ends in `.docx`, in which this is not written",
    ),
    "a folder": (("by-length", "lengths", "-o", "no/x.svg"), "error[cannot-write]: the folder"),
    "no buckets": (("by-length", "lengths", "--buckets", "0"), "0 is not in the range x>=1"),
    "a design": (("by-ensemble", "lengths", "--design", "3y4"), "write 3x4 for three contexts with four samples each"),
    "an empty design": (("by-ensemble", "lengths", "--design", "0x4"), "write 3x4 for three contexts"),
    "a scheme": (("by-ensemble", "lengths", "--scheme", "open"), "'open' is not one of 'closed', 'disjoint'"),
    "one draw": (("answer-changes", "lengths", "--draws", "1"), "1 is not in the range x>=2"),
    "another's option": (("plane", "sizes", "--draws", "3"), "No such option"),
    "a column": (("plane", "sizes", "--by", "colour"), "error[no-such-column]: the column `colour` does not exist"),
    "a step": (("by-step", "lengths"), "error[no-such-column]: there is no numeric column `step`"),
    "a length": (("by-length", "lengths", "--length", "miles"), "error[no-such-column]: the column `miles` does not exist"),
    "an aim": (("split-bias", "lengths"), "error[missing-column]: there is no column `intended`"),
    "a question": (("one-question", "lengths", "--question", "q00"), "error[nothing-selected]: there is no question `q00`"),
    "a model": (("pass-k", "lengths", "--model", "c"), "error[nothing-selected]: no row has the model `c`"),
    "waits": (("by-wait-ratio", "sizes"), "error[no-such-column]: the table has no column `wait_count`"),
    "nothing to draw": (
        ("by-length", "right", "-o", "x.svg"),
        "error[nothing-to-show]: by_length found no figure that is defined",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_meant_is_refused_with_a_message_and_nothing_is_written(run, tmp_path, table, name):
    words, message = WRONG[name]
    code, out, err = run("figure", *(table(word) if word in TABLES else word for word in words))
    assert (code, out) == (2, "")
    assert message in err
    assert list(tmp_path.iterdir()) == []


def test_where_there_is_nothing_to_draw_the_table_is_still_printed(run, table):
    code, out, err = run("figure", "by-length", table("right"))
    assert code == 0
    assert "100%" in out
    assert "note[no-errors]" in err
