"""The book's appendices: costs of runs, origins of data and models, fits of curves.

Each function returns Markdown that a page quotes, read from run records and registers.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from crossover.data import pinned
from crossover.data.load import DATA_SETS
from crossover.labels import TASKS
from crossover.study.store import read_runs, worker_hours

PRICE = 0.9  # of a million tokens, for an example of what a served teacher costs


def tables(results: Path) -> dict[str, str]:
    """Return every table of the appendices by the name under which a page quotes it."""
    runs = read_runs(results)
    return {
        "costs": costs(results, runs),
        "speed": speed(results.parent / "bench"),
        "paper_costs": paper_costs(),
        "data_cards": data_cards(),
        "model_cards": model_cards(),
        **fitted(results, runs),
    }


def costs(results: Path, runs: pd.DataFrame) -> str:
    """What was run: students, queries, tokens and hours of one worker by experiment and task, and on what machine."""
    if not len(runs):
        return "No student was trained in this profile."
    tokens = runs["tokens_in"] + runs["tokens_out"]
    counted = runs.assign(students=1, teacher_tokens=tokens, hours=worker_hours(runs))
    columns = ["students", "queries", "teacher_tokens", "train_tokens", "hours"]
    sums = counted.groupby(["experiment", "task"])[columns].sum()
    sums.loc[("all", ""), :] = counted[columns].sum()
    rows = [
        [experiment.replace("_", " "), TASKS.get(task, task), *(f"{n:,.0f}" for n in row[:-1]), f"{row[-1]:.1f}"]
        for (experiment, task), *row in sums.itertuples()
    ]
    head = ["experiment", "task", "students", "teacher calls", "teacher tokens", "training tokens", "worker hours"]
    ran_on = "; ".join(_machines(results, runs["provenance"])) or "not on record"
    return f"{_table(head, rows, right=range(2, 7))}\n\nMachines: {ran_on}."


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
        table = _table(["what", "measured", "wanted", "met"], shown, right=[1])
        parts.append(f"## {name.replace('_', ' ').capitalize()}\n\n{table}")
    measured_on = _machines(folder, pd.concat(rows["provenance"] for rows in found.values()), commit=True)
    return "\n\n".join([*parts, f"Measured on: {'; '.join(measured_on) or 'not on record'}."])


def paper_costs() -> str:
    """What the paper profile will take, as ``crossover plan --profile paper`` says it."""
    from crossover.study.cost_estimate import profile_rows  # which loads torch

    rows, notes = profile_rows("paper", PRICE, PRICE)
    shown = _table(list(rows[0]), [list(row.values()) for row in rows], right=range(1, len(rows[0])))
    return f"{shown}\n\nMoney is at {PRICE:g} per million tokens, read or written. " + " ".join(notes)


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


def _record(results: Path, name: str) -> dict:
    path = results / "provenance" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _machines(results: Path, provenance: pd.Series, commit: bool = False) -> list[str]:
    """The machines on record, with the commit of the code where wanted."""
    known = [record for name in provenance.unique() if (record := _record(results, name))]
    return sorted({
        f"{r['hardware']['cpu']}, {r['hardware']['cores']} cores" + f", commit `{str(r['commit'])[:8]}`" * commit
        for r in known
    })  # fmt: skip


def _list(values: pd.Series) -> str:
    return ", ".join(f"{value:g}" for value in sorted(values.unique()))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A Markdown table; bars in cells are escaped."""
    marks = ["---:" if i in right else "---" for i in range(len(head))]
    lines = [head, marks, *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
