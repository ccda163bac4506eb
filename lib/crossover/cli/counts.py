"""The commands that work on anyone's table of counts: ``crossover fit``, ``advise``, ``compare`` and ``plan``."""

from __future__ import annotations

import functools
import json
import math
import sys
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossover.errors import CrossoverError

if TYPE_CHECKING:  # pandas and scipy load when a command runs, not for --help
    import pandas as pd

    from crossover.stats.crossovers import Crossover
    from crossover.stats.curves import Fits

Level = Annotated[float, typer.Option(help="Level of all intervals, between 0 and 1.")]
Draws = Annotated[int, typer.Option(help="Bootstrap draws; more give steadier ends of intervals.")]
Seed = Annotated[int, typer.Option(help="Random seed of the draws; the same seed gives the same numbers.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables (null for an open end).")]
Plot = Annotated[Path | None, typer.Option("--plot", metavar="FILE", help="Save a figure (.svg, .png or .pdf).")]
Cost = Annotated[
    list[str] | None,
    typer.Option(help="STRATEGY=COST of one kept sample, once for each strategy: compare at equal cost."),
]
CostUnit = Annotated[str, typer.Option(help="Unit of --cost, such as tokens or dollars.")]
Task = Annotated[str | None, typer.Option(help="One task alone, where the table holds several.")]


def register(app: typer.Typer) -> None:
    """Add ``fit``, ``advise``, ``compare`` and ``plan`` to the command line."""
    for command in (fit, advise, compare, plan):
        app.command(command.__name__)(_refusing(command))


def _refusing(command: Callable[..., None]) -> Callable[..., None]:
    """Print what a user can fix and exit with status 2, without a traceback."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except CrossoverError as error:
            typer.echo(f"crossover: {error}", err=True)
            raise typer.Exit(2) from None

    return run


def fit(
    table: Annotated[
        Path,
        typer.Argument(metavar="PILOT.CSV", help="A table of counts, one row per student; or a results folder."),
    ],
    level: Level = 0.9,
    draws: Draws = 2000,
    seed: Seed = 0,
    cost: Cost = None,
    unit: CostUnit = "queries",
    task: Task = None,
    outcome: Annotated[
        str, typer.Option(help="Of a results folder: correct, or gold_loglik, nats per token of the gold answer.")
    ] = "correct",
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """Fit learning curves to your own numbers and find where one strategy overtakes another.

    PILOT.CSV has the columns strategy, seed_size, budget (in queries), n_correct, n_test; replicate and task where
    there are several. Instead of n_correct it may have accuracy.

    \b
    strategy,seed_size,budget,replicate,n_correct,n_test
    answer_augmentation,100,100,1,212,1000
    answer_augmentation,100,200,1,268,1000
    new_question,100,100,1,180,1000

    Use answer_augmentation, question_rephrase and new_question, or any labels of your own, with at least 4 budgets per
    curve and 3 replicates: one replicate cannot show the luck of the seed set.

    \b
    crossover fit pilot.csv --plot pilot.png
    crossover fit pilot.csv --cost answer_augmentation=400 --cost new_question=1100 --unit tokens
    crossover fit results/confirm --outcome gold_loglik
    """
    from crossover.stats.crossovers import find_crossovers
    from crossover.stats.curves import CurveSummary, fit_table

    _figure_name(plot)
    fits = fit_table(_only(_table(table, outcome=outcome), task), level, draws, seed)
    found = find_crossovers(fits, _costs(cost), unit)
    if plot:
        from crossover.figures.learning_curves import curve_points, fitted_points, learning_curves

        _save(learning_curves(fitted_points(fits), curve_points(fits, 1.5), band=True, found=found), plot)
    if as_json:
        curves = [{f.name: getattr(c, f.name) for f in fields(CurveSummary)} for c in fits]
        _print_json({"level": level, "curves": curves, "crossovers": [asdict(c) for c in found]})
        return
    console = _console()
    formula = "Curves: outcome at budget ratio r is E - B exp(-r / tau)"
    _print_table(console, formula, _short([c.row() for c in fits], ("E interval", "tau interval")))
    if not found:
        console.print("One strategy: there is nothing to cross.")
    _print_table(console, f"Crossovers, {level:.0%} intervals (* extrapolated)", _short([c.row() for c in found]))
    under = "and under none (tested ratios between which the paired difference changes sign)"
    _print_table(console, f"Crossover under each form of curve {under}", _form_rows(found))
    shares = [
        _pair(c) | {k.replace("_", " "): f"{v:.0%}" for k, v in c.uncertainty.items()} for c in found if c.uncertainty
    ]
    _print_table(console, "Where the uncertainty of a crossover comes from", shares)
    _print_messages(console, fits, found)


def advise(
    seeds: Annotated[float, typer.Option(help="Seed questions you have, S.")],
    queries: Annotated[
        float, typer.Option(help="Teacher queries you can pay for, Q; with --cost, your budget in --unit.")
    ],
    source: Annotated[
        Path | None, typer.Option("--from", metavar="PILOT.CSV", help="Your own table of counts.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="Results of this project instead: study (the default) or laptop.")
    ] = None,
    task: Task = None,
    cost: Cost = None,
    unit: CostUnit = "teacher calls",
    level: Level = 0.9,
    draws: Draws = 1000,
    seed: Seed = 0,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """Advise which strategy to buy with Q teacher calls for S seed questions, with its lead in points.

    Outside the tested budgets and seed-set sizes nothing is recommended: the answer is the nearest tested point, the
    trend, and the pilot command that would measure it. Several tasks: the one with the most cells, or --task.

    \b
    crossover advise --seeds 200 --queries 5000
    crossover advise --seeds 200 --queries 5000 --from pilot.csv
    crossover advise --seeds 32 --queries 90 --unit dollars --cost answer_augmentation=1 \\
      --cost question_rephrase=1.5 --cost new_question=1.5
    """
    if source and profile:
        raise CrossoverError("--from and --profile: give one of them")
    _figure_name(plot)
    from crossover.stats.advice import advise as ask
    from crossover.stats.curves import fit_table
    from crossover.stats.formatting import probability

    table = _table(source, profile)
    tasks = list(table["task"].value_counts().index)
    fits = fit_table(_only(table, task or tasks[0]), level, draws, seed)
    advice = ask(fits, seeds, queries, costs=_costs(cost), unit=unit)
    others = sorted({*tasks} - {advice.task})
    if plot:
        from crossover.figures.crossover_map import map_of_fits

        _save(map_of_fits(fits, advice.task, at=(seeds, queries)), plot)
    if as_json:
        _print_json(advice.as_dict() | {"other_tasks": others})
        return
    console = _console()
    at = advice.nearest or (seeds, queries)
    where = "nearest tested point, " if advice.nearest else ""
    rows = [
        {
            "strategy": c.strategy,
            "expected outcome": f"{c.accuracy:.3f} ({c.interval[0]:.3f} to {c.interval[1]:.3f})",
            "lead over the best other, points": _points(c.lead, *c.lead_interval),
            "P(best)": probability(c.p_best),
            "expected regret, points": f"{100 * c.regret:.1f}",
        }
        for c in advice.choices
    ]
    _print_table(console, f"{advice.task}: {where}S = {at[0]:g}, Q = {at[1]:g} {unit}, ratio {at[1] / at[0]:.3g}", rows)
    console.print(advice.message, highlight=False)
    if others:
        console.print(f"other tasks (--task): {'; '.join(others)}", highlight=False)


def compare(
    table: Annotated[
        Path | None, typer.Argument(metavar="[PILOT.CSV]", help="A table of counts; default: this project's results.")
    ] = None,
    first: Annotated[str | None, typer.Option(help="The strategy that the other one is compared with.")] = None,
    second: Annotated[str | None, typer.Option(help="The other one; its lead is positive where it is better.")] = None,
    pooled: Annotated[bool, typer.Option("--pooled", help="One lead over all seed-set sizes.")] = False,
    items: Annotated[
        Path | None,
        typer.Option(help="CSV of outcomes per test item: strategy, seed_size, budget, replicate, item, outcome."),
    ] = None,
    task: Task = None,
    level: Level = 0.9,
    draws: Draws = 2000,
    seed: Seed = 0,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """Show the lead of one strategy over another against the budget ratio, paired by replicate.

    Each tested ratio has the paired difference in points; below it stand the ratios at which the flexible curves leave
    the lead undecided, and between which tested ratios the difference changes sign.

    \b
    crossover compare pilot.csv
    crossover compare pilot.csv --first answer_augmentation --second new_question --pooled --plot lead.svg
    """
    _figure_name(plot)
    import pandas as pd

    from crossover.stats.crossovers import show_brackets
    from crossover.stats.lead import compare as leads_of

    outcomes = pd.read_csv(items, dtype={"replicate": str}) if items else None
    data = _only(_table(table), task)
    leads = leads_of(data, level, draws, seed, first=first, second=second, pooled=pooled, items=outcomes)
    if plot and leads:
        from crossover.figures.lead import lead_panels

        _save(lead_panels(leads), plot)
    if as_json:
        _print_json({"level": level, "leads": [lead.as_dict() for lead in leads]})
        return
    console = _console()
    for lead in leads:
        size = "all sizes" if lead.seed_size is None else f"S = {lead.seed_size:g}"
        rows = [
            {
                "ratio": f"{p.ratio:g}",
                "lead, points": _points(p.lead, p.low, p.high),
                "replicates": f"{p.replicates}",
            }
            for p in lead.points.itertuples()
        ]
        _print_table(console, f"{lead.second} over {lead.first}, {size}, {lead.task}", rows)
        console.print(str(lead), highlight=False)
        brackets = show_brackets(lead.brackets)
        console.print(f"paired difference changes sign at ratios {brackets}", highlight=False)
    if not leads:
        console.print("No two strategies share a seed-set size and a budget: there is nothing to compare.")


def _table(source: Path | None, profile: str | None = None, outcome: str = "correct") -> pd.DataFrame:
    """The user's counts, or those of a results folder or a profile of this project."""
    if source and not (source / "runs.csv").exists():
        from crossover.stats.counts import read_counts

        if outcome != "correct":
            raise CrossoverError(f"--outcome {outcome} takes a results folder, which has items' outcomes; got {source}")
        return read_counts(source)
    from crossover.paths import results_folder
    from crossover.study.advice_counts import counts

    if outcome not in (known := ("correct", "gold_loglik")):
        raise CrossoverError(f"--outcome must be one of {', '.join(known)}; got {outcome!r}")
    return counts(source or results_folder(profile or "study"), outcome)


def _points(lead: float, low: float, high: float) -> str:
    return f"{100 * lead:+.1f} ({100 * low:.1f} to {100 * high:.1f})"


def plan(
    table: Annotated[
        Path | None, typer.Argument(metavar="[PILOT.CSV]", help="A table of counts, as for `crossover fit`.")
    ] = None,
    spend: Annotated[float | None, typer.Option(help="What you can still spend, in --unit.")] = None,
    profile: Annotated[
        str | None, typer.Option(help="In place of a table: what running a whole profile will take.")
    ] = None,
    price_in: Annotated[
        float, typer.Option(min=0, help="With --profile: money for a million tokens of a served teacher's prompts.")
    ] = 0.0,
    price_out: Annotated[float, typer.Option(min=0, help="The same for its replies.")] = 0.0,
    unit: Annotated[str, typer.Option(help="queries, or seconds (needs a column seconds).")] = "queries",
    first: Annotated[str | None, typer.Option(help="One of the two strategies to tell apart.")] = None,
    second: Annotated[str | None, typer.Option(help="The other one.")] = None,
    seed_size: Annotated[float | None, typer.Option(help="Seed-set size, where the table holds several.")] = None,
    task: Task = None,
    level: Level = 0.9,
    draws: Draws = 2000,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Say which cells to run next to narrow a crossover's interval most for their cost; or what a profile will take.

    Prints the cells in the order of buying and how wide the interval is expected to be after each (its high end over
    its low end). Data are nested: within a replicate a smaller budget costs no queries once a larger one is bought.

    \b
    crossover plan pilot.csv --spend 20000
    crossover plan pilot.csv --spend 3600 --unit seconds
    crossover plan --profile paper --price-in 0.9 --price-out 0.9
    """
    if profile:
        _print_profile(profile, price_in, price_out)
        return
    if table is None or spend is None:
        raise CrossoverError("Give a table and --spend, as in `crossover plan pilot.csv --spend 20000`, or --profile.")
    from crossover.stats.curves import fit_table
    from crossover.stats.next_cells import next_cells

    data = _only(_table(table), task)
    fits = fit_table(data, level, draws, seed)
    plans = next_cells(fits, spend, unit=unit, table=data, first=first, second=second, seed_size=seed_size)
    if as_json:
        _print_json({"level": level, "plans": [asdict(p) | {"width_after": p.width_after} for p in plans]})
        return
    console = _console()
    for p in plans:
        if p.steps:
            _print_table(console, p.title, p.rows())
        console.print(p.message, highlight=False)


def _print_profile(profile: str, price_in: float, price_out: float) -> None:
    """Print what each notebook of a profile will take."""
    from crossover.study.cost_estimate import profile_rows

    rows, notes = profile_rows(profile, price_in, price_out)
    console = _console()
    _print_table(console, f"What the profile {profile} will take", rows)
    for note in notes:
        console.print(note, highlight=False)


def _json_safe(value: Any) -> Any:
    """Numbers that JSON knows: whole ones as int, no infinities or NaN."""
    if isinstance(value, dict):
        return {k: _json_safe(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_json_safe(v) for v in value]
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) >= 2 else float(value)


def _print_json(value: dict[str, Any]) -> None:
    typer.echo(json.dumps(_json_safe(value), indent=2, allow_nan=False))


def _costs(given: list[str] | None) -> dict[str, float] | None:
    costs = {}
    for item in given or []:
        name, equals, value = item.rpartition("=")
        try:
            costs[name] = float(value)
        except ValueError:
            equals = ""
        if not equals or not name:
            raise CrossoverError(f"--cost {item!r}: write STRATEGY=COST, such as new_question=2.5")
    return costs or None


def _only(table: pd.DataFrame, task: str | None) -> pd.DataFrame:
    if task is None:
        return table
    known = sorted(table["task"].unique())
    if task not in known:
        raise CrossoverError(f"no task {task!r} in these numbers; known: {', '.join(known)}")
    return table[table["task"] == task].reset_index(drop=True)


def _figure_name(plot: Path | None) -> None:
    """Refuse a figure that could not be saved before the work is done."""
    if plot is None:
        return
    if plot.suffix.lower() not in (".svg", ".png", ".pdf"):
        raise CrossoverError(f"--plot {plot}: give a name that ends in .svg, .png or .pdf")
    if not plot.absolute().parent.is_dir():
        raise CrossoverError(f"--plot {plot}: there is no folder {plot.absolute().parent}")


def _save(figure: Any, plot: Path) -> None:
    from crossover.figures.style import save

    try:
        save(figure, plot)
    except OSError as error:
        raise CrossoverError(f"--plot {plot}: cannot be written: {error.strerror}") from None
    typer.echo(f"figure: {plot}", err=True)


def _console() -> Any:
    from rich.console import Console

    # a pipe has no width of its own: give it one at which the tables need no folding
    return Console() if sys.stdout.isatty() else Console(width=120)


def _short(rows: list[dict[str, str]], without: tuple[str, ...] = ()) -> list[dict[str, str]]:
    """Leave out what is the same everywhere or said below the table."""
    hidden = {"message", *without} | ({"task"} if len({r["task"] for r in rows}) == 1 else set())
    return [{k: v for k, v in r.items() if k not in hidden} for r in rows]


def _print_table(console: Any, title: str, rows: list[dict[str, str]]) -> None:
    from rich import box
    from rich.table import Table

    if not rows:
        return
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in rows[0]:
        table.add_column(name, overflow="fold", no_wrap=console.width >= 110 and name not in ("pair", "change of lead"))
    for row in rows:
        table.add_row(*row.values())
    console.print(table)


def _pair(c: Crossover) -> dict[str, str]:
    return {"pair": f"{c.first} -> {c.second}", "S": f"{c.seed_size:g}"}


def _form_rows(found: list[Crossover]) -> list[dict[str, str]]:
    from crossover.stats.crossovers import show_brackets

    return [
        _pair(c)
        | {k.replace("_", " "): ", ".join(f"{v:.3g}" for v in values) or "none" for k, values in c.by_form.items()}
        | {"no form": show_brackets(c.model_free)}
        for c in found
        if c.by_form
    ]


def _print_messages(console: Any, fits: Fits, found: list[Crossover]) -> None:
    """Say each message once, with all that it is about."""
    said: dict[str, list[str]] = {}
    for c in fits:
        if c.message:
            said.setdefault(f"{c.status}: {c.message}", []).append(f"{c.strategy}, S = {c.seed_size:g}, {c.task}")
    for x in found:
        said.setdefault(f"{x.status}: {x.message}", []).append(f"{x.first} / {x.second}, S = {x.seed_size:g}, {x.task}")
    for message, about in said.items():
        console.print("; ".join(about), highlight=False)
        console.print(f"    {message}", highlight=False)
