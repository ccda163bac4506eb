"""Floors: where correct answers can show no difference, near 0 or chance on both sides, or lost in the noise."""

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from crossover.claims.evidence import Evidence
from crossover.claims.register import Part, Register
from crossover.stats.noise import signal_to_noise
from crossover.stats.verdicts import LEAST_SIGNAL, at_the_floor
from crossover.study.advice_counts import common
from crossover.study.paired import pair
from crossover.study.select import MissingRows, Selector, settings_table
from crossover.study.store import read_runs

FEW = 10  #: Conditions from which the signal-to-noise ratio of a task is read.


@dataclass(frozen=True)
class Floors:
    """What floors of a profile are judged by: chance, its noisy tasks, and its pilot's rows, which replace its own."""

    chance: Mapping[str, float]
    noisy: Collection[tuple[object, object]]
    pilot: tuple[pd.DataFrame, Path] | None

    @classmethod
    def of(cls, rows: pd.DataFrame, folder: Path, register: Register) -> "Floors":
        """Return the floors of a results folder, whose table of settings is ``rows``."""
        name = register.pilots.get(folder.name, "")
        first = folder.parent / name
        pilot = (settings_table(read_runs(first)), first) if name else None
        return cls(register.chance, noisy_tasks(rows), pilot)

    def hold(self, part: Part, base: Selector, tasks: Sequence[object], evidence: Evidence) -> bool:
        """Say whether the correct answers behind a part's evidence can show no difference."""
        pairing = evidence.pairing
        if pairing is None or not pairing.binary:
            return False
        sides, named = pairing.sides, part.sets or tasks
        if self.pilot is not None:
            with contextlib.suppress(MissingRows):
                sides = pair(*self.pilot, base, part.compared).sides
        chance = sum(self.chance.get(str(name), 0.0) for name in named) / len(named)
        lost = any((base.get("experiment"), task) in self.noisy for task in tasks)
        return lost or at_the_floor(sides, chance, pairing.contrast(evidence.prior).detectable)


def noisy_tasks(rows: pd.DataFrame) -> set[tuple[object, object]]:
    """Return experiment and task where :data:`FEW` conditions or more lie closer together than replicates of one."""
    if rows.empty:
        return set()
    alike = rows.assign(strategy=rows["settings"].map(partial(common, without=("replicate", "student_seed"))))
    counts = alike.groupby(["experiment", "task", "strategy", "seed_size", "budget", "replicate"], as_index=False)
    noisy = set[tuple[object, object]]()
    for name, some in counts[["n_correct", "n_test"]].sum().groupby("experiment"):
        found = signal_to_noise(some)
        lost = found[(found["ratio"] < LEAST_SIGNAL) & (found["conditions"] >= FEW)]
        noisy |= {(name, task) for task in lost["task"]}
    return noisy
