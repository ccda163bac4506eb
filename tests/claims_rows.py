"""A register of one claim, and rows that decide it."""

from dataclasses import replace

import numpy as np

from crossover.claims import Register
from crossover.evaluation.answers import Outcome
from crossover.paths import repository
from crossover.study.cell import QueryCell
from crossover.study.select import minus
from stored import plant

STUDY = repository() / "results" / "study"


def register(claim=None, others=(), of=None, **changes):
    """A register of one claim; ``changes`` are of its part, which ``others`` repeat changed, ``of`` is the register's own."""
    base = {"task": "math_words", "coverage": 1.0}
    part = {
        "says": "new questions win", "side": "above", "threshold": 0.0, "resolution": 0.05,
        "points": [{"seed_size": 16, "budget": 64}], "terms": minus({"strategy": "new_question"}, {"strategy": "answer_augmentation"}),
    } | changes  # fmt: skip
    entry = {
        "paper": "p",
        "where": "w",
        "statement": "s",
        "published": "p",
        "parts": [part, *(part | other for other in others)],
    } | (claim or {})
    return Register.model_validate({"base": base, "claims": {"C": entry}} | (of or {}))


def fill(folder, right, replicates=3, items=100, coverage=1.0, likelihood=None, **cell):
    """A results folder in which each strategy answers its own share of the items, with a log-likelihood where one is given."""
    rng = np.random.default_rng(0)

    def outcomes(made):
        answered = [
            Outcome(f"test-{i:05d}", "1", bool(c)) for i, c in enumerate(rng.random(items) < right[made.strategy])
        ]
        if not likelihood:
            return answered
        nats = -4 * (likelihood[made.strategy] + rng.normal(0, 0.1, items))
        return [replace(o, gold_nats=float(n), gold_tokens=4) for o, n in zip(answered, nats, strict=True)]

    cells = [
        QueryCell(
            version=2, task="math_words", strategy=strategy, seed_size=16, budget=64, replicate=replicate,
            teacher="oracle", n_test=items, max_new_tokens=8, teacher_settings={"coverage": coverage}, **cell,
        )
        for strategy in right for replicate in range(replicates)
    ]  # fmt: skip
    plant(folder, cells, outcomes, seconds_train=60.0, seconds_eval=30.0)
    return folder
