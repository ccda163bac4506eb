"""The unit of work: one cell is one trained student; a grid of cells fills a results table and can be resumed.

The data of a cell is made in the calling process, in order, so that every strategy pays through its own ledger and
stored replies are shared. Training and scoring go to worker processes, one thread each: the same cell gives the same
numbers however many workers there are and whatever order the cells finish in. How a cell is made and scored is here for
the chapters on the budget ratio, and in a module of its own for those of :data:`ELSEWHERE`.
"""

from __future__ import annotations

import datetime
import hashlib
import importlib
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import MISSING, Field, dataclass, field, fields
from types import ModuleType
from typing import TYPE_CHECKING

from crossover.errors import CrossoverError, nearest
from crossover.models.weights import fingerprint
from crossover.strategies import Purchase, load_strategy
from crossover.strategies.ledger import Funnel, Ledger
from crossover.study import provenance
from crossover.study.store import Store
from crossover.study.workers import Lost, Pool, open_pool, quiet
from crossover.tasks import load_task
from crossover.tasks.base import ChoiceTask, Problem, Task, seeds_apart
from crossover.teachers import Oracle, Teacher
from crossover.teachers.few_shot_prompts import EXAMPLES
from crossover.teachers.recorded import Recorded
from crossover.teachers.spending import Account

if TYPE_CHECKING:
    from crossover.evaluation.answers import Outcome  # which loads torch, not needed to say which cells there are

#: Modules with functions ``make``, ``train_and_score`` and ``examples`` of their own, by experiment.
ELSEWHERE = {
    "finetuned_teacher": "crossover.study.experiments.finetuned_teacher",
    "template_questions": "crossover.study.experiments.template_mixture",
}
SCORINGS = ("generate", "choice")


@dataclass(frozen=True)
class Cell:
    """Everything that decides the numbers of one row.

    Attributes
    ----------
    experiment : str
        Name of the experiment; with ``version`` it stands for what the row means.
    version : int
        Raised when a change to the library changes what the rows mean, which asks for every cell again.
    task, task_settings : str, dict
        What :func:`crossover.tasks.load_task` takes.
    strategy : str
        What :func:`crossover.strategies.load_strategy` takes.
    seed_size, budget, replicate : int
        Seed problems; teacher queries; which draw of the seeds and of the teacher's replies.
    teacher, teacher_settings : str, dict
        The teacher and its dials.
    augmenter_settings : dict
        The dials of another teacher of the same kind, which rephrases and invents; by default the teacher does.
    verify : bool
        Whether samples whose answer is wrong are dropped.
    recipe : dict
        The fields of :class:`crossover.models.language_model.Recipe`.
    n_test, max_new_tokens : int
        Test items, and the longest answer in tokens.
    scoring : str
        ``"generate"``: the student writes an answer; ``"choice"``: it picks the likeliest of the listed choices;
        ``"classify"``: it is an encoder with a head, see :mod:`crossover.study.experiments.finetuned_teacher`; ``"harness"``: the definitions of
        lm-evaluation-harness decide, see :mod:`crossover.study.experiments.template_mixture`.
    student_seed : int
        Which of several students that are trained on the same data.
    connection, spending : dict
        Where a served teacher is and how it is called (``base_url, concurrency, timeout`` of
        :class:`crossover.teachers.endpoint.Endpoint`); what it may cost (the fields of :class:`crossover.teachers.spending.Account`). They
        decide no number and belong to no key, so that a server can move without any call or cell being repeated.
    """

    experiment: str
    version: int
    task: str
    strategy: str
    seed_size: int
    budget: int
    replicate: int
    teacher: str
    n_test: int
    max_new_tokens: int
    verify: bool = False
    task_settings: dict = field(default_factory=dict)
    teacher_settings: dict = field(default_factory=dict)
    augmenter_settings: dict = field(default_factory=dict)
    recipe: dict = field(default_factory=dict)
    scoring: str = "generate"
    student_seed: int = 0
    connection: dict = field(default_factory=dict, compare=False)
    spending: dict = field(default_factory=dict, compare=False)

    @property
    def settings(self) -> str:
        """The fields as one line of JSON, in a fixed order.

        A field at its default is left out, so that a field that is added later changes no key.
        """
        decisive = [f for f in fields(self) if f.compare]
        return json.dumps({f.name: v for f in decisive if (v := getattr(self, f.name)) != _default(f)}, sort_keys=True)

    @property
    def key(self) -> str:
        """A digest of :attr:`settings`: the row's name."""
        return hashlib.sha256(self.settings.encode()).hexdigest()[:16]

    def __str__(self) -> str:
        spent = "synthetic" if self.teacher == "templates" else "queries"
        student = f", student {self.student_seed}" if self.student_seed else ""
        return f"{self.strategy}, {self.seed_size} seeds, {self.budget} {spent}, replicate {self.replicate}{student}"


def _default(of: Field) -> object:
    return of.default if of.default_factory is MISSING else of.default_factory()


@dataclass(frozen=True)
class Made:
    """A cell's training data and what they cost.

    Attributes
    ----------
    pairs : list of (str, str)
        What the student is trained on.
    funnel : Funnel
        Where the synthetic ones among them come from.
    queries, tokens_in, tokens_out : int
        Spent on them.
    measures : dict
        What was measured of the data, for the results table; empty where there is nothing.
    """

    pairs: list[tuple[str, str]]
    funnel: Funnel
    queries: int
    tokens_in: int
    tokens_out: int
    measures: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Scored:
    """What a worker sends back; ``measures`` are scores of the student beside the right answers, where there are any."""

    outcomes: list[Outcome]
    train_tokens: int
    train_loss: float
    seconds_train: float
    seconds_eval: float
    measures: dict[str, object] = field(default_factory=dict)


def draw_seeds(cell: Cell, task: Task) -> list[Problem]:
    """Return a cell's seeds, none of which its teacher or augmenter is fine-tuned on."""
    return seeds_apart(task, cell.seed_size, cell.replicate, task.gold(_gold(cell)))


def _gold(cell: Cell) -> int:
    """Gold problems that a cell's teacher or augmenter is fine-tuned on; the smaller set is part of the larger."""
    return max(settings.get("gold", 0) for settings in (cell.teacher_settings, cell.augmenter_settings))


def make_teachers(
    cell: Cell, task: Task, seeds: Sequence[Problem], store: Store, device: str = "cpu"
) -> tuple[Teacher, Teacher]:
    """Return the teacher and the augmenter that a cell names; local or served ones are shown the first seeds as examples.

    What a served one costs is counted in the store's ``spending.jsonl``, for all cells together.
    """
    account = Account(store.folder / "spending.jsonl", **cell.spending) if cell.teacher == "endpoint" else None

    def make(settings: dict) -> Teacher:
        if cell.teacher == "oracle":
            return Oracle(task, **settings)
        shown = {"task": task, "examples": seeds[:EXAMPLES], "max_new_tokens": cell.max_new_tokens, **settings}
        if cell.teacher == "endpoint":
            from crossover.teachers.endpoint import Endpoint

            return Endpoint(account=account, **shown, **cell.connection)
        from crossover.teachers.local import LocalTeacher

        return LocalTeacher(**shown, device=device)

    teacher = make(cell.teacher_settings)
    return teacher, make(cell.augmenter_settings) if cell.augmenter_settings else teacher


def make_data(cell: Cell, store: Store, device: str = "cpu") -> tuple[Purchase, Ledger]:
    """Spend a cell's query budget and return the samples and the ledger."""
    task = load_task(cell.task, **cell.task_settings)
    seeds = draw_seeds(cell, task)
    teacher, augmenter = make_teachers(cell, task, seeds, store, device)
    recorded = _recorded(cell, store, teacher)
    asked = recorded if augmenter is teacher else _recorded(cell, store, augmenter)
    ledger = Ledger(cell.budget)
    return load_strategy(cell.strategy)(task, seeds, recorded, asked, ledger, cell.verify), ledger


def make(cell: Cell, store: Store, device: str) -> Made:
    """Spend a cell's query budget and return what its student is trained on."""
    task = load_task(cell.task, **cell.task_settings)
    data, ledger = make_data(cell, store, device)
    pairs = [(task.prompt(sample.question), sample.answer) for sample in data.samples]
    return Made(pairs, data.funnel, ledger.spent, ledger.tokens_in, ledger.tokens_out)


def examples(cell: Cell) -> int:
    """Return the most examples that a cell can train on."""
    return cell.budget if cell.strategy == "answer_augmentation" else max(1, cell.budget // 2)


def _recorded(cell: Cell, store: Store, teacher: Teacher) -> Recorded:
    """Store a teacher's calls in a file for each teacher, task, strategy and set of seeds."""
    named = [cell.task, cell.task_settings, teacher.id]
    if gold := _gold(cell):
        named.append(gold)  # the seeds, which are a local teacher's examples, pass over these problems
    group = hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:8]
    name = f"{cell.task}-{cell.strategy}-S{cell.seed_size}-r{cell.replicate}-{group}.jsonl.gz"
    return Recorded(teacher, store.folder / "generations" / name)


def train_and_score(cell: Cell, pairs: Sequence[tuple[str, str]], device: str) -> Scored:
    """Train a student on (prompt, completion) pairs and score it on the cell's test items.

    Raises
    ------
    CrossoverError
        The scoring is unknown, or is ``"choice"`` and the task lists no choices.
    """
    from crossover.evaluation.answers import choose, evaluate
    from crossover.models.language_model import LanguageModel, Recipe, Trained, train

    task, recipe = load_task(cell.task, **cell.task_settings), Recipe(**cell.recipe)
    if cell.scoring not in SCORINGS:
        raise CrossoverError(f"There is no scoring {cell.scoring!r}.{nearest(str(cell.scoring), SCORINGS)}")
    if cell.scoring == "choice" and not isinstance(task, ChoiceTask):
        raise CrossoverError(f"scoring is 'choice', and {cell.task} lists no choices; use scoring='generate'.")
    student = LanguageModel.load(recipe.model, device, recipe.student_layers)
    start = time.perf_counter()
    # A budget that bought no sample leaves the student as it was: that is the cell's result.
    trained = train(student, pairs, recipe, seed=int(cell.key[:8], 16)) if pairs else Trained(0, 0, math.nan)
    between = time.perf_counter()
    tests = task.test(cell.n_test)
    if cell.scoring == "choice":
        outcomes = choose(student, task, tests)
    else:
        outcomes = evaluate(student, task, tests, cell.max_new_tokens)
    end = time.perf_counter()
    return Scored(outcomes, trained.tokens, trained.loss, between - start, end - between)


def run_cells(cells: Sequence[Cell], store: Store, workers: int, device: str = "cpu", cluster: str = "") -> None:
    """Fill the results table with the cells that it lacks.

    Parameters
    ----------
    cells : sequence of Cell
        Run in this order, a few without queries first: their students train while the first teacher is fine-tuned. Cells whose key
        is in the table already are not run again.
    store : Store
    workers, device, cluster
        Where students are trained, see :func:`crossover.study.workers.open_pool`.

    Raises
    ------
    CrossoverError
        A cell failed; the message names it. Cells that had finished are stored.
    """
    from tqdm import tqdm

    if len({cell.key for cell in cells}) < len(cells):
        raise CrossoverError("The grid names a cell twice; a value is repeated in one of its lists.")
    with store.lock():
        done = store.rows()
        missing = [cell for cell in cells if cell.key not in done]
        if not missing:
            print(f"All {len(cells)} cells are in {store.path.name} already.", file=sys.stderr)
            store.sort()
            return
        models = {model: fingerprint(model) for model in sorted({cell.recipe["model"] for cell in missing})}
        origin = provenance.save(provenance.record(device, models), store.folder)
        quiet()
        # The bar counts optimiser steps rather than cells: a cell with twice the data takes twice as long.
        label = f"{len(missing)} cell{'s' if len(missing) > 1 else ''}"
        bar = tqdm(total=sum(map(_work, missing)), unit="step", file=sys.stderr, desc=label, smoothing=0)
        with bar, open_pool(workers, device, cluster) as pool:
            for cell, made, scored in _finished(missing, store, pool, device, tick=bar.refresh):
                row = _row(cell, made, scored, device, origin)
                store.append(row, scored.outcomes)
                bar.update(_work(cell))
                bar.write(f"  {cell}: {row['n_correct']}/{cell.n_test} right", file=sys.stderr)
        store.sort()


def _finished(
    cells: Sequence[Cell],
    store: Store,
    pool: Pool,
    device: str,
    tick: Callable[[], object],
) -> Iterator[tuple[Cell, Made, Scored]]:
    """Yield cells as they finish, with one made ahead for each worker; call ``tick`` every second or so while none is made.

    What goes wrong is raised when the cells that run have finished.
    """
    running: dict[Future, tuple[Cell, Made]] = {}
    most = 2 * pool.workers
    queue, failure = iter(_ordered(cells, most)), None
    while True:
        if failure is None and len(running) < most and (cell := next(queue, None)) is not None:
            pause = 0
            try:
                made = module_of(cell).make(cell, store, device)
            except Exception as problem:  # noqa: BLE001 - raised below
                failure = problem
            else:
                running[pool.submit(module_of(cell).train_and_score, cell, made.pairs, device)] = (cell, made)
        elif running:
            pause = 2
            tick()
        else:
            break
        for future in wait(running, timeout=pause, return_when=FIRST_COMPLETED).done:
            cell, made = running.pop(future)
            try:
                scored = pool.result(future)
            except Lost as problem:
                failure = failure or _failed(cell, str(problem))
                continue
            except Exception as problem:  # noqa: BLE001 - whatever a cell raised, the run must say which cell
                failure = failure or _failed(cell, f"{type(problem).__name__}: {problem}")
                continue
            yield cell, made, scored
    if failure:
        raise failure


def _failed(cell: Cell, why: str) -> CrossoverError:
    return CrossoverError(f"The cell ({cell}) failed: {why}. Finished cells are kept.")


def _ordered(cells: Sequence[Cell], most: int) -> list[Cell]:
    """Return cells with some of those without queries first: as many as keep the workers busy while a teacher is fine-tuned."""
    first = [cell for cell in cells if not cell.budget][:most]
    return first + [cell for cell in cells if cell not in first]


def module_of(cell: Cell) -> ModuleType:
    """The module that makes and scores a cell of its experiment."""
    return importlib.import_module(ELSEWHERE.get(cell.experiment, __name__))


def _row(cell: Cell, made: Made, scored: Scored, device: str, origin: str) -> dict[str, object]:
    measures = made.measures | scored.measures
    return {
        "key": cell.key,
        "experiment": cell.experiment,
        "task": cell.task,
        "strategy": cell.strategy,
        "seed_size": cell.seed_size,
        "budget": cell.budget,
        "replicate": cell.replicate,
        "teacher": cell.teacher,
        "student": cell.recipe["model"],
        "n_train": len(made.pairs),
        "n_test": cell.n_test,
        "n_correct": sum(outcome.correct for outcome in scored.outcomes),
        "metric": _metric(cell),
        "queries": made.queries,
        **made.funnel.as_dict(),
        "tokens_in": made.tokens_in,
        "tokens_out": made.tokens_out,
        "train_tokens": scored.train_tokens,
        "train_loss": f"{scored.train_loss:.6f}",
        "device": device,
        "provenance": origin,
        "seconds_train": f"{scored.seconds_train:.1f}",
        "seconds_eval": f"{scored.seconds_eval:.1f}",
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "settings": cell.settings,
        "measures": json.dumps(measures, sort_keys=True) if measures else "",
    }


def _metric(cell: Cell) -> str:
    """What ``n_correct`` counts, in words."""
    if cell.scoring == "harness":
        return module_of(cell).metric(cell)
    return (
        "likelihood of the choices" if cell.scoring == "choice" else load_task(cell.task, **cell.task_settings).metric
    )


def _work(cell: Cell) -> int:
    """Optimiser steps that a cell takes at most, evaluation counted as a tenth of a step an item."""
    from crossover.models.language_model import Recipe

    return Recipe(**cell.recipe).steps(module_of(cell).examples(cell)) + cell.n_test // 10
