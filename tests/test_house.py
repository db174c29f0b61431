"""The house: which way imports run, how big a room may be, what must stay light, and that the documents tell the truth."""

import ast
import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

import hotmess

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src" / "hotmess").rglob("*.py"))
ORDER = [
    *(
        "notices",
        "errors",
        "devices",
        "engines",
        "answers",
        "frames",
        "samples",
        "lists",
        "kinds",
        "prepare",
        "convert",
        "store",
        "responses",
        "copies",
        "traps",
        "sums",
        "tally",
        "blocks",
    ),
    *(
        "decompose",
        "leave_out",
        "singles",
        "pairs",
        "ensembles",
        "repeats",
        "infer",
        "rows",
        "checks",
        "overview",
        "tabular",
        "show",
        "measurement",
        "groups",
        "doubt",
        "asked",
        "figures",
        "withhold",
        "measure",
    ),
    *("collect", "arrays", "result", "analyses", "decide", "charts", "survey", "synthetic", "report", "cli", "pytest_plugin"),
]
_READING = ("store", "collect", "survey", "report", "cli", "pytest_plugin")  # rooms that read what users name
READERS = ("read", "reasoners")  # they make samples and know nothing of what follows


def room(path):
    return path.relative_to(ROOT / "src" / "hotmess").with_suffix("").parts[0]


def imports(path):
    """The rooms that a file imports when it is loaded."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hotmess."):
            yield node.module.split(".")[1]


@pytest.mark.parametrize("path", [p for p in SOURCES if room(p) != "__init__"], ids=lambda p: p.name)
def test_imports_run_one_way(path):
    mine = room(path)
    allowed = ORDER[: ORDER.index("prepare") + 1] if mine in READERS else ORDER[: ORDER.index(mine)]
    assert set(imports(path)) - {mine} <= {*allowed, *(READERS if mine in _READING else ())}


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.name)
def test_rooms_are_small(path):
    assert len(path.read_text().splitlines()) <= (470 if path.name == "errors.py" else 350)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            assert body[-1].end_lineno - body[0].lineno < 45 if body else True, node.name


def loaded(code):
    found = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(found.stdout.split())


def test_importing_is_light():
    heavy = {"polars", "numpy", "narwhals", "scipy", "rich", "jaxtyping", "pandas", "altair"}
    assert not loaded("import hotmess") & (heavy | {"click"})
    assert not loaded("import hotmess.cli") & heavy


def test_public_names_are_there_and_are_no_modules():
    import hotmess.measure
    import hotmess.read

    for name in hotmess.__all__:
        assert getattr(hotmess, name) is not None
    assert callable(hotmess.measure)
    assert callable(hotmess.read)
    assert callable(hotmess.decompose)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = hotmess.nothing


def test_examples_in_docstrings(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert doctest.testmod(hotmess).failed == 0


def readme(language):
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    return [text for name, text in blocks if name == language]


def test_readme_shows_what_comes_out():
    shown = next(block for block in readme("") if "stubborn" in block and "verdict" in block)
    found = str(hotmess.measure(hotmess.read(ROOT / "examples" / "simulated.csv")))
    for line in shown.splitlines():
        assert line.strip() in found


def test_readme_python(monkeypatch):
    monkeypatch.chdir(ROOT)
    names = {}
    for block in readme("python"):
        exec(compile(block, "README.md", "exec"), names)  # noqa: S102 - our own document
    assert names["terms"].variance == pytest.approx([2 / 3, 0])


def test_readme_has_one_command_to_try_and_one_to_test():
    commands = [line for block in readme("") for line in block.splitlines() if line.startswith("python3 -m pip install")]
    assert commands == [
        "python3 -m pip install . && hotmess demo",
        "python3 -m pip install -e '.[test]' && python3 -m pytest",
    ]


def test_example_table_is_what_its_script_makes():
    made = subprocess.run([sys.executable, ROOT / "examples" / "simulate.py"], capture_output=True, text=True, check=True)
    assert made.stdout == (ROOT / "examples" / "simulated.csv").read_text()


def test_notebook_runs_from_start_to_end(tmp_path):
    ran = subprocess.run(
        [sys.executable, ROOT / "examples" / "tour.py"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_results_and_charts_display_in_jupyter():
    from IPython.core.formatters import DisplayFormatter

    samples = hotmess.read(ROOT / "examples" / "simulated.csv")
    for shown in (hotmess.measure(samples), hotmess.by_length(samples, buckets=2)):
        data, _ = DisplayFormatter().format(shown)
        assert "<svg" in data["text/html"]
        assert "incoherence" in data["text/plain"]
