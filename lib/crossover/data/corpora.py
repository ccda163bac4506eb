"""Texts to make questions from, each with a reason where it cannot be read, so that the rest goes on."""

import bz2
import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from crossover.data import load
from crossover.data.pinned import WIKIPEDIA
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
            title, namespace = page.findtext("{*}title") or "", page.findtext("{*}ns")
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
_WIKI_REFERENCE = re.compile(
    r"<(ref|math|gallery|code|pre|source|timeline|nowiki|table)\b[^>]*?(/>|>.*?</\1\s*>)", re.DOTALL | re.IGNORECASE
)
_INNER_TEMPLATE = re.compile(r"\{\{[^{}]*\}\}|\{\|(?:(?!\{\||\|\}).)*\|\}", re.DOTALL)
_INNER_FILE = re.compile(
    r"\[\[(?:File|Image|Category|[a-z]{2,3}(?:-[a-z]+)?):(?:[^\[\]]|\[\[[^\[\]]*\]\]|\[[^\[\]]*\])*\]\]", re.IGNORECASE
)
_LINK = re.compile(r"\[\[(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]")
_EXTERNAL = re.compile(r"\[(?:https?:)?//\S+ ?([^\]]*)\]")
_TAG = re.compile(r"</?\w+[^<>]*>")
_WIKI_NOT_PROSE = re.compile(r"^([=*#:;|!{}]|\s*$).*\n?", re.MULTILINE)
_LAST_SECTIONS = re.compile(
    r"^==+ *(See also|References|Notes|Further reading|External links|Bibliography) *==+.*", re.MULTILINE | re.DOTALL
)


def wiki_text(wiki: str) -> str:
    """Return the prose of a wiki page: no templates, tables, references, headings, lists; links as their words."""
    text = _LAST_SECTIONS.sub("", _WIKI_REFERENCE.sub("", _COMMENT.sub("", wiki)))
    for inner in (_INNER_TEMPLATE, _INNER_FILE):
        while (shorter := inner.sub("", text)) != text:
            text = shorter
    text = _EXTERNAL.sub(r"\1", _LINK.sub(r"\1", text))
    text = _TAG.sub("", text).replace("'''", "").replace("''", "").replace("&nbsp;", " ").replace("&ndash;", "–")
    text = re.sub(r"\(\s*[;,]?\s*\)", "", text)
    return re.sub(r"\n{2,}", "\n", re.sub(r" {2,}", " ", _WIKI_NOT_PROSE.sub("", text))).strip()


# --- plain text -------------------------------------------------------------------------------------------------------


#: Raised when the same file gives another text: stored questions of the old one are then made again.
VERSION = 1

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WIDEST = 140  # characters; a longer line is a paragraph, not a wrapped line
_BLOCKS = (
    "address article aside blockquote body br caption dd div dl dt figcaption figure footer form h1 h2 h3 h4 h5 h6"
    " header hr li main ol p section td th title tr ul"
)
_TAGS = (
    rf"{_BLOCKS} html head a abbr b cite code del em font i img ins math nav pre q ref script small span strong style"
    r" sub sup table tbody thead u"
)
_HTML = re.compile(rf"<!--|<!doctype\b|</?(?:{'|'.join(_TAGS.split())})(?:\s[^<>]*)?/?>", re.IGNORECASE)
#: Elements whose text is not prose of the page.
_DROPPED = "head script style nav table pre math ref h1 h2 h3 h4 h5 h6"
_FENCE = re.compile(r"^ {0,3}(```+|~~~+).*?(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n.*?^(?:---|\.\.\.)[ \t]*$\n?", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r"^(?: {0,3}> ?)+", re.MULTILINE)
_BULLET = re.compile(r"\s*(?:[-*+•◦‣⁃▪▫■□●○►▸∙·–—]|\(?\d{1,3}[.)]|\((?:[a-z]|[ivx]+)\)|[a-z]\))\s+")
# Headings, tables and rules; entries of a list of references and definitions of footnotes.
_NOT_PROSE = re.compile(r"\s*(?:#{1,6}\s.*|\|.*|.*\|\s*:?-{2,}.*|[-=_*~+#\s]{3,})")
_REFERENCE = re.compile(r"\s*(?:\[\^?[\w-]+\]:|\[\d{1,3}\]|\^|↑)\s.*")
_CITATION = re.compile(
    r"\s?\[(?:\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*|\^[\w-]+|(?:note|nb|fn|ref|n)\.? ?\d+|edit|sic|(?:[\w-]+ ){1,4}needed|"
    r"(?:who|when|where|which|why|how|by whom|according to whom|original research|unreliable source)\?|"
    r"dubious[^\[\]]*|failed verification|not in citation given)\](?::\d{1,4}(?:[–-]\d{1,4})?)?"
    r"|(?<=[\w.,;:!?)])\[[a-z]\]|(?<=[.!?,;:)\"”’])[¹²³⁰⁴-⁹]+",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?:;][\"'”’)\]]*(?:\[[^\[\]]*\])*$")


def decode(raw: bytes) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 or UTF-32 where a byte-order mark says so; none is guessed."""
    encoding = next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8-sig")
    return raw.decode(encoding)


def plain_text(text: str, markdown: bool = False) -> str:
    """Return the prose of a text, one paragraph per line.

    In ``markdown`` a line break never ends a paragraph. In other texts one does, unless the line is as full as its
    neighbours or the next one goes on in lower case.
    """
    import ftfy

    text = ftfy.fix_text(text, uncurl_quotes=False, unescape_html=False)
    text = re.sub("[\u00ad\u200b\u2060]", "", text).replace("\u00a0", " ").expandtabs(4)
    text = _FENCE.sub("", _FRONT_MATTER.sub("", text))
    if _HTML.search(text):
        text = _without_html(text)
    lines = (_inline(line) for line in _paragraphs(_QUOTED.sub("", text), markdown))
    return "\n".join(line for line in map(_without_citations, lines) if line)


def _without_html(text: str) -> str:
    """The text of an HTML page or fragment, with blank lines around blocks."""
    from bs4 import BeautifulSoup, Comment

    soup = BeautifulSoup(text, "html.parser")
    for node in soup.find_all(string=lambda string: isinstance(string, Comment)):
        node.extract()
    for tag in soup.find_all(_DROPPED.split()):
        tag.replace_with("\n\n")
    for tag in soup.find_all(lambda tag: tag.name == "sup" and tag.a is not None):  # a reference
        tag.decompose()
    blocks = soup.find_all(_BLOCKS.split())
    for tag in blocks:
        for node in tag.find_all(string=True):
            node.replace_with(re.sub(r"\s+", " ", node))
    for tag in blocks:
        tag.insert_before("\n\n")
        tag.insert_after("\n\n")
    return soup.get_text()


def _paragraphs(text: str, markdown: bool) -> Iterator[str]:
    """The paragraphs and list items of a text, each on one line; headings, tables and references are left out."""
    for block in re.split(r"\n\s*\n", text):
        lines = [line for line in block.splitlines() if line.strip()]
        paragraph, is_item = "", False
        for line, full in zip(lines, _wrapped(lines), strict=True):
            open_ended = bool(paragraph) and not _SENTENCE_END.search(paragraph)
            bullet = None if full and open_ended and not is_item else _BULLET.match(line)
            goes_on = paragraph and not bullet and (full or markdown or (open_ended and line.strip()[0].islower()))
            if goes_on and not _NOT_PROSE.fullmatch(line):
                paragraph = _joined(paragraph, line.strip(), text)
                continue
            yield paragraph
            paragraph, is_item = line[bullet.end() :] if bullet else line.strip(), bullet is not None
            if _NOT_PROSE.fullmatch(line) or _REFERENCE.fullmatch(line):
                paragraph = ""
        yield paragraph


def _wrapped(lines: list[str]) -> list[bool]:
    """Whether each line goes on from a full one: its first word would have made that one the widest of the block.

    Where fewer than half of the breaks are such, the lines are paragraphs.
    """
    width = max(map(len, lines), default=0)
    full = [len(a.rstrip()) + 1 + len(b.split()[0]) > width for a, b in pairwise(lines)]
    if width > _WIDEST or 2 * sum(full) < len(full):
        return [False] * len(lines)
    return [False, *full][: len(lines)]


def _joined(first: str, second: str, text: str) -> str:
    """Two lines as one; a hyphen between them goes where the text has the word without it elsewhere."""
    ends, begins = re.search(r"(\w+)-$", first), re.match(r"[a-z]+", second)
    if ends is None or begins is None:
        return f"{first} {second}"
    whole = re.search(rf"\b{ends[1]}{begins[0]}", text, re.IGNORECASE)
    return first[:-1] + second if whole else first + second


@cache
def _parser() -> Any:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("strikethrough")


def _inline(line: str) -> str:
    """A line of Markdown without its marks; images and bare numbers that are links go."""
    if not line.strip():
        return ""
    written: list[str] = []
    opened: list[int] = []
    for token in _parser().parseInline(line)[0].children or ():
        if token.type == "link_open":
            opened.append(len(written))
        elif token.type == "link_close":
            start = opened.pop()
            if re.fullmatch(r"\[?\d{1,3}\]?", "".join(written[start:])):
                del written[start:]
        elif token.type in ("text", "code_inline"):
            written.append(token.content)
        elif token.type in ("softbreak", "hardbreak"):
            written.append(" ")
    return " ".join("".join(written).split())


def _without_citations(line: str) -> str:
    """A line without citation marks; a sentence that began right after one gets a space before it."""

    def gap(match: re.Match[str]) -> str:
        before, after = line[: match.start()], line[match.end() : match.end() + 1]
        return " " if after.isupper() and before.endswith((".", "!", "?", '"', "”")) else ""

    return _CITATION.sub(gap, line).strip()
