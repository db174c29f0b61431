"""Pictures: every analysis has one in every format; they can be read in grey, fetch nothing, and names in them do no harm."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
import worlds
from hypothesis import given
from hypothesis import strategies as st

import hotmess
from hotmess import HotmessError, analyses
from hotmess.charts import FORMATS, render, theme
from hotmess.charts.notebook import as_page
from hotmess.prepare import prepare

TWO = worlds.lengths(1, questions=24, samples=6, models=("a", "b"), within=0.5)
SIZES = worlds.sizes(1, questions=60, samples=4, sizes=(1, 4, 16, 64))
CONTEXTS = worlds.contexts(1, questions=16, contexts=4)
RESULTS = {
    "answer_changes": lambda: analyses.answer_changes(CONTEXTS),
    "answer_spread": lambda: analyses.answer_spread(worlds.embeddings(1, questions=20, samples=4)),
    "by_budget": lambda: analyses.by_budget(worlds.budgets(1, questions=30)),
    "by_ensemble": lambda: analyses.by_ensemble(CONTEXTS, sizes=(1, 4), designs=[(3, 4)]),
    "by_length": lambda: analyses.by_length(TWO, buckets=3),
    "by_length_and_size": lambda: analyses.by_length_and_size(SIZES, buckets=3),
    "by_overthinking": lambda: analyses.by_overthinking(TWO, draws=0),
    "by_relative_length": lambda: analyses.by_relative_length(TWO, bins=3),
    "by_scale": lambda: analyses.by_scale(SIZES, difficulty="difficulty"),
    "by_step": lambda: analyses.by_step(worlds.steps(1, steps=2, starts=8)),
    "by_wait_ratio": lambda: analyses.by_wait_ratio(TWO, buckets=3),
    "format_adherence": lambda: analyses.format_adherence(worlds.formats(1, questions=10)),
    "length_agreement": lambda: analyses.length_agreement(SIZES),
    "length_by_difficulty": lambda: analyses.length_by_difficulty(SIZES),
    "one_question": lambda: analyses.one_question(TWO),
    "pass_k": lambda: analyses.pass_k(TWO, sizes=(1, 3)),
    "plane": lambda: analyses.plane(SIZES),
    "sample_efficiency": lambda: analyses.sample_efficiency(TWO, draws=5),
    "split_bias": lambda: analyses.split_bias(worlds.pursuit(1, questions=20)),
}
BEGINS = {".svg": b"<svg", ".pdf": b"%PDF", ".png": b"\x89PNG", ".json": b"{"}


def drawing(chart):
    """A chart that is turned into its specification once."""
    spec = chart.to_dict()
    return SimpleNamespace(to_dict=lambda **_: spec)


@pytest.fixture
def page(monkeypatch):
    """Return a result as a page, with a chart of it that was made already."""

    def made(result, chart):
        monkeypatch.setattr("hotmess.charts.notebook.chart", lambda _: chart)
        return as_page(result)

    return made


def svg(chart):
    return render(chart, ".svg").decode()


def size(picture):
    return [float(number) for number in re.search(r'viewBox="0 0 (\S+) (\S+)"', picture).groups()]


def texts(picture):
    """All words of a picture, of which the markup must be sound."""
    return [node.text or "" for node in ElementTree.fromstring(picture).iter() if node.tag.endswith("}text")]  # noqa: S314 - ours


def test_every_analysis_is_drawn():
    assert set(RESULTS) == set(analyses.__all__)


@pytest.mark.parametrize("name", RESULTS)
def test_a_picture_in_every_format_fetches_nothing(page, name):
    result = RESULTS[name]()
    chart = drawing(result.chart())
    made = {suffix: render(chart, suffix) for suffix in FORMATS}
    assert {suffix: made[suffix].startswith(begin) for suffix, begin in BEGINS.items()} == dict.fromkeys(FORMATS, True)
    assert json.loads(made[".json"])["$schema"].startswith("https://vega.github.io/schema/vega-lite/")
    picture = made[".svg"].decode()
    width, height = size(picture)
    assert 200 < width < 560
    assert 90 < height < 800
    assert any(re.search("[A-Za-z]{4}", words) for words in texts(picture))
    names = r'xmlns(:xlink)?="http://www.w3.org/(2000/svg|1999/xlink)"'
    assert re.findall(r"https?:|href|src=|url\(|@import|<script|<image|<foreignObject", re.sub(names, "", picture)) == []
    assert re.findall(r"<(?:script|link|iframe|img)|https?:(?!//www.w3.org)", page(result, chart)) == []


def test_the_same_samples_make_the_same_bytes():
    once, again = (render(RESULTS["pass_k"]().chart(), ".svg") for _ in range(2))
    assert once == again


@pytest.fixture(autouse=True)
def fewer_permutations(monkeypatch):
    monkeypatch.setattr("hotmess.analyses.length._DRAWS", 20)


def test_an_unknown_format_is_refused():
    with pytest.raises(HotmessError, match="cannot be written") as refused:
        render(RESULTS["pass_k"]().chart(), ".gif")
    assert refused.value.code == "usage"


# ---------------------------------------------------------------------------------------------- what can be told apart


def lightness(colour):
    """L* of a colour, from 0 to 100; 2.3 is just noticeable."""
    parts = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return 116 * np.cbrt(linear @ [0.2126, 0.7152, 0.0722]) - 16


def test_series_can_be_told_apart_in_grey():
    looks = list(zip(theme.COLOURS, theme.SHAPES, theme.DASHES, strict=True))
    for (one, shape, dash), (other, another, dashed) in combinations(looks, 2):
        assert abs(lightness(one) - lightness(other)) > 2.3 or (shape != another and dash != dashed)
    assert len({shape for _, shape, _ in looks}) == len({dash for _, _, dash in looks}) == theme.MOST
    # Bars have neither shapes nor dashes, and what is in the background is no series.
    assert abs(lightness(theme.BIAS) - lightness(theme.VARIANCE)) > 2 * 2.3
    assert min(abs(lightness(theme.INK) - lightness(colour)) for colour in (*theme.COLOURS, theme.FAINT)) > 10


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_labels_of_lines_do_not_overlap(values):
    """Letters are 11 units high, in a panel of 130."""
    places = np.array(theme.apart(values, 1.0, 13 / 130))
    assert np.diff(np.sort(places)).min() >= 11 / 130
    assert (np.argsort(places, kind="stable") == np.argsort(values, kind="stable")).all()
    if np.diff(np.sort(values)).min() >= 13 / 130:
        assert places.tolist() == values


MANY = tuple(f"model-{number:02d}" for number in range(58))


@pytest.mark.parametrize(("name", "count"), [("by_relative_length", 58), ("by_overthinking", 12)])
def test_of_many_models_six_are_drawn_in_colour_and_named(name, count):
    samples = worlds.lengths(2, questions=8, samples=4, models=MANY[:count])
    few = {"by_relative_length": {"bins": 2}, "by_overthinking": {"draws": 0}}[name]
    picture = svg(getattr(analyses, name)(samples, **few).chart())
    lines = re.findall(r'<path [^>]*stroke="(#[0-9A-Fa-f]{6})"', picture)
    assert set(theme.COLOURS) <= set(lines)
    assert lines.count(theme.FAINT) >= (count - theme.MOST) * 0.8  # of some, incoherence is not defined
    named = [words for words in texts(picture) if words in MANY]
    assert len(named) == len(set(named)) == theme.MOST
    assert size(picture)[0] < 560


@pytest.mark.parametrize("call", [analyses.one_question, analyses.format_adherence, hotmess.measure])
def test_many_models_make_no_picture_that_does_not_end(call):
    width, height = size(svg(call(worlds.lengths(1, questions=8, samples=4, models=MANY)).chart()))
    assert width < 560
    assert height < 1400


# ---------------------------------------------------------------------------------------------- names from logs

HOSTILE = "</script><script>alert('x')</script>\x1b[31m\x00\u202e]]>\"&" + "long" * 50


def hostile(samples, *columns):
    """Values of these columns with everything in them that could do harm, and still different."""
    return samples.with_columns(pl.concat_str(pl.lit(HOSTILE), pl.col(name).cast(pl.String)).alias(name) for name in columns)


HARMS = {
    "model": lambda: analyses.pass_k(hostile(TWO, "model"), sizes=(1, 2)),
    "task": lambda: analyses.split_bias(hostile(worlds.pursuit(1, questions=20), "task", "model")),
    "setting": lambda: analyses.format_adherence(hostile(worlds.formats(1, questions=10), "setting", "reason")),
    "answer": lambda: analyses.one_question(hostile(TWO, "question_id", "answer", "target").drop("n_choices")),
    "difficulty": lambda: analyses.plane(hostile(SIZES, "difficulty", "model"), by=["difficulty"]),
    "question": lambda: analyses.answer_spread(hostile(worlds.embeddings(1, questions=9), "question_id", "model")),
    "column": lambda: analyses.answer_spread(
        worlds.embeddings(1, questions=9).rename({"output_tokens": HOSTILE}), rules=hotmess.Rules(length=HOSTILE)
    ),
}


def harmless(shown):
    """No script, and no codes that move a cursor or turn a line around."""
    assert not re.search("<script|</script", shown)
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", shown)


@pytest.mark.parametrize("name", HARMS)
def test_names_from_logs_do_no_harm(page, name):
    result = HARMS[name]()
    chart = drawing(result.chart())
    assert all(words.isprintable() for words in texts(svg(chart)))
    harmless(page(result, chart))


def test_names_from_logs_do_no_harm_in_a_notebook():
    samples = hostile(TWO, "model", "task")
    never = samples.with_columns(answer="target")
    lost = hostile(TWO, "question_id").with_columns(
        target=pl.when(pl.col("question_id").str.ends_with("1")).then(None).otherwise("target")
    )
    named = hotmess.measure(replace(prepare(lost), source=HOSTILE))
    assert any("script" in notice.found for notice in named.notices)
    for result in (
        HARMS["model"](),
        analyses.by_length(never, buckets=3),
        hotmess.measure(samples),
        hotmess.measure(never),
        named,
    ):
        harmless(result._repr_html_())


# ---------------------------------------------------------------------------------------------- nothing to show

NEVER_WRONG = TWO.with_columns(answer="target")
NOTHING = {
    "by length": lambda: analyses.by_length(NEVER_WRONG),
    "pairs by length": lambda: analyses.by_length(NEVER_WRONG, leave_pair_out=True),
    "halves": lambda: analyses.by_overthinking(NEVER_WRONG, draws=0),
    "single samples": lambda: analyses.by_relative_length(NEVER_WRONG),
    "ensembles": lambda: analyses.by_ensemble(NEVER_WRONG),
    "subsets": lambda: analyses.sample_efficiency(NEVER_WRONG, draws=5),
    "the plane": lambda: analyses.plane(NEVER_WRONG),
    "spread": lambda: analyses.answer_spread(NEVER_WRONG),
}


@pytest.mark.parametrize("name", NOTHING)
def test_where_nothing_is_defined_there_is_no_picture_but_a_table(name):
    result = NOTHING[name]()
    with pytest.raises(HotmessError) as refused:
        result.chart()
    assert refused.value.code == "nothing-to-show"
    assert "<svg" not in result._repr_html_()
    assert result._repr_html_().count("<table>") == 1 + (result.tests.height > 0)


def test_one_model_that_is_never_wrong_does_not_hide_the_other():
    samples = TWO.with_columns(answer=pl.when(pl.col("model") == "a").then("target").otherwise("answer"))
    assert "b" in texts(svg(analyses.by_relative_length(samples, bins=2).chart()))


def test_where_everything_was_read_there_is_still_an_upper_end():
    picture = svg(analyses.format_adherence(NEVER_WRONG).chart())
    assert {"a", "b"} <= set(texts(picture))
    assert size(picture)[0] < 560


# ---------------------------------------------------------------------------------------------- notebooks


def test_results_display_with_their_picture_their_tests_and_how_they_were_made():
    result = analyses.by_length(TWO, buckets=3)
    shown = result._repr_html_()
    assert shown.count("<svg") == shown.count("<table>") == 1
    assert "Brier · unbiased" in shown
    assert all(notice.code in shown for notice in result.notices)
    assert len(result.notices) > 0


@pytest.mark.parametrize("samples", [TWO, NEVER_WRONG, worlds.embeddings(1, questions=5), worlds.lengths(1, questions=1)])
def test_measurements_display_with_their_picture(samples):
    found = hotmess.measure(samples)
    shown = found._repr_html_()
    assert shown.count("<svg") == 1
    assert found.method.estimator in shown
    assert "NaN" not in shown


def test_drawing_computes_nothing():
    """No picture is made by measuring again: of what reads, counts and asks, nothing is imported."""
    words = subprocess.run(
        [sys.executable, "-c", "import hotmess.charts, sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"hotmess.analyses", "hotmess.asked", "hotmess.measure", "hotmess.read", "hotmess.singles", "hotmess.pairs"} & set(
        words
    )
