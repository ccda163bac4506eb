"""Commands that run the study: run, reproduce, train, book, audit."""

import math
import time
from pathlib import Path
from typing import Annotated

import typer

Profile = Annotated[
    str, typer.Option("--profile", help="Profile: smoke or laptop (minutes), study or confirm (hours), paper (GPUs).")
]


def run(
    notebook: Annotated[str, typer.Argument(help="Name or number of a notebook, such as budget_ratio or 03.")],
    profile: Profile = "laptop",
    parameter: Annotated[
        list[str] | None, typer.Option("-p", "--parameter", help="name=value; repeat it for more. Lists as '[16, 32]'.")
    ] = None,
) -> None:
    """Run one notebook, with your own parameters if you like.

    The notebook's first code cell lists its parameters. A run whose own ones can change a number writes to its own
    folder under results/. An interrupted run resumes.
    Example: crossover run 03_budget_ratio -p seed_sizes='[16]' -p budgets='[16, 32, 64, 128]'
    """
    from crossover.params.profiles import find_notebook, parse_override, resolve

    name, overrides = find_notebook(notebook), dict(parse_override(text) for text in parameter or [])
    resolve(name, profile, overrides)  # refuse wrong parameters before anything heavy is imported
    from crossover.book.notebooks import execute

    done = execute(name, profile, overrides)
    print(f"{name}: {'done' if done.reasons else 'nothing changed'}. Results: {_shown(done.folder)}")
    print(f"Notebook: {_shown(done.output)}   As a page: crossover book --profile {done.folder.name}")


def reproduce(
    profile: Profile = "laptop",
    cluster: Annotated[str, typer.Option(help="Ray cluster that trains the students: its address, or local.")] = "",
) -> None:
    """Run every notebook of a profile whose inputs changed, and build the book.

    With nothing changed it ends within seconds. On a node of a Ray cluster, with the same results:
    crossover reproduce --profile paper --cluster auto.
    """
    from crossover.book.notebooks import execute
    from crossover.params.profiles import SCHEMAS, load_profile

    for name in load_profile(profile):
        trains = cluster and "cluster" in SCHEMAS[name].model_fields
        changes = {"cluster": cluster, "workers": 0} if trains else {}  # as many as the cluster has room for
        done = execute(name, profile, changes)
        print(f"{done.notebook}: {'recomputed' if done.reasons else 'nothing changed'}")
    book(profile)


def train(
    profile: Profile = "confirm",
    claim: Annotated[
        list[str] | None, typer.Option("--claim", help="Only what a claim compares; give it again for more.")
    ] = None,
    hours: Annotated[float, typer.Option(min=0, help="Start no student after so many hours; 0 for no limit.")] = 0.0,
    workers: Annotated[int, typer.Option(min=0, help="Parallel students; 0 for as many as fit.")] = 0,
) -> None:
    """Train the missing students of a profile, and nothing else.

    Every row is stored at once; an interrupted run resumes. Rows for publication come from committed code: with
    uncommitted changes it refuses. On a machine that others use too: nice -n 15 crossover train --profile confirm
    --hours 8 --workers 1
    """
    from crossover.claims.evidence import compared
    from crossover.claims.register import load_register
    from crossover.errors import CrossoverError
    from crossover.params.fields import TrainingParameters
    from crossover.params.profiles import load_profile, resolve
    from crossover.paths import repository, results_folder
    from crossover.study.provenance import git_state
    from crossover.study.run import run_cells, run_grid
    from crossover.study.store import Store

    if git_state(repository())["dirty"]:
        raise CrossoverError(
            "Rows need committed code to be published, and tracked files have changes. Commit or stash them."
        )
    every = [resolve(name, profile, {}) for name in load_profile(profile)]
    trained = [p.model_copy(update={"workers": workers}) for p in every if isinstance(p, TrainingParameters)]
    start, most = time.monotonic(), hours or math.inf
    if claim:
        cells, store = compared(claim, profile, load_register()), Store(results_folder(profile))
        run_cells(cells, store, workers, trained[0].device, trained[0].cluster, most)
        return
    for parameters in trained:
        run_grid(parameters, hours=most - (time.monotonic() - start) / 3600)


def book(profile: Profile = "laptop") -> None:
    """Build the book from the results that are there; nothing is computed."""
    from crossover.book.build import build_book
    from crossover.paths import repository, results_folder

    pages = repository() / "book"
    print(f"The book: {build_book(pages, results_folder(profile), pages / '_build' / profile, profile)}")


def audit(
    profile: Profile = "study",
    cells: Annotated[int, typer.Option("--cells", min=1, help="How many cells to recompute.")] = 3,
    seed: Annotated[int, typer.Option("--seed", help="Random seed that picks the cells.")] = 0,
) -> None:
    """Recompute randomly chosen cells of a results table and compare them with what is stored."""
    from crossover.study.audit import audit

    audit(profile, cells, seed)


def _shown(path: Path) -> str:
    """A path relative to the working folder where it is below it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
