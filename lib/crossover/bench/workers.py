"""What handing a cell to a worker costs beside the cell itself: processes of this machine, and Ray."""

from __future__ import annotations

import os
import time

import pandas as pd

from crossover.bench.tables import seconds, table
from crossover.evaluation.answers import Outcome
from crossover.study.workers import Pool, open_pool


def run(calls: int = 200) -> pd.DataFrame:
    """Time the start of two workers, and calls that carry a cell's data there and its outcomes back and do nothing else."""
    rows = []
    for name, cluster, wanted in (("processes", "", ""), ("Ray", "local", "< 0.5")):
        start = time.perf_counter()
        with open_pool(2, "cpu", cluster) as pool:
            _all(pool, 4)
            started = time.perf_counter() - start
            taken = seconds(lambda pool=pool: _all(pool, calls))
        rows += [
            (f"two workers ready, {name}", started, "s", ""),
            (f"overhead a cell, {name}", taken / calls, "s", wanted),
        ]
    return table(rows)


def echo(pairs: list[tuple[str, str]]) -> list[Outcome]:
    """Return outcomes in the size of a cell's."""
    return [Outcome(question, str(os.getpid()), True) for question, _ in pairs]


def _all(pool: Pool, calls: int) -> None:
    pairs = [(f"What is {i} and {i} together?" * 8, f" {i} + {i} = {2 * i}\n#### {2 * i}") for i in range(256)]
    for future in [pool.submit(echo, pairs) for _ in range(calls)]:
        future.exception()
        pool.result(future)
