"""The evidence on each part of a claim: statistics of a results table, with variances pooled within families."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from crossover.claims.register import Part
from crossover.stats.contrasts import Components, Contrast, Prior, squeeze
from crossover.stats.misfit import Misfit
from crossover.study.paired import LEVEL, Pairing, pair
from crossover.study.select import MissingRows, Selector, choose, select


@dataclass(frozen=True)
class Evidence:
    """What rows say about one part; of a contrast also its outcomes, their variances, and its family's prior."""

    statistic: Contrast | Misfit
    replicates: int
    keys: frozenset[str]
    by_replicate: tuple[float, ...] = ()
    pairing: Pairing | None = None
    components: Components | None = None
    prior: Prior | None = None

    @property
    def between(self) -> tuple[float, float]:
        """Variance between replicates and its degrees of freedom, drawn to the family's."""
        own, df = self.components.between, self.components.replicates - 1
        if self.prior is None:
            return own, df
        variance, df = self.prior.moderate(own / self.pairing.load, df)
        return variance * self.pairing.load, df

    def drawn_to(self, prior: Prior) -> Evidence:
        """Return the evidence of a contrast with its variance between replicates drawn to its family's."""
        drawn = replace(self, prior=prior)
        return replace(drawn, statistic=self.components.contrast(LEVEL, *drawn.between))


def contrast(part: Part, base: Selector, rows: pd.DataFrame, folder: Path) -> Evidence:
    """Return the evidence of a contrast on its own."""
    found = pair(rows, folder, base, part.points, part.terms, part.outcome, part.sets)
    variances = found.components()
    sets = [found.differences[:, found.strata == name].mean(1) for name in dict.fromkeys(found.strata)]
    by_replicate = tuple(np.mean(sets, axis=0))
    return Evidence(variances.contrast(LEVEL), variances.replicates, found.keys, by_replicate, found, variances)


def priors(members: Iterable[tuple[str, Evidence]]) -> dict[str, Prior]:
    """Return the prior of each family of like contrasts in which at least two replicates of some member differ."""
    families: dict[str, list[tuple[float, int]]] = {}
    for family, found in members:
        if found.replicates > 1:
            variance = found.components.between / found.pairing.load
            families.setdefault(family, []).append((variance, found.replicates - 1))
    return {
        family: squeeze(*zip(*known, strict=True))
        for family, known in families.items()
        if np.median([variance for variance, _ in known]) > 0
    }


def measured(part: Part, base: Selector, rows: pd.DataFrame) -> Evidence:
    """Return the evidence of a measure of the training data: a t interval over replicates, as no items are tested."""
    chosen, shared = choose(rows, base, part.points, part.terms)
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
    from crossover.stats.curves import fit_table
    from crossover.stats.curves import misfit as chi_square

    found = on_curves(part, base, rows)
    if found.empty:
        raise MissingRows(f"no cells with {', '.join(f'{name} {value}' for name, value in base.items())}")
    fits = fit_table(found, LEVEL)
    fitted = [(c.noise, *chi_square(c.noise, c.point)) for c in fits if c.is_fitted]
    df = sum(df for _, _, df in fitted)
    if df < 1:
        raise MissingRows("too few budgets for the curves to be fitted with any left over")
    total = Misfit(
        sum(loss for _, loss, _ in fitted), df, sum(n.cell_df for n, _, _ in fitted),
        float(sum(np.trace(n.whitener.T @ n.whitener) for n, _, _ in fitted)), sum(len(n.means) for n, _, _ in fitted),
    )  # fmt: skip
    return Evidence(total, found["replicate"].nunique(), frozenset(found["key"]))
