"""The command on claims: verdicts, one claim checked against its published file, and what would settle the undecided ones."""

from __future__ import annotations

import json
from typing import Annotated

import typer

Claim = Annotated[str, typer.Argument(help="One claim only, such as C3; by default all.")]
Check = Annotated[bool, typer.Option("--check", help="Recompute the claim and compare it with its published file.")]
Plan = Annotated[bool, typer.Option("--plan", help="The cheapest addition that would decide each undecided part.")]
Reach = Annotated[float, typer.Option("--hours", min=0, help="Worker-hours beyond which an addition is out of reach.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs, in place of a table.")]
Profile = Annotated[str, typer.Option("--profile", help="Whose rows decide: smoke, laptop or study.")]


def claims(
    claim: Claim = "",
    profile: Profile = "study",
    check: Check = False,
    plan: Plan = False,
    hours: Reach = 40.0,
    as_json: AsJson = False,
) -> None:
    """Decide the papers' claims from the rows of a results table: estimate, 90% interval and verdict of each part.

    Examples: crossover claims; crossover claims C3 --check; crossover claims --plan --hours 10
    """
    from crossover.claims import decide, load_register, table
    from crossover.errors import CrossoverError, nearest
    from crossover.paths import results_folder

    folder, register = results_folder(profile), load_register()
    if claim and claim not in register.claims:
        raise CrossoverError(f"{claim!r} is not in the register of claims.{nearest(claim, register.claims)}")
    if check:
        _check([claim] if claim else list(register.claims), folder, as_json)
        return
    findings = decide(folder, register)
    if plan:
        from crossover.claims.settle import plan as cheapest
        from crossover.study.store import read_runs

        rows = cheapest(findings, read_runs(folder), register, hours)
        shown = rows[["claim", "number", "part", "verdict", "what", "cells", "probability", "hours"]]
        title = f"What would settle the undecided parts, {profile}"
    else:
        rows = table(findings, register)
        numbers = [
            (f"{r.estimate:.3f}", f"{r.low:.3f} to {r.high:.3f}")
            if r.estimate == r.estimate and r.estimate is not None
            else ("", r.why)
            for r in rows.itertuples()
        ]
        shown = rows[["claim", "under", "part", "side", "threshold", "part_verdict", "verdict"]]
        shown.insert(3, "estimate", [n for n, _ in numbers])
        shown.insert(4, "90% interval", [n for _, n in numbers])
        title = f"Claims, {profile}"
    if claim:
        rows, shown = (frame[frame["claim"] == claim] for frame in (rows, shown))
    if as_json:
        print(rows.to_json(orient="records", indent=1, force_ascii=False))
    else:
        _print(shown, title)


def _check(names, folder, as_json: bool) -> None:
    """Print the comparison of claims with their published files; status 1 where one differs."""
    import pandas as pd

    from crossover.claims.publish import check

    rows = pd.DataFrame(
        [(name, *row) for name in names for row in check(name, folder)],
        columns=["claim", "part", "published", "recomputed", "agrees"],
    )
    if as_json:
        print(json.dumps({"agrees": bool(rows["agrees"].all()), "parts": rows.to_dict("records")}, indent=1))
    else:
        _print(rows, f"Claims checked against {folder.name}/claims")
    if not rows["agrees"].all():
        raise typer.Exit(1)


def _print(rows, title: str) -> None:
    from rich.console import Console
    from rich.table import Table

    out = Table(*map(str, rows.columns), title=title)
    for row in rows.itertuples(index=False):
        cells = [f"{v:.3g}" if isinstance(v, float) else str(v) for v in row]
        out.add_row(*("" if cell in ("nan", "None") else cell for cell in cells))
    Console().print(out)


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(claims)
