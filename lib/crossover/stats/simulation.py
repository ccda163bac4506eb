"""Studies with known truth, through the same code as real results, and how often their intervals hold it.

``DESIGNS`` have exponential curves, ``MISSPECIFIED`` curves that no form describes exactly, ``UNSEEN`` further ones
that were added after the method was settled; ``NEVER`` has no crossover.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from crossover.stats.crossovers import Crossover, find_crossovers
from crossover.stats.curves import Fits, fit_noises, fit_table
from crossover.stats.flexible import BEYOND
from crossover.stats.forms import FORMS
from crossover.stats.noise import variance_components

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
PLACES = 8  # ratios per study at which the curves are compared with the truth
EARLY, LATE = "answer_augmentation", "new_question"  # who leads at low ratios, and who may overtake
RATIOS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
Curve = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Truth:
    """A set curve ``E - B e(r)``, with the nonlinear parameters in the order of the form's."""

    E: float
    B: float
    parameters: tuple[float, ...]
    form: str = "exponential"

    def __call__(self, ratios: np.ndarray) -> np.ndarray:
        """Accuracy at budget ratios (n,)."""
        basis = FORMS[self.form].basis
        return self.E - self.B * basis(np.asarray(ratios, float), np.log([self.parameters]))[0][0]


@dataclass(frozen=True)
class Scenario:
    """Set curves of two strategies, and the noise of a study of them.

    ``offset`` and ``shared`` are standard deviations of a replicate's effect on one strategy, and on both alike, at all
    budgets; ``training`` is that between trainings (all in accuracy).
    """

    name: str
    title: str
    early: Curve
    late: Curve
    ratios: tuple[float, ...] = RATIOS
    replicates: int = 3
    n_test: int = 1000
    offset: float = 0.0
    shared: float = 0.0
    training: float = 0.01
    seed_size: int = 100

    def crossover(self) -> float | None:
        """The first true crossover in the tested range, else the first within 1/16 to 16 times the range."""
        x = np.geomspace(self.ratios[0] / BEYOND, self.ratios[-1] * BEYOND, 20_001)
        d = self.late(x) - self.early(x)
        change = np.nonzero((d[:-1] < 0) & (d[1:] >= 0))[0]
        inside = change[(x[change] >= self.ratios[0]) & (x[change] <= self.ratios[-1])]
        if not change.size:
            return None
        k = (inside if inside.size else change)[0]
        return float(np.exp(np.interp(0.0, d[k : k + 2], np.log(x[k : k + 2]))))

    def simulate(self, rng: np.random.Generator) -> pd.DataFrame:
        """Run one study: a table of counts as anyone's CSV holds it."""
        x = np.array(self.ratios)
        both = rng.normal(0, 1, (self.replicates, 1)) * self.shared
        effects = both + rng.normal(0, 1, (self.replicates, 2)) * self.offset
        shape = (2, self.replicates, len(x))
        p = np.stack([self.early(x), self.late(x)])[:, None] + effects.T[..., None]
        p = p + rng.normal(0, 1, shape) * self.training
        strategy, replicate, ratio = (z.ravel() for z in np.meshgrid([0, 1], range(shape[1]), x, indexing="ij"))
        return pd.DataFrame(
            {
                "task": self.name, "strategy": np.array([EARLY, LATE])[strategy], "seed_size": self.seed_size,
                "budget": ratio * self.seed_size, "replicate": replicate,
                "n_correct": rng.binomial(self.n_test, np.clip(p, 0, 1)).ravel(), "n_test": self.n_test,
            }
        )  # fmt: skip


def crossing_at(ratio: float, early: Truth, E: float, tau: float) -> Truth:
    """The exponential with asymptote ``E`` and scale ``tau`` that meets ``early`` at ``ratio``."""
    return Truth(E, float((E - early(np.array([ratio]))[0]) / np.exp(-ratio / tau)), (tau,))


def take_off(low: float, gain: float, ratio: float, steepness: float) -> Curve:
    """A curve that stays at ``low`` and rises by ``gain`` around ``ratio``, the steeper the larger ``steepness``."""
    return lambda r: low + gain / (1 + (np.asarray(r, float) / ratio) ** -steepness)


def gompertz(low: float, gain: float, ratio: float, width: float) -> Curve:
    """A rise that starts suddenly and ends slowly, in log ratio."""
    return lambda r: low + gain * np.exp(-np.exp(-np.log(np.asarray(r, float) / ratio) / width))


def hump(low: float, height: float, ratio: float, width: float) -> Curve:
    """A rise and a fall around ``ratio``, normal in log ratio."""
    return lambda r: low + height * np.exp(-(np.log(np.asarray(r, float) / ratio) ** 2) / (2 * width**2))


def two_rises(r: np.ndarray) -> np.ndarray:
    """A fast exponential rise, a plateau, and a second rise."""
    return 0.10 + 0.28 * -np.expm1(-np.asarray(r, float)) + take_off(0, 0.35, 25, 3.3)(r)


def step(r: np.ndarray) -> np.ndarray:
    """A jump between two tested budgets."""
    return np.where(np.asarray(r, float) < 10, 0.20, 0.62) + 0.01 * np.log(r)


def stretched(low: float, gain: float, ratio: float, power: float) -> Curve:
    """A stretched exponential rise: steep at first and slow later where ``power`` is below 1, S-shaped above."""
    return lambda r: low - gain * np.expm1(-((np.asarray(r, float) / ratio) ** power))


def dip(r: np.ndarray) -> np.ndarray:
    """A fall, then a rise past where it began."""
    return 0.36 + take_off(0, 0.36, 18, 2.5)(r) - 0.16 * np.exp(-(np.log(np.asarray(r, float) / 3) ** 2) / 0.8)


def waves(r: np.ndarray) -> np.ndarray:
    """A rise in the log ratio, in waves."""
    t = np.log(np.asarray(r, float))
    return 0.15 + 0.12 * t + 0.03 * np.sin(2.5 * t)


_FAST = Truth(0.55, 0.40, (5.0,))
_SLOW = Truth(0.72, 0.62, (14.0,))
DESIGNS: tuple[Scenario, ...] = (
    Scenario("independent", "7 budgets x 3 replicates, independent noise", _FAST, _SLOW),
    Scenario("shared_3", "7 budgets x 3 replicates, shared offset", _FAST, _SLOW, offset=0.02),
    Scenario("shared_8", "7 budgets x 8 replicates, shared offset", _FAST, _SLOW, offset=0.02, replicates=8),
    Scenario(
        "edge", "5 budgets x 3 replicates, crossover at the edge", _FAST, crossing_at(16, _FAST, 0.72, 14), RATIOS[:5]
    ),
    Scenario(
        "beyond", "7 budgets x 3 replicates, crossover beyond the range", _FAST, crossing_at(100, _FAST, 0.62, 50)
    ),
)
_NOISE = {"offset": 0.02, "replicates": 3}
MISSPECIFIED: tuple[Scenario, ...] = (
    Scenario("late", "late take-off", Truth(0.50, 0.30, (3.0,)), take_off(0.22, 0.48, 14, 4.5), **_NOISE),
    Scenario("sudden", "sudden start, slow end", Truth(0.50, 0.40, (2.5,)), gompertz(0.1, 0.6, 12, 0.35), **_NOISE),
    Scenario("step", "a jump between two budgets", Truth(0.50, 0.35, (4.0,)), step, **_NOISE),
    Scenario("rise_fall", "rise, then fall", hump(0.25, 0.30, 6, 1.3), Truth(0.62, 0.50, (12.0,)), **_NOISE),
    Scenario("plateau", "plateau, then a second rise", Truth(0.52, 0.30, (3.0,)), two_rises, **_NOISE),
    Scenario(
        "power", "power laws", Truth(0.62, 0.45, (2.0, 0.6), "power_law"), Truth(0.85, 0.72, (6.0, 0.5), "power_law"),
        **_NOISE,
    ),
    Scenario("logistic", "logistic in log ratio", take_off(0, 0.55, 2, 1), take_off(0, 0.75, 10, 1.1), **_NOISE),
    Scenario("both_late", "two take-offs", take_off(0.2, 0.3, 3, 3.3), take_off(0.2, 0.5, 20, 3.3), **_NOISE),
)  # fmt: skip
_SMALL = {"offset": 0.015, "shared": 0.02, "training": 0.02, "replicates": 4, "n_test": 400}
UNSEEN: tuple[Scenario, ...] = (
    Scenario(
        "stretched", "stretched exponentials", stretched(0.2, 0.35, 4, 0.5), stretched(0.2, 0.5, 16, 1.4), **_SMALL
    ),
    Scenario("dip", "a fall, then a rise", Truth(0.55, 0.25, (4.0,)), dip, **_SMALL),
    Scenario("waves", "a rise in waves", Truth(0.50, 0.25, (3.0,)), waves, **_SMALL),
)
NEVER = Scenario(
    "never", "7 budgets x 3 replicates, no crossover", Truth(0.70, 0.45, (5.0,)), Truth(0.58, 0.40, (8.0,))
)
ALL = {w.name: w for w in (*DESIGNS, *MISSPECIFIED, *UNSEEN, NEVER)}


def study(
    world: Scenario, seed: int, level: float = 0.9, draws: int = 300, checks: bool = False
) -> tuple[Fits, Crossover]:
    """One simulated study: the fits, and the crossover that the library reports."""
    fits = fit_table(world.simulate(np.random.default_rng([seed, 1])), level, draws, seed)
    (found,) = find_crossovers(fits, checks=checks)
    return fits, found


def recovered(world: Scenario, fits: Fits, found: Crossover) -> pd.DataFrame:
    """One study's estimates beside the truth: ``quantity, true, estimate, low, high, holds, status``."""
    rows = []
    for c in fits:
        truth = world.early if c.strategy == EARLY else world.late
        if isinstance(truth, Truth):
            for name, true in (("E", truth.E), ("B", truth.B), ("tau", truth.parameters[0])):
                low, high = getattr(c, f"{name}_interval")
                estimate = getattr(c, name)
                rows.append((f"{name} of {c.strategy}", true, estimate, low, high, holds(low, high, true), c.status))
    true = world.crossover()
    held = None if true is None else holds(*found.interval, true)
    rows.append(("crossover ratio", true, found.ratio, *found.interval, held, found.status))
    return pd.DataFrame(rows, columns=["quantity", "true", "estimate", "low", "high", "holds", "status"])


def coverage(
    worlds: Iterable[Scenario], studies: int = 1000, draws: int = 300, level: float = 0.9, seed: int = 0
) -> pd.DataFrame:
    """Repeat studies and count how often the intervals hold the truth and the statuses name it.

    Study ``i`` is the same whatever ``studies`` is. Quantities are ``crossover``; the same with ``replicates pooled``
    into one, which is what not to do; ``lead`` at the true crossover; ``accuracy`` within the tested range; ``E`` and
    ``tau`` where the curve's status is ``ok``; and ``status``, how often it is right where the data can tell.
    """
    rows = []
    for world in worlds:
        about = {"design": world.name, "title": world.title, "replicates": world.replicates, "studies": studies}
        for (quantity, at), values in _outcomes(world, studies, draws, level, seed).items():
            hits = np.array([h for h, _ in values], float)
            widths = np.array([w for _, w in values if w is not None])
            closed = widths[np.isfinite(widths)]
            rate = float(hits.mean())
            row = about | {"quantity": quantity, "level": at, "true": world.crossover(), "rate": rate}
            row |= {"mc_error": float(np.sqrt(rate * (1 - rate) / len(hits))), "counted": len(hits)}
            row["median_width"] = float(np.median(closed)) if len(closed) else None
            row["open_share"] = float(1 - len(closed) / len(widths)) if len(widths) else None
            rows.append(row)
    return pd.DataFrame(rows)


def _outcomes(world: Scenario, studies: int, draws: int, level: float, seed: int) -> dict[tuple[str, float], list[Any]]:
    """(hit, width or None) of every study, by (quantity, level)."""
    true = world.crossover()
    low, high = world.ratios[0], world.ratios[-1]
    edge = true is not None and min(abs(np.log(true / low)), abs(np.log(true / high))) < 0.01
    wanted = "none" if true is None else "found" if low <= true <= high else "beyond_range"
    out: dict[tuple[str, float], list[Any]] = defaultdict(list)
    for i in range(studies):
        fits, found = study(world, seed + i, level, draws)
        curves = {c.strategy: c for c in fits}
        if true is not None:
            out["crossover", level].append((_held(found, true), _width(found)))
            if world in DESIGNS:
                pooled = _pooled(fits, draws)
                out["replicates pooled", level].append((_held(pooled, true), _width(pooled)))
            lead = curves[LATE].at([true])[1][:, 0] - curves[EARLY].at([true])[1][:, 0]
            for at in LEVELS:
                out["lead", at].append((_central(lead, 0.0, at), None))
        places = np.exp(np.random.default_rng([seed + i, 2]).uniform(np.log(low), np.log(high), PLACES))
        for name, truth in ((EARLY, world.early), (LATE, world.late)):
            c = curves[name]
            values, real = c.at(places)[1], truth(places)
            for at in LEVELS:
                share = np.mean([_central(values[:, k], real[k], at) for k in range(PLACES)])
                out["accuracy", at].append((share, None))
            if isinstance(truth, Truth) and truth.form == "exponential" and c.status == "ok":
                out[f"E of {name}", level].append((holds(*c.E_interval, truth.E), None))
                out[f"tau of {name}", level].append((holds(*c.tau_interval, truth.parameters[0]), None))
        if not edge and found.p_in_range is not None and not 1 - level < found.p_in_range < level:
            out["status", level].append((found.status == wanted, None))
    return out


def _central(values: np.ndarray, true: float, level: float) -> bool:
    below = (values < true).mean() + (values == true).mean() / 2
    return bool((1 - level) / 2 <= below <= (1 + level) / 2)


def _held(found: Crossover, true: float) -> bool:
    """A wrong ``none`` has no interval: it misses."""
    return found.status != "none" and holds(*found.interval, true)


def _width(found: Crossover) -> float:
    low, high = found.interval
    return np.inf if low is None or high is None else high / low


def _pooled(fits: Fits, draws: int) -> Crossover:
    """The crossover from counts added up over replicates, as if one replicate had had all the test items."""
    noises = []
    for c in (curve.counts for curve in fits):
        added = replace(c, replicates=("all",), correct=c.correct.sum(0)[None], tested=c.tested.sum(0)[None])
        noises.append(variance_components(added))
    (found,) = find_crossovers(fit_noises(noises, fits.level, draws, fits.seed), checks=False)
    return found


def replicates_seen(
    studies: int, level: float = 0.9, draws: int = 300, seed: int = 0, counts: Iterable[int] = (1, 2, 3, 5, 8)
) -> pd.DataFrame:
    """Coverage and width of the crossover's interval with more and fewer replicates, under a shared offset."""
    world, rows = DESIGNS[1], []
    true = world.crossover()
    for J in counts:
        found = [study(replace(world, replicates=J), i, level, draws)[1] for i in range(seed, seed + studies)]
        rate, widths = float(np.mean([_held(f, true) for f in found])), np.array([_width(f) for f in found])
        error = float(np.sqrt(rate * (1 - rate) / studies))
        rows.append((J, rate, error, studies, float(np.median(widths)), float(np.isinf(widths).mean()), studies))
    names = "replicates rate mc_error counted median_width open_share studies"
    return pd.DataFrame(rows, columns=names.split())


def holds(low: float | None, high: float | None, true: float) -> bool:
    """Whether an interval, open at an end that is ``None``, holds a value."""
    return (low is None or low <= true) and (high is None or true <= high)
