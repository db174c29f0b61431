"""What a gate keeps and tells: limits, baselines, exit codes, JUnit XML, annotations, Markdown, and the pytest plugin."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
from test_compare import MIXED, answers
from test_gate import LOST, RIGHT, gate, outcomes
from test_house import loaded

import hotmess
from hotmess import Baseline, Limits, pytest_plugin
from hotmess.asked import Rules
from hotmess.decide.ci import annotations, junit, markdown
from hotmess.decide.gate import kept
from hotmess.decide.limits import amount
from hotmess.errors import LossMismatch, NotATable, OtherVersion, UsageError

ROOT = Path(__file__).parent.parent
HOSTILE = "a|b\\|\n::error::x\r]]><script>alert(1)</script>\x1b[31m\x00&\"'%`"


# ---------------------------------------------------------------------------------------------- limits and baselines


@pytest.mark.parametrize(
    ("written", "number"), [("50%", 0.5), ("2pt", 0.02), (0.5, 0.5), ("1 point", 0.01), (" 1e-2 ", 0.01), ("-3 PTS", -0.03)]
)
def test_limits_as_people_write_them(written, number):
    assert amount(written, "max_error") == pytest.approx(number)


@pytest.mark.parametrize("written", ["x", True, "nan", "inf", "", "0.5 %%", "1,5"])
def test_limits_that_are_none(written):
    with pytest.raises(UsageError, match=r"max-error is `.*`, which is no number"):
        Limits(max_error=written).each("brier")


@pytest.mark.parametrize(("written", "loss"), [(30, "brier"), (1, "coverage"), (-0.1, "brier"), ("200%", "brier")])
def test_limits_that_nothing_can_be_beyond_or_within(written, loss):
    with pytest.raises(UsageError, match=f"the limit of error is `{written}`; under the loss {loss} it lies between 0 and"):
        Limits(max_error=written).each(loss)


def test_a_rise_needs_a_baseline_and_a_gate_a_limit():
    with pytest.raises(UsageError, match=r"`rise of error <= 0.02` needs a baseline"):
        gate(answers(MIXED, 4, 0), max_error_increase="2pt")
    with pytest.raises(UsageError, match="no limit to hold anything to"):
        gate(answers(MIXED, 4, 0))


def test_a_kept_baseline_decides_like_its_logs(tmp_path):
    old, new = answers(MIXED, 6, 0, task="t", model="a|b"), answers(MIXED, 8, 1, task="t", model="a|b")
    (tmp_path / "b.json").write_text(kept(old).to_json())
    read = Baseline.read(tmp_path / "b.json")
    limits = {"max_error": 0.9, "max_error_increase": 0.3, "max_incoherence_increase": 0.01, "max_bias2_increase": -0.5}
    for rules in (Rules(), Rules(about="benchmark")):
        by_file, by_logs = (gate(new, baseline=one, rules=rules, **limits) for one in (read, old))
        assert outcomes(by_file) == outcomes(by_logs)
        assert len(set(outcomes(by_file))) == 3
        for one, two in zip(by_file.decided, by_logs.decided, strict=True):
            assert [one.found.value, one.found.low, one.found.high] == pytest.approx(
                [two.found.value, two.found.low, two.found.high], abs=1e-5
            )
            assert one.needs == two.needs
    assert kept(old).to_json() == kept(old.sample(fraction=1, shuffle=True, seed=1)).to_json()
    for other in (Rules(loss="mode"), Rules(estimator="plugin"), Rules(invalid="drop")):
        with pytest.raises(LossMismatch, match="the baseline was measured in another way"):
            gate(new, baseline=read, rules=other, max_error_increase=0.1)


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda text: text[:-40], NotATable),
        (lambda text: text.replace('"hotmess_baseline": 1', '"hotmess_baseline": 2'), OtherVersion),
        (lambda text: text.replace('"q001"', '"q000"'), NotATable),
        (lambda text: text.replace('"loss"', '"lost"'), NotATable),
        (lambda text: re.sub(r'(\["q001".*, 6, )[^,]*', r"\1null", text), NotATable),
        (lambda text: re.sub(r'(\["q001".*, 6, )[^,]*', r'\1"x"', text), NotATable),
        (lambda text: re.sub(r'(\["q001".*, 6, )[^,]*, ', r"\1", text), NotATable),
        (lambda text: text.replace("{}", "[]"), NotATable),
        (lambda _: "[]", NotATable),
    ],
)
def test_damaged_baselines_are_told(tmp_path, damage, error):
    text = kept(answers(MIXED, 6, 0)).to_json()
    assert damage(text) != text
    (tmp_path / "b.json").write_text(damage(text))
    with pytest.raises(error, match="--save-baseline"):
        Baseline.read(tmp_path / "b.json")


def test_json_has_one_order_and_no_nan():
    new = answers(np.where(np.arange(40)[:, None] < 3, (0.0, 1, 0, 0), MIXED), 15, 1)
    found = gate(new, max_error=0.9, max_error_increase=0.1, baseline=answers(MIXED, 15, 0), draws=499)
    whole = json.loads(found.to_json(), parse_constant=pytest.fail)
    assert list(whole)[:4] == ["hotmess", "outcome", "decided", "turned"]
    named = ["what", "before", "now", "value", "value_low", "value_high", "limit", "outcome", "needs", "questions"]
    assert [name for name in whole["decided"][0] if name in named] == named
    again = gate(new.reverse(), max_error=0.9, max_error_increase=0.1, baseline=answers(MIXED, 15, 0), draws=499)
    assert found.to_json() == again.to_json()
    assert all(one["into"] in ("messy", "systematic") for one in whole["turned"])


# ---------------------------------------------------------------------------------------------- other languages


@pytest.fixture(scope="module")
def hostile():
    """A gate of a model, a task and questions with names that end cells, tags, lines and sections."""
    runs = [answers([RIGHT, RIGHT, LOST, LOST], 20, 0), answers([LOST, LOST, LOST, LOST], 20, 1)]
    named = {"task": pl.lit(HOSTILE), "model": pl.lit(HOSTILE + "2"), "question_id": pl.lit(HOSTILE) + pl.col("question_id")}
    old, new = (run.with_columns(**named) for run in runs)
    return gate(new, baseline=old, draws=999, max_error=0.01, max_incoherence=0.5, max_error_increase=1.9, max_bias2=0.7)


def test_junit_can_be_parsed_whatever_names_are(hostile):
    suite = ElementTree.fromstring(junit(hostile)).find("testsuite")  # noqa: S314 - our own
    cases = suite.findall("testcase")
    assert len(cases) == len(hostile.decided) == int(suite.get("tests")) == 4
    tags = {"fail": "failure", "unsure": "skipped", "pass": None}
    for case, one in zip(cases, hostile.decided, strict=True):
        assert case.get("name") == str(one.limit)
        assert "<script>" in case.get("classname")
        assert [child.tag for child in case] == ([tags[one.outcome]] if tags[one.outcome] else [])
        assert all(f"limit {one.limit.most:g}" in child.get("message") for child in case)
    assert (int(suite.get("failures")), int(suite.get("skipped"))) == (
        len(suite.findall("*/failure")),
        len(suite.findall("*/skipped")),
    )


def test_annotations_are_one_line_each(hostile):
    lines = list(annotations(hostile))
    assert len(lines) == len([one for one in hostile.decided if one.outcome != "pass"]) > 1
    for line in lines:
        assert line.isprintable()
        assert re.match(r"::(error|warning) title=hotmess gate%3A (fail|unsure)::", line)


def test_markdown_has_one_row_for_each_limit(hostile):
    text = markdown(hostile)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    bars = [len(re.sub(r"\\.", "", line).split("|")) for line in lines]
    assert len(lines) == 2 + len(hostile.decided)
    assert len(set(bars)) == 1
    assert "<script" not in text
    assert "\x1b" not in text
    assert "2 questions turned messy: " in text
    assert str(hostile).count("questions turned messy") == 1


def test_exit_codes(run, tmp_path):
    answers(MIXED, 6, 0).write_csv(tmp_path / "new.csv")
    (row,) = hotmess.measure(answers(MIXED, 6, 0)).rows
    unsure = f"--max-error={row.error.value}"
    for words, code in (
        (["--max-error", "199%"], 0), (["--max-error", "1%"], 1), (["--max-error", "x"], 2), ([], 2), ([unsure], 3),
        ([unsure, "--unsure", "pass"], 0), ([unsure, "--unsure", "fail"], 1), (["--max-error-increase", "2pt"], 2),
        (["--max-error", "1", "--baseline", "none.json"], 2),
        (["--max-error", "1", "--peeking", "40", "--about", "benchmark"], 2),
        (["--max-error", "1", "--junit", "x.txt"], 2), (["--max-error", "1%", "--unsure", "pass"], 1),
    ):  # fmt: skip
        found, _, err = run("gate", "new.csv", "--draws", 0, *words)
        assert (found, "Traceback" in err) == (code, False), words


def test_files_and_github(run, tmp_path, monkeypatch):
    answers(MIXED, 6, 0).write_csv(tmp_path / "old.csv")
    answers(MIXED, 6, 1).write_csv(tmp_path / "new.csv")
    assert run("gate", "old.csv", "--save-baseline", "b.json")[0] == 0
    (tmp_path / "summary.md").write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    words = ["gate", "new.csv", "--baseline", "b.json", "--max-error", "1%", "--max-error-increase", "-50%"]
    code, out, _ = run(*words, "--junit", "gate.xml", "--github")
    assert (code, out.count("\n::error title=")) == (1, 2)
    assert ElementTree.parse(tmp_path / "gate.xml").getroot().tag == "testsuites"  # noqa: S314 - our own
    code, out, err = run(*words, "--github", "--json")
    assert json.loads(out)["outcome"] == "fail"
    assert err.count("::error title=") == 2
    summary = (tmp_path / "summary.md").read_text()
    assert summary.startswith("before\n### hotmess gate: FAIL")
    assert summary.count("### hotmess gate") == 2


def test_limits_in_pyproject(run, tmp_path):
    answers(MIXED, 6, 0).write_csv(tmp_path / "new.csv")

    def said(text, *words):
        (tmp_path / "pyproject.toml").write_text(text)
        code, _, err = run("gate", "new.csv", "--draws", 0, *words)
        return code, err

    assert said('[tool.hotmess.gate]\nmax-error = "1%"')[0] == 1
    assert said('[tool.hotmess.gate]\nmax-error = "1%"', "--max-error", "1.9")[0] == 0
    assert said('[tool.hotmess.gate]\nmax-error = 1.9\nbaseline = "new.csv"\nmax-error-increase = "50%"\nunsure = "fail"')[0] == 0
    for text, says in (
        ("max-eror = 1", "says `max_eror`, which is not known"), ("max-error = true", "`True`, which is no number"),
        ('max-error = "much"', "`much`, which is no number"), ("max-error = ", "cannot be read as TOML"),
        ("baseline = 5", "which is no path"), ('unsure = "maybe"', "maybe"),
    ):  # fmt: skip
        code, err = said("[tool.hotmess.gate]\n" + text)
        assert (code, "Traceback" in err) == (2, False)
        assert says in err
    assert "which is no table" in said("[tool.hotmess]\ngate = 5")[1]


# ---------------------------------------------------------------------------------------------- pytest


@pytest.fixture
def tested(tmp_path_factory):
    """Run pytest on a file of tests, in a folder of two runs, with the plugin as it is installed."""
    folder, installed = tmp_path_factory.mktemp("own"), tmp_path_factory.mktemp("installed")
    plugin = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    (installed / "own_hotmess-1.dist-info").mkdir()
    (installed / "own_hotmess-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: own-hotmess\nVersion: 1\n")
    points = "".join(f"{name} = {module}\n" for name, module in plugin.items())
    (installed / "own_hotmess-1.dist-info" / "entry_points.txt").write_text("[pytest11]\n" + points)
    answers(MIXED, 6, 0).write_csv(folder / "old.csv")
    answers(MIXED, 6, 1).write_csv(folder / "new.csv")

    def call(source, *words):
        (folder / "test_it.py").write_text(source)
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rsf", *words],
            cwd=folder,
            env={name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"} | {"PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        return folder, ran.stdout + ran.stderr

    return call


def test_a_run_of_pytest(tested):
    unsure = float(hotmess.measure(answers(MIXED, 6, 1)).rows[0].error.value)
    _, said = tested(f"""
seen = []
def test_pass(hotmess):
    seen.append(hotmess)
    assert hotmess.gate("new.csv", max_error=1.9).outcome == "pass"
def test_fail(hotmess):
    assert hotmess is not seen[0]
    hotmess.gate("new.csv", max_error="1%")
def test_unsure(hotmess):
    hotmess.gate("new.csv", max_error={unsure})
def test_unsure_fail(hotmess):
    hotmess.gate("new.csv", max_error={unsure}, unsure="fail")
def test_unsure_pass(hotmess):
    assert hotmess.gate("new.csv", max_error={unsure}, unsure="pass").outcome == "unsure"
def test_missing(hotmess):
    hotmess.gate("new.csv", baseline="none.json", max_error_increase=0.1)
def test_rise(hotmess):
    hotmess.gate("new.csv", baseline="old.csv", max_error_increase=1.9)
""")
    assert "3 failed, 3 passed, 1 skipped" in said
    assert "FAIL: of 1 limits 1 beyond" in said
    assert "UNSURE: of 1 limits 1 unsure" in said
    assert re.search(r"SKIPPED .*: unsure: error <= .*, needs ", said)
    assert "none.json; pytest --hotmess-update writes it" in said
    assert not re.search(r"Traceback|def test_fail|^E  |pytest_plugin.py:\d+: Failed", said, re.MULTILINE)


def test_the_two_options(tested):
    source = 'def test_it(hotmess):\n    hotmess.gate("new.csv", baseline="b.json", max_error_increase=0.4)\n'
    folder, said = tested(source, "--hotmess-update")
    assert "1 passed" in said
    assert Baseline.read(folder / "b.json").arms[0].error.shape == (40,)
    page = 'sys.modules["hotmess.report"].report = lambda seen, command: f"<html>{len(seen)} by {command}"'
    page = f"import sys, hotmess.report\n{page}\n"
    (folder / "conftest.py").write_text(page)  # what is on a page is tested elsewhere, and takes long
    _, said = tested(source, "--hotmess-report", "page.html")
    assert "1 passed" in said
    assert (folder / "page.html").read_text() == "<html>1 by pytest --hotmess-report"


def test_the_plugin_adds_two_options_and_nothing_else():
    options, parser = [], pytest.Parser(_ispytest=True)
    pytest_plugin.pytest_addoption(parser)
    for group in parser._groups:
        options += [name for option in group.options for name in option.names()]
    assert options == ["--hotmess-report", "--hotmess-update"]
    assert not loaded("import hotmess.pytest_plugin") & {"polars", "numpy", "narwhals", "scipy", "rich", "altair", "click"}
    names = {
        node.attr for node in ast.walk(ast.parse(Path(pytest_plugin.__file__).read_text())) if isinstance(node, ast.Attribute)
    }
    assert not names & {"environ", "getenv", "putenv"}
