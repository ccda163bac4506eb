"""``crossover reproduce`` where nothing has changed: what it costs to find that out."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from statistics import median

import pandas as pd

from crossover.bench.tables import seconds, table
from crossover.paths import repository

PROFILE = "smoke"


def run(repeats: int = 3) -> pd.DataFrame:
    """Reproduce the smallest profile into a folder of its own, then time the same command again."""
    with tempfile.TemporaryDirectory() as folder:
        first = seconds(lambda: _reproduce(folder))
        again = median(seconds(lambda: _reproduce(folder)) for _ in range(repeats))
    return table([
        (f"reproduce, profile {PROFILE}, the first time", first, "s", ""),
        (f"reproduce, profile {PROFILE}, nothing changed", again, "s", "< 5"),
    ])  # fmt: skip


def _reproduce(folder: str) -> None:
    command = [sys.executable, "-c", "from crossover.cli import main; main()", "reproduce", "--profile", PROFILE]
    subprocess.run(
        command, cwd=repository(), env=os.environ | {"CROSSOVER_RESULTS": folder}, check=True, capture_output=True
    )
