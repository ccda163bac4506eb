"""What a parsed sentence offers to question templates: clauses, appositions, brackets and entities, as named parts.

A *frame* is a small structure found in the dependency parse; its *parts* (subject, object, oblique, ...) are noun
phrases and the like, trimmed of what a question would not repeat (appositions, brackets, non-restrictive clauses). A
template states conditions on parts and never sees the parse itself. Labels are those of spaCy's English models:
CLEAR dependencies, Penn Treebank tags, OntoNotes entity types.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from spacy.tokens import Doc, Span, Token

from crossover.lexicon import PLACES

#: Entity types that are names.
_NAMES = {"PERSON", "GPE", "LOC", "FAC", "ORG", "PRODUCT", "WORK_OF_ART", "EVENT", "NORP", "LAW", "LANGUAGE"}
_SUBJECTS = {"nsubj", "nsubjpass"}
_COMPLEMENTS = {"attr", "acomp", "oprd"}
_IGNORED = {"conj", "cc", "punct", "intj", "preconj"}
_DISCOURSE = {
    "also", "however", "therefore", "thus", "then", "later", "still", "instead", "meanwhile", "moreover", "too",
    "furthermore", "additionally", "consequently", "hence", "nevertheless", "nonetheless", "afterwards", "finally",
    "subsequently", "here", "there", "indeed", "again", "eventually", "already", "today", "now", "even", "famously",
}  # fmt: skip
_ASIDES = {
    "for example", "for instance", "in fact", "by contrast", "in contrast", "in particular", "in addition", "of course",
    "in general", "as such", "at least", "on the other hand", "as well", "in turn", "as a result", "in practice",
    "in recent times", "in recent years", "at first", "at last", "after that", "since then", "by then", "in other words",
}  # fmt: skip
_HEDGES = {"may", "might", "could", "would", "should", "can't", "ca", "wo", "sha", "'d", "’d", "'ll", "’ll"}
_EMPTY = {"is", "are", "was", "were", "do", "does", "did", "have", "has", "had", "be"}
_NONE = {"no", "none", "neither", "nobody", "nothing", "few", "little"}
_INSIDE = 1  # Token.ent_iob of a token that continues an entity
_ACRONYM = re.compile(r"[A-Z][A-Z&]{1,7}")


@dataclass(eq=False)
class Part:
    """One constituent of a frame.

    Attributes
    ----------
    role : str
        ``subject``, ``object``, ``recipient``, ``complement``, ``agent``, ``oblique``, ``adverb``, ``clausal``,
        ``particle``; ``name`` and ``description`` of an apposition or bracket; ``entity`` of a sentence.
    head : Token
        The head of the noun phrase (without the preposition).
    indices : list of int
        Tokens of the noun phrase that a question repeats, in order.
    whole : list of int
        The same with the preposition; what disappears from the clause when the part is asked for.
    preposition : str
        In lower case, ``""`` where there is none.
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
            if child.dep_ == "appos" and child.left_edge.i == self.head.i + 1 and child.ent_type_ in _NAMES:
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
        if self.entity in _NAMES:
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
        if label not in _NAMES:
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
        if name is None or self.entity not in _NAMES:
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
    while doc[start].ent_iob == _INSIDE:
        start -= 1
    while end < len(doc) and doc[end].ent_iob == _INSIDE:
        end += 1
    if token.ent_type_ in _NAMES:
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


@dataclass(eq=False)
class Frame:
    """A structure in a sentence with its parts by role; several parts may share a role (obliques).

    Attributes
    ----------
    kind : str
        ``clause``, ``apposition``, ``bracket`` or ``sentence``.
    sentence : Span
    parts : list of Part
    verb : Token or None
        The main verb of a clause; of an apposition the verb of its sentence, for the tense.
    auxiliaries : list of Token
        In order; empty for a simple tense.
    before, between, after : list of list of int
        Token groups of a clause: before the subject; from the subject to the main verb; after the main verb.
    negated, passive : bool
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
    def roles(self) -> set[str]:
        """The roles that are filled."""
        return {part.role for part in self.parts}

    def all(self, role: str) -> list[Part]:
        """Return the parts of a role, in order."""
        return [part for part in self.parts if part.role == role]

    def one(self, role: str) -> Part | None:
        """Return the first part of a role, or ``None``."""
        return next((part for part in self.parts if part.role == role), None)


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
    named = token.tag_ in ("NNP", "NNPS") or token.ent_type_ == "NORP" or token.ent_iob == _INSIDE
    starts_name = token.ent_type_ in _NAMES and token.i + 1 < len(token.doc) and token.nbor().ent_iob == _INSIDE
    return text if named or starts_name else text.lower()


def frames(sentence: Span) -> Iterator[Frame]:
    """Yield every frame of a parsed sentence, clauses first."""
    yield from clauses(sentence)
    yield from appositions(sentence)
    yield from brackets(sentence)
    yield Frame("sentence", sentence, list(_entities(sentence)), sentence.root)


def _entities(sentence: Span) -> Iterator[Part]:
    """The names, dates and numbers of a sentence, each once and whole."""
    reached = sentence.start
    for entity in sentence.ents:
        first, last = widened(entity.root)
        longer = (
            last < sentence.end and sentence.doc[last].lower_ == "of" and entity.root.ent_type_ in ("PERSON", "ORG")
        )
        if first >= reached and not longer:
            yield Part("entity", entity.root, list(range(first, last)))
        reached = max(reached, last)


# --- clauses ----------------------------------------------------------------------------------------------------------


def clauses(sentence: Span) -> Iterator[Frame]:
    """Yield the statements of a sentence: its main clause, verbs coordinated with it, and relative clauses on names.

    A coordinated verb takes over the subject ("moved to Berlin and *became* a member"); a relative clause is read with
    what it describes as its subject. Conditions, questions, quotations, speculation (may, might, would) and clauses
    without a finite verb give nothing.
    """
    if sentence.text.rstrip().endswith("?"):
        return
    root = sentence.root
    made: dict[int, Frame] = {}
    for token in sentence:
        if not token.tag_.startswith("VB"):
            continue
        if token == root:
            frame = _clause(token, sentence)
        elif token.dep_ == "conj" and token.head.i in made:
            frame = _clause(token, sentence, inherit=made[token.head.i])
        elif token.dep_ == "relcl" and (antecedent := _antecedent(token, made)) is not None:
            frame = _clause(token, sentence, antecedent=antecedent)
        else:
            continue
        if frame is not None:
            made[token.i] = frame
    yield from made.values()


def _clause(verb: Token, sentence: Span, inherit: Frame | None = None, antecedent: Part | None = None) -> Frame | None:
    doc = verb.doc
    auxiliaries: list[Token] = []
    parts: list[Part] = []
    groups: list[tuple[int, list[int]]] = [(verb.i, [verb.i])]
    negated = passive = False
    subject: Part | None = None
    for child in verb.children:
        dep = child.dep_
        if dep in _SUBJECTS or dep == "expl":
            if antecedent is None and child.tag_ in ("WDT", "WP"):
                return None
            if antecedent is None:
                subject = Part("subject" if dep != "expl" else "expletive", child, trimmed(child))
        elif dep in ("aux", "auxpass"):
            if child.tag_ == "TO" or child.lower_ in _HEDGES or child.text.startswith(("'", "’")):
                return None
            auxiliaries.append(child)
            passive |= dep == "auxpass"
        elif dep == "neg":
            negated = True
            groups.append((child.i, [child.i]))
        elif dep == "advmod":
            if child.tag_ == "WRB":
                return None
            if child.lower_ not in _DISCOURSE:
                parts.append(Part("adverb", child, trimmed(child)))
        elif dep in ("csubj", "csubjpass", "dep", "parataxis", "meta", "nmod", "mark"):
            if dep != "mark" or antecedent is None:
                return None
        elif dep == "advcl":
            if any(c.dep_ == "mark" and c.lower_ in ("if", "unless") for c in child.children):
                return None
            if child.left_edge.i > verb.i and doc[child.left_edge.i - 1].lower_ != ",":
                parts.append(Part("clausal", child, trimmed(child)))
        elif dep not in _IGNORED:
            found = _parts(child, dep)
            if found is None:
                return None
            parts.extend(found)
    if antecedent is not None:
        subject = antecedent
    elif subject is None and inherit is not None:
        subject = inherit.one("subject")
        if not auxiliaries and (verb.tag_ == "VBN" or verb.tag_ == "VB"):
            auxiliaries, passive = inherit.auxiliaries, inherit.passive and verb.tag_ == "VBN"
    if subject is not None and subject.role == "subject" and subject.head.head == verb and subject.head.i > verb.i:
        return None  # "follows journalist X": the order is turned round
    if not parts and verb.lower_ in _EMPTY:
        return None  # "but Link does not"
    if subject is None or not subject.indices or not _finite(verb, auxiliaries) or _shares_its_object(verb):
        return None
    if not all(p.indices for p in parts) or any(doc[p.indices[0]].lower_ in _NONE for p in (subject, *parts)):
        return None
    own = [a for a in auxiliaries if a.head == verb]
    if antecedent is None and subject.head.head == verb and any(a.i < subject.head.i for a in own):
        return None  # "Nor can the landlord ...": turned round already
    groups += [(a.i, [a.i]) for a in own]
    # An adverb at the head of the sentence ("Originally, ...") goes before the verb.
    groups += [(verb.i if p.role == "adverb" and p.head.i < subject.head.i else p.whole[0], p.whole) for p in parts]
    groups.sort()
    tokens = [i for _, group in groups for i in group] + ([] if antecedent or inherit else subject.indices)
    if len(tokens) != len(set(tokens)):
        return None  # the parse is entangled
    start = _subject_place(subject, verb, antecedent, inherit)
    return Frame(
        "clause", sentence, [subject, *parts], verb, list(auxiliaries),
        before=[g for i, g in groups if i < start],
        between=[g for i, g in groups if start <= i <= verb.i],
        after=[g for i, g in groups if i > verb.i],
        negated=negated, passive=passive,
    )  # fmt: skip


def _subject_place(subject: Part, verb: Token, antecedent: Part | None, inherit: Frame | None) -> int:
    """Where the subject stands among the verb's own tokens; a borrowed subject stands before them all."""
    borrowed = antecedent is not None or subject.head.head != verb
    return verb.left_edge.i if borrowed else subject.head.i


def _finite(verb: Token, auxiliaries: list[Token]) -> bool:
    return bool(auxiliaries) or verb.tag_ in ("VBD", "VBZ", "VBP")


def _shares_its_object(verb: Token) -> bool:
    """Whether verbs stand side by side ("designed and built"): neither alone has all its parts."""
    for child in verb.children:
        if (
            child.dep_ == "conj"
            and child.i - verb.i <= 3
            and child.tag_.startswith("VB")
            and not any(
                c.dep_ in ("dobj", "prep", "attr", "acomp", "agent", "npadvmod") for c in verb.children if c.i < child.i
            )
        ):
            return True
    head = verb.head
    return verb.dep_ == "conj" and verb.i - head.i <= 2


def _parts(child: Token, dep: str) -> list[Part] | None:
    """The parts that a dependent of a verb gives: one, or two where a date has been hung on the noun before it."""
    if dep == "dobj":
        return _with_date("object", child)
    if dep == "dative" and child.tag_ != "IN":
        return [Part("recipient", child, trimmed(child))]
    if dep in _COMPLEMENTS:
        return _with_date("complement", child)
    if dep in ("prep", "agent", "dative"):
        inner = next((c for c in child.children if c.dep_ == "pobj"), None)
        whole = trimmed(child)
        if whole and child.doc[whole[0] : whole[-1] + 1].text.lower() in _ASIDES:
            return []
        if inner is None or any(c.dep_ == "conj" for c in child.children) or inner.i < child.i:
            return [Part("clausal", child, whole)]
        role = "agent" if dep == "agent" else "oblique"
        lead = [i for i in whole if i < inner.left_edge.i]
        words = " ".join(child.doc[i].lower_ for i in lead)
        pieces = _with_date(role, inner)
        if len(pieces) == 1:
            # "from 1942 to 1944": what follows belongs to the phrase.
            pieces[0].indices = [i for i in whole if i > lead[-1]]
        pieces[0].whole = lead + pieces[0].indices
        pieces[0].preposition = words
        return pieces
    if dep == "npadvmod":
        set_off = child.left_edge.i > 0 and child.doc[child.left_edge.i - 1].text == ","
        dated = child.ent_type_ in ("DATE", "TIME")
        return [] if set_off and not dated else [Part("oblique", child, trimmed(child))]
    if dep == "prt":
        return [Part("particle", child, [child.i])]
    return [Part("clausal", child, trimmed(child))]


def _with_date(role: str, head: Token) -> list[Part]:
    """Return the part of ``head``; a date at its right edge ("won the prize | in 1903") becomes an oblique of its own."""
    indices = trimmed(head)
    token = head
    while True:
        last = next(reversed([c for c in token.rights if c.dep_ in ("prep", "pobj") and c.i in set(indices)]), None)
        if last is None:
            return [Part(role, head, indices)]
        date = next((c for c in last.children if c.dep_ == "pobj"), None)
        if (
            (
                last.lower_ in ("in", "on")
                and date is not None
                and date.ent_type_ == "DATE"
                and last.right_edge.i == indices[-1]
            )
            and last.head.ent_type_ != "DATE"
            and not _during(last.head)
        ):
            tail = [i for i in indices if i >= last.i]
            return [
                Part(role, head, [i for i in indices if i < last.i]),
                Part("oblique", date, [i for i in tail if i > last.i], tail, last.lower_),
            ]
        token = last


def _during(noun: Token) -> bool:
    """Whether a date rather belongs to the noun: "the World Cup in 1998" after "of" or with a definite event."""
    return noun.ent_type_ in ("EVENT", "WORK_OF_ART") and noun.dep_ == "pobj"


def _antecedent(verb: Token, made: dict[int, Frame]) -> Part | None:
    """The subject that a relative clause with a subject pronoun describes, where that is a name."""
    pronoun = next((c for c in verb.children if c.dep_ in _SUBJECTS), None)
    noun = verb.head
    if pronoun is None or pronoun.lower_ not in ("who", "which", "that"):
        return None
    # "X was a physicist who won ...": what is said of the physicist is said of X.
    outer = made.get(noun.head.i) if noun.dep_ == "attr" else None
    if outer is not None and outer.verb is not None and outer.one("subject") is not None and not outer.negated:
        if outer.one("subject").name is not None and not outer.one("subject").plural:
            return outer.one("subject")
        return None
    part = Part("subject", noun, trimmed(noun))
    if not part.indices:
        return None
    set_off = verb.left_edge.i > 0 and verb.doc[verb.left_edge.i - 1].lower_ == ","
    return part if part.name is not None and set_off else None


# --- noun phrases -----------------------------------------------------------------------------------------------------

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
            if set_off and not joined and doc[edge].ent_iob != _INSIDE:
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


def appositions(sentence: Span) -> Iterator[Frame]:
    """Yield name and description of each apposition set off by commas, whichever of the two comes first."""
    for token in sentence:
        if token.dep_ != "appos" or token.left_edge.i == sentence.start:
            continue
        if sentence.doc[token.left_edge.i - 1].text != ",":
            continue
        first, second = token.head, token
        if first.ent_type_ in _NAMES and not second.ent_type_ and second.tag_ in ("NN", "NNS"):
            name, description = first, second
        elif second.ent_type_ in _NAMES and not first.ent_type_ and first.tag_ in ("NN", "NNS"):
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
