"""A teacher that knows the gold labels and gives a set share of wrong ones: what a teacher's errors alone do."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crossover.tasks.instructed.base import ClassificationTask
from crossover.teachers.base import Reply, Request


@dataclass(frozen=True)
class LabelOracle:
    """An annotator with a known error rate.

    An input that is labelled wrongly at one rate is so at every higher one, so that rates compare on the same inputs.

    Parameters
    ----------
    task : ClassificationTask
    gold : mapping of str to str
        Outputs by the id of their input.
    error : float
        Share of wrong labels.
    """

    task: ClassificationTask
    gold: Mapping[str, str]
    error: float
    repeatable = False

    @property
    def id(self) -> str:
        """The error rate, as stored with each reply."""
        return f"label_oracle(error={self.error:g})"

    def reply(self, requests: Sequence[Request]) -> list[Reply]:
        """Return a label of each input."""
        replies = []
        for request in requests:
            label = self.task.extract(self.gold[request.problem.id])
            rng = random.Random(f"label oracle {self.task.name} {request.problem.id}")
            if rng.random() < self.error:
                label = rng.choice([other for other in self.task.labels if other != label])
            replies.append(Reply(label))
        return replies
