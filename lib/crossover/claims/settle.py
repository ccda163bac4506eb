"""What would settle the undecided parts: the cheapest addition to the rows, and its cost from recorded rates."""

from collections.abc import Sequence

import pandas as pd

from crossover.claims.evidence import Evidence
from crossover.claims.findings import FLOOR, Finding
from crossover.claims.register import Register
from crossover.stats.contrasts import Contrast, Prior
from crossover.stats.curves import Misfit
from crossover.stats.verdicts import DECIDED, Spread, cheapest, spread
from crossover.study.paired import Pairing
from crossover.study.store import worker_hours

#: Worker-hours beyond which an addition is out of reach.
REACH = 40.0
COLUMNS = [
    "claim", "number", "part", "verdict", "replicates", "students", "items", "new_replicates", "new_students",
    "new_items", "cells", "probability", "hours", "what",
]  # fmt: skip


def plan(findings: Sequence[Finding], runs: pd.DataFrame, register: Register, reach: float = REACH) -> pd.DataFrame:
    """Return the cheapest addition that decides each undecided part with probability 0.8, at the present estimate.

    ``runs`` gives the recorded rates, and ``reach`` the worker-hours past which an addition is out of reach.
    """
    seconds = runs.set_index("key")[["seconds_train", "seconds_eval"]]
    own = [f for f in findings if not f.under]
    floors = {f.claim for f in own if f.verdict == FLOOR}
    measured = {f.claim for f in own if f.stands_in and f.evidence}  # the outcome that decides at the floor is there
    rows = []
    for f in own:
        if f.verdict in DECIDED or (f.stands_in and f.claim not in floors):
            continue
        if f.verdict == FLOOR and f.claim in measured:
            continue
        if f.evidence is None:
            found = _first_rows(f, runs, register)
        elif f.verdict == FLOOR:
            second = register.claims[f.claim].at_the_floor
            found = {"what": "the log-likelihood of gold answers" if second else "an easier task or a larger student"}
        elif isinstance(f.evidence.statistic, Misfit):
            found = {"what": "further budgets per curve"}
        else:
            found = _addition(f, f.evidence, seconds)
        rows.append({"claim": f.claim, "number": f.number, "part": f.part.says, "verdict": f.verdict} | found)
    table = pd.DataFrame(rows, columns=COLUMNS)
    table.loc[table["hours"] > reach, "what"] = f"beyond reach (more than {reach:g} worker-hours)"
    return table


def spread_of(pairing: Pairing, prior: Prior | None) -> Spread:
    """Return the variance components behind a contrast."""
    between, df = pairing.between(prior)
    return spread(pairing.components, between, df, pairing.student_variance * pairing.load, pairing.students)


def _addition(f: Finding, evidence: Evidence, seconds: pd.DataFrame) -> dict[str, object]:
    statistic, part, R = evidence.statistic, f.part, evidence.replicates
    assert isinstance(statistic, Contrast)  # nothing is bought for a misfit
    if pairing := evidence.pairing:
        known, items, students = spread_of(pairing, evidence.prior), statistic.items, pairing.students
    else:  # a measure of the training data, which varies between draws only
        known, items, students = Spread(statistic.error**2 * R, 0.0, 0.0, 0.0), 0, 1
    cells = len(evidence.keys) / R / students
    train, test = (float(seconds.loc[list(evidence.keys), name].mean()) * cells for name in seconds)
    found = cheapest(
        known, statistic.estimate - part.threshold, part.resolution, parts=f.together, replicates=R, items=items,
        train=train, test=test, students=students,
    )  # fmt: skip
    now = {"replicates": R, "students": students, "items": items}
    if found is None:
        return now | {"hours": float("inf"), "what": ""}
    more = found.replicates - R
    said = [f"{more} more replicate{'s' * (more > 1)}"] if more else []
    said += [f"{found.students} students per draw"] if found.students > students else []
    said += [f"{found.items} test items, all cells again"] if found.items > items else []
    new = {"new_replicates": found.replicates, "new_students": found.students, "new_items": found.items}
    trained = round(cells * (found.replicates * found.students - (R * students if found.items == items else 0)))
    cost = {"cells": trained, "probability": found.probability, "hours": found.seconds / 3600}
    return now | new | cost | {"what": " and ".join(said)}


def _first_rows(f: Finding, runs: pd.DataFrame, register: Register) -> dict[str, object]:
    """The cells of a part that was not run, at the planned size, at the rate of the same task's cells."""
    size = register.planned.get(str(f.tasks[0]))
    like = runs[(runs["experiment"] == f.base.get("experiment")) & (runs["task"] == f.tasks[0])]
    cells = len(f.part.points) * max(len(f.part.terms), 1)
    if size is None or like.empty:
        return {"what": f"{cells} conditions that were not run"}
    hours = worker_hours(like).mean() * cells * size.replicates
    new = {"new_replicates": size.replicates, "new_students": 1, "new_items": size.items}
    said = f"{cells} conditions, {size.replicates} replicates of each"
    return {"replicates": 0} | new | {"cells": cells * size.replicates, "hours": hours, "what": said}
