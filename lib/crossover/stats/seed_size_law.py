"""One law per strategy over its seed-set sizes: predicts sizes that were not run, and budgets outside those that were.

Repeats of a seed question lose value as in data-constrained scaling (:func:`effective`; Muennighoff et al. 2023), with
``A = E - B exp(-D / tau)``. New questions are fresh: ``A = E - B (1 + n / rho)^-alpha`` (arXiv 2402.02314, 2607.01727).
A strategy run at one seed-set size takes the power law, which misses held-out points of published curves least.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.linalg import block_diag

from crossover.errors import CrossoverError
from crossover.labels import QUERIES_PER_SAMPLE
from crossover.stats import noise
from crossover.stats.crossovers import Crossover, find_crossovers
from crossover.stats.curves import MIN_BUDGETS, Fits, FittedCurve
from crossover.stats.flexible import BEYOND
from crossover.stats.forms import FORMS, Form
from crossover.stats.sign_changes import open_region, sign_changes
from crossover.stats.variable_projection import Solution, solve

KINDS = {"answer_augmentation": "reused", "question_rephrase": "reused", "new_question": "fresh"}
HELD_OUT = (
    "task first second seed_size predicted predicted_low predicted_high measured measured_low measured_high status"
)


@dataclass(frozen=True)
class SeedSizeCurve:
    """One strategy's law.

    ``parameters`` are tau (in distinct samples) and R of reused, rho and alpha of fresh questions; ``scatter`` (D,) is
    how far a cell lies from the law beyond the noise of its mean, for each draw.
    """

    kind: str
    E: float
    B: float
    parameters: tuple[float, float]
    aic: float
    per_sample: float
    point: Solution
    draws: Solution
    scatter: np.ndarray
    bounds: tuple[float, float]

    def at(self, seed_size: float, ratios: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Outcome at budget ratios for any seed-set size: point (n,) and draws (D, n)."""
        ratios = np.asarray(ratios, float)
        form, x = _form(self.kind, ratios * seed_size / self.per_sample, np.full(len(ratios), float(seed_size)))
        return np.clip(self.point.predict(form, x)[0], *self.bounds), np.clip(self.draws.predict(form, x), *self.bounds)

    def cell(self, seed_size: float, ratio: float) -> np.ndarray:
        """Draws of the outcome of one cell that was not run, its scatter round the law included (D,)."""
        return np.clip(self.at(seed_size, np.array([ratio]))[1][:, 0] + self.scatter, *self.bounds)


def fit_seed_sizes(fits: Fits) -> dict[tuple[str, str], SeedSizeCurve]:
    """Fit one law per (task, strategy) to all its seed-set sizes, on the same budget means and errors as ``fits``.

    Strategies without a known kind take the one that fits better; those with fewer cells than a curve needs are left
    out.
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
        kinds = [KINDS[key[1]]] if key[1] in KINDS else ["reused", "fresh"]
        kinds = kinds if len(group) > 1 else ["fresh"]
        if sum(len(c.noise.means) for c, _ in group) >= MIN_BUDGETS:
            found = (_fit(kind, group, QUERIES_PER_SAMPLE.get(key[1], 1.0), rng) for kind in kinds)
            out[key] = min(found, key=lambda law: law.aic)
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


def effective(samples: np.ndarray, sizes: np.ndarray, repeats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Effective samples ``D = u (1 + R (1 - exp(-(n/u - 1)/R)))`` of n samples, u distinct, and ``dD/dlog R``.

    >>> D, _ = effective(np.array([50.0, 100.0, 1e9]), np.array([100.0] * 3), np.array(4.0))
    >>> D.round(6).tolist()
    [50.0, 100.0, 500.0]
    """
    distinct = np.minimum(samples, sizes)
    extra = samples / distinct - 1
    left = np.exp(-extra / repeats)
    return distinct * (1 + repeats * (1 - left)), distinct * (repeats * (1 - left) - extra * left)


def _form(kind: str, samples: np.ndarray, sizes: np.ndarray) -> tuple[Form, np.ndarray]:
    """The law's form and its ``x``: the samples, or for reused seeds the position in ``samples`` and ``sizes``."""
    if kind == "fresh":
        return FORMS["power_law"], samples

    def basis(x: np.ndarray, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        D, slope = effective(samples, sizes, np.exp(theta[..., 1:2]))
        z = D * np.exp(-theta[..., :1])
        e = np.exp(-z)
        return e, np.stack([z * e, -e * slope * np.exp(-theta[..., :1])], -1)

    def grid(x: np.ndarray) -> np.ndarray:
        tau = np.linspace(np.log(samples.min() / 5), np.log(samples.max() * 5), 40)
        repeats = np.linspace(np.log(0.1), np.log(1000), 16)
        return np.stack(np.meshgrid(tau, repeats, indexing="ij"), -1).reshape(-1, 2)

    return Form("reused", ("tau", "repeats"), 4, False, basis, grid), np.arange(len(samples), dtype=float)


def _fit(
    kind: str, group: list[tuple[FittedCurve, np.ndarray]], per_sample: float, rng: np.random.Generator
) -> SeedSizeCurve:
    """The fit and its draws; where points scatter by more than their noise, the draws do too."""
    curves = [c for c, _ in group]
    sizes = np.concatenate([np.full(len(c.noise.means), c.seed_size) for c in curves])
    form, x = _form(kind, np.concatenate([c.counts.ratios for c in curves]) * sizes / per_sample, sizes)
    whitener = block_diag(*[c.noise.whitener for c in curves])
    bounds = curves[0].counts.bounds
    bounded = bounds == (0.0, 1.0)
    point = solve(form, x, np.concatenate([c.noise.means for c in curves]), whitener, bounded=bounded)
    df = max(len(x) - form.n_parameters, 1)
    dispersion = max(1.0, float(point.loss[0]) / df)
    errors = np.sqrt(dispersion) * np.concatenate([e for _, e in group], 1)
    draws = solve(form, x, point.predict(form, x) + errors, whitener, bounded=bounded, tolerance=1e-6, steps=12)
    misfit = np.sqrt((dispersion - 1) * len(x) / (whitener**2).sum())
    return SeedSizeCurve(
        kind, float(point.E[0]), float(point.B[0]), tuple(np.exp(point.theta[0]).tolist()),
        float(point.loss[0]) + 2 * form.n_parameters, per_sample, point, draws,
        misfit * rng.standard_t(df, len(errors)), bounds,
    )  # fmt: skip
