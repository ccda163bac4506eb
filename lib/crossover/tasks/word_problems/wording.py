"""The English of a word problem: a question and a solution for a story, in one of many wordings."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from functools import cache

from crossover.tasks.word_problems.story import SHIFTS, Move, Story, lexicon, walk

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_SPAN = re.compile(r"\b(day|week|month|season|round|time)s?\b")
_VERB = re.compile(r"\[([^\]]+)\]")


@cache
def past(verb: str) -> str:
    """The past of a verb in the third person.

    >>> past("bakes"), past("carries"), past("finishes"), past("has")
    ('baked', 'carried', 'finished', 'had')
    """
    irregular = lexicon()["past"]
    if verb in irregular:
        return irregular[verb]
    if verb.endswith("ies"):
        return verb[:-3] + "ied"
    stem = verb[:-2] if re.search(r"(sh|ch|ss|x|zz)es$", verb) else verb.removesuffix("s")
    return stem + ("d" if stem.endswith("e") else "ed")


@cache
def plural(noun: str) -> str:
    """The plural of a noun; of "slice of pizza" the first word is put in the plural.

    >>> plural("box"), plural("story"), plural("slice of pizza"), plural("toy")
    ('boxes', 'stories', 'slices of pizza', 'toys')
    """
    head, sep, rest = noun.partition(" of ")
    first, last = head[: head.rfind(" ") + 1], head[head.rfind(" ") + 1 :]
    if last in (irregular := lexicon()["plurals"]):
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
    return "she" if name in lexicon()["names"]["she"] else "he"


class Teller:
    """Tells one story once: holds the tense, the random choices, and who has been named so far."""

    def __init__(self, story: Story, rng: random.Random, words: float) -> None:
        self.story, self.rng, self.words = story, rng, words
        self.family = lexicon()["families"][story.family]
        self.own, self.have = self.family.get("own", ("has", "have"))
        self.told_in_past = rng.random() < 0.5
        self.named: set[str] = set()
        self.subject: str | None = None

    def pick(self, options: Sequence[str]) -> str:
        """One of some wordings."""
        return self.rng.choice(options)

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
        # An irrelevant sentence may come in between, so stories that have some name people every time.
        rivals = any(_pronoun(other) == _pronoun(name) for other in self.named if other != name)
        if self.subject == name and not rivals and not self.story.asides and self.rng.random() < chance:
            return _pronoun(name)
        self.subject = name
        self.named.add(name)
        return name

    def nouns(self, move: Move | None) -> dict[str, str]:
        """The nouns that a move's wordings can need."""
        nouns = {"item": self.story.item, "items": plural(self.story.item), "has": self.own, "have": self.have}
        nouns |= {"unit": nouns["item"], "units": nouns["items"]}
        if move is None:
            return nouns
        pack = next((s for s in self.story.steps if s.kind == "pack"), None)
        if pack:
            box = self.family["pack"][pack.event]
            nouns |= {"box": box, "boxes": plural(box)}
            if move.unit_before == "boxes":
                nouns |= {"unit": box, "units": plural(box)}
        if move.step.kind == "share":
            prep, _, other = self.family["share"][move.step.event].rpartition(" ")
            nouns |= {"prep": prep, "other": other, "others": plural(other)}
        return nouns

    def phrases(self, move: Move) -> list[str]:
        """The verb phrases of a move that has a subject."""
        lex, kind, event = lexicon(), move.step.kind, move.step.event
        if kind == "share":
            place = " " in self.family["share"][event]
            return self.family.get("share_vp") or lex["share_places" if place else "share_people"]["vp"]
        if kind == "pack":
            return self.family.get("pack_vp") or lex["pack_vp"]
        if kind == "price":
            return lex["price"][self.family["price"]]["vp"]
        if kind in ("earn", "spend"):
            return lex["price"][self.family["price"]][kind][event]
        return self.family[kind][event]

    def operand(self, index: int, value: int) -> dict[str, str]:
        """The words for the ``index``-th quantity (0 the start), or vague ones where the story hides it."""
        if self.story.hidden == index:
            vague = self.pick(["several", "a few"])
            start = "several" if self.story.steps[0].kind == "groups" else self.pick(["some", "several", "a few"])
            return {"n" if index == 0 else "k": start if index == 0 else vague, "d": "some money"}
        if index == 0:
            return {"n": self.number(value)}
        money = self.pick([f"${value}", f"{self.number(value)} dollars"])
        times = "twice" if value == 2 else f"{self.number(value)} times"
        return {"k": self.number(value), "d": money, "times": times}

    def phrase(self, index: int, move: Move) -> str:
        """A filled verb phrase of a move, verbs still marked."""
        fields = self.nouns(move) | self.operand(index, move.step.operand)
        if move.step.kind == "groups":
            fields |= self.operand(0, self.story.start)
        text = self.pick(self.phrases(move)).format(**fields)
        taken = index > 1 and self.story.steps[index - 2].kind in ("lose", "halve")
        if taken and self.rng.random() < 0.5:
            text = re.sub(rf"the ({fields['items']}|money)\b", r"the rest of the \1", text)
        return text

    def opening(self) -> str:
        """The verb phrase that gives the start quantity."""
        return self.pick(self.family["start"]).format(**self.nouns(None), **self.operand(0, self.story.start))

    def asks(self, move: Move) -> list[str]:
        """The ways to ask for a story's last quantity."""
        lex, kind, event = lexicon(), move.step.kind, move.step.event
        if kind == "share":
            place = " " in self.family["share"][event]
            return self.family.get("share_ask") or lex["share_places" if place else "share_people"]["ask"]
        if kind == "pack":
            return self.family.get("pack_ask") or lex["pack_ask"]
        if kind in ("price", "earn", "spend"):
            return lex["price"][self.family["price"]]["ask" if kind == "price" else "ask_after"]
        if kind == "together":
            return lex["asks_together"]
        return self.family.get("asks") or lex["asks_left" if kind in ("lose", "halve") else "asks"]


def _joinable(first: str, second: str) -> bool:
    """Whether two verb phrases make one readable sentence."""
    return second.startswith("[") and not any(mark in first + second for mark in (" and ", ",", "that "))


def question(story: Story, rng: random.Random) -> str:
    """Write a story as a question.

    Parameters
    ----------
    story : Story
    rng : random.Random
        Chooses tense, verb phrases, connectives, digits or number words, and which sentences are joined.

    Returns
    -------
    str
        Two to five sentences, the last of which asks.
    """
    lex, t = lexicon(), Teller(story, rng, words=0.25)
    moves = walk(story)
    clauses: list[tuple[str, str] | str] = []  # (subject, verb phrase), or a whole sentence
    if story.steps[0].kind != "groups":
        clauses.append((story.names[0], t.opening()))
    for i, move in enumerate(moves, start=1):
        kind = move.step.kind
        if kind in SHIFTS:
            people = {"holder": move.previous, "new": move.holder}
            text = t.pick(lex["shift"][kind])
            clauses.append(text.format(**t.nouns(move), **t.operand(i, move.step.operand), **people))
        elif kind != "together":
            clauses.append((move.holder, t.phrase(i, move)))
    sentences: list[str] = []
    frame = ""
    while clauses:
        clause = clauses.pop(0)
        if isinstance(clause, str):
            sentences.append(t.fill(clause))
            t.named.update(n for n in story.names if n in clause)
            t.subject = None
            continue
        holder, vp = clause
        frames = [f for f in lex["next"] if f != frame] if sentences else lex["first"]
        if not sentences and _SPAN.search(vp):
            frames = lex["first"][:1]  # "On Monday, she works six days" would be odd
        if clauses and not isinstance(clauses[0], str) and _joinable(vp, clauses[0][1]) and rng.random() < 0.3:
            vp += t.pick(lex["joins"]) + clauses.pop(0)[1]
            frames = lex["first"][:1]
        lead, frame = t.pick(lex["leads"] + t.family["leads"]), t.pick(frames)
        sentences.append(t.fill(frame, S=t.who(holder), vp=vp, Lead=lead))
    for index, x, name, thing in story.asides:
        text = t.pick(lex["asides"][index])
        place = rng.randint(1, len(sentences))
        sentences.insert(place, t.fill(text, aside=name, x=t.number(x), things=plural(thing)))
    last = moves[-1]
    ask = t.pick(t.asks(last))
    holder = last.holder
    if "{holder}'s" not in ask and "for {holder}" not in ask and last.step.kind != "together":
        holder = t.who(holder, chance=0.4)
    people = {"holder": holder, "from": last.previous}
    return " ".join([*sentences, t.fill(ask, **(t.nouns(last) | people))])


def solution(story: Story, rng: random.Random, moves: Sequence[Move] | None = None) -> str:
    """Write a chain of calculations for a story, one sentence a step, ending ``#### N``.

    Parameters
    ----------
    story : Story
    rng : random.Random
        Chooses among the wordings.
    moves : sequence of Move, optional
        The calculations to write; by default the right ones. Wrong ones give a wrong but well-formed chain.

    Returns
    -------
    str
        Starts with a space; one line a step.
    """
    lex, t = lexicon()["solve"], Teller(story, rng, words=0.0)
    moves = walk(story) if moves is None else moves
    lines = []
    for number, move in enumerate(moves):
        kind = move.step.kind
        a, b = (move.b, move.a) if move.op in "+*" and kind != "groups" and rng.random() < 0.2 else (move.a, move.b)
        nouns = t.nouns(move)
        fields = {"calc": f"{a} {move.op} {b} = {move.c}", "b": str(move.b), "has": t.own, "have": t.have}
        fields["units"] = {"items": nouns["items"], "boxes": nouns.get("boxes", ""), "dollars": "dollars"}[move.unit]
        fields |= {"holder": move.holder, "from": move.previous, "new": move.holder}
        if kind == "share":
            fields["units"] += t.pick(["", " each", f" for each {nouns['other']}"])
        by_operator = {"+": "add", "-": "sub", "*": "mul", "/": "div"}[move.op]
        lead = t.pick(lex["lead_next" if number else "lead_first"])
        if kind == "together":
            text = t.fill(t.pick(lex["together"]), **fields)
        elif kind in SHIFTS and rng.random() < 0.5:
            text = t.fill(t.pick(lex["shift"]), **fields)
            t.subject = move.holder
            t.named.update((move.holder, move.previous))
        elif kind not in SHIFTS and rng.random() < 0.2:
            vp = t.phrase(number + 1, move)
            if number == 0 and kind != "groups" and _joinable("", vp) and rng.random() < 0.15:
                vp = t.opening() + t.pick([" and ", " and then "]) + vp
            subject = t.who(move.holder)
            told = t.pick(lex["told"])
            # "Then since she ..." reads badly, and "Then Since" is wrong.
            text = t.fill(told if told.startswith("Since") else lead + told, S=subject, vp=vp, **fields)
        else:
            text = t.fill(t.pick(lex[by_operator]), **fields)
        lines.append(text)
    return " " + "\n".join(lines) + f"\n#### {moves[-1].c}"
