"""One curve over all seed-set sizes: what predicts crossovers at sizes that were not run.

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
from itertools import combinations

import numpy as np
import pandas as pd

from crossover.errors import CrossoverError
from crossover.labels import QUERIES_PER_SAMPLE
from crossover.stats import noise, sign_changes
from crossover.stats.crossovers import BEYOND, find_crossovers
from crossover.stats.curves import Fits, fit_table
from crossover.stats.formatting import interval as show_interval
from crossover.stats.forms import Form
from crossover.stats.noise import VarianceComponents
from crossover.stats.sign_changes import Pair
from crossover.stats.variable_projection import Solution, solve

KINDS = {"answer_augmentation": "reused", "question_rephrase": "reused", "new_question": "fresh"}


@dataclass(frozen=True)
class SeedSizeCurve:
    """One strategy's curve over seed-set sizes and budgets.

    ``repeats`` is ``R``, the number of times a question can be reused before its value has decayed by ``e`` (``None``
    for fresh questions); ``tau`` is in distinct samples; ``chi2`` over ``df`` says how well one curve serves all sizes.
    """

    task: str
    strategy: str
    kind: str
    E: float
    B: float
    tau: float
    repeats: float | None
    chi2: float
    df: int
    per_sample: float
    point: Solution
    draws: Solution

    def at(self, seed_size: float, ratios: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Accuracy at budget ratios for any seed-set size: point (n,) and draws (D, n)."""
        ratios = np.asarray(ratios, float)
        form = _form(self.kind, ratios * seed_size / self.per_sample, np.full(len(ratios), float(seed_size)))
        x = np.arange(len(ratios), dtype=float)
        return np.clip(self.point.predict(form, x)[0], 0, 1), np.clip(self.draws.predict(form, x), 0, 1)


@dataclass(frozen=True)
class Predicted:
    """A crossover read off joint curves: ``ratio`` and ends of its ``interval`` are ``None`` where there is none."""

    task: str
    first: str
    second: str
    seed_size: float
    ratio: float | None
    interval: Pair
    p_exists: float
    level: float

    def __str__(self) -> str:
        value = "no crossover" if self.ratio is None else f"{self.ratio:.3g} ({show_interval(*self.interval)})"
        return f"{self.first} -> {self.second} at S = {self.seed_size:g}: {value} predicted"


def fit_seed_sizes(
    fits: Fits, kinds: Mapping[str, str] | None = None, queries_per_sample: Mapping[str, float] | None = None
) -> dict[tuple[str, str], SeedSizeCurve]:
    """Fit one curve a strategy to all its seed-set sizes, on the same budget means and redrawn errors as ``fits``.

    Parameters
    ----------
    fits : Fits
    kinds : mapping, optional
        ``reused`` or ``fresh`` by strategy; labels that are not known take the kind that fits better.
    queries_per_sample : mapping, optional
        Queries of one kept sample, default 1, 2, 2 for the three strategies and 1 for others.

    Returns
    -------
    dict
        By (task, strategy), for strategies with at least 5 cells (task's sizes x budgets).
    """
    per_sample = {**QUERIES_PER_SAMPLE, **(queries_per_sample or {})}
    known = {**KINDS, **(kinds or {})}
    members: dict[tuple[str, str], list[int]] = {}
    for i, n in enumerate(c.noise for c in fits):
        members.setdefault((n.counts.task, n.counts.strategy), []).append(i)
    errors = noise.redraw([c.noise for c in fits], _n_draws(fits), np.random.default_rng(fits.seed))
    out = {}
    for (task, strategy), at in members.items():
        group = [fits.curves[i].noise for i in at]
        if sum(len(n.means) for n in group) < 5:
            continue
        choices = [known[strategy]] if strategy in known else ["reused", "fresh"]
        cost = per_sample.get(strategy, 1.0)
        options = [_fit(task, strategy, kind, group, [errors[i] for i in at], cost) for kind in choices]
        out[task, strategy] = min(options, key=lambda c: c.chi2 - 2 * c.df)  # AIC, up to a constant
    return out


def predict(
    joint: Mapping[tuple[str, str], SeedSizeCurve],
    task: str,
    seed_size: float,
    searched: tuple[float, float],
    level: float = 0.9,
) -> list[Predicted]:
    """Crossovers of every pair of strategies of a task at any seed-set size, looked for within ``searched`` ratios."""
    logs = np.linspace(np.log(searched[0]), np.log(searched[1]), 400)
    names = sorted(s for t, s in joint if t == task)
    values = {s: joint[task, s].at(seed_size, np.exp(logs)) for s in names}
    out = []
    for a, b in combinations(names, 2):
        point, draws = values[b][0] - values[a][0], values[b][1] - values[a][1]

        def gap(t: float, a: str = a, b: str = b) -> float:
            x = np.exp(np.array([t]))
            return float(joint[task, b].at(seed_size, x)[0][0] - joint[task, a].at(seed_size, x)[0][0])

        found = sign_changes.roots(logs, point, gap)
        p_exists = sign_changes.crossing_probability(draws)
        if not found:
            first, second = (a, b) if point.mean() <= 0 else (b, a)
            out.append(Predicted(task, first, second, seed_size, None, (None, None), p_exists, level))
            continue
        root, rising = found[0]
        first, second = (a, b) if rising else (b, a)
        ends = sign_changes.open_region(logs, (draws > 0).mean(0) + (draws == 0).mean(0) / 2, root, (1 - level) / 2)
        out.append(Predicted(task, first, second, seed_size, float(np.exp(root)), ends, p_exists, level))
    return out


def held_out(
    table: pd.DataFrame, seed_size: float, level: float = 0.9, draws: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Predict the crossovers of one seed-set size from all the others, beside what was measured there.

    Returns
    -------
    DataFrame
        One row a (task, pair): ``task, first, second, seed_size, predicted, predicted_low, predicted_high, measured,
        measured_low, measured_high, status, agree`` (the two intervals overlap; ``None`` where there is nothing to
        compare).
    """
    sizes = sorted(table["seed_size"].unique())
    if seed_size not in sizes or len(sizes) < 3:
        raise CrossoverError(
            f"seed size {seed_size:g} cannot be held out: at least 3 sizes are needed, it among them; there are {sizes}"
        )
    joint = fit_seed_sizes(fit_table(table[table["seed_size"] != seed_size], level, draws, seed))
    measured = find_crossovers(fit_table(table[table["seed_size"] == seed_size], level, draws, seed), checks=False)
    rows = []
    for c in measured:
        if not {(c.task, c.first), (c.task, c.second)} <= set(joint):
            continue
        searched = (c.tested[0] / BEYOND, c.tested[1] * BEYOND)
        (p,) = (
            p for p in predict(joint, c.task, seed_size, searched, level) if {p.first, p.second} == {c.first, c.second}
        )
        agree = None
        if p.ratio is not None and c.ratio is not None:
            low = max(p.interval[0] or 0.0, c.interval[0] or 0.0)
            agree = low <= min(p.interval[1] or np.inf, c.interval[1] or np.inf) and p.first == c.first
        rows.append((c.task, c.first, c.second, seed_size, p.ratio, *p.interval, c.ratio, *c.interval, c.status, agree))
    names = "task first second seed_size predicted predicted_low predicted_high measured measured_low measured_high"
    return pd.DataFrame(rows, columns=[*names.split(), "status", "agree"])


def effective(kind: str, samples: np.ndarray, sizes: np.ndarray, repeats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Effective samples ``D`` and ``dD/dlog R``, for ``samples`` and ``sizes`` (n,) and ``repeats`` broadcasting with
    them.

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


def _n_draws(fits: Fits) -> int:
    return next((len(c.draws.E) for c in fits if c.draws is not None), 1000)


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


def _fit(
    task: str, strategy: str, kind: str, group: list[VarianceComponents], errors: list[np.ndarray], cost: float
) -> SeedSizeCurve:
    sizes = np.concatenate([np.full(len(n.means), n.counts.seed_size) for n in group])
    samples = np.concatenate([n.counts.ratios * n.counts.seed_size for n in group]) / cost
    form = _form(kind, samples, sizes)
    whiten = np.zeros((len(sizes), len(sizes)))
    start = 0
    for n in group:
        stop = start + len(n.means)
        whiten[start:stop, start:stop] = n.whitener
        start = stop
    x = np.arange(len(sizes), dtype=float)
    point = solve(form, x, np.concatenate([n.means for n in group]), whiten)
    data = point.predict(form, x) + np.concatenate(errors, 1)
    draws = solve(form, x, data, whiten, tolerance=1e-6, steps=12)
    theta = np.exp(point.theta[0])
    return SeedSizeCurve(
        task,
        strategy,
        kind,
        float(point.E[0]),
        float(point.B[0]),
        float(theta[0]),
        float(theta[1]) if kind == "reused" else None,
        float(point.loss[0]),
        len(x) - form.n_parameters,
        cost,
        point,
        draws,
    )
