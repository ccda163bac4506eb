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


@dataclass(frozen=True)
class Cells:
    """Counts of one curve: a strategy at one seed-set size on one task.

    Attributes
    ----------
    task, strategy : str
    seed_size : float
        Seed questions, S.
    ratios : (B,) array
        Budget ratios ``r = Q / S``, ascending and distinct.
    replicates : tuple
        Labels of the J replicates.
    correct, tested : (J, B) arrays
        ``k`` of ``n``; ``tested`` is 0 where a replicate lacks a budget.
    """

    task: str
    strategy: str
    seed_size: float
    ratios: np.ndarray
    replicates: tuple
    correct: np.ndarray
    tested: np.ndarray

    @property
    def key(self) -> tuple[str, str, float]:
        return self.task, self.strategy, self.seed_size


@dataclass(frozen=True)
class Noise:
    """The budget means of one curve and the parts of their error.

    Attributes
    ----------
    cells : Cells
    means : (B,) array
        Generalised least squares mean of each budget.
    whiten : (B, B) array
        ``W`` with ``W'W`` the precision of the means.
    sampling : (J, B) array
        Binomial variance of each cell (0 where the cell is missing).
    training : float
        Variance between trainings beyond sampling; 0 where none is seen.
    cell_df : int
        Degrees of freedom behind ``training``; 0 where it cannot be seen.
    offsets : (J,) array
        Observed offset of each replicate, averaged over its budgets (it holds that average's share of cell noise).
    replicate : float
        Variance of the replicate effect by moments, the share of cell noise taken off; 0 with one replicate.
    reach : (J, B) array
        How far an offset of 1 in a replicate moves each budget mean.
    from_sampling, from_training, around_offset : (B, B) arrays
        Covariance of the means that comes from sampling, from training, and from both together once each replicate's
        average over its budgets is held fixed.
    """

    cells: Cells
    means: np.ndarray
    whiten: np.ndarray
    sampling: np.ndarray
    training: float
    cell_df: int
    offsets: np.ndarray
    replicate: float
    reach: np.ndarray
    from_sampling: np.ndarray
    from_training: np.ndarray
    around_offset: np.ndarray

    @property
    def replicates(self) -> int:
        return len(self.cells.replicates)


def estimate(cells: Cells) -> Noise:
    """Estimate the variance components of a curve by moments, without assuming its shape."""
    present = cells.tested > 0
    n = np.where(present, cells.tested, 1).astype(float)
    y = np.where(present, cells.correct / n, 0.0)
    J, B = present.shape
    # (k + 1) / (n + 2) over the replicates of a budget: all wrong or all right must not read as "no error at all"
    p = ((cells.correct * present).sum(0) + 1) / (cells.tested.sum(0) + 2)
    sampling = np.where(present, p * (1 - p) / n, 0.0)

    weight = np.where(present, 1 / np.where(present, sampling, 1), 0.0)
    budgets, shifts = _additive(y, weight)
    df = max(int(present.sum()) - B - (J - 1), 0) if J > 1 else 0
    scale = float((weight * (y - budgets - shifts[:, None]) ** 2).sum() / df) if df else 1.0
    training = max(0.0, (scale - 1) * float(sampling[present].mean()))

    weight = np.where(present, 1 / (np.where(present, sampling, 1) + training), 0.0)
    offsets = (weight * (y - budgets)).sum(1) / weight.sum(1)
    offsets = offsets - offsets.mean()
    replicate = max(0.0, float((offsets**2).sum() / (J - 1) - (1 / weight.sum(1)).mean())) if J > 1 else 0.0
    return _assemble(cells, y, sampling, training, df, offsets, replicate)


def rescaled(noise: Noise, scale: float, df: int) -> Noise:
    """The same means with cell noise taken from the scatter around the curve: for a single replicate."""
    present = noise.cells.tested > 0
    y = np.where(present, noise.cells.correct / np.where(present, noise.cells.tested, 1), 0.0)
    training = max(0.0, (scale - 1) * float(noise.sampling[present].mean()))
    return replace(_assemble(noise.cells, y, noise.sampling, training, df, noise.offsets, noise.replicate), cell_df=df)


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


def _assemble(cells, y, sampling, training, df, offsets, replicate) -> Noise:
    """Generalised least squares of the budget means; each replicate's block is diagonal plus a constant (Woodbury)."""
    present = cells.tested > 0
    w = np.where(present, 1 / (np.where(present, sampling, 1) + training), 0.0)
    total = w.sum(1)
    kappa = replicate / (1 + replicate * total)
    precision = np.diag(w.sum(0)) - (w * kappa[:, None]).T @ w
    spread = np.linalg.inv(precision)
    spread = (spread + spread.T) / 2
    means = spread @ ((w * y).sum(0) - w.T @ (kappa * (w * y).sum(1)))
    reach = ((1 - kappa * total)[:, None] * w) @ spread

    def carried(variance: np.ndarray) -> np.ndarray:
        """Covariance of the means that independent cell errors of this variance (J, B) cause."""
        wv = w * variance
        middle = np.diag((w * wv).sum(0)) - (wv * w * kappa[:, None]).T @ w - (w * kappa[:, None]).T @ (wv * w)
        middle += (w * (kappa**2 * (wv * w).sum(1))[:, None]).T @ w
        return spread @ middle @ spread

    from_sampling, from_training = carried(sampling), carried(np.where(present, training, 0.0))
    around = from_sampling + from_training
    if len(y) > 1:
        around = around - (reach / total[:, None]).T @ reach
    whiten = np.linalg.inv(np.linalg.cholesky(spread))
    return Noise(
        cells, means, whiten, sampling, training, df, offsets, replicate, reach, from_sampling, from_training, around
    )


def sharing(noises: Sequence[Noise]) -> list[list[int]]:
    """Indices of the curves that share task, seed-set size and replicate labels: their errors are drawn together."""
    groups: dict[tuple, list[int]] = {}
    for i, noise in enumerate(noises):
        c = noise.cells
        groups.setdefault((c.task, c.seed_size, c.replicates), []).append(i)
    return list(groups.values())


def redraw(noises: Sequence[Noise], draws: int, rng: np.random.Generator, *, tails: bool = True) -> list[np.ndarray]:
    """Draw the error of the budget means of several curves together.

    Three parts, each with the tails that its degrees of freedom call for:

    - what all strategies of a replicate share (an easy or a hard seed set), moving every curve alike: its observed
      variance divided by ``chi2(J - 1) / (J - 1)``, so that a mean of J replicates has its t distribution;
    - what a replicate does to one strategy alone, all budgets up or down together, and what is left in each cell around
      that: their observed (co)variances, stretched together by ``sqrt(nu / chi2(nu))`` with ``nu`` the
      Welch-Satterthwaite degrees of freedom of their sum. Stretching the two apart would be Behrens-Fisher, and too
      wide.

    Parameters
    ----------
    noises : sequence of Noise
    draws : int
    rng : numpy Generator
    tails : bool
        Redraw the variances; false gives plain normal errors.

    Returns
    -------
    list of (draws, B) arrays
        In the order of ``noises``.
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


def _joint(group: Sequence[Noise]) -> np.ndarray:
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
        reach = [n.reach for n in group]
        for a in range(2 * M):
            for b in range(2 * M):
                block = reach[a % M].T @ reach[b % M] * scale[a, b]
                i, j = (a // M) * N + sizes[a % M], (b // M) * N + sizes[b % M]
                out[i : i + block.shape[0], j : j + block.shape[1]] = block
    for m, noise in enumerate(group):
        i = N + sizes[m]
        out[i : i + len(noise.means), i : i + len(noise.means)] += noise.around_offset
    return out


def shared_offset(u: np.ndarray) -> np.ndarray:
    """The part of the offsets (J, M) that all strategies share (J,): nothing where there is one strategy."""
    return u.mean(1) if u.shape[1] > 1 else np.zeros(len(u))


def welch_df(group: Sequence[Noise]) -> float:
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
