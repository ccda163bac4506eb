"""English prose that can be parsed, paragraph by paragraph, offsets kept; everything else is refused by name."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

MOST_CHARACTERS = 5_000  # of a piece; spaCy's memory grows with the longest one in a batch
_SENTENCE_END = re.compile(r"[.!?][\"'”’)]*\s+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
# What UTF-8 looks like when it was read as Latin-1 or Windows-1252, and the mark of a failed decoding.
_MOJIBAKE = re.compile("\ufffd|Ã[\u0080-\u00bf©¨¼¶¤ª®±³¡ \u2013-\u2122]|â€[\u0080-\uffff]|Â[\u00a0-\u00bf]")
_MARKUP = re.compile(
    r"</?[a-zA-Z!][^<>\n]{0,500}>|&(nbsp|lt|gt|amp|quot);|\[\[[^\]]+\]\]|\{\{|\}\}|^\s*\|", re.MULTILINE
)
_CODE = re.compile(r"[{};<>=_\\|`~^]|//|\(\)|::|->|\+\+")
_COMMON = frozenset(
    re.findall(r"\w+", "the of and in to a is was for on as by with that are from at his it an were which be has had")
)


@dataclass(frozen=True)
class Piece:
    """A stretch of a text: the place of its first character, its words, and the reason why it is refused."""

    offset: int
    text: str
    refused: str | None = None


def pieces(text: str) -> Iterator[Piece]:
    """Yield the paragraphs of a text, long ones cut at ends of sentences; blank ones are passed over.

    >>> [(p.offset, p.text, p.refused) for p in pieces("One day.\\n\\nInt main() { return x; }")]
    [(0, 'One day.', None), (10, '', 'code')]
    """
    for match in re.finditer(r"[^\n\r\u2028\u2029]+", text):
        if not match[0].isspace():
            yield from _cut(match.start(), match[0])


def _cut(offset: int, line: str) -> Iterator[Piece]:
    """The pieces of a paragraph."""
    if len(line) <= MOST_CHARACTERS:
        yield _piece(offset, line)
        return
    start = last = 0
    for end in [m.end() for m in _SENTENCE_END.finditer(line)] + [len(line)]:
        if end - start > MOST_CHARACTERS and last > start:
            yield _piece(offset + start, line[start:last])
            start = last
        if end - start > MOST_CHARACTERS:
            yield Piece(offset + start, "", f"no end of a sentence in {MOST_CHARACTERS:,} characters")
            start = end
        last = end
    if start < len(line):
        yield _piece(offset + start, line[start:])


def _piece(offset: int, text: str) -> Piece:
    reason = refusal(text)
    # One space for one character: offsets stay.
    return Piece(offset, "" if reason else _CONTROL.sub(" ", text), reason)


def refusal(text: str) -> str | None:
    """Return the reason why a stretch of text is not parsed, or ``None``."""
    if len(_CONTROL.findall(text)) > 0.01 * len(text):
        return "control characters"
    if _MOJIBAKE.search(text):
        return "wrong encoding"
    if _MARKUP.search(text):
        return "markup"
    letters = [c for c in text if c.isalpha()]
    if not letters:
        return "no letters"
    foreign = [c for c in letters if not c.isascii() and not unicodedata.name(c, "").startswith(("LATIN", "MODIFIER"))]
    if len(foreign) > 0.3 * len(letters):
        return "not in Latin script"
    if len(_CODE.findall(text)) > 0.03 * len("".join(text.split())):
        return "code"
    words = re.findall(r"[a-z]+", text.lower())
    if len(words) >= 20 and sum(word in _COMMON for word in words) < 0.08 * len(words):
        return "not English"
    return None
