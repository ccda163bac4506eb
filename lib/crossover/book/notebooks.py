"""Executing a notebook: parameters checked first, nothing done twice, a clean notebook and a record left behind.

Papermill runs it. A stamp of everything that the result depends on says whether there is anything to do, and the stored
notebook holds no time, no path of this machine and no progress bar.
"""

from __future__ import annotations

import ast
import datetime
import json
import os
import sys
import tempfile
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import crossover
from crossover.digests import digest
from crossover.errors import CrossoverError
from crossover.params.fields import Parameters, TrainingParameters
from crossover.params.profiles import resolve
from crossover.paths import repository, results_folder, written
from crossover.study import provenance
from crossover.study.confirmation import shown
from crossover.study.grids import cells_of
from crossover.study.store import read_runs, worker_hours

if TYPE_CHECKING:
    import pandas as pd
    from nbformat import NotebookNode


@dataclass(frozen=True)
class Execution:
    """What became of a notebook: where its results are, and why it was run (empty where nothing had changed)."""

    notebook: str
    folder: Path
    reasons: tuple[str, ...]

    @property
    def output(self) -> Path:
        """The executed notebook."""
        return self.folder / "notebooks" / f"{self.notebook}.ipynb"


def execute(notebook: str, profile: str, overrides: Mapping[str, object]) -> Execution:
    """Execute a notebook unless nothing that it depends on has changed.

    With overrides that decide a number, the run has a results folder of its own. A wrong parameter is an error before
    anything starts; a failing cell is named.
    """
    parameters = resolve(notebook, profile, overrides)
    folder = results_folder(parameters.results)
    stamp = folder / "stamps" / f"{notebook}.json"
    run = Execution(notebook, folder, _changes(stamp, _stamp(notebook, parameters, folder)))
    if run.reasons or not run.output.exists():
        reasons = "; ".join(run.reasons) or "its executed notebook is missing"
        print(f"{notebook}: {reasons}. Running.", file=sys.stderr)
        with written(run.output.parent):
            seconds = _papermill(notebook, parameters, run.output)
            _write_json(folder / "provenance" / f"{notebook}.json", _record(notebook, parameters, folder, seconds))
            _write_json(stamp, _stamp(notebook, parameters, folder))
    return run


def _papermill(notebook: str, parameters: Parameters, output: Path) -> float:
    """Run a notebook and store it clean; return the seconds it took."""
    import nbformat
    import papermill
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    # Without ipywidgets, which a batch run has no use for, a library's import of tqdm.auto warns.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:IProgress not found")
    os.environ["JUPYTER_PATH"] = str(Path(sys.prefix) / "share" / "jupyter")  # this environment's kernel before others
    source = repository() / "notebooks" / f"{notebook}.ipynb"
    working = output.with_suffix(".running.ipynb")
    output.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="crossover-", dir=_short_folder()) as sockets:
            # Files in place of ports: none is open, and none is left in the checkout when a run is killed.
            channel = {"transport": "ipc", "ip": f"{sockets}/kernel"}
            papermill.execute_notebook(
                source, working, parameters=parameters.model_dump(), progress_bar=False, stderr_file=sys.stderr,
                cwd=str(repository()), config=Config(KernelManager=channel),
            )  # fmt: skip
        seconds = time.monotonic() - start
        nbformat.write(clean(nbformat.read(working, as_version=4)), output)
    except PapermillExecutionError as problem:
        failed = output.with_suffix(".failed.ipynb")
        working.replace(failed)
        # A notebook's cells are counted from 1, as Jupyter shows them.
        raise CrossoverError(
            f"{notebook}, cell {problem.cell_index + 1}, failed: {problem.ename}: {problem.evalue}\n"
            f"The notebook up to there: {failed}"
        ) from None
    finally:
        working.unlink(missing_ok=True)
    return seconds


def _short_folder() -> str:
    """A temporary folder whose sockets' paths fit into the system's 107 characters, as a job's own scratch may not."""
    for folder in (tempfile.gettempdir(), "/var/tmp"):
        if len(folder) <= 70 and os.access(folder, os.W_OK):
            return folder
    raise CrossoverError(f"TMPDIR must be a path of at most 70 characters, for sockets; got {tempfile.gettempdir()}.")


def clean(notebook: NotebookNode) -> NotebookNode:
    """Remove from an executed notebook what differs between two equal runs: times, paths, progress, random cell ids."""
    notebook.metadata.pop("papermill", None)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if not (o.output_type == "stream" and o.name == "stderr")]
            for output in cell.outputs:
                if "text" in output:
                    output.text = output.text.replace(f"{repository()}/", "")
    return notebook


#: What was written before rows: chapters read it.
COMMITTED = ("notebooks/claims.yaml", "notebooks/predictions.csv")


def _stamp(notebook: str, parameters: Parameters, folder: Path) -> dict[str, str]:
    """Return digests of everything that an executed notebook depends on, by what it is."""
    root = repository()
    source = root / "notebooks" / f"{notebook}.ipynb"
    aside = {*parameters.connection, *parameters.spending, *parameters.training}
    stamp = {
        "the notebook": _digest(source),
        "its parameters": digest(parameters.model_dump_json(exclude=aside)),
        "the lock": provenance.locks_digest(),
    }
    rows = _own_rows(parameters, folder)
    for name in parameters.reads:
        if rows is not None and name == "runs.csv":
            stamp[name] = digest(rows.sort_values("key").to_csv(index=False)) if len(rows) else "absent"
        else:
            stamp[name] = _digest(folder / name)
    stamp |= {name: _digest(root / name) for name in COMMITTED}
    return stamp | {path.relative_to(root).as_posix(): _digest(path) for path in library_files(source)}


def library_files(notebook: Path) -> list[Path]:
    """Return the library's files that a notebook depends on: modules that it imports, what these import, and so on.

    A package imported by its own name counts with all its modules; YAML files and templates with the modules there.
    """
    import grimp

    graph = grimp.build_graph("crossover", exclude_type_checking_imports=True, cache_dir=None)
    cells = [c for c in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
    waiting, found = _imports("\n".join("".join(cell["source"]) for cell in cells), graph.modules), set()
    while waiting:
        found |= waiting
        above = (graph.find_modules_directly_imported_by(m) | graph.find_descendants(m) for m in waiting)
        waiting = set().union(*above) - found - {"crossover"}
    library = Path(crossover.__file__).parents[1]
    paths = {library.joinpath(*name.split(".")[:n]) for name in found for n in range(2, name.count(".") + 2)}
    files = {f for path in paths for f in (path.with_suffix(".py"), path / "__init__.py") if f.is_file()}
    return sorted(files.union(*(path.parent.glob(kind) for path in files for kind in ("*.jinja", "*.yaml"))))


def _imports(code: str, modules: Collection[str]) -> set[str]:
    """Return which of the modules Python code imports: ``from a.b import c`` means a.b.c, or else a.b."""
    nodes = list(ast.walk(ast.parse(code)))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = {
        (n.module or "", f"{n.module}.{alias.name}")
        for n in nodes
        if isinstance(n, ast.ImportFrom)
        for alias in n.names
    }
    return (plain | {full if full in modules else module for module, full in named}) & set(modules)


def _own_rows(parameters: Parameters, folder: Path) -> pd.DataFrame | None:
    """Return the rows of a chapter's own cells; ``None`` for a chapter without cells."""
    keys, runs = {cell.key for cell in cells_of(parameters)}, read_runs(folder)
    return runs[runs["key"].isin(keys)] if keys else None


def _changes(path: Path, now: Mapping[str, str]) -> tuple[str, ...]:
    """Say what differs between a stored stamp and the present one."""
    if not path.exists():
        return ("not run before",)
    before = json.loads(path.read_text())
    changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return tuple([f"{name} changed" for name in changed[:3]] + [f"and {len(changed) - 3} more"] * (len(changed) > 3))


def _record(notebook: str, parameters: Parameters, folder: Path, seconds: float) -> dict[str, object]:
    """Return what the banner of the rendered page says: origin, machine, cost."""
    profile, rows = parameters.profile, _own_rows(parameters, folder)
    if isinstance(parameters, TrainingParameters) and rows is not None:
        parameters, rows, _ = shown(notebook, parameters, rows)
    values = parameters.model_dump()
    origin = provenance.record(values.get("device", "cpu"), {})
    return {
        "notebook": notebook,
        "profile": profile,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "seconds": round(seconds if rows is None else 3600 * float(worker_hours(rows).sum()), 1),
        "queries": 0 if rows is None else int(rows["queries"].sum()),
        "cells": 0 if rows is None else len(rows),
        "parameters": values,
        **{name: origin[name] for name in ("commit", "dirty", "hardware", "versions", "lock")},
    }


def _write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")


def _digest(path: Path) -> str:
    return digest(path.read_bytes()) if path.exists() else "absent"
