"""Verdicts on record: a table, a log of changed verdicts, and one machine-readable file per claim.

``claims.csv``
    One row per part, as :func:`crossover.claims.table` gives them.
``verdicts.csv``
    Parts whose verdict changed, when, from what numbers, and why: new rows, or a rule that the register logs.
``claims/<claim>.json``
    Statement, command, expected values, tolerance and minutes: enough for a program to check the claim from a clean clone.
``claims_plan.csv``
    What would settle the undecided parts.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from crossover.claims.findings import Finding, decide, table, under_settings, whole
from crossover.claims.register import Register, load_register
from crossover.claims.settle import plan
from crossover.errors import CrossoverError
from crossover.study.store import read_runs

#: Relative difference between a recomputed value and the published one.
TOLERANCE = 1e-3


def publish(folder: Path, register: Register | None = None) -> list[Finding]:
    """Decide every claim from a results folder, and store there what this module's head lists."""
    register = register or load_register()
    begun = time.monotonic()
    findings = decide(folder, register)
    minutes = max(1, math.ceil((time.monotonic() - begun) / 60))
    now, file, log = table(findings, register), folder / "claims.csv", folder / "verdicts.csv"
    if file.exists():
        changed = changes(pd.read_csv(file), now, register).assign(date=datetime.now(UTC).date().isoformat())
        if len(changed):
            known = [pd.read_csv(log)] if log.exists() else []
            pd.concat([*known, changed]).to_csv(log, index=False, float_format="%.4g", lineterminator="\n")
    now.to_csv(file, index=False, float_format="%.6g")
    plan(findings, read_runs(folder), register).to_csv(folder / "claims_plan.csv", index=False, float_format="%.4g")
    (folder / "claims").mkdir(exist_ok=True)
    for name in register.claims:
        record = _record(name, findings, register, folder.name, minutes)
        (folder / "claims" / f"{name}.json").write_text(
            json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    return findings


def changes(before: pd.DataFrame, now: pd.DataFrame, register: Register) -> pd.DataFrame:
    """Return the parts whose verdict is another one in ``now``: what it was, what it is, from what, and why it changed.

    Parameters
    ----------
    before, now : DataFrame
        As :func:`crossover.claims.table` gives them. Parts are told by their number; one that was not there before is no change.
    register : Register
    """
    place = ["claim", "number"]
    told = [rows[rows["under"].isin(["", np.nan])] for rows in (now, before)]
    both = told[0].merge(told[1][[*place, "part", "part_verdict", "estimate"]], on=place, suffixes=("", "_before"))
    both = both[both["part_verdict"] != both["part_verdict_before"]]
    if both.empty:
        return pd.DataFrame()
    same = np.isclose(
        both["estimate"].astype(float), both["estimate_before"].astype(float), rtol=TOLERANCE, equal_nan=True
    )
    ruled = same | (both["part"] != both["part_before"])
    reasons = [
        _reason(claim, register) if by_rule else "new rows" for claim, by_rule in zip(both["claim"], ruled, strict=True)
    ]
    both = both.drop(columns="part").assign(reason=reasons)
    both = both.rename(columns={"number": "part", "part_verdict_before": "was", "part_verdict": "is"})
    return both[["claim", "part", "was", "is", "estimate", "low", "high", "cells", "replicates", "reason"]]


def check(name: str, folder: Path) -> list[tuple[str, float | None, float | None, bool]]:
    """Recompute one claim from the rows, and compare it with its published file.

    Returns
    -------
    list of (str, float, float, bool)
        Per part: what it says, the published and the recomputed estimate, and whether they and their verdicts agree.

    Raises
    ------
    CrossoverError
        No such claim has been published.
    """
    path = folder / "claims" / f"{name}.json"
    if not path.exists():
        raise CrossoverError(
            f"{path} does not exist. Published: {', '.join(p.stem for p in sorted(path.parent.glob('*.json')))}."
        )
    published = json.loads(path.read_text(encoding="utf-8"))
    found = [f for f in decide(folder) if f.claim == name and not f.under]
    if len(found) != len(published["parts"]):
        raise CrossoverError(
            f"{path} has {len(published['parts'])} parts, the register has {len(found)}: publish the claims again."
        )
    rows = []
    for f, part in zip(found, published["parts"], strict=True):
        wanted, rtol = part["expected"], published["tolerance"]
        alike = (
            f.estimate == wanted
            if None in (f.estimate, wanted)
            else math.isclose(f.estimate, wanted, rel_tol=rtol, abs_tol=1e-9)
        )
        rows.append((part["says"], wanted, f.estimate, alike and f.verdict == part["verdict"]))
    return rows


def _record(
    name: str, findings: Sequence[Finding], register: Register, profile: str, minutes: int
) -> dict[str, object]:
    claim = register.claims[name]
    parts = [
        {
            "says": f.part.says, "statistic": f.part.statistic, "outcome": f.part.outcome, "expected": f.estimate,
            "interval": f.interval, "side": f.part.side, "threshold": f.part.threshold, "resolution": f.part.resolution,
            "verdict": f.verdict, "replicates": f.evidence.replicates if f.evidence else 0,
        }
        for f in findings if f.claim == name and not f.under
    ]  # fmt: skip
    others = {under: verdict for (of, under), verdict in under_settings(findings).items() if of == name}
    return {
        "claim": name, "kind": claim.kind, "statement": claim.statement, "paper": f"arXiv {claim.paper}", "where": claim.where,
        "published": claim.published, "profile": profile, "verdict": whole(findings)[name], "under": others,
        "command": f"crossover claims {name} --check --profile {profile}", "tolerance": TOLERANCE, "minutes": minutes, "parts": parts,
    }  # fmt: skip


def _reason(claim: str, register: Register) -> str:
    """The logged changes that apply to a claim, of the latest date, by name."""
    found = [rule for rule in register.rules if {claim, "all"} & {*rule.claims}]
    latest = max((rule.date for rule in found), default="")
    return "changed rule: " + ", ".join(rule.name for rule in found if rule.date == latest)
