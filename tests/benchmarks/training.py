"""Training a student against TRL's ``SFTTrainer`` as its users run it: tokens per second, and the loss that is reached.

TRL is no dependency of the project: ``pip install trl`` first.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Sequence

import datasets
import numpy as np
import pandas as pd
import torch
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from benchmarks.tables import ratio, seconds, table, turns
from crossover.models.language_model import LanguageModel, encode, train
from crossover.models.recipe import Recipe
from crossover.models.weights import model_folder
from crossover.tasks import load_task

RECIPE = Recipe("SmolLM2-135M-Instruct", 15, 3, 1, 8, 2e-4)
Pairs = Sequence[tuple[str, str]]


def pairs(n: int) -> list[tuple[str, str]]:
    """Return prompts and gold answers of ``n`` problems in words."""
    task = load_task("math_words")
    return [(task.prompt(p.question), p.answer) for p in task.seeds(n, 0)]


def ours(examples: Pairs, seed: int = 0) -> tuple[float, list[float]]:
    """Train a fresh student; return the seconds and the loss of every step."""
    student, losses = LanguageModel.load(RECIPE.model), []
    taken = seconds(lambda: losses.extend(train(student, examples, RECIPE, seed).curve))
    return taken, losses


def theirs(examples: Pairs, seed: int = 0) -> tuple[float, list[float]]:
    """Do the same with ``SFTTrainer``: bfloat16 autocast, its chunked loss, the same layers and Adam at the same rates."""
    from trl import SFTConfig, SFTTrainer

    student = LanguageModel.load(RECIPE.model)
    model = AutoModelForCausalLM.from_pretrained(model_folder(RECIPE.model), dtype=torch.float32)
    model.requires_grad_(False)
    for part in (model.model.layers[-RECIPE.trained_layers :], model.model.norm):
        part.requires_grad_(True)
    data = [{"input_ids": ids, "labels": labels} for ids, labels in encode(student.tokenizer, examples)]
    adam = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], lr=1.0, weight_decay=0.0, betas=(0.9, 0.95), fused=True
    )
    rates = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: RECIPE.rate(step, RECIPE.steps(len(data))))
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        arguments = SFTConfig(
            folder, per_device_train_batch_size=RECIPE.batch_size, num_train_epochs=RECIPE.epochs, seed=seed, bf16=True,
            use_cpu=True, save_strategy="no", report_to=[], disable_tqdm=True, logging_steps=1,
            activation_checkpointing=False,
        )  # fmt: skip
        trainer = SFTTrainer(
            model, arguments, train_dataset=datasets.Dataset.from_list(data), processing_class=student.tokenizer,
            optimizers=(adam, rates),
        )  # fmt: skip
        taken = seconds(trainer.train)
    return taken, [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def run(n: int = 64, repeats: int = 3) -> pd.DataFrame:
    """Time both trainers on the same examples, batches and epochs, and compare the losses of their last epoch."""
    examples = pairs(n)
    tokens = RECIPE.epochs * sum(len(ids) for ids, _ in encode(LanguageModel.load(RECIPE.model).tokenizer, examples))
    losses: dict[str, list[float]] = {"ours": [], "SFTTrainer": []}

    def rate(name: str, way) -> float:
        taken, curve = way(examples, seed=len(losses[name]))
        losses[name].append(float(np.mean(curve[-len(curve) // RECIPE.epochs :])))
        return tokens / taken

    found = turns({"ours": lambda: rate("ours", ours), "SFTTrainer": lambda: rate("SFTTrainer", theirs)}, repeats)
    gap, spread = np.subtract(*map(np.mean, losses.values())), max(map(np.ptp, losses.values()))
    return table([
        *((f"training the upper half, {name}", found[name].median(), "tokens/s", "") for name in found),
        ratio("ours over SFTTrainer, one process", found, "ours", "SFTTrainer", ">= 1.7"),
        ("gap between their losses in the last epoch", abs(gap), "nats", ""),
        ("the same over the spread between seeds", abs(gap) / spread, "x", "<= 1"),
    ])  # fmt: skip
