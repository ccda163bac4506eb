"""The strategies by name: ways of turning seeds and a query budget into training data (arXiv 2409.19759, section 3).

Each spends the rest of the ledger's budget: one query per answer, two per rephrasing or new question with its answer.
"""

from collections.abc import Sequence

from crossover.errors import CrossoverError, nearest
from crossover.strategies.base import (
    Ledger,
    Purchase,
    Sample,
    Strategy,
    answer_seeds,
    augment_then_answer,
    filter_attempts,
    known_answer,
)
from crossover.tasks.base import Problem, Task
from crossover.teachers.base import Teacher

__all__ = ["STRATEGIES", "Purchase", "Sample", "Strategy", "load_strategy"]


def answer_augmentation(
    task: Task, seeds: Sequence[Problem], teacher: Teacher, augmenter: Teacher, ledger: Ledger, verify: bool
) -> Purchase:
    """Ask the teacher for answers to the seeds, round after round, verified against the seed's own answer."""
    attempts = answer_seeds(seeds, teacher, ledger, ledger.remaining)
    return filter_attempts(task, attempts, [problem.answer for problem, _ in attempts], verify)


def question_rephrase(
    task: Task, seeds: Sequence[Problem], teacher: Teacher, augmenter: Teacher, ledger: Ledger, verify: bool
) -> Purchase:
    """Ask the augmenter to rephrase each seed and the teacher to answer it, verified against the seed's answer."""
    attempts = augment_then_answer("rephrase", seeds, teacher, augmenter, ledger)
    return filter_attempts(task, attempts, [seeds[j % len(seeds)].answer for j in range(len(attempts))], verify)


def new_question(
    task: Task, seeds: Sequence[Problem], teacher: Teacher, augmenter: Teacher, ledger: Ledger, verify: bool
) -> Purchase:
    """Ask the augmenter for new questions like each seed and the teacher to answer them; few can be verified."""
    attempts = augment_then_answer("new_question", seeds, teacher, augmenter, ledger)
    return filter_attempts(task, attempts, [known_answer(problem) for problem, _ in attempts], verify)


def mixed(
    task: Task, seeds: Sequence[Problem], teacher: Teacher, augmenter: Teacher, ledger: Ledger, verify: bool
) -> Purchase:
    """Answer the seeds with half of the budget (rounded up), then ask and answer new questions; not the paper's."""
    answers = answer_seeds(seeds, teacher, ledger, (ledger.remaining + 1) // 2)
    fresh = augment_then_answer("new_question", seeds, teacher, augmenter, ledger)
    expected = [problem.answer for problem, _ in answers] + [known_answer(problem) for problem, _ in fresh]
    return filter_attempts(task, [*answers, *fresh], expected, verify)


STRATEGIES: dict[str, Strategy] = {
    strategy.__name__: strategy for strategy in (answer_augmentation, question_rephrase, new_question, mixed)
}


def load_strategy(name: str) -> Strategy:
    """Return a strategy by name, or raise a :class:`CrossoverError` that names the nearest one.

    Examples
    --------
    >>> load_strategy("new_question").__name__
    'new_question'
    """
    if name not in STRATEGIES:
        raise CrossoverError(f"Unknown strategy {name!r}.{nearest(name, STRATEGIES)}")
    return STRATEGIES[name]
