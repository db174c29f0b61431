"""Our models as a provider of Inspect: `hotmess/reasoner-…`."""

from dataclasses import dataclass
from logging import getLogger
from typing import Any

import anyio
import numpy as np
from inspect_ai._util.error import PrerequisiteError
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    Content,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    modelapi,
)
from inspect_ai.tool import ToolChoice, ToolInfo

from hotmess.errors import HotmessError
from hotmess.reasoners.language import unknown

__all__ = ["hotmess"]

_UNHEARD = ("num_choices", "stop_seqs", "logprobs", "frequency_penalty", "presence_penalty", "logit_bias")
_AT_ONCE = 512  # requests; they are answered in batches, so many must wait at a time


@modelapi(name="hotmess")
def hotmess() -> type[ModelAPI]:
    """Our reasoning models; `hotmess reasoners list` names them, and a path to a checkpoint is a name too."""
    return _Provider


@dataclass(slots=True, eq=False)
class _Request:
    """A prompt that waits for its reply."""

    prompt: list[int]
    seed: int
    way: Any
    reply: Any = None
    problem: Exception | None = None

    @property
    def done(self) -> bool:
        """Whether it was answered, or cannot be."""
        return self.reply is not None or self.problem is not None


class _Provider(ModelAPI):
    """All that wait are answered as one batch by whoever comes first; the others find their reply when it is their turn."""

    def __init__(
        self, model_name: str, base_url: str | None = None, api_key: str | None = None, config: GenerateConfig = GenerateConfig()
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        try:
            from hotmess.reasoners.family import needed

            needed()
            from hotmess.reasoners.generate import Reasoner

            self._reasoner = Reasoner.load(model_name)
        except HotmessError as error:
            raise PrerequisiteError(str(error)) from error
        self._waiting: list[_Request] = []
        self._turn = anyio.Lock()
        self._warned = False

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,  # noqa: ARG002 - Inspect asks for it
        config: GenerateConfig,
    ) -> ModelOutput:
        """A reply, with its reasoning apart and its tokens counted; the seed of the call decides it."""
        if tools:
            raise PrerequisiteError(f"{self.model_name} uses no tools; it was given {len(tools)}")
        unheard = [name for name in _UNHEARD if getattr(config, name)]
        if unheard:
            raise PrerequisiteError(f"{self.model_name} does not know {', '.join(unheard)}; leave it out")
        chat = [{"role": message.role, "content": message.text} for message in input]
        self._warn("".join(message["content"] for message in chat))
        request = _Request(self._reasoner.prompts([chat])[0], _seed(config.seed), _way(config))
        self._reasoner.check([request.prompt], request.way)  # here, where it fails for this one alone
        self._waiting.append(request)
        async with self._turn:
            if not request.done:
                await anyio.to_thread.run_sync(self._answer, [other for other in self._waiting if other.way == request.way])
                self._waiting = [other for other in self._waiting if not other.done]  # others have come meanwhile
        if request.problem is not None:
            raise request.problem
        return _output(self.model_name, request.reply)

    def _answer(self, batch: list[_Request]) -> None:
        try:
            replies = self._reasoner.ask([one.prompt for one in batch], [one.seed for one in batch], batch[0].way)
        except Exception as problem:  # noqa: BLE001 - each that waits is told
            for one in batch:
                one.problem = problem
            return
        for one, reply in zip(batch, replies, strict=True):
            one.reply = reply

    def _warn(self, text: str) -> None:
        if not self._warned and (strange := unknown(text)):
            self._warned = True
            getLogger(__name__).warning("%s reads chains only; it does not know %r", self.model_name, strange)

    def max_tokens(self) -> int | None:
        """Enough for the longest reasoning of its training."""
        return 256

    def max_connections(self) -> int:
        """How many requests wait at a time."""
        return _AT_ONCE

    def connection_key(self) -> str:
        """Each model has connections of its own."""
        return self.model_name


def _seed(asked: int | None) -> int:
    return int(np.random.default_rng().integers(2**63)) if asked is None else asked % 2**64


def _way(config: GenerateConfig) -> Any:
    from hotmess.reasoners.generate import Way

    return Way(
        temperature=1.0 if config.temperature is None else config.temperature,
        top_k=config.top_k or 0,
        top_p=1.0 if config.top_p is None else config.top_p,
        max_tokens=config.max_tokens or 256,
    )


def _output(name: str, reply: Any) -> ModelOutput:
    content: list[Content] = [ContentReasoning(reasoning=reply.reasoning), ContentText(text=reply.answer)]
    message = ChatMessageAssistant(content=content, model=name, source="generate")
    return ModelOutput(
        model=name,
        choices=[ChatCompletionChoice(message=message, stop_reason="stop" if reply.ended else "max_tokens")],
        usage=ModelUsage(
            input_tokens=reply.input_tokens,
            output_tokens=reply.output_tokens,
            total_tokens=reply.input_tokens + reply.output_tokens,
            reasoning_tokens=reply.reasoning_tokens,
        ),
    )
