"""The data of the page that advises: published counts, and what its statistics share with the library.

``book/_static/crossover_stats.js`` computes in the browser, from the random numbers of ``fit_table`` with seed 0.
"""

import json
from pathlib import Path

import numpy as np

from crossover.figures.style import DARK, Style, styles
from crossover.labels import QUERIES_PER_SAMPLE, STRATEGIES, TASKS
from crossover.stats.advice import CLEAR, LEAST_PILOT, PILOT_SHARE
from crossover.stats.counts import COLUMNS
from crossover.stats.curves import STATUSES
from crossover.stats.noise import t_quantile
from crossover.stats.seed_size_law import FRESH, KINDS, REPEATS
from crossover.stats.verdicts import LEVEL
from crossover.study import advice_counts

SPARE = ("a", "b", "c", "d")  # labels of a reader's own, to which styles are lent


def scripts(results: Path) -> dict[str, bytes]:
    """Return the page's one script by path."""
    table = advice_counts.counts(results, alone=True)
    looks = styles({*table["strategy"], "seeds_only", *SPARE})
    drawn = {name: _drawn(look) for name, look in looks.items()}
    about = {
        "level": LEVEL,
        "normal_quantile": t_quantile((1 + LEVEL) / 2, np.inf),
        "clear": CLEAR,
        "least_pilot": LEAST_PILOT,
        "pilot_share": PILOT_SHARE,
        "statuses": STATUSES,
        "per_sample": QUERIES_PER_SAMPLE,
        "order": list(STRATEGIES),
        "repeats": KINDS | {"": (*REPEATS, FRESH)},
        "fresh": FRESH,
        "generators": {"redraw": _state(0), "flexible": _state([0, 1])},
        "spare": [drawn.pop(name) for name in SPARE],
        "strategies": drawn,
        "tasks": [
            {
                "task": task,
                "label": TASKS.get(task, task.replace("_", " ")),
                "csv": table.loc[table["task"] == task, COLUMNS].to_csv(index=False, float_format="%.12g"),
            }
            for task in table["task"].value_counts().index
        ],
    }
    return {"_static/advisor/index.js": f"window.CROSSOVER_ADVICE = {json.dumps(about)};\n".encode()}


def _drawn(look: Style) -> dict[str, str]:
    """Label, colour per theme, marker (points of a polygon, one unit across) and dash (px, for lines 2 px wide)."""
    from matplotlib.markers import MarkerStyle

    marker = MarkerStyle(look.marker)
    (outline,) = marker.get_path().transformed(marker.get_transform()).to_polygons(closed_only=False)
    return {
        "label": look.label,
        "light": look.colour,
        "dark": DARK[look.colour],
        "marker": " ".join(f"{x:.2f},{-y:.2f}" for x, y in np.asarray(outline)),
        "dash": "" if isinstance(look.dash, str) else " ".join(f"{2 * length:g}" for length in look.dash[1]),
    }


def _state(seed: int | list[int]) -> dict[str, str]:
    """State and increment of numpy's default generator, 128 bits each, in hexadecimal digits."""
    return {name: f"{value:x}" for name, value in np.random.default_rng(seed).bit_generator.state["state"].items()}
