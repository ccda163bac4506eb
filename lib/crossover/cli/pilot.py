"""The command that takes anyone's pairs and a teacher, runs a small grid within a budget, and advises."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer import Argument, Option

from crossover.errors import CrossoverError
from crossover.labels import counted
from crossover.paths import written

if TYPE_CHECKING:
    from rich.console import Console

    from crossover.strategies import Sample
    from crossover.study.cell import QueryCell
    from crossover.study.pilot import Pilot
    from crossover.tasks.user_pairs import UserPairs

PAIRS = (
    "Your question and answer pairs: JSON lines or array, CSV, TSV, Parquet, a datasets folder, or hub:org/name,"
    " followed by /configuration and :split where it has them. The teacher answers those without an answer."
)
UNTIL = (
    "Stop early: decided (one strategy is best for --budget with probability 0.9), or a factor such as 1.5 that the"
    " interval of the crossover is to lie within."
)
MODEL, ADDRESS = "SmolLM2-135M-Instruct", "http://127.0.0.1:8000/v1"
SHOWN, LONGEST = 5, 2000  # pairs in the preview, and their characters


def pilot(
    seeds: Annotated[str, Argument(metavar="PAIRS", help=PAIRS)],
    queries: Annotated[int, Option(min=1, help="Teacher calls that the pilot may make in all.")],
    test: Annotated[str, Option(help="Pairs to test on, as PAIRS. Without it a third is held out.")] = "",
    question: Annotated[str, Option(help="Its column, or a template such as '{context}\\n\\n{question}'.")] = "",
    answer: Annotated[str, Option(help="Column of the answer, or a template.")] = "",
    compare: Annotated[str, Option(help="exact, number, choice, f1, sql:file.sqlite, or file.py:name.")] = "exact",
    decimal_comma: Annotated[bool, Option("--decimal-comma", help="Read 3,5 as three and a half.")] = False,
    teacher: Annotated[str, Option(help="local (a model here) or endpoint (an OpenAI-compatible server).")] = "local",
    teacher_model: Annotated[str, Option(help="As --student, or the server's name for it.")] = MODEL,
    student: Annotated[str, Option(help="What is trained: name, folder, or hub:org/name@revision.")] = MODEL,
    replicates: Annotated[int, Option(min=0, help="Per condition; 0 for those that --lead needs, at least 3.")] = 0,
    lead: Annotated[float, Option(min=1, max=100, help="Smallest lead to detect, in points.")] = 10.0,
    budget: Annotated[float | None, Option(min=1, help="Queries you mean to buy in the end, for the advice.")] = None,
    base_url: Annotated[str, Option(help="Of the endpoint; its key is in CROSSOVER_API_KEY.")] = ADDRESS,
    price_in: Annotated[float, Option(help="Price per million tokens of the endpoint's prompts.")] = 0.0,
    price_out: Annotated[float, Option(help="Price per million tokens of its replies.")] = 0.0,
    max_cost: Annotated[float, Option(help="Money that may be spent; 0 for no cap.")] = 0.0,
    max_hours: Annotated[float, Option(min=0, help="Start no student after so many hours; 0 for no cap.")] = 0.0,
    max_new_tokens: Annotated[int, Option(help="Longest answer, in tokens.")] = 96,
    until: Annotated[str, Option(help=UNTIL)] = "",
    accepted: Annotated[int, Option(min=0, help="Buy so many usable samples of --strategy instead.")] = 0,
    strategy: Annotated[str, Option(help="What --accepted buys.")] = "",
    export: Annotated[str, Option(help="Write the best strategy's samples as JSON lines, as trl reads them.")] = "",
    yes: Annotated[bool, Option("--yes", help="Do not ask before starting.")] = False,
) -> None:
    """Try all strategies on your own task within a budget of teacher calls, and say which to buy.

    Shows how your pairs were read and what the pilot will take, asks, runs it, fits learning curves, advises, and
    writes a report as one HTML file. Killed or stopped, the same command resumes.

    \b
    crossover pilot pairs.jsonl --queries 600 --compare number
    crossover pilot pairs.csv --test test.csv --queries 2000 --teacher endpoint --teacher-model llama-3.1-8b \\
      --base-url http://gpu:8000/v1 --price-in 0.2 --price-out 0.6 --max-cost 5
    """
    given = dict(locals())
    from rich.console import Console

    from crossover.study.pilot import STRATEGIES, plan, replicates_for

    console = Console(soft_wrap=True, highlight=False, markup=False)
    if (accepted or strategy) and strategy not in STRATEGIES:
        raise CrossoverError(f"--accepted takes --strategy, one of {', '.join(STRATEGIES)}; got {strategy!r}.")
    if strategy and not accepted:
        raise CrossoverError(
            f"--strategy {strategy} takes --accepted, a number of samples; a pilot tries all strategies."
        )
    if idle := [name for name in ("until", "budget", "max_hours") if accepted and given[name]]:
        raise CrossoverError(
            f"--{idle[0].replace('_', '-')} is for a pilot; --accepted only buys. Leave one of them out."
        )
    target = Path(export).expanduser()
    if export and (target.is_dir() or not target.parent.is_dir()):
        raise CrossoverError(f"--export must be a file in a folder that is there, got {export!r}.")
    task = _task(given)
    if export and str(target.resolve()) in (task.seeds_file, task.test_file):
        raise CrossoverError(f"--export must be a file of its own, got {export!r}, which holds the pairs.")
    task.check()
    console.print(task.said())
    given["replicates"] = replicates_for(task, given) if not accepted else replicates or 1
    task, given = _answered(task, given, console)
    made = plan(task, given)
    if not accepted:
        made.check_begun()
    console.print(_preview(made))
    console.print(made.expected_purchase(strategy, accepted) if accepted else made.expected())
    if not yes and (accepted or not made.finished):
        typer.confirm("Start?", abort=True)
    if accepted:
        samples, calls = made.accepted(strategy, accepted)
        short = "" if len(samples) == accepted else f" The cap of {made.queries:,} calls came first."
        console.print(f"{counted(len(samples), 'sample')} of {strategy} for {counted(calls, 'call')}.{short}")
    else:
        stop = made.run()
        if stop.status == "spent" and not made.finished:
            console.print(stop.message)
            return
        advice = made.advice(stop.names)
        from crossover.cli.pilot_report import buys_nothing, ended, next_step, write

        said = [ended(advice[0], stop), *(found.message for found in advice), made.alone(), made.told()]
        said += [made.failures(), next_step(advice[0], stop), made.crossovers().to_string(index=False)]
        said += [f"{name}: {value}" for name, value in made.spent().items()]
        said += [f"report: {write(made, stop)}", f"counts, for `crossover fit` and `plan`: {made.folder / 'pilot.csv'}"]
        console.print("\n".join(filter(None, said)))
        samples = made.purchases()[advice[0].purchase.strategy] if export else []
        if export and buys_nothing(advice[0]):
            console.print("The advice is to buy nothing; the training data are those of the best purchase.")
    if export:
        with written(target.parent):
            target.write_text(_training_data(samples), encoding="utf-8")
        console.print(f"The training data: {export}, {counted(len(samples), 'sample')}.")


def _training_data(samples: Sequence[Sample]) -> str:
    """Return samples as JSON lines of ``prompt`` and ``completion``, as trl reads them, without the mark of the end."""
    from crossover.tasks.written_answers import MARK

    rows = []
    for sample in samples:
        *lines, last = sample.answer.split("\n")
        kept = lines if last.startswith(MARK) and any(line.strip() for line in lines) else [*lines, last]
        rows.append({"prompt": sample.question, "completion": "\n".join(kept).strip()})
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _task(given: Mapping[str, Any]) -> UserPairs:
    """The pairs as a task; relative paths are those of the folder that the command is given in."""
    from crossover.tasks.user_pairs import UserPairs

    return UserPairs(
        _path(given["seeds"]),
        _path(given["test"]),
        _comparison(given["compare"]),
        question=given["question"],
        answer=given["answer"],
        point="," if given["decimal_comma"] else ".",
    )


def _path(file: str) -> str:
    return file if not file or file.startswith("hub:") else str(Path(file).expanduser().resolve())


def _comparison(compare: str) -> str:
    """The comparison, a file in it by its whole path."""
    if ".py:" in compare:
        path, _, name = compare.rpartition(":")
        return f"{_path(path)}:{name}"
    kind, _, file = compare.partition(":")
    return f"sql:{_path(file)}" if kind == "sql" and file else compare


def _preview(made: Pilot) -> str:
    """The first pairs as the student will see them, and how their answers are read."""
    task, shown = made.task, []
    for problem in task.seeds(min(SHOWN, made.n_seeds), 0):
        text, read = task.prompt(problem.question) + problem.answer, repr(task.extract(problem.answer))
        text, read = (whole if len(whole) <= LONGEST else f"{whole[:LONGEST]} ..." for whole in (text, read))
        shown.append(f"{text}\n   (read as {read})")
    return "What the student sees:\n\n" + "\n\n".join(shown) + "\n"


def _answered(task: UserPairs, given: dict[str, Any], console: Console) -> tuple[UserPairs, dict[str, Any]]:
    """Have the teacher answer seeds without an answer; return the task with them and the options left."""
    from crossover.params.profiles import check
    from crossover.study.answer_seeds import answer_seeds
    from crossover.study.grids import cells_of
    from crossover.study.pilot import unanswered, values_of

    calls, queries = unanswered(task), given["queries"]
    if not calls:
        return task, given
    if calls >= queries:
        raise CrossoverError(f"--queries must be above {calls}, for as many seeds have no answer; got {queries}.")
    price = calls * given["max_new_tokens"] * given["price_out"] / 1e6
    priced = f", for {price:.2f} of replies at the most" if price else ""
    console.print(
        f"Seeds without an answer: {calls}. The teacher answers them first, by {calls} of the {queries:,}"
        f" calls{priced}."
    )
    if not given["yes"]:
        typer.confirm("Start?", abort=True)
    values = values_of(task, given) | {"seed_sizes": [1], "budgets": [1], "replicates": 1}
    task, lost, cost = answer_seeds(task, cast("QueryCell", cells_of(check("03_budget_ratio", values))[0]))
    if lost:
        console.print(f"Seeds left out, because their answers cannot be used: {lost}.")
    left = given["max_cost"] - cost
    if given["max_cost"] and left <= 0:
        raise CrossoverError(
            f"--max-cost {given['max_cost']:g}: the answers to the seeds cost {cost:.4g}, and nothing is left for the"
            " pilot."
        )
    return task, given | {"queries": queries - calls, "max_cost": max(left, 0.0)}
