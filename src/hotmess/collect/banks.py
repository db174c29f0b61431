"""The published questions: GPQA, MMLU and the advanced-AI-risk part of Model-Written Evals, each at one revision."""

import re
import zipfile
import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, get_args
from zlib import crc32

import numpy as np
import polars as pl

from hotmess.collect.questions import Bank, Question, letter, shuffled
from hotmess.collect.sources import Local, Published, obtained
from hotmess.errors import EmptyTable, UnreadableFile, one_of

__all__ = ["ALIGNED", "BEHAVIOURS", "Subset", "Target", "gpqa", "mmlu", "mwe"]

Subset = Literal["main", "extended", "diamond"]
Target = Literal["aligned", "matching"]

_GPQA = Published(
    "dataset.zip",
    "https://raw.githubusercontent.com/idavidrein/gpqa/56686c06f5e19865c153de0fdb11be3890014df7/dataset.zip",
    "461ae7329f15a3e35f8184d2dac24b990f34fdf12f366ca4062d8e6638cd08dc",
    "https://github.com/idavidrein/gpqa",
)
_GPQA_PASSWORD = b"deserted-untie-orchid"  # in its README; it keeps crawlers out, not people
_LEVELS = ("Easy undergraduate", "Hard undergraduate", "Hard graduate", "Post-graduate")

_MMLU_AT = "https://huggingface.co/datasets/cais/mmlu/resolve/c30699e8356da336a370243923dbaf21066bb9fe/all/"
_MMLU_PAGE = "https://huggingface.co/datasets/cais/mmlu"
_MMLU = {
    "test": "74a41822ce7d3def56e1682f958469c04642a5336a5ce912fa375fdb90fb25d7",
    "validation": "66cdf0b090ccb657d18d13cd81e31fdc55c3467da9642ffb178653268a97c8ef",
}

_MWE_AT = (
    "https://raw.githubusercontent.com/anthropics/evals/84fcc677e52e1902d696c32cd1a6b663e70d3993/"
    "advanced-ai-risk/human_generated_evals/"
)
_MWE_PAGE = "https://github.com/anthropics/evals"
_MWE = {
    "coordinate-itself": "f7c56ab2fa3791a4dc668f797e1b99a27a28afd3f5b7cbcceb2075d1515c03bf",
    "coordinate-other-ais": "63bc32aa2bbaae662fd98cbaeaed23534d915b18ca708583fb64cc189fcca275",
    "coordinate-other-versions": "5914b1c222fcb4b959ad9e64152cb2ee1d08411340653f1985ff388b63af1418",
    "corrigible-less-HHH": "d796dc49ba66b9a15bb38dce8f7dc14e212e1f5bac6dc331d64f5fe3e377eec8",
    "corrigible-more-HHH": "77bf2986d88b0fdc3959e77b20c302ec14edff62bb5e0135a7134b877ade4293",
    "corrigible-neutral-HHH": "875632869abd5b1e70cccc130dbb6ed2ff6b1b1c7eb50b835a2cfdc02f3daac7",
    "myopic-reward": "03d4e57220cbe825c9b76df39085a945e8c2fa2c6c7e937fb6df94143491237f",
    "one-box-tendency": "5e4857204ae346dc3e20809dd09a9e2130020c35b0251cf04375d8b2838dddb7",
    "power-seeking-inclination": "a8a2094a1e404fb094b3d361e3049ecc06ecd2a26d0b4b827b4a83a98b6d886a",
    "self-awareness-general-ai": "336ff2038bf175359fa666203f53ba13fc8f33aa86a34559750599dd5688ed24",
    "self-awareness-good-text-model": "a30f83451c3f24406b702b613407c58b054cbd0d56b97865aaf353b94825b6e2",
    "self-awareness-text-model": "d0b7c7757be032f5c1962fe8f9469f86932548bcde97affb672bf058a15800f7",
    "self-awareness-training-architecture": "a0b99868b24e1ed76a72e239958e577622d5818f1183982cacbab8a60750e342",
    "self-awareness-web-gpt": "b71b66f937599978ab69b48c00f023fe814742035dad2cb48e65c84345e49972",
    "survival-instinct": "0831782a9e0462f137eb9c4884edd19f248e18f17770f7a4540c67937b3af0e8",
    "wealth-seeking-inclination": "7583bec06bd799cf21fe854c6e8b92ebb669ce02579ea1a869aa460cc0f18546",
}
BEHAVIOURS = tuple(_MWE)
_NOT_MATCHING = {  # where the aligned answer is the one that does not show the behaviour
    "coordinate-itself",
    "coordinate-other-ais",
    "coordinate-other-versions",
    "corrigible-less-HHH",
    "myopic-reward",
}
_NEITHER = {
    "one-box-tendency",  # neither answer is the aligned one
    "self-awareness-web-gpt",  # right is what a model with a browser would say; of most it is false
}
ALIGNED = tuple(name for name in BEHAVIOURS if name not in _NEITHER)


def gpqa(subset: str = "main", data: str | None = None) -> Bank:
    """Graduate-level questions in biology, physics and chemistry (arXiv 2311.12022).

    Args:
        subset: main (448 questions), extended (546) or diamond (198).
        data: a local copy: `dataset.zip`, or one CSV file of it.

    Raises:
        HotmessError: it cannot be had, or is something else.
    """
    one_of("subset", subset, get_args(Subset))
    local = obtained(_GPQA, data)
    rows = _csv_rows(_gpqa_csv(local.path, f"dataset/gpqa_{subset}.csv"), local.path)
    if not rows:
        raise EmptyTable(f"`{local.path}` holds no question", hint=_GPQA.page)
    return Bank(tuple(_made(_gpqa_question, row, local.path) for row in rows), (), _origin(_GPQA, local))


def _gpqa_csv(path: Path, member: str) -> bytes:
    if path.suffix != ".zip":
        return path.read_bytes()
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(member, pwd=_GPQA_PASSWORD)
    except (zipfile.BadZipFile, zlib.error, KeyError, RuntimeError, OSError) as problem:
        raise UnreadableFile(f"`{path}` has no `{member}` that can be read: {problem}", hint=_GPQA.page) from problem


def _csv_rows(data: bytes, path: Path) -> list[dict[str, Any]]:
    try:
        return pl.read_csv(BytesIO(data), infer_schema=False).to_dicts()
    except pl.exceptions.NoDataError:
        return []
    except (pl.exceptions.PolarsError, ValueError) as problem:
        raise UnreadableFile(f"`{path}` cannot be read as CSV: {str(problem).splitlines()[0][:120]}") from problem


def _gpqa_question(row: dict[str, Any]) -> Question:
    names = ("Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")
    options = tuple(_stripped(row[name]) for name in names)
    ident = _stripped(row["Record ID"])
    level = row.get("Writer's Difficulty Estimate") or ""
    rank = next((float(place) for place, name in enumerate(_LEVELS, 1) if level.startswith(name)), None)
    return Question(ident, _stripped(row["Question"]), shuffled(ident, options), options[0], "", rank)


def mmlu(per_subject: int | None = 100, subjects: Sequence[str] = (), data: str | None = None) -> Bank:
    """Questions of 57 subjects (arXiv 2009.03300); examples are from the validation part of the same subject.

    Args:
        per_subject: at most so many of each subject, always the same ones; nothing for all.
        subjects: only these.
        data: a folder with a local copy of the files of `all/`.

    Raises:
        HotmessError: it cannot be had, or is something else.
    """
    parts = {}
    for part, digest in _MMLU.items():
        name = f"{part}-00000-of-00001.parquet"
        parts[part] = obtained(Published(name, f"{_MMLU_AT}{name}", digest, _MMLU_PAGE), data, alone=False)
    asked, pool = (_mmlu_questions(local.path, part) for part, local in parts.items())
    known = sorted({one.kind for one in asked})
    wanted = {one_of("subject", subject, tuple(known)) for subject in subjects} or set(known)
    chosen = [
        one for subject in known if subject in wanted for one in _some([q for q in asked if q.kind == subject], per_subject)
    ]
    origin = {"data": _MMLU_AT, "sha256": " ".join(local.sha256 for local in parts.values())}
    return Bank(tuple(chosen), tuple(pool), origin)


def _mmlu_questions(path: Path, part: str) -> list[Question]:
    try:
        table = pl.read_parquet(path, columns=["question", "subject", "choices", "answer"])
    except (pl.exceptions.PolarsError, OSError) as problem:
        raise UnreadableFile(f"`{path}` is no part of MMLU: {str(problem).splitlines()[0][:120]}", hint=_MMLU_PAGE) from problem
    table = table.with_columns(number=pl.int_range(pl.len()).over("subject"))
    return [_made(lambda row: _mmlu_question(row, part), row, path) for row in table.to_dicts()]


def _mmlu_question(row: dict[str, Any], part: str) -> Question:
    options = tuple(_stripped(option) for option in row["choices"])
    ident = f"{row['subject']}/{part}/{row['number']}"
    return Question(ident, _stripped(row["question"]), options, options[int(row["answer"])], str(row["subject"]))


def _some(questions: list[Question], count: int | None) -> list[Question]:
    """So many of the questions of a subject, the same ones every time, in their order."""
    if count is None or len(questions) <= count:
        return questions
    chosen = np.random.default_rng(crc32(questions[0].kind.encode())).permutation(len(questions))[:count]
    return [questions[place] for place in sorted(chosen)]


def mwe(behaviours: Sequence[str] = (), target: str = "aligned", data: str | None = None) -> Bank:
    """What a model says that it would do: advanced AI risk, written by people (arXiv 2212.09251).

    Which answer "matches the behavior" is not the same in all files: of power, wealth and survival it is the one that does *not*
    seek them, of coordination, myopia and consent to being made worse it is the one that does. `aligned` is the answer that a
    model would give that seeks none of it, that lets itself be improved, and that knows what it is. Two files are left out
    there: of one-box-tendency neither answer is the aligned one, and self-awareness-web-gpt takes the model to have a browser.

    Args:
        behaviours: only these of the 16; by default the 14 that have an aligned answer.
        target: which answer is right: `aligned`, or `matching` as the files have it.
        data: a folder with a local copy of the files.

    Raises:
        HotmessError: they cannot be had, or are something else.
    """
    one_of("target", target, get_args(Target))
    able = ALIGNED if target == "aligned" else BEHAVIOURS
    names = [one_of("behaviour", name, able) for name in behaviours] or list(able)
    asked, digests = [], []
    for name in names:
        local = obtained(Published(f"{name}.jsonl", f"{_MWE_AT}{name}.jsonl", _MWE[name], _MWE_PAGE), data, alone=len(names) == 1)
        flipped = target == "aligned" and name in _NOT_MATCHING
        asked += _mwe_questions(local, name, "answer_not_matching_behavior" if flipped else "answer_matching_behavior")
        digests.append(local.sha256)
    return Bank(tuple(asked), (), {"data": _MWE_AT, "sha256": " ".join(digests)})


def _mwe_questions(local: Local, name: str, key: str) -> list[Question]:
    import json

    try:
        lines = local.path.read_text("utf-8").strip("\n").split("\n")
    except UnicodeDecodeError as problem:
        raise UnreadableFile(f"`{local.path}` is no UTF-8 text: {problem}", hint=_MWE_PAGE) from problem

    def question(row: tuple[int, str]) -> Question:
        number, line = row
        return _mwe_question(json.loads(line), f"{name}/{number}", name, key)

    return [_made(question, row, local.path) for row in enumerate(lines, 1)]


_OPTION = re.compile(r"^\s*\(([A-Z])\)\s*(.*?)\s*$", re.MULTILINE)


def _mwe_question(row: dict[str, Any], ident: str, kind: str, key: str) -> Question:
    text, _, listed = re.sub(r"\n+Answer:\s*$", "", row["question"]).rpartition("\nChoices:")
    options = dict(_OPTION.findall(listed))
    if not text or list(options) != [letter(place) for place in range(len(options))]:
        raise ValueError("its options are not a list from (A) on")
    right = options[str(row[key]).strip(" ()")]
    return Question(ident, _stripped(text.removeprefix("Question:")), tuple(options.values()), right, kind)


def _made(make: Any, row: Any, path: Path) -> Question:
    """A question of a row.

    Raises:
        UnreadableFile: it has not the shape of this data.
    """
    try:
        made: Question = make(row)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as problem:
        found = f"`{path}` is not these questions: {type(problem).__name__}: {problem}"
        raise UnreadableFile(found, hint="give the file as it is published") from problem
    return made


def _stripped(text: Any) -> str:
    if text is None or not str(text).strip():
        raise ValueError("a cell is empty")
    return str(text).strip()


def _origin(file: Published, local: Local) -> dict[str, str]:
    return {"data": file.url, "sha256": local.sha256}
