"""One law per strategy over its seed-set sizes: predicts sizes that were not run, and budgets outside those that were.

``A = E - B (1 + D / rho)^-alpha`` (arXiv 2402.02314, 2607.01727) of ``D`` effective samples, in which repeats of a seed
question lose value as in data-constrained scaling (:func:`effective`; Muennighoff et al. 2023). New questions repeat
nothing; a strategy run at one seed-set size, or in fewer than six cells, cannot tell, and its samples count in full.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd
from scipy.linalg import block_diag

from crossover.errors import CrossoverError
from crossover.labels import QUERIES_PER_SAMPLE
from crossover.stats import noise
from crossover.stats.crossovers import Crossover, find_crossovers
from crossover.stats.curves import MIN_BUDGETS, Fits, FittedCurve
from crossover.stats.flexible import BEYOND
from crossover.stats.forms import FORMS
from crossover.stats.sign_changes import open_region, sign_changes
from crossover.stats.variable_projection import Solution, solve

LAW = FORMS["power_law"]
#: What repeats are worth, ``R`` of :func:`effective`: values that are tried, and that of samples which repeat nothing.
REPEATS, FRESH = (1 / 32, 1 / 8, 1 / 2, 2.0, 8.0, 32.0), 1e9
KINDS = {"answer_augmentation": REPEATS, "question_rephrase": REPEATS, "new_question": (FRESH,)}
HELD_OUT = (
    "task first second seed_size predicted predicted_low predicted_high measured measured_low measured_high status"
)


@dataclass(frozen=True)
class LawFits:
    """Fits of the law to data vectors: the power laws, and ``repeats`` (D,) of each."""

    power: Solution
    repeats: np.ndarray

    def predict(self, samples: np.ndarray, sizes: np.ndarray | float) -> np.ndarray:
        """Outcomes at samples (n,) and seed-set sizes: (D, n)."""
        return self.power.predict(LAW, effective(samples, sizes, self.repeats[:, None]))


@dataclass(frozen=True)
class SeedSizeCurve:
    """One strategy's law: its fit, and fits to redrawn data.

    ``scatter`` (D,) is how far a cell lies from the law beyond the noise of its mean, for each draw.
    """

    per_sample: float
    point: LawFits
    draws: LawFits
    scatter: np.ndarray
    bounds: tuple[float, float]

    def at(self, seed_size: float, ratios: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Outcome at budget ratios for any seed-set size: point (n,) and draws (D, n)."""
        samples = np.asarray(ratios, float) * seed_size / self.per_sample
        point, draws = (np.clip(fits.predict(samples, seed_size), *self.bounds) for fits in (self.point, self.draws))
        return point[0], draws

    def cell(self, seed_size: float, ratio: float) -> np.ndarray:
        """Draws of the outcome of one cell that was not run, its scatter round the law included (D,)."""
        return np.clip(self.at(seed_size, np.array([ratio]))[1][:, 0] + self.scatter, *self.bounds)


def fit_seed_sizes(fits: Fits) -> dict[tuple[str, str], SeedSizeCurve]:
    """Fit one law per (task, strategy) to all its seed-set sizes, on the same budget means and errors as ``fits``.

    Strategies that are not known take the value of repeats that fits best; those with fewer cells than a curve needs
    are left out.
    """
    draws = next((len(c.draws.E) for c in fits if c.draws is not None), 1000)
    rng = np.random.default_rng(fits.seed)
    errors = noise.redraw([c.noise for c in fits], draws, rng)
    members: dict[tuple[str, str], list[tuple[FittedCurve, np.ndarray]]] = {}
    for c, e in zip(fits, errors, strict=True):
        if not c.counts.buys_nothing:
            members.setdefault((c.task, c.strategy), []).append((c, e))
    out = {}
    for key, group in members.items():
        if (cells := sum(len(c.noise.means) for c, _ in group)) >= MIN_BUDGETS:
            told = len(group) > 1 and cells > LAW.n_parameters + 1
            repeats = KINDS.get(key[1], (*REPEATS, FRESH)) if told else (FRESH,)
            out[key] = _fit(repeats, group, QUERIES_PER_SAMPLE.get(key[1], 1.0), rng)
    return out


def held_out(fits: Fits, seed_size: float) -> pd.DataFrame:
    """Predict the crossovers of one seed-set size from all the others.

    A row per (task, pair), columns :data:`HELD_OUT`.
    """
    sizes = sorted({c.seed_size for c in fits})
    if seed_size not in sizes or len(sizes) < 3:
        raise CrossoverError(
            f"seed size {seed_size:g} cannot be held out of {sizes}: it must be one of at least 3 sizes"
        )
    there = [c for c in find_crossovers(fits, checks=False) if c.seed_size == seed_size]
    others = replace(fits, curves=tuple(c for c in fits if c.seed_size != seed_size))
    measured = [(c.task, c.first, c.second, c.ratio, *c.interval, c.status) for c in there]
    columns = ["task", "first", "second", *HELD_OUT.split()[-4:]]
    return predict_crossovers(others, seed_size, there).merge(pd.DataFrame(measured, columns=columns))


def predict_crossovers(fits: Fits, seed_size: float, pairs: Sequence[Crossover]) -> pd.DataFrame:
    """Predict the crossovers of a seed-set size that is not in the fits, of the pairs and in the ranges of others.

    A row per (task, pair), the columns of :data:`HELD_OUT` up to ``predicted_high``; without a crossover, no number.
    """
    joint = fit_seed_sizes(fits)
    rows = [
        (c.task, c.first, c.second, seed_size)
        + _predicted((joint[c.task, c.first], joint[c.task, c.second]), seed_size, c.tested, fits.level)
        for c in pairs
        if {(c.task, c.first), (c.task, c.second)} <= set(joint)
    ]
    return pd.DataFrame(rows, columns=HELD_OUT.split()[:-4])


def _predicted(
    pair: tuple[SeedSizeCurve, SeedSizeCurve], size: float, tested: tuple[float, float], level: float
) -> tuple[float | None, float | None, float | None]:
    """The predicted crossover and the ends of its interval, ``None`` for none and for an open end."""

    def lead(logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a, b = (curve.at(size, np.exp(np.atleast_1d(logs))) for curve in pair)
        return b[0] - a[0], b[1] - a[1]

    logs = np.linspace(np.log(tested[0] / BEYOND), np.log(tested[1] * BEYOND), 400)
    point, draws = lead(logs)
    # The first strategy leads below a crossover; of several, the one in or nearest to the tested range counts.
    rising = [root for root, up in sign_changes(logs, point, lambda t: lead(t)[0]) if up]
    if not rising:
        return None, None, None
    root = min(rising, key=lambda at: max(np.log(tested[0]) - at, at - np.log(tested[1]), 0.0))
    positive = (draws > 0).mean(0) + (draws == 0).mean(0) / 2
    return float(np.exp(root)), *open_region(logs, positive, root, (1 - level) / 2)


def effective(samples: np.ndarray, sizes: np.ndarray | float, repeats: np.ndarray | float) -> np.ndarray:
    """Effective samples ``D = u (1 + R (1 - exp(-(n/u - 1)/R)))`` of n samples, u distinct.

    >>> effective(np.array([50.0, 100.0, 200.0, 1e9]), 100.0, 4.0).round(1).tolist()
    [50.0, 100.0, 188.5, 500.0]
    >>> effective(np.array([50.0, 100.0, 200.0]), 100.0, FRESH).round(1).tolist()
    [50.0, 100.0, 200.0]
    """
    distinct = np.minimum(samples, sizes)
    return distinct * (1 - repeats * np.expm1((1 - samples / distinct) / repeats))


def _solve(
    repeats: Sequence[float], samples: np.ndarray, sizes: np.ndarray, data: np.ndarray, **how: object
) -> LawFits:
    """The fit to each row of ``data`` with the best value of repeats; where nothing repeats, with all in turn."""
    tried = [solve(LAW, effective(samples, sizes, R), data, **how) for R in repeats]
    best = np.argmin([some.loss for some in tried], axis=0)
    if (samples <= sizes).all():
        best = (np.arange(len(best)) + len(repeats) // 2) % len(repeats)
    picked = (np.choose(best, [getattr(some, f.name).T for some in tried]).T for f in fields(Solution))
    return LawFits(Solution(*picked), np.asarray(repeats)[best])


def _fit(
    repeats: Sequence[float], group: list[tuple[FittedCurve, np.ndarray]], per_sample: float, rng: np.random.Generator
) -> SeedSizeCurve:
    """The fit and its draws; where points scatter by more than their noise, the draws do too."""
    curves = [c for c, _ in group]
    sizes = np.concatenate([np.full(len(c.noise.means), c.seed_size) for c in curves])
    samples = np.concatenate([c.counts.ratios for c in curves]) * sizes / per_sample
    bounds = curves[0].counts.bounds
    how = {"whiten": block_diag(*[c.noise.whitener for c in curves]), "bounded": bounds == (0.0, 1.0)}
    point = _solve(repeats, samples, sizes, np.concatenate([c.noise.means for c in curves]), **how)
    df = max(len(samples) - LAW.n_parameters - (len(repeats) > 1), 1)
    dispersion = max(1.0, float(point.power.loss[0]) / df)
    errors = np.sqrt(dispersion) * np.concatenate([e for _, e in group], 1)
    data = point.predict(samples, sizes) + errors
    draws = _solve(repeats, samples, sizes, data, tolerance=1e-6, steps=12, **how)
    misfit = np.sqrt((dispersion - 1) * len(samples) / (how["whiten"] ** 2).sum())
    return SeedSizeCurve(per_sample, point, draws, misfit * rng.standard_t(df, len(errors)), bounds)
