"""The ablations' paired comparisons: what is compared, what the paper found, and the differences with their intervals.

Source: arXiv 2409.19759, section 5.3 (augmenter 5.3.1, verification 5.3.2, student 5.3.3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from crossover.chapters.common import ANSWERS, COLUMNS, QUESTIONS, REPHRASE
from crossover.labels import display_name
from crossover.params.ablations import Ablations
from crossover.study.grids.ablations import kept_size
from crossover.study.paired import paired_row
from crossover.study.select import Selector


class Comparison(NamedTuple):
    """One difference in accuracy: its name, the paper's number, and which cells (as ``notebooks/claims.yaml`` explains)."""

    comparison: str
    points: list[Selector]
    terms: list[Selector]
    panel: str = ""
    value: float | None = None


def overview(p: Ablations) -> list[Comparison]:
    """Return the lead of new questions over new answers at the largest budget under each setting."""
    high = {"budget": p.high_budgets[1]}
    settings: list[tuple[str, str, Selector, Selector]] = [("base", "all settings as in the base grid", {}, {})]
    settings += [("source of new questions", f"coverage {share:g}", {}, {"coverage": share}) for share in p.coverages]
    settings += [
        (
            "augmenter",
            f"{p.weak_augmenter:.0%} of new questions spoilt",
            {},
            {"invalid_rate": p.weak_augmenter, "rephrase_drift": p.weak_augmenter},
        )
    ]
    for error in p.answer_errors:
        wrong = {"answer_error": error}
        settings += [
            ("teacher", f"{error:.0%} wrong", wrong, wrong),
            ("teacher", f"{error:.0%} wrong, verified", wrong | {"verify": True}, wrong | {"verify": True}),
        ]
    for size in p.student_sizes:
        cut = {"student_layers": size, "trained_layers": 0}
        settings.append(("student", f"lowest {size} layers", cut, cut))
    return [
        Comparison(name, [high], [{"weight": 1, "strategy": QUESTIONS, **questions}, {"weight": -1, "strategy": ANSWERS, **answers}], panel)
        for panel, name, answers, questions in settings
    ]  # fmt: skip


def augmenter(p: Ablations) -> list[Comparison]:
    """Return what a weak augmenter changes for rephrasings and new questions, averaged over the two large budgets."""
    points = [{"budget": budget} for budget in p.high_budgets]
    weak = {"invalid_rate": p.weak_augmenter, "rephrase_drift": p.weak_augmenter}
    return [
        Comparison(
            display_name(s), points, [{"weight": 1, "strategy": s, **weak}, {"weight": -1, "strategy": s}], value=value
        )
        for s, value in ((REPHRASE, None), (QUESTIONS, -0.15))
    ]


def verification(p: Ablations) -> list[Comparison]:
    """Return what dropping wrong answers gains at equal calls and at equal kept size, and what doubling the calls does."""
    middle, high = p.high_budgets
    out = []
    for error in p.answer_errors:
        for strategy in (ANSWERS, QUESTIONS):
            panel, same = f"{display_name(strategy)}, {error:.0%} wrong", {"strategy": strategy, "answer_error": error}
            checked = {"weight": 1, "verify": True, "budget": high}
            kept = kept_size(high, error)
            out += [
                Comparison(f"verified or not, {high} calls", [same], [checked, {"weight": -1, "budget": high}], panel),
                Comparison(f"verified {high} calls, unverified {kept}", [same], [checked, {"weight": -1, "budget": kept}], panel),
                Comparison(f"unverified {high}, verified {middle} calls", [same],
                           [{"weight": 1, "budget": high}, {"weight": -1, "verify": True, "budget": middle}], panel),
            ]  # fmt: skip
    return out


def student(p: Ablations) -> list[Comparison]:
    """Return, per student, what new questions gain on new answers from the smallest budget compared to the largest."""
    budgets = ((1, p.high_budgets[1]), (-1, p.low_budget))
    terms = [
        {"weight": sign * turn, "strategy": strategy, "budget": budget}
        for turn, budget in budgets
        for sign, strategy in ((1, QUESTIONS), (-1, ANSWERS))
    ]
    cut = [(f"lowest {size} layers", {"student_layers": size, "trained_layers": 0}) for size in p.student_sizes]
    return [Comparison(name, [which], terms) for name, which in [("whole student", {}), *cut]]


def local(p: Ablations) -> list[Comparison]:
    """Return what fine-tuning a local teacher and augmenter gains, at the larger budget."""
    out = []
    for gold in p.local_gold:
        here = {"budget": p.high_budgets[1]}
        tuned, prompted = {"teacher.gold": gold, "augmenter.gold": gold}, {"teacher.gold": gold, "augmenter.gold": 0}
        neither = {"teacher.gold": 0, "augmenter.gold": 0}
        for strategy, worse, what in (
            (ANSWERS, neither, "teacher"),
            (REPHRASE, prompted, "augmenter"),
            (QUESTIONS, prompted, "augmenter"),
        ):
            terms = [{"weight": 1, "strategy": strategy, **tuned}, {"weight": -1, "strategy": strategy, **worse}]
            out.append(Comparison(f"{display_name(strategy)}: {what} tuned on {gold}", [here], terms))
    return out


#: What the chapter compares, by figure.
COMPARISONS: dict[str, Callable[[Ablations], list[Comparison]]] = {
    "overview": overview, "augmenter": augmenter, "verification": verification, "student": student, "local": local,
}  # fmt: skip


def effects(rows: pd.DataFrame, folder: Path, base: Selector, comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """Return the comparisons as a results table decides them, with 90% intervals paired by test item.

    ``base`` has the value of every setting that a comparison does not name; ``why`` says which rows are missing.
    """
    out = [
        {"panel": c.panel, "comparison": c.comparison, "value": c.value}
        | paired_row(rows, folder, base, c.points, c.terms)
        for c in comparisons
    ]
    return pd.DataFrame(out, columns=["panel", *COLUMNS])
