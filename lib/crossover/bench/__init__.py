"""Speed that the project promises, measured: ``python -m crossover.bench`` writes ``results/bench/*.csv``.

Each module is a section: its ``run`` returns a table of measurements, most of them ratios against what else does the same
work, taken turn about in one process.
"""

SECTIONS = (
    "ceilings",
    "training",
    "decoding",
    "scoring",
    "template_questions",
    "curve_fits",
    "endpoint",
    "workers",
    "null_reproduce",
)
