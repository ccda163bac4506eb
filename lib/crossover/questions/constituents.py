"""Constituents of a parsed sentence as question templates see them: noun phrases, their names, kinds and numerals.

Labels are those of spaCy's English models: CLEAR dependencies, Penn Treebank tags, OntoNotes entity types.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from spacy.tokens import Doc, Span, Token

from crossover.questions.words import PLACES

#: Entity types that are names.
NAMES = {"PERSON", "GPE", "LOC", "FAC", "ORG", "PRODUCT", "WORK_OF_ART", "EVENT", "NORP", "LAW", "LANGUAGE"}
INSIDE, BEGINS = 1, 3  # Token.ent_iob of a token that continues or begins an entity


@dataclass(eq=False)
class Part:
    """One constituent of a frame, by its role.

    ``indices`` are the tokens of the noun phrase that a question repeats; ``whole`` has the preposition too, and disappears
    from the clause when the part is asked for.
    """

    role: str
    head: Token
    indices: list[int]
    whole: list[int] = field(default_factory=list)
    preposition: str = ""

    def __post_init__(self) -> None:
        self.whole = self.whole or self.indices
        # In "the physicist Albert Einstein" the parser's head is the physicist; what is named is Einstein.
        for child in self.head.rights:
            if child.dep_ == "appos" and child.left_edge.i == self.head.i + 1 and child.ent_type_ in NAMES:
                self.head = child
                break

    @cached_property
    def name(self) -> Span | None:
        """The name or date that the part is: it holds the head, and nothing is coordinated with it.

        An entity is widened to the capitalised words and numerals that touch it ("*Queen* Elizabeth II", "Apollo
        *11*"); with an *of* after it ("the Marquis of Pombal") only the whole phrase names anything.
        """
        if self.entity == "none" or any(c.dep_ == "conj" for c in self.head.children):
            return None
        start, end = widened(self.head)
        inside, doc = set(self.indices), self.head.doc
        if not inside.issuperset(i for i in range(start, end) if doc[i].tag_ != "POS"):
            return None
        if self.entity in NAMES:
            following = doc[end].lower_ if end < len(doc) else ""
            qualified = any(c.dep_ == "amod" and c.i < start for c in self.head.children)
            if (following == "of" and end in inside) or (qualified and self.entity in ("GPE", "LOC")):
                return None
        return doc[start:end]

    @cached_property
    def entity(self) -> str:
        """The OntoNotes type of the head, or ``none``, with some of the recogniser's mistakes mended.

        A single common noun is no name; "Lake ..." is a place; people have no article ("the Danube").
        """
        label, token = self.head.ent_type_, self.head
        if label not in NAMES:
            return label or "none"
        start, end = widened(token)
        if token.tag_ in ("NN", "NNS") and end - start == 1:
            return "none"
        if label in ("PERSON", "ORG", "GPE"):
            doc = token.doc
            if doc[start].lower_ in PLACES or (end - start > 1 and doc[end - 1].lower_ in PLACES):
                return "LOC"
            if label == "PERSON" and token.tag_ != "NNPS" and self.determiner in ("definite", "other"):
                return "none"
        return label

    @cached_property
    def kind(self) -> list[int]:
        """The common noun before a name, as in "the *physicist* Albert Einstein"; empty where there is none."""
        name = self.name
        if name is None or self.entity not in NAMES:
            return []
        doc = self.head.doc
        before = [i for i in self.indices if i < name.start and doc[i].tag_ not in ("DT", "PRP$")]
        contiguous = before and before[-1] == name.start - 1 and len(before) == before[-1] - before[0] + 1
        return before if contiguous and len(before) <= 4 and doc[before[-1]].tag_ == "NN" else []

    @cached_property
    def number(self) -> list[int]:
        """The tokens of the numeral that counts the head, as in "*more than 50* states"; empty where there is none."""
        for child in self.head.children:
            if child.dep_ == "nummod" and child.i < self.head.i:
                found = [t.i for t in child.subtree]
                return found if found == list(range(found[0], found[-1] + 1)) else []
        return []

    @property
    def determiner(self) -> str:
        """``definite`` (the), ``indefinite`` (a, an), ``other`` (this, each, its, a genitive, ...) or ``bare``."""
        for child in self.head.lefts:
            if child.dep_ == "det":
                return {"the": "definite", "a": "indefinite", "an": "indefinite"}.get(child.lower_, "other")
            if child.dep_ == "poss":
                return "other"
        return "bare"

    @property
    def plural(self) -> bool:
        """Whether a verb agrees with the part in the plural."""
        return self.head.tag_ in ("NNS", "NNPS") or any(c.dep_ == "conj" for c in self.head.children)


def widened(token: Token) -> tuple[int, int]:
    """Return first and last (exclusive) token of the entity around a token, with the capitalised words that touch it."""
    doc, start, end = token.doc, token.i, token.i + 1
    while doc[start].ent_iob == INSIDE:
        start -= 1
    while end < len(doc) and doc[end].ent_iob == INSIDE:
        end += 1
    if token.ent_type_ in NAMES:
        while start > 0 and not doc[start].is_sent_start and _same_name(doc[start - 1], token, doc[start]):
            start -= 1
        while end < len(doc) and _same_name(doc[end], token, doc[end - 1]):
            end += 1
    if doc[end - 1].lower_ in ("'s", "’s", "'", "’") and end - 1 > start:
        end -= 1
    return start, end


def _same_name(neighbour: Token, token: Token, edge: Token) -> bool:
    """Whether a token that touches an entity is a part of the name that the recogniser has missed or split off."""
    if neighbour.tag_ in ("NNP", "NNPS"):
        compound = neighbour.dep_ == "compound" and neighbour.head.i > neighbour.i and neighbour.head.ent_type_ != ""
        return (
            neighbour.ent_type_ in ("", token.ent_type_)
            or compound
            or (edge.dep_ == "compound" and edge.head == neighbour)
        )
    numeral = (
        neighbour.tag_ == "CD"
        and neighbour.i > edge.i
        and neighbour.head.i < neighbour.i
        and not neighbour.is_sent_start
    )
    return numeral and neighbour.dep_ in ("nummod", "appos", "npadvmod", "compound") and len(neighbour) < 4


_OPEN, _CLOSE = {"(", "[", "-LRB-"}, {")", "]", "-RRB-"}


def trimmed(head: Token) -> list[int]:
    """Return the indices of a phrase without brackets, appositions set off by commas, and non-restrictive clauses.

    ``head`` may be a noun or a preposition. Commas go with what they set off. Empty where a list would be torn.
    """
    doc = head.doc
    left, right = head.left_edge.i, head.right_edge.i
    dropped: set[int] = set()
    for i in range(left, right + 1):
        token = doc[i]
        if token.dep_ in ("appos", "relcl", "acl", "advcl", "parataxis", "npadvmod") and i != head.i:
            edge = token.left_edge.i
            set_off = edge > left and doc[edge - 1].text in (",", "–", "—", ";", ":", "-", "--")
            # "Portland, Oregon" is one name, and so is a date with its year.
            joined = token.dep_ in ("appos", "npadvmod") and token.tag_ == "NNP" and token.head.tag_ == "NNP"
            if set_off and not joined and doc[edge].ent_iob != INSIDE:
                last = token.right_edge.i
                if last < right and doc[last + 1].text not in (",", ")", "]", "–", "—"):
                    return []  # what follows depends on what would go
                dropped.update(range(edge, last + 1))
    depth = 0
    for i in range(left, right + 1):
        text = doc[i].text
        depth += text in _OPEN
        if depth:
            dropped.add(i)
        if text in _CLOSE and depth:
            depth -= 1
    if dropped and any(
        doc[i].dep_ == "conj" and doc[i].head.i not in dropped and i not in dropped for i in range(left, right + 1)
    ):
        return []  # a list with gaps
    kept = [i for i in range(left, right + 1) if i not in dropped]
    # A comma next to a gap or at an end has nothing left to separate.
    whole = set(kept)
    return [
        i for i in kept
        if doc[i].text not in (",", ";", ":", "–", "—", "--")
        or (i - 1 in whole and i + 1 in whole and i != left and i != right)
    ]  # fmt: skip


def phrase(doc: Doc, indices: list[int]) -> str:
    """Write tokens as running text: gaps closed, the first word of a sentence in lower case unless it is a name."""
    words: list[str] = []
    for place, i in enumerate(indices):
        token = doc[i]
        text = _uncapitalised(token) if token.is_sent_start else token.text
        gap = place + 1 < len(indices) and indices[place + 1] != i + 1
        words.append(text + (" " if gap else token.whitespace_))
    return "".join(words).strip()


def _uncapitalised(token: Token) -> str:
    text = token.text
    if text[1:].lower() != text[1:] or text == "I":
        return text
    if token.tag_ in ("DT", "IN", "PRP$", "PRP", "WDT", "EX", "TO", "NNS"):
        return text.lower()
    named = token.tag_ in ("NNP", "NNPS") or token.ent_type_ == "NORP" or token.ent_iob == INSIDE
    starts_name = token.ent_type_ in NAMES and token.i + 1 < len(token.doc) and token.nbor().ent_iob == INSIDE
    return text if named or starts_name else text.lower()
