"""How much thought is asked for: an effort or a number of tokens, whichever the provider takes, and how samples are drawn."""

from typing import Any

from inspect_ai.model import GenerateConfig

from hotmess.errors import UsageError

__all__ = ["EFFORTS", "PRESETS", "config_of", "preset"]

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_TAKE_TOKENS = ("anthropic", "bedrock", "google", "openrouter")  # the others of Inspect do not send them
_NEITHER = ("azureai", "hf", "hotmess", "llama-cpp-python", "mockllm", "nnterp", "transformer_lens")  # nor efforts
_TOP_K = ("anthropic", "bedrock", "google", "hf", "hotmess")  # where Inspect sends it; to others it goes as an extra
_NO_TOP_K = ("azureai", "openai")

PRESETS: dict[str, dict[str, Any]] = {
    # https://huggingface.co/Qwen/Qwen3-8B#best-practices, thinking on
    "qwen3": {"temperature": 0.6, "top_p": 0.95, "top_k": 20, "max_tokens": 32_768},
}


def config_of(budget: str, model: str) -> GenerateConfig:
    """What to ask of a model for a budget: nothing for an empty one, an effort for a word, tokens for a number.

    Raises:
        UsageError: it is neither, or this provider takes no such thing.
    """
    provider = model.partition("/")[0]
    if not budget:
        return GenerateConfig()
    if provider in _NEITHER:
        found = f"the budget `{budget}` for {model}, which takes none"
        raise UsageError(found, hint="leave the budget out; lengths vary by themselves")
    if budget.isdecimal() and int(budget):
        if provider not in _TAKE_TOKENS:
            found = f"a budget of {budget} tokens for {model}, whose provider takes efforts only"
            raise UsageError(found, hint="--budget low --budget medium --budget high")
        return GenerateConfig(reasoning_tokens=int(budget))
    if budget not in EFFORTS:
        raise UsageError(f"there is no budget `{budget}`", hint=f"a number of tokens, or one of {', '.join(EFFORTS)}")
    return GenerateConfig.model_validate({"reasoning_effort": budget})


def preset(name: str, model: str) -> GenerateConfig:
    """Recommended sampling, by name; to a provider of the OpenAI kind, `top_k` is sent as an extra.

    Raises:
        UsageError: there is none of that name, or this provider cannot sample like that.
    """
    if name not in PRESETS:
        raise UsageError(f"there is no preset `{name}`", hint=f"one of {', '.join(PRESETS)}")
    known = dict(PRESETS[name])
    provider = model.partition("/")[0]
    if provider in _NO_TOP_K:
        raise UsageError(f"the preset `{name}` for {model}, which takes no top_k", hint="leave the preset out")
    if provider not in _TOP_K:
        known["extra_body"] = {"top_k": known.pop("top_k")}
    return GenerateConfig.model_validate(known)
