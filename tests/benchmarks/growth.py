"""How time grows: the store against rows, near-duplicate search against questions, fits against curves."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.tables import table
from crossover.data.near_duplicates import Neighbourhood
from crossover.evaluation.answers import Outcome
from crossover.normal_text import word_set
from crossover.stats.curves import fit_table
from crossover.study.store import COLUMNS, Store, read_runs

ROWS, QUESTIONS, CURVES = (100, 1_000, 10_000), (1_000, 10_000, 100_000), (4, 16, 64)


def run() -> pd.DataFrame:
    """Time each at three sizes, in CPU time of one process, and give the exponent of its growth."""
    ways: dict[str, tuple[str, Sequence[int], Callable[[int], dict[str, float]]]] = {
        "store": ("rows", ROWS, store),
        "near duplicates": ("questions", QUESTIONS, near),
        "fits": ("curves", CURVES, fits),
    }
    rows = []
    for name, (unit, sizes, measure) in ways.items():
        taken = pd.DataFrame([measure(size) for size in sizes], index=sizes)
        for part in taken:
            rows += [(f"{name}: {part}, {size:,} {unit}", taken[part][size], "CPU s", "") for size in sizes]
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


def _seconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin
