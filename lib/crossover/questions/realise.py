"""The question grammar: statements turned round, with do-support, agreement and passives made active."""

import re
import zlib
from collections.abc import Callable, Mapping

from crossover.questions.constituents import Lemmas, Part, past, phrase, third_person
from crossover.questions.frames import Frame

BLANK = "____"
_SLOT = re.compile(r"\{(\w+)\}")
_BE = {"is", "are", "was", "were", "am", "'s", "’s"}


class NoForm(Exception):
    """The frame has no such form; the template does not apply."""


class Realiser:
    """Writes the slots of one question without ``asked``; ``used`` holds the tokens written so far."""

    def __init__(self, frame: Frame, asked: Part | None, lemmas: Lemmas):
        self.frame, self._asked, self.lemmas = frame, asked, lemmas
        self.doc, self.verb = frame.sentence.doc, frame.verb
        self.used: list[int] = []
        self._instead = ""  # what stands in place of the part asked for

    @property
    def asked(self) -> Part:
        """The part that is left out; a statement turned round as a whole has none."""
        if self._asked is None:
            raise NoForm("asked")
        return self._asked

    def fill(self, wording: str, groups: Mapping[str, str]) -> str:
        """Return a template's wording with its slots written; the named ``groups`` of a pattern are slots too."""
        return _SLOT.sub(lambda match: groups.get(match[1]) or self.slot(match[1]), wording)

    def slot(self, name: str) -> str:
        if name in SLOTS:
            return SLOTS[name](self)
        part = self._asked if self._asked is not None and self._asked.role == name else self.frame.one(name)
        if part is None:
            raise NoForm(name)
        return self.write(part.indices)

    def write(self, indices: list[int]) -> str:
        self.used.extend(indices)
        return phrase(self.doc, indices)

    def _rest(self, groups: list[list[int]], verb: str | None = None) -> list[str]:
        """Token groups in order without what is asked for, the main verb in another form where one is given."""
        words, negations = [], {t.i for t in self.verb.children if t.dep_ == "neg"}
        for group in groups:
            if self._asked is not None and group == self._asked.whole:
                words.append(self._instead)
            elif group == [self.verb.i]:
                words.append(verb or self.verb.text)
                self.used.append(self.verb.i)
            elif group[0] not in negations:
                words.append(self.write(group))
        return words

    def inverted(self) -> str:
        frame, verb = self.frame, self.verb
        subject = frame.one("subject") or frame.one("expletive")
        if subject is None or subject is self._asked:
            raise NoForm("inverted")
        base = None
        if frame.auxiliaries:
            finite, form = frame.auxiliaries[0].i, frame.auxiliaries[0].lower_
        elif verb.lower_ in _BE:
            if not verb.text[0].isalpha():
                raise NoForm("inverted")
            finite, form = verb.i, verb.lower_
        else:  # do-support
            finite, form = None, {"VBZ": "does", "VBP": "do"}.get(verb.tag_, "did")
            base = self.lemmas.base(verb.text)
        words = [form, self.write(subject.indices), *self._rest([g for g in frame.between if g != [finite]], base)]
        return _join(words + self._rest(frame.after) + self._rest(frame.before))

    def predicate(self, agree: bool = True) -> str:
        frame, verb = self.frame, None
        inherited = [a.text for a in frame.auxiliaries if [a.i] not in frame.between]
        if agree and not frame.auxiliaries and self.verb.tag_ == "VBP" and self.verb.lower_ not in _BE:
            verb = third_person(self.lemmas.base(self.verb.text))
        text = _join(inherited + self._rest(frame.between, verb) + self._rest(frame.after) + self._rest(frame.before))
        return "has " + text[5:] if agree and text.startswith("have ") and frame.auxiliaries else text

    def active(self) -> str:
        frame, participle = self.frame, self.verb.lower_
        subject = frame.one("subject")
        if not frame.passive or subject is None:
            raise NoForm("active")
        match [a.lower_ for a in frame.auxiliaries]:
            case ["was" | "were"]:
                verb = past(participle)
            case ["is" | "are"]:
                verb = third_person(self.lemmas.base(participle))
            case ["has" | "have", "been"]:
                verb = f"has {participle}"
            case ["had", "been"]:
                verb = f"had {participle}"
            case [("can" | "will" | "must") as modal, "be"]:
                verb = f"{modal} {self.lemmas.base(participle)}"
            case _:
                raise NoForm("active")
        adverbs = [p.whole for p in frame.all("adverb") if p.whole in frame.between]
        particles = [p.whole for p in frame.all("particle")]
        taken = [[a.i] for a in frame.auxiliaries] + [[self.verb.i]] + adverbs + particles
        after = [g for g in frame.between + frame.after if g not in taken]
        words = [*self._rest(adverbs), verb, self.write(subject.indices), *map(self.write, particles)]
        return _join(words + self._rest(after) + self._rest(frame.before))

    def in_another_year(self) -> str:
        year = int(self.doc[self.asked.indices[0]].text)
        digest = zlib.crc32(self.frame.sentence.text.encode())
        shift = (2 + digest % 8) * (-1 if digest & 1024 else 1)
        self._instead = f"{self.asked.preposition} {year + shift}"
        return self.inverted()

    def stranded(self) -> str:
        self._instead = self.asked.preposition
        return self.inverted()

    def main_verb(self) -> str:
        if self.frame.auxiliaries or not self.verb.text[0].isalpha():
            raise NoForm("verb")
        return self.verb.lower_

    def be(self, tensed: bool) -> str:
        finite = [self.verb, *(c for c in self.verb.children if c.dep_ in ("aux", "auxpass"))]
        if tensed and any(token.tag_ == "VBD" for token in finite):
            return "were" if self.asked.plural else "was"
        return "are" if self.asked.plural else "is"

    def counted(self) -> str:
        # Of an object, what follows the noun stays in its place.
        asked, number = self.asked, set(self.asked.number)
        if not number or any(c.dep_ == "conj" for c in asked.head.children):
            raise NoForm("counted")
        last = asked.head.i
        words = [i for i in asked.indices if i not in number and (i > last or self.doc[i].tag_ not in ("DT", "PRP$"))]
        of = [child.right_edge.i for child in asked.head.children if child.lower_ == "of" and child.i == last + 1]
        last = asked.indices[-1] if asked.role in ("subject", "name") else max([last, *of])
        self._instead = self.write([i for i in words if i > last])
        return self.write([i for i in words if i <= last])

    def blanked(self) -> str:
        sentence, first, last = self.frame.sentence, self.asked.indices[0], self.asked.indices[-1]
        self.used.extend(i for i in range(sentence.start, sentence.end) if not first <= i <= last)
        blanked = self.doc[first : last + 1]
        start, end = blanked.start_char - sentence.start_char, blanked.end_char - sentence.start_char
        return sentence.text[:start] + BLANK + sentence.text[end:]


def _join(words: list[str]) -> str:
    return " ".join(word for word in words if word)


SLOTS: dict[str, Callable[[Realiser], str]] = {
    # Auxiliary, subject, verb and rest without what is asked for: "was Curie given the prize".
    "inverted": Realiser.inverted,
    "inverted_in_another_year": Realiser.in_another_year,  # a wrong year in its place
    "stranded": Realiser.stranded,  # its preposition left in its place: "did Curie work with in Paris"
    # Verb and rest without the subject, agreeing with *who* or *what*: "was given the prize in 1903".
    "predicate": Realiser.predicate,
    "predicate_as_is": lambda realiser: realiser.predicate(agree=False),  # with the verb form of the text
    "active": Realiser.active,  # a passive without its agent: "gave Curie the prize"
    "verb": Realiser.main_verb,
    # *is* or *are*, agreeing with the part asked for; "was" takes the tense of the sentence.
    "is": lambda realiser: realiser.be(tensed=False),
    "was": lambda realiser: realiser.be(tensed=True),
    "counted": Realiser.counted,  # the part asked for without its numeral: of "two prizes", "prizes"
    # The common noun before the name asked for: of "the chemist Curie", "chemist".
    "kind": lambda realiser: realiser.write(realiser.asked.kind),
    "preposition": lambda realiser: realiser.asked.preposition,
    "blanked": Realiser.blanked,  # the sentence with a blank for the part asked for
}
