"""Functional forms of a learning curve: ``A(x) = E - B e(x; theta)``, with a basis ``e`` that falls from 1 towards 0.

Source: the exponential is the form of arXiv 2409.19759, the rectified law that of arXiv 2402.02314.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

GRID = 64  # points of the grid over log tau; the refinement works between neighbours of the best one
TINY = 1e-300


@dataclass(frozen=True)
class Form:
    """A family of curves; a ``tied`` one is ``E (1 - e)``.

    ``parameters`` are the nonlinear ones, searched on the log scale; ``n_parameters`` counts the linear ones, too.
    ``basis(x (n,), theta (..., p))`` gives ``e`` (..., n) and ``de/dtheta`` (..., n, p); ``grid(x)`` (G, p) starts the
    search.
    """

    name: str
    parameters: tuple[str, ...]
    n_parameters: int
    tied: bool
    basis: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
    grid: Callable[[np.ndarray], np.ndarray]


def _exponential(x: np.ndarray, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``exp(-x / tau)`` and its derivative in ``log tau``."""
    z = x * np.exp(-theta[..., :1])
    e = np.exp(-z)
    return e, (z * e)[..., None]


def _power_law(x: np.ndarray, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``(1 + x / rho)^-alpha``."""
    ratio, alpha = x * np.exp(-theta[..., :1]), np.exp(theta[..., 1:])
    log1 = np.log1p(ratio)
    e = np.exp(-alpha * log1)
    return e, np.stack([alpha * e * ratio / (1 + ratio), -alpha * log1 * e], -1)


def _rectified(x: np.ndarray, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``1 / (1 + (x / rho)^beta)``, the rectified law ``B' / (D_l + x^beta)`` with ``rho = D_l^(1/beta)``."""
    beta = np.exp(theta[..., 1:])
    u = beta * (np.log(np.maximum(x, TINY)) - theta[..., :1])
    e = 1 / (1 + np.exp(np.clip(u, -700, 700)))
    slope = e * (1 - e)
    return e, np.stack([slope * beta, -slope * u], -1)


def _log_range(x: np.ndarray, n: int) -> np.ndarray:
    return np.linspace(np.log(x.min() / 5), np.log(x.max() * 20), n)


def _grid_1d(x: np.ndarray) -> np.ndarray:
    return _log_range(x, GRID)[:, None]


def _grid_2d(low: float, high: float) -> Callable[[np.ndarray], np.ndarray]:
    def grid(x: np.ndarray) -> np.ndarray:
        first, second = _log_range(x, 22), np.linspace(np.log(low), np.log(high), 14)
        return np.stack(np.meshgrid(first, second, indexing="ij"), -1).reshape(-1, 2)

    return grid


#: What describes every curve.
EXPONENTIAL = Form("exponential", ("tau",), 3, False, _exponential, _grid_1d)
#: The exponential and its rivals, under which each crossover is given too.
FORMS = {
    f.name: f
    for f in (
        EXPONENTIAL,
        Form("power_law", ("rho", "alpha"), 4, False, _power_law, _grid_2d(0.1, 20)),
        Form("rectified", ("rho", "beta"), 4, False, _rectified, _grid_2d(0.3, 6)),
        Form("logistic", ("rho", "slope"), 3, True, _rectified, _grid_2d(0.1, 6)),
    )
}
