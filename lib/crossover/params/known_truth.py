"""Parameters of the chapter on known truth."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from crossover.params.fields import Parameters

World = Literal["independent", "shared_3", "shared_8", "edge", "beyond"]


class KnownTruth(Parameters):
    """Parameters of ``00_known_truth``."""

    reads = ("coverage.csv",)

    studies: int = Field(100, ge=4, le=10_000, description="simulated studies a design; the stress tests take half")
    draws: int = Field(300, ge=50, le=10_000, description="bootstrap draws a study")
    level: float = Field(0.9, gt=0, lt=1, description="level of the intervals")
    seed: int = Field(0, ge=0, description="of the simulations")
    designs: list[Literal["independent", "shared_3", "shared_8", "edge", "beyond", "never"]] = Field(
        ["independent", "shared_3", "shared_8", "edge", "beyond", "never"], min_length=1, description="worlds"
    )
    example: World = Field("shared_3", description="world of the worked example")
