"""Open-ended answers as vectors of length one, so that their spread can be measured; each text is embedded once, ever.

openai                 any server that speaks OpenAI's protocol (`/v1/embeddings`); text-embedding-3-large by default
sentence-transformers  a model that runs here
words                  without a model: counts of words and of pairs of words, hashed. It tells whether the same words were
used, not whether the same was meant, and says so
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hotmess.errors import BadShape, MissingExtra, Unreachable, UnreadableFile, UsageError, one_of

__all__ = ["KINDS", "Embedder", "embedded", "embedder"]

KINDS = ("openai", "sentence-transformers", "words")
_MODEL = "text-embedding-3-large"
_WORDS = 1024  # dimensions of hashed words
_BATCH = 64  # texts of a call; each batch that came is kept, whatever happens then

Vectors = Float[ndarray, "text dim"]


@dataclass(frozen=True, slots=True)
class Embedder:
    """A way to embed: its name, under which its vectors are kept, and the function."""

    name: str
    embed: Callable[[Sequence[str]], Any]


def embedder(asked: str = "words", base_url: str | None = None) -> Embedder:
    """A way to embed by name: `words`, `openai`, `openai:MODEL`, `sentence-transformers:MODEL`.

    Raises:
        UsageError: there is none of that name.
        MissingExtra: it needs a library that is not there.
    """
    kind, _, model = asked.partition(":")
    one_of("way to embed", kind, KINDS)
    try:
        if kind == "openai":
            return _openai(model or _MODEL, base_url)
        if kind == "words":
            return _words()
        if not model:
            raise UsageError("sentence-transformers needs a model", hint="sentence-transformers:all-MiniLM-L6-v2")
        return _sentence_transformers(model)
    except ImportError as problem:
        extra = "sentence-transformers" if kind == "sentence-transformers" else "'hotmess[collect]'"
        raise MissingExtra(f"{asked} needs {problem.name}", hint=f"pip install {extra}") from problem


def embedded(texts: Sequence[str], by: Embedder, cache: Path, progress: Callable[[int, int], None] = lambda *_: None) -> Vectors:
    """A vector of length one for each text; those in the cache are taken from there, and every batch is put there as it comes.

    Args:
        texts: what to embed.
        by: how.
        cache: the file of what was embedded before.
        progress: is told how many of the texts that were not in the cache are done, and how many there are.

    Raises:
        Unreachable: the server does not answer; what it answered before is kept.
        UnreadableFile: the cache is something else.
    """
    with closing(_opened(cache)) as kept:
        keys = [_key(by.name, text) for text in texts]
        once = dict(zip(keys, texts, strict=True))
        known = {key: found for key in once if (found := _kept(kept, key)) is not None}
        missing = [key for key in once if key not in known]
        for start in range(0, len(missing), _BATCH):
            batch = missing[start : start + _BATCH]
            made = dict(zip(batch, _unit(by.embed([once[key] for key in batch]), len(batch)), strict=True))
            with kept:
                kept.executemany("insert or replace into vectors values (?, ?)", [(k, v.tobytes()) for k, v in made.items()])
            known |= made
            progress(start + len(batch), len(missing))
    return np.array([known[key] for key in keys], dtype=np.float64)


def _opened(cache: Path) -> sqlite3.Connection:
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        kept = sqlite3.connect(cache)
        kept.execute("create table if not exists vectors (key blob primary key, vector blob not null) without rowid")
    except (sqlite3.Error, OSError) as problem:
        raise UnreadableFile(f"`{cache}` is no cache of embeddings: {problem}", hint="--cache with another file") from problem
    return kept


def _kept(kept: sqlite3.Connection, key: bytes) -> ndarray | None:
    found = kept.execute("select vector from vectors where key = ?", [key]).fetchone()
    return None if found is None else np.frombuffer(found[0], dtype=np.float32)


def _key(name: str, text: str) -> bytes:
    return blake2b(f"{name}\0{text}".encode("utf-8", "replace"), digest_size=16).digest()


def _unit(vectors: Any, count: int) -> Iterator[ndarray]:
    """Vectors of length one.

    Raises:
        BadShape: there are not so many, or they are no vectors.
    """
    made = np.asarray(vectors, dtype=np.float64)
    if made.ndim != 2 or len(made) != count or not np.isfinite(made).all():
        raise BadShape(f"for {count} texts came {made.shape} numbers, or some that are not finite", hint="another --by")
    for vector in made:
        length = np.linalg.norm(vector)
        yield (vector / length if length else vector).astype(np.float32)


def _words() -> Embedder:
    from sklearn.feature_extraction.text import HashingVectorizer

    word = r"(?u)\w+|[^\w\s]"  # a single letter or sign may be a whole answer
    hashed = HashingVectorizer(n_features=_WORDS, ngram_range=(1, 2), token_pattern=word, norm="l2", alternate_sign=False)
    return Embedder(f"words-{_WORDS}", lambda texts: hashed.transform(texts).toarray())


def _sentence_transformers(model: str) -> Embedder:
    from sentence_transformers import SentenceTransformer

    loaded = SentenceTransformer(model)
    return Embedder(f"sentence-transformers:{model}", lambda texts: loaded.encode(list(texts), show_progress_bar=False))


def _openai(model: str, base_url: str | None) -> Embedder:
    from openai import OpenAI, OpenAIError

    place = base_url or os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
    key = os.environ.get("OPENAI_API_KEY")
    if key is None and base_url is None:
        raise UsageError("openai needs a key", hint="set OPENAI_API_KEY, or --base-url for a server of your own")
    shown = urlsplit(place)._replace(netloc=urlsplit(place).netloc.rpartition("@")[2]).geturl()  # a password is told to nobody
    client = OpenAI(base_url=place, api_key=key or "none", max_retries=8)

    def embed(texts: Sequence[str]) -> list[list[float]]:
        try:
            answer = client.embeddings.create(model=model, input=[text or " " for text in texts])
            return [one.embedding for one in sorted(answer.data, key=lambda one: one.index)]
        except (OpenAIError, ValueError, AttributeError) as problem:  # the last two where it answers something else
            found = f"{shown}/embeddings: {str(problem).strip().partition(chr(10))[0][:200]}"
            raise Unreachable(found, why="what it embedded before is kept", hint="the same command goes on") from problem

    return Embedder(f"{shown} {model}", embed)
