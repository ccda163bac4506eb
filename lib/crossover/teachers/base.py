"""What a teacher is: a few kinds of request, one kind of reply, and the words in which a language model is asked.

Teacher (answers questions) and augmenter (rephrases or invents them) share the protocol; one object may serve as both.
An instructed teacher annotates inputs and generates examples of a task instead.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from crossover.tasks.base import Problem, Task

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


# --- prompts ----------------------------------------------------------------------------------------------------------

# Answers and new questions are asked for by example, rephrasings by instruction (arXiv 2409.19759, appendix).

EXAMPLES = 3  # solved seeds that a teacher is shown beside the problem at hand

REPHRASE = (
    "Say the following question in other words. Keep every name, every number and what is asked. "
    "Write the new question only.\n\n{question}"
)


def prompt(request: Request, task: Task, examples: Sequence[Problem]) -> str:
    """Return the text of a request; an example that is the problem at hand is not shown."""
    question = request.problem.question
    shown = [p for p in examples if p.id != request.problem.id]
    if request.kind == "answer":
        return "\n\n".join([*(task.prompt(p.question) + p.answer for p in shown), task.prompt(question)])
    if request.kind == "new_question":
        return new_question_prompt([*(p.question for p in shown), question])
    return REPHRASE.format(question=question)


def new_question_prompt(questions: Sequence[str]) -> str:
    """Return the prompt after which a model goes on with a question of the same kind."""
    return "".join(f"Question: {text}\n\n" for text in questions) + "Question:"
