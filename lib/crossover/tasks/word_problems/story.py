"""The plan behind a word problem: people, item, one operation, and the quantities that it allows."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

from crossover.tasks.base import packaged
from crossover.tasks.problem_sets import held_out

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


@cache
def lexicon() -> dict[str, Any]:
    """Read ``wording.yaml`` once."""
    return packaged(__package__, "wording.yaml")


def calculate(story: Story, op: str | None = None, offset: int = 0) -> Calculation:
    """Work out a story; in a wrong chain ``op`` replaces the operator, ``offset`` is added to the result."""
    a, op, b = story.start, op or OPERATOR[story.kind], story.operand
    return Calculation(a, op, b, {"+": a + b, "-": a - b, "*": a * b, "/": a // b}[op] + offset)


def events(family: str, kind: str) -> int:
    """The number of events that tell an operation in a family."""
    if kind in (*SHIFTS, "price"):
        return 1
    return len(lexicon()["families"][family].get(kind, ()))


@cache
def kinds(family: str) -> tuple[str, ...]:
    """The operations of a family."""
    priced = "price" in lexicon()["families"][family]
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
    lex = lexicon()
    people = 1 + (story.kind in SHIFTS)
    # One name more than needed is drawn: the published problems had a place for it.
    names = rng.sample(lex["names"]["she"] + lex["names"]["he"], people + 1)[:people]
    return replace(story, names=tuple(names), item=rng.choice(lex["families"][story.family]["items"]))


def draw(rng: random.Random) -> Story:
    """Draw a story from the whole distribution: family, operation, event, people, item and quantities."""
    family = rng.choice(list(lexicon()["families"]))
    kind = rng.choice(kinds(family))
    bare = Story(family, (), "", 0, kind, rng.randrange(events(family, kind)), 0)
    return quantities(cast(bare, rng), rng)


def is_test(story: Story) -> bool:
    """Whether a story belongs to the test side, by family, operation and quantities, in whatever words."""
    return held_out(f"{story.family} {story.start} {story.kind}:{story.operand}")
