"""Measurements as rows: what was measured, value, unit, the target, and whether it is met."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Sequence

import pandas as pd

_SIGNS = {"<": operator.lt, "<=": operator.le, ">=": operator.ge, "=": operator.eq}


def table(rows: Sequence[tuple[str, float, str, str]]) -> pd.DataFrame:
    """Return measurements with a column that says whether each meets its target; empty where there is none.

    >>> table([("fits", 120.0, "x", ">= 100"), ("memory", 90.0, "MB", "")])["met"].tolist()
    ['yes', '']
    """
    found = pd.DataFrame(rows, columns=["what", "value", "unit", "wanted"])
    return found.assign(met=[_met(row.value, row.wanted) for row in found.itertuples()])


def _met(value: float, wanted: str) -> str:
    if not wanted:
        return ""
    sign, limit = wanted.split()
    return "yes" if _SIGNS[sign](value, float(limit)) else "no"


def turns(ways: dict[str, Callable[[], float]], repeats: int) -> pd.DataFrame:
    """Measure several ways of one thing in turn, ``repeats`` times; one row per turn, one column per way.

    Other work on the machine slows all ways alike, so a ratio is taken within a turn and its median over turns.
    """
    return pd.DataFrame([{name: way() for name, way in ways.items()} for _ in range(repeats)])


def ratio(what: str, found: pd.DataFrame, ours: str, theirs: str, wanted: str = "") -> tuple[str, float, str, str]:
    """Return the row for the median over turns of one way's value over another's, its range in the name."""
    ratios = found[ours] / found[theirs]
    return (
        f"{what} ({ratios.min():.2f} to {ratios.max():.2f} in {len(ratios)} turns)",
        float(ratios.median()),
        "x",
        wanted,
    )


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of a call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
