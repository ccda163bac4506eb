"""The data of the page that advises: the draws of the curves from which the page computes in the reader's browser."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np

from crossover.figures.style import styles
from crossover.labels import QUERIES_PER_SAMPLE
from crossover.stats.advice import CLEAR
from crossover.stats.curves import Fits, fit_table
from crossover.study import advice_counts


def curves(folder: Path) -> str:
    """Return the script that gives ``advisor.js`` its curves: per curve the draws of ``E, B, log tau`` as float32."""
    table = advice_counts.counts(folder)
    fits = fit_table(table, advice_counts.LEVEL, advice_counts.DRAWS, advice_counts.SEED)
    data = _as_dict(fits) | {"first": table["task"].value_counts().index[0], "clear": CLEAR}
    return f"window.CROSSOVER_CURVES = {json.dumps(data, sort_keys=True)};\n"


def _as_dict(fits: Fits) -> dict[str, object]:
    known = [(c, c.draws) for c in fits if c.draws is not None]
    curves = [
        {
            "task": c.task,
            "strategy": c.strategy,
            "seed_size": c.seed_size,
            "ratios": list(c.ratio_range),
            "doubt": "" if c.status == "ok" else c.status.replace("_", " "),
            "draws": base64.b64encode(np.stack([d.E, d.B, d.theta[:, 0]]).astype("<f4").tobytes()).decode(),
        }
        for c, d in known
    ]
    looks = styles({c.strategy for c, _ in known})
    names = {
        name: {"label": look.label, "colour": look.colour, "calls": QUERIES_PER_SAMPLE.get(name, 1)}
        for name, look in looks.items()
    }
    return {"level": fits.level, "strategies": names, "curves": curves}
