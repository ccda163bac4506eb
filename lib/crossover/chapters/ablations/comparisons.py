"""The ablations' paired comparisons: what is compared, what the paper found, and the differences with their intervals.

Source: arXiv 2409.19759, section 5.3 (augmenter 5.3.1, verification 5.3.2, student 5.3.3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from crossover.labels import display_name
from crossover.params.ablations import Ablations
from crossover.stats.contrasts import benjamini_hochberg
from crossover.stats.crossovers import Crossover
from crossover.study.grids.ablations import kept_size
from crossover.study.paired import paired_row
from crossover.study.select import Selector

ANSWERS, REPHRASE, QUESTIONS = "answer_augmentation", "question_rephrase", "new_question"
COLUMNS = ["comparison", "published", "value", "estimate", "low", "high", "replicates", "items", "p", "why"]


class Comparison(NamedTuple):
    """One difference in accuracy.

    ``published`` says what the paper found and ``value`` is its number, where it gives one (a fraction of 1); ``points`` and
    ``terms`` are as the head of ``notebooks/claims.yaml`` explains.
    """

    name: str
    published: str
    value: float | None
    points: list[Selector]
    terms: list[Selector]


def augmenter(p: Ablations) -> list[Comparison]:
    """Return what a weak augmenter costs rephrasing and new questions, averaged over the two large budgets."""
    points = [{"budget": budget} for budget in p.high_budgets]
    weak = {"invalid_rate": p.weak_augmenter, "rephrase_drift": p.weak_augmenter}
    found = {REPHRASE: ("little", None), QUESTIONS: ("about -15 points", -0.15)}
    return [
        Comparison(
            f"{display_name(strategy)}: weak against strong augmenter", *said, points,
            [{"weight": 1, "strategy": strategy, **weak}, {"weight": -1, "strategy": strategy}],
        )
        for strategy, said in found.items()
    ]  # fmt: skip


def verification(p: Ablations) -> list[Comparison]:
    """Return what dropping wrong answers gains at equal queries and at equal kept size, and what doubling queries does."""
    middle, high = p.high_budgets
    out = []
    for error in p.answer_errors:
        for strategy in (ANSWERS, QUESTIONS):
            who, same = f"{display_name(strategy)}, {error:.0%} wrong", {"strategy": strategy, "answer_error": error}
            checked = {"weight": 1, "verify": True, "budget": high}
            out += [
                Comparison(f"{who}: verified against not, equal queries", "no significant gain", None, [same],
                           [checked, {"weight": -1, "budget": high}]),
                Comparison(f"{who}: verified against not, equal kept size", "no significant gain", None, [same],
                           [checked, {"weight": -1, "budget": kept_size(high, error)}]),
                Comparison(f"{who}: more queries unverified against fewer verified", "more queries win", None, [same],
                           [{"weight": 1, "budget": high}, {"weight": -1, "verify": True, "budget": middle}]),
            ]  # fmt: skip
    return out


def student(p: Ablations) -> list[Comparison]:
    """Return, for each student, what new questions gain on new answers from the smallest budget compared to the largest."""
    low, high = p.low_budget, p.high_budgets[1]
    students = [("whole student", {})] + [
        (f"lowest {size} layers", {"student_layers": size, "trained_layers": 0}) for size in p.student_sizes
    ]
    terms = [
        {"weight": sign * turn, "strategy": strategy, "budget": budget}
        for turn, budget in ((1, high), (-1, low))
        for sign, strategy in ((1, QUESTIONS), (-1, ANSWERS))
    ]
    return [
        Comparison(
            f"Lead of new questions over new answers, grown from {low} to {high} queries, {name}",
            "gains for every student",
            None,
            [which],
            terms,
        )
        for name, which in students
    ]


def local(p: Ablations) -> list[Comparison]:
    """Return what fine-tuning a local teacher and augmenter gains, at the larger budget."""
    out = []
    for gold in p.local_gold:
        here = {"budget": p.high_budgets[1]}
        tuned, prompted = {"teacher.gold": gold, "augmenter.gold": gold}, {"teacher.gold": gold, "augmenter.gold": 0}
        neither = {"teacher.gold": 0, "augmenter.gold": 0}
        for strategy, worse, what in (
            (ANSWERS, neither, "teacher"), (REPHRASE, prompted, "augmenter"), (QUESTIONS, prompted, "augmenter"),
        ):  # fmt: skip
            said = ("little", None) if strategy == REPHRASE else ("gains", None)
            out.append(
                Comparison(
                    f"{display_name(strategy)}: {what} fine-tuned on {gold} gold problems against prompted", *said, [here],
                    [{"weight": 1, "strategy": strategy, **tuned}, {"weight": -1, "strategy": strategy, **worse}],
                )
            )  # fmt: skip
    return out


#: What the chapter compares, by ablation.
COMPARISONS: dict[str, Callable[[Ablations], list[Comparison]]] = {
    "augmenter": augmenter,
    "verification": verification,
    "student": student,
    "local": local,
}


def effects(rows: pd.DataFrame, folder: Path, base: Selector, comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """Return the comparisons as a results table decides them, with 90% intervals paired by test item.

    Parameters
    ----------
    rows : DataFrame
        From :func:`crossover.study.select.settings_table`.
    folder : Path
        Whose ``items/`` hold the outcomes.
    base : mapping
        The value of every setting that a comparison does not name.
    comparisons : sequence of Comparison

    Returns
    -------
    DataFrame
        ``comparison, published, value, estimate, low, high, replicates, items, p, why``; ``why`` says which rows are missing
        where there is no estimate.
    """
    out = [
        {"comparison": c.name, "published": c.published, "value": c.value}
        | paired_row(rows, folder, base, c.points, c.terms)
        for c in comparisons
    ]
    return pd.DataFrame(out, columns=COLUMNS)


def in_words(name: str, estimate: float, low: float, high: float, called: bool) -> str:
    """Say what an interval shows, and whether it is ``called`` a difference among all that are compared beside it.

    >>> in_words("Filter", 0.051, 0.02, 0.08, True)
    'Filter: **up by 5.1 points** (2.0 to 8.0).'
    >>> in_words("Filter", 0.051, 0.02, 0.08, False)
    'Filter: up by 5.1 points (2.0 to 8.0), which may be chance among so many comparisons.'
    >>> in_words("Filter", -0.01, -0.03, 0.02, False)
    'Filter: not told from no change (-1.0 points, -3.0 to 2.0).'
    """
    points, ends = 100 * estimate, f"{100 * low:.1f} to {100 * high:.1f}"
    if low <= 0 <= high:
        return f"{name}: not told from no change ({points:.1f} points, {ends})."
    change = f"{'up' if low > 0 else 'down'} by {abs(points):.1f} points"
    return (
        f"{name}: **{change}** ({ends})."
        if called
        else f"{name}: {change} ({ends}), which may be chance among so many comparisons."
    )


def sentences(rows: pd.DataFrame) -> list[str]:
    """Say what each comparison of one figure shows, or why it shows nothing; the false discovery rate is held down over all of them.

    Parameters
    ----------
    rows : DataFrame
        From :func:`effects`.
    """
    return [
        f"{r.comparison}: {r.why}." if r.why else in_words(r.comparison, r.estimate, r.low, r.high, called)
        for r, called in zip(rows.itertuples(), benjamini_hochberg(rows["p"]), strict=True)
    ]


def advice(ablation: str, rows: pd.DataFrame) -> str:
    """Return one sentence on what the comparisons of an ablation mean for someone with a budget.

    Parameters
    ----------
    ablation : str
        A key of :data:`COMPARISONS`.
    rows : DataFrame
        From :func:`effects`.
    """
    unclear, yes, no = _ADVICE[ablation]
    decisive = rows[rows["comparison"].str.contains(_DECISIVE[ablation])]
    if decisive.empty or decisive["estimate"].isna().any():
        return "Not run here, so that nothing is said."
    if (decisive["low"] > 0).all():
        return yes
    return no if (decisive["high"] < 0).all() else unclear


def coverage_advice(found: Sequence[tuple[float, Crossover]]) -> str:
    """Return one sentence on whether new questions need new sources, from the crossovers by coverage."""
    least = [c for share, c in found if share == min(share for share, _ in found)]
    pays = [c.status == "found" or (c.status == "none" and c.leader == QUESTIONS) for c in least]
    if len({share for share, _ in found}) < 2 or not pays:
        return "Run at one coverage alone, so that nothing is said."
    if all(pays):
        return (
            "New questions came to pay here even at the least coverage: an augmenter that varies the seeds themselves is worth its "
            "queries at large ratios. What a source beyond them adds is not asked by these crossovers."
        )
    if not any(pays):
        return "At the least coverage new questions did not overtake new answers: without a source beyond your seeds, buy answers."
    return "Whether new questions pay at the least coverage depends on the number of seeds here: see the lines above."


def task_advice(found: Sequence[Crossover]) -> str:
    """Return one sentence on what the crossovers of one task's strategies mean for someone with a budget."""
    told = [c for c in found if c.status == "found" or c.leader]
    if not told:
        return "On this task nothing tells the strategies apart: what you buy matters less than whether your teacher and student can do it."
    if any(c.status == "found" for c in told):
        return "On this task too the best buy turns with the budget ratio: see the lines above for where."
    leaders = sorted({display_name(c.leader).lower() for c in told})
    return (
        f"On this task {' and '.join(leaders)} led wherever a lead could be told: buy that first, whatever the budget."
    )


#: The comparisons that each sentence rests on.
_DECISIVE = {
    "augmenter": "New question",
    "verification": "more queries",
    "student": "layers|whole",
    "local": "fine-tuned",
}
#: By ablation: what to say when the decisive intervals cross zero or disagree, all lie above it, all lie below it.
_ADVICE = {
    "augmenter": (
        "What a weak augmenter does to new questions is not told from nothing here; try a hundred of them before you buy more.",
        "Even an augmenter that spoils many questions helped new questions here: do not reject one for its slips alone.",
        "Read some of your augmenter's questions before you buy many: spoilt ones are paid for and teach little.",
    ),
    "verification": (
        "Whether to check answers or to buy more of them is not settled here for every strategy: see the lines above.",
        "Spend what checking would cost on further queries: more of them, errors and all, beat fewer that were checked.",
        "If checking is cheaper than a second query, check: fewer answers that are right beat more that are not.",
    ),
    "student": (
        "With some students here the lead did not grow; one that hardly learns at any budget shows nothing. Try yours on a small budget first.",
        "Choose the strategy by your budget ratio, not by your student: every student turned from new answers to new questions.",
        "Students differ in sign from the paper: new answers gained on new questions as the budget grew.",
    ),
    "local": (
        "Fine-tuning a small teacher on a few gold problems: no gain can be told for every strategy here.",
        "If your teacher is small, fine-tune it on the gold problems that you have before you buy anything from it.",
        "Fine-tuning a small teacher on gold problems made its data worse here: prompt it instead.",
    ),
}
