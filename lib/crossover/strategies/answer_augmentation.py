"""Answer augmentation: further answers to the seed questions, one query a sample (arXiv 2409.19759, section 3)."""

from collections.abc import Sequence

from crossover.strategies.base import Yield, answer_seeds, sift
from crossover.strategies.ledger import Ledger
from crossover.tasks.base import Problem, Task
from crossover.teachers.base import Teacher


def answer_augmentation(
    task: Task, seeds: Sequence[Problem], teacher: Teacher, augmenter: Teacher, ledger: Ledger, verify: bool
) -> Yield:
    """Ask the teacher for answers to the seeds, round after round, until the budget is spent.

    The augmenter is not used. Answers are verified against the seed's own reference answer.
    """
    attempts = answer_seeds(seeds, teacher, ledger, ledger.remaining)
    return sift(task, attempts, [problem.answer for problem, _ in attempts], verify)
