"""The query budget as a hard cap, and the yield funnel of what the queries brought.

A strategy pays for each teacher or augmenter call before the call is made. A call that fails, or whose reply cannot be
read, has been paid for all the same: that is what it would cost with a hosted teacher. Source of the accounting: arXiv
2409.19759, section 3 (answer augmentation one query a sample, question rephrase and new question two).

A query is one request, however often it had to be sent: budgets of different strategies stay comparable whatever the
network does. :class:`crossover.teachers.spending.Account` counts what the sending cost in tokens and money, repeats included.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field

from crossover.errors import CrossoverError
from crossover.teachers.spending import BudgetExceeded


@dataclass
class Funnel:
    """How many samples reached each stage.

    Attributes
    ----------
    asked : int
        Samples attempted.
    returned : int
        Attempts whose every call came back with text.
    parsed : int
        Of those, attempts whose answer has a readable final answer.
    verified : int
        Of those, samples whose answer is right for the question as it reads. Counted always where the truth is known;
        filtered on only where the cell asks for verification.
    unique : int
        Samples left after exact duplicates (of question and answer together) are dropped.
    kept : int
        Samples that the student is trained on.
    near_test : int
        Parsed attempts that were dropped since they ask what a test asks; no stage of its own.
    """

    asked: int = 0
    returned: int = 0
    parsed: int = 0
    verified: int = 0
    unique: int = 0
    kept: int = 0
    near_test: int = 0

    def as_dict(self) -> dict[str, int]:
        """Return the counts by stage, in order."""
        return {stage: n for stage, n in asdict(self).items() if stage != "near_test"}


@dataclass
class Ledger:
    """Counts queries against a budget that cannot be passed.

    >>> ledger = Ledger(budget=3)
    >>> ledger.charge("answer", 2)
    >>> ledger.remaining
    1
    >>> ledger.charge("answer", 2)
    Traceback (most recent call last):
    ...
    crossover.teachers.spending.BudgetExceeded: 2 answer calls would pass the budget of 3 queries: 2 are spent, 1 remains.
    """

    budget: int
    calls: Counter = field(default_factory=Counter)
    tokens_in: int = 0
    tokens_out: int = 0

    def __post_init__(self) -> None:
        if self.budget < 0:
            raise CrossoverError(f"budget is {self.budget} queries; it must be at least 0.")

    @property
    def spent(self) -> int:
        """Queries charged so far."""
        return self.calls.total()

    @property
    def remaining(self) -> int:
        """Queries that may still be made."""
        return self.budget - self.spent

    def charge(self, kind: str, n: int) -> None:
        """Charge ``n`` calls of one kind, before they are made; all or none.

        Raises
        ------
        BudgetExceeded
            The calls would pass the budget.
        """
        if n > self.remaining:
            raise BudgetExceeded(
                f"{n} {kind} calls would pass the budget of {self.budget} queries: "
                f"{self.spent} are spent, {self.remaining} remains."
            )
        self.calls[kind] += n

    def count_tokens(self, tokens_in: int, tokens_out: int) -> None:
        """Add the tokens that a batch of replies reported."""
        self.tokens_in += tokens_in
        self.tokens_out += tokens_out
