"""The ``math_words`` task: procedural one-step word problems in natural English, with known truth."""

import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace

from crossover.errors import CrossoverError
from crossover.tasks.base import DRAW, NumberAnswers, Planned, Problem, text_id
from crossover.tasks.word_problems import story as plot
from crossover.tasks.word_problems.story import OPERATOR, Story, question, solution

_SWAPS = {"gain": "lose", "lose": "gain", "more": "fewer", "fewer": "more"}


@dataclass(frozen=True)
class MathWords(NumberAnswers, Planned):
    """Word problems with one operation; ``steps`` and ``distractors`` are 1 and 0, and part of every cell's key."""

    stream = f"math_words/{DRAW}/steps=1/distractors=0"

    steps: int = 1
    distractors: int = 0
    name: str = field(default="math_words", init=False)

    def __post_init__(self) -> None:
        if (self.steps, self.distractors) != (1, 0):
            raise CrossoverError(
                f"math_words: steps must be 1 and distractors 0, got {self.steps!r} and {self.distractors!r}."
            )

    def edit(self, problem: Problem, rng: random.Random) -> Problem:
        """Return a problem with the same family, operation and event, and other quantities, names and item."""
        old: Story = problem.structure

        def other(r: random.Random) -> Story | None:
            new = plot.quantities(plot.cast(old, r), r)
            return new if (new.start, new.operand) != (old.start, old.operand) else None

        return self._problem(self._trained(other, rng), rng)

    def drift(self, problem: Problem, rng: random.Random) -> Problem:
        """Return a rewording in which one quantity or the operation has changed, and with it the right answer."""
        old: Story = problem.structure

        def slipped(r: random.Random) -> Story | None:
            new, place = old, r.randrange(2)
            if r.random() < 0.01:  # a few stories allow no single change, so now and then both quantities change
                new = plot.quantities(old, r)
            elif place == 0:
                new = replace(old, start=r.choice(plot.starts(old.kind)))
            elif old.kind in _SWAPS and r.random() < 0.5:
                kind = _SWAPS[old.kind]
                new = replace(old, kind=kind, event=r.randrange(plot.events(old.family, kind)))
            elif choices := plot.operands(old.kind, old.start):
                new = replace(old, operand=r.choice(choices))
            return new if plot.allowed(new) and plot.calculate(new).c != plot.calculate(old).c else None

        return self._problem(self._trained(slipped, rng), rng)

    def invalid(self, problem: Problem, rng: random.Random) -> Problem:
        """Return a question in which a needed quantity reads "some" or "several"; the answer guesses it."""
        old: Story = problem.structure
        hidden = rng.choice(["start", "operand"] if old.kind in _SWAPS else ["start"])

        def guessed(r: random.Random) -> Story | None:
            choices = plot.starts(old.kind) if hidden == "start" else plot.operands(old.kind, old.start)
            value = r.choice(choices)
            new = replace(old, start=value) if hidden == "start" else replace(old, operand=value)
            new = replace(new, hidden=hidden)
            return new if plot.allowed(new) else None

        story = self._trained(guessed, rng)
        text = question(story, rng)
        return Problem(text_id("drawn", text), text, solution(replace(story, hidden=None), rng))

    def solve(self, problem: Problem, rng: random.Random) -> str:
        return solution(problem.structure, rng)

    def err(self, problem: Problem, rng: random.Random) -> str:
        """Write a chain with one slip: a result that is off, or the wrong operation."""
        story: Story = problem.structure
        for _ in range(50):
            rng.randrange(1)
            slip = rng.choice(["off", "off", "operation", ""])  # the empty one keeps the published mistakes
            if slip == "off":
                wrong = plot.calculate(story, offset=rng.choice([-10, -3, -2, -1, 1, 2, 3, 10]))
            elif slip == "operation":
                wrong = plot.calculate(story, op=rng.choice([o for o in "+-*/" if o != OPERATOR[story.kind]]))
                if wrong.op == "/" and wrong.a % wrong.b:
                    continue
            else:
                continue
            if wrong.c >= 2 and wrong.c != plot.calculate(story).c:
                return solution(story, rng, wrong)
        return solution(story, rng, plot.calculate(story, offset=1))

    def _text(self, plan: Story, rng: random.Random) -> str:
        return question(plan, rng)

    def _answer(self, plan: Story, rng: random.Random) -> str:
        return solution(plan, rng)

    def _drawn(self, rng: random.Random, test: bool) -> Problem:
        return self._problem(self._first(plot.draw, lambda s: plot.is_test(s) == test, rng), rng)

    def _trained(self, make: Callable[[random.Random], Story | None], rng: random.Random) -> Story:
        return self._first(make, lambda s: not plot.is_test(s), rng)

    def _alike(self, problem: Problem, test: bool) -> Hashable:
        """Test problems differ in more than their wording: in family, operation or quantities."""
        s: Story = problem.structure
        return (s.family, s.kind, s.start, s.operand) if test else problem.question
