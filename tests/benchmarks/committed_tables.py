"""The committed tables of simulations and of left-out cells: ``PYTHONPATH=tests python -m benchmarks.committed_tables``.

An hour writes ``coverage.csv``, ``verdict_rates.csv``, ``signal.csv`` and ``left_out.csv`` of results/study again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd

from crossover.paths import PUBLISHED, results_folder
from crossover.stats import noise
from crossover.stats.contrasts import components, squeeze
from crossover.stats.counts import CurveCounts, curve_counts, validate_counts
from crossover.stats.curves import fit_noises
from crossover.stats.seed_size_law import fit_seed_sizes
from crossover.stats.simulation import ALL, coverage
from crossover.stats.verdicts import LEVEL, VERDICTS, verdict
from crossover.study.advice_counts import counts

STUDIES, DRAWS = 1000, 400  # behind the table of coverage
MIN_LEFT = 4  # budgets that a curve keeps
LEFT_OUT = "task strategy seed_size ratio measured predicted low high held error replicates largest"
MEMBERS, ITEMS = 12, 150
#: Standard deviations of the word problems' contrasts: replicate, item, residual.
SPREAD = (0.04, 0.07, 0.45)
RESOLUTION = 0.05


def verdict_rates(families: int = 150, seed: int = 0) -> pd.DataFrame:
    """Return coverage and the share of each verdict, by replicates, truth and how far variances differ within a family.

    ``prior_df`` is that of the true variances between replicates, infinite where all are alike; ``truth`` is the effect
    less the threshold; ``own`` and ``pooled`` are coverages at 90%, with their mean widths.
    """
    rng, rows = np.random.default_rng(seed), []
    for replicates in (2, 3, 5, 8):
        for prior_df in (np.inf, 4.0):
            for truth in (0.0, RESOLUTION, 2 * RESOLUTION):
                found = [_family(rng, replicates, prior_df, truth) for _ in range(families)]
                covered, said = np.concatenate([c for c, _ in found]), Counter(v for _, vs in found for v in vs)
                means = dict(zip(("own", "pooled", "own_width", "pooled_width"), covered.mean(0), strict=True))
                shares = {
                    v: said[v] / len(covered) for v in VERDICTS if v not in ("at the floor", "not run in this profile")
                }
                rows.append(
                    {"replicates": replicates, "prior_df": prior_df, "truth": truth, "studies": len(covered)}
                    | means
                    | shares
                )
    return pd.DataFrame(rows)


def _family(rng: np.random.Generator, replicates: int, prior_df: float, truth: float) -> tuple[np.ndarray, list[str]]:
    """Coverages and widths of one family's members, and their verdicts."""
    draw, item, residual = SPREAD
    members = []
    for _ in range(MEMBERS):
        own = draw if np.isinf(prior_df) else draw * np.sqrt(prior_df / rng.chisquare(prior_df))
        noise = rng.normal(0, residual, (replicates, ITEMS)) + rng.normal(0, item, ITEMS)
        members.append(components(truth + rng.normal(0, own, replicates)[:, None] + noise, binary=False))
    prior = squeeze([m.between for m in members], [replicates - 1] * MEMBERS)
    out, said = [], []
    for m in members:
        alone, pooled = m.contrast(LEVEL), m.contrast(LEVEL, *prior.moderate(m.between, replicates - 1))
        ends = [c.interval(LEVEL) for c in (alone, pooled)]
        out.append([*(low <= truth <= high for low, high in ends), *(high - low for low, high in ends)])
        said.append(verdict(pooled.interval, "above", 0.0, RESOLUTION, replicates=replicates))
    return np.array(out, float), said


def left_out_cells(table: pd.DataFrame, level: float = 0.9, draws: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Leave out each cell of a study (all replicates of one strategy, size and budget) and predict its mean.

    Cells between the tested budgets are read from the flexible curves, the smallest and largest of a curve from the law
    over seed-set sizes. The replicates' offsets are no error; the left-out cells' own noise is. Columns
    :data:`LEFT_OUT`.
    """
    curves = curve_counts(validate_counts(table))
    parts = [noise.variance_components(c) for c in curves]
    rng = np.random.default_rng([seed, 3])
    rows = []
    for own, c in zip(parts, curves, strict=True):
        if len(c.ratios) <= MIN_LEFT:
            continue
        others = [own_replicates(n) for n in parts if n.counts.task == c.task and n is not own]
        for k, ratio in enumerate(c.ratios):
            fits = fit_noises([own_replicates(noise.variance_components(_without(c, k))), *others], level, draws, seed)
            if 0 < k < len(c.ratios) - 1:
                values = fits.curves[0].at(np.array([ratio]))[1][:, 0]
            else:
                same = replace(fits, curves=tuple(f for f in fits if f.strategy == c.strategy))
                values = fit_seed_sizes(same)[c.task, c.strategy].cell(c.seed_size, float(ratio))
            there = c.tested[:, k] > 0
            measured = float((c.correct[there, k] / c.tested[there, k]).mean())
            spread = np.sqrt((own.sampling[there, k].mean() + fits.curves[0].noise.training) / there.sum())
            predicted = float(np.median(values))
            df = sum(f.noise.cell_df for f in fits if f.seed_size == c.seed_size)
            values = values + rng.standard_t(df or np.inf, draws) * spread
            low, below, above, high = np.quantile(values, [(1 - level) / 2, 0.1587, 0.8413, (1 + level) / 2])
            rows.append(
                (c.task, c.strategy, c.seed_size, ratio, measured, predicted, low, high, bool(low <= measured <= high), (above - below) / 2,
                 int(there.sum()), k == len(c.ratios) - 1)
            )  # fmt: skip
    return pd.DataFrame(rows, columns=LEFT_OUT.split())


def own_replicates(n: noise.VarianceComponents) -> noise.VarianceComponents:
    """The same curve for predictions about the replicates at hand, whose offsets are then no error."""
    return replace(n, offsets=np.zeros_like(n.offsets), within_replicate_cov=n.from_sampling + n.from_training)


def _without(c: CurveCounts, k: int) -> CurveCounts:
    """The counts without one budget; a replicate that was run at this budget alone goes, too."""
    keep = np.arange(len(c.ratios)) != k
    there = c.tested[:, keep].any(1)
    parts = {"correct": c.correct, "tested": c.tested, "item_variance": c.item_variance}
    parts = {name: None if values is None else values[there][:, keep] for name, values in parts.items()}
    names = tuple(name for name, yes in zip(c.replicates, there, strict=True) if yes)
    return replace(c, ratios=c.ratios[keep], replicates=names, **parts)


def main() -> None:
    """Write the tables."""
    folder = results_folder(PUBLISHED)
    rows = counts(folder)
    tables = {"signal": noise.signal_to_noise(rows), "left_out": left_out_cells(rows)}
    tables["coverage"] = pd.concat([coverage([world], STUDIES, DRAWS) for world in ALL.values()])
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, float_format="%.6g", lineterminator="\n")
    verdict_rates().to_csv(folder / "verdict_rates.csv", index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
