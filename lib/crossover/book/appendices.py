"""What the book's appendices quote: costs and speeds, fits of curves, registers of data and models."""

import json
from pathlib import Path

import pandas as pd

from crossover.data import pinned
from crossover.data.load import DATA_SETS
from crossover.labels import TASKS
from crossover.paths import CONFIRMATION, PUBLISHED
from crossover.stats.formatting import short
from crossover.study.confirmation import confirmed
from crossover.study.store import read_runs, worker_hours

PRICE = 0.9  # of a million tokens, for an example of what a served teacher costs


def tables(results: Path) -> dict[str, object]:
    """Return what the pages of the appendices show, by the name under which they quote it."""
    runs, fits, folder = read_runs(results), results / "fits.csv", results.parent / "bench"
    further = [CONFIRMATION] if results.name == PUBLISHED else []
    bench = {path.stem: pd.read_csv(path, keep_default_na=False, dtype=str) for path in sorted(folder.glob("*.csv"))}
    for rows in bench.values():
        rows["value"] = rows["value"].astype(float).map(short)
    measured = pd.concat([pd.Series(dtype=str), *(rows["provenance"] for rows in bench.values())])
    trained = {name: read_runs(results.parent / name) for name in (results.name, *further)}
    machines = (_machines(results.parent / name, rows["provenance"]) for name, rows in trained.items())
    return {
        "costs": costs(trained),
        "machines": sorted(set().union(*machines)),
        "bench": bench,
        "bench_machines": _machines(folder, measured, commit=True),
        "grid": confirmed("03_budget_ratio")
        if results.name == PUBLISHED
        else runs[runs["experiment"] == "budget_ratio"],
        "fits": pd.read_csv(fits) if fits.exists() else pd.DataFrame({"status": [], "n_budgets": []}),
        "data_sets": DATA_SETS,
        "assets": [value for value in vars(pinned).values() if isinstance(value, pinned.Asset)],
        **paper_costs(),
    }


def costs(profiles: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Students, queries, tokens and hours of one worker by profile, experiment and task, and in all."""
    runs = pd.concat([rows.assign(profile=name) for name, rows in profiles.items()])
    tokens = runs["tokens_in"] + runs["tokens_out"]
    counted = runs.assign(students=1, teacher_tokens=tokens, hours=worker_hours(runs))
    columns = ["students", "queries", "teacher_tokens", "train_tokens", "hours"]
    sums = counted.groupby(["profile", "experiment", "task"], as_index=False)[columns].sum().replace({"task": TASKS})
    total = counted[columns].sum().to_frame().T.assign(profile="all", experiment="", task="")
    return pd.concat([sums, total])


def paper_costs() -> dict[str, object]:
    """What the paper profile will take, as ``crossover plan --profile paper`` says it."""
    from crossover.study.cost_estimate import profile_rows  # which loads torch

    rows, notes = profile_rows("paper", PRICE, PRICE)
    return {"paper_rows": rows, "paper_notes": notes, "price": PRICE}


def _machines(results: Path, provenance: pd.Series, commit: bool = False) -> list[str]:
    """The machines on record, with the commit of the code where wanted."""
    paths = [results / "provenance" / f"{name}.json" for name in provenance.unique()]
    known = [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]
    return sorted({
        f"{r['hardware']['cpu']}, {r['hardware']['cores']} cores" + f", commit `{str(r['commit'])[:8]}`" * commit
        for r in known
    })  # fmt: skip
