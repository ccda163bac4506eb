"""Scenarios with known truth: set curves, noise and crossovers, pushed through the same code as real results.

A scenario makes a table of counts; :func:`coverage` repeats studies in it and counts how often intervals hold the truth
and statuses say it. The five designs of ``DESIGNS`` are those that the intervals must survive; ``NEVER`` has no
crossover.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from crossover.stats.crossovers import BEYOND, Crossover, find_crossovers
from crossover.stats.curves import Fits, fit_noises, fit_table
from crossover.stats.forms import FORMS, form_named
from crossover.stats.interval_checks import log_t_interval
from crossover.stats.noise import variance_components

EARLY, LATE = "answer_augmentation", "new_question"  # who leads at low ratios, and who may overtake
RATIOS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


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
    """Set curves of two strategies and the noise of a study of them.

    Attributes
    ----------
    name, title : str
    early, late : Truth
        Curves of ``EARLY`` and ``LATE``.
    ratios : tuple of float
        Budget ratios that are run.
    replicates : int
    n_test : int
        Test items a cell.
    offset : float
        Standard deviation of what a replicate does to one strategy, all budgets alike (accuracy).
    shared : float
        Standard deviation of what a replicate does to both strategies alike (accuracy).
    training : float
        Standard deviation between trainings (accuracy).
    seed_size : int
    """

    name: str
    title: str
    early: Truth
    late: Truth
    ratios: tuple[float, ...] = RATIOS
    replicates: int = 3
    n_test: int = 1000
    offset: float = 0.0
    shared: float = 0.0
    training: float = 0.01
    seed_size: int = 100

    def crossover(self) -> float | None:
        """The true crossover ratio within 1/16 to 16 times the range that is run, if there is one."""
        x = np.geomspace(self.ratios[0] / BEYOND, self.ratios[-1] * BEYOND, 20_001)
        d = self.late(x) - self.early(x)
        change = np.nonzero((d[:-1] < 0) & (d[1:] >= 0))[0]
        if not change.size:
            return None
        k = change[0]
        return float(np.exp(np.interp(0.0, d[k : k + 2], np.log(x[k : k + 2]))))

    def effects(self, rng: np.random.Generator, replicates: int) -> np.ndarray:
        """Draw what each replicate does to (EARLY, LATE): accuracies (J, 2)."""
        both = rng.normal(0, 1, (replicates, 1)) * self.shared
        return both + rng.normal(0, 1, (replicates, 2)) * self.offset

    def counts(
        self, rng: np.random.Generator, strategy: str, effect: float, ratios: Iterable[float], replicate: str
    ) -> pd.DataFrame:
        """Run the cells of one strategy in one replicate whose effect is given."""
        x = np.array(list(ratios), float)
        p = {EARLY: self.early, LATE: self.late}[strategy](x) + effect + rng.normal(0, 1, len(x)) * self.training
        columns = {
            "task": self.name, "strategy": strategy, "seed_size": self.seed_size, "budget": x * self.seed_size,
            "replicate": replicate, "n_correct": rng.binomial(self.n_test, np.clip(p, 0, 1)), "n_test": self.n_test,
        }  # fmt: skip
        return pd.DataFrame(columns)

    def simulate(self, rng: np.random.Generator, effects: np.ndarray | None = None) -> pd.DataFrame:
        """Run one study: a table of counts as anyone's CSV holds it; ``effects`` (J, 2) are drawn where not given."""
        effects = self.effects(rng, self.replicates) if effects is None else effects
        parts = [
            self.counts(rng, name, effects[j, s], self.ratios, str(j))
            for s, name in enumerate((EARLY, LATE))
            for j in range(len(effects))
        ]
        return pd.concat(parts, ignore_index=True)


def crossing_at(ratio: float, early: Truth, E: float, tau: float) -> Truth:
    """The exponential with asymptote ``E`` and scale ``tau`` that meets ``early`` at ``ratio``.

    >>> late = crossing_at(16.0, Truth(0.55, 0.40, (5.0,)), 0.72, 14.0)
    >>> bool(abs(late(np.array([16.0]))[0] - 0.55 + 0.40 * np.exp(-16 / 5)) < 1e-12)
    True
    """
    return Truth(E, float((E - early(np.array([ratio]))[0]) / np.exp(-ratio / tau)), (tau,))


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
NEVER = Scenario(
    "never", "7 budgets x 3 replicates, no crossover", Truth(0.70, 0.45, (5.0,)), Truth(0.58, 0.40, (8.0,))
)
ALL = {w.name: w for w in (*DESIGNS, NEVER)}


def study(
    world: Scenario, seed: int, level: float = 0.9, draws: int = 300, checks: bool = False, form: str = "exponential"
) -> tuple[Fits, Crossover]:
    """One simulated study: the fits under a form, and the crossover that the library reports."""
    rng = np.random.default_rng([seed, 1])
    fits = fit_table(world.simulate(rng), level, draws, seed, form)
    (found,) = find_crossovers(fits, checks=checks)
    return fits, found


def recovered(world: Scenario, seed: int = 0, level: float = 0.9, draws: int = 2000) -> pd.DataFrame:
    """One study's estimates beside the truth: ``quantity, true, estimate, low, high, holds, status``."""
    fits, found = study(world, seed, level, draws)
    rows = []
    for c in fits:
        truth = world.early if c.strategy == EARLY else world.late
        for name, true in (("E", truth.E), ("B", truth.B), ("tau", truth.parameters[0])):
            low, high = getattr(c, f"{name}_interval")
            rows.append(
                (f"{name} of {c.strategy}", true, getattr(c, name), low, high, holds(low, high, true), c.status)
            )
    true = world.crossover()
    held = None if true is None else holds(*found.interval, true)
    rows.append(("crossover ratio", true, found.ratio, *found.interval, held, found.status))
    return pd.DataFrame(rows, columns=["quantity", "true", "estimate", "low", "high", "holds", "status"])


def coverage(
    worlds: Iterable[Scenario],
    studies: int = 1000,
    draws: int = 300,
    level: float = 0.9,
    seed: int = 0,
    progress: Callable[[Scenario, int], None] | None = None,
) -> pd.DataFrame:
    """Repeat studies and count how often the intervals hold the truth and the statuses say it.

    Parameters
    ----------
    worlds : iterable of Scenario
    studies : int
        Simulated studies a world.
    draws : int
        Bootstrap draws a study.
    level : float
        Nominal level.
    seed : int
        Study ``i`` is the same whatever ``studies`` is.
    progress : callable, optional
        Called with the world and the study's number.

    Returns
    -------
    DataFrame
        One row a quantity: ``design, title, quantity, true, rate, mc_error, counted`` (studies behind the rate),
        ``median_width`` (high end over low end, where both are closed) and the settings ``studies, draws, level,
        replicates, n_budgets, n_test, offset, shared, training, seed``. Quantities: coverage of ``crossover``; of the
        same by the ``t interval over replicates`` (where every replicate has a crossover) and with ``replicates
        pooled`` into one, which is what not to do; of ``E`` and ``tau`` where the curve's status is ``ok``; and
        ``status``, how often it is the right one where the data can tell, that is where the draws put the crossover
        inside, or outside, the tested range with the level's probability. No status is the right one for a crossover at
        the very edge.
    """
    rows = []
    for world in worlds:
        settings = {
            "studies": studies, "draws": draws, "level": level, "replicates": world.replicates,
            "n_budgets": len(world.ratios), "n_test": world.n_test, "offset": world.offset, "shared": world.shared,
            "training": world.training, "seed": seed,
        }  # fmt: skip
        for quantity, t in _tallies(world, studies, draws, level, seed, progress).items():
            n = len(t.hits)
            rate = float(np.mean(t.hits)) if n else None
            row = {
                "design": world.name, "title": world.title, "quantity": quantity, "true": t.true, "rate": rate,
                "mc_error": float(np.sqrt(rate * (1 - rate) / n)) if n else None, "counted": n,
                "median_width": float(np.median(t.widths)) if t.widths else None,
            }  # fmt: skip
            rows.append(row | settings)
    return pd.DataFrame(rows)


@dataclass
class _Tally:
    """Hits and widths of one quantity over studies."""

    true: float | None
    hits: list[bool]
    widths: list[float]

    def add(self, low: float | None, high: float | None) -> None:
        self.hits.append(holds(low, high, self.true))
        if low is not None and high is not None and low > 0:
            self.widths.append(high / low)


def _tallies(world: Scenario, studies: int, draws: int, level: float, seed: int, progress) -> dict[str, _Tally]:
    true = world.crossover()
    first, last = world.ratios[0], world.ratios[-1]
    out = {"crossover": true, "t interval over replicates": true, "replicates pooled": true}
    if true is None:
        out = {}
    truths = {EARLY: world.early, LATE: world.late}
    for name, truth in truths.items():
        out |= {f"E of {name}": truth.E, f"tau of {name}": truth.parameters[0]}
    inside = true is not None and first <= true <= last
    wanted = "found" if inside else "beyond_range" if true is not None else "none"
    if true is None or min(abs(np.log(true / first)), abs(np.log(true / last))) > 0.01:
        out["status"] = true
    tallies = {name: _Tally(value, [], []) for name, value in out.items()}
    form = FORMS["exponential"]
    for i in range(studies):
        fits, found = study(world, seed + i, level, draws)
        if true is not None:
            _add_crossover(tallies["crossover"], found)
            alone = log_t_interval([c.noise for c in fits], form, (1.0, 1.0), found.searched, true, level)
            if alone:
                tallies["t interval over replicates"].add(*alone)
            _add_crossover(tallies["replicates pooled"], _pooled(fits, draws))
        for c in fits:
            if c.status == "ok":
                tallies[f"E of {c.strategy}"].add(*c.E_interval)
                tallies[f"tau of {c.strategy}"].add(*c.tau_interval)
        tells = found.p_in_range is not None and not 1 - level < found.p_in_range < level
        if tells and "status" in tallies:
            tallies["status"].hits.append(found.status == wanted)
        if progress:
            progress(world, i + 1)
    return tallies


def _add_crossover(tally: _Tally, found: Crossover) -> None:
    """A wrong ``none`` has no interval: it misses."""
    if found.status == "none":
        tally.hits.append(False)
    else:
        tally.add(*found.interval)


def _pooled(fits: Fits, draws: int) -> Crossover:
    """The crossover from counts added up over replicates, as if one replicate had had all the test items."""
    noises = []
    for c in (curve.counts for curve in fits):
        added = replace(c, replicates=("all",), correct=c.correct.sum(0)[None], tested=c.tested.sum(0)[None])
        noises.append(variance_components(added))
    (found,) = find_crossovers(fit_noises(noises, fits.level, draws, fits.seed), checks=False)
    return found


def holds(low: float | None, high: float | None, true: float) -> bool:
    """Whether an interval, open at an end that is ``None``, holds a value."""
    return (low is None or low <= true) and (high is None or true <= high)
