"""Verdicts on record, and what would settle the undecided parts (``claims_plan.csv``).

``claims.csv`` has one row per part. ``verdicts.csv`` logs changed verdicts with the reason: new rows, or a changed
rule. ``claims/<claim>.json`` is enough for a program to check a claim from a clean clone.
"""

import json
import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from crossover.claims.findings import Finding, decide, table, verdicts
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
    plan(findings, rows_of(findings, folder), register).to_csv(
        folder / "claims_plan.csv", index=False, float_format="%.4g"
    )
    (folder / "claims").mkdir(exist_ok=True)
    for name in register.claims:
        record = _record(name, findings, register, folder.name, minutes)
        (folder / "claims" / f"{name}.json").write_text(
            json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    return findings


def rows_of(findings: Sequence[Finding], folder: Path) -> pd.DataFrame:
    """Return the results tables that findings rest on, one below the other."""
    names = dict.fromkeys([folder.name, *(f.profile for f in findings)])
    return pd.concat([read_runs(folder.parent / name) for name in names], ignore_index=True)


def changes(old: pd.DataFrame, now: pd.DataFrame, register: Register) -> pd.DataFrame:
    """Return the parts of two tables whose verdict is another one in ``now``: was, is, from what, and why."""
    place = ["claim", "number"]
    own, known = (rows[rows["under"].isin(["", np.nan])] for rows in (now, old))
    both = own.merge(known[[*place, "part", "part_verdict", "estimate"]], on=place, suffixes=("", "_before"))
    both = both[both["part_verdict"] != both["part_verdict_before"]]
    before, after = (both[column].astype(float).to_numpy() for column in ("estimate_before", "estimate"))
    same = np.isclose(after, before, rtol=TOLERANCE, equal_nan=True)
    ruled = same | (both["part"] != both["part_before"])
    reasons = [
        _reason(claim, register) if rule else "new rows" for claim, rule in zip(both["claim"], ruled, strict=True)
    ]
    names = {"number": "part", "part_verdict_before": "was", "part_verdict": "is"}
    both = both.drop(columns="part").rename(columns=names).assign(reason=reasons)
    return both[["claim", "part", "was", "is", "estimate", "low", "high", "cells", "replicates", "reason"]]


def check(names: Sequence[str], folder: Path) -> pd.DataFrame:
    """Recompute claims and compare them with their published files: ``claim, part, published, recomputed, agrees``.

    Verdicts must agree, too. A claim that has not been published, or has other parts by now, is an error.
    """
    found, rows = table(decide(folder)), []
    for name in names:
        path = folder / "claims" / f"{name}.json"
        if not path.exists():
            known = ", ".join(p.stem for p in sorted(path.parent.glob("*.json")))
            raise CrossoverError(f"{path} does not exist. Published: {known}.")
        published = json.loads(path.read_text(encoding="utf-8"))
        ours = found[(found["claim"] == name) & (found["under"] == "")]
        if len(ours) != len(published["parts"]):
            raise CrossoverError(f"{path} has other parts than the register: run notebook 05 again.")
        for our, part in zip(ours.itertuples(), published["parts"], strict=True):
            wanted = np.nan if part["expected"] is None else part["expected"]
            alike = np.isclose(our.estimate, wanted, rtol=published["tolerance"], atol=1e-9, equal_nan=True)
            rows.append(
                (name, our.part, wanted, our.estimate, bool(alike) and our.part_verdict == part["part_verdict"])
            )
    return pd.DataFrame(rows, columns=["claim", "part", "published", "recomputed", "agrees"])


def _record(
    name: str, findings: Sequence[Finding], register: Register, profile: str, minutes: int
) -> dict[str, object]:
    claim, rows = register.claims[name], table([f for f in findings if f.claim == name and not f.under], register)
    parts = rows.rename(columns={"estimate": "expected"})[[
        "part", "outcome", "expected", "low", "high", "side", "threshold", "resolution", "part_verdict", "replicates",
    ]]  # fmt: skip
    return {
        "claim": name, "kind": claim.kind, "statement": claim.statement, "paper": f"arXiv {claim.paper}",
        "where": claim.where, "published": claim.published, "profile": profile,
        "rows": f"results/{rows['profile'].iloc[0]}", "verdict": rows["verdict"].iloc[0],
        "under": {under: verdict for (of, under), verdict in verdicts(findings).items() if of == name and under},
        "command": f"crossover claims {name} --check --profile {profile}", "tolerance": TOLERANCE, "minutes": minutes,
        "parts": json.loads(parts.to_json(orient="records", double_precision=12)),
    }  # fmt: skip


def _reason(claim: str, register: Register) -> str:
    """The logged changes that apply to a claim, of the latest date, by name."""
    found = [rule for rule in register.rules if {claim, "all"} & {*rule.claims}]
    latest = max((rule.date for rule in found), default="")
    return "changed rule: " + ", ".join(rule.name for rule in found if rule.date == latest)
