"""Where the error of a cell comes from, estimated from the counts, and how to draw it again.

A cell's accuracy is ``y = A + replicate + training + sampling``. Sampling is binomial, training noise is a cell's own,
and all cells of one seed set share the replicate effect, so that it does not average out over budgets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.linalg import block_diag
from scipy.special import ndtri, stdtrit

from crossover.stats.counts import CurveCounts

TINY = 1e-12


@dataclass(frozen=True)
class VarianceComponents:
    """The budget means of one curve by generalised least squares, and the parts of their error."""

    counts: CurveCounts
    means: np.ndarray  #: (B,)
    whitener: np.ndarray  #: (B, B), ``W`` with ``W'W`` the precision of the means.
    sampling: np.ndarray  #: (J, B), the binomial variance of each cell.
    training: float  #: Variance between trainings beyond that, 0 where none is seen.
    cell_df: int  #: Degrees of freedom behind ``training``.
    offsets: np.ndarray  #: (J,), the replicates' observed offsets, their share of cell noise included.
    replicate: float  #: Variance of the replicate effect, that share taken off.
    offset_loading: np.ndarray  #: (J, B), how far an offset of 1 moves each mean.
    from_sampling: np.ndarray  #: (B, B), covariance of the means by sampling alone.
    from_training: np.ndarray  #: (B, B), by training alone.
    within_replicate_cov: np.ndarray  #: (B, B), by both, with each replicate's average over its budgets held fixed.

    @property
    def replicates(self) -> int:
        return len(self.counts.replicates)


def variance_components(counts: CurveCounts) -> VarianceComponents:
    """Estimate the variance components of a curve by moments, without assuming its shape."""
    present = counts.tested > 0
    n, y = np.where(present, counts.tested, 1.0), _observed(counts)
    J, B = present.shape
    if counts.item_variance is None:
        # (k + 1) / (n + 2) over the replicates of a budget: all wrong or all right must not read as "no error at all"
        p = ((counts.correct * present).sum(0) + 1) / (counts.tested.sum(0) + 2)
        of_item = p * (1 - p)
    else:
        of_item = np.maximum((counts.item_variance * present).sum(0) / present.sum(0), TINY)
    sampling = np.where(present, of_item / n, 0.0)

    weight = np.where(present, 1 / np.where(present, sampling, 1), 0.0)
    budgets, shifts = _additive(y, weight)
    df = max(int(present.sum()) - B - (J - 1), 0) if J > 1 else 0
    scale = float((weight * (y - budgets - shifts[:, None]) ** 2).sum() / df) if df else 1.0
    training = max(0.0, (scale - 1) * float(sampling[present].mean()))

    weight = np.where(present, 1 / (np.where(present, sampling, 1) + training), 0.0)
    offsets = (weight * (y - budgets)).sum(1) / weight.sum(1)
    offsets = offsets - offsets.mean()
    replicate = max(0.0, float((offsets**2).sum() / (J - 1) - (1 / weight.sum(1)).mean())) if J > 1 else 0.0
    return _assemble(counts, sampling, training, df, offsets, replicate)


def rescaled(noise: VarianceComponents, scale: float, df: int) -> VarianceComponents:
    """The same means with cell noise taken from the scatter around the curve: for a single replicate."""
    training = max(0.0, (scale - 1) * float(noise.sampling[noise.counts.tested > 0].mean()))
    return _assemble(noise.counts, noise.sampling, training, df, noise.offsets, noise.replicate)


def signal_to_noise(table: pd.DataFrame) -> pd.DataFrame:
    """Return how far a task's conditions lie apart, over how far replicates of one do, both as standard deviations.

    ``ratio`` is missing where no condition has two replicates. Source: arXiv 2508.13144.

    >>> from crossover.stats.counts import example_counts
    >>> signal_to_noise(example_counts().assign(task="t")).round(2).to_dict("records")
    [{'task': 't', 'conditions': 10, 'signal': 0.11, 'noise': 0.02, 'ratio': 5.51}]
    """
    share = table.assign(share=table["n_correct"] / table["n_test"])
    rows = []
    for task, part in share.groupby("task"):
        found = part.groupby(["strategy", "seed_size", "budget"])["share"].agg(["mean", "var", "size"])
        noise = (
            float(np.average(found["var"].fillna(0), weights=found["size"] - 1)) if found["size"].max() > 1 else np.nan
        )
        signal = max(float(found["mean"].var()) - noise * float((1 / found["size"]).mean()), 0.0)
        rows.append((task, len(found), signal**0.5, noise**0.5, (signal / noise) ** 0.5 if noise > 0 else np.nan))
    return pd.DataFrame(rows, columns=["task", "conditions", "signal", "noise", "ratio"])


def _observed(counts: CurveCounts) -> np.ndarray:
    """Mean outcome of each cell (J, B), 0 where there is none."""
    present = counts.tested > 0
    return np.where(present, counts.correct / np.where(present, counts.tested, 1), 0.0)


def _additive(y: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted least squares of ``y (J, B) = budget + replicate`` by alternation; replicate effects sum to zero."""
    shifts, moved = np.zeros(len(y)), np.inf
    for _ in range(200):
        budgets = (weight * (y - shifts[:, None])).sum(0) / weight.sum(0)
        if moved < 1e-13:
            break
        new = (weight * (y - budgets)).sum(1) / weight.sum(1)
        new = new - new.mean()
        moved, shifts = np.abs(new - shifts).max(), new
    return budgets, shifts


def _assemble(
    counts: CurveCounts, sampling: np.ndarray, training: float, df: int, offsets: np.ndarray, replicate: float
) -> VarianceComponents:
    """Generalised least squares of the budget means; each replicate's block is diagonal plus a constant (Woodbury)."""
    present = counts.tested > 0
    J, B = present.shape
    weight = np.where(present, 1 / (np.where(present, sampling, 1) + training), 0.0)
    total = weight.sum(1)
    shrink = replicate / (1 + replicate * total)
    spread = np.linalg.inv(np.diag(weight.sum(0)) - (weight * shrink[:, None]).T @ weight)
    spread = (spread + spread.T) / 2
    y = _observed(counts)
    means = spread @ ((weight * y).sum(0) - weight.T @ (shrink * (weight * y).sum(1)))
    offset_loading = ((1 - shrink * total)[:, None] * weight) @ spread

    of_cells = (np.eye(B)[:, None] - (shrink[:, None] * weight).T[..., None]) * weight  # (B, J, B)
    estimator = spread @ of_cells.reshape(B, J * B)  # of the means from the cells
    from_sampling = estimator * sampling.ravel() @ estimator.T
    from_training = training * estimator @ estimator.T
    around = from_sampling + from_training
    if J > 1:
        around = around - (offset_loading / total[:, None]).T @ offset_loading
    whitener = np.linalg.inv(np.linalg.cholesky(spread))
    parts = offset_loading, from_sampling, from_training, around
    return VarianceComponents(counts, means, whitener, sampling, training, df, offsets, replicate, *parts)


def redraw(
    noises: Sequence[VarianceComponents], draws: int, rng: np.random.Generator, *, tails: bool = True
) -> list[np.ndarray]:
    """Draw the errors of the budget means of several curves together: (draws, B) arrays in the order of ``noises``.

    What all strategies of a replicate share has a variance over ``chi2(J - 1) / (J - 1)``, so that a mean of J
    replicates has its t distribution. A replicate's effect on one strategy alone and the cells' own noise are stretched
    together by ``sqrt(nu / chi2(nu))``, with the Welch-Satterthwaite ``nu`` of their sum: apart would be
    Behrens-Fisher, and too wide.
    """
    sharing: dict[tuple[object, ...], list[int]] = {}
    for i, n in enumerate(noises):
        sharing.setdefault((n.counts.task, n.counts.seed_size, n.counts.replicates), []).append(i)
    out: list[np.ndarray] = [np.empty(0)] * len(noises)
    for members in sharing.values():
        group = [noises[i] for i in members]
        values, vectors = np.linalg.eigh(_joint(group))
        # the symmetric root: eigenvectors are unique up to their signs only, and those differ between processors
        root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
        common, own = np.split(rng.standard_normal((draws, len(values))) @ root, 2, axis=1)
        if tails:
            J, nu = group[0].replicates, welch_df(group)
            if J > 1:
                common = common * np.sqrt((J - 1) / rng.chisquare(J - 1, draws))[:, None]
            if np.isfinite(nu):
                own = own * np.sqrt(nu / rng.chisquare(nu, draws))[:, None]
        ends = np.cumsum([len(n.means) for n in group])
        for i, errors in zip(members, np.split(common + own, ends[:-1], axis=1), strict=True):
            out[i] = errors
    return out


def _joint(group: Sequence[VarianceComponents]) -> np.ndarray:
    """Covariance of (shared part, own part) of the N budget means of curves with the same replicates: (2N, 2N)."""
    within = block_diag(*(n.within_replicate_cov for n in group))
    out = block_diag(np.zeros_like(within), within)
    J = group[0].replicates
    if J > 1:
        shared, own = _offsets(group)
        parts = np.hstack([np.repeat(shared[:, None], len(group), 1), own])
        curve = np.repeat(np.arange(len(group)), [len(n.means) for n in group])
        part = np.r_[curve, curve + len(group)]  # of each of the 2N means
        loading = np.hstack([n.offset_loading for n in group] * 2)
        out += loading.T @ loading * (parts.T @ parts / (J - 1))[np.ix_(part, part)]
    return out


def _offsets(group: Sequence[VarianceComponents]) -> tuple[np.ndarray, np.ndarray]:
    """The part of the offsets that all strategies share (J,), none for a lone strategy, and their own rest (J, M)."""
    u = np.stack([n.offsets for n in group], 1)
    shared = u.mean(1) if len(group) > 1 else np.zeros(len(u))
    return shared, u - shared[:, None]


def t_quantile(probability: float, df: float) -> float:
    """Quantile of Student's t, normal for infinite degrees of freedom (scipy.special loads faster than scipy.stats).

    >>> round(t_quantile(0.95, 2), 3), round(t_quantile(0.95, np.inf), 3)
    (2.92, 1.645)
    """
    return float(stdtrit(df, probability) if np.isfinite(df) else ndtri(probability))


def welch_df(group: Sequence[VarianceComponents]) -> float:
    """Welch-Satterthwaite degrees of freedom of a fitted value of curves with the same replicates."""
    J = group[0].replicates
    # a curve has two parameters beside its level, so the shape's error is about 2/B of a cell's
    shape = float(np.mean([2 / len(n.means) * (n.sampling.mean() + n.training) / J for n in group]))
    cell_df = sum(n.cell_df for n in group) or np.inf
    if J == 1:
        return cell_df
    offset = float((_offsets(group)[1] ** 2).sum() / (J - 1) / max(1, len(group) - 1) / J)
    doubt = offset**2 / (J - 1) + shape**2 / cell_df
    return (offset + shape) ** 2 / doubt if doubt > 0 else np.inf
