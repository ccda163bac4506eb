"""Mixed: half of the queries on further answers to the seeds, the other half on new questions with their answers.

Not one of the strategies of arXiv 2409.19759: a buyer who does not know which side of the crossover they are on can split.
"""

from collections.abc import Sequence

from crossover.strategies.base import Yield, answer_seeds, augment_then_answer, known_answer, sift
from crossover.strategies.ledger import Ledger
from crossover.tasks.base import Problem, Task
from crossover.teachers.base import Teacher


def mixed(
    task: Task, seeds: Sequence[Problem], teacher: Teacher, augmenter: Teacher, ledger: Ledger, verify: bool
) -> Yield:
    """Answer the seeds with half of the budget (rounded up), then ask and answer new questions with the rest.

    Each half verifies as its own strategy does.
    """
    answers = answer_seeds(seeds, teacher, ledger, (ledger.remaining + 1) // 2)
    fresh = augment_then_answer("new_question", seeds, teacher, augmenter, ledger)
    expected = [problem.answer for problem, _ in answers] + [known_answer(problem) for problem, _ in fresh]
    return sift(task, [*answers, *fresh], expected, verify)
