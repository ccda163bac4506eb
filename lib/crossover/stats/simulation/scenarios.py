"""Studies with known truth: set curves, noise and crossovers, pushed through the same code as real results.

``DESIGNS`` have exponential curves, ``MISSPECIFIED`` have curves that no form of the library describes exactly,
``UNSEEN`` are further ones, with other noise, that were added after the method was settled; ``NEVER`` has no crossover.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crossover.stats.flexible import BEYOND
from crossover.stats.forms import form_named

EARLY, LATE = "answer_augmentation", "new_question"  # who leads at low ratios, and who may overtake
RATIOS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
Curve = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Truth:
    """A set curve ``E - B e(r)``: accuracies ``E`` and ``B``, nonlinear parameters in the order of the form's."""

    E: float
    B: float
    parameters: tuple[float, ...]
    form: str = "exponential"

    def __call__(self, ratios: np.ndarray) -> np.ndarray:
        """Accuracy at budget ratios (n,)."""
        basis = form_named(self.form).basis
        return self.E - self.B * basis(np.asarray(ratios, float), np.log([self.parameters]))[0][0]


@dataclass(frozen=True)
class Scenario:
    """Set curves of two strategies, accuracies at budget ratios, and the noise of a study of them.

    ``n_test`` is per cell. ``offset`` and ``shared`` are standard deviations of a replicate's effect on one strategy,
    and on both alike, at all budgets; ``training`` is that between trainings (all in accuracy).
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
    """The exponential with asymptote ``E`` and scale ``tau`` that meets ``early`` at ``ratio``.

    >>> late = crossing_at(16.0, Truth(0.55, 0.40, (5.0,)), 0.72, 14.0)
    >>> bool(abs(late(np.array([16.0]))[0] - 0.55 + 0.40 * np.exp(-16 / 5)) < 1e-12)
    True
    """
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


def scenarios_named(names: Iterable[str]) -> list[Scenario]:
    """Scenarios by name, or an error that names the nearest."""
    from crossover.errors import CrossoverError, nearest

    unknown = [name for name in names if name not in ALL]
    if unknown:
        raise CrossoverError(f"no design {unknown[0]!r}.{nearest(unknown[0], ALL)}")
    return [ALL[name] for name in names]
