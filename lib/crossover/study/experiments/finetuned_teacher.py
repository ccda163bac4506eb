"""A cell of the chapter on fine-tuned teachers: what its teacher gives, and the student trained on it.

Every student is trained on the original examples; beside them on nothing more, on annotated inputs, on generated examples,
or on half as many of each, for the same number of queries. Source: arXiv 2310.01119, section 4.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from crossover.errors import CrossoverError, nearest
from crossover.evaluation.answers import Outcome, classify, evaluate
from crossover.evaluation.synthetic_data import measure
from crossover.evaluation.text_scores import chrf, macro_f1, text_scores
from crossover.models import encoder, language_model
from crossover.models.encoder import Encoder
from crossover.models.language_model import LanguageModel
from crossover.models.training import Recipe
from crossover.strategies.base import Purchase, Sample
from crossover.strategies.instructed import annotate, generate
from crossover.strategies.ledger import Funnel, Ledger
from crossover.study.cell import Cell, Made, Scored
from crossover.study.store import Store
from crossover.tasks import load_task
from crossover.tasks.base import Problem
from crossover.tasks.instructed.base import Instructed, Labelled, Split, Written
from crossover.teachers.base import Teacher
from crossover.teachers.encoder_annotator import Labeller
from crossover.teachers.instructed import InstructedTeacher
from crossover.teachers.recorded import Recorded

#: The share of a cell's queries that are spent on annotation; the rest on generation.
SHARES = {"original": 0.0, "annotate": 1.0, "generate": 0.0, "both": 0.5}
TEACHERS = ("tuned", "prompted", "encoder")


def make(cell: Cell, store: Store, device: str) -> Made:
    """Return a cell's original examples with what its teacher adds to them.

    Raises
    ------
    CrossoverError
        A condition or teacher that there is not, or a task with too few items.
    """
    task, split, parts, ledger = _buy(cell, store, device)
    original = [Sample(problem.question, problem.answer) for problem in split.original]
    bought = [sample for part in parts.values() for sample in part.samples]
    pairs = [_pair(cell, task, sample) for sample in (*original, *bought)]
    if ledger is None:
        return Made(pairs, Funnel(), 0, 0, 0)
    funnel = Funnel(*map(sum, zip(*(part.funnel.as_dict().values() for part in parts.values()), strict=True)))
    measures = measure(task, bought) if bought else {}
    if "annotate" in parts and (read := parts["annotate"].funnel).parsed:
        measures["annotations_right"] = round(read.verified / read.parsed, 4)
    _report_missing(cell, task, bought, original)
    return Made(pairs, funnel, ledger.spent, ledger.tokens_in, ledger.tokens_out, measures)


def synthetic(cell: Cell, store: Store, device: str) -> dict[str, list[Sample]]:
    """Return a cell's synthetic examples, annotated and generated; stored replies are not asked for again."""
    return {kind: part.samples for kind, part in _buy(cell, store, device)[2].items()}


def _buy(cell: Cell, store: Store, device: str) -> tuple[Instructed, Split, dict[str, Purchase], Ledger | None]:
    """Spend a cell's queries; what was bought is named ``annotate`` and ``generate``."""
    if cell.strategy not in SHARES:
        raise CrossoverError(f"There is no condition {cell.strategy!r}.{nearest(cell.strategy, SHARES)}")
    task = load_task(cell.task, **cell.task_settings)
    annotations, generations = queries(cell)
    split = task.split(cell.seed_size, annotations, cell.replicate)
    ledger, parts = Ledger(cell.budget) if cell.budget else None, {}
    if annotations:
        annotator = _recorded(cell, "annotate", task, split, store, device)
        parts["annotate"] = annotate(task, split.unlabelled, split.gold, annotator, ledger, annotations)
    if generations:
        generator = _recorded(cell, "generate", task, split, store, device)
        parts["generate"] = generate(task, split.original, generator, ledger, generations, cell.replicate)
    return task, split, parts, ledger


def train_and_score(cell: Cell, pairs: Sequence[tuple[str, str]], device: str) -> Scored:
    """Train a student on a cell's pairs and score it on the test items.

    A classification task's student is an encoder or, where ``scoring`` is ``"generate"``, a causal model that writes the
    label; a generation task's is a causal model.
    """
    task, recipe, seed = load_task(cell.task, **cell.task_settings), Recipe(**cell.recipe), int(cell.key[:8], 16)
    start = time.perf_counter()
    if cell.scoring == "classify":
        student = Encoder.load(recipe.model, task.labels, seed, device)
        trained = encoder.train(student, pairs, recipe, seed)
    else:
        student = LanguageModel.load(recipe.model, device, recipe.student_layers)
        trained = language_model.train(student, pairs, recipe, seed)
    between = time.perf_counter()
    tests = task.test(cell.n_test)
    if cell.scoring == "classify":
        outcomes = classify(student, task, tests)
    else:
        outcomes = evaluate(student, task, tests, task.output_tokens)
    outcomes, measures = _scores(task, tests, outcomes)
    end = time.perf_counter()
    return Scored(outcomes, trained.tokens, trained.loss, between - start, end - between, measures)


def examples(cell: Cell) -> int:
    """Return the most examples that a cell can train on."""
    return cell.seed_size + cell.budget


def queries(cell: Cell) -> tuple[int, int]:
    """Return how many of a cell's queries go to annotation and to generation."""
    annotations = int(cell.budget * SHARES[cell.strategy] + 0.5)
    return annotations, cell.budget - annotations


def make_teacher(cell: Cell, kind: str, task: Instructed, split: Split, device: str) -> Teacher:
    """Return a cell's teacher at the temperature of one kind of request, ``"annotate"`` or ``"generate"``.

    ``teacher_settings`` names the model, its layers, a temperature for each kind, and for a tuned teacher the fields of
    :class:`~crossover.models.training.Recipe` with ``teacher_`` before them. An encoder has no temperature.
    """
    if cell.teacher not in TEACHERS:
        raise CrossoverError(f"There is no teacher {cell.teacher!r}.{nearest(cell.teacher, TEACHERS)}")
    dials = cell.teacher_settings
    model, layers = dials["teacher_model"], dials.get("teacher_layers", 0)
    if cell.teacher == "prompted":
        return InstructedTeacher(task, model, dials[f"{kind}_temperature"], layers, device=device)
    names = ("trained_layers", "epochs", "min_steps", "batch_size", "learning_rate")
    recipe = Recipe(
        model=model,
        student_layers=layers,
        lora_rank=dials.get("teacher_lora_rank", 0),
        **{name: dials[f"teacher_{name}"] for name in names},
    )
    learnt = {"original": tuple(split.original), "recipe": recipe, "seed": cell.replicate, "device": device}
    if cell.teacher == "encoder":
        return Labeller(task, **learnt)
    return InstructedTeacher(task, model, dials[f"{kind}_temperature"], layers, **learnt)


def _recorded(cell: Cell, kind: str, task: Instructed, split: Split, store: Store, device: str) -> Recorded:
    """Store a teacher's calls in a file for each teacher, task, kind of request and what it was tuned on.

    A prompted teacher knows no original examples, so that sets of every size share its calls.
    """
    teacher = make_teacher(cell, kind, task, split, device)
    named = json.dumps([cell.task, cell.task_settings, teacher.id], sort_keys=True)
    group = hashlib.sha256(named.encode()).hexdigest()[:8]
    size = "" if cell.teacher == "prompted" else f"-S{cell.seed_size}"
    name = f"{cell.task}-{kind}{size}-r{cell.replicate}-{group}.jsonl.gz"
    return Recorded(teacher, store.folder / "generations" / name)


def _pair(cell: Cell, task: Instructed, sample: Sample) -> tuple[str, str]:
    """What a student is trained on: text and label for an encoder, prompt and completion for a causal model."""
    if cell.scoring == "classify":
        return sample.question, task.extract(sample.answer)
    return task.prompt(sample.question), sample.answer


def _scores(
    task: Instructed, tests: Sequence[Problem], outcomes: Sequence[Outcome]
) -> tuple[list[Outcome], dict[str, object]]:
    """Outcomes with a score for each text, and the scores of the whole."""
    if not isinstance(task, Written):
        gold = [task.extract(problem.answer) for problem in tests]
        return list(outcomes), {"macro_f1": round(macro_f1(gold, [o.extracted for o in outcomes], task.labels), 4)}
    texts = [outcome.extracted or "" for outcome in outcomes]
    references = [problem.references for problem in tests]
    whole = text_scores(texts, references)
    mentions = [ok for p, text in zip(tests, texts, strict=True) for ok in task.mentioned(p.question, text)]
    invented = [task.unsupported(p.question, text) for p, text in zip(tests, texts, strict=True)]
    measures = {
        "chrf": whole.chrf,
        "bleu": whole.bleu,
        "rouge_l": whole.rouge_l,
        "test_coverage": sum(mentions) / len(mentions),
    }
    if None not in invented:
        measures["test_unsupported"] = sum(map(bool, invented)) / len(invented)
    each = [replace(o, score=round(chrf(t, r), 2)) for o, t, r in zip(outcomes, texts, references, strict=True)]
    return each, {name: round(value, 4) for name, value in measures.items()}


def _report_missing(cell: Cell, task: Instructed, bought: Sequence[Sample], original: Sequence[Sample]) -> None:
    """Say which label the teacher never gave, since its student knows it from the original examples at most."""
    if not isinstance(task, Labelled):
        return
    given, known = (Counter(task.extract(sample.answer) for sample in some) for some in (bought, original))
    for label in task.labels:
        if not given[label]:
            print(
                f"  {cell.task}, {cell}: the teacher gave no usable example of {label!r}; the student sees it in {known[label]} original "
                "examples alone.",
                file=sys.stderr,
            )
