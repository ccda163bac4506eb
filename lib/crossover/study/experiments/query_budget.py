"""What a query budget buys, and the student trained on it (arXiv 2409.19759, sections 3 and 4)."""

from collections.abc import Sequence
from typing import cast

from crossover.digests import digest
from crossover.errors import CrossoverError
from crossover.evaluation.answers import choose, evaluate
from crossover.strategies import Funnel, Ledger, Purchase, Sample, load_strategy
from crossover.study.cell import Evaluation, QueryCell, TrainingData
from crossover.study.experiments.base import test_items, timed, train_causal
from crossover.study.store import Store
from crossover.tasks import load_task
from crossover.tasks.base import Problem, ProceduralTask, Task, seeds_apart
from crossover.tasks.benchmarks import Arc
from crossover.teachers import Oracle, Teacher
from crossover.teachers.base import EXAMPLES
from crossover.teachers.recorded import Recorded
from crossover.teachers.spending import Account


class QueryBudgetExperiment:
    """Cells of the chapters on the budget ratio and on ablations."""

    def check(self, cells: Sequence[QueryCell]) -> None:
        largest = {
            (cell.task, str(cell.task_settings)): cell for cell in sorted(cells, key=lambda cell: cell.seed_size)
        }
        for cell in largest.values():
            task = load_task(cell.task, **cell.task_settings)
            draw_seeds(cell, task), test_items(cell, task)

    def make_data(self, cell: QueryCell, store: Store, device: str) -> TrainingData:
        """Spend a cell's query budget and return what its student is trained on."""
        task = load_task(cell.task, **cell.task_settings)
        data, ledger = buy(cell, store, device)
        pairs = [(task.prompt(sample.question), sample.answer) for sample in data.samples]
        dropped: dict[str, object] = {"near_test": data.funnel.near_test} if data.funnel.near_test else {}
        return TrainingData(pairs, data.funnel, ledger.spent, ledger.tokens_in, ledger.tokens_out, dropped)

    def train_and_score(self, cell: QueryCell, pairs: Sequence[tuple[str, str]], device: str) -> Evaluation:
        """Train a student on (prompt, completion) pairs and score it; refuse choices where the task lists none."""
        task = load_task(cell.task, **cell.task_settings)
        student, train = train_causal(cell, pairs, device)
        tests = test_items(cell, task)
        if cell.scoring == "choice":
            if not isinstance(task, Arc):
                raise CrossoverError(f"scoring is 'choice', and {cell.task} lists no choices; use scoring='generate'.")
            return timed(train, lambda: choose(student, task, tests))
        return timed(train, lambda: evaluate(student, task, tests, cell.max_new_tokens))

    def metric(self, cell: QueryCell) -> str:
        if cell.scoring == "choice":
            return "likelihood of the choices"
        return load_task(cell.task, **cell.task_settings).metric


def draw_seeds(cell: QueryCell, task: Task) -> list[Problem]:
    """Return a cell's seeds, none of which its teacher or augmenter is fine-tuned on."""
    return seeds_apart(task, cell.seed_size, cell.replicate, task.gold(cell.gold))


def make_teachers(
    cell: QueryCell, task: Task, seeds: Sequence[Problem], store: Store, device: str = "cpu"
) -> tuple[Teacher, Teacher]:
    """Return the teacher and the augmenter that a cell names; a language model is shown the first seeds as examples."""
    account = Account(store.folder / "spending.jsonl", **cell.spending)

    def make(settings: dict) -> Teacher:
        if cell.teacher == "oracle":
            return Oracle(cast(ProceduralTask, task), **settings)  # which checks it
        shown = {"task": task, "examples": seeds[:EXAMPLES], "max_new_tokens": cell.max_new_tokens, **settings}
        if cell.teacher == "endpoint":
            from crossover.teachers.endpoint import Endpoint

            return Endpoint(account=account, **shown, **cell.connection)
        from crossover.teachers.local import LocalTeacher

        return LocalTeacher(**shown, device=device)

    teacher = make(cell.teacher_settings)
    return teacher, make(cell.augmenter_settings) if cell.augmenter_settings else teacher


def buy(cell: QueryCell, store: Store, device: str = "cpu") -> tuple[Purchase, Ledger]:
    """Spend a cell's query budget and return the samples and the ledger; without a teacher the seeds themselves."""
    task = load_task(cell.task, **cell.task_settings)
    seeds = draw_seeds(cell, task)
    if cell.teacher == "none":
        return Purchase([Sample(seed.question, seed.answer) for seed in seeds], Funnel()), Ledger(0)
    teacher, augmenter = make_teachers(cell, task, seeds, store, device)
    recorded = _recorded(cell, store, teacher)
    asked = recorded if augmenter is teacher else _recorded(cell, store, augmenter)
    ledger = Ledger(cell.budget)
    return load_strategy(cell.strategy)(task, seeds, recorded, asked, ledger, cell.verify), ledger


def _recorded(cell: QueryCell, store: Store, teacher: Teacher) -> Recorded:
    """Store a teacher's calls in a file for each teacher, task, strategy and set of seeds."""
    named: list[object] = [cell.task, cell.task_settings, teacher.id]
    if cell.gold:
        named.append(cell.gold)  # the seeds, which are a local teacher's examples, pass over these problems
    name = f"{cell.task}-{cell.strategy}-S{cell.seed_size}-r{cell.replicate}-{digest(named, 8)}.jsonl.gz"
    return Recorded(teacher, store.folder / "generations" / name)
