"""The strategies by name: ways of turning seeds and a query budget into training data (arXiv 2409.19759, section 3).

Each spends the rest of the ledger's budget: one query per answer, two per rephrasing or new question with its answer.
Attempt ``j`` works on seed ``j mod S`` with draw ``j // S``, whatever the budget: a larger budget makes the same
attempts and then goes on, so that data sets are nested and stored replies are reused.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from crossover.errors import CrossoverError, nearest
from crossover.tasks.base import Problem, Task
from crossover.tasks.instructed.base import GenerationTask, Instructed
from crossover.tasks.user_pairs import UserPairs
from crossover.teachers.base import Kind, Reply, Request, Teacher
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
    """Counts queries against a hard cap: a call is charged before it is made, a failed one all the same."""

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
                f"{n} {kind} calls would pass the budget of {self.budget} calls: "
                f"{self.spent} are spent, {self.remaining} remains."
            )
        self.calls[kind] += n


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
    """Spend the rest of the budget on questions derived from the seeds and their answers: two queries an attempt."""
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
    """Pass attempts through the funnel; ``expected`` holds reference completions, empty where unknown."""
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


# --- strategies of arXiv 2409.19759 -----------------------------------------------------------------------------------


def answer_augmentation(
    task: Task, seeds: Sequence[Problem], teacher: Teacher, augmenter: Teacher, ledger: Ledger, verify: bool
) -> Purchase:
    """Ask the teacher for answers to the seeds, round after round, verified against the seed's own answer."""
    attempts = answer_seeds(seeds, teacher, ledger, ledger.remaining)
    return filter_attempts(task, attempts, [problem.answer for problem, _ in attempts], verify)


def question_rephrase(
    task: Task, seeds: Sequence[Problem], teacher: Teacher, augmenter: Teacher, ledger: Ledger, verify: bool
) -> Purchase:
    """Ask the augmenter to rephrase each seed and the teacher to answer it, verified against the seed's answer."""
    attempts = augment_then_answer("rephrase", seeds, teacher, augmenter, ledger)
    return filter_attempts(task, attempts, [seeds[j % len(seeds)].answer for j in range(len(attempts))], verify)


def new_question(
    task: Task, seeds: Sequence[Problem], teacher: Teacher, augmenter: Teacher, ledger: Ledger, verify: bool
) -> Purchase:
    """Ask the augmenter for new questions like each seed and the teacher to answer them; few can be verified."""
    attempts = augment_then_answer("new_question", seeds, teacher, augmenter, ledger)
    return filter_attempts(task, attempts, [known_answer(problem) for problem, _ in attempts], verify)


def mixed(
    task: Task, seeds: Sequence[Problem], teacher: Teacher, augmenter: Teacher, ledger: Ledger, verify: bool
) -> Purchase:
    """Answer the seeds with half of the budget (rounded up), then ask and answer new questions; not the paper's."""
    answers = answer_seeds(seeds, teacher, ledger, (ledger.remaining + 1) // 2)
    fresh = augment_then_answer("new_question", seeds, teacher, augmenter, ledger)
    expected = [problem.answer for problem, _ in answers] + [known_answer(problem) for problem, _ in fresh]
    return filter_attempts(task, [*answers, *fresh], expected, verify)


STRATEGIES: dict[str, Strategy] = {
    strategy.__name__: strategy for strategy in (answer_augmentation, question_rephrase, new_question, mixed)
}


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


# --- strategies of an instructed teacher ------------------------------------------------------------------------------


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
