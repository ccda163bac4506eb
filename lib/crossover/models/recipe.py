"""The recipe by which students and teachers are trained: settings, steps and learning rates. Imports no torch."""

import math
from dataclasses import dataclass, fields
from typing import Literal

from crossover.errors import CrossoverError


@dataclass(frozen=True)
class Recipe:
    """How a student is trained, on ``model`` (see :func:`crossover.models.weights.model_folder`).

    The update rule ``"epochs"`` makes ``epochs`` passes and at least ``min_steps`` steps, ``"steps"`` makes
    ``max_steps``; ``"memorised"`` keeps the rate constant until token accuracy stands still or ``max_steps``, then
    decays it over a fifth as many. Weight decay is decoupled, on matrices only (arXiv 1711.05101).
    """

    model: str
    trained_layers: int  #: upper layers that are trained, with the final norm; 0 for every weight, embeddings included
    epochs: int
    min_steps: int
    batch_size: int  #: examples per step
    learning_rate: float  #: the peak, after linear warm-up over a tenth of the steps; cosine decay to a tenth of it
    student_layers: int = 0  #: lowest layers that are kept of the model; 0 for all
    updates: Literal["epochs", "steps", "memorised"] = "epochs"
    max_steps: int = 0
    weight_decay: float = 0.0
    averaged: float = 0.0  #: share of the last steps whose weights are averaged into the final ones

    def __post_init__(self) -> None:
        if self.updates not in ("epochs", "steps", "memorised"):
            raise CrossoverError(f"updates must be epochs, steps or memorised, got {self.updates!r}.")
        if (self.max_steps > 0) != (self.updates != "epochs"):
            raise CrossoverError(
                f"max_steps must be 0 under the update rule epochs and at least 1 under steps and memorised, "
                f"got {self.max_steps} under {self.updates}."
            )

    @property
    def settings(self) -> dict[str, object]:
        """The fields, without those at their default: keys of cells cover them, and a later field changes no key."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) != f.default}

    def as_dict(self) -> dict[str, object]:
        """Return the settings that a teacher's digest covers."""
        return {"student_layers": self.student_layers} | self.settings

    def steps(self, n: int) -> int:
        """Return the optimiser steps for ``n`` training examples; the most there can be under ``"memorised"``."""
        if self.updates == "steps":
            return self.max_steps
        if self.updates == "memorised":
            plateau = max(self.max_steps, self.min_steps)
            return plateau + decay_steps(plateau)
        return max(self.epochs * math.ceil(n / self.batch_size), self.min_steps)

    def rate(self, step: int, steps: int) -> float:
        """Return the learning rate at a step of ``steps``: linear warm-up, cosine decay to a tenth of the peak."""
        warm_up = max(1, steps // 10)
        if step < warm_up:
            return self.learning_rate * (step + 1) / warm_up
        return self.learning_rate * _cosine((step - warm_up) / max(1, steps - warm_up))

    def rate_until_memorised(self, step: int, plateau: int | None) -> float:
        """Return the rate where accuracy stood still at ``plateau``: warm-up, constant, decay (arXiv 2404.06395)."""
        if plateau is None or step < plateau:
            return self.learning_rate * min(1.0, (step + 1) / max(1, self.min_steps // 10))
        return self.learning_rate * _cosine((step - plateau) / decay_steps(plateau))


def _cosine(progress: float) -> float:
    """The factor of the rate, from 1 at the start of the decay to a tenth at its end."""
    return 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * progress))


def decay_steps(plateau: int) -> int:
    """Return the steps of decay after a plateau."""
    return math.ceil(plateau / 5)
