"""Run a grid of cells: fill a results table with the cells that it lacks, and resume after any interruption.

The data of a cell are made in the calling process, in order, so that stored replies are shared; training and scoring go
to workers, one thread each, so that numbers do not depend on how many there are.
"""

from __future__ import annotations

import datetime
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import TYPE_CHECKING

from crossover.errors import CrossoverError
from crossover.models.recipe import Recipe
from crossover.models.weights import fingerprint
from crossover.params.fields import TrainingParameters
from crossover.paths import results_folder
from crossover.study import provenance
from crossover.study.cell import Cell, Evaluation, MixtureCell, QueryCell, TeacherCell, TrainingData
from crossover.study.experiments.base import Experiment
from crossover.study.experiments.finetuned_teacher import FinetunedTeacherExperiment
from crossover.study.experiments.query_budget import QueryBudgetExperiment
from crossover.study.experiments.template_mixture import TemplateMixtureExperiment
from crossover.study.grids import cells_of
from crossover.study.store import Store, read_runs
from crossover.study.workers import Lost, Pool, open_pool, quiet

if TYPE_CHECKING:
    import pandas as pd

    from crossover.evaluation.answers import Outcome


#: Columns of a row that are attributes of its cell.
OF_CELL = ("key", "experiment", "task", "strategy", "seed_size", "budget", "replicate", "teacher", "n_test")
#: The experiments, by the name that their cells carry.
EXPERIMENTS: dict[str, Experiment] = {
    QueryCell.experiment: QueryBudgetExperiment(),
    TeacherCell.experiment: FinetunedTeacherExperiment(),
    MixtureCell.experiment: TemplateMixtureExperiment(),
}


def run_cells(
    cells: Sequence[Cell], store: Store, workers: int, device: str = "cpu", cluster: str = "", hours: float = math.inf
) -> pd.DataFrame:
    """Fill the results table with the cells that it lacks, and return the cells' rows in the table's order.

    Parameters
    ----------
    cells : sequence of Cell
        Run in this order, a few without queries first: their students train while the first teacher is fine-tuned.
        Cells whose key is in the table already are not run again.
    store : Store
    workers, device, cluster
        Where students are trained, see :func:`crossover.study.workers.open_pool`.
    hours : float
        No cell is started after so many hours.

    Raises
    ------
    CrossoverError
        Data are missing or too few, before anything is trained; or a cell failed. Cells that had finished are stored.

    Examples
    --------
    >>> from pathlib import Path
    >>> from crossover.params.profiles import resolve
    >>> from crossover.study.grids import cells_of
    >>> cells = cells_of(resolve("03_budget_ratio", "smoke", {}))
    >>> store = Store(Path("results"))
    >>> run_cells(cells[:1], store, workers=1)["n_test"].tolist()
    [8]
    """
    if len({cell.key for cell in cells}) < len(cells):
        raise CrossoverError("The grid names a cell twice; a value is repeated in one of its lists.")
    with store.lock():
        done = store.rows()
        missing = [cell for cell in cells if cell.key not in done]
        if missing:
            _train(missing, store, workers, device, cluster, time.monotonic() + 3600 * hours)
        else:
            print(f"All {len(cells)} cells are in {store.path.name} already.", file=sys.stderr)
        store.sort()
    runs = read_runs(store.folder)
    return runs[runs["key"].isin({cell.key for cell in cells})].reset_index(drop=True)


def run_grid(parameters: TrainingParameters, hours: float = math.inf) -> pd.DataFrame:
    """Run the cells that a notebook's parameters stand for, and return their rows, see :func:`run_cells`.

    Other values than the profile's take over its finished cells and stored replies, and train the new cells only.
    """
    p, store, cells = parameters, Store(results_folder(parameters.results)), cells_of(parameters)
    if p.results != p.profile:
        with store.lock():
            store.adopt(results_folder(p.profile), {cell.key for cell in cells})
    return run_cells(cells, store, p.workers, p.device, p.cluster, hours)


def _train(cells: Sequence[Cell], store: Store, workers: int, device: str, cluster: str, deadline: float) -> None:
    """Train the students of cells and store their rows as they come."""
    from tqdm import tqdm

    for name in dict.fromkeys(cell.experiment for cell in cells):
        EXPERIMENTS[name].check([cell for cell in cells if cell.experiment == name])
    models = {model: fingerprint(model) for model in sorted({cell.recipe["model"] for cell in cells})}
    origin = provenance.save(provenance.record(device, models), store.folder)
    quiet()
    # The bar counts optimiser steps rather than cells: a cell with twice the data takes twice as long.
    label = f"{len(cells)} cell{'s' if len(cells) > 1 else ''}"
    bar = tqdm(total=sum(map(_work, cells)), unit="step", file=sys.stderr, desc=label, smoothing=0)
    with bar, open_pool(workers, device, cluster) as pool:
        for cell, data, found in _finished(cells, store, pool, device, deadline, tick=bar.refresh):
            row = _row(cell, data, found, device, origin)
            store.append(row, found.outcomes)
            bar.update(_work(cell))
            bar.write(f"  {cell}: {row['n_correct']}/{cell.n_test} correct", file=sys.stderr)


def _finished(
    cells: Sequence[Cell], store: Store, pool: Pool, device: str, deadline: float, tick: Callable[[], object]
) -> Iterator[tuple[Cell, TrainingData, Evaluation]]:
    """Yield cells as they finish, one made ahead per worker; a failure is raised when those that run have finished."""
    running: dict[Future, tuple[Cell, TrainingData]] = {}
    most = 2 * pool.workers
    queue, failure = iter(ordered(cells, most)), None
    while True:
        if failure is None and len(running) < most and (cell := next(queue, None)) is not None:
            if time.monotonic() > deadline:
                queue = iter(())
                continue
            pause, experiment = 0, EXPERIMENTS[cell.experiment]
            try:
                data = experiment.make_data(cell, store, device)
            except Exception as problem:  # noqa: BLE001 - raised below
                failure = problem
            else:
                running[pool.submit(experiment.train_and_score, cell, data.pairs, device)] = (cell, data)
        elif running:
            pause = 2
            tick()
        else:
            break
        for future in wait(running, timeout=pause, return_when=FIRST_COMPLETED).done:
            cell, data = running.pop(future)
            try:
                yield cell, data, pool.result(future)
            except Exception as problem:  # noqa: BLE001 - whatever a cell raised, the run must say which cell
                why = str(problem) if isinstance(problem, Lost) else f"{type(problem).__name__}: {problem}"
                failure = failure or CrossoverError(f"The cell ({cell}) failed: {why}. Finished cells are kept.")
    if failure:
        raise failure


def ordered(cells: Sequence[Cell], most: int) -> list[Cell]:
    """Return cells with up to ``most`` without queries first: workers are busy while a teacher is fine-tuned."""
    first = [cell for cell in cells if not cell.budget][:most]
    return first + [cell for cell in cells if cell not in first]


def _row(cell: Cell, data: TrainingData, found: Evaluation, device: str, origin: str) -> dict[str, object]:
    return {
        **{name: getattr(cell, name) for name in OF_CELL},
        "student": cell.recipe["model"],
        "n_train": len(data.pairs),
        "n_correct": sum(outcome.correct for outcome in found.outcomes),
        "metric": EXPERIMENTS[cell.experiment].metric(cell),
        "queries": data.queries,
        **data.funnel.as_dict(),
        "tokens_in": data.tokens_in,
        "tokens_out": data.tokens_out,
        "train_tokens": found.train_tokens,
        "train_loss": f"{found.train_loss:.6f}",
        "device": device,
        "provenance": origin,
        "seconds_train": f"{found.seconds_train:.1f}",
        "seconds_eval": f"{found.seconds_eval:.1f}",
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "settings": cell.settings,
        "measures": json.dumps(data.measures, sort_keys=True) if data.measures else "",
        **_gold(found.outcomes),
    }


def _gold(outcomes: Sequence[Outcome]) -> dict[str, object]:
    """Return nats and tokens of all gold answers together; nothing where they were not scored."""
    if any(outcome.gold_nats is None for outcome in outcomes):
        return {}
    return {
        "gold_nats": f"{sum(outcome.gold_nats or 0 for outcome in outcomes):.3f}",
        "gold_tokens": sum(outcome.gold_tokens or 0 for outcome in outcomes),
    }


def _work(cell: Cell) -> int:
    """Optimiser steps that a cell takes at most, evaluation counted as a tenth of a step per item."""
    return Recipe(**cell.recipe).steps(cell.examples) + cell.n_test // 10
