"""The composition: groups, buckets, verdicts, and the JSON contract."""

import json
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from test_read import table

import hotmess

CONTRACT = [
    *("task", "model", "setting", "questions", "samples", "left_out", "invalid_rate", "error", "bias2", "variance"),
    *("incoherence", "low", "high", "input_variance", "output_variance"),
]


def simulated(questions, wrong, samples=10, seed=0):
    """Answers of a model that is wrong in a way of its own on some questions: stubbornly, or at random."""
    rng = np.random.default_rng(seed)
    rows = []
    for q in range(questions):
        kind = wrong[q % len(wrong)]
        for k in range(samples):
            answer = {"right": "A", "stubborn": "B", "random": rng.choice(list("AAABCD"))}[kind]
            rows.append({"question_id": q, "sample_id": k, "answer": str(answer), "target": "A", "n_choices": 4})
    return pl.DataFrame(rows)


def test_json_contract():
    measured = hotmess.measure(table())
    found = json.loads(measured.to_json())
    assert list(found)[:5] == ["hotmess", "loss", "estimator", "invalid", "rows"]
    assert list(found["rows"][0])[: len(CONTRACT)] == CONTRACT
    assert measured.to_json() == hotmess.measure(table()).to_json()
    by = json.loads(hotmess.measure(table().with_columns(region=pl.lit("n")), by=["region"]).to_json())
    assert list(by["rows"][0])[:4] == ["task", "model", "setting", "region"]


def test_kl_rows_carry_their_bracket():
    row = json.loads(hotmess.measure(table(), loss="kl").to_json())["rows"][0]
    assert row["variance_plugin"] <= row["variance"] <= row["variance_crossfit"]
    assert row["log_delta"] == pytest.approx(12 * np.log(10))
    assert hotmess.measure(table(), loss="kl").method.estimator == "midpoint"


def test_rows_of_a_shuffled_table_are_the_same_bytes():
    shuffled = table().sample(fraction=1, shuffle=True, seed=3)
    assert hotmess.measure(shuffled).to_json() == hotmess.measure(table()).to_json()


def test_paper_is_kl_plugin_uniform():
    one = hotmess.measure(table(), paper=True)
    other = hotmess.measure(table(), loss="kl", estimator="plugin", invalid="uniform")
    assert one.to_json() == other.to_json()


@pytest.mark.parametrize(
    ("wrong", "verdict"),
    [
        (["stubborn", "right"], "systematic"),
        (["random"], "hot mess"),
        (["stubborn", *["random"] * 6], "mixed"),
        (["right"], "almost never wrong here"),
    ],
)
def test_verdicts(wrong, verdict):
    assert hotmess.measure(simulated(90, wrong)).rows[0].verdict == verdict


def test_too_little_to_tell():
    assert hotmess.measure(simulated(12, ["stubborn"])).rows[0].verdict == "too little to tell"


def test_without_errors_there_is_no_incoherence():
    found = json.loads(hotmess.measure(simulated(30, ["right"])).to_json())
    assert found["rows"][0]["incoherence"] is None
    assert found["rows"][0]["low"] is None
    assert "no-errors" in {notice["code"] for notice in found["notices"]}


def test_groups_are_split_and_pooled():
    two = pl.concat([table(seed=s).with_columns(task=pl.lit(f"t{s}")) for s in (0, 1)])
    apart, together = hotmess.measure(two), hotmess.measure(two, pool=["task"])
    assert len(apart.rows) == 4
    assert [row.questions for row in together.rows] == [24, 24]  # the same ids in two tasks are different questions
    mean = np.mean([row.error.value for row in apart.rows if row.group["model"] == "m1"])
    assert together.rows[0].error.value == pytest.approx(mean)
    assert "task" not in together.rows[0].group
    everything = hotmess.measure(two, pool=["task", "model"])
    assert [row.questions for row in everything.rows] == [48]


def test_a_column_that_varies_inside_questions_splits_their_samples():
    halves = table().with_columns(warm=pl.col("sample_id") % 2)
    found = hotmess.measure(halves, by=["warm"])
    alone = hotmess.measure(halves.filter(pl.col("warm") == 1))
    warm = [row for row in found.rows if row.group["warm"] == 1]
    assert [row.variance for row in warm] == [row.variance for row in alone.rows]


def test_buckets_are_equal_and_sorted():
    found = hotmess.measure(table(questions=40), by=["length:4"])
    spans = [row.group["length"] for row in found.rows if row.group["model"] == "m1"]
    assert [span["bucket"] for span in spans] == [1, 2, 3, 4]
    assert all(a["high"] <= b["low"] for a, b in pairwise(spans))
    assert {row.questions for row in found.rows} <= {9, 10, 11}  # questions of equal length stay together
    assert "same-samples" in {notice.code for notice in found.notices}
    assert hotmess.measure(table(questions=40), by=["output_tokens:4"]).rows[0].error == found.rows[0].error


def test_too_few_questions_for_the_buckets():
    found = hotmess.measure(table(questions=12), by=["length:8"])
    assert {row.group["length"]["of"] for row in found.rows} == {3}
    assert "few-questions" in {notice.code for notice in found.notices}


def test_questions_of_one_sample_are_left_out_of_everything():
    lonely = pl.concat([table(), table().filter(pl.col("sample_id") == 0).with_columns(question_id=pl.col("question_id") + "x")])
    found = hotmess.measure(lonely)
    for row, whole in zip(found.rows, hotmess.measure(table()).rows, strict=True):
        assert row.error == whole.error
        assert (row.questions_left_out, row.left_out, row.samples) == (12, 12, 48)


def test_samples_that_count_and_those_that_do_not():
    status = pl.when(pl.col("sample_id") == 0).then(pl.lit("error")).when(pl.col("sample_id") == 1).then(pl.lit("invalid"))
    found = hotmess.measure(table().with_columns(status=status.otherwise(pl.lit("ok"))), max_invalid=1)
    row = found.rows[0]
    assert (row.samples, row.left_out) == (36, 12)
    assert row.invalid_rate == pytest.approx(1 / 3)
    assert {"unparsed", "left-out"} <= {notice.code for notice in found.notices}


def nested(crossed, effect=1.0, seed=0):
    """Contexts that change the answers, shared by all questions or of each question's own."""
    rng = np.random.default_rng(seed)
    rows = []
    for q in range(40):
        for g in range(5):
            sure = 0.9 if g < 2 else 0.9 - 0.6 * effect
            for k in range(4):
                answer = "A" if rng.random() < sure else str(rng.choice(list("BC")))
                rows.append(
                    {
                        "question_id": q,
                        "context_id": g if crossed else f"{q}-{g}",
                        "sample_id": k,
                        "answer": answer,
                        "target": "A",
                    }
                )
    return pl.DataFrame(rows)


def test_contexts_split_the_variance():
    row = hotmess.measure(nested(crossed=False)).rows[0]
    assert row.input_variance > 0.05
    assert row.input_variance + row.output_variance == pytest.approx(row.variance.value)
    assert row.interval.startswith("jackknife over questions")


def test_shared_contexts_widen_the_interval():
    alone, shared = (hotmess.measure(nested(crossed=c)) for c in (False, True))
    assert shared.rows[0].incoherence.value == alone.rows[0].incoherence.value
    assert shared.rows[0].interval.startswith("two-way")
    width = [m.rows[0].incoherence.high - m.rows[0].incoherence.low for m in (alone, shared)]
    assert width[1] > 1.2 * width[0]
    assert "crossed" in {notice.code for notice in shared.notices}


def test_one_context_at_a_time():
    row = hotmess.measure(nested(crossed=True), by=["context_id"]).rows[0]
    assert (row.group["context_id"], row.input_variance, row.questions) == (0, None, 40)


def test_questions_of_one_context_among_many_are_left_out():
    table = nested(crossed=False)
    single = table.filter((pl.col("question_id") > 0) | (pl.col("context_id") == "0-0"))
    row = hotmess.measure(single).rows[0]
    assert (row.questions, row.questions_left_out, row.left_out) == (39, 1, 4)


def test_a_fixed_benchmark_is_known_better():
    table = simulated(60, ["stubborn", "random", "right"])
    wide, narrow = (hotmess.measure(table, about=about).rows[0].incoherence for about in ("population", "benchmark"))
    assert wide.value == narrow.value
    assert narrow.high - narrow.low < 0.7 * (wide.high - wide.low)


@pytest.mark.parametrize("loss", ["brier", "kl", "mode"])
@pytest.mark.parametrize("contexts", [True, False])
def test_a_fixed_benchmark_of_probabilities(loss, contexts):
    rng = np.random.default_rng(1)
    rows = [
        {"question_id": q, "context_id": g, "sample_id": k, "probs": list(rng.dirichlet([1, 1, 1])), "target": 0}
        for q in range(30)
        for g in range(3)
        for k in range(3)
    ]
    table = pl.DataFrame(rows)
    table = table if contexts else table.with_columns(sample_id=pl.col("context_id") * 3 + pl.col("sample_id")).drop("context_id")
    row = hotmess.measure(table, loss=loss, about="benchmark").rows[0]
    assert row.incoherence.low < row.incoherence.value < row.incoherence.high


def test_clusters_are_left_out_together():
    table = simulated(60, ["stubborn", "random", "right"])
    pairs = pl.concat([table, table.with_columns(question_id=pl.col("question_id") + 1000)]).with_columns(
        template=(pl.col("question_id") % 1000).cast(pl.String)
    )
    alone, twice, grouped = hotmess.measure(table), hotmess.measure(pairs), hotmess.measure(pairs, cluster="template")
    ends = [(m.rows[0].incoherence.low, m.rows[0].incoherence.high) for m in (alone, twice, grouped)]
    assert ends[2] == pytest.approx(ends[0])
    assert ends[1][1] - ends[1][0] < ends[0][1] - ends[0][0]
    error = [m.rows[0].error.high - m.rows[0].error.low for m in (alone, twice, grouped)]
    assert error[2] == pytest.approx(error[0], rel=1e-6)


def test_few_questions_with_all_of_the_error():
    rare = pl.concat([simulated(40, ["right"]), simulated(2, ["stubborn"]).with_columns(question_id=pl.col("question_id") + 500)])
    found = hotmess.measure(rare)
    assert found.rows[0].effective_questions == pytest.approx(2)
    assert "few-effective" in {notice.code for notice in found.notices}


def test_spread_needs_no_target():
    points = [[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]
    table = pl.DataFrame({"question_id": [1] * 3 + [2] * 3, "vector": points * 2})
    measured = hotmess.measure(table)
    assert measured.method.loss == "spread"
    row = json.loads(measured.to_json())["rows"][0]
    assert row["variance"] == pytest.approx(8 / 15)
    assert row["error"] is None
    assert row["incoherence"] is None
    said = hotmess.measure(pl.DataFrame({"question_id": [1] * 3, "answer": ["a", "a", "b"]}), loss="spread")
    assert said.rows[0].variance.value == pytest.approx(2 / 3)


def test_points_with_targets():
    table = pl.DataFrame({"question_id": [1] * 3, "vector": [[3.0], [5.0], [10.0]], "target_vector": [[4.0]] * 3})
    assert hotmess.measure(table).rows[0].bias2.value == pytest.approx(-1 / 3)


def test_zero_one_gives_three_terms_and_no_incoherence():
    row = json.loads(hotmess.measure(table(), loss="zero_one").to_json())["rows"][0]
    assert row["incoherence"] is None
    assert row["error"] == pytest.approx(row["bias2"] + row["variance_unbiased"] - row["variance_biased"])


def test_score_and_answers_that_disagree_are_noticed():
    odd = table().with_columns(score=pl.lit(1.0))
    assert "label-disagreement" in {notice.code for notice in hotmess.measure(odd).notices}


def test_partial_targets():
    some = table().with_columns(target=pl.when(pl.col("question_id") != "q00").then(pl.col("target")))
    found = hotmess.measure(some)
    assert {row.questions for row in found.rows} == {11}
    assert "partial-targets" in {notice.code for notice in found.notices}
    one = table().with_columns(target=pl.when(pl.col("sample_id") == 0).then(pl.col("target")))
    assert hotmess.measure(one).rows == hotmess.measure(table()).rows  # one row that knows it tells the target of a question


def test_results_print():
    text = str(hotmess.measure(table(), by=["length:2"]))
    assert "m1" in text
    assert "incoherence" in text
    assert "95% interval" in text
    frame = hotmess.measure(table(), by=["length:2"]).table()
    assert {"length_bucket", "error_low", "verdict"} <= set(frame.columns)
