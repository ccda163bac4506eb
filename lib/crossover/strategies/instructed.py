"""The strategies of an instructed teacher, one query per sample (arXiv 2310.01119, section 3)."""

from collections.abc import Mapping, Sequence

from crossover.strategies.base import Purchase, Sample, charge_and_ask, filter_attempts
from crossover.strategies.ledger import Funnel, Ledger
from crossover.tasks.base import Problem
from crossover.tasks.instructed.base import GenerationTask, Instructed
from crossover.teachers.base import Request, Teacher

DRAWS = 10**6  # more than anyone buys of one class


def annotate(
    task: Instructed,
    unlabelled: Sequence[Problem],
    gold: Mapping[str, str],
    teacher: Teacher,
    ledger: Ledger,
    queries: int,
) -> Purchase:
    """Ask the teacher for the output of each of the first ``queries`` unlabelled inputs; ``gold`` only counts."""
    asked = unlabelled[:queries]
    replies = charge_and_ask(teacher, [Request("annotate", problem, 0) for problem in asked], ledger)
    attempts = [(problem, _output(task, reply.text)) for problem, reply in zip(asked, replies, strict=True)]
    return filter_attempts(task, attempts, [gold[problem.id] for problem in asked], verify=False)


def _output(task: Instructed, text: str | None) -> str | None:
    """A reply as a completion: the label or line in it, or the text as it is where there is none."""
    found = task.extract(text) if text else None
    return f" {found}" if found else text


def generate(
    task: Instructed, original: Sequence[Problem], teacher: Teacher, ledger: Ledger, queries: int, replicate: int = 0
) -> Purchase:
    """Ask the teacher for ``queries`` new examples, the classes in turn; ``replicate`` is a draw of the replies.

    What repeats an original or a new one, or is nearly a test item, is dropped. Outputs of a generation task, which
    compare with their inputs, are verified.
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
    texts = [reply.text for reply in charge_and_ask(teacher, requests, ledger)]
    examples = [task.read_example(text, output) if text else None for text, output in zip(texts, wanted, strict=True)]
    leaks = iter(task.near_test([example[0] for example in examples if example]))
    funnel, samples, seen = Funnel(asked=queries, returned=sum(map(bool, texts))), [], {p.question for p in original}
    for question, answer in filter(None, examples):
        funnel.parsed += 1
        funnel.verified += isinstance(task, GenerationTask) and task.correct(answer, Problem("", question, ""))
        if next(leaks) or question in seen:
            continue
        seen.add(question)
        samples.append(Sample(question, answer))
    funnel.unique = funnel.kept = len(samples)
    return Purchase(samples, funnel)
