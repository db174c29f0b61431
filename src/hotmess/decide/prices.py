"""What a design costs, and how large it may be."""

from dataclasses import dataclass

from hotmess.errors import UsageError

__all__ = ["ANY_SIZE", "FEWEST", "FREE", "Most", "Prices"]

FEWEST = 40  # questions of a plan, since intervals of fewer are not what they promise


@dataclass(frozen=True, slots=True)
class Prices:
    """What is paid for; without any price, cost is the number of samples.

    Attributes:
        question: dollars for a question, such as for writing it.
        context: dollars for each context of a question.
        sample: dollars for a sample, beside its tokens.
        tokens: dollars for a million tokens in, and out.
        input_tokens: of a sample.
        output_tokens: of a sample; by default the mean of the pilot.
    """

    question: float = 0.0
    context: float = 0.0
    sample: float = 0.0
    tokens: tuple[float, float] | None = None
    input_tokens: float | None = None
    output_tokens: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        known = (self.question, self.context, self.sample, *(self.tokens or ()), self.input_tokens, self.output_tokens)
        for value in known:
            if value is not None and not 0 <= value < float("inf"):
                raise UsageError(f"a price, or a number of tokens, is {value:g}", hint="a number from 0")
        if self.input_tokens is not None and self.tokens is None:
            found = f"a sample has {self.input_tokens:g} input tokens, and tokens have no price"
            raise UsageError(found, why="input tokens count by their price only", hint="--price 1.1,4.4")

    @property
    def known(self) -> bool:
        """Whether anything has a price."""
        return self.tokens is not None or self.question + self.context + self.sample > 0

    def of_question(self, contexts: int | None, samples: int, output_tokens: float | None) -> float:
        """Dollars for a question with all its samples; where nothing has a price, the number of these.

        Args:
            contexts: how many; none where every sample stands alone.
            samples: in all of its contexts.
            output_tokens: of a sample of the pilot, where nothing else is said.

        Raises:
            UsageError: what has a price does not occur; or tokens have one, and nothing says how many there are.
        """
        if self.context and contexts is None:
            raise UsageError(
                f"a context costs ${self.context:g}, and there are no contexts",
                why="without contexts every sample stands alone",
                hint="--per-sample or --per-question; contexts are a column context_id, or --guess-input 50%",
            )
        cost = self.question + self.context * (contexts or 0) + samples * self._of_sample(output_tokens)
        if cost == 0:
            raise UsageError(
                "a price is given, and all designs cost $0",
                why="then none is the cheapest",
                hint="other prices; or none at all: cost is then the number of samples",
            )
        return cost

    def _of_sample(self, output_tokens: float | None) -> float:
        """Dollars for a sample; a sample is the unit of cost where nothing has a price."""
        if not self.known:
            return 1.0
        if self.tokens is None:
            return self.sample
        out = output_tokens if self.output_tokens is None else self.output_tokens
        for name, price, count in zip(("input", "output"), self.tokens, (self.input_tokens, out), strict=True):
            if price and count is None:
                found = f"{name} tokens have a price, and nothing says how many a sample has"
                raise UsageError(found, hint=f"--{name}-tokens 500")
        return self.sample + (self.tokens[0] * (self.input_tokens or 0) + self.tokens[1] * (out or 0)) / 1e6


@dataclass(frozen=True, slots=True)
class Most:
    """How large a design may be.

    Attributes:
        questions: how many questions there are; none for as many as it takes.
        contexts: contexts of a question.
        samples: samples in a context; without contexts, of a question.
    """

    questions: int | None = None
    contexts: int = 10
    samples: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for name, value, least in (
            ("contexts", self.contexts, 2),
            ("samples", self.samples, 1),
        ):
            if value is not None and value < least:
                raise UsageError(f"at most {value} {name}; there must be {least} at least", hint=f"--max-{name} {least}")
        if self.questions is not None and self.questions < FEWEST:
            raise UsageError(
                f"at most {self.questions} questions; a plan needs {FEWEST} at least",
                why="intervals of fewer questions are not what they promise",
                hint=f"--max-questions {FEWEST}",
            )

    def designs(self, *, contexts: bool) -> list[tuple[int, int]]:
        """Contexts and samples in each; without contexts, every sample is one of its own.

        Raises:
            UsageError: there are no contexts, and a question has one sample at most.
        """
        if contexts:
            return [(g, m) for g in range(2, self.contexts + 1) for m in range(1, (self.samples or 5) + 1)]
        if self.samples == 1:
            raise UsageError(
                "at most 1 sample of a question, and there are no contexts",
                why="a single sample does not tell bias from variance",
                hint="--max-samples 2",
            )
        return [(k, 1) for k in range(2, (self.samples or 30) + 1)]


FREE, ANY_SIZE = Prices(), Most()
