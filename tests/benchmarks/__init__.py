"""Timings: ``make bench`` writes ``results/bench/*.csv``, one table per section.

Each section's ``run`` returns measurements, most of them ratios between two ways of one thing taken in turn in one process.
"""

SECTIONS = ("cells", "training", "curve_fits", "growth", "pilots", "null_reproduce")
