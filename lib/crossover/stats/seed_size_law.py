"""One curve over all seed-set sizes: predicts crossovers at sizes that were not run.

Of ``n`` kept samples, ``u`` are distinct questions, and repeats lose value as in data-constrained scaling (Muennighoff
et al. 2023, section 5)::

    D = u (1 + R (1 - exp(-(n / u - 1) / R))),    A = E - B exp(-D / tau)

Answer augmentation and rephrasing reuse the seeds: ``u = min(n, S)``. New questions are fresh: ``u = n x novelty``,
which makes ``D`` proportional to ``n``, and novelty cannot be told from ``tau``. Each strategy has its own ``E, B,
tau`` (and ``R``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.linalg import block_diag

from crossover.errors import CrossoverError
from crossover.labels import QUERIES_PER_SAMPLE
from crossover.stats import noise, sign_changes
from crossover.stats.crossovers import find_crossovers
from crossover.stats.curves import Fits, FittedCurve, fit_table
from crossover.stats.flexible import BEYOND
from crossover.stats.forms import Form
from crossover.stats.variable_projection import Solution, solve

KINDS = {"answer_augmentation": "reused", "question_rephrase": "reused", "new_question": "fresh"}
MIN_CELLS = 5
HELD_OUT = "task first second seed_size predicted predicted_low predicted_high measured measured_low measured_high status agree"


@dataclass(frozen=True)
class SeedSizeCurve:
    """One strategy's curve over seed-set sizes and budgets.

    ``repeats`` is ``R``, the reuses of a question over which its value decays by ``e`` (``None`` for fresh questions);
    ``tau`` is in distinct samples.
    """

    kind: str
    E: float
    B: float
    tau: float
    repeats: float | None
    aic: float
    per_sample: float
    point: Solution
    draws: Solution

    def at(self, seed_size: float, ratios: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Accuracy at budget ratios for any seed-set size: point (n,) and draws (D, n)."""
        ratios = np.asarray(ratios, float)
        form = _form(self.kind, ratios * seed_size / self.per_sample, np.full(len(ratios), float(seed_size)))
        x = np.arange(len(ratios), dtype=float)
        return np.clip(self.point.predict(form, x)[0], 0, 1), np.clip(self.draws.predict(form, x), 0, 1)


def fit_seed_sizes(fits: Fits, queries_per_sample: Mapping[str, float] | None = None) -> dict[tuple, SeedSizeCurve]:
    """Fit one curve per (task, strategy) to all its seed-set sizes, on the same budget means and errors as ``fits``.

    Strategies without a known kind take the one that fits better; those with fewer than :data:`MIN_CELLS` cells (sizes
    x budgets) are left out. ``queries_per_sample`` adds to 1, 2, 2 for the three strategies and 1 for others.
    """
    per_sample = {**QUERIES_PER_SAMPLE, **(queries_per_sample or {})}
    draws = next((len(c.draws.E) for c in fits if c.draws is not None), 1000)
    errors = noise.redraw([c.noise for c in fits], draws, np.random.default_rng(fits.seed))
    members: dict[tuple[str, str], list[tuple[FittedCurve, np.ndarray]]] = {}
    for c, e in zip(fits, errors, strict=True):
        if not c.counts.buys_nothing:
            members.setdefault((c.task, c.strategy), []).append((c, e))
    out = {}
    for key, group in members.items():
        if sum(len(c.noise.means) for c, _ in group) >= MIN_CELLS:
            kinds = [KINDS[key[1]]] if key[1] in KINDS else ["reused", "fresh"]
            out[key] = min((_fit(kind, group, per_sample.get(key[1], 1.0)) for kind in kinds), key=lambda c: c.aic)
    return out


def held_out(
    table: pd.DataFrame, seed_size: float, level: float = 0.9, draws: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Predict the crossovers of one seed-set size from all the others, beside what was measured there.

    Returns
    -------
    DataFrame
        One row per (task, pair), columns :data:`HELD_OUT`; ``agree`` when the two intervals overlap, ``None`` where
        there is nothing to compare.
    """
    sizes = sorted(table["seed_size"].unique())
    if seed_size not in sizes or len(sizes) < 3:
        raise CrossoverError(
            f"seed size {seed_size:g} cannot be held out of {sizes}: it must be one of at least 3 sizes"
        )
    joint = fit_seed_sizes(fit_table(table[table["seed_size"] != seed_size], level, draws, seed))
    there = fit_table(table[table["seed_size"] == seed_size], level, draws, seed)
    rows = []
    for c in find_crossovers(there, checks=False):
        if not {(c.task, c.first), (c.task, c.second)} <= set(joint):
            continue
        pair = joint[c.task, c.first], joint[c.task, c.second]
        first, ratio, ends = _predicted(pair, (c.first, c.second), seed_size, c.tested, level)
        agree = None
        if ratio is not None and c.ratio is not None:
            low = max(ends[0] or 0.0, c.interval[0] or 0.0)
            agree = low <= min(ends[1] or np.inf, c.interval[1] or np.inf) and first == c.first
        rows.append((c.task, c.first, c.second, seed_size, ratio, *ends, c.ratio, *c.interval, c.status, agree))
    return pd.DataFrame(rows, columns=HELD_OUT.split())


def _predicted(pair, names, seed_size: float, tested: tuple[float, float], level: float) -> tuple:
    """Who leads at lower ratios, the predicted crossover (``None`` if none) and its interval."""

    def lead(logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a, b = (curve.at(seed_size, np.exp(np.atleast_1d(logs))) for curve in pair)
        return b[0] - a[0], b[1] - a[1]

    logs = np.linspace(np.log(tested[0] / BEYOND), np.log(tested[1] * BEYOND), 400)
    point, draws = lead(logs)
    found = sign_changes.roots(logs, point, lambda t: lead(t)[0])
    if not found:
        return names[0 if point.mean() <= 0 else 1], None, (None, None)
    root, rising = found[0]
    positive = (draws > 0).mean(0) + (draws == 0).mean(0) / 2
    ends = sign_changes.open_region(logs, positive, root, (1 - level) / 2)
    return names[0 if rising else 1], float(np.exp(root)), ends


def effective(kind: str, samples: np.ndarray, sizes: np.ndarray, repeats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Effective samples ``D`` and ``dD/dlog R``; ``samples`` and ``sizes`` (n,) broadcast with ``repeats``.

    >>> D, _ = effective("reused", np.array([50.0, 100.0, 1e9]), np.array([100.0] * 3), np.array(4.0))
    >>> D.round(6).tolist()
    [50.0, 100.0, 500.0]
    """
    if kind == "fresh":
        return samples + 0 * repeats, 0 * samples + 0 * repeats
    distinct = np.minimum(samples, sizes)
    extra = samples / distinct - 1
    left = np.exp(-extra / repeats)
    return distinct * (1 + repeats * (1 - left)), distinct * (repeats * (1 - left) - extra * left)


def _form(kind: str, samples: np.ndarray, sizes: np.ndarray) -> Form:
    """A form whose ``x`` is the position in ``samples`` and ``sizes``."""

    def basis(x: np.ndarray, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        repeats = np.exp(theta[..., 1:2]) if kind == "reused" else np.ones_like(theta[..., :1])
        D, slope = effective(kind, samples, sizes, repeats)
        z = D * np.exp(-theta[..., :1])
        e = np.exp(-z)
        parts = [z * e] + ([-e * slope * np.exp(-theta[..., :1])] if kind == "reused" else [])
        return e, np.stack(parts, -1)

    def grid(x: np.ndarray) -> np.ndarray:
        tau = np.linspace(np.log(samples.min() / 5), np.log(samples.max() * 5), 40)
        if kind == "fresh":
            return tau[:, None]
        repeats = np.linspace(np.log(0.1), np.log(1000), 16)
        return np.stack(np.meshgrid(tau, repeats, indexing="ij"), -1).reshape(-1, 2)

    names = ("tau", "repeats") if kind == "reused" else ("tau",)
    return Form(f"joint_{kind}", names, 2 + len(names), False, basis, grid)


def _fit(kind: str, group: list[tuple[FittedCurve, np.ndarray]], cost: float) -> SeedSizeCurve:
    curves = [c for c, _ in group]
    sizes = np.concatenate([np.full(len(c.noise.means), c.seed_size) for c in curves])
    form = _form(kind, np.concatenate([c.counts.ratios for c in curves]) * sizes / cost, sizes)
    whitener, x = block_diag(*[c.noise.whitener for c in curves]), np.arange(len(sizes), dtype=float)
    point = solve(form, x, np.concatenate([c.noise.means for c in curves]), whitener)
    data = point.predict(form, x) + np.concatenate([e for _, e in group], 1)
    draws = solve(form, x, data, whitener, tolerance=1e-6, steps=12)
    E, B, theta = float(point.E[0]), float(point.B[0]), np.exp(point.theta[0])
    repeats = float(theta[1]) if kind == "reused" else None
    return SeedSizeCurve(
        kind, E, B, float(theta[0]), repeats, float(point.loss[0]) + 2 * form.n_parameters, cost, point, draws
    )
