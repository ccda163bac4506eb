"""Sentences of the chapter on the budget ratio, computed from its crossovers, leads and gains."""

from collections.abc import Sequence

import pandas as pd

from crossover.chapters import common
from crossover.chapters.common import listed
from crossover.figures.learning_curves import decided_runs
from crossover.labels import display_name, in_order
from crossover.stats.crossovers import Crossover


def rule(found: Sequence[Crossover]) -> str:
    """Say what leads at small and at large ratios; by seed-set size where the intervals do not all overlap."""
    there = sorted((c for c in found if c.status == "found"), key=lambda c: c.seed_size)
    if len({(c.first, c.second) for c in there}) > 1:
        return "These runs give no simple rule: the order of new answers and new questions turns with the seed-set size"
    located = [(c, low, high) for c in there for low, high in [c.interval] if low is not None and high is not None]
    if not located:
        return "These runs give no simple rule for new answers against new questions"
    sized, lows, highs = zip(*located, strict=True)
    first, second = (display_name(name).lower() for name in (sized[0].first, sized[0].second))
    if max(lows) > min(highs):
        start, *others = sized
        at = [f"{start.ratio:.2g} teacher calls per seed question with {start.seed_size:,.0f} seeds"]
        at += [f"{c.ratio:.2g} with {c.seed_size:,.0f}" for c in others]
        return f"By the fitted curves, {second} overtake {first} at {listed(at)}"
    where = {1: "", 2: " at both sizes"}.get(len(sized), " at all sizes")
    if len(sized) < len(found):
        where = f" with {listed_sizes([c.seed_size for c in sized])} seeds"
    return (
        f"By the fitted curves{where}, {first} lead below {min(lows):.2g} teacher calls per seed question,"
        f" {second} above {max(highs):.2g}"
    )


def listed_sizes(sizes: Sequence[float]) -> str:
    """Write seed-set sizes one after the other."""
    return listed([f"{size:,.0f}" for size in sizes])


def _where(ratios: Sequence[float], run: Sequence[float], calls: str) -> str:
    """Say at which of the tested ratios a run lies; ``calls`` names the unit."""
    first, last = run[0], run[-1]
    unit = f" {calls}{'s' if max(run) != 1 or len(run) > 1 else ''} per seed question" if calls else ""
    if last == ratios[-1]:
        return "at all tested ratios" if first == ratios[0] else f"from {first:g}{unit} on"
    return (
        f"up to {last:g}{unit}"
        if first == ratios[0]
        else f"{f'from {first:g} to' if first < last else 'at'} {last:g}{unit}"
    )


def _sides(leads: pd.DataFrame) -> list[tuple[int, str, str, float, str]]:
    """Who leads whom, at which ratio of its largest run of them, and where: who leads at larger ratios first."""
    pooled = sorted(leads.loc[leads["seed_size"] == 0, "ratio"])
    runs: dict[int, list[list[float]]] = {}
    for side, run in reversed(decided_runs(leads)):
        runs.setdefault(side, []).insert(0, run)
    found: list[tuple[int, str, str, float, str]] = []
    for side, own in runs.items():
        one, other = ("new questions", "new answers")[::side]
        units = ["teacher call" if not found and i == 0 else "" for i in range(len(own))]
        where = listed([_where(pooled, run, unit) for run, unit in zip(own, units, strict=True)])
        found.append((side, one, other, own[-1][0] if own[-1][-1] == pooled[-1] else own[-1][-1], where))
    return found


def lead_in_short(leads: pd.DataFrame) -> str:
    """Say which strategy leads at which ratios, for the title of a figure."""
    said = "; ".join(f"{one} lead {where}" for _, one, _, _, where in _sides(leads))
    return f"{said[:1].upper()}{said[1:]}" or "No tested ratio decides between new answers and new questions"


def lead_in_words(leads: pd.DataFrame, scale: float = 100.0, unit: str = "points") -> str:
    """Say which strategy beats the other at which ratios, by how much, and whether other ratios are undecided."""
    if leads.empty:
        return "These runs do not compare new answers with new questions."
    pooled, said = leads[leads["seed_size"] == 0].set_index("ratio"), []
    for side, one, other, ratio, where in _sides(leads):
        lead, *ends = side * scale * pooled.loc[ratio, ["lead", "low", "high"]]
        sign = "+" if lead > 0 else ""
        by = f"at {ratio:g}: {sign}{_two(lead)} {unit}, {_two(min(ends))} to {_two(max(ends))}"
        said.append(f"{one.capitalize()} beat {other} {where} ({by}).")
    if not said:
        return "These runs decide nothing between new answers and new questions."
    if ((pooled["low"] <= 0) & (pooled["high"] >= 0)).any():
        open_ = pooled.index[(pooled["low"] <= 0) & (pooled["high"] >= 0)]
        others = "The other tested ratios are" if len(open_) > 1 else f"A ratio of {open_[0]:g} is"
        said.append(f"{others} undecided.")
    return " ".join(said)


def _two(value: float) -> str:
    """Print two significant digits.

    >>> _two(5.0), _two(11.7), _two(0.1), _two(-120.0)
    ('5.0', '12', '0.10', '-120')
    """
    return f"{value:#.2g}".rstrip(".") if abs(value) < 99.5 else f"{value:.0f}"


def gains_in_words(table: pd.DataFrame) -> str:
    """Say from which ratio on each strategy beats the seeds alone at every size, if at all, and up to which it loses.

    >>> rows = [("new_question", 1, -0.1, -0.2, -0.05), ("new_question", 8, 0.2, 0.1, 0.3)]
    >>> rows = pd.DataFrame(rows, columns=["strategy", "ratio", "estimate", "low", "high"]).assign(seed_size=16)
    >>> gains_in_words(rows).split(". ")[1]
    'The seeds alone beat new questions up to a ratio of 1.'
    """
    better, never = [], []
    worse: dict[str, float] = {}
    there = table["seed_size"].unique()
    sizes = f" with {listed_sizes(there)} seeds" if len(there) > 1 else ""
    for strategy in in_order(table["strategy"].unique()):
        ratios, name = table[table["strategy"] == strategy].groupby("ratio"), display_name(strategy)
        gain, lose = (ratios["low"].min() > 0)[::-1].cummin()[::-1], (ratios["high"].max() < 0).cummin()
        if gain.any():
            where = _where([*gain.index], [*gain.index[gain]], "teacher call")
            last = ratios.get_group(gain.index[-1])
            few = f" with {listed_sizes(last['seed_size'])}" if len(last) < len(there) else ""
            top = f"{100 * last['estimate'].mean():+.0f} points at {gain.index[-1]:g}{few}"
            better.append(f"{name} beat training on the seed questions alone{sizes} {where} ({top}).")
        elif (ratios["low"].max() <= 0).all():
            never.append(name.lower())
        if lose.any():
            worse[name.lower()] = lose[lose].index[-1]
    said = better or [f"No strategy beats training on the seed questions alone{sizes} at its largest budget."]
    if never:
        said.append(f"{listed(never).capitalize()} beat the seeds alone at no tested ratio.")
    if len({*worse.values()}) == 1:
        said.append(f"The seeds alone beat {listed([*worse])} up to a ratio of {min(worse.values()):g}.")
    elif worse:
        ends = [f"{name} up to {ratio:g}" for name, ratio in worse.items()]
        said.append(f"By calls per seed question, the seeds alone beat {listed(ends)}.")
    return " ".join(said)


def crossover_in_words(c: Crossover) -> str:
    """Write a crossover with its interval, ends outside the tested range as lying beyond it."""
    return c.status if c.status == "undetermined" else common.ratio(c.ratio, c.interval, c.tested) or "none"


def agreement(predicted: float, low: float, high: float, c: Crossover, first: str) -> str:
    """Say how a predicted crossover, below which ``first`` leads, compares with the one measured.

    An open interval overlaps with nearly anything.
    """
    if pd.isna(predicted) or c.ratio is None or c.status == "undetermined":
        return "nothing to compare"
    if c.first != first:
        return "the order is reversed"
    factor = max(predicted / c.ratio, c.ratio / predicted)
    said = f"off by a factor of {factor:.2g}"
    start, end = c.interval
    if pd.isna(low) or pd.isna(high) or start is None or end is None:
        return f"{said}; an interval is open"
    return f"{said}; intervals {'overlap' if low <= end and start <= high else 'do not overlap'}"


def predictions_in_words(rows: pd.DataFrame) -> str:
    """List the predicted crossovers (``predicted by, seeds, lead, agreement``) that can be compared with measured ones.

    >>> rows = [("", "256", "a → b", "off by a factor of 4.1"), ("", "256", "a → c", "nothing to compare")]
    >>> print(predictions_in_words(pd.DataFrame(rows, columns=["predicted by", "seeds", "lead", "agreement"])))
    Of 2 crossovers predicted for a new seed-set size, 1 can be compared with the measured one:
    <BLANKLINE>
    - 256 seeds, a → b: off by a factor of 4.1
    """
    compared = rows[rows["agreement"].str.contains("factor|reversed")]
    each = [
        f"- {r.seeds} seeds, {r.lead}{by and f', by the {by}'}: {r.agreement}"
        for r, by in zip(compared.itertuples(), compared["predicted by"], strict=True)
    ]
    few = f"{len(each) or 'none'} can be compared with the measured one"
    said = f"Of {len(rows)} crossovers predicted for a new seed-set size, {few}"
    return "\n".join([f"{said}:", "", *each]) if each else f"{said}."
