"""Annotate: outputs for unlabelled inputs, one query a sample (arXiv 2310.01119, section 3)."""

from collections.abc import Mapping, Sequence

from crossover.strategies.base import Yield, paid, sift
from crossover.strategies.ledger import Ledger
from crossover.tasks.base import Problem
from crossover.tasks.instructed.base import Instructed
from crossover.teachers.base import Request, Teacher


def annotate(
    task: Instructed,
    unlabelled: Sequence[Problem],
    gold: Mapping[str, str],
    teacher: Teacher,
    ledger: Ledger,
    queries: int,
) -> Yield:
    """Ask the teacher for the output of each of the first ``queries`` unlabelled inputs.

    Parameters
    ----------
    task : Instructed
    unlabelled : sequence of Problem
        All that the teacher is shown.
    gold : mapping of str to str
        Their outputs by id: the funnel counts as verified what agrees with them. Nothing is filtered by them.
    teacher : Teacher
    ledger : Ledger
    queries : int
    """
    asked = unlabelled[:queries]
    replies = paid(teacher, [Request("annotate", problem, 0) for problem in asked], ledger)
    attempts = [(problem, _output(task, reply.text)) for problem, reply in zip(asked, replies, strict=True)]
    return sift(task, attempts, [gold[problem.id] for problem in asked], verify=False)


def _output(task: Instructed, text: str | None) -> str | None:
    """A reply as a completion: the label or line in it, or the text as it is where there is none."""
    found = task.extract(text) if text else None
    return f" {found}" if found else text
