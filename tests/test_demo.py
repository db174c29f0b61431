"""What comes with hotmess: models, the answers that they gave, and the demo that measures these."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

import hotmess
from hotmess.cli import _verbs
from hotmess.reasoners.chains import Dials, question
from hotmess.reasoners.family import made, place, shipped

ROOMS = Path(hotmess.__file__).parent / "reasoners"
LOGS = ROOMS / "logs"
RUNS = {"chains": (200, 30), "chains-mistaken": (100, 15), "chains-deep": (100, 100)}


def run(*words):
    return CliRunner().invoke(_verbs, words)


def test_models_and_answers_are_small_enough_to_come_along():
    assert sum(path.stat().st_size for path in (ROOMS / "checkpoints").rglob("*") if path.is_file()) < 30e6
    assert sum(path.stat().st_size for path in LOGS.glob("*.parquet")) < 8e6


def test_models_come_in_four_sizes_from_a_tenth_of_a_million_parameters():
    sizes = [made(place(name))["parameters"] for name in shipped() if "mistaken" not in name]
    assert len(sizes) >= 4
    assert min(sizes) < 0.15e6
    assert max(sizes) > 1.5e6


@pytest.mark.parametrize(("name", "questions", "samples"), [(name, *counts) for name, counts in RUNS.items()])
def test_answers_are_whole(name, questions, samples):
    table = pl.read_parquet(LOGS / f"{name}.parquet")
    counts = table.group_by("model", "question_id").len()
    assert counts["len"].unique().to_list() == [samples]
    assert table["question_id"].n_unique() == questions
    assert table.select("completion", "prompt", "target", "reasoning_tokens").null_count().sum_horizontal().item() == 0


def test_targets_are_those_of_the_questions():
    table = pl.read_parquet(LOGS / "chains.parquet").unique("question_id")
    dials = Dials(examples=(2, 2))
    for row in table.iter_rows(named=True):
        asked = question(int(row["question_id"].rpartition("-")[2]), dials=dials)
        assert (asked.answer, asked.difficulty) == (row["target"], row["difficulty"])
        assert row["prompt"].endswith(asked.text)


def test_demo_needs_neither_torch_nor_inspect(tmp_path):
    code = """
import sys
from hotmess.cli import main
sys.argv = ["hotmess", "demo", "-o", sys.argv[1]]
try:
    main()
finally:
    assert not {"torch", "transformers", "inspect_ai"} & set(sys.modules)
"""
    page = tmp_path / "report.html"
    ran = subprocess.run([sys.executable, "-c", code, page], capture_output=True, text=True, check=False)
    assert (ran.returncode, "Traceback" in ran.stderr) == (0, False), ran.stderr
    assert "verdict" in ran.stdout
    assert "hotmess trained these transformers itself" in ran.stdout
    assert "next: open" in ran.stderr
    html = page.read_text()
    assert all(name in html for name in shipped() if "mistaken" not in name)
    assert "Wait" in html


def test_demo_refuses_a_place_that_is_no_page(tmp_path):
    found = run("demo", "-o", str(tmp_path / "report.pdf"))
    assert found.exception.code == "cannot-write"


def test_models_are_listed_with_their_training():
    lines = run("reasoners", "list").stdout.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("reasoner")] == shipped()
    assert "with the misconception" in "".join(lines)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("ask", "reasoner-9m", "-o", "x.parquet"), "there is no reasoning model `reasoner-9m`"),
        (("ask", "reasoner-0.1m", "-o", "x.txt"), "ends in `.txt`"),
        (("ask", "reasoner-0.1m", "-o", "x.parquet", "--steps", "many"), "`many` is neither a number nor a range"),
        (("ask", "reasoner-0.1m", "-o", "x.parquet", "--steps", "3-99"), "steps 3 to 99; between 1 and 12"),
        (("ask", "reasoner-0.1m", "-o", "x.parquet", "--questions", "0"), "0 questions"),
        (("ask", "reasoner-0.1m", "-o", "x.parquet", "--temperature", "-1"), "temperature -1.0"),
        (("train", "-o", "models", "--size", "7b"), "there is no size `7b`"),
        (("train", "-o", "models", "--size", "0.1m", "--base", "reasoner-0.3m"), "reasoner-0.3m has the size 0.3m"),
    ],
)
def test_bad_words_are_named(words, found, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    assert found in str(run("reasoners", *words).exception)
    assert not list(tmp_path.iterdir())


def test_a_missing_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    found = run("reasoners", "ask", "reasoner-0.1m", "-o", str(tmp_path / "x.parquet")).exception
    assert (found.code, found.hint) == ("missing-extra", "pip install 'hotmess[reasoners]'")


def test_a_model_asked_again_says_what_its_log_says():
    pytest.importorskip("torch")
    from hotmess.reasoners.asking import ask
    from hotmess.reasoners.grid import Grid

    again = ask("reasoner-0.1m", Grid(questions=5))
    log = pl.read_parquet(LOGS / "chains.parquet").filter(pl.col("model").str.ends_with("reasoner-0.1m"))
    both = (
        again.group_by("question_id", "context_id")
        .agg(pl.col("completion").sort())
        .join(log.group_by("question_id", "context_id").agg(pl.col("completion").sort()), on=["question_id", "context_id"])
    )
    assert len(both) == 50
    # Sums are rounded in another order on another processor, which now and then turns a word.
    assert (both["completion"] == both["completion_right"]).mean() > 0.9


def told(row):
    """A row of the tables in the note."""
    share = row.incoherence
    figures = f"{row.error.value:.2f} | {row.bias2.value:.2f} | {row.variance.value:.2f}"
    return f"{figures} | {100 * share.value:.0f}% [{100 * share.low:.0f}-{100 * share.high:.0f}] |"


def test_the_note_says_what_the_answers_say():
    note = (Path(hotmess.__file__).parent.parent.parent / "docs" / "reasoners.md").read_text()
    for name, by in (("chains", ["difficulty"]), ("chains", []), ("chains-mistaken", [])):
        for row in hotmess.measure(hotmess.read(LOGS / f"{name}.parquet"), by=by).rows:
            words = " | ".join([row.group["model"].removeprefix("hotmess/reasoner-"), *([row.group["difficulty"]] if by else [])])
            assert f"| {words} | {told(row)}" in note
