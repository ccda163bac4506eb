"""Learning curves: one fit per task, strategy and seed-set size, with errors, draws and a status.

:func:`fit_table` needs nothing but counts. ``E`` is the accuracy that unlimited budget would reach, ``B`` the gain over
no budget at all, ``tau`` the budget ratio over which the rest of the gain shrinks by ``e``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import fdtrc, gammainc

from crossover.errors import CrossoverError, nearest
from crossover.stats import counts, noise
from crossover.stats.counts import CurveCounts
from crossover.stats.flexible import FlexibleCurve, LevelLine, fit_flexible
from crossover.stats.formatting import Ends, interval, short, with_error
from crossover.stats.forms import EXPONENTIAL, Form
from crossover.stats.noise import VarianceComponents
from crossover.stats.variable_projection import Solution, solve

#: Distinct budgets that a curve needs at the least: it has three parameters.
MIN_BUDGETS = 4
STATUSES = {
    "ok": "",
    "flat": "no detectable gain over the tested budgets: test more items, or a wider range of budgets",
    "asymptote_not_identified": "the curve has not begun to level off: add larger budgets; E and tau are bounds",
    "too_few_budgets": (
        f"a curve needs at least {MIN_BUDGETS} distinct budgets: add budgets between and beyond those run"
    ),
    "level": "",
    "lack_of_fit": (
        "the points scatter round the curve by more than the replicates allow: crossovers rest on flexible curves"
    ),
}
# Levels of the tests behind `flat` and `lack_of_fit`; the second is strict, since it runs on every curve.
FLAT_LEVEL, LACK_LEVEL = 0.10, 0.01


@dataclass(frozen=True, kw_only=True)
class CurveSummary:
    """Parameters of a curve ``A(r) = E - B exp(-r / tau)`` over budget ratios ``r``; ``None`` where not identified.

    ``E``, ``B``, ``start`` (= E - B) are accuracies, ``tau`` and ``ratio_90`` (where 90% of the gain is reached) budget
    ratios. ``*_error`` is half of the central 68%, ``*_interval`` the interval at the fit's level, ``None`` for an open
    end.
    """

    task: str
    strategy: str
    seed_size: float
    form: str = EXPONENTIAL.name
    E: float | None = None
    B: float | None = None
    tau: float | None = None
    E_interval: Ends = (None, None)
    B_interval: Ends = (None, None)
    tau_interval: Ends = (None, None)
    E_error: float | None = None
    B_error: float | None = None
    tau_error: float | None = None
    start: float | None = None
    ratio_90: float | None = None
    status: str
    message: str
    n_budgets: int
    n_replicates: int
    ratio_range: tuple[float, float]
    aicc: float | None = None
    left_out_error: float | None = None

    def __str__(self) -> str:
        return (
            f"{self.strategy} (S = {short(self.seed_size)}, {self.task}): "
            + ", ".join(f"{name} = {self.row()[name]}" for name in ("E", "B", "tau"))
            + f"; {self.status}"
        )

    def _repr_html_(self) -> str:
        return pd.DataFrame([self.row()]).to_html(index=False, border=0)

    def row(self) -> dict[str, str]:
        """Cells of a printed table."""
        return {
            "task": self.task,
            "strategy": self.strategy,
            "S": short(self.seed_size),
            **{name: with_error(getattr(self, name), getattr(self, f"{name}_error")) for name in ("E", "B", "tau")},
            "E interval": interval(*self.E_interval) if self.E is not None else "-",
            "tau interval": interval(*self.tau_interval) if self.tau is not None else "-",
            "90% gain": "-" if self.ratio_90 is None else short(self.ratio_90),
            "status": self.status,
            "message": self.message,
        }


@dataclass(frozen=True, kw_only=True)
class FittedCurve(CurveSummary):
    """A curve's summary, its counts and noise, and its fits, ``None`` with too few budgets.

    ``point`` and ``draws`` are fits of the summary's form, ``flexible`` is the curve that bends as the data say. The
    draws of curves that share replicates belong together row by row.
    """

    counts: CurveCounts
    noise: VarianceComponents
    point: Solution | None
    draws: Solution | None
    flexible: FlexibleCurve | LevelLine | None
    level: float

    @property
    def is_fitted(self) -> bool:
        return self.flexible is not None

    def at(self, ratios: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Outcome of the flexible curve at ``ratios`` (n,): its mean (n,) and its draws (D, n)."""
        if self.flexible is None:
            raise CrossoverError(f"{self.strategy} at S = {self.seed_size:g} has no curve: {self.message}")
        ratios = np.asarray(ratios, float)
        return self.flexible.mean(ratios), self.flexible.draws(ratios)

    def predict(self, ratios: np.ndarray) -> pd.DataFrame:
        """Accuracy with its interval at budget ratios: columns ``ratio, accuracy, low, high, inside``."""
        ratios = np.atleast_1d(np.asarray(ratios, float))
        point, draws = self.at(ratios)
        low, high = np.quantile(draws, [(1 - self.level) / 2, (1 + self.level) / 2], axis=0)
        first, last = self.ratio_range
        inside = (ratios >= first) & (ratios <= last)
        return pd.DataFrame({"ratio": ratios, "accuracy": point, "low": low, "high": high, "inside": inside})


@dataclass(frozen=True)
class Fits:
    """The fitted curves of a table: ``fits["new_question", 64].tau``, or ``fits[task, strategy, seed_size]``."""

    level: float
    curves: tuple[FittedCurve, ...]
    seed: int

    def __len__(self) -> int:
        return len(self.curves)

    def __iter__(self) -> Iterator[FittedCurve]:
        return iter(self.curves)

    def __getitem__(self, key: tuple[Any, ...]) -> FittedCurve:
        """A curve by (strategy, seed_size) or (task, strategy, seed_size); an error names the nearest."""
        *task, strategy, size = key if isinstance(key, tuple) and len(key) in (2, 3) else (key, np.nan)
        found = [c for c in self if c.strategy == strategy and c.seed_size == size and task in ([], [c.task])]
        if len(found) == 1:
            return found[0]
        if found:
            tasks = ", ".join(repr(c.task) for c in found)
            raise CrossoverError(f"{strategy!r} at S = {size:g} was fitted for {tasks}: name the task first")
        asked = "/".join([*task, f"{strategy}/S={size}"])
        known = [f"{c.task}/{c.strategy}/S={c.seed_size:g}"[0 if task else len(c.task) + 1 :] for c in self]
        raise CrossoverError(f"no curve {asked}.{nearest(asked, known)}")

    def groups(self) -> dict[tuple[str, float], list[FittedCurve]]:
        """Curves to compare with one another, by (task, seed_size)."""
        out: dict[tuple[str, float], list[FittedCurve]] = {}
        for c in self:
            out.setdefault((c.task, c.seed_size), []).append(c)
        return out

    def points_table(self) -> pd.DataFrame:
        """Observed mean of each budget with its standard error: what a figure draws under the curves."""
        rows = []
        for c in self:
            n = c.noise
            between = n.offset_loading.T @ n.offset_loading * (n.offsets**2).sum() / max(n.replicates - 1, 1)
            error = np.sqrt(np.maximum(np.diag(n.within_replicate_cov + between), 0))
            for r, mean, e in zip(c.counts.ratios, n.means, error, strict=True):
                rows.append((c.task, c.strategy, c.seed_size, r, r * c.seed_size, mean, e))
        return pd.DataFrame(rows, columns=["task", "strategy", "seed_size", "ratio", "budget", "accuracy", "error"])

    def table(self) -> pd.DataFrame:
        """One row per curve, intervals in columns ``*_low`` and ``*_high`` (empty where open)."""
        rows = []
        for c in self:
            row = {f.name: getattr(c, f.name) for f in fields(CurveSummary)}
            for name in ("E", "B", "tau"):
                row[f"{name}_low"], row[f"{name}_high"] = row.pop(f"{name}_interval")
            row["ratio_min"], row["ratio_max"] = row.pop("ratio_range")
            rows.append(row)
        return pd.DataFrame(rows)

    def _repr_html_(self) -> str:
        return pd.DataFrame([c.row() for c in self]).to_html(index=False, border=0)


def fit_exponential(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Fit ``y = E - B exp(-x / tau)``, with ``0 <= E <= 1`` and ``B >= 0``: returns ``E, B, tau``.

    >>> x = np.array([1.0, 2, 4, 8, 16])
    >>> [round(v, 9) for v in fit_exponential(x, 0.7 - 0.4 * np.exp(-x / 5))]
    [0.7, 0.4, 5.0]
    """
    fit = solve(EXPONENTIAL, x, y)
    return float(fit.E[0]), float(fit.B[0]), float(np.exp(fit.theta[0, 0]))


def fit_table(table: pd.DataFrame, level: float = 0.9, draws: int = 2000, seed: int = 0) -> Fits:
    """Fit every curve of a table of counts, as :func:`crossover.stats.counts.validate_counts` takes it.

    Parameters
    ----------
    table : DataFrame
    level : float
        Of the intervals, between 0 and 1.
    draws : int
        Bootstrap draws, at least 50; the same ``seed`` gives the same intervals.
    seed : int

    Examples
    --------
    >>> ratios = np.array([1, 2, 4, 8, 16])
    >>> correct = 1000 * (0.7 - 0.4 * np.exp(-ratios / 5))
    >>> table = pd.DataFrame({"budget": 50 * ratios, "n_correct": correct.round()})
    >>> table = table.assign(strategy="a", seed_size=50, n_test=1000)
    >>> round(fit_table(table, draws=50)["a", 50].tau, 1)
    5.0
    """
    if not 0 < level < 1:
        raise CrossoverError(f"level must be between 0 and 1, such as 0.9, got {level:g}")
    if draws < 50:
        raise CrossoverError(f"draws must be at least 50, got {draws}")
    noises = [noise.variance_components(c) for c in counts.curve_counts(counts.validate_counts(table))]
    return fit_noises(noises, level, draws, seed)


def fit_noises(noises: Sequence[VarianceComponents], level: float, draws: int, seed: int) -> Fits:
    """Fit curves whose budget means and errors are known: the part of :func:`fit_table` that simulations repeat."""
    noises, points = zip(*map(_point, noises), strict=True)
    errors = noise.redraw(noises, draws, np.random.default_rng(seed))
    boots = [
        None if p is None else _solve(n, p.predict(EXPONENTIAL, n.counts.ratios) + e, tolerance=1e-6)
        for n, p, e in zip(noises, points, errors, strict=True)
    ]
    curves = [
        FittedCurve(**_summary(n, p, b, level), counts=n.counts, noise=n, point=p, draws=b, flexible=f, level=level)
        for n, p, b, f in zip(noises, points, boots, _flexible(noises, errors, boots, seed), strict=True)
    ]
    return Fits(level, tuple(curves), seed)


def _flexible(
    noises: Sequence[VarianceComponents], errors: list[np.ndarray], boots: list[Solution | None], seed: int
) -> list[FlexibleCurve | LevelLine | None]:
    """The flexible curves, those of one task together; level lines for strategies that buy nothing."""
    out: list[FlexibleCurve | LevelLine | None] = [None] * len(noises)
    tasks: dict[str, list[int]] = {}
    for i, (n, boot) in enumerate(zip(noises, boots, strict=True)):
        if n.counts.buys_nothing:
            out[i] = LevelLine(float(n.means[0]), np.clip(n.means[0] + errors[i][:, 0], *n.counts.bounds))
        elif boot is not None:
            tasks.setdefault(n.counts.task, []).append(i)
    for members in tasks.values():
        own, drawn = [noises[i] for i in members], [errors[i] for i in members]
        taus = [boots[i].theta[:, 0] for i in members]
        for i, curve in zip(members, fit_flexible(own, drawn, taus, np.random.default_rng([seed, 1])), strict=True):
            out[i] = curve
    return out


def _solve(
    n: VarianceComponents, data: np.ndarray | None = None, form: Form = EXPONENTIAL, tolerance: float = 1e-10
) -> Solution:
    """Fit a form to the budget means, or to other data at the same budgets; only accuracies are held within 0 and 1."""
    means = n.means if data is None else data
    bounded = n.counts.item_variance is None
    return solve(form, n.counts.ratios, means, n.whitener, bounded=bounded, tolerance=tolerance)


def _point(n: VarianceComponents) -> tuple[VarianceComponents, Solution | None]:
    """Point fit; with one replicate the scatter round the curve is all that can show training noise."""
    point = point_fit(n)
    if point is None:
        return n, None
    df = len(n.means) - EXPONENTIAL.n_parameters
    if n.replicates == 1 and df > 0:
        n = noise.rescaled(n, float(point.loss[0]) / df, df)
        point = _solve(n)
    return n, point


def point_fit(n: VarianceComponents, form: Form = EXPONENTIAL) -> Solution | None:
    """The point fit of a curve under a form, ``None`` where there are fewer than 3 budgets."""
    return _solve(n, form=form) if len(n.means) >= 3 else None


def _summary(n: VarianceComponents, point: Solution | None, boot: Solution | None, level: float) -> dict[str, Any]:
    """The fields of a :class:`CurveSummary` that a fit identifies."""
    c = n.counts
    found: dict[str, Any] = {
        "task": c.task, "strategy": c.strategy, "seed_size": c.seed_size,
        "n_budgets": len(c.ratios), "n_replicates": n.replicates,
        "ratio_range": (0.0, np.inf) if c.buys_nothing else (float(c.ratios[0]), float(c.ratios[-1])),
    }  # fmt: skip
    if point is None or boot is None:
        status = "level" if c.buys_nothing else "too_few_budgets"
        return found | {"status": status, "message": STATUSES[status]}
    tail = (1 - level) / 2
    E, B, tau = float(point.E[0]), float(point.B[0]), float(np.exp(point.theta[0, 0]))
    # with no gain at all tau means nothing; a draw at an end of the searched range leaves that end open
    still = B == 0
    open_low, open_high = (float((boot.edge == side).mean()) + float((boot.B == 0).mean()) > tail for side in (-1, 1))
    taus = np.exp(boot.theta[:, 0])
    status, message = _status(n, point, taus, open_high)
    found |= {
        "status": status,
        "message": message,
        "E": E,
        "E_interval": _ends(boot.E, tail),
        "E_error": _error(boot.E),
    }
    if point.edge[0] >= 0 or still:  # else the rise is over by the first budget, and nothing shows how far it went
        found |= {"B": B, "B_interval": _ends(boot.B, tail), "B_error": _error(boot.B), "start": E - B}
    if status != "flat" and not still:
        low, high = _ends(taus, tail)
        found |= {"tau": tau, "tau_interval": (None if open_low else low, None if open_high else high)}
        found["tau_error"] = None if open_low or open_high else _error(taus)
        found["ratio_90"] = tau * float(np.log(10))
    return found | {"aicc": akaike(n, EXPONENTIAL, point), "left_out_error": left_out_error(n)}


def _ends(values: np.ndarray, tail: float) -> tuple[float, float]:
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def _error(values: np.ndarray) -> float:
    low, high = _ends(values, 0.1587)
    return (high - low) / 2


def _status(n: VarianceComponents, point: Solution, taus: np.ndarray, open_high: bool) -> tuple[str, str]:
    notes = []
    if point.edge[0] < 0 and point.B[0] > 0:
        notes.append("what rise there is, is over by the first budget: add smaller budgets to see B and tau")
    if n.replicates == 1:
        notes.append("one replicate: the effect of the seed set cannot be seen, and the intervals leave it out")
    df, (loss, free) = n.cell_df or 10**6, chi_square(n, point)
    one, m = n.whitener.sum(1), n.whitener @ n.means
    gain = float(m @ m - (one @ m) ** 2 / (one @ one)) - loss  # of the curve's two further parameters over a constant
    largest = float(n.counts.ratios[-1])
    ends = open_high or float(np.exp(point.theta[0, 0])) > largest or np.quantile(taus, 0.95) > 5 * largest
    if len(n.means) < MIN_BUDGETS:
        status = "too_few_budgets"
    elif n.replicates > 1 and free > 0 and fdtrc(free, df, loss / free) < LACK_LEVEL:
        status = "lack_of_fit"
        if point.B[0] == 0:
            notes.insert(0, "accuracy falls as the budget grows, which no curve of this kind can follow")
    elif fdtrc(2, df, max(gain, 0) / 2) > FLAT_LEVEL or point.B[0] == 0:
        status = "flat"
    else:
        status = "asymptote_not_identified" if ends else "ok"
    return status, "; ".join([STATUSES[status]] * bool(STATUSES[status]) + notes)


def chi_square(n: VarianceComponents, point: Solution) -> tuple[float, int]:
    """Chi-square of the means round the exponential, and its degrees of freedom; without gain it is a constant."""
    used = 1 if point.B[0] == 0 else EXPONENTIAL.n_parameters
    return float(point.loss[0]), len(n.means) - used


@dataclass(frozen=True)
class Misfit:
    """How far points lie from fitted curves, in root mean square accuracy, with the noise of the points taken off.

    The loss of curves with ``V`` as covariance of their ``N`` points is a noncentral chi-square, here a scaled
    chi-square of the same mean and variance (Patnaik 1949). Its noncentrality lambda is the misfit,
    ``sqrt(lambda N / (df tr V^-1))``.
    """

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
        from scipy.optimize import brentq  # loads slowly, and fits do without

        noise = 2 * self.df**2 / max(self.noise_df, 1)

        def excess(noncentrality: float) -> float:
            mean, variance = self.df + noncentrality, 2 * self.df + 4 * noncentrality + noise
            return float(gammainc(mean**2 / variance, self.loss / (variance / mean))) - probability

        if excess(0.0) <= 0:
            return 0.0
        top = 1.0 + self.loss
        while excess(top) > 0:
            top *= 2
        return float((brentq(excess, 0.0, top) * self.points / self.df / self.precision) ** 0.5)


def left_out_error(n: VarianceComponents) -> float | None:
    """Error of the prediction of the largest budget from the others; ``None`` with fewer than 4 budgets."""
    if len(n.means) < 4:
        return None
    others = np.linalg.inv(n.whitener.T @ n.whitener)[:-1, :-1]
    root = np.linalg.cholesky(np.linalg.inv(others))
    bounded = n.counts.item_variance is None
    short = solve(EXPONENTIAL, n.counts.ratios[:-1], n.means[:-1], root.T, bounded=bounded)
    return float(short.predict(EXPONENTIAL, n.counts.ratios[-1:])[0, 0] - n.means[-1])


def akaike(n: VarianceComponents, form: Form, fit: Solution) -> float | None:
    """AICc with known errors, ``chi2 + 2k + 2k(k + 1)/(N - k - 1)`` over N cells; ``None`` where N is too small."""
    k, N = form.n_parameters, int((n.counts.tested > 0).sum())
    return float(fit.loss[0]) + 2 * k + 2 * k * (k + 1) / (N - k - 1) if N - k - 1 > 0 else None
