"""The command that takes anyone's pairs and a teacher, runs a small grid within a budget, and advises."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crossover.errors import CrossoverError
from crossover.study.grids import cells_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from rich.console import Console

    from crossover.params.budget_ratio import BudgetRatio
    from crossover.study.cell import QueryCell

BUDGETS = 5  # of a pilot, each twice the one before
STRATEGIES = ("answer_augmentation", "question_rephrase", "new_question")


def register(app: typer.Typer) -> None:
    """Add ``pilot`` to the command line."""
    app.command()(pilot)


def pilot(
    seeds: Annotated[
        Path,
        typer.Argument(
            metavar="SEEDS.JSONL",
            help="Your pairs: one {instruction, response} a line; the teacher answers those without response.",
        ),
    ],
    test: Annotated[Path, typer.Option(help="Pairs to test on, as SEEDS.JSONL; none of them may be a seed.")],
    queries: Annotated[int, typer.Option(min=48, help="Teacher calls that the pilot may make in all.")],
    teacher: Annotated[
        str, typer.Option(help="local (a model on this machine) or endpoint (an OpenAI-compatible server).")
    ] = "local",
    teacher_model: Annotated[
        str, typer.Option(help="Its name, folder, hub:org/name@revision, or the server's name for it.")
    ] = "SmolLM2-135M-Instruct",
    student: Annotated[
        str, typer.Option(help="What is trained: name, folder, or hub:org/name@revision.")
    ] = "SmolLM2-135M-Instruct",
    compare: Annotated[
        str, typer.Option(help="exact, number, choice, or your own function as file.py:name.")
    ] = "exact",
    replicates: Annotated[int, typer.Option(min=1, help="Repeats with other draws; two show what luck does.")] = 2,
    budget: Annotated[
        float | None, typer.Option(help="Queries you mean to buy in the end; advice is given for them.")
    ] = None,
    base_url: Annotated[
        str, typer.Option(help="Of the endpoint; its key is in CROSSOVER_API_KEY.")
    ] = "http://127.0.0.1:8000/v1",
    price_in: Annotated[float, typer.Option(help="Money for a million tokens of the endpoint's prompts.")] = 0.0,
    price_out: Annotated[float, typer.Option(help="The same for its replies.")] = 0.0,
    max_cost: Annotated[float, typer.Option(help="Money that may be spent; 0 for no cap.")] = 0.0,
    max_new_tokens: Annotated[int, typer.Option(help="Longest answer, in tokens.")] = 96,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before starting.")] = False,
) -> None:
    """Try all strategies on your own task within a query budget, and say which to buy.

    Plans a small grid (every strategy, five budgets, each twice the one before, on all seeds), shows what it will take, asks,
    runs it, fits learning curves and advises. Killed or stopped, the same command goes on where it was.

    \b
    crossover pilot seeds.jsonl --test test.jsonl --queries 600 --compare number
    crossover pilot seeds.jsonl --test test.jsonl --queries 2000 --teacher endpoint --teacher-model llama-3.1-8b \\
      --price-in 0.2 --price-out 0.6 --max-cost 5
    """
    from rich.console import Console

    from crossover.paths import results_folder
    from crossover.stats.crossovers import find_crossovers, show
    from crossover.stats.curves import fit_table
    from crossover.study import advice_counts
    from crossover.study.run import run_cells
    from crossover.study.store import Store

    console = Console()
    given = _labelled(locals(), yes, console)
    parameters, n_seeds = _parameters(given)
    cells, folder = cells_of(parameters), results_folder(parameters.results)
    store = Store(folder)
    done = store.rows()
    console.print(expected(parameters, cells, done), highlight=False)
    if not yes and any(cell.key not in done for cell in cells):
        typer.confirm("Start?", abort=True)
    run_cells(cells, store, parameters.workers, parameters.device, parameters.cluster)
    table = advice_counts.counts(folder)
    table.to_csv(folder / "pilot.csv", index=False)
    fits = fit_table(table, advice_counts.LEVEL, advice_counts.DRAWS, advice_counts.SEED)
    console.print(show(find_crossovers(fits)).drop(columns="message").to_string(index=False), highlight=False)
    from crossover.stats.advice import advise

    for amount in dict.fromkeys((float(cells[0].budget), budget or 0.0)):
        if amount:
            console.print(advise(fits, n_seeds, amount)[0].message, highlight=False)
    console.print(
        f"The counts: {folder / 'pilot.csv'}, for `crossover fit`, `advise --from` and `plan`.", highlight=False
    )


def expected(parameters: BudgetRatio, cells: list[QueryCell], done: Collection[str]) -> str:
    """Say what a pilot will take: students, calls, money at the most, and time where this student's speed is known."""
    from crossover.paths import PUBLISHED, results_folder
    from crossover.study.cost_estimate import Range, estimate
    from crossover.study.store import read_runs
    from crossover.tasks import load_task

    pairs = load_task("own", **parameters.task_options).test(min(20, parameters.n_test))
    length = sum(len(p.question) + len(p.answer) for p in pairs) / len(pairs) / 4  # about four characters a token
    e = estimate(cells, done, read_runs(results_folder(PUBLISHED)), parameters.device, Range(length, length))
    if not e.left:
        return f"All {e.students} cells are there already."
    said = [f"{e.left} of {e.students} students to train, at most {e.calls:,} teacher calls."]
    if parameters.price_in or parameters.price_out:
        money = e.calls * (4 * length * parameters.price_in + parameters.max_new_tokens * parameters.price_out) / 1e6
        said.append(
            f"About {money:.2f} at the most at the prices given"
            + (f", capped at {parameters.max_cost:g}." if parameters.max_cost else ".")
        )
    speed = "No speed is known" if e.unknown else f"{e.hours.text(',.1f')} hours of one worker beside the teacher's"
    return " ".join([*said, f"{speed} ({'; '.join(e.basis)})."])


def _labelled(given: dict, yes: bool, console: Console) -> dict:
    """Have the teacher answer instructions that have no response, and return what was given with those seeds and what is left."""
    from crossover.params.profiles import check
    from crossover.study.answer_seeds import label, unlabelled

    file = str(given["seeds"].expanduser().resolve())
    if not (calls := unlabelled(file)):
        return given
    if given["queries"] - calls < 48:
        raise CrossoverError(
            f"--queries {given['queries']}: {calls} go to answering seeds without a response, and a pilot takes 48 more."
        )
    priced = (
        f", for {calls * given['max_new_tokens'] * given['price_out'] / 1e6:.2f} of replies at the most"
        if given["price_out"]
        else ""
    )
    console.print(
        f"{calls} seeds have no response: the teacher answers them first, {calls} of the {given['queries']:,} calls{priced}.",
        highlight=False,
    )
    if not yes:
        typer.confirm("Start?", abort=True)
    test, compare = str(given["test"].expanduser().resolve()), _comparison(given["compare"])
    values = _shared(given) | {
        "task": "own",
        "task_options": {"seeds_file": file, "test_file": test, "compare": compare},
        "seed_sizes": [1],
        "budgets": [1],
    }
    done = label(file, test, compare, cells_of(check("03_budget_ratio", values | {"replicates": 1}))[0])
    if done.lost:
        console.print(f"{done.lost} answers could not be used, and their seeds are left out.", highlight=False)
    left = given["max_cost"] - done.cost
    if given["max_cost"] and left <= 0:
        raise CrossoverError(
            f"--max-cost {given['max_cost']:g}: the answers to the seeds cost {done.cost:.4g}, and nothing is left for the pilot."
        )
    return given | {
        "seeds": Path(done.file),
        "queries": given["queries"] - calls,
        "max_cost": left if given["max_cost"] else 0.0,
    }


def _comparison(compare: str) -> str:
    """The comparison, a file in it by its whole path."""
    if ".py:" not in compare:
        return compare
    path, _, name = compare.rpartition(":")
    return f"{Path(path).expanduser().resolve()}:{name}"


def _shared(given: dict) -> dict:
    """What the command and the notebook call alike."""
    names = (
        "replicates",
        "teacher",
        "teacher_model",
        "student",
        "base_url",
        "price_in",
        "price_out",
        "max_cost",
        "max_new_tokens",
    )
    return {name: given[name] for name in names}


def _parameters(given: dict) -> tuple[BudgetRatio, int]:
    """The budget-ratio parameters of a pilot, in a results folder of its own, and the number of seeds."""
    from crossover.params.profiles import check
    from crossover.tasks import load_task
    from crossover.tasks.user_pairs import digest

    files = [str(given[name].expanduser().resolve()) for name in ("seeds", "test")]
    compare = _comparison(given["compare"])
    options = {"seeds_file": files[0], "test_file": files[1], "compare": compare, "digest": digest(*files, compare)}
    task = load_task("own", **options)
    n_seeds, n_test = task.available("seed"), task.available("test")
    largest = given["queries"] // (len(STRATEGIES) * given["replicates"])
    budgets = sorted({max(2, largest >> i) for i in range(BUDGETS)})
    values = _shared(given) | {
        "task": "own", "task_options": options, "seed_sizes": [n_seeds], "budgets": budgets, "max_budget": largest,
        "n_test": min(n_test, 300),
    }  # fmt: skip
    decisive = {k: v for k, v in values.items() if k not in ("base_url", "price_in", "price_out", "max_cost")}
    name = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:8]
    return check("03_budget_ratio", values | {"results": f"pilot-{name}"}), n_seeds
