"""Generate: new inputs with their outputs, one query a sample, every class as often (arXiv 2310.01119, section 3)."""

from collections.abc import Sequence

from crossover.strategies.base import Sample, Yield, paid
from crossover.strategies.ledger import Funnel, Ledger
from crossover.tasks.base import Problem
from crossover.tasks.instructed.base import Instructed, Written
from crossover.teachers.base import Request, Teacher

DRAWS = 10**6  # more than anyone buys of one class


def generate(
    task: Instructed, original: Sequence[Problem], teacher: Teacher, ledger: Ledger, queries: int, replicate: int = 0
) -> Yield:
    """Ask the teacher for ``queries`` new examples, the classes in turn.

    An example whose input repeats an original one or another new one, or is nearly a test item, is dropped as not unique.
    Whether the label that was asked for is right is not known, so that only a generation task's outputs, which can be
    compared with their inputs, are counted as verified.

    Parameters
    ----------
    task : Instructed
    original : sequence of Problem
    teacher : Teacher
    ledger : Ledger
    queries : int
    replicate : int
        Which draw of the teacher's replies: without it, a teacher that was only prompted would write the same again.
    """
    wanted = [task.classes[j % len(task.classes)] for j in range(queries)]
    requests = [
        Request(
            "generate",
            Problem(f"new-{output or 'example'}", output or "", ""),
            replicate * DRAWS + j // len(task.classes),
        )
        for j, output in enumerate(wanted)
    ]
    replies = paid(teacher, requests, ledger)
    texts = [reply.text for reply in replies]
    examples = [task.read_example(text, output) if text else None for text, output in zip(texts, wanted, strict=True)]
    leaks = iter(task.near_test([example[0] for example in examples if example]))
    funnel, samples, seen = Funnel(asked=queries, returned=sum(map(bool, texts))), [], {p.question for p in original}
    for example in filter(None, examples):
        question, answer = example
        funnel.parsed += 1
        funnel.verified += isinstance(task, Written) and task.correct(answer, Problem("", question, ""))
        if next(leaks) or question in seen:
            continue
        seen.add(question)
        samples.append(Sample(question, answer))
    funnel.unique = funnel.kept = len(samples)
    return Yield(samples, funnel)
