"""What a teacher is: a few kinds of request, one kind of reply.

Teacher (answers questions) and augmenter (rephrases or invents them) share the protocol; one object may serve as both.
An instructed teacher annotates inputs and generates examples of a task instead.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from crossover.tasks.base import Problem

Kind = Literal["answer", "rephrase", "new_question", "annotate", "generate"]


@dataclass(frozen=True)
class Request:
    """One call: what is wanted, for which problem, and which of several draws this is.

    With the draw's ``index`` a larger budget repeats the calls of a smaller one. To be generated is an example of the
    output that the problem's question holds, if any.
    """

    kind: Kind
    problem: Problem
    index: int


@dataclass(frozen=True)
class Reply:
    """What came back: a text (``None`` for a failed call) and what it cost.

    ``problem`` is set by teachers that know the truth of a question they wrote; ``failed`` says why there is no text,
    and ``raw`` is what a server sent, which is not stored.
    """

    text: str | None
    tokens_in: int = 0
    tokens_out: int = 0
    problem: Problem | None = field(default=None, repr=False)
    failed: str = ""
    raw: str = field(default="", repr=False, compare=False)


class Teacher(Protocol):
    """Anything that answers requests."""

    @property
    def id(self) -> str:
        """Model and sampling settings; part of the key under which replies are stored."""

    @property
    def repeatable(self) -> bool:
        """Whether calling again gives the same reply at no cost (the oracle); otherwise stored replies are reused."""

    def reply(self, requests: Sequence[Request]) -> list[Reply]:
        """Return one reply a request, in order. A failed call is a reply whose text is ``None``."""


@runtime_checkable
class Remote(Teacher, Protocol):
    """A teacher that is paid by the call, whose replies come one by one and in any order."""

    def ask(self, requests: Sequence[Request], arrived: Callable[[int, Reply], object]) -> None:
        """Call ``arrived`` with each reply as soon as it is there, and with its request's place in ``requests``.

        Where a call cannot be made, the replies of the others arrive before the error is raised.
        """
