"""How far points lie from fitted curves, in accuracy, with the noise of the points taken off.

The loss of curves with ``V`` as covariance of their ``N`` points is a noncentral chi-square, here a scaled chi-square
of the same mean and variance (Patnaik 1949). Its noncentrality lambda is the misfit, ``sqrt(lambda N / (df tr V^-1))``.
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy import optimize
from scipy.special import gammainc


@dataclass(frozen=True)
class Misfit:
    """Root mean square misfit of curves."""

    loss: float  #: Chi-square of the points round all curves.
    df: int
    noise_df: int  #: Of the variance estimate behind the points' covariance.
    precision: float  #: Sum of the points' precisions.
    points: int

    @property
    def estimate(self) -> float:
        """Median unbiased."""
        return self._at(0.5)

    def interval(self, level: float) -> tuple[float, float]:
        """Return the ends of the interval at a level; the lower one is 0 where no misfit is detectable."""
        return self._at((1 + level) / 2), self._at((1 - level) / 2)

    def _at(self, probability: float) -> float:
        """The misfit under which a loss as small as this one has the given probability."""
        noise = 2 * self.df**2 / max(self.noise_df, 1)

        def excess(noncentrality: float) -> float:
            mean, variance = self.df + noncentrality, 2 * self.df + 4 * noncentrality + noise
            return float(gammainc(mean**2 / variance, self.loss * mean / variance)) - probability

        if excess(0.0) <= 0:
            return 0.0
        top = 1.0 + self.loss
        while excess(top) > 0:
            top *= 2
        found = optimize.brentq(excess, 0.0, top)
        return float((found * self.points / self.df / self.precision) ** 0.5)
