"""The command on claims: verdicts, a check against published files, and what would settle the undecided parts."""

from math import isfinite
from pathlib import Path
from typing import Annotated

import typer

from crossover.cli.console import console, print_json, print_table


def claims(
    claim: Annotated[str, typer.Argument(help="One claim only, such as C3; by default all.")] = "",
    profile: Annotated[
        str,
        typer.Option(help="Results table: smoke, laptop, study (with what confirm has completed) or confirm."),
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
        print_json(rows.to_dict("records"))
    elif plan:
        told = [
            {"": f"{r.claim}.{r.number}", "part": r.part, "addition": r.what, "worker-hours": _short(r.hours),
             "probability": _short(r.probability)}
            for r in rows.itertuples()
        ]  # fmt: skip
        print_table(console(), f"What would settle the open parts, {profile}", told)
    else:
        told = [
            {"": f"{f.claim}.{f.number}", "part": f"{f.part.says} {f.under}".strip(), "ours (90% interval)": f.in_words,
             "predicted": f.part.prediction, "verdict": f"{f.verdict} {f.margin}".rstrip()}
            for f in findings
            if not (f.under and f.verdict == NOT_RUN)
        ]  # fmt: skip
        print_table(console(), f"Claims, {profile}", told)
        print(*(f"{name}: {verdict}" for name, verdict in whole(findings).items()), sep="\n")


def _check(names: list[str], folder: Path, as_json: bool) -> None:
    """Print the comparison of claims with their published files; status 1 where one differs."""
    from crossover.claims.publish import check

    rows = check(names, folder)
    agrees = bool(rows["agrees"].all())
    if as_json:
        print_json({"agrees": agrees, "parts": rows.to_dict("records")})
    else:
        numbers = {name: rows[name].map(_short) for name in ("published", "recomputed")}
        told = rows.assign(**numbers, agrees=rows["agrees"].map({True: "yes", False: "no"}))
        print_table(console(), f"Claims checked against {folder.name}/claims", told.to_dict("records"))
    if not agrees:
        raise typer.Exit(1)


def _short(value: float) -> str:
    return f"{value:.3g}" if isfinite(value) else ""
