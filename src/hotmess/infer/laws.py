"""How bias and variance change with the size of a model: power laws, theta_s = exp(a) * size_s^b.

y_s = log of the mean over questions at size s, x_s = log size, b by least squares. Two things move b: other questions, and
models that do not stand on a line. With M what least squares leaves over, and S the jackknife covariance of the y_s, all sizes
having answered the same questions::

    question part   se_q^2 = c' S c,  c = (x - mean) / Sxx
    model part      se_m^2 = max(0, (RSS - tr(M S)) / (sizes - 2)) / Sxx                   from four sizes up
    both            se^2   = RSS / (sizes - 2) / Sxx  +  max(0, se_q^2 - tr(M S) / (sizes - 2) / Sxx)

The first term of the last line has sizes - 2 degrees of freedom, the second, by which questions move b beyond what residuals
show, one less than there are questions. se_q^2 + se_m^2 is the same but where the model part is cut at 0; taking a lucky cut for
knowledge misses in 12 % of cases at four sizes, this in 5 %.

log V - log B is the logit of incoherence, so that its slope is exactly the slope of V less that of B: "more incoherent with
scale" is one number.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped
from numpy import ndarray

from hotmess.infer.counts import log_slopes
from hotmess.infer.effects import Effect, effect_with_error, jackknife_error, left_out, sums_by_unit, welch_df
from hotmess.infer.trends import has_spread

__all__ = ["Law", "log_means", "logit_slope", "logit_slope_apart", "power_law", "ppml_over_sizes", "slope_over_trainings"]

BySize = Float[ndarray, "size question"]
Sizes = Float[ndarray, " size"]
Clusters = Shaped[ndarray, " question"]


@dataclass(frozen=True, slots=True)
class Law:
    """A line through logs over model sizes; `model_se` is NaN where too few sizes tell how far models are off the line.

    `se` is the standard error of the slope, and `df` its degrees of freedom; `question_se` and `model_se` are what other
    questions and other models contribute to it.
    """

    slope: Effect
    intercept: float
    se: float
    question_se: float
    model_se: float
    df: float
    sizes: int


def power_law(values: BySize, sizes: Sizes, *, level: float = 0.95, clusters: Clusters | None = None) -> Law | None:
    """Exponent of the mean of values in size; `statistics` 7 of the design. None where a mean is not above 0: it has no log.

    With fewer than four sizes the interval holds for these models and other questions, no more.

    Args:
        values: bias or variance (unbiased) of each question at each size.
        sizes: size of each model, as its number of parameters.
        level: the level of confidence.
        clusters: a label for each question; questions of one label are drawn together.
    """
    logs = log_means(values, clusters)
    return None if np.isnan(logs[:, 0]).any() or not has_spread(np.log(sizes)) else _law(logs, sizes, level)


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
    logs = log_means(variance, clusters) - log_means(bias, clusters)
    return None if np.isnan(logs[:, 0]).any() or not has_spread(np.log(sizes)) else _law(logs, sizes, level)


def logit_slope_apart(
    first: tuple[Float[ndarray, "size one"], Float[ndarray, "size one"]],
    second: tuple[Float[ndarray, "size two"], Float[ndarray, "size two"]],
    sizes: Sizes,
    *,
    level: float = 0.95,
    clusters: tuple[Shaped[ndarray, " one"] | None, Shaped[ndarray, " two"] | None] = (None, None),
) -> Law | None:
    """Slope of logit incoherence among some questions less that among others (as hard and easy ones), paired over models.

    What makes a model more incoherent on all questions drops out of the difference of its logits, at each size; `difference` of
    two laws would count it twice. None where a mean is not above 0.

    Args:
        first: variance and bias (unbiased) of each question at each size.
        second: variance and bias of the other questions, answered by the same models in the same order.
        sizes: size of each model.
        level: the level of confidence.
        clusters: labels for the questions of each; questions of one label are drawn together.
    """
    one, two = (log_means(v, c) - log_means(b, c) for (v, b), c in zip((first, second), clusters, strict=True))
    logs = np.column_stack([one - two[:, :1], one[:, :1] - two[:, 1:]])
    if np.isnan(logs[:, 0]).any() or not has_spread(np.log(sizes)):
        return None
    return _law(logs, sizes, level, strata=(one.shape[1] - 1, two.shape[1] - 1))


def slope_over_trainings(logs: Float[ndarray, "model fit"], sizes: Sizes, *, level: float = 0.95) -> Law | None:
    """The line through logs of figures of several trainings of each size, for other trainings of the same sizes.

    The slope is that of least squares through the mean of each size, sum_s c_s y_s with c = (x - mean) / Sxx. Trainings of one
    size may scatter more than those of another: se^2 = sum_s c_s^2 var_s / n_s + the jackknife variance over questions, which
    all models have answered; degrees of freedom after Satterthwaite. None where a log does not exist, or a size has one training.

    Args:
        logs: of each model: the figure from all questions, then from all but one, each in turn.
        sizes: of each model; those of one size are trainings of it.
        level: the level of confidence.
    """
    alone, which, count = np.unique(sizes, return_inverse=True, return_counts=True)
    if np.isnan(logs[:, 0]).any() or len(alone) < 2 or count.min() < 2:
        return None
    z = np.log(alone) - np.log(alone).mean()
    weights = z / (z @ z)
    means = np.stack([logs[which == place].mean(0) for place in range(len(alone))])
    spread = [float(logs[which == place, 0].var(ddof=1)) / n for place, n in enumerate(count)]
    trainings = [float(c**2 * one) for c, one in zip(weights, spread, strict=True)]
    slopes = weights @ means
    question = jackknife_error(slopes[1:]) ** 2
    se = float(np.sqrt(sum(trainings) + question))
    df = welch_df([*trainings, question], [*(float(n - 1) for n in count), logs.shape[1] - 2.0])
    slope = float(slopes[0])
    return Law(
        slope=effect_with_error(slope, se, df=df, level=level, unit=1 / np.sqrt(z @ z)),
        intercept=float(means[:, 0].mean() - slope * np.log(alone).mean()),
        se=se,
        question_se=float(np.sqrt(question)),
        model_se=float(np.sqrt(sum(trainings))),
        df=float(df),
        sizes=len(alone),
    )


def log_means(values: BySize, clusters: Clusters | None = None) -> Float[ndarray, "size fit"]:
    """Logs of the mean at each size: first of all questions, then without one unit each; NaN where there is none."""
    sums = sums_by_unit(np.vstack([values, np.ones(values.shape[1])]), clusters)
    fits = np.column_stack([sums.sum(1), left_out(sums)])
    exist = (fits[:-1] > 0) & (fits[-1] > 0)
    return np.where(exist, np.log(np.where(exist, fits[:-1], 1.0) / np.where(exist, fits[-1], 1.0)), np.nan)


def _law(logs: Float[ndarray, "size fit"], sizes: Sizes, level: float, strata: tuple[int, ...] | None = None) -> Law:
    """The line through the first logs over log size, and the parts of its error from the others, one stratum after the other."""
    x, (count, fits) = np.log(sizes), logs.shape
    z = x - x.mean()
    square = float(z @ z)
    slopes = z @ logs / square
    rest = logs - logs.mean(0) - np.outer(z, slopes)
    strata = strata or (fits - 1,)
    slope, n = float(slopes[0]), fits - len(strata)
    question, model, df = _variance(slopes[1:], strata), np.nan, float(n - 1)
    whole = question
    if count >= 4:
        off = float(rest[:, 0] @ rest[:, 0]) / (count - 2) / square
        noise = sum(_variance(one, strata) for one in rest[:, 1:]) / (count - 2) / square
        model, shared = (float(np.maximum(part - noise, 0.0)) for part in (off, question))  # NaN where noise is not known
        whole, df = off + shared, welch_df([off, shared], [count - 2, n - 1])
    se = float(np.sqrt(whole))
    return Law(
        slope=effect_with_error(slope, se, df=df, level=level, unit=1 / np.sqrt(square)),
        intercept=float(logs[:, 0].mean() - slope * x.mean()),
        se=se,
        question_se=float(np.sqrt(question)),
        model_se=float(np.sqrt(model)),
        df=df,
        sizes=count,
    )


def _variance(without: Float[ndarray, " unit"], strata: tuple[int, ...]) -> float:
    """Jackknife variance of a figure from its values without one unit each; units of different strata vary by themselves."""
    return sum(jackknife_error(part) ** 2 for part in np.split(without, np.cumsum(strata)[:-1]))


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
    b, se, df = float(slope[0]), jackknife_error(without), float(units.shape[1] - 1)
    at_one = float(np.log(mean.sum() / np.exp(b * (x - x.max())).sum()) - b * x.max())
    found = effect_with_error(b, se, df=df, level=level, unit=1 / np.ptp(x))
    return Law(found, at_one, se, se, np.nan, df, count)
