"""Where one strategy overtakes another: crossover ratios with intervals, probabilities and a status.

The crossover is where ``d(r) = A_2(r) - A_1(r)`` changes sign. Its interval holds every ratio at which the draws leave
the sign of ``d`` open; where a draw has no crossing the end is open, never a made-up number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
import pandas as pd

from crossover.errors import CrossoverError
from crossover.labels import QUERIES_PER_SAMPLE
from crossover.stats.curves import Fits, FittedCurve, akaike, point_fit
from crossover.stats.flexible import BEYOND
from crossover.stats.formatting import Ends, short
from crossover.stats.formatting import interval as show_interval
from crossover.stats.forms import EXPONENTIAL, FORMS, Form
from crossover.stats.lead import model_free
from crossover.stats.noise import VarianceComponents
from crossover.stats.sign_changes import (
    between_decided,
    crossing_probability,
    nearest_region,
    open_region,
    sign_changes,
)
from crossover.stats.variable_projection import Solution

POINTS_PER_RANGE = 64  # of the log grid on which signs are taken


@dataclass(frozen=True)
class Crossing:
    """A change of lead of the point fits: at ``ratio``, with its ``interval``, to ``leader``; ``inside`` the range."""

    ratio: float
    interval: Ends
    leader: str
    inside: bool


@dataclass(frozen=True)
class Crossover:
    """Where the lead of two strategies at one seed-set size changes sign.

    ``first`` leads at lower ratios, ``second`` beyond; with status ``none`` ``first`` leads throughout.

    Attributes
    ----------
    status : str
        ``found``; ``multiple`` (see ``crossings``); ``none`` (``leader`` is best at all tested ratios, and a crossover
        beyond is unlikely); ``beyond_range`` (on ``side``, ``above`` or ``below``: an extrapolation); ``undetermined``
        (the interval spans the tested range, or a curve is missing).
    ratio, interval
        In units of ``unit`` per seed question; ``None`` for no value or an open end. ``queries`` and
        ``queries_interval`` are the same times ``seed_size``.
    p_exists, p_in_range : float or None
        Share of draws with a crossing anywhere searched, and inside the tested range.
    tested, searched : (float, float)
        Ratios common to both curves, and how far beyond them was searched.
    by_form, model_free
        Crossing ratios of the point fits under each form; and, without any curve, the neighbouring tested ratios
        between which the paired difference changes sign (at equal cost per query).
    uncertainty : dict
        Shares of the variance of the log crossover: ``test_set, replicates, training, functional_form``.
    """

    task: str
    first: str
    second: str
    seed_size: float
    status: str
    tested: tuple[float, float]
    searched: tuple[float, float]
    unit: str
    level: float
    message: str = ""
    ratio: float | None = None
    interval: Ends = (None, None)
    queries: float | None = None
    queries_interval: Ends = (None, None)
    p_exists: float | None = None
    p_in_range: float | None = None
    side: str | None = None
    leader: str | None = None
    crossings: tuple[Crossing, ...] = ()
    by_form: dict[str, list[float]] = field(default_factory=dict)
    model_free: tuple[tuple[float, float], ...] = ()
    uncertainty: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        value = "" if self.ratio is None else f" at {short(self.ratio)} ({show_interval(*self.interval, self.tested)})"
        about = f"{self.first} -> {self.second} (S = {short(self.seed_size)}, {self.task})"
        return f"{about}: {self.status}{value}; {self.message}"

    def _repr_html_(self) -> str:
        return pd.DataFrame([self.row()]).to_html(index=False, border=0)

    def row(self) -> dict[str, str]:
        """Cells of a printed table; ``*`` marks an extrapolated value."""
        open_everywhere = self.status == "none" or self.p_exists is None
        extrapolated = "*" if self.ratio is not None and not self.tested[0] <= self.ratio <= self.tested[1] else ""
        return {
            "task": self.task,
            "change of lead": f"{self.first} -> {self.second}" if self.status != "none" else f"{self.leader} leads",
            "S": short(self.seed_size),
            "status": self.status,
            "ratio": "-" if self.ratio is None else f"{short(self.ratio)}{extrapolated}",
            "interval": "-" if open_everywhere else show_interval(*self.interval, self.tested),
            self.unit: "-" if self.queries is None else f"{self.queries:,.0f}{extrapolated}",
            "P(exists)": "-" if self.p_exists is None else f"{self.p_exists:.2f}",
            "P(in range)": "-" if self.p_in_range is None else f"{self.p_in_range:.2f}",
            "message": self.message,
        }


def find_crossovers(
    fits: Fits,
    costs: Mapping[str, float] | None = None,
    unit: str = "teacher calls",
    checks: bool = True,
) -> list[Crossover]:
    """Every pair of strategies of each task and seed-set size, each pair once.

    Parameters
    ----------
    fits : Fits
    costs : mapping, optional
        Cost of one kept sample by strategy, any positive ``unit`` (tokens, money). Budgets are then compared at equal
        cost: a strategy whose samples took ``q`` calls each spends ``budget / q * cost``; ``q`` is 2 for rephrasings
        and new questions, else 1.
    unit : str
    checks : bool
        Also compute ``by_form``, ``model_free`` and ``uncertainty``; simulations leave them out.

    Examples
    --------
    >>> from crossover import example_counts, fit_table
    >>> found = find_crossovers(fit_table(example_counts(), draws=200))[0]
    >>> found.message, round(found.ratio, 1)
    ('new_question overtakes answer_augmentation', 5.5)
    """
    scale = scales(fits, costs)
    out = []
    for members in fits.groups().values():
        bought = [c for c in members if not c.counts.buys_nothing]
        out += [_cross(_Pair(a, b, (scale[a.strategy], scale[b.strategy])), unit, checks)
                for a, b in combinations(bought, 2)]  # fmt: skip
    return out


def table(crossovers: list[Crossover]) -> pd.DataFrame:
    """One row per crossover, flat and plain, for a results file."""
    plain = [
        "task", "first", "second", "seed_size", "status", "ratio", "queries", "unit", "p_exists", "p_in_range", "side",
        "leader", "level", "message",
    ]  # fmt: skip
    return pd.DataFrame(
        {name: getattr(c, name) for name in plain}
        | {"low": c.interval[0], "high": c.interval[1], "tested_low": c.tested[0], "tested_high": c.tested[1]}
        | {f"share_{k}": v for k, v in c.uncertainty.items()}
        | {f"ratio_{k}": _nearest(v, c.ratio) for k, v in c.by_form.items()}
        | {"model_free": show_brackets(c.model_free)}
        for c in crossovers
    )


def show_brackets(brackets: tuple[tuple[float, float], ...]) -> str:
    """Print the ratios between which a paired difference changes sign."""
    return ", ".join(f"{short(a)} to {short(b)}" for a, b in brackets) or "none"


def _nearest(roots: list[float], ratio: float | None) -> float | None:
    """The one of a form's crossovers nearest to the reported ratio; the first where none is reported."""
    return min(roots, key=lambda root: abs(np.log(root / ratio)) if ratio else 0.0, default=None)


def scales(fits: Fits, costs: Mapping[str, float] | None) -> dict[str, float]:
    """What a query costs by strategy, in the unit of ``costs`` (see :func:`find_crossovers`); 1 each without any."""
    strategies = sorted({c.strategy for c in fits})
    free = {c.strategy for c in fits if c.counts.buys_nothing}
    for name, value in (costs or {}).items():
        if name not in strategies:
            raise CrossoverError(f"cost of {name!r}: no such strategy; known: {', '.join(strategies)}")
        if not (np.isfinite(value) and value > 0):
            raise CrossoverError(f"cost of {name!r} is {value}: a cost is a positive number")
    if not costs:
        return dict.fromkeys(strategies, 1.0)
    missing = [s for s in strategies if s not in costs and s not in free]
    if missing:
        raise CrossoverError(f"no cost for {', '.join(missing)}: give every strategy one, in the same unit")
    return {s: 1.0 if s in free else costs[s] / QUERIES_PER_SAMPLE.get(s, 1.0) for s in strategies}


@dataclass(frozen=True)
class _Pair:
    """Two fitted curves on a common cost axis: ``scale`` converts cost per seed to each strategy's own ratio."""

    a: FittedCurve
    b: FittedCurve
    scale: tuple[float, float]

    @property
    def curves(self) -> tuple[FittedCurve, FittedCurve]:
        return self.a, self.b

    @property
    def tested(self) -> tuple[float, float]:
        """Cost per seed that both were run at."""
        ends = [[end * s for end in c.ratio_range] for c, s in zip(self.curves, self.scale, strict=True)]
        return float(max(ends[0][0], ends[1][0])), float(min(ends[0][1], ends[1][1]))

    def mean_lead(self, ratios: np.ndarray) -> np.ndarray:
        """``A_b - A_a`` of the flexible curves' means."""
        return self.b.flexible.mean(ratios / self.scale[1]) - self.a.flexible.mean(ratios / self.scale[0])

    def lead(self, ratios: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """``A_b - A_a`` of the flexible curves: means (n,) and draws (D, n)."""
        a, b = (c.at(ratios / s) for c, s in zip(self.curves, self.scale, strict=True))
        return b[0] - a[0], b[1] - a[1]

    def lead_of(self, form: Form, points: tuple[Solution, Solution]) -> Callable[[np.ndarray], np.ndarray]:
        """``A_b - A_a`` of two point fits of a form as a function of log ratios."""

        def lead(log_ratios: np.ndarray) -> np.ndarray:
            x = np.exp(np.atleast_1d(log_ratios))
            a, b = (p.predict(form, x / s)[0] for p, s in zip(points, self.scale, strict=True))
            return np.clip(b, *self.b.counts.bounds) - np.clip(a, *self.a.counts.bounds)

        return lead


def _cross(pair: _Pair, unit: str, checks: bool) -> Crossover:
    """The crossover of two curves; ``checks`` adds what does not rest on their flexible forms."""
    a, b = pair.curves
    low, high = pair.tested
    tail = (1 - a.level) / 2
    names, size = (a.strategy, b.strategy), a.seed_size
    if low >= high or not (a.is_fitted and b.is_fitted):
        why = (
            "the two were not run at overlapping budgets" if low >= high else "a curve has too few budgets to be fitted"
        )
        return Crossover(a.task, *names, size, "undetermined", pair.tested, pair.tested, unit, a.level, why)
    logs = np.linspace(np.log(low / BEYOND), np.log(high * BEYOND), 3 * POINTS_PER_RANGE + 1)
    ratios = np.exp(logs)
    point, draws = pair.lead(ratios)
    roots = sign_changes(logs, point, lambda t: pair.mean_lead(np.exp(np.atleast_1d(t))))
    positive = (draws > 0).mean(0) + (draws == 0).mean(0) / 2
    roots = between_decided(logs, positive, roots, tail)
    inside = (ratios >= low * (1 - 1e-12)) & (ratios <= high * (1 + 1e-12))
    p_exists = crossing_probability(draws)
    crossings = []
    for log_root, rising in roots:
        r = float(np.exp(log_root))
        ends = open_region(logs, positive, log_root, tail)
        crossings.append(Crossing(r, ends, names[1] if rising else names[0], bool(low <= r <= high)))
    nearest = min(crossings, key=lambda c: max(low / c.ratio, c.ratio / high), default=None)
    chosen = next((c for c in crossings if c.inside), nearest)
    status, side = _status(chosen, crossings, positive[inside], (low, high), p_exists, 1 - a.level, tail)
    ahead = names if positive[inside].mean() > 0.5 else names[::-1]  # (behind, ahead) inside the tested range
    if status == "none":
        order, ends = ahead[::-1], (None, None)
    elif chosen:
        order, ends = (names if chosen.leader == names[1] else names[::-1]), chosen.interval
    else:  # the leader inside hands over beyond: he is first upwards, second downwards
        order = {"above": ahead[::-1], "below": ahead, None: names if point[inside].mean() <= 0 else names[::-1]}[side]
        ends = nearest_region(logs, positive, tail, inside)
    # where the data say nothing inside the range, a value outside of it would be worth nothing
    ratio = chosen.ratio if chosen and status != "none" and (chosen.inside or status != "undetermined") else None
    found = Crossover(
        a.task, *order, size, status, pair.tested, (float(ratios[0]), float(ratios[-1])), unit, a.level,
        ratio=ratio, interval=ends, queries=None if ratio is None else ratio * size,
        queries_interval=tuple(None if e is None else e * size for e in ends),
        p_exists=p_exists, p_in_range=crossing_probability(draws[:, inside]),
        side=side, leader=ahead[1] if status in ("none", "beyond_range") else None, crossings=tuple(crossings),
    )  # fmt: skip
    found = replace(found, message=_message(found, a.noise.replicates == 1))
    if not checks:
        return found
    by_form, weight = _by_form(pair, logs)
    uncertainty = {} if ratio is None else shares(pair, ratio, by_form, weight)
    free = model_free((a, b)) if pair.scale == (1.0, 1.0) else ()
    return replace(found, by_form=by_form, uncertainty=uncertainty, model_free=free)


def _status(
    chosen: Crossing | None, crossings: list[Crossing], positive_inside: np.ndarray, tested: tuple[float, float],
    p_exists: float, doubt: float, tail: float,
) -> tuple[str, str | None]:  # fmt: skip
    doubtful = np.minimum(positive_inside, 1 - positive_inside)
    if (doubtful >= tail).all():
        return "undetermined", None
    inside = [c for c in crossings if c.inside]
    if inside:
        return ("multiple" if len(inside) > 1 else "found"), None
    if p_exists <= (doubt if chosen else 0.5):  # the likelier of the two is said, and P(exists) stands beside it
        return "none", None
    if chosen:
        return "beyond_range", "above" if chosen.ratio > tested[1] else "below"
    # the point fits do not cross, but draws do: on the side where the lead is less sure
    return "beyond_range", "above" if doubtful[-1] >= doubtful[0] else "below"


def _message(c: Crossover, single: bool) -> str:
    where = f"{short(c.tested[0])} to {short(c.tested[1])}"
    end = f"> {short(c.tested[1])}" if c.side == "above" else f"< {short(c.tested[0])}"
    beyond = f"a crossover would lie at {end}, by extrapolation"
    if c.ratio is None:
        beyond = f"a crossover, if any (probability {c.p_exists or 0:.2f}), lies at {end}"
    text = {
        "found": f"{c.second} overtakes {c.first}",
        "multiple": "the lead changes at " + ", ".join(short(x.ratio) for x in c.crossings if x.inside),
        "none": f"{c.leader} leads at all ratios from {where}, and no crossing is likely beyond",
        "undetermined": f"at no ratio from {where} do the data say which leads",
        "beyond_range": f"{c.leader} leads from {where}; {beyond}",
    }[c.status]
    return text + ("; one replicate: the effect of the seed set cannot be seen" if single else "")


def _by_form(pair: _Pair, logs: np.ndarray) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Crossing ratios of the point fits under every form, and each form's Akaike weight over the two curves."""
    crossing, aicc = {}, {}
    for name, form in FORMS.items():
        points = tuple(c.point if form is EXPONENTIAL else point_fit(c.noise, form) for c in pair.curves)
        lead = pair.lead_of(form, points)
        crossing[name] = [float(np.exp(r)) for r, _ in sign_changes(logs, lead(logs), lead)]
        scores = [akaike(c.noise, form, p) for c, p in zip(pair.curves, points, strict=True)]
        aicc[name] = sum(scores) if None not in scores else np.inf
    best = min(aicc.values())
    weight = {k: float(np.exp(-(v - best) / 2)) if np.isfinite(best) else 1.0 for k, v in aicc.items()}
    total = sum(weight.values())
    return crossing, {k: w / total for k, w in weight.items()}


def sensitivity(noise: VarianceComponents, fit: Solution, ratio: float) -> np.ndarray:
    """Derivative of the exponential at ``ratio`` in the budget means (B,), binding bounds held fixed."""
    low, high = noise.counts.bounds

    def columns(x: np.ndarray) -> np.ndarray:
        e, de = (z[0] for z in EXPONENTIAL.basis(x, fit.theta))
        free = [np.ones_like(e)[:, None]] if low < fit.E[0] < high else []
        return np.concatenate([*free, -e[:, None], -fit.B[0] * de], 1) if fit.B[0] != 0 else np.ones_like(e)[:, None]

    design = noise.whitener @ columns(noise.counts.ratios)
    return (columns(np.array([ratio])) @ np.linalg.pinv(design, rcond=1e-10) @ noise.whitener)[0]


def shares(pair: _Pair, ratio: float, by_form: dict[str, list[float]], weight: dict[str, float]) -> dict[str, float]:
    """Shares of the variance of ``log r*``, adding to 1: ``test_set, replicates, training, functional_form``.

    By the delta method ``log r*`` moves by ``-(H_2 dm_2 - H_1 dm_1) / (dd / dlog r)``, with ``H`` the
    :func:`sensitivity`. The form has the spread of the crossover over the rival forms, each with its Akaike weight.
    """
    noises = [c.noise for c in pair.curves]
    x = ratio * np.exp([-1e-4, 1e-4])
    ends = [c.point.predict(EXPONENTIAL, x / s)[0] for c, s in zip(pair.curves, pair.scale, strict=True)]
    slope = float(np.diff(ends[1] - ends[0])[0]) / 2e-4
    if slope == 0:
        return {}
    H = [sensitivity(c.noise, c.point, ratio / s) / slope for c, s in zip(pair.curves, pair.scale, strict=True)]
    moved = [n.offset_loading @ h for n, h in zip(noises, H, strict=True)]
    replicates = sum(n.replicate * float(g @ g) for n, g in zip(noises, moved, strict=True))
    one, other = noises
    if one.counts.replicates == other.counts.replicates and one.replicates > 1:
        limit = np.sqrt(one.replicate * other.replicate)  # a covariance no larger than the variances allow
        covariance = float(one.offsets @ other.offsets) / (one.replicates - 1)
        replicates -= 2 * float(moved[0] @ moved[1]) * float(np.clip(covariance, -limit, limit))
    names = [name for name, found in by_form.items() if found]
    logs = np.array([min(np.log(by_form[n]), key=lambda v: abs(v - np.log(ratio))) for n in names])
    w = np.array([weight[n] for n in names])
    mean = (w * logs).sum() / w.sum() if w.sum() > 0 else 0.0
    parts = {
        "test_set": sum(float(h @ n.from_sampling @ h) for h, n in zip(H, noises, strict=True)),
        "replicates": max(replicates, 0.0),
        "training": sum(float(h @ n.from_training @ h) for h, n in zip(H, noises, strict=True)),
        "functional_form": float((w * (logs - mean) ** 2).sum() / w.sum()) if w.sum() > 0 else 0.0,
    }
    total = sum(parts.values())
    return {k: v / total for k, v in parts.items()} if total > 0 else {}
