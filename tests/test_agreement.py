"""Lengths of questions: do models agree on them, and do they go with difficulty?"""

import numpy as np
import polars as pl
import pytest
import worlds
from scipy import stats

from hotmess.analyses import length_agreement, length_by_difficulty
from hotmess.asked import Rules
from hotmess.errors import NoLength, NoSuchColumn, NothingToCompare, UsageError


@pytest.fixture(scope="module")
def made():
    return worlds.sizes(1, questions=60, samples=4, sizes=(1, 2, 4))


def codes(result):
    return [notice.code for notice in result.notices]


def drawn(result):
    return [row for rows in result.chart().to_dict(validate=False)["datasets"].values() for row in rows]


def shuffled(table, seed):
    """The table with lengths that have nothing to do with their question."""
    rng = np.random.default_rng(seed)
    keys = table.select("model", "question_id").unique(maintain_order=True)
    keys = keys.with_columns(length=pl.Series(rng.lognormal(7, 1, keys.height)))
    return (
        table.join(keys, on=["model", "question_id"])
        .with_columns(output_tokens=pl.col("length").round().cast(pl.Int64))
        .drop("length")
    )


# ---- agreement


def test_models_that_agree(made):
    found = length_agreement(made)
    assert found.points.height == 3
    ends = [f"{name}{end}" for name in ("spearman", "pearson") for end in ("", "_low", "_high")]
    assert found.points.columns == ["task", "a", "b", "questions", *ends, "p", "p_holm"]
    mean = made.group_by("model", "question_id").agg(pl.col("output_tokens").mean()).sort("question_id")
    for row in found.points.to_dicts():
        a, b = (mean.filter(pl.col("model") == row[name])["output_tokens"].to_numpy() for name in ("a", "b"))
        assert row["spearman"] == pytest.approx(stats.spearmanr(a, b).statistic)
        assert row["pearson"] == pytest.approx(stats.pearsonr(np.log(a), np.log(b)).statistic)
        assert row["spearman_low"] > 0.7
        assert row["p_holm"] >= row["p"]
    median = found.tests.row(0, named=True)
    assert median["value"] == pytest.approx(found.points["spearman"].median())
    assert median["per"] == "median of 3 pairs"
    order = list(dict.fromkeys([*found.points["a"], *found.points["b"]]))
    agreed = [found.points.filter((pl.col("a") == name) | (pl.col("b") == name))["spearman"].mean() for name in order]
    assert agreed == sorted(agreed, reverse=True)


def test_models_that_do_not_agree(made):
    found = length_agreement(shuffled(made, 2))
    assert ((found.points["spearman_low"] < 0) & (found.points["spearman_high"] > 0)).all()
    assert (found.points["p"] > 0.05).all()


def test_settings_of_one_model_are_compared():
    made = worlds.budgets(1, questions=40, samples=4)
    found = length_agreement(made)
    assert {*found.points["a"], *found.points["b"]} == {"effort=low", "effort=medium", "effort=high"}
    both = pl.concat([made, made.with_columns(model=pl.lit("other"))])
    found = length_agreement(both)
    assert found.points.height == 15
    assert "m · effort=low" in {*found.points["a"], *found.points["b"]}


def test_only_questions_with_a_length_count(made):
    hidden = (pl.col("model") == "base-1b") & (pl.col("question_id") < "q0020")
    found = length_agreement(made.with_columns(output_tokens=pl.when(~hidden).then("output_tokens")))
    with_it = (pl.col("a") == "base-1b") | (pl.col("b") == "base-1b")
    assert set(found.points.filter(with_it)["questions"]) == {40}
    assert set(found.points.filter(~with_it)["questions"]) == {60}
    gone = length_agreement(made.with_columns(output_tokens=pl.when(pl.col("model") != "base-1b").then("output_tokens")))
    assert gone.points.height == 1
    assert "base" not in codes(gone)
    assert "1 of 3 models" in next(notice.found for notice in gone.notices if notice.code == "no-length")


def test_lengths_need_no_target():
    made = worlds.embeddings(1, questions=30)
    found = length_agreement(pl.concat([made, made.with_columns(model=pl.lit("other"))]))
    assert found.points["spearman"].to_list() == [pytest.approx(1)]
    assert found.points["spearman_low"].to_list() == [None]


def test_tasks_are_compared_apart(made):
    found = length_agreement(pl.concat([made, made.with_columns(task=pl.lit("another"))]))
    parts = found.points.partition_by("task")
    assert parts[0].drop("task", "p_holm").equals(parts[1].drop("task", "p_holm"))
    assert found.tests.height == 2
    assert drawn(found)


def test_agreement_needs_two(made):
    one = made.filter(pl.col("model") == "base-1b")
    even = pl.col("question_id").str.slice(1).cast(pl.Int64) % 2 == 0
    apart = made.filter((pl.col("model") == "base-1b") == even).filter(pl.col("model") != "base-4b")
    for table, error, said in [
        (one, NothingToCompare, "one model"),
        (apart, NothingToCompare, "no two of them"),
        (made.drop("output_tokens"), NoLength, "no length"),
    ]:
        with pytest.raises(error, match=said):
            length_agreement(table)
    with pytest.raises(NoSuchColumn):
        length_agreement(made, rules=Rules(length="tokns"))


@pytest.mark.parametrize("models", [2, 4, 14])
def test_pictures_of_agreement(models):
    names = [f"a-model-with-quite-a-long-name-{n}" for n in range(models)]
    rng = np.random.default_rng(0)
    length = rng.lognormal(7, 1, 12)
    rows = [
        {
            "model": name,
            "question_id": q,
            "answer": "x",
            "target": "y",
            "output_tokens": int(length[q] * rng.lognormal(0, 0.5)) + 60,
        }
        for name in names
        for q in range(12)
        for _ in range(2)
    ]
    found = length_agreement(pl.DataFrame(rows))
    shown = {row["spearman"] for row in drawn(found) if "spearman" in row}
    assert shown == (set() if models == 2 else set(found.points["spearman"]))
    if models == 2:
        assert {row["value"] for row in drawn(found) if "value" in row} == set(found.points.select("spearman", "pearson").row(0))


# ---- difficulty


def test_length_goes_with_difficulty(made):
    found = length_by_difficulty(made)
    assert found.points["difficulty"].to_list() == ["easy", "medium", "hard"] * 3
    assert found.points.columns == ["task", "model", "setting", "difficulty", "questions", "length", "length_low", "length_high"]
    mean = (
        made.group_by("model", "difficulty", "question_id")
        .agg(pl.col("output_tokens").mean())
        .with_columns(pl.col("output_tokens").log())
    )
    for row in found.points.to_dicts():
        logs = mean.filter((pl.col("model") == row["model"]) & (pl.col("difficulty") == row["difficulty"]))["output_tokens"]
        assert row["length"] == pytest.approx(np.exp(logs.mean()))
        assert row["length_low"] < row["length"] < row["length_high"]
    assert (found.tests["value_low"] > 0.7).all()
    assert found.tests["p_holm"].max() < 0.001
    assert {row["difficulty"] for row in drawn(found) if "difficulty" in row} == {"easy", "medium", "hard"}


def test_length_does_not_go_with_what_is_not_difficulty(made):
    found = length_by_difficulty(shuffled(made, 5))
    assert ((found.tests["value_low"] < 0) & (found.tests["value_high"] > 0)).all()


def test_numbers_are_correlated_as_they_are(made):
    place = pl.col("question_id").str.slice(1).cast(pl.Int64)
    found = length_by_difficulty(made.with_columns(level=place), difficulty="level")
    assert found.points.filter(pl.col("model") == "base-1b")["difficulty"].to_list() == [
        "1 of 6 (low)",
        "2 of 6",
        "3 of 6",
        "4 of 6",
        "5 of 6",
        "6 of 6 (high)",
    ]
    assert found.points["highest"][0] == 9
    mean = (
        made.filter(pl.col("model") == "base-1b").group_by("question_id").agg(pl.col("output_tokens").mean()).sort("question_id")
    )
    assert found.tests["value"][0] == pytest.approx(stats.spearmanr(np.arange(60), mean["output_tokens"]).statistic)


def test_labels_without_an_order_stand_by_length_and_are_not_tested(made):
    labels = pl.col("difficulty").replace({"easy": "law", "medium": "war", "hard": "art"})
    found = length_by_difficulty(made.with_columns(topic=labels), difficulty="topic")
    assert found.points["difficulty"][:3].to_list() == ["law", "war", "art"]
    assert found.points["length"][:3].is_sorted()
    assert "no-order" in codes(found)
    assert found.tests.height == 0
    assert drawn(found)


def test_difficulty_must_tell_questions_apart(made):
    for table, how, error in [
        (made.drop("difficulty"), {}, NoSuchColumn),
        (made.with_columns(difficulty=pl.lit("easy")), {}, NothingToCompare),
        (made.with_columns(difficulty="question_id"), {}, UsageError),
        (made, {"difficulty": "model"}, UsageError),
        (made.drop("output_tokens"), {}, NoLength),
    ]:
        with pytest.raises(error):
            length_by_difficulty(table, **how)
