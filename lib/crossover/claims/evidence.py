"""The evidence on each part of a claim: statistics of a results table, and the students that give them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from crossover.claims.register import Part, Register
from crossover.errors import CrossoverError, nearest
from crossover.params.profiles import load_profile, resolve
from crossover.stats.contrasts import Contrast, Prior, squeeze
from crossover.stats.curves import Misfit, chi_square, fit_table
from crossover.stats.verdicts import LEVEL
from crossover.study.cell import Cell
from crossover.study.grids import cells_of
from crossover.study.paired import Pairing, pair
from crossover.study.select import MissingRows, Selector, choose, select, settings_table


@dataclass(frozen=True)
class Evidence:
    """What rows say about one part, in all and by replicate."""

    statistic: Contrast | Misfit
    replicates: int
    keys: frozenset[str]
    by_replicate: tuple[float, ...] = ()
    pairing: Pairing | None = None  #: Of a contrast, the outcomes behind it.
    prior: Prior | None = None  #: What the contrast's family says of the spread between replicates.


def gather(part: Part, base: Selector, rows: pd.DataFrame, folder: Path) -> Evidence:
    """Return what rows say about a part on its own; raise :class:`MissingRows` where they say nothing."""
    if part.statistic != "contrast":
        return (measured if part.statistic == "measure" else misfit)(part, base, rows)
    found = pair(rows, folder, base, part.compared)
    sets = [found.differences[:, found.strata == name].mean(1) for name in dict.fromkeys(found.strata)]
    by_replicate = tuple(np.mean(sets, axis=0))
    return Evidence(found.contrast(), len(found.replicates), found.keys, by_replicate, found)


def priors(members: Iterable[tuple[str, Evidence | None]]) -> dict[str, Prior]:
    """Return the prior of each family of like contrasts in which at least two replicates of some member differ."""
    families: dict[str, list[tuple[float, int]]] = {}
    for family, found in members:
        if found and found.pairing and found.replicates > 1:
            variance = found.pairing.components.between / found.pairing.load  # in units of one student's
            families.setdefault(family, []).append((variance, found.replicates - 1))
    return {
        family: squeeze(*zip(*known, strict=True))
        for family, known in families.items()
        if np.median([variance for variance, _ in known]) > 0
    }


def measured(part: Part, base: Selector, rows: pd.DataFrame) -> Evidence:
    """Return the evidence of a measure of the training data: a t interval over replicates, as no items are tested."""
    chosen, shared = choose(rows, base, part.compared)
    values = rows.set_index("key")["measures"].map(lambda text: json.loads(text or "{}").get(part.measure, np.nan))
    total = np.array([sum(w * values[keys[r]].mean() for w, keys in chosen) for r in shared])
    if np.isnan(total).any():
        raise MissingRows(f"the rows hold no measure {part.measure!r}")
    if len(total) < 2:
        raise MissingRows("one replicate, where a measure needs two")
    found = Contrast(float(total.mean()), float(stats.sem(total)), len(total) - 1, len(total), 0, LEVEL, 0.0)
    used = frozenset(key for _, keys in chosen for r in shared for key in keys[r])
    return Evidence(found, len(total), used, tuple(total))


def on_curves(part: Part, base: Selector, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose curves a misfit is of."""
    found = select(rows, base | part.points[0], base)
    return found[found["budget"] >= part.least_ratio * found["seed_size"]]


def misfit(part: Part, base: Selector, rows: pd.DataFrame) -> Evidence:
    """Return the evidence on fitted exponential curves: their root mean square misfit, all of ``base`` together."""
    found = on_curves(part, base, rows)
    if found.empty:
        raise MissingRows(f"no cells with {', '.join(f'{name} {value}' for name, value in base.items())}")
    fits = fit_table(found, LEVEL)
    fitted = [(c.noise, *chi_square(c.noise, c.point)) for c in fits if c.point is not None]
    df = sum(df for _, _, df in fitted)
    if df < 1:
        raise MissingRows("too few budgets for the curves to be fitted with any left over")
    total = Misfit(
        sum(loss for _, loss, _ in fitted), df, sum(n.cell_df for n, _, _ in fitted),
        float(sum(np.trace(n.whitener.T @ n.whitener) for n, _, _ in fitted)), sum(len(n.means) for n, _, _ in fitted),
    )  # fmt: skip
    return Evidence(total, found["replicate"].nunique(), frozenset(found["key"]))


class NotPlanned(CrossoverError):
    """A profile does not run the cells that a claim compares."""


def compared(names: Sequence[str], profile: str, register: Register) -> list[Cell]:
    """Return the cells of a profile that claims or questions compare, replicate by replicate, each once.

    Those of settings that a claim is also asked under come last, where the profile has all of their parts.
    Raises :class:`NotPlanned` where no notebook of the profile runs the cells of a part.
    """
    own: set[str] = set()
    also: set[str] = set()
    for name in names:
        if name not in register.claims:
            raise CrossoverError(f"There is no claim {name!r}.{nearest(name, register.claims)}")
        own |= planned_keys(name, {}, profile, register)
        for setting in register.claims[name].under:
            with contextlib.suppress(NotPlanned):
                also |= planned_keys(name, setting, profile, register)
    found = (cell for key, cell in _grid(profile)[0].items() if key in own | also)
    return sorted(found, key=lambda cell: (cell.key not in own, cell.replicate))


def planned_keys(name: str, setting: Selector, profile: str, register: Register) -> set[str]:
    """Return the keys of a profile's cells that a claim compares under a setting.

    Raises :class:`NotPlanned` where the profile has no cells of a part.
    """
    claim, found, table = register.claims[name], set[str](), _grid(profile)[1]
    for part in (*claim.parts, *claim.at_the_floor):
        try:
            found.update(_keys(table, register.base_of(name) | setting, part.at(profile)))
        except MissingRows as problem:
            raise NotPlanned(f"{name} cannot be decided from the profile {profile!r}: {problem}.") from None
    return found


@lru_cache(maxsize=4)
def _grid(profile: str) -> tuple[dict[str, Cell], pd.DataFrame]:
    """All cells of a profile by their key, and the table of their settings."""
    grid = {cell.key: cell for name in load_profile(profile) for cell in cells_of(resolve(name, profile, {}))}
    columns = ("experiment", "task", "strategy", "seed_size", "budget", "replicate", "key", "settings")
    rows = [{name: getattr(cell, name) for name in columns} for cell in grid.values()]
    teachers = [getattr(cell, "teacher", None) for cell in grid.values()]
    return grid, settings_table(pd.DataFrame(rows).assign(teacher=teachers))


def _keys(table: pd.DataFrame, base: Selector, part: Part) -> list[str]:
    if part.statistic == "misfit":
        found = on_curves(part, base, table)
        if found.empty:
            raise MissingRows("no cells of the curves")
        return list(found["key"])
    chosen, _ = choose(table, base, part.compared)
    return [key for _, keys in chosen for several in keys for key in several]
