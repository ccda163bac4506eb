"""The command on claims.

Verdicts, one claim checked against its published file, and what would settle the undecided ones.
"""

import json
from math import isfinite
from pathlib import Path
from typing import Annotated

import typer


def claims(
    claim: Annotated[str, typer.Argument(help="One claim only, such as C3; by default all.")] = "",
    profile: Annotated[
        str,
        typer.Option(
            "--profile",
            help="Results table: smoke, laptop, study (with what confirm has completed) or confirm.",
        ),
    ] = "study",
    check: Annotated[bool, typer.Option("--check", help="Recompute and compare with the published file.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="The cheapest addition that decides each open part.")] = False,
    hours: Annotated[float, typer.Option("--hours", min=0, help="Most worker-hours that an addition may take.")] = 40.0,
    as_json: Annotated[bool, typer.Option("--json", help="For programs, in place of a table.")] = False,
) -> None:
    """Decide the papers' claims from the rows of a results table: estimate, 90% interval and verdict of each part.

    Examples: crossover claims; crossover claims C3 --check; crossover claims --plan --hours 10
    """
    from crossover.claims import decide, load_register, table, whole
    from crossover.claims.findings import NOT_RUN
    from crossover.claims.publish import rows_of
    from crossover.claims.settle import plan as additions
    from crossover.errors import CrossoverError, nearest
    from crossover.paths import results_folder

    folder, register = results_folder(profile), load_register()
    if claim and claim not in register.claims:
        raise CrossoverError(f"{claim!r} is not in the register of claims.{nearest(claim, register.claims)}")
    if check:
        _check([claim] if claim else list(register.claims), folder, as_json)
        return
    findings = [f for f in decide(folder, register) if claim in ("", f.claim)]
    rows = additions(findings, rows_of(findings, folder), register, hours) if plan else table(findings, register)
    if as_json:
        print(rows.to_json(orient="records", indent=1, force_ascii=False))
    elif plan:
        told = [
            (f"{r.claim}.{r.number}", r.part, r.what, _short(r.hours), _short(r.probability)) for r in rows.itertuples()
        ]
        _print(
            f"What would settle the open parts, {profile}", told, "part", "", "addition", "worker-hours", "probability"
        )
    else:
        told = [
            (f"{f.claim}.{f.number}", f"{f.part.says} {f.under}".strip(), f.in_words, f.part.prediction, f.verdict)
            for f in findings
            if not (f.under and f.verdict == NOT_RUN)
        ]
        _print(f"Claims, {profile}", told, "part", "", "ours (90% interval)", "predicted", "verdict")
        print(*(f"{name}: {verdict}" for name, verdict in whole(findings).items()), sep="\n")


def _check(names: list[str], folder: Path, as_json: bool) -> None:
    """Print the comparison of claims with their published files; status 1 where one differs."""
    from crossover.claims.publish import check

    rows = check(names, folder)
    if as_json:
        parts = json.loads(rows.to_json(orient="records", double_precision=12))
        print(json.dumps({"agrees": bool(rows["agrees"].all()), "parts": parts}, indent=1))
    else:
        told = [
            (r.claim, r.part, _short(r.published), _short(r.recomputed), "yes" if r.agrees else "no")
            for r in rows.itertuples()
        ]
        _print(f"Claims checked against {folder.name}/claims", told, "claim", "", "published", "recomputed", "agrees")
    if not rows["agrees"].all():
        raise typer.Exit(1)


def _short(value: float) -> str:
    return f"{value:.3g}" if isfinite(value) else ""


def _print(title: str, rows: list[tuple[str, ...]], *columns: str) -> None:
    from rich.console import Console
    from rich.table import Table

    out = Table(*columns, title=title)
    for row in rows:
        out.add_row(*row)
    Console().print(out)


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(claims)
