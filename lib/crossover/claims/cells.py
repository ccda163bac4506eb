"""The students that entries of the register compare: what to train before anything else."""

import itertools
from collections.abc import Sequence
from functools import lru_cache

import pandas as pd

from crossover.claims.evidence import on_curves
from crossover.claims.register import Part, Register
from crossover.errors import CrossoverError, nearest
from crossover.params.profiles import load_profile, resolve
from crossover.study.cell import Cell
from crossover.study.grids import cells_of
from crossover.study.select import MissingRows, Selector, choose, settings_table


class NotPlanned(CrossoverError):
    """A profile does not run the cells that a claim compares."""


def compared(names: Sequence[str], profile: str, register: Register, under: bool = True) -> list[Cell]:
    """Return the cells of a profile that claims or questions compare, replicate by replicate, each once.

    With ``under``, those of settings that a claim is also asked under come last, as far as the profile has them.
    Raises :class:`NotPlanned` where no notebook of the profile runs the cells of a part.
    """
    grid, table = _grid(profile)
    own: set[str] = set()
    also: set[str] = set()
    for name in names:
        if name not in register.claims:
            raise CrossoverError(f"There is no claim {name!r}.{nearest(name, register.claims)}")
        claim = register.claims[name]
        parts = [part.at(profile) for part in (*claim.parts, *claim.at_the_floor)]
        for part, setting in itertools.product(parts, ({}, *(claim.under if under else []))):
            try:
                (also if setting else own).update(_keys(table, register.base_of(name) | setting, part))
            except MissingRows as problem:
                if not setting:
                    raise NotPlanned(f"{name} cannot be decided from the profile {profile!r}: {problem}.") from None
    found = (cell for key, cell in grid.items() if key in own | also)
    return sorted(found, key=lambda cell: (cell.key not in own, cell.replicate))


@lru_cache(maxsize=1)
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
    chosen, _ = choose(table, base, part.points, part.terms)
    return [key for _, keys in chosen for several in keys for key in several]
