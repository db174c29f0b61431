"""How bias and variance change with the size of a model: power laws, theta_s = exp(a) * size_s^b.

y_s = log of the mean over questions at size s, x_s = log size, b by least squares. Two things move b: other questions, and
models that do not stand on a line. With psi_is = (theta_is - theta_s) / theta_s and M what least squares leaves over::

    question part   se_q^2 = c' S c,  S = psi'psi / (N (N-1)),  c = (x - mean) / Sxx      all sizes answered the same questions
    model part      se_m^2 = max(0, (RSS - tr(M S)) / (sizes - 2)) / Sxx                  from four sizes up

log V - log B is the logit of incoherence, so that its slope is exactly the slope of V less that of B: "more incoherent with
scale" is one number.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped
from numpy import ndarray

from hotmess.infer.counts import log_slopes
from hotmess.infer.effects import Effect, effect, effect_with_error, jackknife_error, left_out, sums_by_unit, welch_df
from hotmess.infer.trends import has_spread

__all__ = ["Law", "difference", "logit_slope", "power_law", "ppml_over_sizes"]

BySize = Float[ndarray, "size question"]
Sizes = Float[ndarray, " size"]
Clusters = Shaped[ndarray, " question"]


@dataclass(frozen=True, slots=True)
class Law:
    """A line through logs over model sizes; `model_se` is NaN where too few sizes tell how far models are off the line."""

    slope: Effect
    intercept: float
    question_se: float
    model_se: float
    df: float
    sizes: int

    @property
    def se(self) -> float:
        """Standard error of the slope, of both parts that are known."""
        return float(np.hypot(self.question_se, 0.0 if np.isnan(self.model_se) else self.model_se))


def power_law(values: BySize, sizes: Sizes, *, level: float = 0.95, clusters: Clusters | None = None) -> Law | None:
    """Exponent of the mean of values in size; `statistics` 7 of the design. None where a mean is not above 0: it has no log.

    With fewer than four sizes the interval holds for these models and other questions, no more.

    Args:
        values: bias or variance (unbiased) of each question at each size.
        sizes: size of each model, as its number of parameters.
        level: the level of confidence.
        clusters: a label for each question; questions of one label are drawn together.
    """
    mean = values.mean(1)
    if not (mean > 0).all() or not has_spread(np.log(sizes)):
        return None
    return _law(np.log(mean), values / mean[:, None] - 1, sizes, level, clusters)


def logit_slope(
    variance: BySize, bias: BySize, sizes: Sizes, *, level: float = 0.95, clusters: Clusters | None = None
) -> Law | None:
    """Slope of logit incoherence in log size, that is of log V less that of log B, paired over questions.

    None where a mean is not above 0: bias is then not distinguishable from none, and `ppml_over_sizes` gives its slope.

    Args:
        variance: variance (unbiased) of each question at each size.
        bias: bias (unbiased) of each question at each size.
        sizes: size of each model.
        level: the level of confidence.
        clusters: a label for each question; questions of one label are drawn together.
    """
    v, b = variance.mean(1), bias.mean(1)
    if not ((v > 0) & (b > 0)).all() or not has_spread(np.log(sizes)):
        return None
    return _law(np.log(v / b), variance / v[:, None] - bias / b[:, None], sizes, level, clusters)


def _law(y: Sizes, psi: BySize, sizes: Sizes, level: float, clusters: Clusters | None) -> Law:
    """The line through y over log size, and both parts of its error; psi is the influence of each question on y."""
    x, (count, questions) = np.log(sizes), psi.shape
    z = x - x.mean()
    square = float(z @ z)
    slope = float(z @ y) / square
    units = sums_by_unit(psi, clusters)
    n = units.shape[1]
    factor = n / (n - 1) / questions**2 if n > 1 else np.nan
    influence = z @ units / square
    question, model, df = float(factor * influence @ influence), np.nan, float(n - 1)
    if count >= 4:
        rest = y - y.mean() - slope * z
        noise = units - units.mean(0) - np.outer(z, influence)
        model = max(0.0, float(rest @ rest - factor * (noise**2).sum()) / (count - 2)) / square
        df = welch_df([question, model], [n - 1, count - 2])
    error = float(np.sqrt(question + np.nan_to_num(model)))
    return Law(
        slope=effect_with_error(slope, error, df=df, level=level, unit=1 / np.sqrt(square)),
        intercept=float(y.mean() - slope * x.mean()),
        question_se=float(np.sqrt(question)),
        model_se=float(np.sqrt(model)),
        df=df,
        sizes=count,
    )


def ppml_over_sizes(values: BySize, sizes: Sizes, *, level: float = 0.95, clusters: Clusters | None = None) -> Law | None:
    """Exponent of the mean of values in size where some mean is not above 0: quasi-Poisson, refits without one question each.

    Large means weigh more than in `power_law`, and there is a question part only. None where even this does not exist.
    """
    x, count = np.log(sizes), len(sizes)
    if not has_spread(x):
        return None
    z = (x - x.min()) / np.ptp(x)
    units = sums_by_unit(values, clusters)
    mean, rest = values.mean(1), left_out(units)
    slope, without = (log_slopes(z, sums.sum(0), z @ sums) / np.ptp(x) for sums in (mean[:, None], rest))
    if np.isnan(slope[0]):
        return None
    b, df = float(slope[0]), float(units.shape[1] - 1)
    found = effect(b, without, df=df, level=level, unit=1 / np.ptp(x))
    level_at_one = float(np.log(mean.sum() / np.exp(b * (x - x.max())).sum()) - b * x.max())
    return Law(found, level_at_one, jackknife_error(without), np.nan, df, count)


def difference(first: Law, second: Law) -> Effect:
    """Slope of the first law less that of the second, of different questions (as hard and easy ones): variances add.

    Models that stand off both lines in the same direction make the interval too wide rather than too narrow.
    """
    squares = [first.se**2, second.se**2]
    value = first.slope.value - second.slope.value
    df = welch_df(squares, [first.df, second.df])
    return effect_with_error(value, float(np.sqrt(sum(squares))), df=df, level=first.slope.level)
