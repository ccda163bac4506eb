"""Training a student against transformers' ``Trainer`` as a user would configure it, and against the matrix-product ceiling."""

from __future__ import annotations

import contextlib
import io
import tempfile
import time
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from transformers import AutoModelForCausalLM, DataCollatorForSeq2Seq, Trainer, TrainingArguments
from transformers.utils import logging

from crossover.bench import products
from crossover.bench.ceilings import matmul
from crossover.bench.tables import ratio, seconds, table, turns
from crossover.bench.together import AT_ONCE, rate
from crossover.evaluation.answers import evaluate
from crossover.figures.style import wilson
from crossover.models.language_model import IGNORED, LanguageModel, Recipe, encode, train
from crossover.models.weights import model_folder
from crossover.tasks import load_task

MODEL, LAYERS, TRAINED, BATCH, EPOCHS, RATE = "SmolLM2-135M-Instruct", 30, 15, 8, 3, 2e-4


def pairs(n: int) -> list[tuple[str, str]]:
    """Return prompts and gold answers of ``n`` problems in words."""
    task = load_task("math_words")
    return [(task.prompt(p.question), p.answer) for p in task.seeds(n, 0)]


def _recipe(trained_layers: int) -> Recipe:
    return Recipe(MODEL, trained_layers, EPOCHS, 1, BATCH, RATE)


def ours(
    examples: Sequence[tuple[str, str]], trained_layers: int, seed: int = 0
) -> tuple[LanguageModel, float, list[float]]:
    """Train a fresh student; return it, the seconds, and the loss of every step."""
    student, recipe = LanguageModel.load(MODEL), _recipe(trained_layers)
    start = time.perf_counter()
    trained = train(student, examples, recipe, seed)
    return student, time.perf_counter() - start, list(trained.curve)


def theirs(
    examples: Sequence[tuple[str, str]], trained_layers: int, seed: int = 0
) -> tuple[LanguageModel, float, list[float]]:
    """Do the same with ``Trainer``: float32 weights, bfloat16 autocast, padded batches, all logits; the same Adam at the same rates."""
    student, recipe = LanguageModel.load(MODEL), _recipe(trained_layers)
    student.model = AutoModelForCausalLM.from_pretrained(model_folder(MODEL), dtype=torch.float32)
    if trained_layers:
        student.model.requires_grad_(False)
        for part in (student.model.model.layers[-trained_layers:], student.model.model.norm):
            part.requires_grad_(True)
    data = [
        {"input_ids": ids, "labels": labels, "attention_mask": [1] * len(ids)}
        for ids, labels in encode(student.tokenizer, examples)
    ]
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        arguments = TrainingArguments(
            folder, per_device_train_batch_size=BATCH, num_train_epochs=EPOCHS, seed=seed, bf16=True, use_cpu=True,
            save_strategy="no", report_to=[], disable_tqdm=True, logging_steps=1,
        )  # fmt: skip
        trained = [p for p in student.model.parameters() if p.requires_grad]
        adam = torch.optim.AdamW(trained, lr=1.0, weight_decay=0.0, betas=(0.9, 0.95), fused=True)
        rates = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: recipe.rate(step, recipe.steps(len(data))))
        trainer = Trainer(
            student.model,
            arguments,
            train_dataset=data,
            data_collator=DataCollatorForSeq2Seq(student.tokenizer),
            optimizers=(adam, rates),
        )
        start = time.perf_counter()
        trainer.train()
        taken = time.perf_counter() - start
    student.model = student.model.to(torch.bfloat16).eval()
    return student, taken, [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def work(examples: Sequence[tuple[str, str]], trained_layers: int) -> float:
    r"""Return the floating-point operations that training needs in weight products.

    A weight costs 2 operations a token forward, 2 for the gradient of its input and 2 for its own. Frozen layers take the
    forward pass of the first epoch alone; the output embedding has logits where there is loss, and no gradient of its own
    where it is frozen.
    """
    student = LanguageModel.load(MODEL)
    layer = sum(p.numel() for p in student.model.model.layers[0].parameters() if p.ndim == 2)
    encoded = encode(student.tokenizer, examples)
    tokens, losses = (
        sum(len(ids) for ids, _ in encoded),
        sum(label != IGNORED for _, labels in encoded for label in labels),
    )
    head = student.model.lm_head.weight.numel()
    upper = 6 * layer * (trained_layers or LAYERS) * tokens * EPOCHS
    lower = 2 * layer * (LAYERS - trained_layers) * tokens if trained_layers else 0
    return upper + lower + (4 if trained_layers else 6) * head * losses * EPOCHS


def products_alone(examples: Sequence[tuple[str, str]], trained_layers: int) -> float:
    """Return the seconds that the products of :func:`work` take, and nothing else."""
    student = LanguageModel.load(MODEL)
    encoded, steps = encode(student.tokenizer, examples), _recipe(trained_layers).steps(len(examples))
    fresh = steps // EPOCHS
    tokens, losses = (
        sum(len(ids) for ids, _ in encoded),
        sum(label != IGNORED for _, labels in encoded for label in labels),
    )
    return seconds(lambda: products.train(student, tokens // fresh, losses // fresh, trained_layers, steps, fresh))


def begun_and_ended(
    way: Callable[..., tuple[LanguageModel, float, object]], examples: Sequence[tuple[str, str]], trained_layers: int
) -> tuple[float, float]:
    """Train one of the two ways, and return when that began and ended."""
    _, taken, _ = way(examples, trained_layers)
    return time.time() - taken, time.time()


def run(n: int = 16, repeats: int = 3, n_learnt: int = 64, n_test: int = 100, seeds: int = 3) -> pd.DataFrame:
    """Time both trainers on the same examples, batch and epochs, alone and in every worker at once; compare what they learn.

    Parameters
    ----------
    n, repeats : int
        Examples, and turns of the timing.
    n_learnt, n_test, seeds : int
        Examples, test problems and training seeds, two or more, of the comparison of what is learnt.
    """
    examples = pairs(n)
    tokens = EPOCHS * sum(len(ids) for ids, _ in encode(LanguageModel.load(MODEL).tokenizer, examples))
    parts = {"upper half": TRAINED, "all layers": 0}
    compared = [("ours", ours, "upper half"), ("ours", ours, "all layers"), ("Trainer", theirs, "all layers")]
    ways = {
        f"{who}, {what}": (lambda way=way, layers=parts[what]: tokens / way(examples, layers)[1])
        for who, way, what in compared
    }
    for who, way, what in (compared[0], compared[2]):
        ways[f"{who}, {what}, {AT_ONCE}"] = lambda way=way, layers=parts[what]: rate(
            tokens, begun_and_ended, way, examples, layers
        )
    ways[products.ALONE] = lambda: tokens / products_alone(examples, TRAINED)
    found, ceiling = turns(ways, repeats), matmul(torch.bfloat16)
    rows = [(f"training, {name}", found[name].median(), "tokens/s", "") for name in ways]
    study, default = f"ours, upper half, {AT_ONCE}", "Trainer, all layers"
    rows += [
        (
            f"the study's recipe as the study runs it ({study[6:]}) over Trainer's default (all layers, one process)",
            ratio(found, study, default),
            "x",
            ">= 3",
        ),
        ("the same recipe in one process over Trainer's default", ratio(found, "ours, upper half", default), "x", ""),
        (
            f"the study's recipe over Trainer's default, both {AT_ONCE}",
            ratio(found, study, f"{default}, {AT_ONCE}"),
            "x",
            "",
        ),
        ("all layers in one process, ours over Trainer", ratio(found, "ours, all layers", default), "x", ""),
    ]
    wanted = {study: ">= 0.5"}
    for name in [name for name in ways if name != products.ALONE]:
        share = work(examples, parts[name.split(", ")[1]]) / tokens * found[name].median() / ceiling
        rows.append((f"share of the bf16 ceiling, {name}", share, "", wanted.get(name, "")))
    bound = tokens * ceiling / work(examples, TRAINED) / found[default].median()
    rows.append(
        (f"the study's recipe, {products.ALONE} over Trainer's default", ratio(found, products.ALONE, default), "x", "")
    )
    rows.append(
        ("the study's recipe, matrix products at the ceiling and nothing else, over Trainer's default", bound, "x", "")
    )
    return table(rows + learnt(n_learnt, n_test, seeds))


def learnt(n: int, n_test: int, seeds: int) -> list[tuple[str, float, str, str]]:
    """Return how right students of both trainers are, all layers trained, over training seeds, and how far their losses part.

    Loss curves are compared as means over each eighth of the steps: the largest gap between the two ways' means over seeds,
    as a multiple of the larger spread between one way's seeds in that eighth.
    """
    task, examples = load_task("math_words"), pairs(n)
    tests = task.test(n_test)
    rows, bounds, curves = [], [], []
    for who, way in (("ours", ours), ("Trainer", theirs)):
        runs = [way(examples, 0, seed=seed) for seed in range(seeds)]
        curves.append([[float(part.mean()) for part in np.array_split(np.array(curve), 8)] for *_, curve in runs])
        right = [sum(o.correct for o in evaluate(student, task, tests, 72)) for student, *_ in runs]
        low, high = wilson(sum(right), seeds * n_test, 0.9)
        bounds.append((low, high))
        rows.append(
            (
                f"accuracy on {n_test} problems, {seeds} seeds, {who} ({low:.1%} to {high:.1%})",
                sum(right) / seeds / n_test,
                "",
                "",
            )
        )
    apart = max(bounds[0][0] - bounds[1][1], bounds[1][0] - bounds[0][1])
    gap, spread = np.abs(np.subtract(*np.mean(curves, axis=1))), np.ptp(curves, axis=1).max(axis=0)
    return [
        *rows,
        ("gap between their 90% intervals, below 0 where they overlap", apart, "", "<= 0"),
        ("largest gap between their loss curves", gap.max(), "nats", ""),
        ("the same over the spread between seeds there", float((gap / spread).max()), "x", "<= 1"),
    ]
