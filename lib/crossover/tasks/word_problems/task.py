"""The ``math_words`` task: procedural one- to three-step word problems in natural English, with known truth.

Problems are made from fifteen scenario families in ``math_words.yaml``; their plans and arithmetic are in
:mod:`crossover.tasks.word_problems.story`, their English in :mod:`crossover.tasks.word_problems.wording`. Training and test problems are kept apart
by a stable hash of family, plan and quantities (:func:`crossover.tasks.word_problems.story.is_test`), so that they are disjoint by
construction however many are drawn.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace

from crossover.errors import CrossoverError
from crossover.tasks.base import DRAW, Problem
from crossover.tasks.drawing import Drawing, text_id
from crossover.tasks.final_answers import NumberAnswers
from crossover.tasks.word_problems import story as plot
from crossover.tasks.word_problems.story import OPERATOR, SHIFTS, Story
from crossover.tasks.word_problems.wording import question, solution

_SWAPS = {"gain": "lose", "lose": "gain", "more": "fewer", "fewer": "more", "earn": "spend", "spend": "earn"}
_HIDEABLE = ("gain", "lose", "more", "fewer", "earn", "spend")


@dataclass(frozen=True)
class MathWords(NumberAnswers, Drawing):
    """Word problems with ``steps`` operations and ``distractors`` irrelevant sentences that hold a number.

    Parameters
    ----------
    steps : int
        Operations in a problem: 1, 2 or 3.
    distractors : int
        Irrelevant sentences in a question, 0 to 3.

    Raises
    ------
    CrossoverError
        When a parameter is outside its range.

    Examples
    --------
    >>> task = MathWords(steps=2)
    >>> p = task.seeds(1, replicate=0)[0]
    >>> task.correct(p.answer, p), task.correct(" I think so.\\n#### -1", p)
    (True, False)
    """

    steps: int = 2
    distractors: int = 0
    name: str = field(default="math_words", init=False)

    def __post_init__(self) -> None:
        if self.steps not in (1, 2, 3):
            raise CrossoverError(f"math_words: steps is {self.steps!r}; it must be 1, 2 or 3.")
        if self.distractors not in (0, 1, 2, 3):
            raise CrossoverError(f"math_words: distractors is {self.distractors!r}; it must be 0, 1, 2 or 3.")

    def edit(self, problem: Problem, rng: random.Random) -> Problem:
        """Return a problem with the same family, plan and events, and other quantities, names and item."""
        old = problem.structure

        def other(r: random.Random) -> Story | None:
            new = plot.quantities(plot.cast(old, r, self.distractors), r)
            return new if (new.start, new.steps) != (old.start, old.steps) else None

        return self._problem(self._trained(other, rng, f"another problem like {problem.id}"), rng)

    def reword(self, problem: Problem, rng: random.Random) -> Problem:
        """Return the same story in other words; ten draws are made for a text that differs."""
        text = problem.question
        for _ in range(10):
            text = question(problem.structure, rng)
            if text != problem.question:
                break
        return replace(problem, id=text_id("reword", text), question=text)

    def drift(self, problem: Problem, rng: random.Random) -> Problem:
        """Return a rewording in which one quantity or one operation has changed, and with it the right answer."""
        old = problem.structure
        truth = plot.final(old)

        def slipped(r: random.Random) -> Story | None:
            i = r.randrange(len(old.steps) + 1)
            if r.random() < 0.01:  # a few stories allow no single change, so now and then all quantities change
                new = plot.quantities(old, r)
            elif i == 0:
                new = replace(old, start=r.choice(plot.starts(old.steps[0].kind)))
            else:
                step = old.steps[i - 1]
                if step.kind in _SWAPS and r.random() < 0.5:
                    kind = _SWAPS[step.kind]
                    count = plot.events(old.family, kind)
                    step = replace(step, kind=kind, event=r.randrange(count))
                elif choices := plot.operands(step.kind, plot.walk(old)[i - 1].a):
                    step = replace(step, operand=r.choice(choices))
                new = replace(old, steps=(*old.steps[: i - 1], step, *old.steps[i:]))
            return new if plot.allowed(new) and plot.final(new) != truth else None

        return self._problem(self._trained(slipped, rng, f"a drifted {problem.id}"), rng)

    def invalid(self, problem: Problem, rng: random.Random) -> Problem:
        """Return a question in which a needed quantity reads "some" or "several"; the answer guesses it.

        There is no truth to keep, so its ``structure`` is ``None``.
        """
        old = problem.structure
        index = rng.choice([0] + [i for i, s in enumerate(old.steps, start=1) if s.kind in _HIDEABLE])

        def guessed(r: random.Random) -> Story | None:
            if index == 0:
                new = replace(old, start=r.choice(plot.starts(old.steps[0].kind)))
            else:
                step = old.steps[index - 1]
                step = replace(step, operand=r.choice(plot.operands(step.kind, plot.walk(old)[index - 1].a)))
                new = replace(old, steps=(*old.steps[: index - 1], step, *old.steps[index:]))
            return replace(new, hidden=index) if plot.allowed(new) else None

        story = self._trained(guessed, rng, f"an invalid {problem.id}")
        text = question(story, rng)
        return Problem(text_id("drawn", text), text, solution(replace(story, hidden=None), rng))

    def solve(self, problem: Problem, rng: random.Random) -> str:
        """Write a correct chain for the problem's story."""
        return solution(problem.structure, rng)

    def err(self, problem: Problem, rng: random.Random) -> str:
        """Write a chain with one slip: a sum that is off, the wrong operation, or a step left out."""
        story: Story = problem.structure
        truth = plot.final(story)
        for _ in range(50):
            i = rng.randrange(len(story.steps))
            slip = rng.choice(["off", "off", "operation", "skip"])
            if slip == "skip":
                wrong = _without(story, i)
                if wrong is None or not plot.allowed(wrong) or plot.final(wrong) == truth:
                    continue
                return solution(wrong, rng)
            if slip == "off":
                moves = plot.walk(story, slip=i, offset=rng.choice([-10, -3, -2, -1, 1, 2, 3, 10]))
            else:
                right = OPERATOR[story.steps[i].kind]
                moves = plot.walk(story, slip=i, op=rng.choice([o for o in "+-*/" if o != right]))
                if moves[i].op == "/" and moves[i].a % max(moves[i].b, 1):
                    continue
            honest = all(m.op != "/" or m.a % m.b == 0 for j, m in enumerate(moves) if j != i)
            if honest and all(m.c >= 2 for m in moves) and moves[-1].c != truth:
                return solution(story, rng, moves)
        # The last sum can always be one too high.
        return solution(story, rng, plot.walk(story, slip=len(story.steps) - 1, offset=1))

    # --- drawing ---------------------------------------------------------------------------------------------------

    def _stream(self, side: str, replicate: int) -> str:
        return f"{self.name}/{DRAW}/steps={self.steps}/distractors={self.distractors}/{side}/{replicate}"

    def _problem(self, story: Story, rng: random.Random) -> Problem:
        text = question(story, rng)
        return Problem(text_id("drawn", text), text, solution(story, rng), story)

    def _drawn(self, rng: random.Random, test: bool) -> Problem:
        def drawn(r: random.Random) -> Story | None:
            story = plot.draw(r, self.steps, self.distractors)
            return story if plot.is_test(story) == test else None

        return self._problem(self._first(drawn, rng, "a problem"), rng)

    def _trained(self, make: Callable[[random.Random], Story | None], rng: random.Random, what: str) -> Story:
        """The first story that ``make`` gives on the training side."""

        def kept(r: random.Random) -> Story | None:
            story = make(r)
            return story if story is not None and not plot.is_test(story) else None

        return self._first(kept, rng, what)

    def _alike(self, problem: Problem, test: bool) -> Hashable:
        """Test problems differ in more than their wording: in family, plan or quantities."""
        s: Story = problem.structure
        return (s.family, s.plan, s.start, tuple(step.operand for step in s.steps)) if test else problem.question


def _without(story: Story, index: int) -> Story | None:
    """A story with one step left out, or ``None`` where the rest would make no sense."""
    steps = story.steps[:index] + story.steps[index + 1 :]
    plan = tuple(s.kind for s in steps)
    if not steps or plan not in plot.plans(story.family, len(steps)):
        return None
    names = list(story.names)
    if story.steps[index].kind in SHIFTS:
        del names[1 + sum(s.kind in SHIFTS for s in story.steps[:index])]
    return replace(story, names=tuple(names), steps=steps)
