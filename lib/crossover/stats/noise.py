"""Where the error of a cell comes from, estimated from the counts, and how to draw it again.

A cell's accuracy is ``y = A + replicate + training + sampling``: sampling is binomial (``A(1 - A)/n``), training noise
has a variance of its own in each cell, and the replicate effect is shared by all cells of one seed set, so that it does
not average out over budgets. A fit needs the mean of each budget, the covariance of those means, and a way to redraw
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from crossover.stats.counts import CurveCounts

TINY = 1e-12


@dataclass(frozen=True)
class VarianceComponents:
    """The budget means of one curve (``means`` (B,), by generalised least squares) and the parts of their error.

    ``whitener`` (B, B) is ``W`` with ``W'W`` their precision, ``sampling`` (J, B) the binomial variance of each cell.
    ``training`` is the variance between trainings beyond that, with ``cell_df`` degrees of freedom (both 0 where none
    is seen). ``offsets`` (J,) are the replicates' observed ones, which hold their share of cell noise; it is taken off
    in ``replicate``, the variance of the effect. ``offset_loading`` (J, B) is how far an offset of 1 moves each mean.
    The covariance (B, B) of the means has the parts ``from_sampling`` and ``from_training``; ``within_replicate_cov``
    is both, once each replicate's average over its budgets is held fixed.
    """

    counts: CurveCounts
    means: np.ndarray
    whitener: np.ndarray
    sampling: np.ndarray
    training: float
    cell_df: int
    offsets: np.ndarray
    replicate: float
    offset_loading: np.ndarray
    from_sampling: np.ndarray
    from_training: np.ndarray
    within_replicate_cov: np.ndarray

    @property
    def replicates(self) -> int:
        return len(self.counts.replicates)


def variance_components(counts: CurveCounts) -> VarianceComponents:
    """Estimate the variance components of a curve by moments, without assuming its shape."""
    present = counts.tested > 0
    n = np.where(present, counts.tested, 1).astype(float)
    y = np.where(present, counts.correct / n, 0.0)
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
    return _assemble(counts, y, sampling, training, df, offsets, replicate)


def rescaled(noise: VarianceComponents, scale: float, df: int) -> VarianceComponents:
    """The same means with cell noise taken from the scatter around the curve: for a single replicate."""
    present = noise.counts.tested > 0
    y = np.where(present, noise.counts.correct / np.where(present, noise.counts.tested, 1), 0.0)
    training = max(0.0, (scale - 1) * float(noise.sampling[present].mean()))
    return replace(_assemble(noise.counts, y, noise.sampling, training, df, noise.offsets, noise.replicate), cell_df=df)


def own_replicates(noise: VarianceComponents) -> VarianceComponents:
    """The same curve for predictions about the replicates at hand, whose offsets are then no error."""
    within = noise.from_sampling + noise.from_training
    return replace(noise, offsets=np.zeros_like(noise.offsets), within_replicate_cov=within)


def signal_to_noise(table: pd.DataFrame) -> pd.DataFrame:
    """Return how far a task's conditions (strategy, size, budget) lie apart, over how far replicates of one do.

    Both are standard deviations; the replicates' share of the spread between conditions is taken off. ``ratio`` is
    missing where no condition has two replicates. Source: arXiv 2508.13144.

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


def _additive(y: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted least squares of ``y (J, B) = budget + replicate`` by alternation; replicate effects sum to zero."""
    shifts = np.zeros(len(y))
    for _ in range(200):
        budgets = (weight * (y - shifts[:, None])).sum(0) / weight.sum(0)
        new = (weight * (y - budgets)).sum(1) / weight.sum(1)
        new = new - new.mean()
        done = np.abs(new - shifts).max() < 1e-13
        shifts = new
        if done:
            break
    return (weight * (y - shifts[:, None])).sum(0) / weight.sum(0), shifts


def _assemble(
    counts: CurveCounts,
    y: np.ndarray,
    sampling: np.ndarray,
    training: float,
    df: int,
    offsets: np.ndarray,
    replicate: float,
) -> VarianceComponents:
    """Generalised least squares of the budget means; each replicate's block is diagonal plus a constant (Woodbury)."""
    present = counts.tested > 0
    w = np.where(present, 1 / (np.where(present, sampling, 1) + training), 0.0)
    total = w.sum(1)
    kappa = replicate / (1 + replicate * total)
    precision = np.diag(w.sum(0)) - (w * kappa[:, None]).T @ w
    spread = np.linalg.inv(precision)
    spread = (spread + spread.T) / 2
    means = spread @ ((w * y).sum(0) - w.T @ (kappa * (w * y).sum(1)))
    offset_loading = ((1 - kappa * total)[:, None] * w) @ spread

    def carried(variance: np.ndarray) -> np.ndarray:
        """Covariance of the means that independent cell errors of this variance (J, B) cause."""
        wv = w * variance
        middle = np.diag((w * wv).sum(0)) - (wv * w * kappa[:, None]).T @ w - (w * kappa[:, None]).T @ (wv * w)
        middle += (w * (kappa**2 * (wv * w).sum(1))[:, None]).T @ w
        return spread @ middle @ spread

    from_sampling, from_training = carried(sampling), carried(np.where(present, training, 0.0))
    around = from_sampling + from_training
    if len(y) > 1:
        around = around - (offset_loading / total[:, None]).T @ offset_loading
    whitener = np.linalg.inv(np.linalg.cholesky(spread))
    parts = offset_loading, from_sampling, from_training, around
    return VarianceComponents(counts, means, whitener, sampling, training, df, offsets, replicate, *parts)


def sharing(noises: Sequence[VarianceComponents]) -> list[list[int]]:
    """Indices of the curves that share task, seed-set size and replicate labels: their errors are drawn together."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for i, noise in enumerate(noises):
        c = noise.counts
        groups.setdefault((c.task, c.seed_size, c.replicates), []).append(i)
    return list(groups.values())


def redraw(
    noises: Sequence[VarianceComponents], draws: int, rng: np.random.Generator, *, tails: bool = True
) -> list[np.ndarray]:
    """Draw the errors of the budget means of several curves together: (draws, B) arrays in the order of ``noises``.

    Two parts, each with the tails that its degrees of freedom call for (plain normal ones without ``tails``):

    - what all strategies of a replicate share (an easy or a hard seed set), moving every curve alike: its observed
      variance divided by ``chi2(J - 1) / (J - 1)``, so that a mean of J replicates has its t distribution;
    - what a replicate does to one strategy alone, and what is left in each cell around that: their observed
      (co)variances, stretched together by ``sqrt(nu / chi2(nu))`` with ``nu`` the Welch-Satterthwaite degrees of
      freedom of their sum. Stretching the two apart would be Behrens-Fisher, and too wide.
    """
    out: list[np.ndarray] = [np.empty(0)] * len(noises)
    for members in sharing(noises):
        group = [noises[i] for i in members]
        sizes = np.cumsum([0] + [len(n.means) for n in group])
        covariance = _joint(group)
        values, vectors = np.linalg.eigh(covariance)
        # the symmetric root: eigenvectors are unique up to their signs only, and those differ between processors
        root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
        z = rng.standard_normal((draws, len(values))) @ root
        common, own = z[:, : sizes[-1]], z[:, sizes[-1] :]
        if tails:
            J, nu = group[0].replicates, welch_df(group)
            if J > 1:
                common = common * np.sqrt((J - 1) / rng.chisquare(J - 1, draws))[:, None]
            if np.isfinite(nu):
                own = own * np.sqrt(nu / rng.chisquare(nu, draws))[:, None]
        for position, i in enumerate(members):
            out[i] = (common + own)[:, sizes[position] : sizes[position + 1]]
    return out


def _joint(group: Sequence[VarianceComponents]) -> np.ndarray:
    """Covariance of (shared part, own part) of the budget means of curves with the same replicates: (2N, 2N)."""
    J, M = group[0].replicates, len(group)
    sizes = np.cumsum([0] + [len(n.means) for n in group])
    N = sizes[-1]
    out = np.zeros((2 * N, 2 * N))
    if J > 1:
        u = np.stack([n.offsets for n in group], 1)
        common = shared_offset(u)
        parts = np.concatenate([np.repeat(common[:, None], M, 1), u - common[:, None]], 1)
        scale = parts.T @ parts / (J - 1)
        offset_loading = [n.offset_loading for n in group]
        for a in range(2 * M):
            for b in range(2 * M):
                block = offset_loading[a % M].T @ offset_loading[b % M] * scale[a, b]
                i, j = (a // M) * N + sizes[a % M], (b // M) * N + sizes[b % M]
                out[i : i + block.shape[0], j : j + block.shape[1]] = block
    for m, noise in enumerate(group):
        i = N + sizes[m]
        out[i : i + len(noise.means), i : i + len(noise.means)] += noise.within_replicate_cov
    return out


def t_quantile(probability: float, df: float) -> float:
    """Quantile of Student's t, normal for infinite degrees of freedom (scipy.special loads faster than scipy.stats).

    >>> round(t_quantile(0.95, 2), 3), round(t_quantile(0.95, np.inf), 3)
    (2.92, 1.645)
    """
    return float(stdtrit(df, probability) if np.isfinite(df) else ndtri(probability))


def shared_offset(u: np.ndarray) -> np.ndarray:
    """The part of the offsets (J, M) that all strategies share (J,): nothing where there is one strategy."""
    return u.mean(1) if u.shape[1] > 1 else np.zeros(len(u))


def welch_df(group: Sequence[VarianceComponents]) -> float:
    """Welch-Satterthwaite degrees of freedom of a fitted value: own offsets (J - 1) and cell noise together."""
    J = group[0].replicates
    # a curve has two parameters beside its level, so the shape's error is about 2/B of a cell's
    shape = float(np.mean([2 / len(n.means) * (n.sampling.mean() + n.training) / J for n in group]))
    cell_df = sum(n.cell_df for n in group) or np.inf
    if J == 1:
        return cell_df
    u = np.stack([n.offsets for n in group], 1)
    offset = float(((u - shared_offset(u)[:, None]) ** 2).sum() / (J - 1) / max(1, u.shape[1] - 1) / J)
    doubt = offset**2 / (J - 1) + shape**2 / cell_df
    return (offset + shape) ** 2 / doubt if doubt > 0 else np.inf
