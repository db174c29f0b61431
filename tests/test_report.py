"""The page: what it says and when it may say so, what its tables hold, and that it never changes."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import worlds

import hotmess
from hotmess.asked import ask
from hotmess.errors import OneSample, UsageError
from hotmess.infer import Interval
from hotmess.report.evidence import Evidence, evidence
from hotmess.report.otherwise import otherwise
from hotmess.report.part import Part, part, parts_of
from hotmess.report.pictures import picture
from hotmess.report.questions import answers_of, questions_of, strips
from hotmess.report.verdict import percent, verdict
from hotmess.rows import Row

TABLE = Path(__file__).parent.parent / "examples" / "simulated.csv"


def interval(value, low=np.nan, high=np.nan):
    return Interval(value, low, high, 0.95)


def row(ratio, said, *, model="m", questions=100, error=0.4):
    parts = {"bias2": interval(0.2, 0.1, 0.3), "variance": interval(0.2, 0.1, 0.3)}
    return Row(
        group={"model": model}, questions=questions, samples=questions * 5, questions_left_out=0, left_out=0, invalid_rate=0.0,
        error=interval(error, error - 0.1, error + 0.1), **parts, incoherence=ratio, input_variance=None, output_variance=None,
        effective_questions=50.0, interval="jackknife", verdict=said,
    )  # fmt: skip


def text(words):
    return "".join(said.text for said in words)


CASES = {
    "hot mess": (
        interval(0.62, 0.57, 0.67),
        "When m is wrong here, it is mostly a hot mess: 62% [57–67] of its error is variance.",
    ),
    "systematic": (
        interval(0.15, 0.09, 0.23),
        "When m is wrong here, it fails mostly the same way each time: only 15% [9–23] of its error is variance.",
    ),
    "mixed": (interval(0.5, 0.44, 0.58), "When m is wrong here, it is half and half: 50% [44–58] of its error is variance."),
    "almost never wrong here": (
        interval(0.9),
        "m is almost never wrong here: error 0.400, at most 0.500; too few errors to say how it fails.",
    ),
}


@pytest.mark.parametrize("said", CASES)
def test_the_headline_says_what_the_verdict_allows(said):
    ratio, sentence = CASES[said]
    found = verdict([("m", row(ratio, said))], "brier", wrong={"m": 50})
    assert (text(found.headline), found.kind, found.about) == (sentence, said, "m")
    assert found.advice


def test_too_little_says_why():
    few = verdict([("m", row(interval(0.5, 0.2, 0.8), "too little to tell"))], "brier", wrong={"m": 3})
    assert (
        text(few.headline) == "Too little to tell how m fails here: 3 questions with a wrong answer, and at least 20 are needed."
    )
    wide = verdict([("m", row(interval(0.5, 0.2, 0.8), "too little to tell"))], "brier", wrong={"m": 60})
    assert "50% [20–80]" in text(wide.headline)


def test_of_a_few_models_the_messiest_has_the_headline_and_the_others_are_named():
    rows = [
        ("a", row(interval(0.3, 0.2, 0.4), "systematic")),
        ("b", row(interval(0.7, 0.6, 0.8), "hot mess")),
        ("c", row(interval(0.5, 0.4, 0.6), "mixed")),
    ]
    found = verdict(rows, "brier", wrong={})
    assert text(found.headline).startswith("When b is wrong here, it is mostly a hot mess")
    assert found.more == ("a (30% [20–40]) fails mostly the same way each time. c (50% [40–60]) is half and half.",)


def test_many_models_are_counted():
    rows = [
        (f"m{n}", row(interval(0.2 + 0.1 * n, 0.1 + 0.1 * n, 0.3 + 0.1 * n), said))
        for n, said in enumerate(["systematic"] * 2 + ["mixed"] * 3)
    ]
    found = verdict(rows, "brier", wrong={})
    assert text(found.headline) == "Of 5 models, 2 fail mostly the same way each time; and 3 are half and half."
    assert found.more == (
        "Of those that can be told, the messiest is m4, 60% [50–70] variance; the most systematic is m0, 20% [10–30].",
    )
    alike = verdict([(name, replace(one, verdict="mixed")) for name, one in rows], "brier", wrong={})
    assert text(alike.headline) == "All 5 models are half and half."


@pytest.mark.parametrize(("loss", "words"), [("zero_one", "0/1 error has no share"), ("spread", "nobody can say what is error")])
def test_losses_without_a_share_get_no_verdict(loss, words):
    found = verdict([("m", row(interval(np.nan), None))], loss, wrong={})
    assert words in text(found.headline)
    assert found.kind == ""


def test_estimates_beyond_the_ends_are_shown_as_the_ends():
    assert percent(interval(-0.02, 0.0, 0.04)) == "0% [0–4]"
    assert percent(interval(np.nan)) == "—"


@pytest.fixture(scope="module")
def samples():
    return hotmess.read(TABLE)


@pytest.fixture(scope="module")
def scattered(samples):
    rules = hotmess.Rules()
    ((title, one),) = parts_of([samples], rules)
    found = part(0, title, one, rules, seed=0, said=lambda _: None)
    assert isinstance(found, Part)
    return found


def test_questions_add_up_to_the_figures(scattered):
    for place, one in enumerate(scattered.measured.rows):
        mine = scattered.questions.filter(pl.col("row") == place)
        assert mine.height == one.questions
        assert mine["samples"].sum() == one.samples
        for name in ("error", "bias2", "variance"):
            assert mine[name].mean() == pytest.approx(getattr(one, name).value)
    assert scattered.questions["variance"].is_sorted(descending=True)


def test_buckets_are_those_of_the_chart():
    samples = hotmess.read(worlds.lengths(1, questions=64, samples=6))
    asked = ask(samples, hotmess.Rules(), lengths=True)
    questions = questions_of(asked, [group.name for group in asked.wholes])
    points = hotmess.by_length(samples).points
    found = questions.group_by("bucket").agg(error=pl.col("error").mean(), n=pl.len()).sort("bucket")
    assert found["n"].to_list() == points["questions"].to_list()
    assert found["error"].to_list() == pytest.approx(points["error"].to_list())


def asked_of(answers, **columns):
    """A table of answers, a row of samples for each question, where A is right."""
    named = [{"question_id": f"q{n}", "sample_id": k, "answer": a} for n, row in enumerate(answers) for k, a in enumerate(row)]
    more = {name: pl.Series(np.ravel(values)) for name, values in columns.items()}
    return pl.DataFrame(named).with_columns(target=pl.lit("A"), n_choices=4, **more)


def test_ways_are_told_by_the_share():
    answers = [["A", "A", "A", "A"], ["B", "B", "B", "B"], ["A", "B", "C", "D"]]
    table = asked_of(answers)
    asked = ask(table, hotmess.Rules())
    found = dict(questions_of(asked, [group.name for group in asked.wholes]).select("question_id", "way").iter_rows())
    assert found == {"q0": "never wrong", "q1": "the same way", "q2": "scattered"}


def strip_of(rows):
    table = hotmess.read(pl.DataFrame([{"question_id": "q", "sample_id": n, **one} for n, one in enumerate(rows)]))
    (found,) = strips(answers_of(table, pl.DataFrame({"question_id": ["q"]}))).values()
    return found


def test_a_strip_keeps_contexts_together_and_marks_what_is_right():
    rows = [{"context_id": c, "answer": a, "target": "A"} for c, a in (("x", "A"), ("y", "B"), ("x", None), ("y", "B"))]
    found = strip_of(rows)
    assert [[(one.letter, one.right) for one in group] for group in found.contexts] == [
        [("A", True), ("?", False)],
        [("B", False)] * 2,
    ]
    assert found.said == "in 2 contexts 2 × B, 1 × A (right), 1 × no answer"
    assert (found.key, found.legend) == ("A", ())


def test_long_answers_get_letters_and_a_legend():
    found = strip_of([{"answer": a, "target": "Paris"} for a in ("Paris", "London", "London")])
    assert [one.letter for one in found.contexts[0]] == ["B", "A", "A"]
    assert found.legend == (("A", "London", False, 2), ("B", "Paris", True, 1))


def test_grades_are_marks_and_tenths():
    found = strip_of([{"score": score} for score in (1.0, 0.0, 0.5, 0.99)])
    assert [(one.letter, one.right) for one in found.contexts[0]] == [("✓", True), ("✗", False), (".5", False), (".9", False)]


def test_samples_of_a_failed_machine_are_not_in_the_strip():
    found = strip_of([{"answer": "A", "target": "A", "status": status} for status in ("ok", "error", "missing", "ok")])
    assert sum(map(len, found.contexts)) == 2


def test_counted_otherwise(samples, scattered):
    found = {other.way: other for other in scattered.otherwise}
    assert {"plug-in, as in the paper", "right or wrong only, whatever the wrong answer"} <= set(found)
    plugin = hotmess.measure(samples, estimator="plugin")
    for one, again in zip(found["plug-in, as in the paper"].rows, plugin.rows, strict=True):
        assert one.incoherence.value == pytest.approx(again.incoherence.value)
    assert "verdict" in found["plug-in, as in the paper"].moved(scattered.measured.rows)


def test_what_could_not_be_read_is_counted_in_the_other_ways():
    rng = np.random.default_rng(0)
    answers = rng.choice(["A", "B", None], size=(40, 6), p=[0.6, 0.3, 0.1])
    table = asked_of(answers)
    samples = hotmess.read(table)
    found = {other.way: other.rows[0] for other in otherwise(samples, hotmess.Rules(), hotmess.measure(samples))}
    for way, invalid in (("unread answers as uniform guesses", "uniform"), ("without unread answers", "drop")):
        assert found[way].error.value == pytest.approx(hotmess.measure(samples, invalid=invalid).rows[0].error.value)


def test_capped_and_repeated_samples_are_left_out_for_comparison():
    rng = np.random.default_rng(1)
    lengths = np.minimum(rng.integers(500, 3000, (60, 8)), 2048)
    table = asked_of(rng.choice(["A", "B"], (60, 8)), output_tokens=lengths)
    samples = hotmess.read(table)
    measured = hotmess.measure(samples)
    assert "capped-length" in {notice.code for notice in measured.notices}
    found = {other.way: other.rows[0] for other in otherwise(samples, hotmess.Rules(), measured)}
    assert found["without samples of exactly the greatest length"].samples == int((lengths < 2048).sum())


def test_tasks_stand_each_by_itself(samples):
    frame = samples.frame.collect("polars").to_native()
    two = hotmess.read(pl.concat([frame.with_columns(task=pl.lit(name)) for name in ("b", "a")]))
    assert [title for title, _ in parts_of([two], hotmess.Rules())] == ["a", "b"]
    assert len(list(parts_of([two], hotmess.Rules(pool=("task",))))) == 1


def test_a_task_that_cannot_be_measured_is_named_and_the_others_stand(samples):
    frame = samples.frame.collect("polars").to_native().with_columns(task=pl.lit("good"))
    lonely = frame.filter(pl.col("sample_id") == 0, pl.col("context_id") == frame["context_id"][0]).with_columns(
        task=pl.lit("lonely")
    )
    html = hotmess.report(pl.concat([frame, lonely]))
    assert "<b>lonely</b>: all" in html
    with pytest.raises(OneSample):
        hotmess.report(lonely)


def test_the_data_in_the_page_are_the_measurement(samples):
    html = hotmess.report(samples)
    data = json.loads(re.search(r'id="data">(.*?)</script>', html, re.DOTALL).group(1))
    measured = json.loads(hotmess.measure(samples).to_json())
    assert data["parts"][0]["measurement"]["rows"] == measured["rows"]
    assert len(data["parts"][0]["questions"]["question_id"]) == 120
    assert data["parts"][0]["analyses"]["by_ensemble"]["points"]["size"][:3] == [1, 2, 4]


def test_a_picture_has_nothing_that_runs_and_ids_of_its_own(samples):
    chart = hotmess.plane(samples).chart()
    one, other = picture(chart, "one"), picture(chart, "other")
    assert one.title == "Which kind of wrong?"
    ids = [set(re.findall(r'\bid="([^"]+)"', drawn.svg)) for drawn in (one, other)]
    assert not ids[0] & ids[1]
    assert not re.search(r"<(script|image|foreignObject|a|use)\b|\son\w+=|href|class=", one.svg)
    assert chart.title.text == "Which kind of wrong?"  # the chart itself is left as it was


def test_names_from_logs_are_escaped_in_pictures():
    frame = pl.read_csv(TABLE).filter(pl.col("model") == "stubborn").with_columns(model=pl.lit("<script>&amp;"))
    drawn = picture(hotmess.plane(frame).chart(), "x").svg
    assert "<script" not in drawn
    assert "&lt;script&gt;&amp;amp;" in drawn


def test_what_the_data_do_not_hold_is_said(samples):
    found = evidence(samples, hotmess.Rules(), count=1800, unread=0.0, seed=0, name="p", said=lambda _: None)
    assert {"by-scale", "by-step", "format-adherence"} <= {one.name for one in found.missing}
    assert all(one.why for one in found.missing)
    assert found.result("by-ensemble") is not None
    assert found.result("nothing") is None


def test_unknown_choices_are_refused(samples):
    with pytest.raises((UsageError, TypeError), match="transcripts"):
        hotmess.report(samples, transcripts="some")


def test_the_command_line_writes_a_page_that_tells_how_it_was_made(run):
    code, out, err = run("report", TABLE, "--seed", 3, "--invalid", "drop", "-o", "here.html")
    assert (code, out) == (0, "")
    assert "wrote here.html" in err
    html = Path("here.html").read_text()
    assert f"hotmess report {TABLE} --invalid drop --seed 3 -o report.html" in html
    code, _, _ = run("report", TABLE, "--seed", 3, "--invalid", "drop")
    assert Path("report.html").read_text() == html


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "page.pdf"], "error[cannot-write]"),
        (["-o", "nowhere/page.html"], "mkdir -p"),
        (["--budget", "three parrots"], "write 5MB"),
        (["--transcripts", "some"], "'none', 'messiest', 'all'"),
    ],
)
def test_wrong_words_are_refused_before_anything_is_read(run, words, said):
    code, _, err = run("report", TABLE, *words)
    assert code == 2
    assert said in err
    assert not list(Path().iterdir())


@pytest.fixture
def bare(monkeypatch):
    """Leave the analyses out of pages, which takes most of the time."""
    monkeypatch.setattr(sys.modules["hotmess.report.part"], "evidence", lambda *_, **__: Evidence((), ()))


@pytest.mark.usefixtures("bare")
def test_a_page_that_is_too_large_without_transcripts_says_so(run):
    _, _, err = run("report", TABLE, "--budget", "10KB")
    assert "warning[over-budget]" in err


@pytest.mark.usefixtures("bare")
def test_transcripts_of_a_table_are_in_the_page_as_far_as_there_is_room(run, samples):
    frame = samples.frame.collect("polars").to_native().with_row_index("n")
    frame.with_columns(completion=pl.format("Let me think. Wait. {} so {}", "n", "answer")).drop("n").write_parquet("t.parquet")
    blobs = {}
    for which in ("none", "messiest", "all"):
        run("report", "t.parquet", "--transcripts", which)
        blobs[which] = Path("report.html").read_text().count('class="transcript"')
    assert blobs["none"] == 0
    assert 20 < blobs["messiest"] <= 30  # ten of each model, and of the systematic one the mistakes that recur
    assert blobs["all"] == 120
    run("report", "t.parquet", "--transcripts", "all", "--budget", "125KB")
    html = Path("report.html").read_text()
    assert len(html.encode()) <= 125_000
    kept, left = map(
        int, re.search(r"Transcripts of (\d+) questions.*?those of (\d+) more did not fit", html, re.DOTALL).groups()
    )
    assert kept == html.count('class="transcript"')
    assert kept + left == 120


@pytest.mark.usefixtures("bare")
def test_of_a_model_that_is_never_right_the_limit_is_said():
    """Its Brier error is 2, of which at most 1 is variance, however many wrong answers it gives."""
    numbers = np.random.default_rng(2).integers(0, 10**6, (40, 8)).astype(str)
    table = asked_of(numbers).drop("n_choices")
    assert hotmess.measure(table).rows[0].incoherence.value <= 0.5
    assert "about half is the most that this measure can call variance" in hotmess.report(table)


@pytest.mark.usefixtures("bare")
def test_settings_are_named_with_their_model():
    table = pl.read_csv(TABLE).filter(pl.col("model") == "stubborn")
    html = hotmess.report(pl.concat([table.with_columns(setting=pl.lit(name)) for name in ("effort=low", "effort=high")]))
    assert "2 settings of 1 model" in html
    assert "stubborn · effort=low" in html


@pytest.mark.usefixtures("bare")
def test_rows_that_are_not_shown_are_counted():
    table = pl.read_csv(TABLE)
    half = pl.when(pl.int_range(pl.len()) % 2 == 0).then("answer").alias("answer")
    unread = table.filter(pl.col("model") == "stubborn").with_columns(half, model=pl.lit("mute"))
    lonely = table.filter(pl.col("model") == "stubborn").unique("question_id").with_columns(model=pl.lit("lonely"))
    html = hotmess.report(pl.concat([table, unread, lonely]))
    assert "1 of 4 are withheld: data quality says why." in html
    assert "1 of 4 have no question with two samples, and are not shown." in html
    assert "2 models · " in html


@pytest.mark.usefixtures("bare")
def test_without_a_target_nothing_is_said_about_errors():
    html = hotmess.report(pl.read_csv(TABLE).drop("target"), rules=hotmess.Rules(loss="spread"))
    table = html[html.index('id="p0-table"') :]
    head = table[: table.index("</thead>")]
    assert "variance" in head
    assert not {"incoherence", "answered", "error"} & set(re.findall(r">(\w+)", head))
    assert "of which nobody can say what is error" in html


def test_names_that_run_from_right_to_left_turn_nothing_around():
    found = verdict(
        [("a", row(interval(0.6, 0.55, 0.65), "hot mess")), ("שלום", row(interval(0.3, 0.2, 0.4), "systematic"))],
        "brier",
        wrong={},
    )
    assert found.more == ("\u2068שלום\u2069 (30% [20–40]) fails mostly the same way each time.",)


def test_a_trend_without_an_interval_says_nothing():
    length = hotmess.by_length(worlds.lengths(1, questions=40, samples=4))
    bare = replace(length, tests=length.tests.with_columns(value_low=pl.lit(None, dtype=pl.Float64)))
    rows = [("m", row(interval(0.6, 0.55, 0.65), "hot mess"))]
    assert verdict(rows, "brier", wrong={"m": 40}, length=bare).more == ()
    assert "length" in verdict(rows, "brier", wrong={"m": 40}, length=length).more[0]


def test_mistakes_that_recur_are_those_of_systematic_models(scattered):
    """The questions with the largest bias² of each systematic row, and of no other."""
    for place, one in enumerate(scattered.measured.rows):
        mine = scattered.questions.with_row_index("place").filter(pl.col("row") == place)
        largest = mine.sort("bias2", descending=True, maintain_order=True)["place"].head(10).to_list()
        assert list(scattered.repeated[place]) == (largest if one.verdict == "systematic" else [])
        assert scattered.repeated[place] == () or set(scattered.repeated[place]) <= set(scattered.strips)


@pytest.mark.usefixtures("bare")
def test_every_transcript_in_the_page_has_a_button(run, monkeypatch):
    """Also where the table of questions is too long for the page to have all of it."""
    monkeypatch.setattr(sys.modules["hotmess.report.page"], "_ROWS", 100)
    frame = pl.read_csv(TABLE)
    frame.with_columns(completion=pl.format("so {}", "answer")).write_parquet("t.parquet")
    run("report", "t.parquet", "--transcripts", "all")
    html = Path("report.html").read_text()
    blobs = set(re.findall(r'class="transcript" id="t(\d+)"', html))
    assert 100 <= len(blobs) < 120
    assert blobs == set(re.findall(r'class="read" data-row="(\d+)"', html))
