"""The strategies by name: ways of turning seeds and a query budget into training data (arXiv 2409.19759, section 3).

The two of arXiv 2310.01119 do not start from seed questions: :mod:`crossover.strategies.instructed`.
"""

from crossover.errors import CrossoverError, nearest
from crossover.strategies.base import Purchase, Sample, Strategy
from crossover.strategies.seed_strategies import answer_augmentation, mixed, new_question, question_rephrase

STRATEGIES: dict[str, Strategy] = {
    strategy.__name__: strategy for strategy in (answer_augmentation, question_rephrase, new_question, mixed)
}

__all__ = ["STRATEGIES", "Purchase", "Sample", "Strategy", "load_strategy"]


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
