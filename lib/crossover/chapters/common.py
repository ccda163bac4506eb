"""What every chapter shares: its folder, figures with their words, forests, tables, and how numbers are written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import yaml
from IPython.display import Markdown
from pandas.io.formats.style import Styler

from crossover.figures.forest import forest
from crossover.figures.learning_curves import check_rows, curve_points, learning_curves, learning_points
from crossover.figures.style import Picture, publish
from crossover.labels import display_name, in_order
from crossover.params.fields import Parameters
from crossover.paths import results_folder
from crossover.stats.advice import advise_map
from crossover.stats.advice import regret_table as losses_of
from crossover.stats.contrasts import benjamini_hochberg
from crossover.stats.crossovers import Crossover
from crossover.stats.curves import Fits, fit_table
from crossover.stats.formatting import interval
from crossover.study.cell import Cell
from crossover.study.store import save_numbers, worker_hours

LEVEL = 0.9
ANSWERS, REPHRASE, QUESTIONS = "answer_augmentation", "question_rephrase", "new_question"
#: What stands in place of a figure or table whose cells a profile leaves out.
NOT_RUN = Markdown("Not run in this profile.")
NO_CURVES = Markdown("Nothing to show: a curve needs at least four budgets.")
#: What a forest of log-likelihoods shows: it prints a hundred times its rows.
NATS = "difference in the gold answer's log-likelihood, 0.01 nats per token"
#: Of a forest's rows.
COLUMNS = ["comparison", "value", "estimate", "low", "high", "replicates", "items", "p", "why"]
#: The steps of the yield funnel, in order.
FUNNEL = ("asked", "returned", "parsed", "verified", "unique", "kept")


@dataclass(frozen=True)
class ChapterBase:
    """A chapter's parameters, its rows with a column per setting, and what it makes of them."""

    notebook: ClassVar[str]
    parameters: Parameters
    runs: pd.DataFrame

    @property
    def folder(self) -> Path:
        """The run's results folder."""
        return results_folder(self.parameters.results)

    @cached_property
    def grids(self) -> dict[str, list[Cell]]:
        """The cells of each of the chapter's grids."""
        raise NotImplementedError

    def of(self, *grids: str) -> pd.DataFrame:
        """Return the rows of some grids' cells, in the table's order."""
        keys = {cell.key for grid in grids for cell in self.grids.get(grid, [])}
        return self.runs[self.runs["key"].isin(keys)].reset_index(drop=True)

    def words(self, name: str, **values: object) -> str:
        """Return a text of ``words.yaml`` with its values."""
        known_words = _words()
        known = {"p": self.parameters, "level": f"{LEVEL:.0%}", "direction": known_words["direction"]}
        return known_words[name].format(**known, **values)

    def figure(self, name: str, draw: Callable[..., Picture], data: pd.DataFrame, title: str, caption: str) -> Picture:
        """Store a figure with its words: the finding as title, what the marks are as caption."""
        note = {"title": title, "caption": f"{caption} Profile {self.parameters.profile}.", "alt": title}
        return publish(lambda narrow: draw(narrow=narrow), data, self.folder / "figures", figure=name, **note)

    def forest(
        self, name: str, rows: pd.DataFrame, caption: str, title: str = "", **options: object
    ) -> Picture | Markdown:
        """Draw differences; the title reads them where none is given."""
        if rows.empty:
            return NOT_RUN
        rows = starred(rows)
        items, replicates = (counted_range(rows[f"{what}s"], what) for what in ("item", "replicate"))
        said = self.words("forest", caption=caption, items=items, replicates=replicates, n=len(rows))
        return self.figure(name, partial(forest, rows, **options), rows, title or reading(rows), said)

    def curves(self, name: str, rows: pd.DataFrame, title: str, caption: str) -> Picture:
        """Draw accuracy against budget ratio with the fitted curves."""
        seeds, rows = rows[rows["budget"] == 0], rows[rows["budget"] > 0]
        points = learning_points(rows, LEVEL)
        each = rows.assign(ratio=rows["budget"] / rows["seed_size"], accuracy=rows["n_correct"] / rows["n_test"])
        draw = partial(
            learning_curves,
            points,
            curve_points(fit_table(rows, LEVEL)),
            replicates=each if points["replicates"].max() > 1 else None,
            levels=(seeds["n_correct"] / seeds["n_test"]).groupby(seeds["seed_size"]).mean(),
        )
        replicates = counted_range(points["replicates"], "replicate")
        said = self.words("learning_curves", caption=caption, replicates=replicates, n_test=rows["n_test"].iloc[0])
        return self.figure(name, draw, points, title, said)

    def quote(self, **numbers: str) -> None:
        """Store what pages quote as ``{{ name }}``."""
        save_numbers(self.folder, self.notebook, numbers)

    @property
    def headline(self) -> str:
        """The chapter's finding in one sentence."""
        raise NotImplementedError

    def opening(self) -> Markdown:
        """Return the finding as the chapter's first line."""
        return Markdown(f"**{self.headline}**")

    def scope(self) -> Markdown:
        """Say in one line what the chapter rests on."""
        runs, p = self.runs, self.parameters
        said = [
            counted(len(runs), "student"), counted_range(runs.groupby("strategy")["replicate"].nunique(), "replicate"),
            counted_range(runs["seed_size"], "seed example"), f"{runs['queries'].sum():,} teacher calls",
            counted_range(runs["n_test"], "test item"),
            f"{worker_hours(runs).sum():.1f} worker-hours", f"profile {p.profile}",
        ]  # fmt: skip
        return Markdown(f"*Scope: {', '.join(said)}.*")


@cache
def _words() -> dict[str, str]:
    return yaml.safe_load(Path(__file__).with_name("words.yaml").read_text(encoding="utf-8"))


def counted(n: float, what: str) -> str:
    """Return a count with its noun.

    >>> counted(1, "replicate"), counted(1200, "item")
    ('one replicate', '1,200 items')
    """
    return f"one {what}" if n == 1 else f"{n:,.0f} {what}s"


def counted_range(values: pd.Series, what: str) -> str:
    """Return the range of counts with its noun; zero stands for what was not run.

    >>> counted_range(pd.Series([0, 2, 3]), "replicate")
    '2 to 3 replicates'
    """
    there = values[values > 0]
    if there.empty:
        return f"no {what}"
    low, high = there.min(), there.max()
    return counted(low, what) if low == high else f"{low:,.0f} to {high:,.0f} {what}s"


def difference(estimate: float, low: float, high: float) -> str:
    """Say what an interval of a difference shows, in points.

    >>> difference(0.051, 0.02, 0.08), difference(-0.01, -0.03, 0.02)
    ('+5.1 points (2.0 to 8.0)', 'no detectable difference (-1.0 points, -3.0 to 2.0)')
    """
    points, ends = f"{100 * estimate:+.1f} points", f"{100 * low:.1f} to {100 * high:.1f}"
    return f"no detectable difference ({points}, {ends})" if low <= 0 <= high else f"{points} ({ends})"


def starred(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a forest's rows with ``significant``: detectable, also with false discoveries held down over all."""
    return rows.assign(significant=benjamini_hochberg(rows["p"]) & ((rows["low"] > 0) | (rows["high"] < 0)))


def reading(rows: pd.DataFrame) -> str:
    """Say in one line which differences of a forest have a star, the two largest by name."""
    rows = starred(rows[rows["estimate"].notna()])
    if rows.empty:
        return "Not run in this profile"
    found, alone = rows[rows["significant"]], rows[(rows["low"] > 0) | (rows["high"] < 0)]
    if found.empty:
        before = ", ".join(f"{r.comparison} {100 * r.estimate:+.1f} points" for r in alone[:2].itertuples())
        said = f" (before correction: {before})" if before else ""
        return f"No significant difference in {counted(len(rows), 'comparison')}{said}"
    largest = found.reindex(found["estimate"].abs().sort_values(ascending=False, kind="stable").index)[:2]
    names = [", ".join(filter(None, (getattr(r, "panel", ""), r.comparison))) for r in largest.itertuples()]
    said = [f"{name} {100 * estimate:+.1f} points" for name, estimate in zip(names, largest["estimate"], strict=True)]
    few = f"{len(found)} of {len(rows)} differences {'is' if len(found) == 1 else 'are'} significant"
    return f"{few}{', the largest' if len(found) > 2 else ''}: {'; '.join(said)}"


def table(frame: pd.DataFrame, name: str, digits: int = 2) -> Styler:
    """Return a frame as a page shows it: texts and their headers left-aligned, ``name`` fixing its identifier."""
    texts = [i for i, kind in enumerate(frame.dtypes) if not pd.api.types.is_numeric_dtype(kind)]
    left = [{"selector": f".col{i}", "props": "text-align: left; white-space: normal"} for i in texts]
    shown = frame.style.hide(axis="index").format(precision=digits, na_rep="", escape="html")
    return shown.set_table_styles(left).set_table_attributes('class="dataframe"').set_uuid(name)


def crossover_table(found: Mapping[str, Sequence[Crossover]], name: str, setting: str = "") -> Styler | Markdown:
    """Return crossovers in readers' words, by the value of a ``setting``, which is the first column."""
    rows = pd.DataFrame(
        {setting: value, "seeds": f"{c.seed_size:g}", "lead": _lead(c), "status": c.status.replace("_", " ")}
        | {f"calls per seed ({c.level:.0%} interval)": ratio(c.ratio, c.interval, c.tested)}
        | {"calls": "" if c.queries is None else f"{c.queries:,.0f}"}
        | {"without a curve": ", ".join(f"{low:g} to {high:g}" for low, high in c.model_free)}
        for value, some in found.items()
        for c in some
    )
    return table(rows.loc[:, (rows != "").any()], name) if len(rows) else NO_CURVES


def form_table(found: Sequence[Crossover], name: str) -> Styler | Markdown:
    """Return crossovers, in calls per seed question, under each form of curve."""
    rows = [
        {"seeds": f"{c.seed_size:g}", "lead": _lead(c)}
        | {form.replace("_", " "): ", ".join(f"{ratio:.2g}" for ratio in at) for form, at in c.by_form.items()}
        for c in found
    ]
    return table(pd.DataFrame(rows), name) if found else NO_CURVES


def _lead(c: Crossover) -> str:
    """Which lead changes to which, or lasts."""
    first, second = (display_name(s).lower() for s in (c.first, c.second))
    return f"{display_name(c.leader).lower()} throughout" if c.status == "none" else f"{first} → {second}"


def ratio(value: float | None, ends: Sequence[float | None], tested: tuple[float, float] | None = None) -> str:
    """Return a crossover's ratio with its interval, to two digits; nothing where there is none."""
    if value is None or pd.isna(value):
        return ""
    low, high = (None if end is None or pd.isna(end) else float(f"{end:.2g}") for end in ends)
    return f"{f'{value:.2g}' if value < 100 else f'{value:,.0f}'} ({interval(low, high, tested)})"


def has_curves(fits: Fits) -> bool:
    """Say whether any strategy was run at enough budgets for a curve."""
    return any(curve.status != "too_few_budgets" for curve in fits)


def regret(fits: Fits, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the ``mean`` and ``largest`` loss in points from always buying one strategy, over the ``cells`` run."""
    runs = runs[runs["budget"] > 0]
    ran = {*runs[["seed_size", "budget"]].itertuples(index=False, name=None)}
    grid = advise_map(fits, *(sorted(runs[name].unique()) for name in ("seed_size", "budget")))
    losses = losses_of(grid[[cell in ran for cell in zip(grid["seeds"], grid["queries"], strict=True)]])
    losses[["mean_regret", "largest_regret"]] *= 100
    return losses.drop(columns="task").rename(columns={"mean_regret": "mean", "largest_regret": "largest"})


def regret_table(fits: Fits, runs: pd.DataFrame, name: str) -> Styler | Markdown:
    """Return :func:`regret` for a page."""
    if not has_curves(fits):
        return NO_CURVES
    names = {"mean": "mean loss, points", "largest": "largest loss, points"}
    losses = regret(fits, runs).drop(columns="cells").rename(columns=names)
    return table(losses.assign(strategy=losses["strategy"].map(display_name)), name, digits=1)


def funnel_table(runs: pd.DataFrame, name: str = "funnel") -> Styler:
    """Return what became of the teacher's calls at each strategy's largest budget: means over replicates, per size."""
    check_rows(runs)
    runs = runs[runs["budget"] > 0]
    largest = runs[runs["budget"] == runs.groupby(["strategy", "seed_size"])["budget"].transform("max")]
    found = largest.groupby(["strategy", "seed_size"])[["queries", *FUNNEL]].mean().reset_index()
    found["yield"] = found["kept"] / found["asked"]
    found["calls each"] = (found["queries"] / found["kept"]).replace(np.inf, np.nan)
    rank = {s: i for i, s in enumerate(in_order(found["strategy"]))}
    found = found.sort_values(["seed_size", "strategy"], key=lambda c: c.map(rank) if c.name == "strategy" else c)
    found["strategy"] = found["strategy"].map(display_name)
    found = found.rename(columns={"seed_size": "seeds", "queries": "calls"}).reset_index(drop=True)
    if found["seeds"].nunique() == 1:
        found = found.drop(columns="seeds")
    counts = [c for c in found.columns if c not in ("strategy", "yield", "calls each")]
    shown = table(found, name).format("{:,.0f}", subset=counts).format("{:.0%}", subset=["yield"])
    return shown.format("{:.2f}", subset=["calls each"], na_rep="none kept")
