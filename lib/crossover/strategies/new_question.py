"""New question: questions invented from the seeds, answered; two queries a sample (arXiv 2409.19759, section 3)."""

from collections.abc import Sequence

from crossover.strategies.base import Yield, augment_then_answer, known_answer, sift
from crossover.strategies.ledger import Ledger
from crossover.tasks.base import Problem, Task
from crossover.teachers.base import Teacher


def new_question(
    task: Task, seeds: Sequence[Problem], teacher: Teacher, augmenter: Teacher, ledger: Ledger, verify: bool
) -> Yield:
    """Ask the augmenter for a new question in the manner of a seed and the teacher to answer it, until the budget is spent.

    A new question has no reference answer unless the augmenter knows the truth, as the oracle does; a question that
    cannot be answered has none at all.
    """
    attempts = augment_then_answer("new_question", seeds, teacher, augmenter, ledger)
    return sift(task, attempts, [known_answer(problem) for problem, _ in attempts], verify)
