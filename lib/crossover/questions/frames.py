"""Frames: the small structures of a sentence that a template fits, each with its parts by role.

A clause (:mod:`crossover.questions.clauses`), an apposition, a bracket after a name, or the sentence with its entities. A template
states conditions on parts and never sees the parse itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from spacy.tokens import Doc, Span, Token

from crossover.questions.constituents import BEGINS, INSIDE, NAMES, Part, trimmed, widened

_ACRONYM = re.compile(r"[A-Z][A-Z&]{1,7}")


@dataclass(eq=False)
class Frame:
    """A clause, apposition, bracket or whole sentence with its parts by role; several may share a role (obliques).

    ``verb`` is the main verb of a clause, else the sentence's, for the tense. ``before``, ``between`` and ``after`` are token
    groups of a clause: before the subject, from there to the main verb, after it.
    """

    kind: str
    sentence: Span
    parts: list[Part]
    verb: Token | None = None
    auxiliaries: list[Token] = field(default_factory=list)
    before: list[list[int]] = field(default_factory=list)
    between: list[list[int]] = field(default_factory=list)
    after: list[list[int]] = field(default_factory=list)
    negated: bool = False
    passive: bool = False

    @cached_property
    def roles(self) -> frozenset[str]:
        """The roles that are filled."""
        return frozenset(part.role for part in self.parts)

    @cached_property
    def text(self) -> str:
        """The words of the sentence."""
        return self.sentence.text

    def all(self, role: str) -> list[Part]:
        """Return the parts of a role, in order."""
        return [part for part in self.parts if part.role == role]

    def one(self, role: str) -> Part | None:
        """Return the first part of a role, or ``None``."""
        return next((part for part in self.parts if part.role == role), None)


def entities(sentence: Span) -> Frame:
    """Return the sentence as a frame with its names, dates and numbers, each once and whole."""
    return Frame("sentence", sentence, list(_entities(sentence)), sentence.root)


def _entities(sentence: Span) -> Iterator[Part]:
    """The names, dates and numbers of a sentence, each once and whole."""
    # Span.ents makes a span of every entity of the document, for each sentence again.
    doc, reached = sentence.doc, sentence.start
    for token in sentence:
        if token.ent_iob != BEGINS:
            continue
        end = token.i + 1
        while end < len(doc) and doc[end].ent_iob == INSIDE:
            end += 1
        root = doc[token.i : end].root
        first, last = widened(root)
        longer = last < sentence.end and doc[last].lower_ == "of" and root.ent_type_ in ("PERSON", "ORG")
        if first >= reached and not longer:
            yield Part("entity", root, list(range(first, last)))
        reached = max(reached, last, end)


def appositions(sentence: Span) -> Iterator[Frame]:
    """Yield name and description of each apposition set off by commas, whichever of the two comes first."""
    for token in sentence:
        if token.dep_ != "appos" or token.left_edge.i == sentence.start:
            continue
        if sentence.doc[token.left_edge.i - 1].text != ",":
            continue
        first, second = token.head, token
        if first.ent_type_ in NAMES and not second.ent_type_ and second.tag_ in ("NN", "NNS"):
            name, description = first, second
        elif second.ent_type_ in NAMES and not first.ent_type_ and first.tag_ in ("NN", "NNS"):
            name, description = second, first
        else:
            continue
        # In "A, B, the C and D" the parser's apposition is a list.
        if any(c.dep_ in ("conj", "cc") for c in (*first.children, *second.children)):
            continue
        parts = [Part("name", name, trimmed(name)), Part("description", description, _own(description, name))]
        if not all(part.indices for part in parts):
            continue
        yield Frame(
            "apposition",
            sentence,
            parts,
            sentence.root,
        )


def _own(description: Token, name: Token) -> list[int]:
    """The trimmed description without the name inside it."""
    inside = set(range(name.left_edge.i, name.right_edge.i + 1)) if name.head == description else set()
    return [i for i in trimmed(description) if i not in inside]


def brackets(sentence: Span) -> Iterator[Frame]:
    """Yield a name and the text in round brackets after it: an acronym, years of life, another name."""
    doc = sentence.doc
    start = None
    for token in sentence:
        if token.text == "(":
            start = token.i
        elif token.text == ")" and start is not None and start + 1 < token.i and start > sentence.start:
            inside = list(range(start + 1, token.i))
            name = _name_before(doc, sentence, start)
            if name is not None:
                yield Frame("bracket", sentence, [name, Part("description", doc[inside[0]], inside)], sentence.root)
            start = None


_SMALL_WORDS = {"of", "and", "for", "the", "de", "van", "von", "-", "&", "'s"}


def _name_before(doc: Doc, sentence: Span, bracket: int) -> Part | None:
    """The run of capitalised words that ends at a bracket, with small words inside it ("University of Oxford")."""
    i = bracket - 1
    while i >= sentence.start and (doc[i].text[0].isupper() or doc[i].lower_ in _SMALL_WORDS):
        i -= 1
    indices = list(range(i + 1, bracket))
    while indices and (not doc[indices[0]].text[0].isupper() or doc[indices[0]].tag_ == "DT"):
        indices.pop(0)
    return Part("name", doc[indices[-1]], indices) if indices else None


def spells(acronym: str, name: str) -> bool:
    """Whether an acronym is made of a name's initials, small words counted or left out.

    >>> spells("WHO", "the World Health Organization"), spells("NATO", "North Atlantic Treaty Organization")
    (True, True)
    >>> spells("IBM", "Apple Computer")
    False
    """
    if not _ACRONYM.fullmatch(acronym):
        return False
    words = re.findall(r"[\w&]+", name)
    large = "".join(w[0] for w in words if w[0].isupper())
    return acronym in (large, "".join(w[0] for w in words if w.lower() != "the").upper())
