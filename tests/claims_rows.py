"""A register of one claim, and rows that decide it."""

import numpy as np
import pandas as pd

from crossover.claims import Register
from crossover.evaluation.answers import Outcome
from crossover.paths import repository
from crossover.study.cell import QueryCell
from crossover.study.store import COLUMNS, Store

STUDY = repository() / "results" / "study"


def register(claim=None, **changes):
    base = {"task": "math_words", "coverage": 1.0}
    part = {
        "says": "new questions win", "side": "above", "threshold": 0.0, "resolution": 0.05,
        "points": [{"seed_size": 16, "budget": 64}],
        "terms": [{"weight": 1, "strategy": "new_question"}, {"weight": -1, "strategy": "answer_augmentation"}],
    } | changes  # fmt: skip
    entry = {"paper": "p", "where": "w", "statement": "s", "published": "p", "parts": [part]} | (claim or {})
    return Register.model_validate({"base": base, "claims": {"C": entry}})


def fill(folder, right, replicates=3, items=100, coverage=1.0, likelihood=None, **cell):
    """A results folder in which each strategy answers its own share of the items, with a log-likelihood where one is given."""
    store, rng = Store(folder), np.random.default_rng(0)
    for strategy, share in right.items():
        for replicate in range(replicates):
            made = QueryCell(
                version=2, task="math_words", strategy=strategy, seed_size=16, budget=64, replicate=replicate,
                teacher="oracle", n_test=items, max_new_tokens=8, teacher_settings={"coverage": coverage}, **cell,
            )  # fmt: skip
            correct = rng.random(items) < share
            outcomes = [Outcome(f"test-{i:05d}", "1", bool(c)) for i, c in enumerate(correct)]
            blank = {name: 0 if kind is not str else "-" for name, kind in COLUMNS.items()}
            row = blank | {
                "key": made.key, "experiment": "e", "task": "math_words", "strategy": strategy, "seed_size": 16, "budget": 64,
                "replicate": replicate, "n_test": items, "n_correct": int(correct.sum()), "settings": made.settings,
                "seconds_train": 60.0, "seconds_eval": 30.0,
            }  # fmt: skip
            store.append(row, outcomes)
            if likelihood:
                path = folder / "items" / f"{made.key}.parquet"
                nats = -4 * (likelihood[strategy] + rng.normal(0, 0.1, items))
                pd.read_parquet(path).assign(gold_nats=nats, gold_tokens=4).to_parquet(path)
    return folder
