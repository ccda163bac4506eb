r"""How far points lie from fitted curves, in accuracy, with the noise of the points taken off.

The loss of curves with :math:`V` as covariance of their points is a noncentral chi-square, whose noncentrality
:math:`\lambda` comes from the misfit alone. As :math:`V` is estimated, its central part varies more. With :math:`\nu`
degrees of freedom, and :math:`\nu_V` behind the estimate, the loss is taken as a scaled chi-square of the same mean
:math:`\nu + \lambda` and variance :math:`2\nu + 4\lambda + 2\nu^2/\nu_V` (Patnaik 1949). The root mean square misfit is
then

.. math:: \sqrt{\lambda \, N / (\nu \, \mathrm{tr} V^{-1})}

for :math:`N` points. Unlike a ratio of variances, it does not grow with precision.
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy import optimize, stats

from crossover.errors import CrossoverError


@dataclass(frozen=True)
class Misfit:
    """Root mean square misfit of curves."""

    loss: float  #: Chi-square of the points round all curves.
    df: int
    noise_df: int  #: Of the variance estimate behind the points' covariance.
    precision: float  #: Sum of the points' precisions.
    points: int

    def __post_init__(self) -> None:
        if self.df < 1:
            raise CrossoverError("A misfit needs more points than the curves have parameters.")

    @property
    def estimate(self) -> float:
        """Median unbiased."""
        return self._at(0.5)

    def interval(self, level: float) -> tuple[float, float]:
        """Return the ends of the interval at a level between 0 and 1.

        The lower one is 0 where no misfit is detectable.
        """
        return self._at((1 + level) / 2), self._at((1 - level) / 2)

    def _at(self, probability: float) -> float:
        """The misfit under which a loss as small as this one has the given probability."""
        noise = 2 * self.df**2 / max(self.noise_df, 1)

        def excess(noncentrality: float) -> float:
            mean, variance = self.df + noncentrality, 2 * self.df + 4 * noncentrality + noise
            return float(stats.gamma.cdf(self.loss, mean**2 / variance, scale=variance / mean)) - probability

        if excess(0.0) <= 0:
            return 0.0
        top = 1.0 + self.loss
        while excess(top) > 0:
            top *= 2
        found = optimize.brentq(excess, 0.0, top)
        return float((found * self.points / self.df / self.precision) ** 0.5)
