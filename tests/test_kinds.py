"""Which kind of wrong: what could not be read, bias² beside variance, two parts of bias, spread, steps, and one question."""

import numpy as np
import polars as pl
import pytest
import worlds
from test_length import MOST, TIMES, held, measured, said

import hotmess
from hotmess import HotmessError, Rules
from hotmess.analyses import answer_spread, by_step, format_adherence, one_question, plane, split_bias
from hotmess.analyses.points import ends

RIGHT = pl.col("answer") == pl.col("target")


# ---------------------------------------------------------------------------------------------- the format


def test_rates_of_unread_answers_are_those_of_the_world():
    hits = 0
    for seed in range(4):
        points = format_adherence(worlds.formats(seed)).points.filter(outcome="not read")
        truth = worlds.formats.truth(seed).with_columns(
            setting="effort=" + pl.col("effort"), truth=pl.col("invalid") + pl.col("limit")
        )
        both = points.join(truth, on=["model", "setting"], validate="1:1")
        hits += both.filter(pl.col("truth").is_between("rate_low", "rate_high")).height
    assert hits >= 20  # of 24; fewer would happen once in 160 tries


def test_outcomes_are_counted_and_add_up():
    samples = worlds.formats(1, questions=30)
    points = format_adherence(samples).points
    for _, part in points.group_by("model", "setting"):
        rate = dict(part["outcome", "rate"].iter_rows())
        reasons = [value for name, value in rate.items() if name.startswith("unread: ")]
        assert rate["read"] + rate["not read"] == pytest.approx(1)
        assert sum(reasons) == pytest.approx(rate["not read"])
    seen = samples.filter(model="small", setting="effort=high").group_by("reason").len()
    found = points.filter(pl.col("outcome").str.starts_with("unread: "), model="small", setting="effort=high")
    assert dict(found.select(pl.col("outcome").str.slice(8), "samples").iter_rows()) == dict(seen.drop_nulls().iter_rows())


def test_answers_that_fail_together_are_known_less_well():
    def width(fails):
        table = pl.DataFrame({"question_id": np.repeat(np.arange(100), 10), "target": "A", "n_choices": 4})
        table = table.with_columns(answer=pl.when(pl.Series(fails)).then(None).otherwise(pl.lit("A")))
        row = format_adherence(table, rules=Rules(max_invalid=1)).points.filter(outcome="not read").row(0, named=True)
        assert row["rate"] == pytest.approx(0.3)
        return row["rate_high"] - row["rate_low"]

    apart, together = np.random.default_rng(1).permutation(1000) < 300, np.repeat(np.arange(100) < 30, 10)
    for fails, questions in ((apart, 1000), (together, 100)):  # of as many as would tell as much
        assert width(fails) == pytest.approx(2 * 1.98 * np.sqrt(0.3 * 0.7 / questions), rel=0.1)


def test_where_everything_was_read_a_rate_has_an_upper_end():
    points = format_adherence(worlds.lengths(1, questions=60)).points.filter(outcome="not read")
    assert points["rate", "rate_low"].row(0) == (0, 0)
    assert 0 < points["rate_high"][0] < 0.1
    assert format_adherence(worlds.lengths(1, questions=1)).points["rate_high"].is_null().all()


def test_a_run_counts_once_however_many_tests_it_has():
    runs = worlds.agent_runs(1, questions=20)
    long = runs.with_columns(score=pl.col("tests"), test_id=pl.int_ranges(pl.col("tests").list.len())).drop("tests")
    for table in (runs, long.explode("score", "test_id").with_columns(pl.col("score").cast(pl.Float64))):
        assert format_adherence(table).points["of_samples"].unique().to_list() == [runs.height]


# ---------------------------------------------------------------------------------------------- bias² and variance


def test_models_lie_where_the_world_has_them_in_order_of_size():
    hits = {"bias2": 0, "variance": 0}
    for seed in range(3):
        points = plane(worlds.sizes(seed, kind="vector", questions=60)).points
        assert points["model_size"].to_list() == [0.6, 1.7, 4, 8, 14, 32]
        truth = (
            worlds.sizes.truth(seed, kind="vector", questions=60).group_by("model_size").agg(pl.col("bias2", "variance").mean())
        )
        both = points.join(truth, on="model_size", suffix="_truth")
        for name in hits:
            hits[name] += both.filter(pl.col(f"{name}_truth").is_between(f"{name}_low", f"{name}_high")).height
    assert min(hits.values()) >= 14  # of 18


def test_the_plane_is_split_as_measure_splits():
    samples = worlds.sizes(1, questions=30, sizes=(1, 2))
    found = plane(samples, by=["difficulty"]).points.sort("model", "difficulty")
    assert found[:, -12:].equals(measured(samples, "difficulty")[:, -12:])


# ---------------------------------------------------------------------------------------------- two aims


def test_parts_of_bias_add_up_to_what_the_world_has():
    results = [split_bias(worlds.pursuit(seed, questions=100)) for seed in range(TIMES)]
    truth = worlds.pursuit.truth(0, questions=20_000, samples=1).mean().row(0, named=True)
    wanted = {"mesa": truth["bias2"], "bias2": truth["bias2_intended"], "variance": truth["variance"], "specification": 0.4}
    wanted["overlap"] = wanted["bias2"] - wanted["mesa"] - wanted["specification"]
    for part, value in wanted.items():
        found = [result.points.filter(part=part).row(0, named=True) for result in results]
        assert sum(row["value_low"] <= value <= row["value_high"] for row in found) >= MOST, part
    assert held([said(result, "bias²") for result in results], wanted["mesa"] - 0.4) >= MOST
    for result in results:
        parts = dict(result.points["part", "value"].iter_rows())
        assert parts["mesa"] + parts["specification"] + parts["overlap"] == pytest.approx(parts["bias2"])


def test_bias_is_against_the_target_and_against_what_was_intended():
    samples = worlds.pursuit(3, questions=40)
    parts = dict(split_bias(samples).points["part", "value"].iter_rows())
    trained, meant = (hotmess.measure(s).rows[0] for s in (samples, samples.with_columns(target="intended")))
    assert [parts["mesa"], parts["variance"]] == pytest.approx([trained.bias2.value, trained.variance.value])
    assert parts["bias2"] == pytest.approx(meant.bias2.value)
    differ = (samples["target"] != samples["intended"]).mean()
    assert parts["specification"] == pytest.approx(2 * differ)


def test_only_questions_of_which_both_aims_are_known_count():
    samples = worlds.pursuit(3, questions=40)
    known = split_bias(samples.with_columns(intended=pl.when(pl.col("question_id") > "q0009").then("intended"))).points
    assert known.equals(split_bias(samples.filter(pl.col("question_id") > "q0009")).points)


# ---------------------------------------------------------------------------------------------- spread and length


@pytest.mark.parametrize("exponent", [0.0, 0.5])
def test_the_exponent_of_spread_is_found(exponent):
    """Against the length that a question has; the mean of a few samples is that with noise, which flattens every slope."""
    found = []
    for seed in range(TIMES):
        how = {"questions": 100, "samples": 5, "exponent": exponent}
        lengths = worlds.embeddings.truth(seed, **how)["question_id", "length"]
        result = answer_spread(worlds.embeddings(seed, **how).join(lengths, on="question_id"), rules=Rules(length="length"))
        found.append(said(result, "variance"))
    assert held(found, exponent) >= MOST
    assert {row["per"] for row in found} == {"exponent of length"}


def test_each_question_has_its_spread_and_the_line_is_a_power_law():
    samples = worlds.embeddings(1, questions=40)
    result = answer_spread(samples)
    points, exponent = result.points, said(result, "variance")["value"]
    assert points["variance"].mean() == pytest.approx(hotmess.measure(samples).rows[0].variance.value)
    lengths = samples.group_by("question_id").agg(pl.col("output_tokens").mean())
    assert points.join(lengths, on="question_id").select(
        pl.col("length") - pl.col("output_tokens")
    ).sum().item() == pytest.approx(0)
    slope = np.polyfit(np.log(points["length"]), np.log(points["fitted"]), 1)[0]
    assert slope == pytest.approx(exponent)
    assert points["fitted"].sum() == pytest.approx(points["variance"].sum())


def test_answers_spread_too_and_copies_do_not():
    answers = worlds.lengths(2, questions=40)
    assert answer_spread(answers).points["variance"].mean() == pytest.approx(hotmess.measure(answers).rows[0].variance.value)
    same = worlds.embeddings(1, questions=9).with_columns(pl.col("vector").first().over("question_id"))
    assert said(answer_spread(same), "variance")["value"] is None


# ---------------------------------------------------------------------------------------------- steps


def test_variance_falls_from_step_to_step_as_the_world_says():
    samples = worlds.steps(1, steps=5, starts=16, rates=(0.3, 0.1))
    points = by_step(samples).points
    falls = points.sort("step").group_by("model").agg((pl.col("variance") / pl.col("variance").shift()).drop_nulls())
    assert falls["variance"].explode().to_list() == pytest.approx(
        [np.exp(-0.1)] * 15
    )  # the noise of a start is the same throughout
    assert points["step"].to_list() == sorted(points["step"])
    assert points.sort("model", "step")[:, -12:].equals(measured(samples, "step")[:, -12:])


def test_steps_may_have_another_name():
    samples = worlds.steps(1, steps=2, starts=8, questions=3)
    assert by_step(samples.rename({"step": "turn"}), step="turn").points.equals(by_step(samples).points)


# ---------------------------------------------------------------------------------------------- one question


def test_the_messiest_question_is_shown_from_its_shortest_sample_on():
    samples = worlds.lengths(2, questions=30, models=("a", "b"))
    points = one_question(samples).points
    spread = samples.group_by("question_id", "model").agg(
        v=1 - pl.col("answer").value_counts().struct.field("count").pow(2).sum() / 100
    )
    most = (
        spread.group_by("question_id").agg(pl.col("v").sum()).sort("v", "question_id", descending=[True, False])["question_id"][0]
    )
    assert points["question_id"].unique().to_list() == [most]
    wanted = samples.filter(question_id=most).sort("model", "output_tokens", maintain_order=True)
    assert points["answer"].to_list() == wanted["answer"].to_list()
    assert points["length"].to_list() == wanted["output_tokens"].to_list()
    assert points["right"].to_list() == wanted.select(RIGHT).to_series().to_list()
    assert points["sample"].to_list() == [*range(1, 11)] * 2


def test_what_could_not_be_read_is_not_right_and_what_failed_is_not_shown():
    status = pl.when(pl.col("sample_id") == 0).then(pl.lit("error")).otherwise(pl.lit("ok"))
    answer = pl.when(pl.col("sample_id") != 1).then("answer")
    target = pl.when(pl.col("sample_id") == 2).then("target")  # one row tells the target of its question
    samples = worlds.lengths(2, questions=9).with_columns(status=status, answer=answer, target=target)
    points = one_question(samples, question="q0003").points
    assert points.height == 9
    assert points["target"].null_count() == points["right"].null_count() == 0
    assert points.filter(pl.col("answer").is_null())["right"].to_list() == [False]
    assert points["right"].to_list() == (points["answer"] == points["target"]).fill_null(False).to_list()


def test_a_question_may_be_a_number_and_have_no_length():
    samples = worlds.lengths(2, questions=9).select(
        "answer", "target", "n_choices", question_id=pl.col("question_id").str.slice(1).cast(int)
    )
    points = one_question(samples, question="3").points
    assert points["question_id"].unique().to_list() == ["3"]
    assert "length" not in points.columns


# ---------------------------------------------------------------------------------------------- what cannot be asked

AIMS, STEPS, FEW = worlds.pursuit(1, questions=9), worlds.steps(1, steps=1, starts=4), worlds.lengths(1, questions=9)
REFUSED = {
    "one aim": (lambda: split_bias(AIMS.drop("intended")), "missing-column", "no column `intended`"),
    "an empty aim": (lambda: split_bias(AIMS.with_columns(intended=pl.lit(None, pl.String))), "missing-column", "is empty"),
    "two aims that are one": (lambda: split_bias(AIMS.with_columns(intended="target")), "nothing-to-compare", "are the same"),
    "aims under kl": (lambda: split_bias(AIMS, rules=Rules(loss="kl")), "loss-mismatch", "split_bias is not defined"),
    "aims of right and wrong": (lambda: split_bias(AIMS, rules=Rules(loss="coverage")), "loss-mismatch", "under the Brier loss"),
    "a line through two": (lambda: answer_spread(worlds.embeddings(1, questions=2)), "nothing-to-compare", "fewer than three"),
    "spread without length": (lambda: answer_spread(worlds.embeddings(1).drop("output_tokens")), "no-length", "no length"),
    "no steps": (lambda: by_step(FEW), "no-such-column", "no numeric column `step`"),
    "steps that are words": (lambda: by_step(STEPS.cast({"step": pl.String})), "no-such-column", "no numeric column `step`"),
    "one step": (lambda: by_step(STEPS.filter(step=1)), "nothing-to-compare", "one value only"),
    "no such question": (lambda: one_question(FEW, question="q001"), "nothing-selected", "no question `q001`"),
    "a question with runs": (lambda: one_question(worlds.agent_runs(1, questions=9)), "loss-mismatch", "the table holds tests"),
    "a plane of nothing": (lambda: plane(worlds.embeddings(1, questions=9)), "loss-mismatch", "without a target"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_asked_is_refused(name):
    call, code, words = REFUSED[name]
    with pytest.raises(HotmessError, match=words) as refused:
        call()
    assert refused.value.code == code


def test_undefined_figures_are_null():
    assert ends("x", hotmess.Interval(0.5, np.nan, np.nan)) == {"x": 0.5, "x_low": None, "x_high": None}
