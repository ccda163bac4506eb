"""Verdicts: what a results table decides of every part of every entry of the register."""

import contextlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from crossover.claims.cells import NotPlanned, compared
from crossover.claims.evidence import Evidence, contrast_evidence, measured, misfit, pairing_of, priors
from crossover.claims.register import Claim, Part, Register, load_register
from crossover.stats.noise import signal_to_noise
from crossover.stats.verdicts import LEAST_SIGNAL, LEVEL, at_the_floor, verdict, weakest
from crossover.study.select import MissingRows, Selector, settings_table
from crossover.study.store import read_runs

NOT_RUN, FLOOR = "not run in this profile", "at the floor"
FEW = 10  #: Conditions from which the signal-to-noise ratio of a task is read.


@dataclass(frozen=True)
class Finding:
    """A part of a claim as a results table decides it."""

    claim: str
    number: int  #: The place of the part in the entry, from 1.
    part: Part
    under: str  #: The setting under which it was asked, as ``recipe.updates steps``; empty under the entry's own base.
    stands_in: bool  #: Whether the part decides only where the others are at the floor.
    verdict: str
    evidence: Evidence | None  #: Missing where rows are; ``why`` says which.
    why: str
    profile: str  #: Whose rows decide.

    @property
    def estimate(self) -> float | None:
        """The estimate, as a fraction of 1, nats per token, or in the unit of a measure."""
        return None if self.evidence is None else self.evidence.statistic.estimate

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 90% interval."""
        return None if self.evidence is None else self.evidence.statistic.interval(LEVEL)

    @property
    def in_words(self) -> str:
        """The estimate with its interval, or the reason why there is none."""
        if self.evidence is None:
            return self.why
        said, low, high = map(self.part.amount, (self.estimate, *self.interval))
        return f"{said} {self.part.scale[1]}".rstrip() + f" ({low} to {high}{self.why and f'; {self.why}'})"


def decide(folder: Path, register: Register | None = None) -> list[Finding]:
    """Decide every part of every entry from the ``runs.csv`` and ``items/`` of a results folder.

    Where a profile repeats the folder's on fresh seeds and items (``pilots``), its rows decide the entries of which it
    has every student that it plans, and no sooner: a look at each new row would find differences by chance.
    """
    register = register or load_register()
    found = _decide(folder, register)
    for fresh in (name for name, pilot in register.pilots.items() if pilot == folder.name):
        done = set(read_runs(folder.parent / fresh)["key"])
        repeated = {
            (name, under)
            for name in register.claims
            for under in (False, True)
            if done and _is_whole(name, under, fresh, done, register)
        }
        if repeated:
            again = _decide(folder.parent / fresh, register)
            found = [f for f in found if (f.claim, bool(f.under)) not in repeated]
            found += [f for f in again if (f.claim, bool(f.under)) in repeated]
    order = list(register.claims)
    return sorted(found, key=lambda f: (order.index(f.claim), f.under != ""))


def _decide(folder: Path, register: Register) -> list[Finding]:
    rows = settings_table(read_runs(folder))
    asked = [
        (name, number, part.at(folder.name), which, number > len(claim.parts))
        for name, claim in register.claims.items()
        for which in ({}, *claim.under)
        for number, part in enumerate([*claim.parts, *claim.at_the_floor], 1)
    ]
    contrasts, missing = {}, {}
    for place, (name, _, part, which, _) in enumerate(asked):
        if part.statistic == "contrast":
            try:
                pairing = pairing_of(part, register.base_of(name) | which, rows, folder)
                contrasts[place] = (_family(register.base_of(name), part), pairing, pairing.components())
            except MissingRows as problem:
                missing[place] = str(problem)
    known = priors(contrasts[place] for place in contrasts if not asked[place][3])
    pilot, noisy = _pilot(register, folder), noisy_tasks(rows)
    findings = []
    for place, (name, number, part, which, stands_in) in enumerate(asked):
        evidence, claim, base = None, register.claims[name], register.base_of(name) | which
        try:
            if place in contrasts:
                family, pairing, found = contrasts[place]
                evidence = contrast_evidence(pairing, found, known.get(family))
            elif part.statistic != "contrast":
                evidence = measured(part, base, rows) if part.statistic == "measure" else misfit(part, base, rows)
        except MissingRows as problem:
            missing[place] = str(problem)
        parts = len(claim.at_the_floor if stands_in else claim.parts)
        floor = evidence is not None and _at_the_floor(part, evidence, base, _chance(register, base, part), pilot)
        if evidence is not None and evidence.pairing is not None and evidence.pairing.binary:
            floor = floor or any((base.get("experiment"), task) in noisy for task in _tasks(part, base))
        said = NOT_RUN if evidence is None else FLOOR if floor else _verdict(part, evidence, parts)
        under = ", ".join(f"{setting} {value}" for setting, value in which.items())
        why = missing.get(place, "") or {1: "one replicate", 2: "two replicates"}.get(evidence.replicates, "")
        findings.append(Finding(name, number, part, under, stands_in, said, evidence, why, folder.name))
    return findings


def _is_whole(name: str, under: bool, profile: str, done: set[str], register: Register) -> bool:
    try:
        return {cell.key for cell in compared([name], profile, register, under)} <= done
    except NotPlanned:
        return False


def whole(findings: Sequence[Finding]) -> dict[str, str]:
    """Return the verdict of each claim under its own base, from those of its parts.

    A claim is as good as the weakest of its parts. Where some are at the floor, the parts that stand in for them decide
    with the others; where these were not run, the claim is at the floor.
    """
    return {name: _whole(list(group)) for name, group in itertools.groupby(_own(findings), lambda f: f.claim)}


def under_settings(findings: Sequence[Finding]) -> dict[tuple[str, str], str]:
    """Return the verdict of each claim under each setting that it is also asked under."""
    others = [f for f in findings if f.under]
    groups = itertools.groupby(others, lambda f: (f.claim, f.under))
    return {key: _whole(list(group)) for key, group in groups}


def table(findings: Sequence[Finding], register: Register | None = None) -> pd.DataFrame:
    """Return one row per part.

    The claim, what was published, the interval, the threshold, the verdicts of part and claim.
    """
    register = register or load_register()
    verdicts, settings = whole(findings), under_settings(findings)
    return pd.DataFrame(
        [_row(f, register.claims[f.claim], settings.get((f.claim, f.under), verdicts[f.claim])) for f in findings]
    )


def _row(f: Finding, claim: Claim, verdict: str) -> dict[str, object]:
    low, high = f.interval or (np.nan, np.nan)
    estimate = np.nan if f.estimate is None else f.estimate
    return {
        "claim": f.claim, "kind": claim.kind, "paper": claim.paper, "statement": claim.statement,
        "published": claim.published,
        "under": f.under, "verdict": verdict, "number": f.number, "part": f.part.says, "outcome": f.part.outcome,
        "estimate": estimate, "low": low, "high": high, "side": f.part.side, "threshold": f.part.threshold,
        "resolution": f.part.resolution, "part_verdict": f.verdict, "stands_in": f.stands_in,
        "cells": len(f.evidence.keys) if f.evidence else 0, "replicates": f.evidence.replicates if f.evidence else 0,
        "profile": f.profile, "why": f.why,
    }  # fmt: skip


def _own(findings: Sequence[Finding]) -> list[Finding]:
    return [f for f in findings if not f.under]


def _whole(parts: Sequence[Finding]) -> str:
    first, stand_ins = [f.verdict for f in parts if not f.stands_in], [f.verdict for f in parts if f.stands_in]
    if FLOOR not in first or set(stand_ins) <= {NOT_RUN}:
        return weakest(first)
    return weakest([*(v for v in first if v != FLOOR), *stand_ins])


def _family(base: Selector, part: Part) -> str:
    return f"{base.get('experiment')}, {part.outcome}"


def _tasks(part: Part, base: Selector) -> list[object]:
    return [point.get("task", base.get("task")) for point in part.points]


def noisy_tasks(rows: pd.DataFrame) -> set[tuple[str, str]]:
    """Return experiment and task where conditions lie closer together than the replicates of one.

    Fewer than :data:`FEW` conditions do not tell; no verdict on correct answers rests on such a task.
    """
    if rows.empty:
        return set()
    apart = ("replicate", "student_seed")
    settings = ({k: v for k, v in json.loads(text).items() if k not in apart} for text in rows["settings"])
    alike = rows.assign(strategy=[json.dumps(each, sort_keys=True) for each in settings])
    counts = alike.groupby(["experiment", "task", "strategy", "seed_size", "budget", "replicate"], as_index=False)
    noisy = set()
    for name, some in counts[["n_correct", "n_test"]].sum().groupby("experiment"):
        found = signal_to_noise(some)
        noisy |= {
            (name, task) for task in found[(found["ratio"] < LEAST_SIGNAL) & (found["conditions"] >= FEW)]["task"]
        }
    return noisy


def _chance(register: Register, base: Selector, part: Part) -> float:
    known = [register.chance.get(str(name), 0.0) for name in part.sets or _tasks(part, base)]
    return sum(known) / len(known)


def _pilot(register: Register, folder: Path) -> tuple[pd.DataFrame, Path] | None:
    """The rows on which a profile's floors are judged, where they are not its own."""
    if folder.name not in register.pilots:
        return None
    pilot = folder.parent / register.pilots[folder.name]
    return settings_table(read_runs(pilot)), pilot


def _at_the_floor(part: Part, evidence: Evidence, base: Selector, chance: float, pilot: tuple | None) -> bool:
    if evidence.pairing is None or not evidence.pairing.binary:
        return False
    sides = evidence.pairing.sides
    if pilot is not None:
        with contextlib.suppress(MissingRows):
            sides = pairing_of(part, base, *pilot).sides
    return at_the_floor(sides, chance, evidence.statistic.detectable)


def _verdict(part: Part, evidence: Evidence, parts: int) -> str:
    rule = {"parts": parts, "replicates": evidence.replicates}
    return verdict(evidence.statistic.interval, part.side, part.threshold, part.resolution, **rule)
