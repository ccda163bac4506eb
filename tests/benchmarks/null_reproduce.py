"""``crossover reproduce`` where nothing has changed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from statistics import median

import pandas as pd

from benchmarks.tables import seconds, table
from crossover.paths import repository


def run(repeats: int = 3) -> pd.DataFrame:
    """Reproduce the smallest profile into its own folder, then time the same command again."""
    command = [sys.executable, "-c", "from crossover.cli import main; main()", "reproduce", "--profile", "smoke"]
    with tempfile.TemporaryDirectory() as folder:
        where = {"cwd": repository(), "env": os.environ | {"CROSSOVER_RESULTS": folder}}
        reproduce = lambda: subprocess.run(command, check=True, capture_output=True, **where)
        first = seconds(reproduce)
        again = median(seconds(reproduce) for _ in range(repeats))
    return table([
        ("reproduce, profile smoke, the first time", first, "s", ""),
        ("reproduce, profile smoke, nothing changed", again, "s", "< 2"),
    ])  # fmt: skip
