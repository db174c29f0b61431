"""A pilot that nobody has made: what a stated error rate and incoherence would look like."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.special import betaincinv

from hotmess.errors import UsageError
from hotmess.infer import Moments, moments

__all__ = ["Guess", "guessed_moments"]

QUESTIONS = 4000
_CONTEXTS, _SAMPLES = 5, 2


@dataclass(frozen=True, slots=True)
class Guess:
    """How a model would fail, where there is no pilot.

    Answers are right or wrong. Of p, a question's chance to be answered wrongly, error and incoherence say the mean and the mean
    square, e and (1 - R) e; p is then taken to be a Beta variable.

    Attributes:
        incoherence: R, the share of the error that is variance.
        error: e, the share of answers that are wrong.
        input: the share of the variance that is due to the context; none where there are no contexts.
    """

    incoherence: float
    error: float
    input: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for name, value in (("incoherence", self.incoherence), ("error", self.error), ("input", self.input or 0.0)):
            if not 0 <= value <= 1:
                meant = f"{value:g}%" if 1 < value < 100 else "30%"
                raise UsageError(f"the guess of {name} is {value:g}; it lies between 0 and 1", hint=f"--guess-{name} {meant}")
        for name, value in (("incoherence", self.incoherence), ("error", self.error)):
            if value in (0, 1):
                why = "then no number of questions shows it" if name == "incoherence" else "then nothing varies"
                raise UsageError(f"the guess of {name} is {value:g}", why=why, hint=f"--guess-{name} 30%")
        if self.input == 1:
            raise UsageError(
                "the guess of input is 1", why="then samples of one context would be copies", hint="--guess-input 50%"
            )
        if self.incoherence > 1 - self.error + 1e-12:
            raise UsageError(
                f"an incoherence of {self.incoherence:.0%} cannot be had at an error rate of {self.error:.0%}",
                why="of right and wrong, variance is p (1 - p): where wrong answers are common, they repeat",
                hint=f"--guess-incoherence {1 - self.error:.0%}, or a lower --guess-error",
            )

    def __str__(self) -> str:
        """Return what was guessed."""
        part = "" if self.input is None else f", {self.input:.0%} of the variance by context"
        return f"a guess: error rate {self.error:.0%}, incoherence {self.incoherence:.0%}{part}"

    def chances(self, count: int) -> Float[ndarray, " question"]:
        """The chance to be wrong of so many questions, evenly over their distribution."""
        place = (np.arange(count) + 0.5) / count
        left = 1 - self.incoherence - self.error
        if left < 1e-9:  # all questions are alike
            return np.full(count, self.error)
        size = self.incoherence / left
        return np.asarray(betaincinv(size * self.error, size * (1 - self.error), place))


def guessed_moments(guess: Guess, seed: int) -> Moments:
    """The moments of a large simulated pilot."""
    rng = np.random.default_rng(seed)
    p = np.repeat(guess.chances(QUESTIONS)[:, None], _CONTEXTS, axis=1)
    if guess.input:
        size = 1 / guess.input - 1
        safe = np.clip(p, 1e-9, 1 - 1e-9)
        p = rng.beta(safe * size, (1 - safe) * size)
    wrong = (rng.random((*p.shape, _SAMPLES)) < p[..., None]).astype(float).reshape(QUESTIONS, -1)
    code = np.repeat(np.arange(_CONTEXTS), _SAMPLES) if guess.input is not None else np.arange(wrong.shape[1])
    return moments(wrong[:, :, None] * wrong[:, None, :], wrong, np.broadcast_to(code, wrong.shape))
