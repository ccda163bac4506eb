"""What a server was paid in tokens and money, against caps that cannot be passed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from crossover.errors import CrossoverError
from crossover.paths import written


class BudgetExceeded(CrossoverError):
    """A call could pass a cap. It was not made."""


@dataclass
class Account:
    """What a server was paid by all cells of a run, against caps that cannot be passed.

    An attempt is entered before it is made, at the most it can cost, and again once its bill is known. One whose bill
    never comes (the reply was lost on the way, time ran out, the process was killed) stays at the most and is
    ``unsettled``. Entries are appended to a file, one line ``[attempt, tokens_in, tokens_out]`` each, so that a resumed
    run goes on counting. Prices are per million tokens of prompts and of replies, in the currency of ``max_cost``; a
    cap of 0 is none. A server that bills more than it was asked for is counted at what it says, and stops the run at
    the next attempt.
    """

    path: Path
    price_in: float = 0.0
    price_out: float = 0.0
    max_total_tokens: int = 0
    max_cost: float = 0.0
    entries: dict[int, tuple[int, int]] = field(default_factory=dict, init=False, repr=False)
    unsettled: set[int] = field(default_factory=set, init=False, repr=False)
    tokens_in: int = field(default=0, init=False)
    tokens_out: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        for name in ("price_in", "price_out", "max_total_tokens", "max_cost"):
            if getattr(self, name) < 0:
                raise CrossoverError(f"{name} is {getattr(self, name)}; it cannot be negative.")
        if self.max_cost and not (self.price_in or self.price_out):
            raise CrossoverError(f"max_cost is {self.max_cost:g} but nothing has a price; give price_in and price_out.")
        if not self.path.exists():
            return
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):  # a last line cut short by a full disk
            self.path.write_bytes(whole)
        for line in whole.splitlines():
            self._count(*json.loads(line))

    @property
    def cost(self) -> float:
        """Money spent or set aside so far."""
        return self._cost(self.tokens_in, self.tokens_out)

    @property
    def answered(self) -> int:
        """How many attempts a server has answered."""
        return sum(out > 0 for attempt, (_, out) in self.entries.items() if attempt not in self.unsettled)

    def reserve(self, tokens_in: int, tokens_out: int) -> int:
        """Enter an attempt at the most it can cost, before it is made, and return its number.

        :class:`BudgetExceeded` at a cap.
        """
        total_in, total_out = self.tokens_in + tokens_in, self.tokens_out + tokens_out
        if self.max_total_tokens and total_in + total_out > self.max_total_tokens:
            spent, cap = f"{self.tokens_in + self.tokens_out:,} tokens", f"max_total_tokens={self.max_total_tokens:,}"
        elif self.max_cost and self._cost(total_in, total_out) > self.max_cost:
            spent, cap = f"{self.cost:.4g}", f"max_cost={self.max_cost:g}"
        else:
            attempt = len(self.entries)
            self.settle(attempt, tokens_in, tokens_out)
            return attempt
        raise BudgetExceeded(
            f"A call of up to {tokens_in + tokens_out:,} tokens could pass the cap {cap}: {spent} spent so far. It was "
            "not made. Replies that came are stored; with a higher cap the run resumes."
        )

    def settle(self, attempt: int, tokens_in: int, tokens_out: int) -> None:
        """Enter what an attempt did cost, in place of what was entered before."""
        with written(self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "ab") as file:
                file.write(f"{json.dumps([attempt, tokens_in, tokens_out])}\n".encode())
        self._count(attempt, tokens_in, tokens_out)

    def _count(self, attempt: int, tokens_in: int, tokens_out: int) -> None:
        (self.unsettled.discard if attempt in self.entries else self.unsettled.add)(attempt)
        before_in, before_out = self.entries.get(attempt, (0, 0))
        self.entries[attempt] = (tokens_in, tokens_out)
        self.tokens_in += tokens_in - before_in
        self.tokens_out += tokens_out - before_out

    def _cost(self, tokens_in: int, tokens_out: int) -> float:
        return (tokens_in * self.price_in + tokens_out * self.price_out) / 1e6
