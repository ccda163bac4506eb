"""Refusals of text, sentences and questions, by name: above all of what only the text around explains."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from spacy.tokens import Span, Token

from crossover.questions.constituents import LISTS, NAMES, Part
from crossover.questions.frames import Frame
from crossover.questions.templates import Draft

MOST_WORDS = {"cloze": 30}  # of a question; a real one of NQ-open has nine on average
MOST_WORDS_OTHERWISE = 20
SENTENCE_WORDS = (3, 60)
_POSSESSIVE = {"his", "her", "its", "their"}
_DANGLING = re.compile(r"(^| )(and|or|but|of|in|to|a|an|the|for|with|by|from|as|that|which)\W*$")


def unusable(sentence: Span) -> str | None:
    """Return why a sentence is not used, or ``None``."""
    if sum(token.is_alpha for token in sentence) < SENTENCE_WORDS[0]:
        return "too short"
    if len(sentence) > SENTENCE_WORDS[1]:
        return "too long"
    text = sentence.text
    if text.rstrip().endswith("?"):
        return "question"
    if not (text[0].isupper() or text[0].isdigit() or text[0] in "\"'“‘($"):
        return "no capital at its start"
    return None


def rejection_reason(draft: Draft) -> str | None:
    """Return why a question is refused, or ``None``: what it repeats must be understood without the text around it."""
    if len(draft.question.split()) > MOST_WORDS.get(draft.template.type, MOST_WORDS_OTHERWISE):
        return "question: too long"
    doc, open_ended = draft.frame.sentence.doc, draft.template.type != "yes-no"
    if open_ended and f" {_plain(draft.answer)} " in f" {_plain(draft.question)} ":
        return "question: holds its answer"
    repeated = [doc[i] for i in draft.used]
    told = [*repeated, *(doc[i] for i in draft.asked.indices if open_ended)]
    if any(t.tag_ in ("PRP", "WP") or t.lower_ in ("my", "our", "your") for t in told):
        return "question: pronoun"
    if any(t.lower_ in LISTS["pointing"] and t.tag_ in ("DT", "JJ", "PDT", "RB", "NN", "NNS", "CD") for t in told):
        return "question: points at other text"
    subject, owners = draft.frame.one("subject"), {t.lower_ for t in told} & _POSSESSIVE
    repeats_subject = subject is not None and set(draft.used).issuperset(subject.indices)
    if owners and not (subject is not None and repeats_subject and _owned_by(subject, owners)):
        return "question: pronoun"
    ends_in_text = draft.template.question.endswith("}?") and "{stranded}" not in draft.template.question
    if (ends_in_text and _DANGLING.search(draft.question)) or _DANGLING.search(draft.answer):
        return "question: breaks off"
    if _unbalanced(draft.question) or _unbalanced(draft.answer):
        return "question: half a quotation"
    return _without_context(draft, repeated)


def _owned_by(subject: Part, owners: set[str]) -> bool:
    """Whether possessives can mean the subject: their number fits, *his* and *her* go with a person."""
    if any(subject.head.doc[i].lower_ in _POSSESSIVE for i in subject.indices):
        return False
    fitting = {"their"} if subject.plural else {"its"} if subject.entity != "PERSON" else {"his", "her"}
    return owners <= fitting


def _without_context(draft: Draft, repeated: list[Token]) -> str | None:
    """Refuse what an earlier sentence would have to explain: "the film was released", a cloze that starts with "he"."""
    frame, past = draft.frame, _past(draft.frame)
    if frame.kind == "sentence":
        subject = next((c for c in frame.sentence.root.children if c.dep_ in ("nsubj", "nsubjpass")), None)
        if subject is None or subject.tag_ in ("PRP", "DT", "WP"):
            return "question: pronoun"
        if not any(t.tag_ in ("NNP", "NNPS") or t.ent_type_ == "DATE" for t in repeated):
            return "question: names nothing"
        told = [subject]
    else:
        told = [*repeated, *([draft.asked.head] if draft.template.type != "yes-no" else [])]
        if not past:
            # In the present "the heart" is any heart, unless the statement has a name or a date in it.
            about_one = any(map(_names, told))
            subjects = [part.head for part in frame.all("subject")]
            told = [noun for noun in subjects if about_one or noun.lower_ in LISTS["mentioned"]]
    if frame.kind != "apposition" and frame.verb.lower_ not in LISTS["of_kinds"] and any(map(_unexplained, told)):
        return "question: names nothing"
    if any(_names(t) or t.tag_ in ("NNP", "NNPS") for t in repeated):
        return None
    content = sum(t.tag_ in ("NN", "NNS", "JJ", "JJS", "CD") for t in repeated)
    vague = any(t.lower_ in ("the", "a", "an") for t in repeated) and (past or draft.entity in NAMES)
    return "question: names nothing" if vague and content < 3 else None


def _names(token: Token) -> bool:
    return token.ent_type_ in NAMES or token.ent_type_ == "DATE"


def _unexplained(noun: Token) -> bool:
    """Whether a token heads a phrase such as "the film": definite, with nothing that says which."""
    if noun.tag_ not in ("NN", "NNS") or _names(noun) or noun.lower_ in LISTS["unique"]:
        return False
    explained = ("prep", "acl", "relcl", "appos", "poss", "nummod")
    return any(c.lower_ == "the" for c in noun.children) and not any(
        c.dep_ in explained or c.tag_ in ("NNP", "NNPS") or c.ent_type_ in NAMES for c in noun.children
    )


def _past(frame: Frame) -> bool:
    """Whether the frame's sentence tells of the past."""
    auxiliaries = frame.auxiliaries[:1] or [c for c in frame.verb.children if c.dep_ in ("aux", "auxpass")]
    told_in_past = any(auxiliary.lower_ in ("was", "were", "had", "did") for auxiliary in auxiliaries)
    return told_in_past or (not frame.auxiliaries and frame.verb.tag_ in ("VBD", "VBN"))


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _unbalanced(text: str) -> bool:
    return text.count('"') % 2 == 1 or text.count("“") != text.count("”") or text.count("(") != text.count(")")


# --- prose ------------------------------------------------------------------------------------------------------------

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
    """Yield the paragraphs of a text, long ones cut at ends of sentences; blank ones are passed over."""
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
