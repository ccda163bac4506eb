"""The oracle: a teacher and augmenter that knows the truth of a procedural task, with dials for how it fails.

Because every question it sees has a known structure, its answers, rephrasings and new questions are wrong exactly as
often as the dials say. That makes teacher strength (arXiv 2409.19759, section 5.3.1), verification (5.3.2) and the
source of new questions (arXiv 2607.01727) variables that can be set rather than properties of a model.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from crossover.errors import CrossoverError
from crossover.tasks.base import DRAW, Problem, ProceduralTask
from crossover.teachers.base import Reply, Request


@dataclass(frozen=True)
class Oracle:
    """A teacher of known quality for a :class:`~crossover.tasks.base.ProceduralTask`.

    Parameters
    ----------
    task : ProceduralTask
        The task whose problems it knows.
    answer_error : float
        Probability that an answer's chain has a mistake, 0 to 1.
    rephrase_drift : float
        Probability that a rephrasing loses the question's meaning, 0 to 1.
    invalid_rate : float
        Probability that a new question cannot be answered, 0 to 1.
    coverage : float
        Probability that a new question is drawn from the whole task distribution rather than made by editing a seed,
        0 to 1. At 0 new questions re-use the seeds; at 1 they add sources.

    Notes
    -----
    Tokens are counted as words and punctuation marks: an oracle has no tokenizer.
    """

    task: ProceduralTask
    answer_error: float = 0.0
    rephrase_drift: float = 0.0
    invalid_rate: float = 0.0
    coverage: float = 1.0
    repeatable = True

    def __post_init__(self) -> None:
        if not isinstance(self.task, ProceduralTask):
            raise CrossoverError(
                f"The oracle needs a procedural task, whose truth is known; {self.task.name!r} is not. "
                "Use teacher='local' for it."
            )
        for dial in ("answer_error", "rephrase_drift", "invalid_rate", "coverage"):
            if not 0 <= getattr(self, dial) <= 1:
                raise CrossoverError(f"{dial} is {getattr(self, dial)}; it is a probability, from 0 to 1.")

    @property
    def id(self) -> str:
        """Name and dials, as stored with each reply."""
        return (
            f"oracle(answer_error={self.answer_error:g}, rephrase_drift={self.rephrase_drift:g}, "
            f"invalid_rate={self.invalid_rate:g}, coverage={self.coverage:g})"
        )

    def reply(self, requests: Sequence[Request]) -> list[Reply]:
        """Return one reply a request; the same request always gets the same reply."""
        return [self._one(request) for request in requests]

    def _one(self, request: Request) -> Reply:
        problem = request.problem
        rng = random.Random(f"{self.task.name}/{DRAW}/{request.kind}/{problem.id}/{request.index}")
        # The coin is tossed before anything else, so that turning a dial changes only the replies it must.
        coin, source = rng.random(), rng.random()
        if request.kind == "answer":
            if (
                problem.structure is None
            ):  # a question that cannot be answered gets the confident guess that came with it
                return _reply(problem.question, problem.answer)
            write = self.task.err if coin < self.answer_error else self.task.solve
            return _reply(problem.question, write(problem, rng))
        if request.kind == "rephrase":
            make = self.task.drift if coin < self.rephrase_drift else self.task.reword
            return _reply(problem.question, *_written(make(problem, rng)))
        fresh = self.task.sample(rng) if source < self.coverage else self.task.edit(problem, rng)
        if coin < self.invalid_rate:
            fresh = self.task.invalid(fresh, rng)
        return _reply(problem.question, *_written(fresh))


def _written(problem: Problem) -> tuple[str, Problem]:
    return problem.question, problem


def _reply(asked: str, text: str, problem: Problem | None = None) -> Reply:
    return Reply(text, _tokens(asked), _tokens(text), problem)


def _tokens(text: str) -> int:
    return len(re.findall(r"\w+|[^\w\s]", text))
