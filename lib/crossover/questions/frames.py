"""Frames: the structures of a sentence that a template fits, each with its parts by role.

A frame is a clause (:mod:`crossover.questions.clauses`), an apposition, a bracket after a name, or the sentence with
its entities.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from spacy.tokens import Span, Token

from crossover.questions.constituents import BEGINS, INSIDE, NAMES, Part, trimmed, widened

_ACRONYM = re.compile(r"[A-Z][A-Z&]{1,7}")
_SMALL_WORDS = {"of", "and", "for", "the", "de", "van", "von", "-", "&", "'s"}


@dataclass(eq=False)
class Frame:
    """A clause, apposition, bracket or whole sentence with its parts by role; several may share a role (obliques).

    ``verb`` is the main verb of a clause, else the sentence's, for the tense. ``before``, ``between`` and ``after`` are
    token groups of a clause: before the subject, from there to the main verb, after it.
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

    def all(self, role: str) -> list[Part]:
        """Return the parts of a role, in order."""
        return [part for part in self.parts if part.role == role]

    def one(self, role: str) -> Part | None:
        """Return the first part of a role, or ``None``."""
        return next(iter(self.all(role)), None)


def entities(sentence: Span) -> Frame:
    """Return the sentence as a frame with its names, dates and numbers, each once and whole."""
    # Span.ents makes a span of every entity of the document, for each sentence again.
    doc, reached, parts = sentence.doc, sentence.start, []
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
            parts.append(Part("entity", root, list(range(first, last))))
        reached = max(reached, last, end)
    return Frame("sentence", sentence, parts, sentence.root)


def appositions(sentence: Span) -> Iterator[Frame]:
    """Yield name and description of each apposition set off by commas, whichever of the two comes first."""
    for token in sentence:
        at = token.left_edge.i
        if token.dep_ != "appos" or at == sentence.start or sentence.doc[at - 1].text != ",":
            continue
        # In "A, B, the C and D" the parser's apposition is a list.
        if any(c.dep_ in ("conj", "cc") for c in (*token.head.children, *token.children)):
            continue
        for name, description in ((token.head, token), (token, token.head)):
            if name.ent_type_ in NAMES and not description.ent_type_ and description.tag_ in ("NN", "NNS"):
                within = range(name.left_edge.i, name.right_edge.i + 1) if name.head == description else ()
                described = [i for i in trimmed(description) if i not in within]
                parts = [Part("name", name, trimmed(name)), Part("description", description, described)]
                if all(part.indices for part in parts):
                    yield Frame("apposition", sentence, parts, sentence.root)


def brackets(sentence: Span) -> Iterator[Frame]:
    """Yield a name and the text in round brackets after it: an acronym, years of life, another name."""
    doc, start = sentence.doc, None
    for token in sentence:
        if token.text == "(":
            start = token.i
        elif token.text == ")" and start is not None and start + 1 < token.i and start > sentence.start:
            inside, name = list(range(start + 1, token.i)), _name_before(sentence, start)
            if name:
                parts = [Part("name", doc[name[-1]], name), Part("description", doc[inside[0]], inside)]
                yield Frame("bracket", sentence, parts, sentence.root)
            start = None


def _name_before(sentence: Span, bracket: int) -> list[int]:
    """The run of capitalised words that ends at a bracket, with small words inside it ("University of Oxford")."""
    doc, first = sentence.doc, bracket
    while first > sentence.start and (doc[first - 1].text[0].isupper() or doc[first - 1].lower_ in _SMALL_WORDS):
        first -= 1
    while first < bracket and (not doc[first].text[0].isupper() or doc[first].tag_ == "DT"):
        first += 1
    return list(range(first, bracket))


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
