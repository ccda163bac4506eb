"""The data of the page that advises.

Per task a script with the curves' draws, from which the page computes in the browser.
"""

import base64
import json
from pathlib import Path

import numpy as np

from crossover.figures.style import styles
from crossover.labels import QUERIES_PER_SAMPLE
from crossover.stats.advice import CLEAR
from crossover.stats.curves import FittedCurve, fit_table
from crossover.study import advice_counts

FOLDER = "_static/advisor"
#: Budget ratios at which a curve is sent, evenly spaced in log ratio over its tested range.
POINTS = 25


def scripts(results: Path) -> dict[str, bytes]:
    """Return the page's scripts by path: an index of tasks, and each task's curves."""
    table = advice_counts.counts(results)
    fits = fit_table(table, advice_counts.LEVEL, advice_counts.DRAWS, advice_counts.SEED)
    sizes = table["task"].value_counts()
    written, tasks = {}, []
    for number, task in enumerate(sizes.index):
        curves = [_curve(c) for c in fits if c.task == task and c.is_fitted]
        if not curves:
            continue
        written[f"{FOLDER}/{number}.js"] = f'crossoverCurves("{number}", {json.dumps(curves)});\n'.encode()
        tasks.append({"id": str(number), "task": task, "label": task.replace("_", " ")})
    looks = styles({c.strategy for c in fits})
    strategies = {
        name: {"label": look.label, "colour": look.colour, "calls": QUERIES_PER_SAMPLE.get(name, 1)}
        for name, look in looks.items()
    }
    about = {"level": advice_counts.LEVEL, "clear": CLEAR, "strategies": strategies, "tasks": tasks}
    return written | {f"{FOLDER}/index.js": f"window.CROSSOVER_ADVICE = {json.dumps(about)};\n".encode()}


def _curve(curve: FittedCurve) -> dict[str, object]:
    """A curve as JSON: its draws on a grid as 16-bit shares of 1, and the measured accuracies per replicate."""
    counts = curve.counts
    level = not counts.ratios.any()  # a strategy that buys nothing is the same at every budget
    first, last = (1.0, 1.0) if level else curve.ratio_range
    draws = curve.at(np.geomspace(first, last, POINTS))[1]
    with np.errstate(invalid="ignore"):
        shares = counts.correct / counts.tested
    return {
        "strategy": curve.strategy,
        "size": curve.seed_size,
        "level": level,
        "range": [first, last],
        "measured": [
            [round(float(ratio), 6), [round(float(share), 4) for share in column if np.isfinite(share)]]
            for ratio, column in zip(counts.ratios, shares.T, strict=True)
        ],
        "draws": base64.b64encode(np.rint(np.clip(draws, 0, 1) * 65535).astype("<u2").tobytes()).decode(),
    }
