"""The claims ledger: what the papers say, what would decide it, and what the rows of a results table decide.

``notebooks/claims.yaml`` holds each claim with its statistic, threshold and rule of verdict, written before the runs that
decide it. Here they are computed: nothing else in the project says whether a claim holds.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from scipy import stats

from crossover.errors import CrossoverError
from crossover.paths import repository
from crossover.study.paired import LEVEL, Outcome, paired
from crossover.study.select import MissingRows, Selector, choose, select, settings_table
from crossover.study.store import read_runs, save_numbers

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

#: Replicates that a firm verdict needs. Two that agree by chance give an interval that is far too narrow.
FIRM = 3
#: Of an interval.
Ends = tuple[float, float]
#: From worst to best; a claim of several parts has the worst of theirs.
VERDICTS = ("fails", "not testable here", "inconclusive", "holds weakly", "holds")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Part(_Strict):
    """One statistic of a claim and the side of the threshold on which the claim puts it."""

    says: str
    statistic: Literal["contrast", "misfit", "measure"]
    outcome: Outcome = "correct"
    sets: list[str] = []
    measure: str = ""
    side: Literal["above", "below"]
    threshold: float
    resolution: float = Field(gt=0)
    points: list[Selector] = Field([{}], min_length=1)
    terms: list[Selector] = []
    least_ratio: float = Field(0.0, ge=0)


class Claim(_Strict):
    """A published statement with the parts that decide it; its own ``base``, where given, in place of the ledger's."""

    paper: str
    where: str
    statement: str
    published: str
    base: Selector | None = None
    parts: list[Part] = Field(min_length=1)


class Claims(_Strict):
    """The whole ledger; ``base`` is what a selector means by settings that it does not name."""

    base: Selector
    claims: dict[str, Claim]


@dataclass(frozen=True)
class Finding:
    """A part of a claim as a results table decides it; ``estimate`` is ``None`` where rows are missing, and ``why`` says which."""

    claim: str
    part: Part
    verdict: str
    estimate: float | None
    low: float | None
    high: float | None
    detectable: float | None
    cells: int
    replicates: int
    why: str


def load_claims(path: Path | None = None) -> Claims:
    """Read and check a claims ledger; by default the project's own."""
    path = path or repository() / "notebooks" / "claims.yaml"
    try:
        return Claims.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as problem:
        first = problem.errors()[0]
        raise CrossoverError(f"{path.name}, {'.'.join(map(str, first['loc']))}: {first['msg']}.") from None


def decide(folder: Path, ledger: Claims | None = None) -> list[Finding]:
    """Compute every part of every claim from a results folder.

    Parameters
    ----------
    folder : Path
        With ``runs.csv`` and ``items/``.
    ledger : Claims, optional
        By default the project's own.

    Raises
    ------
    CrossoverError
        A selector names a setting that no cell has, or picks two cells where one is meant.
    """
    ledger = ledger or load_claims()
    rows = settings_table(read_runs(folder))
    return [
        _decide(name, part, len(claim.parts), ledger.base if claim.base is None else claim.base, rows, folder)
        for name, claim in ledger.claims.items()
        for part in claim.parts
    ]


def verdict(part: Part, interval: Ends, wide: Ends, estimate: float, replicates: int) -> str:
    """Return the verdict of one part, as the head of the ledger defines it.

    Fewer than :data:`FIRM` replicates do not show what another draw of the seeds would do, so that they decide nothing firmly.

    Parameters
    ----------
    part : Part
    interval, wide : (float, float)
        At 90%, and at the level at which a claim of as many parts fails by one of them.
    estimate : float
    replicates : int
    """
    sign = 1 if part.side == "above" else -1
    ends, most = (sorted(sign * (value - part.threshold) for value in both) for both in (interval, wide))
    leaning = sign * (estimate - part.threshold) > 0 and (interval[1] - interval[0]) / 2 <= part.resolution
    if replicates >= FIRM and ends[0] > 0:
        return "holds"
    if replicates >= FIRM and most[1] < 0:
        return "fails"
    return "holds weakly" if leaning else "inconclusive"


def worst(verdicts: Sequence[str]) -> str:
    """Return the verdict of a claim from those of its parts.

    >>> worst(["holds", "holds weakly"])
    'holds weakly'
    """
    return min(verdicts, key=VERDICTS.index)


def table(findings: Sequence[Finding], ledger: Claims | None = None) -> pd.DataFrame:
    """Return one row a part: claim, statement, published, statistic, interval, threshold, verdict of part and of claim."""
    ledger = ledger or load_claims()
    whole = {name: worst([f.verdict for f in group]) for name, group in itertools.groupby(findings, lambda f: f.claim)}
    return pd.DataFrame(
        {
            "claim": f.claim, "paper": ledger.claims[f.claim].paper, "statement": ledger.claims[f.claim].statement,
            "published": ledger.claims[f.claim].published, "verdict": whole[f.claim], "part": f.part.says,
            "estimate": f.estimate, "low": f.low, "high": f.high, "side": f.part.side, "threshold": f.part.threshold,
            "detectable": f.detectable, "part_verdict": f.verdict, "cells": f.cells, "replicates": f.replicates, "why": f.why,
        }
        for f in findings
    )  # fmt: skip


def publish(folder: Path) -> list[Finding]:
    """Decide every claim from a results folder, and store the verdicts there as ``claims.csv`` and for the first page.

    Verdicts that have changed since the last time are added to ``verdicts.csv``.
    """
    findings = decide(folder)
    now, file, log = table(findings), folder / "claims.csv", folder / "verdicts.csv"
    if file.exists():
        changed = changes(pd.read_csv(file), now).assign(date=datetime.now(UTC).date().isoformat())
        if len(changed):
            changed.to_csv(
                log, index=False, float_format="%.4g", mode="a", header=not log.exists(), lineterminator="\n"
            )
    now.to_csv(file, index=False, float_format="%.6g")
    save_numbers(folder, "05_claims", {"claims_table": summary(findings)})
    return findings


def changes(before: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Return the parts of claims whose verdict is another one in ``now``, one row each: what it was, what it is, and from what.

    Parameters
    ----------
    before, now : DataFrame
        As :func:`table` gives them. Parts are told by their place in a claim; a claim that was not there before is no change.
    """
    placed = [rows.assign(place=rows.groupby("claim").cumcount() + 1) for rows in (before, now)]
    both = placed[1].merge(
        placed[0][["claim", "place", "part_verdict"]], on=["claim", "place"], suffixes=("", "_before")
    )
    both = both[both["part_verdict"] != both["part_verdict_before"]]
    columns = {"claim": "claim", "place": "part", "part_verdict_before": "was", "part_verdict": "is"}
    return both.drop(columns="part").rename(columns=columns)[
        [*columns.values(), "estimate", "low", "high", "cells", "replicates"]
    ]


def summary(findings: Sequence[Finding], ledger: Claims | None = None) -> str:
    """Return a Markdown table with one row a decided claim: what was published, the part that decides here, the verdict.

    Claims whose cells were not run are named below it.
    """
    ledger = ledger or load_claims()
    lines, untested = ["| claim | published | ours (90% interval) | verdict |", "|---|---|---|---|"], []
    for name, group in itertools.groupby(findings, lambda f: f.claim):
        deciding = min(group, key=lambda f: (VERDICTS.index(f.verdict), _lead(f)))
        if deciding.estimate is None:
            untested.append(name)
            continue
        claim = ledger.claims[name]
        said = f"{deciding.part.says} {_in_words(deciding)}"
        lines.append(f"| {name}. {claim.statement} | {claim.published} | {said} | **{deciding.verdict}** |")
    note = f"\n\nNot testable here, for want of runs: {', '.join(untested)}." if untested else ""
    return "\n".join(lines) + note


def show(findings: Sequence[Finding], papers: Sequence[str], ledger: Claims | None = None) -> Styler:
    """Return the table that a page shows: the claims of some papers, accuracies in points."""
    rows = table(findings, ledger)
    rows = rows[rows["paper"].isin(papers)]
    shown = pd.DataFrame(
        {
            "claim": [f"{r.claim}. {r.statement} Published: {r.published}." for r in rows.itertuples()],
            "what was measured": rows["part"],
            "ours (90% interval)": [_in_words(f) for f in findings if f.claim in set(rows["claim"])],
            "this part": rows["part_verdict"],
            "verdict": rows["verdict"],
        }
    )
    shown.loc[shown["claim"].duplicated(), ["claim", "verdict"]] = ""
    left = {"white-space": "normal", "text-align": "left", "vertical-align": "top", "min-width": "6em"}
    return shown.style.hide(axis="index").set_properties(**left).set_uuid("claims")


def _lead(finding: Finding) -> float:
    """How far a part is on the side on which its claim puts it, in half-widths of its interval."""
    if finding.estimate is None or finding.low == finding.high:
        return 0.0
    sign = 1 if finding.part.side == "above" else -1
    return sign * (finding.estimate - finding.part.threshold) / (finding.high - finding.low) * 2


def _in_words(finding: Finding) -> str:
    if finding.estimate is None:
        return finding.why
    scale, unit = (100, " points") if finding.part.statistic == "contrast" else (1, "")
    values = [scale * v for v in (finding.estimate, finding.low, finding.high, finding.part.threshold)]
    numbers = [f"{v:+.1f}" if unit else f"{v:.2f}" for v in values]
    return f"{numbers[0]}{unit} ({numbers[1]} to {numbers[2]}); claimed {finding.part.side} {values[3]:g}{finding.why and f'; {finding.why}'}"


def _decide(name: str, part: Part, parts: int, base: Selector, rows: pd.DataFrame, folder: Path) -> Finding:
    compute = partial(
        {"contrast": _contrast, "misfit": _misfit, "measure": _measure}[part.statistic], part, base, rows, folder
    )
    try:
        low, estimate, high, detectable, cells, replicates = found = compute(LEVEL)
        wide, _, widest, *_ = compute(1 - (1 - LEVEL) / parts) if parts > 1 else found
    except MissingRows as missing:
        return Finding(name, part, "not testable here", None, None, None, None, 0, 0, str(missing))
    decided = verdict(part, (low, high), (wide, widest), estimate, replicates)
    why = {1: "one replicate", 2: "two replicates"}.get(replicates, "")
    if decided != verdict(part, (low, high), (low, high), estimate, replicates):
        why = f"fails at 90%, not as one of {parts} parts"
    return Finding(name, part, decided, estimate, low, high, detectable, cells, replicates, why)


def _contrast(part: Part, base: Selector, rows: pd.DataFrame, folder: Path, level: float) -> tuple:
    c, used = paired(rows, folder, base, part.points, part.terms, part.outcome, part.sets, level)
    return c.low, c.estimate, c.high, c.detectable, len(used), c.replicates


def _measure(part: Part, base: Selector, rows: pd.DataFrame, folder: Path, level: float) -> tuple:
    """A contrast of a measure of the training data: a t interval over replicates, no items being tested."""
    chosen, shared = choose(rows, base, part.points, part.terms)
    values = rows.set_index("key")["measures"].map(lambda text: json.loads(text or "{}").get(part.measure, np.nan))
    total = np.array([sum(w * values[keys[r]].mean() for w, keys in chosen) for r in shared])
    if np.isnan(total).any():
        raise MissingRows(f"the rows hold no measure {part.measure!r}")
    error = float(stats.sem(total)) if len(total) > 1 else 0.0
    half = float(stats.t.ppf((1 + level) / 2, len(total) - 1)) * error if error else 0.0
    estimate, used = float(total.mean()), {key for _, keys in chosen for r in shared for key in keys[r]}
    return estimate - half, estimate, estimate + half, None, len(used), len(total)


def _misfit(part: Part, base: Selector, rows: pd.DataFrame, folder: Path, level: float) -> tuple:
    from crossover.stats.curves import fit_table, misfit
    from crossover.stats.forms import form_named

    found = select(rows, base, base)
    if found.empty:
        raise MissingRows(f"no cells with {', '.join(f'{name} {value}' for name, value in base.items())}")
    found = found[found["budget"] >= part.least_ratio * found["seed_size"]]
    fits = fit_table(found, LEVEL)
    pairs = [misfit(form_named(c.form), c.noise, c.point) for c in fits if c.is_fitted]
    loss, df = sum(loss for loss, _ in pairs), sum(df for _, df in pairs)
    if df < 1:
        raise MissingRows("too few budgets for the curves to be fitted with any left over")
    replicates = found["replicate"].nunique()
    explained = max(1, sum(c.noise.cell_df for c in fits))
    ends = loss / df / stats.f.ppf([(1 + level) / 2, (1 - level) / 2], df, explained)
    return ends[0], loss / df, ends[1], None, len(found), replicates
