"""What a teacher adds to a few original examples, and the student trained on both (arXiv 2310.01119, section 4)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

from crossover.digests import digest
from crossover.evaluation.answers import Outcome, classify, evaluate
from crossover.evaluation.text_scores import chrf, measure
from crossover.models import encoder
from crossover.models.encoder import Encoder
from crossover.models.recipe import Recipe
from crossover.params.finetuned_teacher import Benchmark
from crossover.strategies import Funnel, Ledger, Purchase, Sample, annotate, generate
from crossover.study.cell import Evaluation, TeacherCell, TrainingData
from crossover.study.experiments.base import test_items, timed, train_causal, training_seed
from crossover.study.store import Store
from crossover.tasks import load_task
from crossover.tasks.base import Problem
from crossover.tasks.instructed.base import ClassificationTask, Instructed, Split
from crossover.teachers.base import Teacher
from crossover.teachers.instructed import InstructedTeacher, Labeller
from crossover.teachers.oracle import LabelOracle
from crossover.teachers.recorded import Recorded

#: The six tasks of arXiv 2310.01119.
BENCHMARKS: tuple[str, ...] = get_args(Benchmark)


class FinetunedTeacherExperiment:
    """Cells of the chapter on fine-tuned teachers."""

    def check(self, cells: Sequence[TeacherCell]) -> None:
        for cell in {(c.task, c.n_test, c.seed_size, c.annotations): c for c in cells}.values():
            task = _task(cell)
            test_items(cell, task), task.split(cell.seed_size, cell.annotations, cell.replicate)

    def make_data(self, cell: TeacherCell, store: Store, device: str) -> TrainingData:
        """Return a cell's original examples with what its teacher adds to them."""
        task, ledger = _task(cell), Ledger(cell.budget)
        split = task.split(cell.seed_size, cell.annotations, cell.replicate)
        parts = _buy(cell, task, split, ledger, store, device)
        original = [Sample(problem.question, problem.answer) for problem in split.original]
        bought = [sample for part in parts.values() for sample in part.samples]
        pairs = [_pair(cell, task, sample) for sample in (*original, *bought)]
        funnel = Funnel(*map(sum, zip(*(part.funnel.as_dict().values() for part in parts.values()), strict=True)))
        measures = measure(task, bought) if bought else {}
        if "annotate" in parts and (read := parts["annotate"].funnel).parsed:
            measures["annotations_right"] = round(read.verified / read.parsed, 4)
        return TrainingData(pairs, funnel, ledger.spent, ledger.tokens_in, ledger.tokens_out, measures)

    def train_and_score(self, cell: TeacherCell, pairs: Sequence[tuple[str, str]], device: str) -> Evaluation:
        """Train an encoder, or a causal model where ``scoring`` is ``"generate"``, and score it on the test items."""
        task = _task(cell)
        tests = test_items(cell, task)
        if cell.scoring == "classify":
            assert isinstance(task, ClassificationTask), f"{cell.task} has no labels"
            recipe, seed = Recipe(**cell.recipe), training_seed(cell)
            classifier = Encoder.load(recipe.model, task.labels, seed, device)
            return timed(
                lambda: encoder.train(classifier, pairs, recipe, seed),
                lambda: classify(classifier, task, tests),
            )
        student, train = train_causal(cell, pairs, device)
        return timed(train, lambda: _scored(task, tests, evaluate(student, task, tests, task.output_tokens)))

    def metric(self, cell: TeacherCell) -> str:
        return _task(cell).metric


def _task(cell: TeacherCell, name: str = "") -> Instructed:
    """The cell's task, or another of the same source."""
    task = load_task(name or cell.task, **cell.task_settings)
    assert isinstance(task, Instructed), f"{task.name} has no instruction"
    return task


def _buy(
    cell: TeacherCell, task: Instructed, split: Split, ledger: Ledger, store: Store, device: str
) -> dict[str, Purchase]:
    """Spend a cell's queries; what was bought is named ``annotate`` and ``generate``."""
    annotations, generations = cell.annotations, cell.budget - cell.annotations
    parts = {}
    if annotations:
        annotator = _recorded(cell, "annotate", task, split, store, device)
        parts["annotate"] = annotate(task, split.unlabelled, split.gold, annotator, ledger, annotations)
    if generations:
        generator = _recorded(cell, "generate", task, split, store, device)
        parts["generate"] = generate(task, split.original, generator, ledger, generations, cell.replicate)
    return parts


def make_teacher(cell: TeacherCell, kind: str, task: Instructed, split: Split, device: str) -> Teacher:
    """Return a cell's teacher at the temperature of one kind of request, ``"annotate"`` or ``"generate"``."""
    dials = cell.teacher_settings
    if cell.teacher == "oracle":
        assert isinstance(task, ClassificationTask), f"{cell.task} has no labels"
        return LabelOracle(task, split.gold, dials["label_error"])
    model, layers = dials["teacher_model"], cell.setting("teacher.teacher_layers")
    if cell.teacher == "prompted":
        return InstructedTeacher(task, model, dials[f"{kind}_temperature"], layers, device=device)
    names = ("trained_layers", "epochs", "min_steps", "batch_size", "learning_rate")
    recipe = Recipe(model=model, student_layers=layers, **{name: dials[f"teacher_{name}"] for name in names})
    learnt: dict[str, Any] = {
        "original": tuple(split.original),
        "recipe": recipe,
        "seed": cell.replicate,
        "device": device,
    }
    if cell.teacher == "encoder":
        assert isinstance(task, ClassificationTask), f"{cell.task} has no labels"
        return Labeller(task, **learnt)
    if "tuned_on" in dials:
        learnt |= _mixture(cell, split, recipe)
    return InstructedTeacher(task, model, dials[f"{kind}_temperature"], layers, **learnt)


def _mixture(cell: TeacherCell, split: Split, recipe: Recipe) -> dict[str, tuple]:
    """As many original examples in all, in equal parts of all six tasks or of the other five."""
    alone = cell.teacher_settings["tuned_on"] == "others"
    names = [name for name in BENCHMARKS if name != cell.task]
    each = cell.seed_size // (len(names) + (not alone))
    others: list[tuple[str, str]] = []
    for name in names:
        task = _task(cell, name)
        original = tuple(task.split(each, 0, cell.replicate).original)
        others += InstructedTeacher(task, recipe.model, 1.0, original=original, recipe=recipe).pairs
    return {"original": () if alone else tuple(split.original[:each]), "others": tuple(others)}


def _recorded(cell: TeacherCell, kind: str, task: Instructed, split: Split, store: Store, device: str) -> Recorded:
    """Store a teacher's calls in a file; sets of every size share those of a prompted one, which knows no examples."""
    teacher = make_teacher(cell, kind, task, split, device)
    group = digest([cell.task, cell.task_settings, teacher.id], 8)
    size = "" if cell.teacher == "prompted" else f"-S{cell.seed_size}"
    name = f"{cell.task}-{kind}{size}-r{cell.replicate}-{group}.jsonl.gz"
    return Recorded(teacher, store.folder / "generations" / name)


def _pair(cell: TeacherCell, task: Instructed, sample: Sample) -> tuple[str, str]:
    """What a student is trained on: text and label for an encoder, prompt and completion for a causal model."""
    if cell.scoring == "classify":
        return sample.question, task.extract(sample.answer) or ""
    return task.prompt(sample.question), sample.answer


def _scored(task: Instructed, tests: Sequence[Problem], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Outcomes, of texts with their chrF."""
    if isinstance(task, ClassificationTask):
        return list(outcomes)
    scores = [chrf(o.extracted or "", problem.references) for o, problem in zip(outcomes, tests, strict=True)]
    return [replace(o, score=round(score, 2)) for o, score in zip(outcomes, scores, strict=True)]
