"""Question rephrase: the seed questions in other words, answered; two queries a sample (arXiv 2409.19759, section 3)."""

from collections.abc import Sequence

from crossover.strategies.base import Yield, augment_then_answer, sift
from crossover.strategies.ledger import Ledger
from crossover.tasks.base import Problem, Task
from crossover.teachers.base import Teacher


def question_rephrase(
    task: Task, seeds: Sequence[Problem], teacher: Teacher, augmenter: Teacher, ledger: Ledger, verify: bool
) -> Yield:
    """Ask the augmenter to rephrase a seed and the teacher to answer the result, until the budget is spent.

    Answers are verified against the seed's reference answer, which is what anyone could do: a rephrasing that lost the
    question's meaning is therefore caught when its answer differs.
    """
    attempts = augment_then_answer("rephrase", seeds, teacher, augmenter, ledger)
    return sift(task, attempts, [seeds[j % len(seeds)].answer for j in range(len(attempts))], verify)
