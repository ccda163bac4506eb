"""Texts to make questions from: Wikipedia from wheels, a folder of text files, a data set on the hub.

Each source is an iterator that reads as it goes. A text that cannot be read is yielded with the reason, so that the
funnel counts it and the rest goes on.
"""

from __future__ import annotations

import bz2
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from crossover.data import load
from crossover.data.pinned import WIKIPEDIA
from crossover.data.plain_text import decode, plain_text
from crossover.errors import CrossoverError
from crossover.params.text_source import text_files

PASSAGES = {"squad": ("context", "title"), "boolq": ("passage", None)}


@dataclass(frozen=True)
class Text:
    """A text and its source, unique within a run (``squad/Super_Bowl_50/3``); ``refused`` says why there is no text."""

    source: str
    text: str
    refused: str | None = None


def passages(
    name: str, split: str, source: load.Source, folder: Path | str | None = None, revision: str | None = None
) -> Iterator[Text]:
    """Yield the Wikipedia passages of SQuAD or BoolQ, each once; arguments as for :func:`crossover.data.load.load`."""
    if name not in PASSAGES:
        raise CrossoverError(f"{name!r} has no passages of its own; use one of {', '.join(PASSAGES)}.")
    column, title = PASSAGES[name]
    seen: set[str] = set()
    for row in load.load(name, split, source, folder, revision):
        if row[column] not in seen:
            yield Text("/".join(filter(None, (name, title and row[title], str(len(seen))))), row[column])
            seen.add(row[column])


def wikipedia() -> Iterator[Text]:
    """Yield the articles of the small English Wikipedia dump that travels in the wheel of gensim, as plain text.

    Redirects, lists and pages outside the article namespace are left out. The wiki markup is removed by
    :func:`wiki_text`.
    """
    space = "{*}"
    with bz2.open(WIKIPEDIA.path()) as file:
        for _, page in ElementTree.iterparse(file):
            if not page.tag.endswith("}page"):
                continue
            title, namespace = page.findtext(f"{space}title"), page.findtext(f"{space}ns")
            wiki = page.findtext(f"{space}revision/{space}text") or ""
            page.clear()
            if namespace == "0" and not wiki.lower().startswith("#redirect") and not title.startswith("List of"):
                yield Text(f"wikipedia/{title}", wiki_text(wiki))


def folder(path: Path | str) -> Iterator[Text]:
    """Yield the text, Markdown and HTML files of a folder and its subfolders, in order of their names, as plain prose.

    Raises
    ------
    CrossoverError
        There is no such folder, or no such file in it.
    """
    for file in text_files(path):
        name = f"folder/{file.relative_to(path)}"
        try:
            yield Text(name, plain_text(decode(file.read_bytes()), file.suffix.lower() in (".md", ".markdown")))
        except UnicodeDecodeError:
            yield Text(name, "", "not UTF-8")
        except OSError as problem:
            yield Text(name, "", f"cannot be read ({problem.strerror})")


def hub(name: str, split: str, revision: str, column: str = "text", config: str | None = None) -> Iterator[Text]:
    """Yield one column of a data set on the Hugging Face hub, streamed.

    Raises
    ------
    CrossoverError
        The revision is no commit, the hub cannot be reached, or there is no such column.
    """
    load.check_commit(name, revision)
    import datasets

    try:
        rows = datasets.load_dataset(name, config, split=split, revision=revision, streaming=True)
        for number, row in enumerate(rows):
            if column not in row:
                raise CrossoverError(f"{name} has no column {column!r}; it has {', '.join(row)}.")
            yield Text(f"{name}/{number}", plain_text(row[column] or ""))
    except (OSError, ValueError, RuntimeError, ConnectionError) as problem:
        raise load.unreachable(name, revision, problem) from problem


# --- wiki markup ------------------------------------------------------------------------------------------------------

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_REFERENCE = re.compile(
    r"<(ref|math|gallery|code|pre|source|timeline|nowiki|table)\b[^>]*?(/>|>.*?</\1\s*>)", re.DOTALL | re.IGNORECASE
)
_INNER_TEMPLATE = re.compile(r"\{\{[^{}]*\}\}|\{\|(?:(?!\{\||\|\}).)*\|\}", re.DOTALL)
_INNER_FILE = re.compile(
    r"\[\[(?:File|Image|Category|[a-z]{2,3}(?:-[a-z]+)?):(?:[^\[\]]|\[\[[^\[\]]*\]\]|\[[^\[\]]*\])*\]\]", re.IGNORECASE
)
_LINK = re.compile(r"\[\[(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]")
_EXTERNAL = re.compile(r"\[(?:https?:)?//\S+ ?([^\]]*)\]")
_TAG = re.compile(r"</?\w+[^<>]*>")
_NOT_PROSE = re.compile(r"^([=*#:;|!{}]|\s*$).*\n?", re.MULTILINE)
_LAST_SECTIONS = re.compile(
    r"^==+ *(See also|References|Notes|Further reading|External links|Bibliography) *==+.*", re.MULTILINE | re.DOTALL
)


def wiki_text(wiki: str) -> str:
    """Return the prose of a wiki page: no templates, tables, references, headings, lists; links as their words.

    >>> wiki_text("'''Ulm''' is a [[city]] in [[Germany|the south]].<ref>x</ref>\\n* a list\\n== See also ==\\nThe end")
    'Ulm is a city in the south.'
    """
    text = _LAST_SECTIONS.sub("", _REFERENCE.sub("", _COMMENT.sub("", wiki)))
    for inner in (_INNER_TEMPLATE, _INNER_FILE):
        while (shorter := inner.sub("", text)) != text:
            text = shorter
    text = _EXTERNAL.sub(r"\1", _LINK.sub(r"\1", text))
    text = _TAG.sub("", text).replace("'''", "").replace("''", "").replace("&nbsp;", " ").replace("&ndash;", "–")
    text = re.sub(r"\(\s*[;,]?\s*\)", "", text)
    return re.sub(r"\n{2,}", "\n", re.sub(r" {2,}", " ", _NOT_PROSE.sub("", text))).strip()
