"""What came out of a run: rollouts as tables, statements that were tested, and a sample table for the rest of hotmess."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float, Int
from numpy import ndarray

from hotmess.analyses.points import ends, frame, statement
from hotmess.infer import Effect, difference_of_ratios, effective_questions, mean_interval, ratio_interval, share_interval
from hotmess.result import Result
from hotmess.rows import Method
from hotmess.sums import DELTA
from hotmess.synthetic.departures import Along, Led, along, by_sort, norms, over_seeds, stuck
from hotmess.synthetic.files import save, what
from hotmess.synthetic.folder import Folder
from hotmess.synthetic.scaling import Found, growth, loss_law

__all__ = ["EXPERT", "Run", "results", "sample_table"]

EXPERT = "expert"
_METHOD = Method("squared", "unbiased", "class", "vector", "population", 0.95, DELTA)
_INTERVAL = "jackknife over tasks, for these models and other starts"
_KEPT = 16  # steps in the sample table


@dataclass(frozen=True, slots=True)
class Run:
    """All rollouts of a run.

    Attributes:
        expert: the exact one.
        rounded: the expert, if it saw and wrote tokens.
        steps: of the optimizer, at each point.
        metric: A.
        minimum: b.
    """

    folder: Folder
    models: tuple[Led, ...]
    expert: Led
    rounded: Led
    steps: tuple[int, ...]
    metric: Float[ndarray, "dim dim"]
    minimum: Float[ndarray, " dim"]

    @classmethod
    def of(cls, folder: Folder) -> "Run":
        """Read the rollouts of a folder, and let the expert go from the same starts."""
        from hotmess.synthetic.quadratic import Quadratic
        from hotmess.synthetic.rollouts import Starts, led

        preset = folder.preset
        quadratic = Quadratic.of(preset.problem)
        metric, minimum = quadratic.matrix.numpy(), quadratic.minimum.numpy()
        if not folder.rollouts(None).exists():
            starts = Starts.of(preset, quadratic)
            save(
                folder.rollouts(None),
                {"size": EXPERT},
                {f"states{place}": led(quadratic, starts, preset, rounded=place > 0) for place in (0, 1)},
            )
        every = preset.rollouts.steps // preset.rollouts.points
        expert, rounded = (_read(folder.rollouts(None), folder, minimum, f"states{place}") for place in (0, 1))
        models = tuple(_read(folder.rollouts(unit), folder, minimum) for unit in folder.units() if folder.rollouts(unit).exists())
        return cls(folder, models, expert, rounded, tuple(range(0, preset.rollouts.steps + 1, every)), metric, minimum)

    def sizes(self) -> Iterator[tuple[str, list[Led]]]:
        """The models of each size, the smallest first."""
        for name in dict.fromkeys(model.name for model in self.models):
            yield name, [model for model in self.models if model.name == name]

    def against(self, led: Led, sort: str, target: str) -> Along:
        """The split of one model's rollouts against the optimum, or the expert."""
        away = led.states[sort].astype(float) - (self.expert.states[sort] if target == EXPERT else self.minimum)
        return along(away, self.metric)

    def seeds_against(self, models: list[Led], target: str) -> Along:
        """The split of the rollouts of several seeds, each start a task and each seed a replicate."""
        start = self.expert.states["starts"][:, 0, :, None]
        return along(over_seeds(models).astype(float) - (start if target == EXPERT else self.minimum), self.metric)


def _read(path: Path, folder: Folder, minimum: Float[ndarray, " dim"], name: str = "states") -> Led:
    from safetensors import safe_open

    with safe_open(path, "np") as kept:
        of = what(kept.metadata())
        tensors = {name: kept.get_tensor(name) for name in list(kept.keys())}
    sorts = by_sort(tensors[name], folder.preset, minimum)
    return Led(of["size"], of.get("seed"), of.get("parameters"), sorts, tensors.get("held_out", np.empty(0)))


# ---------------------------------------------------------------------------------------------- tables


def results(run: Run) -> dict[str, Result]:
    """All results of a run, by the names of their files."""
    return {
        "steps": _result("optimizer_steps", run, _steps(run, "optimum"), _rises(run, "optimum")),
        "departures": _result("optimizer_departures", run, _steps(run, EXPERT), _rises(run, EXPERT)),
        "scaling": _result("optimizer_scaling", run, _ends(run), _laws(run)),
        "loss": replace(
            _result("optimizer_loss", run, _losses(run), [_said({"target": "held out"}, _loss(run))]),
            interval="Student's over trajectories that were held out, for these models",
            lossless=True,
        ),
        "rollouts": replace(_result("optimizer_rollouts", run, _examples(run), []), interval=""),
        "replicates": _result("optimizer_replicates", run, _replicates(run), []),
    }


def _result(name: str, run: Run, points: Iterable[dict[str, Any]], tests: Iterable[dict[str, Any]]) -> Result:
    said = f"{len(run.models)} models, preset {run.folder.preset.name}"
    return Result(name, frame(points), frame(tests), _METHOD, (), said, _INTERVAL)


def _steps(run: Run, target: str) -> Iterator[dict[str, Any]]:
    """Every point of every size, its seeds pooled, and of every seed; and of the expert, against itself the rounded one."""
    control = run.rounded if target == EXPERT else run.expert
    for name, models in (*run.sizes(), (EXPERT, [control])):
        parts = [run.against(model, "jittered", target) for model in models]
        away = [_errors(run, model, target) for model in models]
        yield from _points(run, {"model": name, "parameters": models[0].size, "seed": None}, parts, np.concatenate(away, 1))
        for model, part, one in zip(models, parts, away, strict=True) if len(models) > 1 else ():
            yield from _points(run, {"model": name, "parameters": model.size, "seed": model.seed}, [part], one)


def _errors(run: Run, led: Led, target: str, sort: str = "jittered") -> Float[ndarray, "point rollout"]:
    """The squared A-norm between each rollout and its target."""
    to = run.expert.states[sort] if target == EXPERT else run.minimum
    return norms((led.states[sort] - to).astype(float), run.metric).reshape(len(run.steps), -1)


def _pooled(parts: Sequence[Along]) -> tuple[Float[ndarray, "point task"], Float[ndarray, "point task"], Int[ndarray, " task"]]:
    """Error and variance of several models side by side, and which of their tasks are the same."""
    error, variance = (np.concatenate([getattr(part, name) for part in parts], 1) for name in ("error", "variance"))
    return error, variance, np.tile(np.arange(parts[0].error.shape[1]), len(parts))


def _points(
    run: Run, of: dict[str, Any], parts: Sequence[Along], away: Float[ndarray, "point rollout"]
) -> Iterator[dict[str, Any]]:
    """A row for each point."""
    error, variance, tasks = _pooled(parts)
    for place, step in enumerate(run.steps):
        yield {
            **of,
            "step": step,
            **_figures(error[place], variance[place], tasks),
            "median_error": float(np.median(away[place])),
        }


def _figures(error: Float[ndarray, " task"], variance: Float[ndarray, " task"], tasks: Any) -> dict[str, Any]:
    """Means and incoherence with their ends; `effective_questions` says over how many tasks the error is spread."""
    means = {"error": error, "bias2": error - variance, "variance": variance}
    by_task = np.bincount(tasks, error)
    found: dict[str, Any] = {"questions": len(by_task), "effective_questions": round(effective_questions(by_task), 1)}
    for name, values in means.items():
        found |= ends(name, mean_interval(values, clusters=tasks))
    return found | ends("incoherence", ratio_interval(variance, error, clusters=tasks))


def _rises(run: Run, target: str) -> Iterator[dict[str, Any]]:
    """Whether incoherence is higher at the end than after an eighth of the steps, for each size and for the expert."""
    early, control = max(1, (len(run.steps) - 1) // 8), run.rounded if target == EXPERT else run.expert
    for name, models in (*run.sizes(), (EXPERT, [control])):
        parts = [run.against(model, "jittered", target) for model in models]
        error, variance, tasks = _pooled(parts)
        last_error, last_variance, _ = _pooled([part.end() for part in parts])
        rise = difference_of_ratios(last_variance[0], last_error[0], variance[early], error[early], clusters=tasks)
        how = f"incoherence at the end less that at step {run.steps[early]}; jackknife over tasks, for these models"
        yield statement({"model": name}, "incoherence", "rollout", rise, how)


def _ends(run: Run) -> Iterator[dict[str, Any]]:
    """What every model comes to at the end, against both targets, and the fitted laws."""
    for target in ("optimum", EXPERT):
        laws = {found.what: found.law for found in _growth(run, target)}
        for led in (*run.models, run.rounded if target == EXPERT else run.expert):
            end = run.against(led, "jittered", target).end()
            fits = {f"{name}_fit": _fit(laws[name], led.size) for name in ("bias2", "variance", "error")}
            away = _errors(run, led, target)[-1]
            yield {
                "target": target,
                "model": led.name,
                "seed": led.seed,
                "parameters": led.size,
                **_figures(end.error[0], end.variance[0], np.arange(end.error.shape[1])),
                "median_error": float(np.median(away)),
                **_stuck(run, led),
                **fits,
            }


def _fit(law: Any, size: int | None) -> float | None:
    return None if law is None or size is None else float(np.exp(law.intercept + law.slope.value * np.log(size)))


def _stuck(run: Run, led: Led) -> dict[str, Any]:
    """The share of the starts all over from which rollouts stuck."""
    mine, best = (_errors(run, one, "optimum", "starts")[-1] for one in (led, run.expert))
    floor = float(np.linalg.eigvalsh(run.metric)[-1] * run.folder.preset.problem.step_norm**2)
    return ends("stuck", share_interval(stuck(mine, best, floor).astype(float)))


def _growth(run: Run, target: str, sort: str = "jittered") -> list[Found]:
    """The laws of one target: over models; of seeds as replicates, over sizes."""
    if sort == "seeds":
        parts = [(models[0].size, run.seeds_against(models, target).end()) for _, models in run.sizes()]
    else:
        parts = [(model.size, run.against(model, sort, target).end()) for model in run.models]
    variance, error = (np.stack([getattr(part, name)[0] for _, part in parts]) for name in ("variance", "error"))
    return growth(variance, error, np.array([float(size or 0) for size, _ in parts]), general=sort != "seeds")


def _laws(run: Run) -> Iterator[dict[str, Any]]:
    sorts = ["jittered", *(["seeds"] if run.folder.preset.seeds > 1 else [])]
    for sort in sorts:
        for target in ("optimum", EXPERT):
            for found in _growth(run, target, sort):
                yield _said({"replicates": sort, "target": target}, found)


def _loss(run: Run) -> Found:
    return loss_law(
        np.stack([model.held_out for model in run.models]), np.array([float(model.size or 0) for model in run.models])
    )


def _said(group: dict[str, Any], found: Found) -> dict[str, Any]:
    slope = found.law.slope if found.law is not None else Effect(np.nan, np.nan, np.nan, np.nan)
    return {**statement(group, found.what, "log size", slope, found.how), "general": found.general}


def _losses(run: Run) -> Iterator[dict[str, Any]]:
    law = _loss(run).law
    for model in run.models:
        of = {"model": model.name, "seed": model.seed, "parameters": model.size, "trajectories": len(model.held_out)}
        yield {**of, **ends("loss", mean_interval(model.held_out.astype(float))), "loss_fit": _fit(law, model.size)}


def _examples(run: Run) -> Iterator[dict[str, Any]]:
    """One start that is led by the first seed of each size, and by the expert: of those all over, the one that is farthest."""
    far = int(norms(run.expert.states["starts"][0, 0] - run.minimum, run.metric).argmax())
    for led in (*(models[0] for _, models in run.sizes()), run.expert):
        states = led.states["starts"][:, 0, far].astype(float)
        for step, state, error in zip(run.steps, states, norms(states - run.minimum, run.metric), strict=True):
            first = {f"x{place + 1}": float(value) for place, value in enumerate(state[:2])}
            yield {"model": led.name, "parameters": led.size, "step": step, "error": float(error), **first}


def _replicates(run: Run) -> Iterator[dict[str, Any]]:
    """Incoherence of the largest size under every sort of replicates, and of the expert under the same."""
    *_, (name, models) = run.sizes()
    for sort in run.expert.states:
        for led, those in ((name, models), (EXPERT, [run.expert])):
            yield from _ratios(run, {"replicates": sort, "model": led}, [run.against(one, sort, "optimum") for one in those])
    if len(models) > 1:
        yield from _ratios(run, {"replicates": "seeds", "model": name}, [run.seeds_against(models, "optimum")])


def _ratios(run: Run, of: dict[str, Any], parts: Sequence[Along]) -> Iterator[dict[str, Any]]:
    error, variance, tasks = _pooled(parts)
    for place, step in enumerate(run.steps):
        ratio = ratio_interval(variance[place], error[place], clusters=tasks)
        yield {**of, "step": step, "questions": int(tasks.max()) + 1, **ends("incoherence", ratio)}


def sample_table(run: Run) -> pl.DataFrame:
    """The jittered rollouts as samples for `measure`, `figure by-step` and the page, at a few steps.

    Vectors are in coordinates in which the A-norm is the Euclidean one: L'x, with A = LL'.
    """
    root = np.linalg.cholesky(run.metric)
    chosen = np.unique(np.linspace(0, len(run.steps) - 1, _KEPT + 1).round().astype(int))
    parts = []
    for led in (*run.models, run.expert):
        states = led.states["jittered"][chosen].astype(float) @ root
        points, tasks, replicates, dim = states.shape
        at = np.indices((points, tasks, replicates)).reshape(3, -1)
        parts.append(
            pl.DataFrame(
                {
                    "task": "quadratic",
                    "model": led.name if led.seed is None else f"{led.name}-seed{led.seed}",
                    "model_size": led.size,
                    "question_id": at[1],
                    "sample_id": at[2],
                    "step": np.array(run.steps)[chosen][at[0]],
                    "vector": pl.Series(states.reshape(-1, dim)).cast(pl.List(pl.Float64)),
                },
                schema_overrides={"model_size": pl.Int64},
            )
        )
    return pl.concat(parts).with_columns(target_vector=pl.concat_list(pl.lit(part) for part in run.minimum @ root))
