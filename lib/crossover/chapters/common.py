"""What every chapter shares: its folder, figures with their words, tables, samples, and how numbers are written."""

import gzip
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from IPython.display import Markdown
from pandas.io.formats.style import Styler

from crossover.chapters.numbers import save_numbers
from crossover.claims.findings import family_priors
from crossover.figures.charts import forest
from crossover.figures.learning_curves import check_rows, curve_points, learning_curves, learning_points
from crossover.figures.style import Picture, publish
from crossover.labels import counted, display_name, in_order
from crossover.params.fields import Parameters
from crossover.paths import CONFIRMATION, PUBLISHED, read_yaml, results_folder
from crossover.stats.advice import advise_map, regret_table
from crossover.stats.contrasts import Prior, benjamini_hochberg
from crossover.stats.crossovers import Crossover
from crossover.stats.curves import Fits, fit_table
from crossover.stats.verdicts import LEVEL
from crossover.study.cell import Cell
from crossover.study.paired import paired_row
from crossover.study.select import Comparison, Selector
from crossover.study.store import worker_hours

ANSWERS, REPHRASE, QUESTIONS = "answer_augmentation", "question_rephrase", "new_question"
#: What stands in place of a figure or table whose cells a profile leaves out.
NOT_RUN = Markdown("Not run in this profile.")
NO_CURVES = Markdown("Nothing to show: a curve needs at least four budgets.")
#: What a forest of log-likelihoods shows: it prints a hundred times its rows.
NATS = "difference in the gold answer's log-likelihood, 0.01 nats per token"
#: Of a forest's rows.
COLUMNS = ["panel", "comparison", "value", "estimate", "low", "high", "replicates", "items", "p", "why"]
#: Profiles whose rows the published book shows, in words.
STUDIES = {PUBLISHED: "first study", CONFIRMATION: "confirmation study"}
#: Rules for how long a student is trained.
UPDATES = {"epochs": "under fixed epochs", "steps": "under fixed updates", "memorised": "until memorised"}
#: The steps of the yield funnel, in order.
FUNNEL = ("asked", "returned", "parsed", "verified", "unique", "kept")


class Line(NamedTuple):
    """A line of a forest: its name, what it compares, its panel, and the paper's value."""

    comparison: str
    compared: Comparison
    panel: str = ""
    value: float | None = None


@dataclass(frozen=True)
class ChapterBase:
    """A chapter's parameters, its rows with a column per setting, and what it makes of them."""

    notebook: ClassVar[str]
    seeds: ClassVar[str] = "seed question"  # what a student or a teacher starts from
    experiment: ClassVar[str] = "budget_ratio"
    parameters: Parameters
    runs: pd.DataFrame
    source: Path  #: The results folder of the rows: a published chapter shows the confirmation study's.

    @property
    def study(self) -> str:
        """Which of the published studies trained the students; empty in other runs."""
        p = self.parameters
        return STUDIES.get(p.profile, "") if self.experiment and p.results == PUBLISHED else ""

    @property
    def profile(self) -> str:
        """The profile of the command that draws the chapter, and whose rows the published one shows."""
        return f"{PUBLISHED}, with the rows of the {self.study}" if self.study else self.parameters.profile

    @property
    def folder(self) -> Path:
        """The run's results folder."""
        return results_folder(self.parameters.results)

    @cached_property
    def priors(self) -> dict[str, Prior]:
        """By outcome, what the claims' like contrasts say of the spread between replicates."""
        return family_priors(self.source, self.experiment)

    @cached_property
    def grids(self) -> Mapping[str, Sequence[Cell]]:
        """The cells of each of the chapter's grids."""
        raise NotImplementedError

    def of(self, *grids: str) -> pd.DataFrame:
        """Return the rows of some grids' cells, in the table's order."""
        keys = {cell.key for grid in grids for cell in self.grids.get(grid, [])}
        return self.runs[self.runs["key"].isin(keys)].reset_index(drop=True)

    def effect(self, base: Selector, compared: Comparison) -> dict[str, object]:
        """Return one difference as the columns of a forest; ``base`` has the settings that selectors do not name."""
        return paired_row(self.runs, self.source, base, compared, self.priors.get(compared.outcome))

    def lines(self, base: Selector, wanted: Iterable[Line]) -> pd.DataFrame:
        """Return the lines of a forest as the rows decide them."""
        found = [
            {"panel": w.panel, "comparison": w.comparison, "value": w.value} | self.effect(base, w.compared)
            for w in wanted
        ]
        return pd.DataFrame(found, columns=COLUMNS)

    def words(self, name: str, **values: object) -> str:
        """Return a text of ``words.yaml`` with its values."""
        known_words = _words()
        known = {"p": self.parameters, "level": f"{LEVEL:.0%}", "direction": known_words["direction"]}
        return known_words[name].format(**known, **values)

    def figure(self, name: str, draw: Callable[..., Picture], data: pd.DataFrame, title: str, caption: str) -> Picture:
        """Store a figure with its words: the finding as title, what the marks are as caption."""
        note = {"title": title, "caption": f"{caption} Profile {self.profile}.", "alt": title}
        return publish(lambda narrow: draw(narrow=narrow), data, self.folder / "figures", figure=name, **note)

    def forest(
        self, name: str, rows: pd.DataFrame, caption: str, title: str = "", **options: Any
    ) -> Picture | Markdown:
        """Draw differences; the title reads them where none is given."""
        if rows.empty:
            return NOT_RUN
        rows = starred(rows)
        items, replicates = (counted_range(rows[f"{what}s"], what) for what in ("item", "replicate"))
        pooled = ", with the variance between replicates pooled over the claims' comparisons" * bool(self.priors)
        said = self.words("forest", caption=caption, items=items, replicates=replicates, n=len(rows), pooled=pooled)
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
        pooled = " (variance between replicates pooled over the figure)" * bool(points["replicates"].max() > 1)
        of = {"replicates": replicates, "n_test": rows["n_test"].iloc[0], "pooled": pooled}
        said = self.words("learning_curves", caption=caption, **of)
        return self.figure(name, draw, points, title, said)

    def counts(self, rows: pd.DataFrame) -> dict[str, str]:
        """Return what captions say of rows: students, seed-set sizes, replicates and test problems."""
        return {
            "students": f"{len(rows):,}",
            "sizes": counted_range(rows["seed_size"], "seed question"),
            "replicates": counted_range(rows.groupby("seed_size")["replicate"].nunique(), "replicate"),
            "items": counted_range(rows["n_test"], "test problem"),
        }

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
        runs = self.runs
        trained = runs[runs["seed_size"] > 0].groupby(["task", "strategy", "seed_size"])
        said = [
            counted(len(runs), "student"), counted_range(trained["replicate"].nunique(), "replicate"),
            counted_range(runs["seed_size"], self.seeds), f"{runs['queries'].sum():,} teacher calls",
            counted_range(runs["n_test"], "test item"),
            f"{worker_hours(runs).sum():.2g} worker-hours", f"profile {self.profile}",
        ]  # fmt: skip
        return Markdown(f"*Scope: {', '.join(said)}.*")


@cache
def _words() -> dict[str, str]:
    return read_yaml(Path(__file__).with_name("words.yaml"))


def listed(parts: Sequence[str]) -> str:
    """Return the parts of a sentence as a list.

    >>> listed(["one"]), listed(["one", "two", "three"])
    ('one', 'one, two and three')
    """
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


def counted_range(values: pd.Series, what: str) -> str:
    """Return the range of counts with its noun; zero stands for what was not run.

    >>> counted_range(pd.Series([0, 2, 3]), "replicate"), counted_range(pd.Series([2, 3, 5]), "replicate")
    ('2 and 3 replicates', '2 to 5 replicates')
    """
    there = sorted(values[values > 0].unique())
    if len(there) < 2:
        return counted(there[0], what) if there else f"no {what}"
    return f"{there[0]:,.0f} {'and' if len(there) == 2 else 'to'} {there[-1]:,.0f} {what}s"


def against(other: str, estimate: float, low: float, high: float) -> str:
    """Say what an interval of a lead over another strategy shows, in points.

    >>> against("new answers", 0.051, 0.02, 0.08), against("new answers", -0.051, -0.08, -0.02)
    ('lead new answers by 5.1 points (2.0 to 8.0)', 'trail new answers by 5.1 points (2.0 to 8.0)')
    """
    if low <= 0 <= high:
        ends = f"{100 * low:.1f} to {100 * high:.1f}"
        return f"show no detectable difference from {other} ({100 * estimate:+.1f} points, {ends})"
    ends = "{:.1f} to {:.1f}".format(*sorted((100 * abs(low), 100 * abs(high))))
    return f"{'lead' if low > 0 else 'trail'} {other} by {100 * abs(estimate):.1f} points ({ends})"


def starred(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a forest's rows with ``significant``: detectable, also with false discoveries held down over all."""
    return rows.assign(significant=benjamini_hochberg(rows["p"]) & ((rows["low"] > 0) | (rows["high"] < 0)))


def reading(rows: pd.DataFrame, unit: str = "points") -> str:
    """Say in one line which differences of a forest, or of some rows of a starred one, have a star, and the largest.

    Estimates are in hundredths as ``unit``.
    """
    rows = rows[rows["estimate"].notna()]
    rows = rows if "significant" in rows else starred(rows)
    if rows.empty:
        return "Not run in this profile"
    found = rows[rows["significant"]]
    if found.empty:
        alone = ((rows["low"] > 0) | (rows["high"] < 0)).sum()
        said = f" ({alone} before correction for their number)" if alone else ""
        return f"No significant difference in {counted(len(rows), 'comparison')}{said}"
    largest = found.reindex(found["estimate"].abs().sort_values(ascending=False, kind="stable").index)[:2]
    names = [", ".join(filter(None, (getattr(r, "panel", ""), r.comparison))) for r in largest.itertuples()]
    each = [f"{name} ({100 * estimate:+.1f} {unit})" for name, estimate in zip(names, largest["estimate"], strict=True)]
    few = f"{len(found)} of {len(rows)} differences {'is' if len(found) == 1 else 'are'} significant"
    return f"{few}{'. The largest' if len(found) > 2 else ''}: {'; '.join(each)}"


def table(frame: pd.DataFrame, name: str, digits: int = 2) -> Styler:
    """Return a frame as a page shows it: texts and their headers left-aligned, ``name`` fixing its identifier."""
    texts = [i for i, kind in enumerate(frame.dtypes) if not pd.api.types.is_numeric_dtype(kind)]
    left = [{"selector": f".col{i}", "props": "text-align: left; white-space: normal"} for i in texts]
    shown = frame.style.hide(axis="index").format(precision=digits, na_rep="", escape="html")
    return shown.set_table_styles(left).set_table_attributes('class="dataframe"').set_uuid(name)


def crossover_table(
    found: Mapping[str, Sequence[Crossover]], name: str, setting: str = "", rules: str = ""
) -> Styler | Markdown:
    """Return crossovers in readers' words, by the value of a ``setting``, which is the first column.

    ``rules`` says under which update rules they hold (:func:`update_rules`).
    """
    rows = pd.DataFrame(
        {setting: value, "seeds": f"{c.seed_size:,g}", "lead": _lead(c), "status": c.status.replace("_", " ")}
        | {f"calls per seed ({c.level:.0%} interval)": ratio(c.ratio, c.interval, c.tested)}
        | {"calls": f"{c.queries:,.0f}" if c.ratio and c.tested[0] <= c.ratio <= c.tested[1] else ""}
        | {"without a curve": ", ".join(f"{low:.3g} to {high:.3g}" for low, high in c.model_free)}
        for value, some in found.items()
        for c in some
    )
    if rows.empty:
        return NO_CURVES
    shown = table(rows.loc[:, (rows != "").any()], name)
    return shown.set_caption(f"Crossovers {rules}.") if rules else shown


def form_table(found: Sequence[Crossover], name: str) -> Styler | Markdown:
    """Return crossovers, in calls per seed question, under each form of curve."""
    rows = []
    for c in found:
        forms = {form.replace("_", " "): [place(at, c.tested) for at in ratios] for form, ratios in c.by_form.items()}
        said = {form: ", ".join(dict.fromkeys(places)) for form, places in forms.items()}
        rows.append({"seeds": f"{c.seed_size:,g}", "lead": _lead(c)} | said)
    return table(pd.DataFrame(rows), name) if found else NO_CURVES


def _lead(c: Crossover) -> str:
    """Which lead changes to which, or lasts."""
    first, second = (display_name(s).lower() for s in (c.first, c.second))
    return f"{display_name(c.leader).lower()} throughout" if c.leader and c.status == "none" else f"{first} → {second}"


def place(at: float, tested: tuple[float, float] | None) -> str:
    """Return a crossover's ratio, or an end of its interval, to two digits; one outside the tested range as beyond it.

    >>> place(1.234, (0.5, 8)), place(0.1, (0.5, 8)), place(99.6, None), place(float("inf"), None)
    ('1.2', '< 0.5', '100', 'open')
    """
    if tested and not tested[0] <= at <= tested[1]:
        return f"< {tested[0]:.2g}" if at < tested[0] else f"> {tested[1]:.2g}"
    return "open" if np.isinf(at) else f"{at:.2g}" if at < 99.5 else f"{at:,.0f}"


def ratio(value: float | None, ends: Sequence[float | None], tested: tuple[float, float] | None = None) -> str:
    """Return a crossover's ratio with its interval; nothing where there is none."""
    if value is None or pd.isna(value):
        return ""
    low, high = (
        open_ if end is None or pd.isna(end) else end for end, open_ in zip(ends, (-np.inf, np.inf), strict=True)
    )
    return f"{place(value, tested)} ({place(low, tested)} to {place(high, tested)})"


def update_rules(
    here: Iterable[str], elsewhere: Iterable[str] = (), where: str = 'in "What moves the crossover"'
) -> str:
    """Say under which update rules students were trained, and which of the others were run ``elsewhere`` or nowhere.

    >>> update_rules(["epochs"], ["steps"])
    'under fixed epochs; under fixed updates in "What moves the crossover"; not yet run until memorised'
    """
    here = set(here)
    other = [said for rule, said in UPDATES.items() if rule in set(elsewhere) - here]
    missing = [said for rule, said in UPDATES.items() if rule not in here.union(elsewhere)]
    said = [listed([said for rule, said in UPDATES.items() if rule in here])]
    said += [f"{listed(other)} {where}"] if other else []
    return "; ".join(said + ([f"not yet run {' or '.join(missing)}"] if missing else []))


def has_curves(fits: Fits) -> bool:
    """Say whether any strategy was run at enough budgets for a curve."""
    return any(curve.status != "too_few_budgets" for curve in fits)


def regret(fits: Fits, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the ``mean`` and ``largest`` loss in points from always buying one strategy, over the ``cells`` run."""
    runs = runs[runs["budget"] > 0]
    ran = {*runs[["seed_size", "budget"]].itertuples(index=False, name=None)}
    sizes, budgets = (sorted(runs[name].unique()) for name in ("seed_size", "budget"))
    grid = advise_map(fits, sizes, budgets)
    losses = regret_table(grid[[cell in ran for cell in zip(grid["seeds"], grid["queries"], strict=True)]])
    losses[["mean_regret", "largest_regret"]] *= 100
    return losses.drop(columns="task").rename(columns={"mean_regret": "mean", "largest_regret": "largest"})


def funnel_table(runs: pd.DataFrame) -> Styler:
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
    shown = table(found, "funnel").format("{:,.0f}", subset=counts).format("{:.0%}", subset=["yield"])
    return shown.format("{:.2f}", subset=["calls each"], na_rep="none kept")


class Wanted(NamedTuple):
    """A row of samples: name, files (a pattern), kind of call, settings of the teacher, a row to differ from."""

    name: str
    files: str
    kind: str
    teacher: str = ""
    unlike: str = ""


#: A programmatic teacher's identifier ends in its settings.
ORACLE = "answer_error=0, rephrase_drift={drift}, invalid_rate={drift}, coverage={coverage})"


def strategy_samples(task: str, size: int) -> list[Wanted]:
    """Return the rows for one call of each strategy at a programmatic teacher, and for an edit of the seed."""
    clean, edits = ORACLE.format(drift=0, coverage=1), ORACLE.format(drift=0, coverage=0)
    bought = f"{task}-{{}}-S{size}-r*".format
    return [
        Wanted("new answer", bought("answer_augmentation"), "answer", clean),
        Wanted("rephrasing", bought("question_rephrase"), "rephrase", clean),
        Wanted("new question", bought("new_question"), "new_question", clean),
        Wanted("edited question", bought("new_question"), "new_question", edits),
    ]


def stored_replies(folder: Path, files: str, kind: str, teacher: str = "") -> dict[tuple[str, int], dict]:
    """Return the stored replies of one kind by problem and draw, of teachers whose identifier holds ``teacher``."""
    found: dict[tuple[str, int], dict] = {}
    for path in sorted((folder / "generations").glob(files)):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for entry in map(json.loads, lines):
                if entry["kind"] == kind and teacher in entry["teacher"] and entry["reply"]:
                    found.setdefault((entry["problem"], entry["index"]), entry)
    return found


def samples(folder: Path, wanted: Sequence[Wanted]) -> pd.DataFrame:
    """Return ``sample, text``: a seed and one stored reply per wanted row, for the first seed that has them all."""
    found = {w.name: stored_replies(folder, w.files, w.kind, w.teacher) for w in wanted}
    for w in wanted:
        if w.unlike:
            same = found[w.unlike]
            found[w.name] = {at: e for at, e in found[w.name].items() if at in same and same[at]["reply"] != e["reply"]}
    for problem in sorted(set.intersection(*({p for p, _ in replies} for replies in found.values()))):
        first = {n: next(e for (p, _), e in sorted(some.items()) if p == problem) for n, some in found.items()}
        seed = ("seed question", first[wanted[0].name]["question"])
        return pd.DataFrame([seed, *((n, e["reply"].strip()) for n, e in first.items())], columns=["sample", "text"])
    return pd.DataFrame(columns=["sample", "text"])


def as_html(rows: pd.DataFrame) -> str:
    """Return a table of samples for a page of the book: on one line, with every text as text.

    >>> as_html(pd.DataFrame({"sample": ["new answer"], "text": ["<b>2</b>\\n#### 2"]})).partition("<tbody>")[2]
    '    <tr>      <td>new answer</td>      <td>&lt;b&gt;2&lt;/b&gt; #### 2</td>    </tr>  </tbody></table>'
    """
    said = rows.assign(text=rows["text"].str.split().str.join(" "))
    with pd.option_context("display.max_colwidth", None):
        return said.to_html(index=False, header=False, border=0, classes="samples").replace("\n", "")
