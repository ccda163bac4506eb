"""Curves that bend as the data say: what crossovers, leads and advice are read from.

A curve is a trend, an exponential or a take-off (the rectified law), plus a Gaussian process with a Matern 3/2 kernel.
Each point of a grid over trend, scale and length is linear and Gaussian, so that the posterior is a mixture in closed
form. Sources: Kennedy & O'Hagan (2001) for the discrepancy; Wilson et al. (2020) for draws by pathwise conditioning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crossover.stats.noise import VarianceComponents

BEYOND = 16.0  # curves are drawn up to this factor outside the tested range
#: Departures from the trend: standard deviation in units of the curves' own range, and its prior weight.
SCALES = np.array([0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2])
SCALE_PRIOR = np.array([0.5, 0.15, 0.15, 0.1, 0.07, 0.03])
LENGTHS = (0.5, 2.0)  # of the departure, in median steps between tested log ratios
STEEPNESS = (0.5, 1, 2, 4, 8, 16)
TAKE_OFF_PRIOR = 0.25
TAKE_OFF_FLOOR = 1 / 8  # a take-off between two budgets has no known shape: the least departure it comes with
PRIOR_CURVES = 2.0  # curves that the prior of the departures is worth, when those of a task are pooled
NUGGET = 3e-4  # least error of a budget mean, in units of the curves' own range, which keeps the algebra stable
PRIOR_LEVEL, PRIOR_GAIN = 4.0, 2.0  # prior standard deviations of the betas, in units of the curves' own range


@dataclass(frozen=True)
class Trends:
    """Trend functions: exponential where ``steepness`` is 0, else take-offs.

    ``where`` is the log of tau or rho (C,).
    """

    where: np.ndarray
    steepness: np.ndarray

    def at(self, log_ratios: np.ndarray) -> np.ndarray:
        """Values from 0 to 1 at log ratios (n,): an array (C, n)."""
        t = log_ratios[None, :] - self.where[:, None]
        out = np.empty(t.shape)
        exponential = self.steepness == 0
        out[exponential] = -np.expm1(-np.exp(np.minimum(t[exponential], 50)))
        out[~exponential] = 1 / (1 + np.exp(np.clip(-self.steepness[~exponential, None] * t[~exponential], -50, 50)))
        return out

    def take(self, index: np.ndarray) -> Trends:
        return Trends(self.where[index], self.steepness[index])


@dataclass(frozen=True)
class FlexibleCurve:
    """Posterior mean and D draws of one curve.

    Departures are linear between equally spaced ``knots`` (K,), log ratios. The mean has ``gains`` (C,) of all
    ``trends`` of the grid and a ``departure`` (K,); each draw has one trend.
    """

    knots: np.ndarray
    trends: Trends
    level: float
    gains: np.ndarray
    departure: np.ndarray
    draw_trends: Trends
    draw_levels: np.ndarray
    draw_gains: np.ndarray
    draw_departures: np.ndarray
    bounds: tuple[float, float]

    def mean(self, ratios: np.ndarray) -> np.ndarray:
        """Posterior mean at budget ratios (n,)."""
        t = np.log(ratios)
        value = self.level + self.gains @ self.trends.at(t) + _hats(self.knots, t) @ self.departure
        return np.clip(value, *self.bounds)

    def draws(self, ratios: np.ndarray) -> np.ndarray:
        """Draws at budget ratios (n,): an array (D, n)."""
        t = np.log(ratios)
        value = self.draw_trends.at(t)
        value *= self.draw_gains[:, None]
        value += self.draw_departures @ _hats(self.knots, t).T
        value += self.draw_levels[:, None]
        return np.clip(value, *self.bounds, out=value)


@dataclass(frozen=True)
class LevelLine:
    """A strategy that buys nothing: one value at every budget ratio."""

    value: float
    values: np.ndarray

    def mean(self, ratios: np.ndarray) -> np.ndarray:
        return np.full(len(ratios), self.value)

    def draws(self, ratios: np.ndarray) -> np.ndarray:
        return np.repeat(self.values[:, None], len(ratios), 1)


def fit_flexible(
    noises: Sequence[VarianceComponents],
    errors: Sequence[np.ndarray],
    taus: Sequence[np.ndarray],
    rng: np.random.Generator,
) -> list[FlexibleCurve]:
    """Fit the curves of one task: those of a strategy share how far and how fast they depart from their trends.

    ``errors`` (D, B) are redrawn errors of each curve's budget means; ``taus`` (m,), logs of likely scales of its
    exponential, make the grid finer.
    """
    out: list[FlexibleCurve | None] = [None] * len(noises)
    names = np.array([n.counts.strategy for n in noises])
    for name in dict.fromkeys(names):
        members = np.nonzero(names == name)[0]
        group = [noises[i] for i in members]
        unit = max(max(float(np.ptp(n.means)), 2 * float(np.sqrt(n.sampling.max()))) for n in group)
        curves = [_Posterior(noises[i], unit, taus[i]) for i in members]
        prior = pooled_prior(np.stack([c.log_evidence for c in curves]), curves[0].prior)
        for i, curve in zip(members, curves, strict=True):
            out[i] = curve.draw(prior, errors[i], rng, noises[i].counts.bounds)
    return out


def pooled_prior(log_evidence: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Empirical-Bayes weights of the departures (P,), by expectation maximisation, from the curves' evidence (N, P)."""
    evidence = np.exp(log_evidence - log_evidence.max(1, keepdims=True))
    weight = prior
    for _ in range(50):
        share = evidence * weight
        weight = PRIOR_CURVES * prior + (share / share.sum(1, keepdims=True)).sum(0)
        weight /= weight.sum()
    return weight


class _Posterior:
    """Every pair of a departure (P) and a trend (C) of one curve: its evidence, and draws from their mixture."""

    def __init__(self, n: VarianceComponents, unit: float, taus: np.ndarray):
        t, y = np.log(n.counts.ratios), n.means
        step = float(np.median(np.diff(t)))
        self.knots = np.arange(t[0] - np.log(BEYOND) - step / 2, t[-1] + np.log(BEYOND) + step, step / 2)
        self.hats = _hats(self.knots, t)
        self.trends, trend_prior = _trend_grid(t, taus)
        self.phi = phi = self.trends.at(t)
        pairs = [(0.0, 0, SCALE_PRIOR[0])]
        pairs += [
            (s, k, p / len(LENGTHS))
            for s, p in zip(SCALES[1:], SCALE_PRIOR[1:], strict=True)
            for k in range(len(LENGTHS))
        ]
        scale, self.length, self.prior = (np.array(z) for z in zip(*pairs, strict=True))
        self.scale = unit * scale
        self.kernels = [_matern(self.knots[:, None] - self.knots[None, :], step * factor) for factor in LENGTHS]
        self.at_data = [k @ self.hats.T for k in self.kernels]  # (K, B)
        self.v0, self.v1, self.m1 = (PRIOR_LEVEL * unit) ** 2, (PRIOR_GAIN * unit) ** 2, unit
        self.m0, self.y = float(y.mean()) - self.m1 / 2, y
        noise = np.linalg.inv(n.whitener.T @ n.whitener) + (NUGGET * unit) ** 2 * np.eye(len(y))
        base = (
            self.v0
            + noise
            + self.scale[:, None, None] ** 2 * np.stack([self.hats @ self.at_data[k] for k in self.length])
        )
        self.inverse = np.linalg.inv(base)  # (P, B, B); each trend adds v1 phi phi', by Sherman-Morrison
        self.loaded = phi @ self.inverse  # (P, C, B)
        self.stiffness = self.v1 / (1 + self.v1 * (self.loaded * phi).sum(-1))
        residual = y - self.m0 - self.m1 * phi
        solved = residual @ self.inverse
        along = (self.loaded * residual).sum(-1)
        misfit = (solved * residual).sum(-1) - self.stiffness * along**2
        log_weight = np.log(trend_prior) - (misfit + np.log(self.v1 / self.stiffness)) / 2
        log_weight -= np.linalg.slogdet(base)[1][:, None] / 2
        log_weight[np.ix_(scale < TAKE_OFF_FLOOR * 0.999, self.trends.steepness > 0)] = -np.inf
        top = log_weight.max(1)
        weights = np.exp(log_weight - top[:, None])
        self.log_evidence = np.log(weights.sum(1)) + top
        self.given_departure = weights / weights.sum(1, keepdims=True)
        self.solved = solved - (self.stiffness * along)[..., None] * self.loaded  # V^-1 (y - mean) of each component

    def draw(
        self, prior: np.ndarray, errors: np.ndarray, rng: np.random.Generator, bounds: tuple[float, float]
    ) -> FlexibleCurve:
        departure = prior * np.exp(self.log_evidence - self.log_evidence.max())
        weights = self.given_departure * (departure / departure.sum())[:, None]
        carried = weights[..., None] * self.solved
        by_length = [
            ((self.scale**2 * (self.length == k))[:, None] * carried.sum(1)).sum(0) for k in range(len(LENGTHS))
        ]
        mean_level = self.m0 + self.v0 * float(carried.sum())
        mean_gains = weights.sum(0) * self.m1 + self.v1 * (carried.sum(0) * self.phi).sum(-1)
        mean_departure = sum(a @ r for a, r in zip(self.at_data, by_length, strict=True))

        D = len(errors)
        p, c = np.unravel_index(rng.choice(weights.size, size=D, p=weights.ravel()), weights.shape)
        level = self.m0 + np.sqrt(self.v0) * rng.standard_normal(D)
        gain = self.m1 + np.sqrt(self.v1) * rng.standard_normal(D)
        g = rng.standard_normal((D, len(self.knots)))
        for k, kernel in enumerate(self.kernels):
            rows = self.length[p] == k
            g[rows] = g[rows] @ np.linalg.cholesky(kernel + 1e-9 * np.eye(len(kernel))).T
        g *= self.scale[p][:, None]
        phi, loaded = self.phi[c], self.loaded[p, c]
        r = self.y + errors - level[:, None] - gain[:, None] * phi - g @ self.hats.T
        r = np.einsum("dij,dj->di", self.inverse[p], r) - (self.stiffness[p, c] * (loaded * r).sum(1))[:, None] * loaded
        level += self.v0 * r.sum(1)
        gain += self.v1 * (phi * r).sum(1)
        for k, a in enumerate(self.at_data):
            rows = self.length[p] == k
            g[rows] += (self.scale[p[rows]] ** 2)[:, None] * (r[rows] @ a.T)
        return FlexibleCurve(
            self.knots, self.trends, mean_level, mean_gains, mean_departure, self.trends.take(c), level, gain, g, bounds
        )


def _trend_grid(t: np.ndarray, taus: np.ndarray) -> tuple[Trends, np.ndarray]:
    """Trends with their prior weights: exponentials uniform in log tau, take-offs uniform within the tested range."""
    coarse = np.linspace(t[0] - np.log(5), t[-1] + np.log(20), 20)
    fine = np.linspace(*np.clip(np.quantile(taus, [0.02, 0.98]), coarse[0], coarse[-1]), 12)
    where = np.union1d(coarse, fine)
    mass = np.maximum(np.gradient(where), 1e-9)
    rho, steep = np.meshgrid(np.linspace(t[0], t[-1], 25), STEEPNESS, indexing="ij")
    trends = Trends(np.r_[where, rho.ravel()], np.r_[np.zeros(len(where)), steep.ravel()])
    prior = np.r_[mass / mass.sum() * (1 - TAKE_OFF_PRIOR), np.full(rho.size, TAKE_OFF_PRIOR / rho.size)]
    return trends, prior


def _hats(knots: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Weights of linear interpolation between equally spaced knots (n, K), held constant outside of them."""
    step = knots[1] - knots[0]
    return np.maximum(0, 1 - np.abs(np.clip(t, knots[0], knots[-1])[:, None] - knots[None, :]) / step)


def _matern(distance: np.ndarray, length: float) -> np.ndarray:
    z = np.sqrt(3) * np.abs(distance) / length
    return (1 + z) * np.exp(-z)
