"""Texts to make questions from: Wikipedia from a wheel, a folder of text files, a data set on the hub.

A text that cannot be read is yielded with the reason, so that the funnel counts it and the rest goes on.
"""

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
from crossover.params.template_questions import folder_of, text_files


@dataclass(frozen=True)
class Text:
    """A text and its source, unique within a run (``wikipedia/Anarchism``); ``refused`` says why there is no text."""

    source: str
    text: str
    refused: str | None = None


def read_texts(text: str) -> Iterator[Text]:
    """Yield the texts of a source by its name.

    ``wikipedia`` and ``boolq`` come with the environment; ``folder:<path>`` holds text, Markdown or HTML files, and
    ``hub:<owner>/<name>@<commit>`` is a data set's column ``text`` (``<name>/<config>`` of a configuration).
    """
    if text == "wikipedia":
        return wikipedia()
    if text == "boolq":
        rows = load.load("boolq", "validation", "pypi")
        passages = dict.fromkeys(row["passage"] for row in rows)  # several questions share one
        return (Text(f"boolq/{number}", passage) for number, passage in enumerate(passages))
    if (path := folder_of(text)) is not None:
        return folder(path)
    if match := re.fullmatch(r"hub:([^/@]+/[^/@]+)(?:/([^@]+))?@([0-9a-f]{40})", text):
        name, config, revision = match.groups()
        return hub(name, revision, config)
    raise CrossoverError(
        f"The text {text!r} is none of wikipedia, boolq, folder:<path> and hub:<name>@<40-digit commit>."
    )


def wikipedia() -> Iterator[Text]:
    """Yield the articles of the small English Wikipedia dump in the wheel of gensim, without redirects and lists."""
    with bz2.open(WIKIPEDIA.path()) as file:
        for _, page in ElementTree.iterparse(file):
            if not page.tag.endswith("}page"):
                continue
            title, namespace = page.findtext("{*}title"), page.findtext("{*}ns")
            wiki = page.findtext("{*}revision/{*}text") or ""
            page.clear()
            if namespace == "0" and not wiki.lower().startswith("#redirect") and not title.startswith("List of"):
                yield Text(f"wikipedia/{title}", wiki_text(wiki))


def folder(path: Path | str) -> Iterator[Text]:
    """Yield the text, Markdown and HTML files of a folder and its subfolders, by name, as plain prose."""
    for file in text_files(path):
        name = f"folder/{file.relative_to(path)}"
        try:
            yield Text(name, plain_text(decode(file.read_bytes()), file.suffix.lower() in (".md", ".markdown")))
        except UnicodeDecodeError:
            yield Text(name, "", "not UTF-8")
        except OSError as problem:
            yield Text(name, "", f"cannot be read ({problem.strerror})")


def hub(name: str, revision: str, config: str | None = None) -> Iterator[Text]:
    """Yield the column ``text`` of a data set's training split on the Hugging Face hub, streamed."""
    import datasets

    try:
        rows = datasets.load_dataset(name, config, split="train", revision=revision, streaming=True)
        for number, row in enumerate(rows):
            if "text" not in row:
                raise CrossoverError(f"{name} has no column 'text'; it has {', '.join(row)}.")
            yield Text(f"{name}/{number}", plain_text(row["text"] or ""))
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
    """Return the prose of a wiki page: no templates, tables, references, headings, lists; links as their words."""
    text = _LAST_SECTIONS.sub("", _REFERENCE.sub("", _COMMENT.sub("", wiki)))
    for inner in (_INNER_TEMPLATE, _INNER_FILE):
        while (shorter := inner.sub("", text)) != text:
            text = shorter
    text = _EXTERNAL.sub(r"\1", _LINK.sub(r"\1", text))
    text = _TAG.sub("", text).replace("'''", "").replace("''", "").replace("&nbsp;", " ").replace("&ndash;", "–")
    text = re.sub(r"\(\s*[;,]?\s*\)", "", text)
    return re.sub(r"\n{2,}", "\n", re.sub(r" {2,}", " ", _NOT_PROSE.sub("", text))).strip()
