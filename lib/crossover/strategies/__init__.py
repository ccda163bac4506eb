"""The strategies by name: ways of turning seeds and a query budget into training data (arXiv 2409.19759, section 3).

The two ways of arXiv 2310.01119 start from other things than seed questions and stand apart:
:func:`crossover.strategies.annotate.annotate` and :func:`crossover.strategies.generate.generate`.
"""

from crossover.errors import CrossoverError, nearest
from crossover.strategies.answer_augmentation import answer_augmentation
from crossover.strategies.base import Sample, Strategy, Yield
from crossover.strategies.mixed import mixed
from crossover.strategies.new_question import new_question
from crossover.strategies.question_rephrase import question_rephrase

STRATEGIES: dict[str, Strategy] = {
    strategy.__name__: strategy for strategy in (answer_augmentation, question_rephrase, new_question, mixed)
}

__all__ = ["STRATEGIES", "Sample", "Strategy", "Yield", "load_strategy"]


def load_strategy(name: str) -> Strategy:
    """Return a strategy by name, or raise a :class:`CrossoverError` that names the nearest one."""
    if name not in STRATEGIES:
        raise CrossoverError(f"Unknown strategy {name!r}.{nearest(name, STRATEGIES)}")
    return STRATEGIES[name]
