"""Two models, or two runs, on the same questions: what `hotmess compare` says, and how often it would be wrong."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from conftest import numbers
from scipy.special import stdtr, stdtrit
from test_coverage import population, sampled

import hotmess
from hotmess.asked import Rules, ask
from hotmess.charts import render
from hotmess.decide.arms import Arm, arms_of
from hotmess.decide.differences import difference, own_error
from hotmess.decide.pairing import Pair
from hotmess.errors import LossMismatch, MixedKinds, NothingSelected, NothingToCompare, UsageError
from hotmess.infer import holm
from hotmess.measure import measurement
from hotmess.rows import Method

FIGURES = ["error", "bias2", "variance", "incoherence"]
MIXED = population("mixed", 40, np.random.default_rng(5))


def answers(p, samples, seed, **names):
    """Samples of questions that are answered with chances p (question, option), of which the first is right."""
    p = np.asarray(p, dtype=float)
    drawn = (np.random.default_rng(seed).random((len(p), samples, 1)) > p.cumsum(-1)[:, None, :-1]).sum(-1).ravel()
    question, sample = (ids.ravel() for ids in np.indices((len(p), samples)))
    columns = {"question_id": np.char.mod("q%03d", question), "sample_id": sample, "answer": np.array(list("ABCD"))[drawn]}
    return pl.DataFrame(columns).with_columns(target=pl.lit("A"), n_choices=4, **{name: pl.lit(to) for name, to in names.items()})


def models(*names, questions=12, samples=5, **more):
    p = np.full((questions, 4), 0.25)
    return pl.concat([answers(p, samples, seed, model=name, **more) for seed, name in enumerate(names)])


def arm(variance, error, noise=None):
    names = tuple(f"q{place}" for place in range(len(error)))
    return Arm({}, "", names, np.full(len(error), 10.0), np.asarray(error), np.asarray(variance), noise)


def pair(first, second):
    return Pair(first, second, (), ())


def column(result, name):
    return dict(zip(result.points["what"], result.points[name], strict=True))


METHOD = Method("brier", "unbiased", "class", "answers", "population", 0.95, 1e-12, None, None)


def codes(result):
    return {notice.code: notice.found for notice in result.notices}


# ---------------------------------------------------------------------------------------------- differences


def test_paired_difference_is_that_of_the_oracle(oracle):
    case = oracle("paired_difference")
    va, ea, vb, eb = (np.array(numbers(case["input"][name])) for name in ("VA", "EA", "VB", "EB"))
    found, want = difference(pair(arm(vb, eb), arm(va, ea)), "incoherence", METHOD).effect, case["expect"]
    assert found.value == pytest.approx(want["difference"]["value"], abs=case["tol"])
    assert found.p == pytest.approx(want["p_value"]["value"], abs=case["tol"])
    half = stdtrit(len(va) - 1, 0.975) * np.sqrt(want["var_jackknife"]["value"])
    assert [found.low, found.high] == pytest.approx([found.value - half, found.value + half], abs=1e-9)


def test_of_exactly_these_questions_the_variances_of_two_runs_add(oracle):
    case = oracle("fixed_benchmark_se")
    rows = [
        {"question_id": f"q{q}", "sample_id": k, "answer": "ABC"[answer], "target": "A", "n_choices": 3}
        for q, asked in enumerate(case["input"]["samples"])
        for k, answer in enumerate(asked)
    ]
    asked = ask(pl.DataFrame(rows), Rules(about="benchmark"))
    ((found, _),) = arms_of(asked, measurement(asked).rows, noise=True)
    found = replace(found, samples=np.full(3, 9.0))  # of so few as three, no such error is told
    apart = difference(pair(found, found), "incoherence", replace(METHOD, about="benchmark"))
    assert apart.first == pytest.approx(case["expect"]["R"]["value"])
    assert (apart.effect.value, apart.effect.p) == (0, 1)
    assert apart.effect.high == pytest.approx(stdtrit(np.inf, 0.975) * np.sqrt(2 * case["expect"]["var"]["value"]))
    assert own_error(found, "incoherence") ** 2 == pytest.approx(case["expect"]["var"]["value"])


def test_two_questions_by_hand():
    def run(*each):
        rows = [(f"q{q}", k, letter, "A", 2) for q, letters in enumerate(each) for k, letter in enumerate(letters)]
        return pl.DataFrame(rows, schema=["question_id", "sample_id", "answer", "target", "n_choices"], orient="row")

    found = hotmess.compare(run("AA", "AB"), run("BB", "BB"))
    assert column(found, "of_first") == dict(zip(FIGURES, [0.5, 0, 0.5, 1], strict=True))
    assert column(found, "of_second") == dict(zip(FIGURES, [2, 2, 0, 0], strict=True))
    assert column(found, "difference") == dict(zip(FIGURES, [1.5, 2, -0.5, -1], strict=True))
    assert column(found, "p")["error"] == pytest.approx(2 * stdtr(1, -1.5 / 0.5))  # terms 2 and 1: standard error 1/2
    assert column(found, "p")["incoherence"] is None  # without the second question, the first run has no error


def test_the_order_of_rows_says_nothing():
    first, second = answers(MIXED, 5, 0), answers(MIXED, 7, 1)
    mixed = [one.sample(fraction=1, shuffle=True, seed=3) for one in (first, second)]
    assert hotmess.compare(*mixed, draws=499).to_json() == hotmess.compare(first, second, draws=499).to_json()


def test_swapped_sides_turn_the_signs_and_nothing_else():
    first, second = answers(MIXED, 5, 0), answers(MIXED, 7, 1)
    one, two = (hotmess.compare(*sides, draws=0) for sides in ((first, second), (second, first)))
    for name, other, sign in (("difference", "difference", -1), ("difference_low", "difference_high", -1), ("p", "p", 1)):
        assert one.points[name].to_list() == (sign * two.points[other]).to_list()
    assert one.points["of_first"].to_list() == two.points["of_second"].to_list()


def test_a_table_and_itself():
    same = answers(MIXED, 8, 0)
    found = hotmess.compare(same, same, draws=99)
    assert found.points["difference"].to_list() == [0, 0, 0, 0]
    assert found.points["p"].to_list() == [1, 1, 1, 1]
    assert found.tests.height == 0


def refusals(first, second, *, plugin, runs=500, questions=300):
    """How often the incoherence of two draws of one world differs, of which one has other numbers of samples."""
    rng, hits = np.random.default_rng([first, second]), 0
    for _ in range(runs):
        p = population("mixed", questions, rng)
        terms = [(count, *sampled(p, count, rng)) for count in (first, second)]
        arms = [arm(v * (1 - plugin / count), e) for count, v, e in terms]
        hits += difference(pair(*arms), "incoherence", METHOD).effect.p < 0.05
    return hits / runs


def test_unlike_numbers_of_samples_do_not_look_like_a_difference():
    assert abs(refusals(15, 30, plugin=False) - 0.05) <= 4 * np.sqrt(0.05 * 0.95 / 500)


def test_plugin_takes_unlike_numbers_of_samples_for_a_difference_and_says_so():
    assert refusals(15, 30, plugin=True, runs=100) > 0.2
    first, second = answers(MIXED, 15, 0), answers(MIXED, 30, 1)
    told = codes(hotmess.compare(first, second, rules=Rules(estimator="plugin"), draws=0))
    assert "unlike numbers of samples" in told["plugin-tests"]
    assert "plugin-tests" not in codes(hotmess.compare(first, second, draws=0))


def test_intervals_for_exactly_these_questions_cover():
    """Many runs of the same two models: the true difference is that of their chances."""
    p, q = (population("mixed", 50, np.random.default_rng(seed)) for seed in (1, 2))
    sides = [
        pl.concat([answers(one, 5, [seed, side], model=f"m{seed}") for seed in range(200)]) for side, one in enumerate((p, q))
    ]
    rows = hotmess.compare(*sides, rules=Rules(about="benchmark"), draws=0).points
    v, w = (1 - (one**2).sum(-1).mean() for one in (p, q))
    e, f = (2 * (1 - one[:, 0].mean()) for one in (p, q))
    for figure, true in zip(FIGURES, [f - e, f - w - e + v, w - v, w / f - v / e], strict=True):
        hits = rows.filter(pl.col("what") == figure).select(pl.lit(true).is_between("difference_low", "difference_high").mean())
        assert abs(hits.item() - 0.95) <= 4 * np.sqrt(0.05 * 0.95 / 60)


def test_noise_of_a_question_with_few_samples_is_not_known():
    assert np.isnan(own_error(arm([0.5], [1.0]), "error"))
    table = answers(MIXED, 2, 0)
    row = hotmess.compare(table, answers(MIXED, 2, 1), rules=Rules(about="benchmark"), draws=0).points.row(0, named=True)
    assert (row["difference_low"], row["p"]) == (None, None)


# ---------------------------------------------------------------------------------------------- which questions


def test_questions_of_one_side_are_named_and_counted():
    first, second = answers(MIXED, 4, 0), answers(MIXED, 4, 1)
    found = hotmess.compare(first.filter(pl.col("question_id") > "q001"), second.filter(pl.col("question_id") < "q037"), draws=0)
    assert set(found.points["questions"]) == {35}
    assert (
        "3 by the first only and 2 by the second only, beside 35 shared: q037, q038, q039, q000, q001"
        in codes(found)["unmatched"]
    )


def test_questions_with_another_target_are_left_out():
    first = answers(MIXED, 4, 0)
    mended = first.with_columns(target=pl.when(pl.col("question_id") == "q003").then(pl.lit("B")).otherwise("target"))
    found = hotmess.compare(first, mended, draws=99)
    assert codes(found)["other-target"].startswith("1 questions have another target")
    assert set(found.points["questions"]) == {39}
    assert set(found.points["p"]) == {1.0}
    assert " of 39 questions turned" in codes(found)["turned"]


@pytest.mark.parametrize("pool", ["task", "model"])
def test_questions_of_what_is_pooled_are_paired_by_its_name_too(pool):
    parts = [answers(MIXED, 6, [seed, 0], **{"task": "t", "model": "m", pool: name}) for seed, name in enumerate("xy")]
    later = [answers(MIXED, 6, [seed, 1], **{"task": "t", "model": "m", pool: name}) for seed, name in enumerate("xy")]
    whole = hotmess.compare(pl.concat(parts), pl.concat(later[::-1]), rules=Rules(pool=(pool,)), draws=99)
    each = [hotmess.compare(one, two, draws=0).points["difference"].to_numpy() for one, two in zip(parts, later, strict=True)]
    assert set(whole.points["questions"]) == {80}
    assert whole.points["difference"].to_numpy()[:3] == pytest.approx(np.mean(each, axis=0)[:3])
    assert " of 80 questions turned" in codes(whole)["turned"]


def test_holm_is_over_pairs():
    found = hotmess.compare(models("a", "b", "c", questions=60), draws=0)
    assert found.points["p_holm"].null_count() == 0
    for _, rows in found.points.group_by("what"):
        assert rows["p_holm"].to_numpy() == pytest.approx(holm(rows["p"].to_numpy()))


def pairs(result):
    return list(dict.fromkeys(zip(result.points["first"], result.points["second"], strict=True)))


def test_which_pairs_are_made():
    three = models("a", "b", "c")
    assert pairs(hotmess.compare(three, draws=0)) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert pairs(hotmess.compare(three, against="b", draws=0)) == [("b", "a"), ("b", "c")]
    ways = pl.concat([models("a", "b", setting=setting) for setting in ("effort=low", "effort=high")])
    close = {("a", "b"), ("effort=high", "effort=low")}
    assert {tuple(sorted(names)) for names in pairs(hotmess.compare(ways, draws=0))} == close
    assert len(hotmess.compare(ways, draws=0).points) == 4 * 4
    runs = hotmess.compare(three, models("c", "a"), names=("old", "new"), draws=0)
    assert pairs(runs) == [("old", "new")]
    assert set(runs.points["model"]) == {"a", "c"}
    assert pairs(hotmess.compare(models("a"), models("b"), names=("old", "new"), draws=0)) == [("old · a", "new · b")]


def test_tasks_are_not_compared_with_one_another():
    two = pl.concat([models("a", "b", task=task) for task in ("t", "u")])
    found = hotmess.compare(two, draws=0)
    assert found.points.group_by("task", maintain_order=True).len()["len"].to_list() == [4, 4]


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ([models("a")], NothingToCompare, "1 model"),
        ([models("a", "b"), models("c", "d")], NothingToCompare, "first has a, b; second has c, d"),
        (
            [models("a"), models("a").with_columns(question_id=pl.lit("x") + pl.col("question_id"))],
            NothingToCompare,
            "0 questions are in",
        ),
        (
            [models("a"), models("a").drop("answer", "target", "n_choices").with_columns(score=1.0)],
            MixedKinds,
            "the first run holds answers, the second score",
        ),
    ],
)
def test_what_cannot_be_compared(given, error, says):
    with pytest.raises(error, match=says):
        hotmess.compare(*given)


def test_what_cannot_be_asked():
    with pytest.raises(NothingSelected, match=r"(?s)no model or setting is called `x\[`.*a, b"):
        hotmess.compare(models("a", "b"), against="x[\x1b")
    with pytest.raises(LossMismatch, match="0/1"):
        hotmess.compare(models("a", "b"), rules=Rules(loss="zero_one"))
    with pytest.raises(UsageError, match="the setting is what tells two runs apart"):
        hotmess.compare(models("a"), models("a"), rules=Rules(pool=("setting",)))


# ---------------------------------------------------------------------------------------------- pictures and the command


@pytest.mark.parametrize(
    ("table", "panels"),
    [
        (models("a", "b"), 2),
        (models(*"abcdefghi", questions=6), 2),
        (pl.concat([models("a" * 40, "b", task=task) for task in ("t", "u")]), 2),
        (pl.concat([models("a"), models("b").with_columns(answer="target")]), 1),
    ],
    ids=["one pair", "36 pairs", "tasks", "no errors"],
)
def test_pictures(table, panels):
    found = hotmess.compare(table, draws=0)
    spec = found.chart().to_dict()
    assert len(spec["vconcat"]) == panels
    assert all(rows for rows in spec["datasets"].values())
    if table["model"].n_unique() == 2 and panels == 2:
        assert render(found.chart(), ".svg").startswith(b"<svg")
    assert ("12 more pairs are not shown" in json.dumps(spec)) == (table["model"].n_unique() == 9)


def test_the_command(run, tmp_path):
    answers(MIXED, 12, 0).write_csv(tmp_path / "old.csv")
    answers(np.where(np.arange(40)[:, None] < 4, (0.0, 1.0, 0.0, 0.0), MIXED), 12, 1).write_csv(tmp_path / "new.csv")
    code, out, err = run("compare", "old.csv", "new.csv", "--draws", 999)
    assert code == 0
    assert "paired over questions" in out
    assert "next: hotmess compare old.csv new.csv --draws 999 -o compare.svg\n" in err
    code, out, _ = run("compare", "old.csv", "new.csv", "--draws", 999, "--json")
    found = json.loads(out)
    assert (code, found["analysis"], len(found["points"])) == (0, "compare", 4)
    assert found["points"][0]["first"] == "old.csv"
    for name in ("compare.svg", "points.csv"):
        assert run("compare", "old.csv", "new.csv", "--draws", 0, "-o", name)[0] == 0
        assert (tmp_path / name).stat().st_size > 100


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["a.csv", "a.csv", "a.csv"], "3 paths were given; two runs can be compared"),
        (["a.csv"], "a difference needs two models, or two runs"),
        (["b.csv", "--against", "x"], "no model or setting is called `x`"),
        (["a.csv", "b.csv", "--against", "a"], "`against` is for one table"),
        (["a.csv", "none.csv"], "none.csv"),
        (["a.csv", "a.csv", "-o", "a.csv"], "one of the files that are read"),
        (["a.csv", "a.csv", "-o", "x.doc"], "ends in `.doc`"),
    ],
)
def test_wrong_input_is_told(run, tmp_path, words, says):
    models("a").write_csv(tmp_path / "a.csv")
    models("a", "b").write_csv(tmp_path / "b.csv")
    code, _, err = run("compare", *words)
    assert code == 2
    assert says in err
    assert "Traceback" not in err
