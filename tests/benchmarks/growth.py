"""How time grows: the store against rows, near-duplicate search against questions, fits against curves, cells against budget."""

from __future__ import annotations

import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.tables import table
from crossover.data.near_duplicates import Neighbourhood
from crossover.evaluation.answers import Outcome, evaluate
from crossover.models.language_model import LanguageModel, train
from crossover.models.recipe import Recipe
from crossover.normal_text import word_set
from crossover.stats.curves import fit_table
from crossover.study import workers
from crossover.study.store import COLUMNS, Store, read_runs
from crossover.tasks import load_task

ROWS, QUESTIONS, CURVES, BUDGETS = (100, 1_000, 10_000), (1_000, 10_000, 100_000), (4, 16, 64), (64, 256, 1024, 4096)
EPOCH = Recipe("SmolLM2-135M-Instruct", trained_layers=15, epochs=1, min_steps=1, batch_size=8, learning_rate=2e-4)


def run() -> pd.DataFrame:
    """Measure each at three or four sizes, in CPU time of one process, and give the exponent of its growth."""
    ways: dict[str, tuple[str, Sequence[int], Callable[[int], dict[str, float]]]] = {
        "store": ("rows", ROWS, store),
        "near duplicates": ("questions", QUESTIONS, near),
        "fits": ("curves", CURVES, fits),
        "a cell": ("samples", BUDGETS, cell),
    }
    rows = []
    for name, (unit, sizes, measure) in ways.items():
        taken = pd.DataFrame([measure(size) for size in sizes], index=sizes)
        for part in taken:
            measured, most = ("MB", "<= 4096") if part == MEMORY else ("CPU s", "")
            rows += [(f"{name}: {part}, {size:,} {unit}", taken[part][size], measured, most) for size in sizes]
            slope = float(np.polyfit(np.log(sizes), np.log(taken[part]), 1)[0])
            rows.append((f"{name}: {part}, exponent", slope, "", "<= 1.2"))
    return table(rows)


def store(n: int) -> dict[str, float]:
    """A table of ``n`` rows: a hundred appends, one reading, one sort, and what a resumed run reads first."""
    blank = {name: kind() for name, kind in COLUMNS.items()} | {"metric": "x" * 60, "settings": "{}" * 200}
    with tempfile.TemporaryDirectory() as folder:
        filled = Store(Path(folder))
        filled._replace([blank | {"key": f"{i:016x}", "budget": (i * 7919) % 4096} for i in range(n)])
        filled.rows()
        outcomes = [Outcome(f"test-{i:05d}", "1", True) for i in range(200)]
        return {
            "100 appends": _seconds(lambda: [filled.append(blank | {"key": f"new{i}"}, outcomes) for i in range(100)]),
            "read": _seconds(lambda: read_runs(Path(folder))),
            "sort": _seconds(filled.sort),
            "resume": _seconds(lambda: Store(Path(folder)).rows()),
        }


def near(n: int) -> dict[str, float]:
    """``n`` questions looked up among 2,000."""
    rng = np.random.default_rng(0)
    words = np.array([f"word{i}" for i in range(20_000)])
    texts = [word_set(" ".join(words[(rng.zipf(1.3, 12) - 1) % len(words)])) for _ in range(n + 2_000)]
    known = Neighbourhood(texts[:2_000])
    return {"look up": _seconds(lambda: known.holds(texts[2_000:]))}


def fits(n: int) -> dict[str, float]:
    """``n`` curves of six budgets and three replicates, with 100 draws."""
    rng = np.random.default_rng(0)
    rows = [
        {"task": f"t{i}", "strategy": "new_question", "seed_size": 16, "budget": budget, "replicate": r, "n_test": 200,
         "n_correct": int(rng.binomial(200, 0.6 - 0.5 * np.exp(-budget / 100)))}
        for i in range(n) for budget in (8, 16, 32, 64, 128, 256) for r in range(3)
    ]  # fmt: skip
    return {"fit": _seconds(lambda: fit_table(pd.DataFrame(rows), draws=100))}


MEMORY = "peak memory of a worker"


def cell(n: int) -> dict[str, float]:
    """A student of the study's recipe, one epoch on ``n`` samples and 200 test items, in a process like a worker's."""
    os.environ.update(workers.MEMORY)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as worker:
        return worker.submit(_cell, n).result()


def _cell(n: int) -> dict[str, float]:
    task, student = load_task("math_words"), LanguageModel.load(EPOCH.model)
    samples = [(task.prompt(p.question), p.answer) for p in task.seeds(n, 0)]
    torch.set_num_threads(1)
    return {
        "one epoch": _seconds(lambda: train(student, samples, EPOCH, 0)),
        "scoring": _seconds(lambda: evaluate(student, task, task.test(200), 72)),
        MEMORY: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _seconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin
