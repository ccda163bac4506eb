"""The commands that work on anyone's table of counts: ``crossover fit``, ``advise``, ``compare`` and ``plan``."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from crossover.cli.console import console, print_json, print_table
from crossover.errors import CrossoverError

if TYPE_CHECKING:  # pandas and scipy load when a command runs, not for --help
    from collections.abc import Sequence

    import pandas as pd
    from rich.console import Console

    from crossover.stats.advice import Choice
    from crossover.stats.crossovers import Crossover
    from crossover.stats.curves import Fits


def _figure_file(name: str) -> Path:
    """Refuse a figure that could not be saved, before the work is done."""
    path = Path(name)
    if path.suffix.lower() not in (".svg", ".png", ".pdf"):
        raise CrossoverError(f"--plot {name}: give a name that ends in .svg, .png or .pdf")
    if not path.absolute().parent.is_dir():
        raise CrossoverError(f"--plot {name}: there is no folder {path.absolute().parent}")
    return path


def _cost(text: str) -> tuple[str, float]:
    name, _, value = text.rpartition("=")
    try:
        cost = float(value)
    except ValueError:
        name = ""
    if not name:
        raise CrossoverError(f"--cost {text!r}: write STRATEGY=COST, such as new_question=2.5")
    return name, cost


Level = Annotated[float, typer.Option(help="Level of all intervals, between 0 and 1.")]
Draws = Annotated[int, typer.Option(help="Bootstrap draws; more give steadier ends of intervals.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables (null for an open end).")]
Plot = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE", parser=_figure_file, help="Save a figure (.svg, .png or .pdf).")
]
Cost = Annotated[
    list[Any] | None,
    typer.Option(
        metavar="STRATEGY=COST", parser=_cost, help="Cost of one kept sample, once for each strategy: equal cost."
    ),
]
CostUnit = Annotated[str, typer.Option(help="Unit of --cost, such as tokens or dollars.")]
Outcome = Literal["correct", "gold_loglik"]
Task = Annotated[str | None, typer.Option(help="One task alone, where the table holds several.")]


def fit(
    table: Annotated[
        Path,
        typer.Argument(metavar="PILOT.CSV", help="A table of counts, one row per student; or a results folder."),
    ],
    level: Level = 0.9,
    draws: Draws = 2000,
    cost: Cost = None,
    unit: CostUnit = "teacher calls",
    task: Task = None,
    outcome: Annotated[
        Outcome, typer.Option(help="Of a results folder; gold_loglik is in nats per token of the gold answer.")
    ] = "correct",
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """Fit learning curves to your own numbers and find where one strategy overtakes another.

    PILOT.CSV has the columns strategy, seed_size, budget (teacher calls), n_correct, n_test; replicate and task where
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

    fits = fit_table(_only(_table(table, outcome), task), level, draws)
    found = find_crossovers(fits, dict(cost or []), unit)
    if plot:
        from crossover.figures.learning_curves import curve_points, fitted_points, learning_curves

        _save(learning_curves(fitted_points(fits), curve_points(fits, 1.5), band=True, found=found), plot)
    if as_json:
        curves = [{f.name: getattr(c, f.name) for f in fields(CurveSummary)} for c in fits]
        print_json({"level": level, "curves": curves, "crossovers": found})
        return
    _show_fits(console(), fits, found, level)


def _show_fits(out: Console, fits: Fits, found: Sequence[Crossover], level: float) -> None:
    from crossover.stats.formatting import short

    print_table(
        out,
        "Curves: outcome at budget ratio r is E - B exp(-r / tau)",
        _short([c.row() for c in fits], ("E interval", "tau interval")),
    )
    if not found:
        out.print("One strategy: there is nothing to cross.")
    print_table(out, f"Crossovers, {level:.0%} intervals (* extrapolated)", _short([c.row() for c in found]))
    under = "and under none (tested ratios between which the paired difference changes sign)"
    print_table(out, f"Crossover under each form of curve {under}", [_by_form(c) for c in found if c.by_form])
    shares = [_pair(c) | {_words(k): f"{v:.0%}" for k, v in c.uncertainty.items()} for c in found if c.uncertainty]
    print_table(out, "Where the uncertainty of a crossover comes from", shares)
    told = [(c.strategy, c) for c in fits if c.message] + [(f"{x.first} / {x.second}", x) for x in found]
    said: dict[str, list[str]] = {}
    for name, x in told:
        said.setdefault(f"{x.status}: {x.message}", []).append(f"{name}, S = {short(x.seed_size)}, {x.task}")
    for message, about in said.items():
        out.print(f"{'; '.join(about)}\n    {message}")


def advise(
    seeds: Annotated[float, typer.Option(help="Seed questions you have, S.")],
    queries: Annotated[
        float, typer.Option(help="Teacher calls you can pay for, Q; with --cost, your budget in --unit.")
    ],
    source: Annotated[
        Path | None, typer.Option("--from", metavar="PILOT.CSV", help="Your own counts, or a results folder.")
    ] = None,
    task: Task = None,
    cost: Cost = None,
    unit: CostUnit = "teacher calls",
    level: Level = 0.9,
    draws: Draws = 1000,
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
    from crossover.stats.advice import advise as ask
    from crossover.stats.curves import fit_table
    from crossover.stats.formatting import probability, short

    table = _table(source, alone=True)
    tasks = list(table["task"].value_counts().index)
    fits = fit_table(_only(table, task or tasks[0]), level, draws)
    advice = ask(fits, seeds, queries, costs=dict(cost or []), unit=unit)
    others = sorted({*tasks} - {advice.task})
    if plot:
        from crossover.figures.crossover_map import map_of_fits

        _save(map_of_fits(fits, advice.task, at=(seeds, queries)), plot)
    if as_json:
        print_json(advice.as_dict() | {"other_tasks": others})
        return
    out = console()
    at = advice.nearest or (seeds, queries)
    where = "nearest tested point, " if advice.nearest else ""
    rows = [
        {
            "strategy": c.strategy,
            "expected outcome": f"{c.accuracy:.3f} ({c.interval[0]:.3f} to {c.interval[1]:.3f})",
            "lead over the\nbest other, points": _points(c.lead, *c.lead_interval),
            **({} if advice.idle is None else {"lead over\nbuying nothing, points": _gain(c)}),
            "P(best)": probability(c.p_best),
            "expected\nregret, points": f"{100 * c.regret:.1f}",
        }
        for c in advice.choices
    ]
    print_table(
        out, f"{advice.task}: {where}S = {short(at[0])}, Q = {short(at[1])} {unit}, ratio {short(at[1] / at[0])}", rows
    )
    out.print(advice.message)
    if others:
        out.print(f"other tasks (--task): {'; '.join(others)}")


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
    import pandas as pd

    from crossover.stats.crossovers import show_brackets
    from crossover.stats.formatting import short
    from crossover.stats.lead import compare as leads_of

    outcomes = pd.read_csv(items, dtype={"replicate": str}) if items else None
    data = _only(_table(table), task)
    leads = leads_of(data, level, draws, first=first, second=second, pooled=pooled, items=outcomes)
    if plot and leads:
        from crossover.figures.learning_curves import lead_panels

        _save(lead_panels(leads), plot)
    if as_json:
        print_json({"level": level, "leads": [lead.as_dict() for lead in leads]})
        return
    out = console()
    for lead in leads:
        size = "all sizes" if lead.seed_size is None else f"S = {short(lead.seed_size)}"
        rows = [
            {"ratio": short(p.ratio), "lead, points": _points(p.lead, p.low, p.high), "replicates": f"{p.replicates}"}
            for p in lead.points.itertuples()
        ]
        print_table(out, f"{lead.second} over {lead.first}, {size}, {lead.task}", rows)
        out.print(str(lead))
        out.print(f"paired difference changes sign at ratios {show_brackets(lead.brackets)}")
    if not leads:
        out.print("No two strategies share a seed-set size and a budget: there is nothing to compare.")


def _table(source: Path | None, outcome: Outcome = "correct", alone: bool = False) -> pd.DataFrame:
    """The user's counts, or those of a results folder (with the seeds ``alone``), by default of the published study."""
    if source and not (source / "runs.csv").exists():
        from crossover.stats.counts import read_counts

        if outcome != "correct":
            raise CrossoverError(f"--outcome {outcome} takes a results folder, which has items' outcomes; got {source}")
        return read_counts(source)
    from crossover.paths import PUBLISHED, results_folder
    from crossover.study.advice_counts import counts

    return counts(source or results_folder(PUBLISHED), outcome, alone)


def _points(lead: float, low: float, high: float) -> str:
    # Means of counts end on a 5 in their second digit often: rounding noise must not decide which way that goes.
    return f"{round(100 * lead, 9):+.1f} ({100 * low:.1f} to {100 * high:.1f})"


def _gain(c: Choice) -> str:
    return "-" if c.gain is None or c.gain_interval is None else _points(c.gain, *c.gain_interval)


def plan(
    table: Annotated[
        Path | None, typer.Argument(metavar="[PILOT.CSV]", help="A table of counts, as for `crossover fit`.")
    ] = None,
    spend: Annotated[float | None, typer.Option(help="Teacher calls that you can still pay for.")] = None,
    profile: Annotated[
        str | None, typer.Option(help="In place of a table: what running a whole profile will take.")
    ] = None,
    price_in: Annotated[
        float, typer.Option(min=0, help="With --profile: money for a million tokens of a served teacher's prompts.")
    ] = 0.0,
    price_out: Annotated[float, typer.Option(min=0, help="The same for its replies.")] = 0.0,
    task: Task = None,
    level: Level = 0.9,
    draws: Draws = 2000,
    as_json: Json = False,
) -> None:
    """Say which cells to run next to narrow a crossover's interval most for their cost; or what a profile will take.

    Prints the cells in the order of buying and how wide the interval is expected to be after each (its high end over
    its low end). Data are nested: within a replicate a smaller budget costs no calls once a larger one is bought.

    \b
    crossover plan pilot.csv --spend 20000
    crossover plan --profile paper --price-in 0.9 --price-out 0.9
    """
    if profile:
        from crossover.study.cost_estimate import profile_rows

        rows, notes = profile_rows(profile, price_in, price_out)
        print_table(console(), f"What the profile {profile} will take", rows)
        console().print(*notes, sep="\n")
        return
    if table is None or spend is None:
        raise CrossoverError("Give a table and --spend, as in `crossover plan pilot.csv --spend 20000`, or --profile.")
    from crossover.stats.curves import fit_table
    from crossover.stats.next_cells import next_cells

    plans = next_cells(fit_table(_only(_table(table), task), level, draws), spend)
    if as_json:
        print_json({"level": level, "plans": [asdict(p) | {"width_after": p.width_after} for p in plans]})
        return
    out = console()
    for p in plans:
        if p.steps:
            print_table(out, p.title, p.rows())
        out.print(p.message)


def _only(table: pd.DataFrame, task: str | None) -> pd.DataFrame:
    if task is None:
        return table
    known = sorted(table["task"].unique())
    if task not in known:
        raise CrossoverError(f"no task {task!r} in these numbers; known: {', '.join(known)}")
    return table[table["task"] == task].reset_index(drop=True)


def _save(figure: Any, plot: Path) -> None:
    from crossover.figures.style import save

    try:
        save(figure, plot)
    except OSError as problem:
        raise CrossoverError(f"--plot {plot}: cannot be written: {problem.strerror or problem}") from None
    typer.echo(f"figure: {plot}", err=True)


def _short(rows: list[dict[str, str]], without: tuple[str, ...] = ()) -> list[dict[str, str]]:
    """Leave out what is the same everywhere or said below the table."""
    hidden = {"message", *without} | ({"task"} if len({r["task"] for r in rows}) == 1 else set())
    return [{k: v for k, v in r.items() if k not in hidden} for r in rows]


def _pair(c: Crossover) -> dict[str, str]:
    from crossover.stats.formatting import short

    return {"pair": f"{c.first} -> {c.second}", "S": short(c.seed_size)}


def _by_form(c: Crossover) -> dict[str, str]:
    from crossover.stats.crossovers import show_brackets
    from crossover.stats.formatting import short

    forms = {_words(k): ", ".join(map(short, values)) or "none" for k, values in c.by_form.items()}
    return _pair(c) | forms | {"no form": show_brackets(c.model_free)}


def _words(name: str) -> str:
    return name.replace("_", " ")
