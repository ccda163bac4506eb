"""Measurements as rows: what was measured, its value and unit, what is wanted of it, and whether that is met."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

COLUMNS = ["what", "value", "unit", "wanted"]
_SIGNS = {"<": operator.lt, "<=": operator.le, ">=": operator.ge, "=": operator.eq}


def table(rows: Sequence[tuple[str, float, str, str]]) -> pd.DataFrame:
    """Return measurements with a column that says whether each is what is wanted; empty where nothing is.

    >>> table([("fits", 120.0, "x", ">= 100"), ("memory", 90.0, "MB", "")])["met"].tolist()
    ['yes', '']
    """
    found = pd.DataFrame(rows, columns=COLUMNS)
    return found.assign(
        met=[_met(value, wanted) for value, wanted in zip(found["value"], found["wanted"], strict=True)]
    )


def _met(value: float, wanted: str) -> str:
    if not wanted:
        return ""
    sign, limit = wanted.split()
    return "yes" if _SIGNS[sign](value, float(limit)) else "no"


def turns(ways: dict[str, Callable[[], float]], repeats: int) -> pd.DataFrame:
    """Measure several ways of one thing turn about, ``repeats`` times; one row a turn, one column a way.

    Other work on the machine falls on all ways alike, so a ratio is taken within a turn and its median over turns.
    """
    return pd.DataFrame([{name: way() for name, way in ways.items()} for _ in range(repeats)])


def ratio(found: pd.DataFrame, ours: str, theirs: str) -> float:
    """Return the median over turns of one way's value over another's."""
    return float((found[ours] / found[theirs]).median())


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of a call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def best(work: Callable[[], object], repeats: int) -> float:
    """Return the least wall time of a call, for a ceiling: what the machine can do when nothing disturbs it."""
    return float(np.min([seconds(work) for _ in range(repeats)]))
