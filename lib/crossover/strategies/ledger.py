"""The query budget as a hard cap, and the yield funnel of what the queries brought.

A call is paid before it is made, and a failed one has been paid for all the same (arXiv 2409.19759, section 3). A query
is one request, however often it is sent; :mod:`crossover.teachers.spending` counts tokens and money.
"""

from collections import Counter
from dataclasses import asdict, dataclass, field

from crossover.teachers.spending import BudgetExceeded


@dataclass
class Funnel:
    """How many samples reached each stage."""

    asked: int = 0
    returned: int = 0  #: every call came back with text
    parsed: int = 0  #: a final answer can be read
    #: Right for the question as it reads: counted where the truth is known, filtered on where the cell asks for it.
    verified: int = 0
    unique: int = 0  #: without exact duplicates of question and answer together
    kept: int = 0  #: what the student is trained on
    near_test: int = 0  #: parsed, and dropped for asking what a test asks; no stage of its own

    def as_dict(self) -> dict[str, int]:
        return {stage: n for stage, n in asdict(self).items() if stage != "near_test"}


@dataclass
class Ledger:
    """Counts queries against a budget that cannot be passed."""

    budget: int
    calls: Counter = field(default_factory=Counter)
    tokens_in: int = 0
    tokens_out: int = 0

    @property
    def spent(self) -> int:
        return self.calls.total()

    @property
    def remaining(self) -> int:
        return self.budget - self.spent

    def charge(self, kind: str, n: int) -> None:
        """Charge ``n`` calls of one kind, before they are made; all, or none and :class:`BudgetExceeded`."""
        if n > self.remaining:
            raise BudgetExceeded(
                f"{n} {kind} calls would pass the budget of {self.budget} queries: "
                f"{self.spent} are spent, {self.remaining} remains."
            )
        self.calls[kind] += n
