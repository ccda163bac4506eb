"""Exact fits of a curve by variable projection, for thousands of data vectors (bootstrap draws) at once.

For a fixed ``theta`` a form is linear in ``(E, B)``, so a fit is a search over ``log theta`` (grid, then bounded
refinement) with constrained weighted least squares inside. Source: Golub & Pereyra (1973).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crossover.stats.forms import TINY, Form

CHUNK = 1024  # draws handled together: keeps (draws, grid) arrays in the cache


@dataclass(frozen=True)
class Solution:
    """Fits of ``D`` data vectors: ``E``, ``B``, ``loss`` (D,), ``theta`` (D, p) on the log scale, ``edge`` (D,) int.

    ``edge`` is -1 or +1 where the first nonlinear parameter stopped at the lower or upper end of its range, else 0.
    """

    E: np.ndarray
    B: np.ndarray
    theta: np.ndarray
    loss: np.ndarray
    edge: np.ndarray

    def predict(self, form: Form, x: np.ndarray) -> np.ndarray:
        """Accuracy of every fit at ``x`` (n,), or at its own row of ``x`` (D, n): an array (D, n)."""
        e = _values(form, np.asarray(x, float), self.theta)
        return self.E[:, None] - self.B[:, None] * e


def _values(form: Form, x: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Basis without its derivative; ``x`` may hold one row for each row of ``theta``."""
    if x.ndim == 1 and form.name == "exponential":
        return np.exp(-x * np.exp(-theta))
    return form.basis(x, theta)[0]


def _affine(
    a: float, mean: np.ndarray, c: np.ndarray, u: np.ndarray, v: np.ndarray, bounded: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Best ``E, B`` of ``E - B e`` under ``0 <= E <= 1, B >= 0`` and the fall in loss against a zero curve.

    ``e = mean + e~`` with ``e~`` orthogonal to the constant: ``a = 1'P1``, ``c = e~'Pe~``, ``u = 1'Pm``, ``v = e~'Pm``.
    The optimum is the unconstrained one where feasible, else the best of the three edges.
    """
    c = np.maximum(c, TINY)
    B = -v / c
    level = u / a
    E = level + B * mean
    gain = u * level + v * v / c
    if not bounded:
        return E, B, gain
    bad = (B < 0) | (E < 0) | (E > 1)
    if not bad.any():
        return E, B, gain
    if bad.ndim:  # work on the infeasible entries alone
        index = np.nonzero(bad)
        a, mean, c, u, v, level = (np.broadcast_to(z, bad.shape)[index] for z in (a, mean, c, u, v, level))
    flat = np.clip(level, 0, 1)
    best_E, best_B, best_gain = flat, np.zeros_like(flat), 2 * u * flat - a * flat**2
    for edge in (0.0, 1.0):
        b = np.maximum((a * mean * edge - u * mean - v) / (a * mean**2 + c), 0)
        mu = edge - b * mean
        g = 2 * u * mu - a * mu**2 - c * b**2 - 2 * v * b
        better = g > best_gain
        best_E, best_B = np.where(better, edge, best_E), np.where(better, b, best_B)
        best_gain = np.where(better, g, best_gain)
    E[index], B[index], gain[index] = best_E, best_B, best_gain
    return E, B, gain


class _Problem:
    """Whitened least squares for one set of ``x`` and weights: ``data`` (D, n), ``whiten`` (n,) or (n, n)."""

    def __init__(self, form: Form, x: np.ndarray, whiten: np.ndarray, bounded: bool):
        self.form, self.x, self.w, self.bounded = form, x, whiten, bounded
        self.one = whiten if whiten.ndim == 1 else whiten.sum(1)
        self.a = self.one @ self.one

    def white(self, z: np.ndarray) -> np.ndarray:
        return z * self.w if self.w.ndim == 1 else z @ self.w.T

    def on_grid(self, m: np.ndarray, grid: np.ndarray) -> tuple[np.ndarray, ...]:
        """Linear solution for every row of ``m`` (whitened) and every grid point: ``E, B, gain`` (D, G)."""
        e = self.white(self.form.basis(self.x, grid)[0])
        if self.form.tied:
            return self._tied(m @ (self.one - e).T, ((self.one - e) ** 2).sum(-1))
        mean = e @ self.one / self.a
        e = e - mean[:, None] * self.one
        return _affine(self.a, mean, (e**2).sum(-1), (m @ self.one)[:, None], m @ e.T, self.bounded)

    def _tied(self, sm: np.ndarray, ss: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        E = sm / np.maximum(ss, TINY)
        if self.bounded:
            E = np.clip(E, 0, 1)
        return E, E, E * (2 * sm - E * ss)

    def at(self, m: np.ndarray, theta: np.ndarray) -> tuple[np.ndarray, ...]:
        """``E, B``, whitened residual (D, n) and whitened ``de`` (D, n, p) with one ``theta`` a row."""
        e, de = self.form.basis(self.x, theta)
        e, de = self.white(e), self.w[:, None] * de if self.w.ndim == 1 else self.w @ de
        if self.form.tied:
            s = self.one - e
            E, B, _ = self._tied((m * s).sum(-1), (s * s).sum(-1))
        else:
            mean, u = e @ self.one / self.a, m @ self.one
            c = e - mean[:, None] * self.one
            v = ((m - (u / self.a)[:, None] * self.one) * c).sum(-1)
            E, B, _ = _affine(self.a, mean, (c * c).sum(-1), u, v, self.bounded)
        return E, B, m - E[:, None] * self.one + B[:, None] * e, de

    def slope(self, m: np.ndarray, log_tau: np.ndarray) -> np.ndarray:
        """Derivative of the profiled loss in ``log tau`` (half of it), by the envelope theorem: (D,)."""
        _, B, residual, de = self.at(m, log_tau[:, None])
        return B * (residual * de[..., 0]).sum(-1)


def _root_of_slope(
    problem: _Problem, m: np.ndarray, low: np.ndarray, middle: np.ndarray, high: np.ndarray, tolerance: float
) -> np.ndarray:
    """Minimise the profiled loss inside ``[low, high]`` at the root of its slope (Illinois false position)."""
    x = middle.copy()
    g = problem.slope(m, x)
    falling = g < 0
    other = problem.slope(m, np.where(falling, high, low))
    a, b = np.where(falling, x, low), np.where(falling, high, x)
    ga, gb = np.where(falling, g, other), np.where(falling, other, g)
    side = np.zeros(len(x), int)
    live = np.nonzero((ga < 0) & (gb > 0))[0]
    for step in range(80):
        if not live.size:
            break
        al, bl, gal, gbl = a[live], b[live], ga[live], gb[live]
        new = (al * gbl - bl * gal) / (gbl - gal)
        if step % 8 == 7:  # a bisection now and then bounds the worst case
            new = (al + bl) / 2
        gn = problem.slope(m[live], new)
        moved = np.abs(new - x[live])
        x[live] = new
        up = gn > 0
        # Illinois: an end that stays twice has its slope halved, so that both ends close in
        gal, gbl = np.where(up & (side[live] > 0), gal / 2, gal), np.where(~up & (side[live] < 0), gbl / 2, gbl)
        side[live] = np.where(up, 1, -1)
        a[live], b[live] = np.where(up, al, new), np.where(up, new, bl)
        ga[live], gb[live] = np.where(up, gal, gn), np.where(up, gn, gbl)
        live = live[(moved > tolerance) & (gn != 0)]
    return x


def _damped_steps(
    problem: _Problem, m: np.ndarray, theta: np.ndarray, low: np.ndarray, high: np.ndarray, steps: int
) -> np.ndarray:
    """Levenberg-Marquardt on the projected residual (Kaufman) for two nonlinear parameters, row by row, in bounds."""
    theta = theta.copy()
    damping = np.full(len(theta), 1e-2)
    E, B, res, de = problem.at(m, theta)
    loss = (res**2).sum(-1)
    for _ in range(steps):
        jac = _projected(problem, E, B, de, theta)
        hess = np.einsum("dni,dnj->dij", jac, jac)
        diag = np.einsum("dii->di", hess)
        hess = hess + (damping[:, None] * diag + 1e-14 * diag.sum(-1, keepdims=True) + TINY)[:, :, None] * np.eye(2)
        step = -np.linalg.solve(hess, np.einsum("dni,dn->di", jac, res)[..., None])[..., 0]
        new = np.clip(theta + np.clip(step, -1, 1), low, high)
        E1, B1, res1, de1 = problem.at(m, new)
        loss1 = (res1**2).sum(-1)
        good = loss1 <= loss
        change = np.where(good, np.abs(new - theta).max(-1), 1.0)
        theta = np.where(good[:, None], new, theta)
        loss = np.where(good, loss1, loss)
        E, B = np.where(good, E1, E), np.where(good, B1, B)
        res, de = np.where(good[:, None], res1, res), np.where(good[:, None, None], de1, de)
        damping = np.clip(np.where(good, damping / 5, damping * 4), 1e-12, 1e8)
        if (change < 1e-13).all():
            break
    return theta


def _projected(problem: _Problem, E: np.ndarray, B: np.ndarray, de: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Jacobian of the residual in ``theta``, orthogonal to the linear columns that are free to move."""
    jac = B[:, None, None] * de
    e = problem.white(problem.form.basis(problem.x, theta)[0])
    if problem.form.tied:
        s = problem.one - e
        free = (E < 1) | (not problem.bounded)
        weight = np.where(free, 1 / np.maximum((s * s).sum(-1), TINY), 0)
        return jac - s[..., None] * (weight[:, None] * np.einsum("dn,dnp->dp", s, jac))[:, None, :]
    pinned = problem.bounded & ((E <= 0) | (E >= 1))
    one = np.where(pinned, 0.0, 1.0)[:, None] * problem.one
    jac = jac - one[..., None] * (np.einsum("dn,dnp->dp", one, jac) / problem.a)[:, None, :]
    c = e - one * ((e * one).sum(-1) / problem.a)[:, None]
    scale = (c * c).sum(-1)
    weight = np.where(B > 0, 1 / np.maximum(scale, TINY), 0)
    return jac - c[..., None] * (weight[:, None] * np.einsum("dn,dnp->dp", c, jac))[:, None, :]


def solve(
    form: Form,
    x: np.ndarray,
    data: np.ndarray,
    whiten: np.ndarray | None = None,
    *,
    bounded: bool = True,
    tolerance: float = 1e-10,
    steps: int = 60,
) -> Solution:
    """Fit ``form`` at ``x`` (n,) to every row of ``data`` (D, n).

    ``whiten``, (n,) or (n, n), is ``W`` with ``W'W`` the precision of the data; by default all weigh the same.
    ``bounded`` holds ``0 <= E <= 1`` and ``B >= 0``. The refinement of ``log tau`` stops at steps of ``tolerance``
    (1e-6 is plenty for draws), that of two parameters after ``steps``.
    """
    x, data = np.asarray(x, float), np.atleast_2d(np.asarray(data, float))
    whiten = np.ones(len(x)) if whiten is None else np.asarray(whiten, float)
    problem = _Problem(form, x, whiten, bounded)
    grid = form.grid(x)
    parts = [_solve_chunk(problem, data[i : i + CHUNK], grid, tolerance, steps) for i in range(0, len(data), CHUNK)]
    return Solution(*(np.concatenate(z) for z in zip(*parts, strict=True)))


def _solve_chunk(
    problem: _Problem, data: np.ndarray, grid: np.ndarray, tolerance: float, steps: int
) -> tuple[np.ndarray, ...]:
    m = problem.white(data)
    gain = problem.on_grid(m, grid)[2]
    best = gain.argmax(1)
    first = grid[:, 0]
    if grid.shape[1] == 1:
        low, high = first[np.maximum(best - 1, 0)], first[np.minimum(best + 1, len(first) - 1)]
        theta = _root_of_slope(problem, m, low, first[best], high, tolerance)[:, None]
    else:
        theta = _damped_steps(problem, m, grid[best], grid.min(0), grid.max(0), steps)
    E, B, residual, _ = problem.at(m, theta)
    edge = (theta[:, 0] >= first.max() - 1e-9).astype(int) - (theta[:, 0] <= first.min() + 1e-9)
    return E, B, theta, (residual**2).sum(-1), edge
