"""Every message: what was found, where, why, what to type; on stderr, with exit code 2, and nothing half written."""

import os
import re
import stat

import polars as pl
import pytest
from test_read import table

import hotmess
from hotmess import errors
from hotmess.errors import NOTICES, HotmessError, Notice

ROWS = {"question_id": ["q1", "q1", "q2", "q2"], "answer": ["A", "B", "A", "A"], "target": ["A", "A", "B", "B"]}


def csv(**columns):
    return pl.DataFrame(ROWS | columns).write_csv()


def without(*names):
    return pl.DataFrame({n: v for n, v in ROWS.items() if n not in names}).write_csv()


def probs(*rows):
    table = pl.DataFrame({"question_id": ["q1"] * len(rows), "prob_A": [r[0] for r in rows], "prob_B": [r[1] for r in rows]})
    return table.with_columns(target=pl.lit("A")).write_csv()


BAD = {
    "wrong names": (
        pl.DataFrame(ROWS).rename({"question_id": "id"}).write_csv(),
        [],
        "error[missing-column]: there is no column for the question (`question_id`); found: id, answer, target\n"
        "  why: bias and variance are properties of the answers to one question\n"
        "  hint: --columns question_id=id\n",
    ),
    "no answers": (
        without("answer"),
        [],
        "error[no-prediction]: no column holds what the model said; found: question_id, target\n"
        "  why: one of answer, probs (or prob_A, prob_B, …), tests, score, vector is needed\n"
        "  hint: --columns answer=NAME\n",
    ),
    "a column that is not there": (
        csv(),
        ["--columns", "answer=pred"],
        "error[missing-column]: `--columns answer=pred` names a column that is not there; found: question_id, answer, target\n",
    ),
    "no targets": (
        without("target"),
        [],
        "error[no-target]: the table has neither a target nor a score\n"
        "  why: bias is the distance from the right answer\n"
        "  hint: --columns target=NAME, or --loss spread for the variance alone\n",
    ),
    "two targets": (
        csv(target=["A", "B", "B", "B"]),
        [],
        "error[two-targets]: 1 question(s) have more than one target\n"
        "  where: q1 has A and B\n"
        "  why: if options were shuffled between runs, a letter names another answer each time\n"
        "  hint: store the text of the answer, or give each shuffle its own question_id\n",
    ),
    "a target that is no option": (
        csv(choices=['["A", "B"]', '["A", "B"]', '["A", "C"]', '["A", "C"]']),
        [],
        "error[target-not-option]: the target of 1 question(s) is not among the options\n"
        "  where: q2: B\n"
        "  why: then every answer is wrong by construction\n"
        "  hint: write targets as the options are written\n",
    ),
    "more answers than options": (
        csv(n_choices=[1, 1, 2, 2]),
        [],
        "error[target-not-option]: 1 question(s) have more different answers than options\n"
        "  where: q1: 2 answers, 1 options\n"
        "  why: `n_choices` or the answers are wrong\n"
        "  hint: --columns n_choices=    (to ignore the column)\n",
    ),
    "one sample": (
        csv(question_id=["q1", "q2", "q3", "q4"]),
        [],
        "error[one-sample]: all 4 questions have a single sample\n"
        "  why: bias and variance cannot be told apart\n"
        "  hint: sample each question again: `epochs=10` in Inspect, `repeats: 10` in lm-eval, `--repeat 10` in promptfoo, "
        "more trials; or, if repeats have ids of their "
        "own, name the question: --columns question_id=NAME\n",
    ),
    "a question that is missing": (
        csv(question_id=["q1", "q1", None, "q2"]),
        [],
        "error[missing-value]: 1 of 4 rows have no question_id\n"
        "  why: nobody can tell which answers belong together\n"
        "  hint: fill the column, or remove these rows\n",
    ),
    "copies": (
        csv(sample_id=[0, 0, 0, 1]),
        [],
        "error[duplicate-samples]: 1 question(s) have the same sample_id more than once\n"
        "  where: q1/0\n"
        "  why: a response that is counted twice agrees with itself\n"
        "  hint: remove the copies; or say what tells them apart: --columns sample_id=NAME (test_id=NAME for unit tests)\n",
    ),
    "copies with names": (
        csv(sample_id=["a", "a", "a", "b"]),
        [],
        "error[duplicate-samples]: 1 question(s) have the same sample_id more than once\n"
        "  where: q1/a\n"
        "  why: a response that is counted twice agrees with itself\n"
        "  hint: remove the copies; or say what tells them apart: --columns sample_id=NAME (test_id=NAME for unit tests)\n",
    ),
    "a strange status": (
        csv(status=["ok", "success", "ok", "ok"]),
        [],
        "error[bad-status]: `status` holds `success`; known are ok, invalid, limit, error, missing\n"
        "  why: rows of status error and missing are left out, so the words must be understood\n"
        "  hint: --columns status=    (to ignore the column)\n",
    ),
    "nothing counts": (
        csv(status=["error"] * 4),
        [],
        "error[nothing-counts]: every row has the status error or missing\n  hint: --columns status=    (to ignore the column)\n",
    ),
    "NaN": (
        probs((float("nan"), 0.5), (float("nan"), 0.5), (0.5, 0.5)),
        [],
        "error[bad-probability]: 2 of 3 (67%) stated probabilities are negative, not finite, or sum to neither 1 nor 100\n"
        "  why: they would all count as answers that could not be read\n"
        "  hint: look at the columns; log-probabilities must be turned into probabilities first\n",
    ),
    "negative": (
        probs((-0.5, 1.5), (0.5, 0.5)),
        [],
        "error[bad-probability]: 1 of 2 (50%) stated probabilities are negative, not finite, or sum to neither 1 nor 100\n"
        "  why: they would all count as answers that could not be read\n"
        "  hint: look at the columns; log-probabilities must be turned into probabilities first\n",
    ),
    "sums away from one": (
        probs((0.5, 0.6), (0.9, 0.3)),
        [],
        "error[bad-probability]: 2 of 2 (100%) stated probabilities are negative, not finite, or sum to neither 1 nor 100\n"
        "  why: they would all count as answers that could not be read\n"
        "  hint: look at the columns; log-probabilities must be turned into probabilities first\n",
    ),
    "scores in percent": (
        "question_id,score\nq1,80\nq1,100\n",
        [],
        "error[bad-score]: 2 of 2 (100%) scores lie outside 0 to 1\n"
        "  why: the target of a score is 1\n"
        "  hint: divide by the most that can be had\n",
    ),
    "mixed kinds": (
        "task,question_id,answer,target,score\na,1,A,A,\na,1,B,A,\nb,1,,,0\nb,1,,,1\n",
        [],
        "error[mixed-kinds]: the predictions are of different kinds: answers in a; score in b\n"
        "  why: their errors have no common scale\n"
        "  hint: --task a\n",
    ),
    "unparsed": (
        csv(answer=["A", None, None, "A"]),
        [],
        "error[mostly-unparsed]: 2 of 4 answers (50%) could not be read\n"
        "  why: the figures would describe the parser, not the model\n"
        "  hint: read the answers again, or --max-invalid 0.51 if the share is real\n",
    ),
    "another loss": (
        csv(),
        ["--loss", "squared"],
        "error[loss-mismatch]: the loss squared is not defined for answers\n"
        "  hint: --loss brier | kl | mode | zero-one | coverage | spread\n",
    ),
    "no length": (
        csv(),
        ["--by", "length:4"],
        "error[no-length]: the table has no length\n"
        "  why: questions or samples cannot be told apart by how long their reasoning was\n"
        "  hint: --length COLUMN; known are reasoning_tokens, output_tokens, output_chars, actions\n",
    ),
    "no such column": (
        csv(),
        ["--by", "colour"],
        "error[no-such-column]: the column `colour` does not exist; there are no others\n",
    ),
    "no such model": (
        csv(model=["m"] * 4),
        ["--model", "n"],
        "error[nothing-selected]: no row has the model `n`; found: m\n  hint: --model 'm'\n",
    ),
    "columns that are no pair": (
        csv(),
        ["--columns", "answer"],
        "error[usage]: `--columns answer` is not understood\n  hint: --columns question_id=id,answer=pred\n",
    ),
    "no such label": (
        csv(),
        ["--label", "score"],
        "error[no-prediction]: `--label score` was asked for, but the table holds answers only\n"
        "  hint: leave --label out, or name the column with --columns\n",
    ),
    "lists that are none": (
        csv(choices=["A or B"] * 4),
        [],
        'error[bad-shape]: `choices` must hold lists, written like ["A", "B"]; it holds A or B\n',
    ),
    "an empty file": ("", [], "error[empty-table]: `in.csv` is empty\n  why: a job may have died before it wrote\n"),
    "only a header": ("question_id,answer,target\n", [], "error[empty-table]: the table has no rows\n"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(run, tmp_path, name):
    content, words, message = BAD[name]
    (tmp_path / "in.csv").write_text(content)
    code, out, err = run("measure", "in.csv", *words, "-o", "out.json")
    assert code == 2
    assert out == ""
    assert err == message
    assert [file.name for file in tmp_path.iterdir()] == ["in.csv"]


def test_files_that_cannot_be_read(run, tmp_path):
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and then nothing")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG....")
    (tmp_path / "dict.json").write_text('{"question_id": 1}')
    (tmp_path / "half.jsonl").write_text('{"question_id": 1}\n{"question_id": ')
    (tmp_path / "empty").mkdir()
    cases = {
        "nothing.csv": "error[no-such-path]: `nothing.csv` does not exist",
        "broken.parque": "did you mean `broken.parquet`?",
        "*.xlsx": "error[no-such-path]: no file matches `*.xlsx`",
        "broken.parquet": "error[unreadable-file]: `broken.parquet` cannot be read as Parquet",
        "picture.png": "error[not-a-table]: `picture.png` is in no format that hotmess knows",
        "dict.json": "error[not-a-table]: `dict.json` is JSON, but not a list of records",
        "half.jsonl": "error[unreadable-file]: `half.jsonl` cannot be read as JSON lines",
        "empty": "error[not-a-table]: there is no file in `empty`",
    }
    for path, message in cases.items():
        code, out, err = run("measure", path)
        assert (code, out) == (2, "")
        assert message in err


def test_places_that_cannot_be_written(run, tmp_path):
    table().write_csv(tmp_path / "in.csv")
    locked = tmp_path / "locked"
    locked.mkdir()
    os.chmod(locked, stat.S_IRUSR | stat.S_IXUSR)  # noqa: PTH101
    cases = {"out.docx": "ends in `.docx`", "out": "has no ending", "missing/out.json": "does not exist", ".": "is a folder"}
    if os.geteuid() != 0:  # nothing is locked for root
        cases["locked/out.json"] = "no permission"
    for place, message in cases.items():
        code, out, err = run("measure", "in.csv", "-o", place)
        assert (code, out) == (2, "")
        assert err.startswith("error[cannot-write]")
        assert message in err
    assert not list(locked.iterdir())


@pytest.mark.parametrize("suffix", ["json", "csv", "parquet", "txt"])
def test_places_that_can(run, tmp_path, suffix):
    table().write_csv(tmp_path / "in.csv")
    code, out, err = run("measure", "in.csv", "-o", f"out.{suffix}")
    assert (code, out) == (0, "")
    assert "wrote" in err
    assert (tmp_path / f"out.{suffix}").stat().st_size > 100
    assert len(list(tmp_path.iterdir())) == 2


def test_json_is_the_only_thing_on_stdout(run, tmp_path):
    table().write_csv(tmp_path / "in.csv")
    code, out, _ = run("measure", "in.csv", "--json")
    assert code == 0
    assert out == hotmess.measure(hotmess.read(tmp_path / "in.csv")).to_json() + "\n"


def test_check_shows_what_is_there_and_what_is_wrong(run, tmp_path):
    table().write_csv(tmp_path / "good.csv")
    code, out, err = run("check", "good.csv")
    assert code == 0
    assert "answers A, B, C, D" in out
    assert "next: hotmess measure good.csv" in err
    (tmp_path / "bad.csv").write_text(BAD["two targets"][0].replace("q2", "q3"))
    code, out, err = run("check", "bad.csv")
    assert code == 2
    assert "error[two-targets]" in err
    assert "next: hotmess explain two-targets" in err
    code, out, _ = run("check", "good.csv", "--json")
    assert '"label": "answers"' in out


def test_hostile_names_do_not_reach_the_terminal(run, tmp_path):
    table().filter(pl.col("model") == "m1").with_columns(model=pl.lit("\x1b[31mred\x07\u202ename")).write_parquet(
        tmp_path / "in.parquet"
    )
    for verb in ("measure", "check"):
        _, out, err = run(verb, "in.parquet")
        assert "\x1b" not in out + err
        assert "\u202e" not in out + err
        assert "redname" in out.replace("[31m", "")
    _, out, err = run("measure", "in.parquet", "--model", "x")
    assert "\x1b" not in err


def test_a_bug_of_ours_says_so_and_shows_no_data(run, tmp_path, monkeypatch):
    table().write_csv(tmp_path / "in.csv")

    def broken(*_, **__):
        raise ZeroDivisionError("the secret answer")

    monkeypatch.setattr("hotmess.tally.sums", broken)
    code, _, err = run("measure", "in.csv")
    assert code == 4
    assert "this is a bug in hotmess" in err
    assert "secret" not in err


def test_interrupted(run, tmp_path, monkeypatch):
    table().write_csv(tmp_path / "in.csv")

    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("hotmess.tally.sums", stopped)
    assert run("measure", "in.csv", "-o", "out.json")[0] == 130
    assert [file.name for file in tmp_path.iterdir()] == ["in.csv"]


def classes(base=HotmessError):
    return [base, *(leaf for child in base.__subclasses__() for leaf in classes(child))]


def test_every_error_is_in_the_tree_and_explains_itself(run):
    for error in classes()[1:]:
        assert error.__name__ in errors.__doc__
        if "code" in vars(error):
            assert re.search(rf"{error.__name__}\s+{error.code}\n", errors.__doc__)
            code, out, _ = run("explain", error.code)
            assert code == 0
            assert len(out) > 60
    assert run("explain", "two-target")[0] == 2
    assert "two-targets" in run("explain", "two-target")[2]


def test_every_notice_that_can_be_given_is_explained():
    source = "".join(path.read_text() for path in (errors_path().parent).rglob("*.py"))
    given = set(re.findall(r'Notice\(\s*"([a-z-]+)"', source))
    assert given == set(NOTICES)


def errors_path():
    from pathlib import Path

    return Path(errors.__file__)


def test_messages_are_made_of_their_parts():
    error = errors.NoTarget("found", where="here", why="because", hint="type this")
    assert str(error) == "error[no-target]: found\n  where: here\n  why: because\n  hint: type this"
    assert str(Notice("label", "found", "type this")) == "note[label]: found\n  hint: type this"
