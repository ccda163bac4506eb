"""The plan behind a word problem: who holds what, which operations follow, and which quantities are allowed.

A :class:`Story` is the structure of a ``math_words`` problem. Its text is made in :mod:`crossover.tasks.word_problems.wording`; here
live the arithmetic, the grammar of plans and the split into a training and a test side.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

OPERATOR = {
    "groups": "*", "gain": "+", "lose": "-", "halve": "/", "more": "+", "fewer": "-", "times": "*", "together": "+",
    "share": "/", "pack": "/", "price": "*", "earn": "+", "spend": "-",
}  # fmt: skip
SHIFTS = ("more", "fewer", "times")
TEST_BUCKETS, BUCKETS = 1, 10


@dataclass(frozen=True)
class Step:
    """One operation: its kind, which of the family's events tells it, and the operand (0 where it is implied)."""

    kind: str
    event: int
    operand: int


@dataclass(frozen=True)
class Story:
    """The structure of a word problem; hashable, and equal for two wordings of one problem.

    Attributes
    ----------
    family : str
        Scenario family, a key of ``families`` in ``math_words.yaml``.
    names : tuple of str
        The first person, then one newcomer for each ``more``, ``fewer`` or ``times`` step.
    item : str
        What is counted, in the singular.
    start : int
        The first quantity (the number of groups where the first step is ``groups``).
    steps : tuple of Step
        The operations in order.
    asides : tuple of (int, int, str, str)
        Irrelevant sentences: which one, its number, a name and a noun.
    hidden : int, optional
        The quantity that the text leaves out (0 the start, ``i`` the operand of step ``i``), for an unanswerable
        question; the stored quantity is then a guess.
    """

    family: str
    names: tuple[str, ...]
    item: str
    start: int
    steps: tuple[Step, ...]
    asides: tuple[tuple[int, int, str, str], ...] = ()
    hidden: int | None = None

    @property
    def plan(self) -> tuple[str, ...]:
        """The kinds of its steps, in order."""
        return tuple(s.kind for s in self.steps)


@dataclass(frozen=True)
class Move:
    """One calculation of a chain, ``a op b = c``, and where the story stands: people and unit after it."""

    step: Step
    a: int
    op: str
    b: int
    c: int
    holder: str
    previous: str
    unit_before: str
    unit: str


@cache
def lexicon() -> dict[str, Any]:
    """Read ``math_words.yaml`` once."""
    import yaml

    text = (
        importlib.resources.files("crossover.tasks.word_problems").joinpath("wording.yaml").read_text(encoding="utf-8")
    )
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def apply(a: int, op: str, b: int) -> int:
    """Work out one operation; a division that is not exact is rounded down (only a wrong chain can need that)."""
    return {"+": a + b, "-": a - b, "*": a * b, "/": a // b if b else 0}[op]


def walk(story: Story, slip: int | None = None, op: str | None = None, offset: int = 0) -> list[Move]:
    """Follow a story to its end, with a mistake at step ``slip`` where one is given.

    Parameters
    ----------
    story : Story
    slip : int, optional
        Index of the step that goes wrong.
    op : str, optional
        Operator written at that step in place of the right one.
    offset : int
        Added to that step's result.

    Returns
    -------
    list of Move
        One for each step; the last ``c`` is the final answer.
    """
    value, before = story.start, story.start
    people = iter(story.names[1:])
    holder = previous = story.names[0]
    unit = "items"
    moves = []
    for i, step in enumerate(story.steps):
        operator = OPERATOR[step.kind]
        a, b = (before, value) if step.kind == "together" else (value, step.operand)
        if i == slip:
            operator = op or operator
        c = apply(a, operator, b) + (offset if i == slip else 0)
        unit_before = unit
        if step.kind in SHIFTS:
            holder, previous = next(people), holder
        elif step.kind == "pack":
            unit = "boxes"
        elif step.kind in ("price", "earn", "spend"):
            unit = "dollars"
        moves.append(Move(step, a, operator, b, c, holder, previous, unit_before, unit))
        before, value = value, c
    return moves


def final(story: Story) -> int:
    """The right answer of a story."""
    return walk(story)[-1].c


def events(family: str, kind: str) -> int:
    """How many events tell this kind of step in this family."""
    data = lexicon()["families"][family]
    if kind in ("groups", "gain", "lose", "halve", "share", "pack"):
        return len(data.get(kind, ()))
    if kind in ("earn", "spend"):
        return len(lexicon()["price"][data["price"]][kind])
    return 1


def _followers(family: str, plan: tuple[str, ...]) -> list[str]:
    """Which kinds of step can follow a plan."""
    data = lexicon()["families"][family]
    last = plan[-1] if plan else None
    if last in ("share", "together", "earn", "spend"):
        return []
    if last == "price":
        return ["earn", "spend"]
    priced = data.get("price")
    if last == "pack":
        return ["price"] if priced == "sell" else []
    kinds = ["gain", "lose", "halve", *SHIFTS, "share", "pack"]
    # Who pays for things that were given away or came free would be unclear.
    if priced and (priced != "pay" or last in (None, "groups", *SHIFTS)):
        kinds.append("price")
    if last in SHIFTS:
        kinds.append("together")
    if last is None:
        kinds.append("groups")
    return [k for k in kinds if k != last and not (k == "halve" and k in plan) and events(family, k)]


@cache
def plans(family: str, steps: int) -> tuple[tuple[str, ...], ...]:
    """All plans of a family with this many steps."""
    found: list[tuple[str, ...]] = [()]
    for _ in range(steps):
        found = [(*plan, kind) for plan in found for kind in _followers(family, plan)]
    return tuple(found)


def operands(kind: str, value: int) -> Sequence[int]:
    """The operands that a step of this kind may take at this value; results stay whole, small and at least 2."""
    match kind:
        case "gain" | "earn":
            return range(2, 21)
        case "groups":
            return range(2, 10)
        case "lose" | "spend":
            return range(2, min(20, value - 2) + 1)
        case "more":
            return range(2, 13)
        case "fewer":
            return range(2, min(12, value - 2) + 1)
        case "times":
            return range(2, min(5, 100 // value) + 1)
        case "price":
            return range(2, min(9, 150 // value) + 1)
        case "halve":
            return (2,) if value % 2 == 0 and value >= 4 else ()
        case "share" | "pack":
            return [k for k in range(2, 10) if value % k == 0 and value // k >= 2]
        case _:  # together
            return (0,)


def starts(kind: str) -> range:
    """The first quantities of a story that opens with a step of this kind."""
    return range(2, 10) if kind == "groups" else range(4, 25)


def allowed(story: Story) -> bool:
    """Whether every quantity of a story is one that :func:`starts` and :func:`operands` allow."""
    value = story.start
    if value not in starts(story.steps[0].kind):
        return False
    for step, move in zip(story.steps, walk(story), strict=True):
        if step.operand not in operands(step.kind, value):
            return False
        value = move.c
    return True


def quantities(story: Story, rng: random.Random) -> Story:
    """Redraw every quantity of a story, keeping its plan."""
    while True:
        start = value = rng.choice(starts(story.steps[0].kind))
        steps: list[Step] = []
        for step in story.steps:
            choices = operands(step.kind, value)
            if not choices:
                break
            steps.append(replace(step, operand=rng.choice(choices)))
            value = walk(replace(story, start=start, steps=tuple(steps)))[-1].c
        else:
            return replace(story, start=start, steps=tuple(steps))


def cast(story: Story, rng: random.Random, asides: int) -> Story:
    """Redraw people, item and irrelevant facts of a story."""
    lex = lexicon()
    everyone = lex["names"]["she"] + lex["names"]["he"]
    people = 1 + sum(s.kind in SHIFTS for s in story.steps)
    names = rng.sample(everyone, people + 1)
    chosen = rng.sample(range(len(lex["asides"])), asides)
    facts = tuple((i, rng.randint(2, 40), names[-1], rng.choice(lex["things"])) for i in chosen)
    item = rng.choice(lex["families"][story.family]["items"])
    return replace(story, names=tuple(names[:people]), item=item, asides=facts)


def draw(rng: random.Random, steps: int, asides: int) -> Story:
    """Draw a story from the whole distribution: family, plan, events, people, item and quantities."""
    family = rng.choice(list(lexicon()["families"]))
    plan = rng.choice(plans(family, steps))
    bare = Story(family, (), "", 0, tuple(Step(k, rng.randrange(events(family, k)), 0) for k in plan))
    return quantities(cast(bare, rng, asides), rng)


def is_test(story: Story) -> bool:
    """Whether a story belongs to the test side: one in ten by a stable hash of family, plan and quantities.

    Names, items, events and wordings do not count, so no training problem has a test problem's family, plan and
    quantities together, in whatever words.
    """
    text = f"{story.family} {story.start} " + " ".join(f"{s.kind}:{s.operand}" for s in story.steps)
    digest = hashlib.blake2b(text.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") % BUCKETS < TEST_BUCKETS
