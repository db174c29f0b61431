"""The synthetic optimizer: what rollouts say, what a folder keeps, the command line. `test_optimizers` has what makes them."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import hotmess
from hotmess.charts import render
from hotmess.cli.synthesizing import synthetic
from hotmess.errors import CannotWrite, HotmessError, OtherVersion, UnreadableFile, UsageError
from hotmess.infer.laws import power_law, slope_over_trainings
from hotmess.result import Result
from hotmess.synthetic import sweep
from hotmess.synthetic.claims import findings
from hotmess.synthetic.departures import Along, along, by_sort, norms, stuck
from hotmess.synthetic.files import save
from hotmess.synthetic.folder import Folder, Unit
from hotmess.synthetic.results import EXPERT, Run, results, sample_table
from hotmess.synthetic.scaling import FALLS_FASTER, growth, loss_law
from hotmess.synthetic.setting import PRESETS, Size, preset
from hotmess.synthetic.sweep import Shard, cost, submit, work

TINY = {
    "sizes": "1x16,2x16",
    "seeds": 2,
    "trajectories": 60,
    "horizon": 32,
    "batch": 16,
    "updates": 30,
    "steps": 16,
    "points": 8,
    "groups": 4,
    "jittered": 4,
    "starts": 32,
    "sampled": 2,
}
GIVEN = [part for name, value in TINY.items() for part in ("-T", f"{name}={value}")]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def never():
    return False


def silent(*_):
    pass


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A run of the smallest size, trained and led in this process."""
    folder = Folder.open(tmp_path_factory.mktemp("runs") / "tiny", preset("quick", TINY))
    torch.set_num_threads(1)
    work(folder, folder.units(), "cpu", never, silent)
    return folder


# ---------------------------------------------------------------------------------------------- departures


def random_metric(rng, dim):
    root = rng.standard_normal((dim, dim))
    return root @ root.T + np.eye(dim)


def test_split_is_that_of_the_formula_and_of_decompose():
    rng = np.random.default_rng(0)
    metric, away = random_metric(rng, 3), rng.standard_normal((2, 5, 4, 3)) + 1
    found = along(away, metric)
    mean = away.mean(2)
    spread = away - mean[:, :, None]
    variance = np.einsum("ptri,ij,ptrj->pt", spread, metric, spread) / 3
    bias = np.einsum("pti,ij,ptj->pt", mean, metric, mean) - variance / 4
    error = np.einsum("ptri,ij,ptrj->pt", away, metric, away) / 4
    for name, expected in (("error", error), ("variance", variance), ("bias", bias)):
        np.testing.assert_allclose(getattr(found, name), expected, rtol=1e-10)
    target = np.array([0.3, -0.2, 0.1])
    terms = hotmess.decompose((away + target).reshape(10, 4, 3), [target] * 10, loss="squared", metric=metric)
    np.testing.assert_allclose(found.variance.ravel(), terms.variance, rtol=1e-8)
    np.testing.assert_allclose(found.bias.ravel(), terms.bias, rtol=1e-6, atol=1e-9)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(2, 6))
def test_error_is_bias_plus_variance_and_a_rotation_changes_nothing(seed, dim, replicates):
    rng = np.random.default_rng(seed)
    metric, away = random_metric(rng, dim), rng.standard_normal((2, 3, replicates, dim))
    turn, _ = np.linalg.qr(rng.standard_normal((dim, dim)))
    found, turned = along(away, metric), along(away @ turn, turn.T @ metric @ turn)
    np.testing.assert_allclose(found.error, found.bias + found.variance)
    np.testing.assert_allclose(found.error, norms(away, metric).mean(2), rtol=1e-9)
    np.testing.assert_allclose(found.variance, turned.variance, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(along(away[:, :, ::-1], metric).variance, found.variance, rtol=1e-9, atol=1e-12)


def test_bias_and_variance_are_unbiased():
    rng = np.random.default_rng(1)
    metric, offset = random_metric(rng, 2), np.array([0.4, -0.3])
    noise = rng.standard_normal((1, 40_000, 3, 2)) * 0.5
    found = along(offset + noise, metric)
    assert found.variance.mean() == pytest.approx(0.25 * np.trace(metric), rel=0.02)
    error = found.bias.std() / np.sqrt(found.bias.size)
    assert abs(found.bias.mean() - offset @ metric @ offset) < 4 * error


def test_replicates_that_are_equal_have_no_variance():
    away = np.broadcast_to(np.array([1.0, 2.0]), (1, 2, 4, 2)).copy()
    found = along(away, np.eye(2))
    assert found.variance.max() == 0
    np.testing.assert_allclose(found.bias, 5.0)


def test_the_end_is_the_mean_of_the_last_sixteenth():
    error = np.arange(33.0)[:, None]
    assert Along(error, error / 2).end().error.item() == pytest.approx(np.mean([31, 32]))
    assert Along(error[:4], error[:4]).end().error.item() == 3


def test_sorts_of_starts_are_told_apart():
    asked = preset("quick", {**TINY, "groups": 2, "jittered": 3, "starts": 4, "sampled": 2})
    states = np.zeros((9, 2 * 3 + 4 + 2 * 3, 2), np.float32)
    states[:, :, 0] = np.arange(16)
    states[:, :, 1] = np.where(np.arange(16) < 8, -1, 1)
    found = by_sort(states, asked, np.array([7.5, 0.0]))
    assert {name: part.shape for name, part in found.items()} == {
        "jittered": (9, 2, 3, 2),
        "starts": (9, 1, 4, 2),
        "orthant": (9, 1, 2, 2),
        "sampled": (9, 2, 3, 2),
    }
    assert found["jittered"][0, 1, :, 0].tolist() == [3, 4, 5]
    assert found["orthant"][0, 0, :, 0].tolist() == [8, 9]
    assert found["sampled"][0, 0, :, 0].tolist() == [10, 11, 12]


def test_stuck_is_ten_times_as_far_as_the_expert_and_as_a_step():
    error, expert = np.array([1.0, 1.0, 0.05, 30.0]), np.array([0.01, 0.2, 0.001, 2.0])
    assert stuck(error, expert, 0.001).tolist() == [False, False, False, False]
    assert stuck(100 * error, expert, 0.001).tolist() == [True, True, True, True]
    assert stuck(10 * error, expert, 0.001).tolist() == [True, False, True, True]
    assert stuck(10 * error, expert, 0.09).tolist() == [True, False, False, True]


# ---------------------------------------------------------------------------------------------- scaling


SIZES = np.repeat([1e3, 4e3, 2e4], 3)


def laws(slopes, *, scatter=0.0, seed=0, tasks=40):
    rng = np.random.default_rng(seed)
    levels = [(SIZES / 1e3) ** slope * np.exp(scatter * rng.standard_normal(9)) for slope in slopes]
    bias, variance = (level[:, None] * rng.gamma(4, 0.25, (1, tasks)) for level in levels)
    return {found.what: found for found in growth(variance, bias + variance, SIZES)}


def test_exponents_of_constructed_laws_come_out():
    found = laws((-2.0, -0.5))
    assert found["bias2"].law.slope.value == pytest.approx(-2)
    assert found["variance"].law.slope.value == pytest.approx(-0.5)
    assert found[FALLS_FASTER].law.slope.value == pytest.approx(1.5)


@given(st.integers(0, 1000))
def test_the_one_number_is_the_difference_of_two_slopes(seed):
    found = laws((-2.0, -0.5), scatter=0.5, seed=seed)
    apart = found["variance"].law.slope.value - found["bias2"].law.slope.value
    assert found[FALLS_FASTER].law.slope.value == pytest.approx(apart)


def test_intervals_of_the_one_number_cover_it():
    inside = 0
    for seed in range(400):
        slope = laws((-2.0, -0.5), scatter=0.5, seed=seed, tasks=16)[FALLS_FASTER].law.slope
        inside += slope.low <= 1.5 <= slope.high
    assert 0.92 <= inside / 400 <= 0.98


def test_intervals_of_the_one_number_cover_it_where_small_models_scatter_more():
    rng, inside, trials = np.random.default_rng(3), 0, 400
    scatter = np.repeat([1.4, 0.5, 0.2], 3)
    for _ in range(trials):
        bias = (SIZES / 1e3) ** -2.0 * np.exp(scatter * rng.standard_normal(9))
        variance = (SIZES / 1e3) ** -0.5 * np.exp(0.3 * rng.standard_normal(9))
        tasks = rng.gamma(4, 0.25, (2, 1, 16))
        found = growth(variance[:, None] * tasks[0], (bias[:, None] * tasks[1] + variance[:, None] * tasks[0]), SIZES)
        slope = found[-1].law.slope
        inside += slope.low <= 1.5 <= slope.high
    assert 0.92 <= inside / trials <= 0.995


def test_the_law_of_trainings_is_that_of_the_formula():
    rng = np.random.default_rng(4)
    logs = rng.standard_normal((9, 11))
    law = slope_over_trainings(logs, SIZES)
    x = np.log(np.unique(SIZES))
    weights = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    means, spread = logs.reshape(3, 3, 11).mean(1), logs[:, 0].reshape(3, 3).var(1, ddof=1)
    trainings = (weights**2 * spread / 3).sum()
    without = weights @ means[:, 1:]
    question = 9 / 10 * ((without - without.mean()) ** 2).sum()
    assert law.slope.value == pytest.approx(weights @ means[:, 0])
    assert law.se == pytest.approx(np.sqrt(trainings + question))
    assert law.model_se == pytest.approx(np.sqrt(trainings))
    assert law.df == pytest.approx((trainings + question) ** 2 / (((weights**2 * spread / 3) ** 2 / 2).sum() + question**2 / 9))
    assert slope_over_trainings(logs[:8], SIZES[:8]) is not None
    assert slope_over_trainings(logs[[0, 3, 6]], SIZES[[0, 3, 6]]) is None
    assert slope_over_trainings(logs[:3], SIZES[:3]) is None


def test_a_bias_below_zero_has_no_law_and_says_why():
    variance, bias = np.full((9, 8), 2.0), np.full((9, 8), 1.0)
    bias[0] = -0.1
    found = {one.what: one for one in growth(variance, bias + variance, SIZES)}
    assert found["bias2"].law is None
    assert found[FALLS_FASTER].law is None
    assert "not above 0" in found[FALLS_FASTER].how
    assert found["variance"].law is not None


def test_what_is_for_these_models_only_says_so():
    variance, bias = (np.random.default_rng(0).gamma(4, 1, (3, 8)) for _ in range(2))
    (*_, alone) = growth(variance, bias + variance, np.array([1e3, 4e3, 2e4]))
    (*_, many) = growth(np.tile(variance, (2, 1)), np.tile(bias + variance, (2, 1)), np.geomspace(1e3, 1e5, 6), general=False)
    assert not alone.general
    assert not many.general
    assert "these models only" in alone.how


def test_one_size_has_no_law():
    values = np.ones((3, 5))
    assert loss_law(values, np.full(3, 100.0)).law is None
    assert loss_law(values, np.full(3, 100.0)).how == "one size has no slope"
    assert power_law(values, np.full(3, 100.0)) is None


# ---------------------------------------------------------------------------------------------- results


def made_up(root, *, offset, noise):
    """A run whose models are the expert, moved by an offset and noise that fall with size."""
    asked = preset("quick", {**TINY, "sizes": "1x16,2x16,2x32", "groups": 24, "jittered": 8})
    folder = Folder.open(root, asked)
    run, rng = Run.of(folder), np.random.default_rng(0)
    states = np.concatenate([run.expert.states[name].reshape(9, -1, 2) for name in ("jittered", "starts", "sampled")], 1)
    for unit in folder.units():
        size = unit.size.parameters(asked.problem) / 1000
        moved = states + offset / size**2 + noise / size**0.5 * rng.standard_normal(states.shape)
        what = {"size": str(unit.size), "seed": unit.seed, "parameters": unit.size.parameters(asked.problem)}
        held_out = torch.full((6,), size**-0.3) * torch.linspace(0.9, 1.1, 6)
        tensors = {"states": torch.tensor(moved.astype(np.float32)), "held_out": held_out}
        save(folder.rollouts(unit), what, tensors)
    return Run.of(folder)


def test_results_of_constructed_rollouts_are_what_was_put_in(tmp_path):
    run = made_up(tmp_path / "run", offset=np.array([0.5, -0.2]), noise=0.002)
    made = results(run)
    scaling = made["scaling"].points.filter((pl.col("target") == EXPERT) & (pl.col("model") != EXPERT))
    metric = run.metric
    for row in scaling.iter_rows(named=True):
        size = row["parameters"] / 1000
        bias = np.array([0.5, -0.2]) / size**2
        assert row["variance"] == pytest.approx(0.002**2 / size * np.trace(metric), rel=0.4)
        assert row["bias2"] == pytest.approx(bias @ metric @ bias, rel=0.3)
    tests = {(row["replicates"], row["target"], row["what"]): row for row in made["scaling"].tests.iter_rows(named=True)}
    assert tests["jittered", EXPERT, "bias2"]["value"] == pytest.approx(-4, abs=0.3)
    assert tests["jittered", EXPERT, "variance"]["value"] == pytest.approx(-1, abs=0.3)
    assert tests["jittered", EXPERT, FALLS_FASTER]["value_low"] > 0
    assert made["loss"].tests["value"].item() == pytest.approx(-0.3, abs=0.01)
    said = {one.claim: one.holds for one in findings(made)}
    assert said["the loss on what was held out falls with size"] is True
    assert said["bias² falls faster with size than variance, against the expert, replicates: jittered"] is True


def test_a_model_that_is_the_expert_has_its_curve_and_no_departure(tmp_path):
    run = made_up(tmp_path / "run", offset=np.zeros(2), noise=0.0)
    steps, departures = results(run)["steps"].points, results(run)["departures"].points
    same = ["step", "error", "bias2", "variance", "incoherence", "median_error"]
    expert = steps.filter(pl.col("model") == EXPERT).select(same)
    for seed in (0, 1):
        mine = steps.filter((pl.col("model") == "2x16") & (pl.col("seed") == seed)).select(same)
        assert mine.equals(expert)
    assert departures.filter(pl.col("model") != EXPERT)["error"].max() == 0
    rounded = departures.filter((pl.col("model") == EXPERT) & (pl.col("step") > 0))
    assert 0 < rounded["error"].min() < rounded["error"].max() < 1e-4
    assert results(run)["scaling"].points["stuck"].max() == 0
    assert {one.holds for one in findings(results(run)) if "expert, replicates" in one.claim} == {None}


def test_results_say_how_they_were_made_and_can_be_drawn(tiny):
    for name, result in results(Run.of(tiny)).items():
        assert isinstance(result, Result)
        assert "4 models, preset quick" in result.made(), name
        assert render(result.chart(), ".svg").startswith(b"<svg")
        assert json.loads(result.to_json())["loss"] == (None if name == "loss" else "squared")  # it is a loss of its own
        assert ("over tasks" in result.made()) == (name not in ("loss", "rollouts")), name


def test_every_size_and_seed_and_the_expert_are_in_the_table_of_steps(tiny):
    points = results(Run.of(tiny))["steps"].points
    assert points["step"].unique().sort().to_list() == list(range(0, 17, 2))
    kinds = points.select("model", "seed").unique().sort("model", "seed").rows()
    assert kinds == [("1x16", None), ("1x16", 0), ("1x16", 1), ("2x16", None), ("2x16", 0), ("2x16", 1), (EXPERT, None)]
    pooled = points.filter((pl.col("model") == "1x16") & pl.col("seed").is_null())
    seeds = points.filter((pl.col("model") == "1x16") & pl.col("seed").is_not_null()).group_by("step", maintain_order=True)
    np.testing.assert_allclose(pooled["variance"], seeds.agg(pl.col("variance").mean())["variance"])


def test_all_sorts_of_replicates_are_drawn_with_the_expert(tiny):
    points = results(Run.of(tiny))["replicates"].points
    sorts = points.group_by("replicates").agg(pl.col("model").unique().sort()).sort("replicates")
    found = dict(sorts.rows())
    assert found.pop("seeds") == ["2x16"]
    assert found == {sort: ["2x16", EXPERT] for sort in ("jittered", "orthant", "sampled", "starts")}


def test_the_sample_table_says_the_same_to_the_rest_of_hotmess(tiny):
    run = Run.of(tiny)
    curve = hotmess.by_step(sample_table(run)).points.filter(pl.col("model") == "1x16-seed1").sort("step")
    mine = results(run)["steps"].points.filter((pl.col("model") == "1x16") & (pl.col("seed") == 1)).sort("step")
    assert curve.height == mine.height
    for name in ("error", "bias2", "variance", "incoherence", "incoherence_low", "incoherence_high"):
        np.testing.assert_allclose(curve[name], mine[name], rtol=1e-6, err_msg=name)


def test_one_size_and_one_seed_can_be_measured_and_drawn(tmp_path):
    alone = {**TINY, "sizes": "1x16", "seeds": 1, "updates": 5, "sampled": 0, "starts": 2}
    folder = Folder.open(tmp_path / "run", preset("quick", alone))
    work(folder, folder.units(), "cpu", never, silent)
    made = results(Run.of(folder))
    for result in made.values():
        assert render(result.chart(), ".svg").startswith(b"<svg")
    said = [one for one in findings(made) if "falls" in one.claim]
    assert {one.holds for one in said} == {None}
    assert all("one size has no slope" in one.figures for one in said)


# ---------------------------------------------------------------------------------------------- folders and sweeps


def test_a_full_disk_is_said_and_loses_nothing(tmp_path, monkeypatch):
    path = tmp_path / "kept"
    save(path, {"size": "1x16"}, {"states": torch.zeros(3)})
    before = path.read_bytes()

    def full(_, place, __):
        place.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(CannotWrite, match="No space left"):
        save(path, {"size": "1x16"}, {"states": torch.ones(3)})
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["kept"]


def test_folders_of_another_run_are_refused_and_left_alone(tiny, tmp_path):
    with pytest.raises(OtherVersion, match=r"updates 30 there, 40 here; groups 4 there, 6 here"):
        Folder.open(tiny.root, preset("quick", {**TINY, "updates": 40, "groups": 6}))
    with pytest.raises(OtherVersion, match="name quick there, paper here"):
        Folder.open(tiny.root, PRESETS["paper"])
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("mine")
    with pytest.raises(CannotWrite, match=r"holds something else, such as `thesis.tex`"):
        Folder.open(other, PRESETS["quick"])
    assert [path.name for path in other.iterdir()] == ["thesis.tex"]
    with pytest.raises(CannotWrite, match="is a file"):
        Folder.open(other / "thesis.tex", PRESETS["quick"])
    (other / "thesis.tex").rename(other / "preset.json")
    with pytest.raises(UnreadableFile, match="cannot be read"):
        Folder.open(other, PRESETS["quick"])


def test_one_process_at_a_time_works_on_a_model(tiny):
    unit = tiny.units()[0]
    with (
        tiny.alone_with(unit),
        pytest.raises(CannotWrite, match="another process is at work on 1x16-seed0"),
        tiny.alone_with(unit),
    ):
        pass


def tensors(path):
    from safetensors.torch import load_file

    return load_file(path)


def assert_same_run(one, other):
    for unit in one.units():
        for place in (Folder.model, Folder.rollouts):
            mine, yours = tensors(place(one, unit)), tensors(place(other, unit))
            assert mine.keys() == yours.keys()
            assert all(torch.equal(mine[name], yours[name]) for name in mine), unit


def test_what_was_stopped_goes_on_to_the_same_bits(tiny, tmp_path):
    folder, looks = Folder.open(tmp_path / "run", tiny.preset), iter(range(1000))
    units = folder.units()
    work(folder, units, "cpu", lambda: next(looks) >= 8, silent)
    assert all(folder.training(unit).exists() for unit in units)
    assert folder.missing() == units
    work(folder, units, "cpu", never, silent)
    assert not any(folder.training(unit).exists() for unit in units)
    assert_same_run(folder, tiny)


KILLED = """
import os, signal, sys, torch
from pathlib import Path
from hotmess.synthetic import sweep
from hotmess.synthetic.folder import Folder
from hotmess.synthetic.setting import preset

def midway(*_):
    if any(folder.training(unit).exists() for unit in folder.units()):
        os.kill(os.getpid(), signal.SIGKILL)

torch.set_num_threads(1)
sweep._KEPT = 0.0
folder = Folder.open(Path(sys.argv[1]), preset("quick", eval(sys.argv[2])))
sweep.work(folder, folder.units(), "cpu", lambda: False, midway)
"""


def test_what_was_killed_goes_on_to_the_same_bits(tiny, tmp_path):
    ended = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "run", repr(TINY)], check=False, timeout=300)
    assert ended.returncode == -signal.SIGKILL
    folder = Folder.open(tmp_path / "run", tiny.preset)
    assert any(folder.training(unit).exists() for unit in folder.units())
    work(folder, folder.units(), "cpu", never, silent)
    assert_same_run(folder, tiny)


def test_a_training_of_something_else_is_refused(tiny, tmp_path):
    folder, looks = Folder.open(tmp_path / "run", tiny.preset), iter(range(1000))
    first, second, *_ = folder.units()
    work(folder, [first], "cpu", lambda: next(looks) >= 4, silent)
    folder.training(first).rename(folder.training(second))
    with pytest.raises(OtherVersion, match="training of something else"):
        work(folder, [second], "cpu", never, silent)


def test_a_process_that_is_gone_is_said_with_what_to_do(tmp_path, monkeypatch):
    class Pool:
        ended = False

        def __init__(self, *_, **__):
            pass

        def submit(self, *_):
            future = Future()
            future.set_exception(BrokenProcessPool("gone"))
            return future

        def shutdown(self, **_):
            Pool.ended = True

    monkeypatch.setattr(sweep, "ProcessPoolExecutor", Pool)
    folder = Folder.open(tmp_path / "run", preset("quick", TINY))
    with pytest.raises(UsageError, match="a process ended in the middle of its work") as refused:
        sweep.sweep(folder, Shard(1, 1), told=silent)
    assert "the same command goes on" in refused.value.hint
    assert Pool.ended


@given(st.integers(1, 12), st.integers(0, 40))
def test_shards_share_all_models_out(parts, count):
    units = [Unit(Size(1, 16), seed) for seed in range(count)]
    chosen = [unit for part in range(parts) for unit in Shard(part + 1, parts).chosen(units)]
    assert sorted(chosen, key=str) == sorted(units, key=str)


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", ""])
def test_shards_that_are_none(text):
    with pytest.raises(UsageError, match="is no part of a whole"):
        Shard.of(text)


def test_larger_models_cost_more(tiny):
    small, *_, large = tiny.units()
    assert cost(tiny, large) > cost(tiny, small)


# ---------------------------------------------------------------------------------------------- the command line


def called(*arguments, code=0):
    found = CliRunner().invoke(synthetic, [str(one) for one in arguments])
    if isinstance(found.exception, HotmessError):
        return str(found.exception)
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    assert found.exit_code == code, found.output
    return found.output


def test_run_trains_measures_and_draws_in_shards_and_at_once(tiny, tmp_path):
    folder = tmp_path / "run"
    one = called("run", "-o", folder, *GIVEN, "--shard", "1/2")
    assert "2 models of other shards are missing" in one
    assert not (folder / "steps.csv").exists()
    assert "the same command without --shard" in one
    whole = called("run", "-o", folder, *GIVEN)
    assert "wrote tables, pictures and samples.parquet" in whole
    assert "the exact expert" in whole
    for name in ("steps", "departures", "scaling", "loss", "rollouts", "replicates"):
        assert all((folder / f"{name}{suffix}").stat().st_size > 100 for suffix in (".csv", ".svg", ".png"))
    assert_same_run(Folder(folder, tiny.preset), tiny)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".csv", ".svg", ".parquet")}
    called("run", "-o", folder, *GIVEN)
    assert before == {path.name: path.read_bytes() for path in folder.iterdir() if path.name in before}


def test_minutes_stop_a_run_which_the_same_command_goes_on_with(tmp_path):
    assert "the same command goes on" in called("run", "-o", tmp_path / "run", *GIVEN, "--minutes", "0.0001")
    assert not (tmp_path / "run" / "steps.csv").exists()
    assert not any((tmp_path / "run" / "rollouts").iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-T", "condition=0.5"), "condition number 0.5"),
        (("-T", "digits=1"), "-T digits=2, or -T step_norm=0.01"),
        (("--preset", "quik"), "did you mean `quick`?"),
        (("-T", "conditon=5"), "did you mean `condition`?"),
        (("-T", "condition=high"), "condition is a number"),
        (("-T", "updates=2.5"), "updates is a whole number"),
        (("-T", "sizes=2x20"), "a width of 20"),
        (("-T", "sizes=big"), "`big` is no size"),
        (("-T", "points=7"), "7 points of 256 steps"),
        (("-T", "radius=11"), "starts reach 11.1 from 0"),
        (("-T", "updates"), "-T name=value"),
        (("--shard", "5/4"), "is no part of a whole"),
        (("--device", "warp"), "there is no device `warp`"),
    ],
)
def test_bad_input_is_refused_with_what_to_type(tmp_path, arguments, said):
    assert said in called("run", "-o", tmp_path / "run", *arguments)


def test_a_folder_of_another_run_is_refused(tiny):
    assert "updates 30 there, 31 here" in called("run", "-o", tiny.root, *GIVEN, "-T", "updates=31")


def test_presets_are_described_with_what_the_paper_leaves_open():
    said = called("presets")
    assert "paper: 6 sizes × 1 seeds: 4x32 (51,936)" in said
    assert "65,000 updates of 1,024" in said
    assert "learned positions" in said


def test_a_sweep_can_be_submitted_as_an_array(tmp_path):
    pytest.importorskip("submitit")
    folder = Folder.open(tmp_path / "run", preset("quick", {**TINY, "seeds": 1}))
    jobs = submit(folder, 2, {"timeout_min": 5})
    assert [job.result() for job in jobs] == [True, True]
    assert folder.missing() == []


def endless(root):
    """The command on models that would take hours, once it is at work on them."""
    command = [Path(sys.executable).parent / "hotmess", "synthetic", "run", "-o", root, *GIVEN, "-T", "updates=1000000"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    end = time.monotonic() + 60
    while time.monotonic() < end and not any((root / "models").glob(".*.lock")):
        time.sleep(0.2)
    time.sleep(1.0)
    return process


def test_ctrl_c_keeps_what_was_learned(tmp_path):
    process = endless(tmp_path / "run")
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "what was learned is kept" in said
    assert any((tmp_path / "run" / "models").glob("*.training.safetensors"))


def test_processes_end_when_their_parent_is_killed(tmp_path):
    process = endless(tmp_path / "run")
    process.kill()
    process.communicate(timeout=60)  # their standard error is closed when they have ended too
    folder = Folder.open(tmp_path / "run", preset("quick", {**TINY, "updates": 1000000}))
    for unit in folder.units():
        with folder.alone_with(unit):
            pass
