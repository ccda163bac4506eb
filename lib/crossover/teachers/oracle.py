"""Teachers of known quality: of a procedural task whose truth is known, and of gold labels.

Answers, rephrasings and new questions are wrong as often as dials say, so that teacher strength (arXiv 2409.19759,
section 5.3.1), verification (5.3.2) and the source of new questions (arXiv 2607.01727) can be set.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from crossover.errors import CrossoverError
from crossover.tasks.base import DRAW, DialTask, Problem, ProceduralTask
from crossover.tasks.instructed.base import ClassificationTask
from crossover.teachers.base import Reply, Request


@dataclass(frozen=True)
class Oracle:
    """A teacher of known quality for a :class:`~crossover.tasks.base.ProceduralTask`; it counts words as tokens.

    Probabilities: ``answer_error`` of a mistake in an answer, ``rephrase_drift`` of a rephrasing that loses the
    meaning, ``invalid_rate`` of a new question without an answer, ``coverage`` of a new question from the whole task,
    where an edited seed adds no source.
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
        faultless = (self.answer_error, self.rephrase_drift, self.invalid_rate, self.coverage) == (0, 0, 0, 1)
        if not faultless and not isinstance(self.task, DialTask):
            raise CrossoverError(f"{self.task.name!r} makes no mistakes and edits no seeds; leave the oracle's dials.")

    @property
    def id(self) -> str:
        return (
            f"oracle(answer_error={self.answer_error:g}, rephrase_drift={self.rephrase_drift:g}, "
            f"invalid_rate={self.invalid_rate:g}, coverage={self.coverage:g})"
        )

    def reply(self, requests: Sequence[Request]) -> list[Reply]:
        """Return one reply a request; the same request always gets the same reply."""
        return [self._one(request) for request in requests]

    def _one(self, request: Request) -> Reply:
        problem, dials = request.problem, cast(DialTask, self.task)  # which only a dial asks for its mistakes
        rng = random.Random(f"{self.task.name}/{DRAW}/{request.kind}/{problem.id}/{request.index}")
        # The coin is tossed before anything else, so that turning a dial changes only the replies it must.
        coin, source = rng.random(), rng.random()
        if request.kind == "answer":
            if problem.structure is None:  # a question without an answer gets the confident guess that came with it
                return _reply(problem.question, problem.answer)
            write = dials.err if coin < self.answer_error else self.task.solve
            return _reply(problem.question, write(problem, rng))
        if request.kind == "rephrase":
            make = dials.drift if coin < self.rephrase_drift else self.task.reword
            made = make(problem, rng)
            return _reply(problem.question, made.question, made)
        fresh = self.task.sample(rng) if source < self.coverage else dials.edit(problem, rng)
        if coin < self.invalid_rate:
            fresh = dials.invalid(fresh, rng)
        return _reply(problem.question, fresh.question, fresh)


def _reply(asked: str, text: str, problem: Problem | None = None) -> Reply:
    return Reply(text, _tokens(asked), _tokens(text), problem)


def _tokens(text: str) -> int:
    return len(re.findall(r"\w+|[^\w\s]", text))


@dataclass(frozen=True)
class LabelOracle:
    """An annotator that knows the ``gold`` outputs, by id; inputs wrong at one ``error`` rate are so at higher ones."""

    task: ClassificationTask
    gold: Mapping[str, str]
    error: float
    repeatable = False

    @property
    def id(self) -> str:
        return f"label_oracle(error={self.error:g})"

    def reply(self, requests: Sequence[Request]) -> list[Reply]:
        replies = []
        for request in requests:
            label = self.task.extract(self.gold[request.problem.id])
            rng = random.Random(f"label oracle {self.task.name} {request.problem.id}")
            if rng.random() < self.error:
                label = rng.choice([other for other in self.task.labels if other != label])
            replies.append(Reply(label))
        return replies
