"""What a strategy returns, and the two ways of spending a query budget that the strategies are made of.

Attempt ``j`` works on seed ``j mod S`` with draw ``j // S``, whatever the budget: a larger budget makes the same
attempts and then goes on, so that data sets are nested and stored replies are reused.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from crossover.strategies.ledger import Funnel, Ledger
from crossover.tasks.base import Problem, Task
from crossover.tasks.user_pairs import UserPairs
from crossover.teachers.base import Kind, Reply, Request, Teacher


@dataclass(frozen=True)
class Sample:
    """A synthetic training example: a question as the student sees it and the completion it learns."""

    question: str
    answer: str


@dataclass(frozen=True)
class Purchase:
    """The samples that a strategy got to train on, and the funnel they came through."""

    samples: list[Sample]
    funnel: Funnel


Strategy = Callable[[Task, Sequence[Problem], Teacher, Teacher, Ledger, bool], Purchase]


def charge_and_ask(teacher: Teacher, requests: Sequence[Request], ledger: Ledger) -> list[Reply]:
    """Charge the requests, make them, and count their tokens."""
    for kind, n in Counter(request.kind for request in requests).items():
        ledger.charge(kind, n)
    replies = teacher.reply(requests)
    ledger.tokens_in += sum(reply.tokens_in for reply in replies)
    ledger.tokens_out += sum(reply.tokens_out for reply in replies)
    return replies


def answer_seeds(
    seeds: Sequence[Problem], teacher: Teacher, ledger: Ledger, queries: int
) -> list[tuple[Problem, str | None]]:
    """Spend ``queries`` on answers to the seeds: one query an attempt."""
    asked = _attempts("answer", seeds, 0, queries)
    replies = charge_and_ask(teacher, asked, ledger)
    return [(request.problem, reply.text) for request, reply in zip(asked, replies, strict=True)]


def augment_then_answer(
    kind: Kind, seeds: Sequence[Problem], teacher: Teacher, augmenter: Teacher, ledger: Ledger
) -> list[tuple[Problem, str | None]]:
    """Spend the rest of the budget on questions derived from the seeds and their answers: two queries per attempt.

    What a failed question saved goes to further attempts; a last single query is left unspent.
    """
    results: list[tuple[Problem, str | None]] = []
    while ledger.remaining >= 2:
        asked = _attempts(kind, seeds, len(results), ledger.remaining // 2)
        questions = list(map(_derived, asked, charge_and_ask(augmenter, asked, ledger)))
        answers = iter(charge_and_ask(teacher, [Request("answer", q, 0) for q in questions if q.question], ledger))
        results += [(q, next(answers).text if q.question else None) for q in questions]
    return results


def _attempts(kind: Kind, seeds: Sequence[Problem], first: int, n: int) -> list[Request]:
    return [Request(kind, seeds[j % len(seeds)], j // len(seeds)) for j in range(first, first + n)]


def known_answer(problem: Problem) -> str:
    """Return what a new question's answer is verified against: empty unless the augmenter knew the truth of it."""
    return problem.answer if problem.structure is not None else ""


def _derived(request: Request, reply: Reply) -> Problem:
    """Return the problem that a reply's question makes; its id names the seed and the draw it came from."""
    text = (reply.text or "").strip()
    known = reply.problem or Problem("", text, answer="")
    return replace(known, id=f"{request.problem.id}/{request.kind}-{request.index}", question=text)


def filter_attempts(
    task: Task, attempts: Sequence[tuple[Problem, str | None]], expected: Sequence[str], verify: bool
) -> Purchase:
    """Pass attempts through the funnel and keep what is left.

    ``expected`` holds a reference completion per attempt, empty where the truth is not known, which counts as not
    verified.
    """
    funnel, samples, seen = Funnel(asked=len(attempts)), [], set()
    questions = [problem.question for problem, _ in attempts]
    near = task.near_test(questions) if isinstance(task, UserPairs) else [False] * len(attempts)
    for (problem, completion), reference, leaks in zip(attempts, expected, near, strict=True):
        if not completion or not completion.strip():
            continue
        funnel.returned += 1
        if task.extract(completion) is None:
            continue
        funnel.parsed += 1
        if leaks:
            funnel.near_test += 1
            continue
        right = bool(reference) and task.correct(completion, replace(problem, answer=reference))
        funnel.verified += right
        if verify and not right:
            continue
        text = (" ".join(problem.question.split()), " ".join(completion.split()))
        if text in seen:
            continue
        seen.add(text)
        samples.append(Sample(problem.question, completion))
    funnel.unique = funnel.kept = len(samples)
    return Purchase(samples, funnel)
