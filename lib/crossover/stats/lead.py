"""The lead: difference in outcome between two strategies against the budget ratio.

By the flexible curves, and model-free at each tested ratio, paired by replicate (and by test item, where given).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crossover.errors import CrossoverError
from crossover.labels import in_order
from crossover.stats.contrasts import components
from crossover.stats.curves import Fits, FittedCurve, fit_table
from crossover.stats.formatting import short
from crossover.stats.noise import t_quantile

if TYPE_CHECKING:
    from crossover.stats.contrasts import Prior

POINTS = 121  # ratios at which the lead of the curves is taken
Pair = tuple[FittedCurve, FittedCurve]
ITEM_COLUMNS = ("strategy", "seed_size", "budget", "replicate", "item", "outcome")


@dataclass(frozen=True)
class Lead:
    """Lead of ``second`` over ``first``, positive where ``second`` is better.

    Attributes
    ----------
    seed_size : float or None
        ``None`` where seed-set sizes are pooled, each with the same weight.
    sizes : tuple of float
        The seed-set sizes that it is of.
    curve, points : DataFrame
        ``ratio, lead, low, high`` of the flexible curves, over the ratios tested at every size; and, with
        ``replicates`` and ``sizes``, of paired differences at the tested ratios, over the sizes tested there.
    undecided, brackets : tuple of (float, float)
        Bands of ratios in which the curves' interval holds 0; and neighbouring tested ratios between which the paired
        difference changes sign, the model-free crossover.
    """

    task: str
    first: str
    second: str
    seed_size: float | None
    sizes: tuple[float, ...]
    level: float
    curve: pd.DataFrame
    points: pd.DataFrame
    undecided: tuple[tuple[float, float], ...]
    brackets: tuple[tuple[float, float], ...]

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {k: v.to_dict("records") if isinstance(v, pd.DataFrame) else v for k, v in vars(self).items()}

    def __str__(self) -> str:
        size = "pooled" if self.seed_size is None else f"S = {short(self.seed_size)}"
        bands = ", ".join(f"{short(a)} to {short(b)}" for a, b in self.undecided) or "nowhere"
        return f"{self.second} over {self.first} ({size}, {self.task}): undecided at ratios {bands}"

    def _repr_html_(self) -> str:
        return f"<p>{self}</p>" + self.points.to_html(index=False, border=0, float_format="%.3g")


def compare(table: pd.DataFrame, level: float = 0.9, draws: int = 2000, seed: int = 0, **options: Any) -> list[Lead]:
    """Fit a table of counts and return its leads; ``options`` as for :func:`find_leads`.

    Examples
    --------
    >>> from crossover import example_counts
    >>> (lead,) = compare(example_counts(), draws=200)
    >>> lead.second, lead.brackets
    ('new_question', ((4.0, 8.0),))
    """
    return find_leads(fit_table(table, level, draws, seed), **options)


def find_leads(
    fits: Fits,
    first: str | None = None,
    second: str | None = None,
    pooled: bool = False,
    items: pd.DataFrame | None = None,
    prior: Prior | None = None,
) -> list[Lead]:
    """Leads of every pair of strategies, by task and seed-set size.

    ``first`` and ``second`` ask for one pair alone, or for every pair with one strategy; ``pooled`` for one lead over
    the seed-set sizes of a task at which both strategies were run, but for those with less than half of the most
    replicates: sizes are pooled within replicates that all have. ``items``, outcomes of single test items in the
    columns :data:`ITEM_COLUMNS` (and ``task``), pair the differences by item too; their variance between replicates is
    then drawn to a ``prior``.
    """
    known = in_order(c.strategy for c in fits)
    for name in (first, second):
        if name is not None and name not in known:
            raise CrossoverError(f"no strategy {name!r}; known: {', '.join(known)}")
    if items is not None and not set(ITEM_COLUMNS) <= set(items):
        raise CrossoverError(f"items need the columns {', '.join(ITEM_COLUMNS)}; got {', '.join(map(str, items))}")
    pairs = [(first, second)] if first and second else list(combinations(known, 2))
    pairs = [p for p in pairs if {first, second} - {None} <= set(p)]
    out = []
    for task in sorted({c.task for c in fits}):
        for names in pairs:
            found = [
                tuple(next((c for c in group if c.strategy == name and c.is_fitted), None) for name in names)
                for (of, _), group in fits.groups().items()
                if of == task
            ]
            found = [pair for pair in found if None not in pair and _common(pair)]
            groups = [_replicated(found)] if pooled and found else [[pair] for pair in found]
            out += [_lead(members, items, prior, None if pooled else members[0][0].seed_size) for members in groups]
    return out


def _replicated(members: list[Pair]) -> list[Pair]:
    """The sizes with at least half as many replicates as the size with most."""
    counts = [min(len(c.counts.replicates) for c in pair) for pair in members]
    return [pair for pair, n in zip(members, counts, strict=True) if 2 * n >= max(counts)]


def _lead(members: Sequence[Pair], items: pd.DataFrame | None, prior: Prior | None, seed_size: float | None) -> Lead:
    a, b = members[0]
    tail = (1 - a.level) / 2
    low = max(max(c.ratio_range[0] for c in pair) for pair in members)
    high = min(min(c.ratio_range[1] for c in pair) for pair in members)
    ratios = np.geomspace(low, max(high, low * 1.0001), POINTS)
    draws = np.mean([q.at(ratios)[1] - p.at(ratios)[1] for p, q in members], axis=0)
    ends = np.quantile(draws, [tail, 1 - tail], axis=0)
    curve = pd.DataFrame({"ratio": ratios, "lead": draws.mean(0), "low": ends[0], "high": ends[1]})
    at = {r: [pair for pair in members if r in _common(pair)] for pair in members for r in _common(pair)}
    points = pd.DataFrame([_paired(at[r], r, items, prior) for r in sorted(at)])
    whole = points[points["sizes"] == len(members)]
    brackets = _sign_changes(list(whole["ratio"]), whole["lead"])
    undecided = _bands(ratios, (ends[0] <= 0) & (ends[1] >= 0))
    sizes = tuple(p.seed_size for p, _ in members)
    return Lead(a.task, a.strategy, b.strategy, seed_size, sizes, a.level, curve, points, undecided, brackets)


def model_free(pair: Pair) -> tuple[tuple[float, float], ...]:
    """Neighbouring tested ratios between which the paired difference of two curves changes sign."""
    tested = _common(pair)
    return _sign_changes(tested, [_by_replicate([pair], r)[0] for r in tested])


def _sign_changes(tested: Sequence[float], leads: Sequence[float]) -> tuple[tuple[float, float], ...]:
    signs = np.sign(np.asarray(leads, float))
    return tuple((tested[i], tested[j]) for i, j in pairwise(np.nonzero(signs)[0]) if signs[i] != signs[j])


def _common(pair: Pair) -> list[float]:
    """Ratios at which both were tested in one replicate; a strategy that buys nothing is there at every ratio."""
    a, b = ([] if c.counts.buys_nothing else [float(f"{r:.12g}") for r in c.counts.ratios] for c in pair)
    tested = sorted(set(a) & set(b)) if a and b else sorted(a or b)
    return [r for r in tested if set(_cells(pair[0], r)[0]) & set(_cells(pair[1], r)[0])]


def _paired(members: Sequence[Pair], ratio: float, items: pd.DataFrame | None, prior: Prior | None) -> dict[str, float]:
    """Mean paired difference at one ratio with its t interval; sizes weigh the same, and share their replicates."""
    level = members[0][0].level
    if items is None:
        mean, error, df, replicates = _by_replicate(members, ratio)
        half = t_quantile((1 + level) / 2, df) * error
        low, high = mean - half, mean + half
    else:
        d = sum(_by_item(pair, ratio, items) for pair in members).dropna(how="all").dropna(axis=1) / len(members)
        parts = components(d.to_numpy(float), binary=members[0][0].counts.item_variance is None)
        found = parts.contrast(level, *(prior.between(parts, 2 / len(members)) if prior else ()))
        mean, low, high, replicates = found.estimate, found.low, found.high, len(d)
    return {"ratio": ratio, "lead": mean, "low": low, "high": high, "replicates": replicates, "sizes": len(members)}


def _by_replicate(members: Sequence[Pair], ratio: float) -> tuple[float, float, float, int]:
    """Mean difference, its standard error (at least the items' own noise), degrees of freedom, and replicates."""
    cells = [[_cells(c, ratio) for c in pair] for pair in members]
    common = sorted(set.intersection(*(set(values) for sides in cells for values, _ in sides)))
    if not common:
        names = " and ".join(c.strategy for c in members[0])
        raise CrossoverError(f"{names} share no replicate at ratio {ratio:g}")
    d = np.mean([[b[0][r] - a[0][r] for r in common] for a, b in cells], axis=0)
    J = len(d)
    of_items = sum(np.mean([side[1][r] for r in common]) for sides in cells for side in sides) / J / len(members) ** 2
    between = float(d.var(ddof=1)) / J if J > 1 else 0.0
    return float(d.mean()), max(between, of_items) ** 0.5, (J - 1 if between > of_items else np.inf), J


def _cells(c: FittedCurve, ratio: float) -> tuple[dict[str, float], dict[str, float]]:
    """Mean outcome and sampling variance of one strategy's cells at a ratio, by replicate."""
    k = 0 if c.counts.buys_nothing else int(np.abs(c.counts.ratios - ratio).argmin())
    there = [j for j in range(len(c.counts.replicates)) if c.counts.tested[j, k] > 0]
    names = [c.counts.replicates[j] for j in there]
    mean = c.counts.correct[there, k] / c.counts.tested[there, k]
    return dict(zip(names, mean, strict=True)), dict(zip(names, c.noise.sampling[there, k], strict=True))


def _by_item(pair: Pair, ratio: float, items: pd.DataFrame) -> pd.DataFrame:
    """Differences in the outcomes of single test items, by replicate."""
    tables = []
    for c in pair:
        budget = 0.0 if c.counts.buys_nothing else ratio * c.seed_size
        chosen = items[(items["strategy"] == c.strategy) & (items["seed_size"] == c.seed_size)]
        chosen = chosen[np.isclose(chosen["budget"].astype(float), budget)]
        if "task" in chosen:
            chosen = chosen[chosen["task"] == c.task]
        tables.append(chosen.pivot(index="replicate", columns="item", values="outcome"))
    return tables[1] - tables[0]


def _bands(ratios: np.ndarray, held: np.ndarray) -> tuple[tuple[float, float], ...]:
    """Ends of the runs of true values."""
    edges = np.flatnonzero(np.diff(np.r_[0, held.astype(int), 0]))
    return tuple((float(ratios[a]), float(ratios[b - 1])) for a, b in edges.reshape(-1, 2))
