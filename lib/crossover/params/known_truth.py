"""Parameters of the chapter on known truth."""

from typing import Literal

from crossover.params.fields import Parameters, value

Design = Literal[
    "independent", "shared_3", "shared_8", "edge", "beyond", "late", "sudden", "step", "rise_fall", "plateau", "power",
    "logistic", "both_late", "stretched", "dip", "waves", "never",
]  # fmt: skip


class KnownTruth(Parameters):
    """Parameters of ``00_known_truth``."""

    reads = ("coverage.csv", "left_out.csv", "signal.csv")

    studies: int = value(40, "simulated studies per design; half for replicates", ge=4, le=10_000)
    draws: int = value(300, "bootstrap draws per study", ge=50, le=10_000)
    level: float = value(0.9, "level of the intervals", gt=0, lt=1)
    seed: int = value(0, "of the simulations", ge=0)
    designs: list[Design] = value(
        ["independent", "shared_3", "edge", "late", "rise_fall", "never"], "scenarios", min_length=1
    )
    example: Design = value("shared_3", "scenario of the worked example")
