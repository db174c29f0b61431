"""The page on which a rater ranks cards: one HTML file, no network, nothing in it runs that is not ours.

Names of cards are hostile text: they are in the page as JSON in which no tag can open, and enter it as text nodes only. Kinds are
in the data, to be saved with the ranking, and are never shown.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from hotmess.errors import UsageError, safe
from hotmess.survey.cards import Card

__all__ = ["page"]

_ROOM = files("hotmess.survey")


def page(cards: Sequence[Card], attributes: Sequence[str], ask: Sequence[str] = (), title: str = "Survey") -> str:
    """The page; the same cards and words give the same bytes.

    Args:
        cards: what is to be ranked.
        attributes: what to rank by; of several, the page draws one for each rater.
        ask: the question of each attribute; a plain one where there is none.
        title: what stands above.

    Raises:
        UsageError: questions are not as many as attributes, or an attribute is named twice or has no letters.
    """
    names = [safe(" ".join(name.split())) for name in attributes]
    if not names or not all(names) or len({name.casefold() for name in names}) < len(names):
        raise UsageError("each attribute needs a name of its own", hint="--attribute coherence")
    if ask and len(ask) != len(names):
        raise UsageError(
            f"{len(names)} attribute(s), but {len(ask)} question(s)", hint="an --ask for each --attribute, in the same order"
        )
    questions = [safe(words) for words in ask] or [f"Which of these shows more {name}?" for name in names]
    asked = [{"attribute": name, "question": words} for name, words in zip(names, questions, strict=True)]
    data: dict[str, Any] = {"title": safe(title), "asked": asked, "cards": [asdict(card) for card in cards]}
    # What a browser keeps of one survey must not meet what it keeps of another.
    data["id"] = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]
    style, script = _text("questionnaire.css"), _text("questionnaire.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    texts = {"style": Markup(style), "script": Markup(script)}  # noqa: S704 - our own files
    return _template().render(data=data, policy=policy, **texts)


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _text(name: str) -> str:
    return (_ROOM / name).read_text(encoding="utf-8")


@cache
def _template() -> jinja2.Template:
    made_of = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    return made_of.from_string(_text("questionnaire.html.jinja"))
