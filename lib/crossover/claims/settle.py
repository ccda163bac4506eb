"""What would settle the undecided parts: the cheapest addition to the rows, and its cost from recorded rates."""

from collections.abc import Sequence

import pandas as pd

from crossover.claims.findings import FLOOR, NOT_RUN, Finding
from crossover.claims.register import Planned, Register
from crossover.stats.contrasts import Contrast
from crossover.stats.verdicts import DECIDED, Spread, cheapest, spread
from crossover.study.store import worker_hours

#: Worker-hours beyond which an addition is out of reach.
REACH = 40.0
COLUMNS = [
    "claim", "number", "part", "verdict", "replicates", "students", "items", "new_replicates", "new_students",
    "new_items", "cells",
    "probability", "hours", "what",
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
        claim = register.claims[f.claim]
        parts = len(claim.at_the_floor if f.stands_in else claim.parts)
        if f.verdict == NOT_RUN:
            found = _first_rows(f, runs, register)
        elif f.verdict == FLOOR:
            found = {
                "what": (
                    "the log-likelihood of gold answers" if claim.at_the_floor else "an easier task or a larger student"
                )
            }
        elif f.part.statistic == "misfit":
            found = {"what": "further budgets per curve"}
        else:
            found = _addition(f, seconds, parts)
        if found.get("hours", 0.0) > reach:
            found["what"] = f"beyond reach (more than {reach:g} worker-hours)"
        rows.append({"claim": f.claim, "number": f.number, "part": f.part.says, "verdict": f.verdict} | found)
    return pd.DataFrame(rows, columns=COLUMNS)


def planned(finding: Finding, register: Register) -> Planned | None:
    """Return the size of study that a part's resolution is set for."""
    base = register.base_of(finding.claim)
    return register.planned.get(str(finding.part.points[0].get("task", base.get("task"))))


def spread_of(f: Finding) -> Spread:
    """The variance components of a part; a measure of training data varies between draws only."""
    if isinstance(f.evidence.statistic, Contrast) and f.evidence.pairing is None:
        return Spread(f.evidence.statistic.error**2 * f.evidence.replicates, 0.0, 0.0, 0.0)
    pairing = f.evidence.pairing
    student = pairing.student_variance * pairing.load
    return spread(f.evidence.components, *f.evidence.between, student, pairing.students)


def _addition(f: Finding, seconds: pd.DataFrame, parts: int) -> dict[str, object]:
    evidence = f.evidence
    pairing, R = evidence.pairing, evidence.replicates
    items, students = (evidence.components.items, pairing.students) if pairing else (0, 1)
    cells = len(evidence.keys) / R / students
    train, test = (float(seconds.loc[list(evidence.keys), name].mean()) * cells for name in seconds)
    known, part = spread_of(f), f.part
    found = cheapest(
        known, f.estimate - part.threshold, part.resolution, parts=parts, replicates=R, items=items, train=train,
        test=test,
        students=students,
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
    size, base = planned(f, register), register.base_of(f.claim)
    task = f.part.points[0].get("task", base.get("task"))
    like = runs[(runs["experiment"] == base.get("experiment")) & (runs["task"] == task)]
    cells = len(f.part.points) * max(len(f.part.terms), 1)
    if size is None or like.empty:
        return {"what": f"{cells} conditions that were not run"}
    hours = worker_hours(like).mean() * cells * size.replicates
    new = {"new_replicates": size.replicates, "new_students": 1, "new_items": size.items}
    said = f"{cells} conditions, {size.replicates} replicates of each"
    return {"replicates": 0} | new | {"cells": cells * size.replicates, "hours": hours, "what": said}
