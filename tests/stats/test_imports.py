"""The statistics need neither the models nor the study."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from planted import EARLY, LATE, noisy

LIB = Path(__file__).parents[2] / "lib"
BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "transformers", "datasets", "spacy", "accelerate"):
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocker())
import json
from crossover.cli import app
for command in json.loads(sys.argv[1]):
    app(command, standalone_mode=False)
"""


def test_fit_advise_and_plan_work_without_models(tmp_path):
    path = tmp_path / "pilot.csv"
    noisy(EARLY, LATE, seed=5, offset=0.02).to_csv(path, index=False)
    commands = [
        ["fit", str(path), "--draws", "60", "--json"],
        ["advise", "--seeds", "100", "--queries", "400", "--from", str(path), "--draws", "60"],
        ["plan", str(path), "--spend", "20000", "--draws", "60"],
    ]
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, json.dumps(commands)],
        check=False, capture_output=True, text=True, timeout=120, env=os.environ | {"PYTHONPATH": str(LIB)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '"crossovers"' in done.stdout and "buy " in done.stdout and "new 4" in done.stdout
