"""Frames: what a template fits. A clause, an apposition, a bracket after a name, or the sentence."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from spacy.tokens import Span, Token

from crossover.questions.constituents import LISTS, NAMES, Part, trimmed, widened

_ACRONYM = re.compile(r"[A-Z][A-Z&]{1,7}")
_SMALL_WORDS = {"of", "and", "for", "the", "de", "van", "von", "-", "&", "'s"}


@dataclass(eq=False)
class Frame:
    """A clause, apposition, bracket or whole sentence with its parts by role; several may share a role (obliques).

    ``verb`` is the main verb of a clause, else the sentence's. ``before``, ``between`` and ``after`` are token groups
    of a clause: before the subject, from there to the main verb, after it.
    """

    kind: str
    sentence: Span
    parts: list[Part]
    verb: Token
    auxiliaries: list[Token] = field(default_factory=list)
    before: list[list[int]] = field(default_factory=list)
    between: list[list[int]] = field(default_factory=list)
    after: list[list[int]] = field(default_factory=list)
    negated: bool = False
    passive: bool = False

    @cached_property
    def roles(self) -> frozenset[str]:
        return frozenset(part.role for part in self.parts)

    def all(self, role: str) -> list[Part]:
        return [part for part in self.parts if part.role == role]

    def one(self, role: str) -> Part | None:
        return next(iter(self.all(role)), None)


def entities(sentence: Span) -> Frame:
    """Return the sentence as a frame with its names, dates and numbers, each once and whole."""
    reached, parts = sentence.start, []
    for entity in sentence.ents:
        first, last = widened(entity.root)
        longer = last < sentence.end and sentence.doc[last].lower_ == "of" and entity.label_ in ("PERSON", "ORG")
        if first >= reached and not longer:
            parts.append(Part("entity", entity.root, list(range(first, last))))
        reached = max(reached, last, entity.end)
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
    """Whether an acronym is made of a name's initials, small words counted or left out."""
    if not _ACRONYM.fullmatch(acronym):
        return False
    words = re.findall(r"[\w&]+", name)
    large = "".join(w[0] for w in words if w[0].isupper())
    return acronym in (large, "".join(w[0] for w in words if w.lower() != "the").upper())


# --- clauses ----------------------------------------------------------------------------------------------------------

_SUBJECTS = {"nsubj", "nsubjpass"}
_COMPLEMENTS = {"attr", "acomp", "oprd"}
_IGNORED = {"conj", "cc", "punct", "intj", "preconj"}


def clauses(sentence: Span) -> Iterator[Frame]:
    """Yield the statements of a sentence: its main clause, verbs coordinated with it, and relative clauses on names.

    A coordinated verb takes over the subject ("moved to Berlin and *became* a member"). Conditions, quotations,
    speculation (may, might, would) and clauses without a finite verb give nothing.
    """
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
    doc, auxiliaries, parts, subject = verb.doc, [], [], None
    groups: list[tuple[int, list[int]]] = [(verb.i, [verb.i])]
    negated = passive = False
    for child in verb.children:
        dep = child.dep_
        if dep in _SUBJECTS or dep == "expl":
            if antecedent is None and child.tag_ in ("WDT", "WP"):
                return None
            if antecedent is None:
                subject = Part("subject" if dep != "expl" else "expletive", child, trimmed(child))
        elif dep in ("aux", "auxpass"):
            if child.tag_ == "TO" or child.lower_ in LISTS["hedges"] or child.text.startswith(("'", "’")):
                return None
            auxiliaries.append(child)
            passive |= dep == "auxpass"
        elif dep == "neg":
            negated = True
            groups.append((child.i, [child.i]))
        elif dep == "advmod":
            if child.tag_ == "WRB":
                return None
            if child.lower_ not in LISTS["discourse"]:
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
            parts.extend(_parts(child, dep))
    if antecedent is not None:
        subject = antecedent
    elif subject is None and inherit is not None:
        subject = inherit.one("subject")
        if not auxiliaries and verb.tag_ in ("VBN", "VB"):
            auxiliaries, passive = inherit.auxiliaries, inherit.passive and verb.tag_ == "VBN"
    if subject is None or not subject.indices or _shares_its_object(verb):
        return None
    if not auxiliaries and verb.tag_ not in ("VBD", "VBZ", "VBP"):
        return None  # not finite
    own_subject = subject.head.head == verb
    if subject.role == "subject" and own_subject and subject.head.i > verb.i:
        return None  # "follows journalist X": the order is turned round
    if subject.role == "subject" and subject.head.tag_ in ("JJ", "JJR", "JJS", "DT", "RB"):
        return None  # "many went", "both died": of whom, an earlier sentence says
    if not parts and verb.lower_ in LISTS["empty"]:
        return None  # "but Link does not"
    if not all(p.indices for p in parts) or any(doc[p.indices[0]].lower_ in LISTS["none"] for p in (subject, *parts)):
        return None
    own = [a for a in auxiliaries if a.head == verb]
    if antecedent is None and own_subject and any(a.i < subject.head.i for a in own):
        return None  # "Nor can the landlord ...": turned round already
    groups += [(a.i, [a.i]) for a in own]
    # An adverb at the head of the sentence ("Originally, ...") goes before the verb.
    groups += [(verb.i if p.role == "adverb" and p.head.i < subject.head.i else p.whole[0], p.whole) for p in parts]
    groups.sort()
    tokens = [i for _, group in groups for i in group] + ([] if antecedent or inherit else subject.indices)
    if len(tokens) != len(set(tokens)):
        return None  # the parse is entangled
    # The subject's place among the verb's own tokens; a borrowed subject stands before them all.
    start = subject.head.i if antecedent is None and own_subject else verb.left_edge.i
    return Frame(
        "clause", sentence, [subject, *parts], verb, list(auxiliaries),
        before=[g for i, g in groups if i < start],
        between=[g for i, g in groups if start <= i <= verb.i],
        after=[g for i, g in groups if i > verb.i],
        negated=negated, passive=passive,
    )  # fmt: skip


def _shares_its_object(verb: Token) -> bool:
    """Whether verbs stand side by side ("designed and built"): neither alone has all its parts."""
    for child in verb.children:
        if child.dep_ == "conj" and child.i - verb.i <= 3 and child.tag_.startswith("VB"):
            before = {c.dep_ for c in verb.children if c.i < child.i}
            if before.isdisjoint(("dobj", "prep", "attr", "acomp", "agent", "npadvmod")):
                return True
    return verb.dep_ == "conj" and verb.i - verb.head.i <= 2


def _parts(child: Token, dep: str) -> list[Part]:
    """The parts that a dependent of a verb gives: one, or two where a date has been hung on the noun before it."""
    if dep == "dobj" or dep in _COMPLEMENTS:
        return _with_date("object" if dep == "dobj" else "complement", child)
    if dep == "dative" and child.tag_ != "IN":
        return [Part("recipient", child, trimmed(child))]
    if dep in ("prep", "agent", "dative"):
        inner = next((c for c in child.children if c.dep_ == "pobj"), None)
        whole = trimmed(child)
        if whole and child.doc[whole[0] : whole[-1] + 1].text.lower() in LISTS["asides"]:
            return []
        if inner is None or any(c.dep_ == "conj" for c in child.children) or inner.i < child.i:
            return [Part("clausal", child, whole)]
        lead = [i for i in whole if i < inner.left_edge.i]
        first, *date = _with_date("agent" if dep == "agent" else "oblique", inner)
        if not date:  # "from 1942 to 1944": what follows belongs to the phrase
            first.indices = [i for i in whole if i > lead[-1]]
        first.whole = lead + first.indices
        first.preposition = " ".join(child.doc[i].lower_ for i in lead)
        return [first, *date]
    if dep == "npadvmod":
        set_off = child.left_edge.i > 0 and child.doc[child.left_edge.i - 1].text == ","
        dated = child.ent_type_ in ("DATE", "TIME")
        return [] if set_off and not dated else [Part("oblique", child, trimmed(child))]
    if dep == "prt":
        return [Part("particle", child, [child.i])]
    return [Part("clausal", child, trimmed(child))]


def _with_date(role: str, head: Token) -> list[Part]:
    """Return the part of ``head``, and as an oblique the date at its right edge ("won the prize | in 1903")."""
    indices, token = trimmed(head), head
    while following := [c for c in token.rights if c.dep_ in ("prep", "pobj") and c.i in indices]:
        token = following[-1]
        noun, date = token.head, next((c for c in token.children if c.dep_ == "pobj"), None)
        dated = token.lower_ in ("in", "on") and date is not None and date.ent_type_ == "DATE"
        # The date belongs to the noun in "the World Cup in 1998" after a preposition.
        of_noun = noun.ent_type_ == "DATE" or (noun.ent_type_ in ("EVENT", "WORK_OF_ART") and noun.dep_ == "pobj")
        if date is not None and dated and token.right_edge.i == indices[-1] and not of_noun:
            tail = [i for i in indices if i >= token.i]
            return [
                Part(role, head, [i for i in indices if i < token.i]),
                Part("oblique", date, tail[1:], tail, token.lower_),
            ]
    return [Part(role, head, indices)]


def _antecedent(verb: Token, made: dict[int, Frame]) -> Part | None:
    """The subject that a relative clause with a subject pronoun describes, where that is a name."""
    pronoun = next((c for c in verb.children if c.dep_ in _SUBJECTS), None)
    noun = verb.head
    if pronoun is None or pronoun.lower_ not in ("who", "which", "that"):
        return None
    # "X was a physicist who won ...": what is said of the physicist is said of X.
    outer = made.get(noun.head.i) if noun.dep_ == "attr" else None
    subject = outer.one("subject") if outer is not None and not outer.negated else None
    if subject is not None:
        return subject if subject.name is not None and not subject.plural else None
    part = Part("subject", noun, trimmed(noun))
    set_off = verb.left_edge.i > 0 and verb.doc[verb.left_edge.i - 1].lower_ == ","
    return part if part.indices and part.name is not None and set_off else None
