"""Question templates: conditions on sentence parts and wordings, of ``templates.yaml``, whose head explains them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from crossover.paths import read_yaml
from crossover.questions.constituents import Lemmas, Part, is_person
from crossover.questions.frames import Frame, spells
from crossover.questions.realise import NoForm, Realiser

FILE = Path(__file__).with_name("templates.yaml")
Type = Literal["who", "what", "when", "where", "how many", "which", "yes-no", "cloze"]
Kind = Literal["clause", "apposition", "bracket", "sentence"]
Words = Annotated[list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]
_NUMERAL_STOP = re.compile(r"\b[IVX]+\.$")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PartCondition(_Strict):
    """Conditions on a part, all of which have to hold.

    ``entity`` is the head's OntoNotes type or ``none``, ``word`` the head in lower case, ``tag`` its Penn Treebank tag.
    ``kind`` asks for a common noun before the name, ``number`` for a numeral, ``person`` for a common noun for people.
    Patterns are searched in the part's text without its preposition.
    """

    entity: Words = []
    not_entity: Words = []
    preposition: Words = []
    word: Words = []
    not_word: Words = []
    tag: Words = []
    not_tag: Words = []
    determiner: Words = []
    plural: bool | None = None
    kind: bool | None = None
    number: bool | None = None
    person: bool | None = None
    pattern: re.Pattern[str] | None = None
    not_pattern: re.Pattern[str] | None = None
    most_words: int | None = None

    def match(self, part: Part) -> re.Match[str] | None:
        """What the pattern, if there is one, finds in a part."""
        return self.pattern.search(text_of(part)) if self.pattern else None

    def holds(self, part: Part) -> bool:
        word, tag = part.head.lower_, part.head.tag_
        return (
            _among(part.entity, self.entity, self.not_entity)
            and _among(word, self.word, self.not_word)
            and _among(tag, self.tag, self.not_tag)
            and (not self.preposition or part.preposition in self.preposition)
            and (not self.determiner or part.determiner in self.determiner)
            and (self.plural is None or part.plural == self.plural)
            and (self.kind is None or bool(part.kind) == self.kind)
            and (self.number is None or bool(part.number) == self.number)
            and (self.person is None or is_person(word) == self.person)
            and (self.most_words is None or len(part.indices) <= self.most_words)
            and (self.pattern is None or self.match(part) is not None)
            and (self.not_pattern is None or self.not_pattern.search(text_of(part)) is None)
        )


def _among(value: str, wanted: list[str], unwanted: list[str]) -> bool:
    return (not wanted or value in wanted) and value not in unwanted


class VerbCondition(_Strict):
    """Conditions on the main verb: base forms, voice."""

    lemma: Words = []
    not_lemma: Words = []
    passive: bool | None = None


class Example(_Strict):
    """A sentence with the one question that the template makes of it, or with none."""

    text: str
    question: str | None = None
    answer: str | None = None


class Template(_Strict):
    """One template of the data file.

    ``where`` holds the roles that are needed and their conditions, ``without`` those that must not be there, ``ask``
    the role that is asked for. ``spelt`` brackets hold the name's initials. ``answer`` is ``part`` (the name, or else
    the phrase), ``phrase`` (with its preposition), ``number``, ``name``, ``yes``, ``no``, or a named group of the asked
    pattern.
    """

    id: str
    type: Type
    frame: Kind = "clause"
    where: dict[str, PartCondition] = {}
    verb: VerbCondition = VerbCondition()
    without: Words = []
    negated: bool = False
    spelt: bool = False
    ask: str
    answer: str = "part"
    question: str
    examples: list[Example] = Field(min_length=2)

    @cached_property
    def roles(self) -> frozenset[str]:
        return frozenset(self.where) | {self.ask}


@dataclass(frozen=True)
class Draft:
    """A question that a template has made, not yet checked; ``used`` are the tokens of the text that it repeats."""

    template: Template
    question: str
    answer: str
    start: int
    end: int
    entity: str
    asked: Part
    used: list[int]
    frame: Frame


def text_of(part: Part) -> str:
    """Return a part's text as it stands in the document, from its first token to its last."""
    doc = part.head.doc
    return doc[part.indices[0] : part.indices[-1] + 1].text


def load_templates() -> list[Template]:
    """Read and check the file of templates."""
    entries = read_yaml(FILE)["templates"]
    return [Template.model_validate(entry) for entry in entries]


def fits(template: Template, frame: Frame) -> bool:
    """Whether a frame is of the kind and has the parts and the voice that a template asks for, whatever the words."""
    passive = template.verb.passive
    return (
        frame.kind == template.frame
        and frame.negated == template.negated
        and template.roles <= frame.roles
        and frame.roles.isdisjoint(template.without)
        and (passive is None or frame.passive == passive)
    )


def drafts(template: Template, frame: Frame, lemmas: Lemmas) -> Iterator[Draft]:
    """Yield the questions that a template makes of a frame that it fits, one for each part that it may ask for."""
    verb = template.verb
    if (verb.lemma or verb.not_lemma) and not _among(lemmas.base(frame.verb.text), verb.lemma, verb.not_lemma):
        return
    for role, condition in template.where.items():
        if role != template.ask and not any(condition.holds(part) for part in frame.all(role)):
            return
    if template.spelt and not spells(*(text_of(part) for role in ("description", "name") for part in frame.all(role))):
        return
    condition = template.where.get(template.ask, PartCondition())
    for part in frame.all(template.ask):
        match = condition.match(part)
        if not condition.holds(part) or (found := _answer(template, frame, part, match)) is None:
            continue
        realiser = Realiser(frame, None if template.answer == "yes" or template.negated else part, lemmas)
        try:
            question = realiser.fill(template.question, match.groupdict() if match else {})
        except NoForm:
            continue
        answer, start, end, entity = found
        question = question[:1].upper() + question[1:]
        yield Draft(template, question, answer, start, end, entity, part, realiser.used, frame)


def _answer(
    template: Template, frame: Frame, part: Part, match: re.Match[str] | None
) -> tuple[str, int, int, str] | None:
    """The answer with its first and last character in the document and its entity type, or ``None``."""
    doc, sentence = part.head.doc, frame.sentence
    if template.answer in ("yes", "no"):
        return template.answer, sentence.start_char, sentence.end_char, "none"
    if match is not None and template.answer not in ("part", "phrase", "number", "name"):
        start, end = (doc[part.indices[0]].idx + place for place in match.span(template.answer))
        span = doc.char_span(start, end, alignment_mode="expand")
        return match[template.answer], start, end, (span.root.ent_type_ if span else "") or "none"
    entity = part.entity
    if template.answer == "number":
        indices, entity = part.number, "CARDINAL"
    elif template.answer == "name" or (template.answer == "part" and part.name is not None and part.role != "entity"):
        indices = list(range(part.name.start, part.name.end)) if part.name is not None else []
    else:
        indices = part.whole if template.answer == "phrase" else part.indices
    # An answer is a span: what was cut from the middle of a phrase ends it.
    run = [i for place, i in enumerate(indices) if i == indices[0] + place]
    if not run or (run != indices and part.head.i not in run):
        return None
    span = doc[run[0] : run[-1] + 1]
    # The tokeniser leaves a full stop on "World War I.".
    text = span.text[:-1] if _NUMERAL_STOP.search(span.text) and span.end == sentence.end else span.text
    return text, span.start_char, span.start_char + len(text), entity
