"""What the models read and write: a token for each character of a chain and for a few words, and Qwen's chat template.

A turn of a model is ``<think>``, the reasoning, ``</think>``, and the answer. Characters that chains do not hold are unknown.
"""

from string import ascii_lowercase, ascii_uppercase, digits
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

__all__ = ["END", "THINK", "THOUGHT", "tokenizer", "turn", "unknown"]

PAD, START, END, THINK, THOUGHT, UNKNOWN = "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>", "<|unknown|>"
_WORDS = ("system", "user", "assistant", "Wait")
_CHARACTERS = "\n" + digits + ascii_lowercase + ascii_uppercase + "=+-*<?) "
_TEMPLATE = (
    "{%- for message in messages %}"
    "{%- set said = message.content.split('</think>')[-1].strip() if message.role == 'assistant' else message.content %}"
    "{{- '<|im_start|>' + message.role + '\n' + said + '<|im_end|>\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"
)


def tokenizer() -> "PreTrainedTokenizerFast":
    """The tokenizer of the whole family."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    names = [PAD, START, END, UNKNOWN, THINK, THOUGHT, *_WORDS, *_CHARACTERS]
    made = Tokenizer(models.WordLevel({name: place for place, name in enumerate(names)}, unk_token=UNKNOWN))
    made.pre_tokenizer = pre_tokenizers.Split(Regex("|".join((*_WORDS, r"[\s\S]"))), "isolated")
    made.decoder = decoders.Fuse()
    made.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in (PAD, START, END, UNKNOWN)])
    made.add_tokens([AddedToken(name, special=False, normalized=False) for name in (THINK, THOUGHT)])
    found = PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token=PAD,
        eos_token=END,
        unk_token=UNKNOWN,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_max_length=1024,
    )
    found.chat_template = _TEMPLATE
    return found


def turn(reasoning: str, answer: str) -> str:
    """What a model writes, to its last token."""
    return f"{THINK}\n{reasoning}\n{THOUGHT}\n\n{answer}{END}"


def unknown(text: str) -> str:
    """The characters of a text that the models cannot read, each once."""
    return "".join(dict.fromkeys(character for character in text if character not in _CHARACTERS))
