"""The plan behind a word problem (people, item, one operation, its quantities), and its English in many wordings."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

from crossover.paths import read_yaml
from crossover.tasks.base import held_out

LEXICON = read_yaml(Path(__file__).with_name("wording.yaml"))
OPERATOR = {"gain": "+", "lose": "-", "halve": "/", "more": "+", "fewer": "-"}
OPERATOR |= {"times": "*", "share": "/", "pack": "/", "price": "*", "groups": "*"}
#: Operations that compare with a second person.
SHIFTS = ("more", "fewer", "times")


@dataclass(frozen=True)
class Story:
    """The structure of a word problem; hashable, and equal for two wordings of one problem."""

    family: str
    names: tuple[str, ...]  #: the first person, and the newcomer of a comparison
    item: str
    start: int
    kind: str
    event: int  #: which of the family's events tells the operation
    operand: int
    hidden: str | None = None  #: the quantity that an unanswerable question leaves out, whose value is a guess


class Calculation(NamedTuple):
    """One line of a chain, ``a op b = c``."""

    a: int
    op: str
    b: int
    c: int


def calculate(story: Story, op: str | None = None, offset: int = 0) -> Calculation:
    """Work out a story; in a wrong chain ``op`` replaces the operator, ``offset`` is added to the result."""
    a, op, b = story.start, op or OPERATOR[story.kind], story.operand
    return Calculation(a, op, b, {"+": a + b, "-": a - b, "*": a * b, "/": a // b}[op] + offset)


def events(family: str, kind: str) -> int:
    """The number of events that tell an operation in a family."""
    if kind in (*SHIFTS, "price"):
        return 1
    return len(LEXICON["families"][family].get(kind, ()))


@cache
def kinds(family: str) -> tuple[str, ...]:
    """The operations of a family."""
    priced = "price" in LEXICON["families"][family]
    return tuple(k for k in OPERATOR if events(family, k) and (k != "price" or priced))


def operands(kind: str, value: int) -> Sequence[int]:
    """The operands that an operation may take at a value; results stay whole, small and at least 2."""
    if kind in ("share", "pack"):
        return [k for k in range(2, 10) if value % k == 0 and value // k >= 2]
    if kind == "halve":
        return (2,) if value % 2 == 0 and value >= 4 else ()
    most = {"gain": 20, "groups": 9, "more": 12, "lose": min(20, value - 2), "fewer": min(12, value - 2)}
    most |= {"times": min(5, 100 // value), "price": min(9, 150 // value)}
    return range(2, most[kind] + 1)


def starts(kind: str) -> range:
    """The first quantities of a story with this operation."""
    return range(2, 10) if kind == "groups" else range(4, 25)


def allowed(story: Story) -> bool:
    """Whether both quantities of a story are ones that :func:`starts` and :func:`operands` allow."""
    return story.start in starts(story.kind) and story.operand in operands(story.kind, story.start)


def quantities(story: Story, rng: random.Random) -> Story:
    """Redraw both quantities of a story."""
    while True:
        start = rng.choice(starts(story.kind))
        if choices := operands(story.kind, start):
            return replace(story, start=start, operand=rng.choice(choices))


def cast(story: Story, rng: random.Random) -> Story:
    """Redraw people and item of a story."""
    people = 1 + (story.kind in SHIFTS)
    # One name more than needed is drawn: the published problems had a place for it.
    names = rng.sample(LEXICON["names"]["she"] + LEXICON["names"]["he"], people + 1)[:people]
    return replace(story, names=tuple(names), item=rng.choice(LEXICON["families"][story.family]["items"]))


def draw(rng: random.Random) -> Story:
    """Draw a story from the whole distribution: family, operation, event, people, item and quantities."""
    family = rng.choice(list(LEXICON["families"]))
    kind = rng.choice(kinds(family))
    bare = Story(family, (), "", 0, kind, rng.randrange(events(family, kind)), 0)
    return quantities(cast(bare, rng), rng)


def is_test(story: Story) -> bool:
    """Whether a story belongs to the test side, by family, operation and quantities, in whatever words."""
    return held_out(f"{story.family} {story.start} {story.kind}:{story.operand}")


# --- wording ----------------------------------------------------------------------------------------------------------

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_SPAN = re.compile(r"\b(day|week|month|season|round|time)s?\b")
_VERB = re.compile(r"\[([^\]]+)\]")


@cache
def past(verb: str) -> str:
    """The past of a verb in the third person: "carried" of "carries"."""
    irregular = LEXICON["past"]
    if verb in irregular:
        return irregular[verb]
    if verb.endswith("ies"):
        return verb[:-3] + "ied"
    stem = verb[:-2] if re.search(r"(sh|ch|ss|x|zz)es$", verb) else verb.removesuffix("s")
    return stem + ("d" if stem.endswith("e") else "ed")


@cache
def plural(noun: str) -> str:
    """The plural of a noun: "slices of pizza" of "slice of pizza"."""
    head, sep, rest = noun.partition(" of ")
    first, last = head[: head.rfind(" ") + 1], head[head.rfind(" ") + 1 :]
    if last in (irregular := LEXICON["plurals"]):
        last = irregular[last]
    elif re.search(r"(s|x|ch|sh)$", last):
        last += "es"
    elif re.search(r"[^aeiou]y$", last):
        last = last[:-1] + "ies"
    else:
        last += "s"
    return first + last + sep + rest


@cache
def _pronoun(name: str) -> str:
    return "she" if name in LEXICON["names"]["she"] else "he"


class _Teller:
    """Tells one story once: holds the tense, the random choices, and who has been named so far."""

    def __init__(self, story: Story, rng: random.Random, words: float) -> None:
        self.story, self.rng, self.pick, self.words = story, rng, rng.choice, words
        self.family = LEXICON["families"][story.family]
        self.own, self.have = self.family.get("own", ("has", "have"))
        self.holder = story.names[-1]
        self.told_in_past = rng.random() < 0.5
        self.named: set[str] = set()
        self.subject: str | None = None

    def number(self, value: int) -> str:
        """A quantity in digits, or in a word where it is at most twelve."""
        return WORDS[value] if value <= 12 and self.rng.random() < self.words else str(value)

    def fill(self, template: str, **fields: str) -> str:
        """Put fields into a template, set its verbs in the tense, and begin it with a capital."""
        text = template.format(**fields)
        text = _VERB.sub(lambda m: past(m[1]) if self.told_in_past else m[1], text)
        return text[:1].upper() + text[1:]

    def who(self, name: str, chance: float = 0.7) -> str:
        """A person's name, or the pronoun where they were the last subject and nobody else named shares it."""
        rivals = any(_pronoun(other) == _pronoun(name) for other in self.named if other != name)
        if self.subject == name and not rivals and self.rng.random() < chance:
            return _pronoun(name)
        self.subject = name
        self.named.add(name)
        return name

    def nouns(self) -> dict[str, str]:
        """The nouns that the story's wordings can need."""
        story, items = self.story, plural(self.story.item)
        nouns = {"item": story.item, "items": items, "unit": story.item, "units": items}
        nouns |= {"has": self.own, "have": self.have}
        if story.kind == "pack":
            box = self.family["pack"][story.event]
            nouns |= {"box": box, "boxes": plural(box)}
        if story.kind == "share":
            prep, _, other = self.family["share"][story.event].rpartition(" ")
            nouns |= {"prep": prep, "other": other, "others": plural(other)}
        return nouns

    def start(self) -> dict[str, str]:
        """The words for the first quantity, or vague ones where the story hides it."""
        return {"n": self.vague()[1] if self.story.hidden == "start" else self.number(self.story.start)}

    def operand(self) -> dict[str, str]:
        """The words for the second quantity, or vague ones where the story hides it."""
        if self.story.hidden == "operand":
            return {"k": self.vague()[0], "d": "some money"}
        value = self.story.operand
        money = self.pick([f"${value}", f"{self.number(value)} dollars"])
        times = "twice" if value == 2 else f"{self.number(value)} times"
        return {"k": self.number(value), "d": money, "times": times}

    def vague(self) -> tuple[str, str]:
        """Words for an operand and for a start that are not told."""
        operand = self.pick(["several", "a few"])
        return operand, "several" if self.story.kind == "groups" else self.pick(["some", "several", "a few"])

    def wordings(self, role: str) -> list[str]:
        """The verb phrases of the operation (``vp``), or the ways to ask for its result (``ask``)."""
        kind, family = self.story.kind, self.family
        if kind == "share":
            place = " " in family["share"][self.story.event]
            return family.get(f"share_{role}") or LEXICON["share_places" if place else "share_people"][role]
        if kind == "pack":
            return family.get(f"pack_{role}") or LEXICON[f"pack_{role}"]
        if kind == "price":
            return LEXICON["price"][family["price"]][role]
        if role == "vp":
            return family[kind][self.story.event]
        return family.get("asks") or LEXICON["asks_left" if kind in ("lose", "halve") else "asks"]

    def opening(self) -> str:
        """The verb phrase that gives the start quantity."""
        return self.pick(self.family["start"]).format(**self.nouns(), **self.start())

    def phrase(self) -> str:
        """The verb phrase of the operation, verbs still marked."""
        fields = self.nouns() | self.operand()
        if self.story.kind == "groups":
            fields |= self.start()
        return self.pick(self.wordings("vp")).format(**fields)

    def compared(self) -> str:
        """The sentence that compares the newcomer with the first person, verbs still marked."""
        text = self.pick(LEXICON["shift"][self.story.kind])
        return text.format(**self.nouns(), **self.operand(), holder=self.story.names[0], new=self.holder)


def _joinable(first: str, second: str) -> bool:
    """Whether two verb phrases make one readable sentence."""
    return second.startswith("[") and not any(mark in first + second for mark in (" and ", ",", "that "))


def question(story: Story, rng: random.Random) -> str:
    """Write a story as a question of two or three sentences, the last of which asks."""
    t = _Teller(story, rng, words=0.25)
    phrases = [] if story.kind == "groups" else [t.opening()]
    compared = t.compared() if story.kind in SHIFTS else None
    if compared is None:
        phrases.append(t.phrase())
    sentences: list[str] = []
    frame = ""
    while phrases:
        vp = phrases.pop(0)
        frames = [f for f in LEXICON["next"] if f != frame] if sentences else LEXICON["first"]
        if not sentences and _SPAN.search(vp):
            frames = LEXICON["first"][:1]  # "On Monday, she works six days" would be odd
        if phrases and _joinable(vp, phrases[0]) and rng.random() < 0.3:
            vp += t.pick(LEXICON["joins"]) + phrases.pop(0)
            frames = LEXICON["first"][:1]
        lead, frame = t.pick(LEXICON["leads"] + t.family["leads"]), t.pick(frames)
        sentences.append(t.fill(frame, S=t.who(story.names[0]), vp=vp, Lead=lead))
    if compared is not None:
        sentences.append(t.fill(compared))
        t.named.update(n for n in story.names if n in compared)
        t.subject = None
    ask, holder = t.pick(t.wordings("ask")), t.holder
    if "{holder}'s" not in ask and "for {holder}" not in ask:
        holder = t.who(holder, chance=0.4)
    return " ".join([*sentences, t.fill(ask, holder=holder, **t.nouns())])


def solution(story: Story, rng: random.Random, calculation: Calculation | None = None) -> str:
    """Write the calculation of a story, right or as given, in a sentence, and ``#### N`` on its own line."""
    lex, t = LEXICON["solve"], _Teller(story, rng, words=0.0)
    made, kind = calculation or calculate(story), story.kind
    a, b = (made.b, made.a) if made.op in "+*" and kind != "groups" and rng.random() < 0.2 else (made.a, made.b)
    nouns = t.nouns()
    units = {"pack": nouns.get("boxes", ""), "price": "dollars"}.get(kind, nouns["items"])
    if kind == "share":
        units += t.pick(["", " each", f" for each {nouns['other']}"])
    fields = {"calc": f"{a} {made.op} {b} = {made.c}", "b": str(made.b), "units": units, "has": t.own, "have": t.have}
    fields |= {"holder": t.holder, "from": story.names[0], "new": t.holder}
    lead = t.pick(lex["lead_first"])
    if kind in SHIFTS and rng.random() < 0.5:
        text = t.fill(t.pick(lex["shift"]), **fields)
    elif kind not in SHIFTS and rng.random() < 0.2:
        vp = t.phrase()
        if kind != "groups" and _joinable("", vp) and rng.random() < 0.15:
            vp = t.opening() + t.pick([" and ", " and then "]) + vp
        told = t.pick(lex["told"])
        # "Then since she ..." reads badly, and "Then Since" is wrong.
        text = t.fill(told if told.startswith("Since") else lead + told, S=t.holder, vp=vp, **fields)
    else:
        text = t.fill(t.pick(lex[{"+": "add", "-": "sub", "*": "mul", "/": "div"}[made.op]]), **fields)
    return f" {text}\n#### {made.c}"
