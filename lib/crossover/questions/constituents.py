"""Noun phrases of a parsed sentence, their names, kinds and numerals; lists of words, and forms of verbs.

Labels are those of spaCy's English models: CLEAR dependencies, Penn Treebank tags, OntoNotes entity types.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import cast

from spacy.language import Language
from spacy.pipeline import Lemmatizer
from spacy.tokens import Doc, Span, Token

from crossover.paths import read_yaml

#: Entity types that are names.
NAMES = {"PERSON", "GPE", "LOC", "FAC", "ORG", "PRODUCT", "WORK_OF_ART", "EVENT", "NORP", "LAW", "LANGUAGE"}
INSIDE = 1  # Token.ent_iob of a token that continues an entity


@dataclass(eq=False)
class Part:
    """A constituent of a frame: ``indices`` of the noun phrase to repeat, ``whole`` with its preposition."""

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
        """The name or date that the part is; with an *of* after it ("the Marquis of Pombal") the whole phrase."""
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
        """The OntoNotes type of the head, or ``none``, with some of the recogniser's mistakes corrected."""
        label, token = self.head.ent_type_, self.head
        if label not in NAMES:
            return label or "none"
        start, end = widened(token)
        ends = {token.doc[start].lower_, token.doc[end - 1].lower_ if end - start > 1 else ""}
        if token.tag_ in ("NN", "NNS") and end - start == 1:
            return "none"  # a single common noun is no name
        if label in ("PERSON", "ORG", "GPE") and ends & LISTS["places"]:
            return "LOC"  # "Lake ..."
        with_article = token.tag_ != "NNPS" and self.determiner in ("definite", "other")
        return "none" if label == "PERSON" and with_article else label  # "the Danube"

    @cached_property
    def kind(self) -> list[int]:
        """The common noun before a name, as in "the *physicist* Albert Einstein"; empty where there is none."""
        name, doc = self.name, self.head.doc
        if name is None or self.entity not in NAMES:
            return []
        before = [i for i in self.indices if i < name.start and doc[i].tag_ not in ("DT", "PRP$")]
        contiguous = before == list(range(name.start - len(before), name.start))
        return before if before and contiguous and len(before) <= 4 and doc[before[-1]].tag_ == "NN" else []

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
    """Return first and last (exclusive) token of the entity around a token, with capitalised words that touch it."""
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
    head, dep = neighbour.head, neighbour.dep_
    if neighbour.tag_ in ("NNP", "NNPS"):
        compound = dep == "compound" and head.i > neighbour.i and head.ent_type_ != ""
        return (
            neighbour.ent_type_ in ("", token.ent_type_)
            or compound
            or (edge.dep_, edge.head) == ("compound", neighbour)
        )
    after = neighbour.i > edge.i and head.i < neighbour.i and not neighbour.is_sent_start
    numeral = neighbour.tag_ == "CD" and dep in ("nummod", "appos", "npadvmod", "compound") and len(neighbour) < 4
    return numeral and after


_OPEN, _CLOSE = {"(", "[", "-LRB-"}, {")", "]", "-RRB-"}
_SEPARATORS = (",", ";", ":", "–", "—", "--")


def trimmed(head: Token) -> list[int]:
    """Return the indices of a phrase without brackets and what commas set off; empty where a list would be torn."""
    dropped: set[int] = set()
    doc, depth = head.doc, 0
    left, right = head.left_edge.i, head.right_edge.i
    for token in doc[left : right + 1]:
        if token.dep_ in ("appos", "relcl", "acl", "advcl", "parataxis", "npadvmod") and token != head:
            edge, last = token.left_edge.i, token.right_edge.i
            set_off = edge > left and doc[edge - 1].text in (*_SEPARATORS, "-")
            # "Portland, Oregon" is one name, and so is a date with its year.
            joined = token.dep_ in ("appos", "npadvmod") and token.tag_ == "NNP" and token.head.tag_ == "NNP"
            if set_off and not joined and doc[edge].ent_iob != INSIDE:
                if last < right and doc[last + 1].text not in (",", ")", "]", "–", "—"):
                    return []  # what follows depends on what would go
                dropped.update(range(edge, last + 1))
    for token in doc[left : right + 1]:
        depth += token.text in _OPEN
        if depth:
            dropped.add(token.i)
        depth -= bool(depth) and token.text in _CLOSE
    kept = [i for i in range(left, right + 1) if i not in dropped]
    if dropped and any(doc[i].dep_ == "conj" and doc[i].head.i not in dropped for i in kept):
        return []  # a list with gaps
    # A comma next to a gap or at an end has nothing left to separate.
    between = {i for before, i, after in zip(kept, kept[1:], kept[2:], strict=False) if after - before == 2}
    return [i for i in kept if doc[i].text not in _SEPARATORS or i in between]


def phrase(doc: Doc, indices: list[int]) -> str:
    """Write tokens as running text: gaps closed, the first word of a sentence in lower case unless it is a name."""
    tokens, follows = [doc[i] for i in indices], {i - 1 for i in indices}
    words = (
        (_uncapitalised(token) if token.is_sent_start else token.text)
        + (token.whitespace_ if token.i in follows else " ")
        for token in tokens
    )
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


# --- words ------------------------------------------------------------------------------------------------------------

_DATA = read_yaml(Path(__file__).with_name("word_lists.yaml"))
_PAST: dict[str, str] = _DATA.pop("past")
LISTS = {name: frozenset(words) for name, words in _DATA.items()}
_PREFIXES = ("under", "over", "with", "fore", "out", "mis", "par", "re", "un", "be")
_THIRD = {"be": "is", "have": "has", "quiz": "quizzes"}
_AGENT = re.compile(r"(er|or|ist|ian|eer|ant|ess|ster|man|woman)$")


def is_person(noun: str) -> bool:
    """Whether a common noun is one for people (or a body of people), by a list and the endings of agents."""
    word = noun.lower()
    stem = word[:-2] + "an" if word.endswith("men") else word[:-3] + "y" if word.endswith("ies") else word
    stem = stem[:-1] if stem.endswith("s") and not stem.endswith("ss") else stem
    if word in LISTS["people"] or stem in LISTS["people"]:
        return True
    return stem not in LISTS["not_people"] and _AGENT.search(stem) is not None


def third_person(base: str) -> str:
    """Return the third person singular, present, of a verb's base form."""
    if base in _THIRD:
        return _THIRD[base]
    after_consonant = base[-2:-1] not in tuple("aeiou")
    if base.endswith("y") and after_consonant:
        return base[:-1] + "ies"
    hissing = base.endswith(("s", "x", "z", "ch", "sh")) or (base.endswith("o") and after_consonant)
    return base + ("es" if hissing else "s")


def past(participle: str) -> str:
    """Return the past tense of a verb, given its past participle."""
    if participle in _PAST:
        return _PAST[participle]
    for prefix in _PREFIXES:
        rest = participle.removeprefix(prefix)
        if rest != participle and rest in _PAST:
            return prefix + _PAST[rest]
    return participle


class Lemmas:
    """Base forms of verbs, from the tables of a spaCy lemmatiser; itself it would cost a quarter of the parse."""

    def __init__(self, nlp: Language):
        lemmatizer = cast(Lemmatizer, nlp.get_pipe("lemmatizer"))
        tables = {name: lemmatizer.lookups.get_table(f"lemma_{name}")["verb"] for name in ("index", "exc", "rules")}
        self._index = frozenset(tables["index"])
        self._exceptions: dict[str, list[str]] = tables["exc"]
        self._rules: list[tuple[str, str]] = tables["rules"]

    def base(self, form: str) -> str:
        """The base form of a verb; an unknown word is returned in lower case as it is."""
        form = form.lower()
        if form in self._exceptions:
            return self._exceptions[form][0]
        for old, new in self._rules:
            if form.endswith(old) and form != old and form[: len(form) - len(old)] + new in self._index:
                return form[: len(form) - len(old)] + new
        return form
