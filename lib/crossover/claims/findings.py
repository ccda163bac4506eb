"""Verdicts: what a results table decides of every part of every entry of the register."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from crossover.claims.evidence import Evidence, NotPlanned, gather, planned_keys, priors
from crossover.claims.floors import Floors
from crossover.claims.register import Claim, Part, Register, load_register
from crossover.stats.contrasts import Prior
from crossover.stats.verdicts import LEVEL, verdict, weakest
from crossover.study.select import MissingRows, Selector, settings_table
from crossover.study.store import read_runs

NOT_RUN, FLOOR, NO_DIFFERENCE = "not run in this profile", "at the floor", "no difference that matters"


@dataclass(frozen=True)
class Finding:
    """A part of a claim as a results table decides it."""

    claim: str
    number: int  #: The place of the part in the entry, from 1.
    part: Part
    base: Selector  #: What its selectors mean by settings that they do not name.
    under: str  #: The setting under which it was asked, as ``recipe.updates steps``; empty under the entry's own base.
    stands_in: bool  #: Whether the part decides only where the others are at the floor.
    together: int  #: Parts of the entry that decide together with this one.
    profile: str  #: Whose rows decide.
    verdict: str = NOT_RUN
    evidence: Evidence | None = None  #: Missing where rows are; ``why`` says which.
    why: str = ""

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
        statistic = self.evidence.statistic
        said, low, high = map(self.part.amount, (statistic.estimate, *statistic.interval(LEVEL)))
        return f"{said} {self.part.scale[1]}".rstrip() + f" ({low} to {high}{self.why and f'; {self.why}'})"

    @property
    def margin(self) -> str:
        """Of a verdict of no difference, from which value and within which margin; empty for any other verdict."""
        if self.verdict != NO_DIFFERENCE:
            return ""
        scale, unit = self.part.scale
        at = f"the threshold of {scale * self.part.threshold:g} {unit}".rstrip() if self.part.threshold else "zero"
        within = scale * self.part.resolution
        return f"from {at} (margin {within:g} {unit.removesuffix('s') if within == 1 else unit}".rstrip() + ")"

    @property
    def tasks(self) -> list[object]:
        """The task at each point."""
        return [point.get("task", self.base.get("task")) for point in self.part.points]

    @property
    def family(self) -> str:
        """The contrasts of which the replicates lend each other their spread."""
        return f"{self.base.get('experiment')}, {self.part.outcome}"


def decide(folder: Path, register: Register | None = None) -> list[Finding]:
    """Decide every part of every entry from the ``runs.csv`` and ``items/`` of a results folder.

    Rows of a profile that repeats it (``pilots``) decide an entry as soon as every student that they compare is
    trained, and no sooner: a look at each new row would find differences by chance.
    """
    register = register or load_register()
    found = _decide(folder, register)
    for fresh in (name for name, pilot in register.pilots.items() if pilot == folder.name):
        done = set(read_runs(folder.parent / fresh)["key"])
        repeated = {
            (name, _named(setting))
            for name, claim in register.claims.items()
            for setting in ({}, *claim.under)
            if done and _is_whole(name, setting, fresh, done, register)
        }
        if repeated:
            again = _decide(folder.parent / fresh, register)
            found = [f for f in found if (f.claim, f.under) not in repeated]
            found += [f for f in again if (f.claim, f.under) in repeated]
    order = [(name, _named(setting)) for name, claim in register.claims.items() for setting in ({}, *claim.under)]
    return sorted(found, key=lambda f: order.index((f.claim, f.under)))


def _questions(register: Register, profile: str) -> Iterator[Finding]:
    """The parts as a profile asks them, under each claim's base and under other settings of it."""
    for name, claim in register.claims.items():
        for setting in ({}, *claim.under):
            base = register.base_of(name) | setting
            for number, part in enumerate([*claim.parts, *claim.at_the_floor], 1):
                stands_in = number > len(claim.parts)
                together = len(claim.at_the_floor if stands_in else claim.parts)
                yield Finding(name, number, part.at(profile), base, _named(setting), stands_in, together, profile)


def _named(setting: Selector) -> str:
    return ", ".join(f"{key} {value}" for key, value in setting.items())


def _decide(folder: Path, register: Register) -> list[Finding]:
    rows = settings_table(read_runs(folder))
    asked = [_with_evidence(f, rows, folder) for f in _questions(register, folder.name)]
    known = priors((f.family, f.evidence) for f in asked if not f.under)
    floors, findings = Floors.of(rows, folder, register), []
    for f in asked:
        if f.evidence is not None:
            evidence = f.evidence
            if evidence.pairing and (prior := known.get(f.family)):
                evidence = replace(evidence, prior=prior, statistic=evidence.pairing.contrast(prior))
            said, p = FLOOR, f.part
            if not floors.hold(p, f.base, f.tasks, evidence):
                rule = {"parts": f.together, "replicates": evidence.replicates}
                said = verdict(evidence.statistic.interval, p.side, p.threshold, p.resolution, **rule)
            few = {1: "one replicate", 2: "two replicates"}.get(evidence.replicates, "")
            f = replace(f, evidence=evidence, verdict=said, why=few)
        findings.append(f)
    return findings


def family_priors(folder: Path, experiment: str, register: Register | None = None) -> dict[str, Prior]:
    """Return by outcome what an experiment's contrasts in the register say of the spread between replicates.

    Chapters draw their own differences to it, so that a difference has one interval throughout the book.
    """
    rows = settings_table(read_runs(folder, experiment))
    asked = [
        f
        for f in _questions(register or load_register(), folder.name)
        if f.base.get("experiment") == experiment and f.part.statistic == "contrast" and not f.under
    ]
    return priors((f.part.outcome, _with_evidence(f, rows, folder).evidence) for f in asked if len(rows))


def _with_evidence(f: Finding, rows: pd.DataFrame, folder: Path) -> Finding:
    try:
        return replace(f, evidence=gather(f.part, f.base, rows, folder))
    except MissingRows as problem:
        return replace(f, why=str(problem))


def _is_whole(name: str, setting: Selector, profile: str, done: set[str], register: Register) -> bool:
    try:
        wanted = planned_keys(name, setting, profile, register)
    except NotPlanned:
        return False
    return bool(wanted) and wanted <= done


def verdicts(findings: Sequence[Finding]) -> dict[tuple[str, str], str]:
    """Return the verdict of each claim by its name and the setting under which it is asked: that of its weakest part.

    Where some parts are at the floor, those that stand in for them decide with the others, if they were run.
    """
    groups = itertools.groupby(findings, lambda f: (f.claim, f.under))
    return {asked: _whole(list(group)) for asked, group in groups}


def whole(findings: Sequence[Finding]) -> dict[str, str]:
    """Return the verdict of each claim under its own base."""
    return {claim: verdict for (claim, under), verdict in verdicts(findings).items() if not under}


def table(findings: Sequence[Finding], register: Register | None = None) -> pd.DataFrame:
    """Return one row per part: claim, published value, interval, threshold, and the verdicts of part and claim."""
    register, known = register or load_register(), verdicts(findings)
    return pd.DataFrame([_row(f, register.claims[f.claim], known[f.claim, f.under]) for f in findings])


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


def _whole(parts: Sequence[Finding]) -> str:
    first, stand_ins = [f.verdict for f in parts if not f.stands_in], [f.verdict for f in parts if f.stands_in]
    if FLOOR not in first or set(stand_ins) <= {NOT_RUN}:
        return weakest(first)
    return weakest([*(v for v in first if v != FLOOR), *stand_ins])
