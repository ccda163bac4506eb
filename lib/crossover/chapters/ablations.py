"""The chapter on ablations (arXiv 2409.19759, section 5.3): one setting changed at a time, on the same test items."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import pandas as pd
from IPython.display import Markdown
from pandas.io.formats.style import Styler

from crossover.chapters import common
from crossover.chapters.common import ANSWERS, NOT_RUN, ORACLE, QUESTIONS, REPHRASE, ChapterBase, Line
from crossover.figures.style import Picture
from crossover.labels import QUERIES_PER_SAMPLE, TASKS, display_name
from crossover.params.budget_ratio import Ablations
from crossover.params.profiles import resolve
from crossover.paths import CONFIRMATION, PUBLISHED, results_folder
from crossover.stats.advice import advise
from crossover.stats.crossovers import Crossover, find_crossovers
from crossover.stats.curves import fit_table
from crossover.stats.formatting import probability
from crossover.stats.verdicts import LEVEL
from crossover.study.cell import QueryCell
from crossover.study.confirmation import whole
from crossover.study.grids import ablations as grids
from crossover.study.run import run_grid
from crossover.study.select import Comparison, Selector, minus, settings_table

PAIR = [ANSWERS, QUESTIONS]
QUESTION_COSTS = (0.25, 0.5, 1, 2, 4)  # of writing a question, in answers


def overview(p: Ablations) -> list[Line]:
    """Return the lead of new questions over new answers at the largest budget under each setting."""
    weak: Selector = {"invalid_rate": p.weak_augmenter, "rephrase_drift": p.weak_augmenter}
    settings: list[tuple[str, str, Selector, Selector]] = [
        ("base", "all settings as in the base grid", {}, {}),
        *(("source of new questions", f"coverage {share:g}", {}, {"coverage": share}) for share in p.coverages),
        ("augmenter", f"{p.weak_augmenter:.0%} of new questions spoilt", {}, weak),
    ]
    for error in p.answer_errors:
        wrong: Selector = {"answer_error": error}
        checked: Selector = wrong | {"verify": True}
        settings.append(("teacher", f"{error:.0%} wrong", wrong, wrong))
        settings.append(("teacher", f"{error:.0%} wrong, verified", checked, checked))
    for size in p.student_sizes:
        cut: Selector = {"student_layers": size, "trained_layers": 0}
        settings.append(("student", f"lowest {size} layers", cut, cut))
    at = [{"budget": p.high_budgets[1]}]
    return [
        Line(name, Comparison(minus({"strategy": QUESTIONS, **asked}, {"strategy": ANSWERS, **answered}), at), panel)
        for panel, name, answered, asked in settings
    ]


def augmenter(p: Ablations) -> list[Line]:
    """Return what a weak augmenter changes for rephrasings and new questions, averaged over the two large budgets."""
    points = [{"budget": budget} for budget in p.high_budgets]
    weak = {"invalid_rate": p.weak_augmenter, "rephrase_drift": p.weak_augmenter}
    return [
        Line(display_name(s), Comparison(minus({"strategy": s, **weak}, {"strategy": s}), points), value=value)
        for s, value in ((REPHRASE, None), (QUESTIONS, -0.15))
    ]


def verification(p: Ablations) -> list[Line]:
    """Return what dropping wrong answers gains at equal calls and equal kept size, and what doubling the calls does."""
    middle, high = ({"budget": budget} for budget in p.high_budgets)
    out = []
    for error in p.answer_errors:
        kept, checked = {"budget": grids.kept_size(p.high_budgets[1], error)}, {"verify": True}
        for strategy in PAIR:
            at = [{"strategy": strategy, "answer_error": error}]
            pairs = {
                f"verified or not, {high['budget']} calls": (high | checked, high),
                f"verified {high['budget']} calls, unverified {kept['budget']}": (high | checked, kept),
                f"unverified {high['budget']}, verified {middle['budget']} calls": (high, middle | checked),
            }
            panel = f"{display_name(strategy)}, {error:.0%} wrong"
            out += [Line(name, Comparison(minus(*both), at), panel) for name, both in pairs.items()]
    return out


def student(p: Ablations) -> list[Line]:
    """Return, per student, what new questions gain on new answers from the smallest budget to the largest."""
    terms: list[Selector] = [
        {"weight": sign * turn, "strategy": strategy, "budget": budget}
        for turn, budget in ((1, p.high_budgets[1]), (-1, p.low_budget))
        for sign, strategy in ((1, QUESTIONS), (-1, ANSWERS))
    ]
    cut = [(f"lowest {size} layers", {"student_layers": size, "trained_layers": 0}) for size in p.student_sizes]
    return [Line(name, Comparison(terms, [which])) for name, which in [("whole student", {}), *cut]]


def local(p: Ablations) -> list[Line]:
    """Return what fine-tuning a local teacher and augmenter gains, at the larger budget."""

    def tuned(teacher: int, asker: int) -> Selector:
        return {"teacher.gold": teacher, "augmenter.gold": asker}

    at = [{"budget": p.high_budgets[1]}]
    return [
        Line(
            f"{display_name(s)}: {what} tuned on {gold}",
            Comparison(minus({"strategy": s, **tuned(gold, gold)}, {"strategy": s, **worse}), at),
        )
        for gold in p.local_gold
        for s, what, worse in (
            (ANSWERS, "teacher", tuned(0, 0)),
            (REPHRASE, "augmenter", tuned(gold, 0)),
            (QUESTIONS, "augmenter", tuned(gold, 0)),
        )
    ]


#: What the chapter compares, by figure.
COMPARISONS: dict[str, Callable[[Ablations], list[Line]]] = {
    "overview": overview, "augmenter": augmenter, "verification": verification, "student": student, "local": local,
}  # fmt: skip
#: The grids behind a figure, where these are not of its name.
GRIDS = {"overview": ("base", "coverage", "augmenter", "verification", "student")}
#: What the axes of some figures show, in place of a difference in accuracy.
AXES = {
    "overview": {"xlabel": "lead of new questions over new answers, points"},
    "student": {"xlabel": "growth of the lead of new questions, points"},
}


@dataclass(frozen=True)
class Chapter(ChapterBase):
    """Everything the chapter shows."""

    notebook: ClassVar[str] = "04_ablations"
    parameters: Ablations

    @cached_property
    def grids(self) -> dict[str, list[QueryCell]]:
        """The cells of each ablation, those of the base that it is compared with included."""
        return grids.grids(self.parameters)

    def over(self, *names: str, strategies: Sequence[str] = (), every: bool = True) -> "Chapter":
        """Return the chapter over the confirmation study's rows of some grids, where it has them all; else this one.

        ``strategies`` are those that a section shows, where not all. Without ``every``, one size or rule is enough.
        """
        if self.parameters.results != PUBLISHED:
            return self
        planned = resolve(self.notebook, CONFIRMATION, {"results": PUBLISHED})
        assert isinstance(planned, Ablations)
        cells = grids.grids(planned)
        parts = [
            whole([cell for cell in cells.get(name, []) if not strategies or cell.strategy in strategies], every)
            for name in names
        ]
        if any(rows.empty for rows in parts):
            return self
        rows = pd.concat(parts).drop_duplicates("key", ignore_index=True)
        return Chapter(planned, settings_table(rows), results_folder(CONFIRMATION))

    @property
    def _recipes(self) -> "Chapter":
        """The chapter over the rows of every rule for the number of updates that was run."""
        return self.over("base", "recipes", strategies=PAIR, every=False)

    def effects(self, name: str) -> pd.DataFrame:
        """Return the paired comparisons of one figure of :data:`COMPARISONS`."""
        p = self.parameters
        # An oracle's settings, which a local teacher lacks.
        oracle = p.pick("answer_error", "rephrase_drift", "invalid_rate", "coverage")
        base = {"recipe.updates": "epochs", "seed_size": p.compared_seeds, **p.pick("task", "verify", "student_layers")}
        base |= {"teacher": "local"} if name == "local" else oracle
        return self.lines(base, COMPARISONS[name](p))

    def compare(self, name: str) -> Picture | Markdown:
        """Draw the comparisons of one figure of :data:`COMPARISONS`."""
        there = self.over(*GRIDS.get(name, (name,)))
        title = f"{there._cell}, {there._settings}" if name == "overview" else ""
        return there.forest(name, there.effects(name), there.words(name), title, **AXES.get(name, {}))

    def samples(self) -> Styler | Markdown:
        """Return a seed question, what a clean augmenter makes of it, and how a weak one spoils that."""
        p = self.parameters
        rows = common.strategy_samples(p.task, p.compared_seeds)[1:]
        weak = ORACLE.format(drift=f"{p.weak_augmenter:g}", coverage=1)
        rows += [
            common.Wanted("drifted rephrasing", rows[0].files, "rephrase", weak, unlike="rephrasing"),
            common.Wanted("spoilt question", rows[1].files, "new_question", weak, unlike="new question"),
        ]
        found = common.samples(self.source, rows)
        return common.table(found, "samples") if len(found) else NOT_RUN

    def local_funnel(self) -> Styler | Markdown:
        """Return what became of the local teachers' calls."""
        rows = self.of("local")
        if rows.empty:
            return NOT_RUN
        asker, teacher = (
            rows[f"{who}.gold"].gt(0).map({True: "tuned", False: "prompted"}) for who in ("augmenter", "teacher")
        )
        names = rows["strategy"].map(display_name) + ": augmenter " + asker + ", teacher " + teacher
        return common.funnel_table(rows.assign(strategy=names))

    def coverage(self) -> Picture | Markdown:
        """Draw new answers, and new questions of every coverage."""
        there = self.over("base", "coverage")
        return there.curves("coverage", _by_coverage(there._two), there.headline[:-1], there.words("resampling"))

    @property
    def _two(self) -> pd.DataFrame:
        rows = self.of("base", "coverage")
        return rows[rows["strategy"].isin(PAIR)].reset_index(drop=True)

    def coverage_table(self) -> Styler | Markdown:
        """Return where new questions overtake new answers at each coverage."""
        there = self.over("base", "coverage")
        rows, share, p = there._two, there._two["teacher.coverage"], there.parameters
        shares = sorted({*p.coverages, p.coverage})
        found = {f"{s:g}": _crossings(rows[(rows["strategy"] == ANSWERS) | (share == s)]) for s in shares}
        return common.crossover_table(found, "coverage", "coverage", there._rules(rows))

    def costs(self) -> Styler | Markdown:
        """Return where new questions overtake new answers at each cost of writing a question, and in tokens."""
        there = self.over("base")
        rows = there.of("base")
        rows = rows[rows["strategy"].isin(PAIR)]
        fits, spent = fit_table(rows, LEVEL), rows.groupby("strategy")[["tokens_in", "tokens_out", "queries"]].sum()
        prices = {f"{c:g} answer{'s' * (c != 1)}": {ANSWERS: 1.0, QUESTIONS: 1.0 + c} for c in QUESTION_COSTS}
        each = (spent["tokens_in"] + spent["tokens_out"]) / spent["queries"]
        prices["in tokens"] = {s: float(each.get(s, 1.0)) * QUERIES_PER_SAMPLE[s] for s in PAIR}
        found = {unit: find_crossovers(fits, price, checks=False) for unit, price in prices.items()}
        return common.crossover_table(found, "costs", "a question costs", there._rules(rows))

    @cached_property
    def _by_rule(self) -> dict[str, list[Crossover]]:
        """Where new questions overtake new answers, by the rule for the number of updates and its replicates."""
        there = self._recipes
        if there.of("recipes").empty:
            return {}
        rows = there.of("base", "recipes")
        rows = rows[rows["strategy"].isin(PAIR) & rows["seed_size"].isin(there.parameters.recipe_seeds)]
        return {
            f"{said}, {there.counts(some)['replicates']}": _crossings(some)
            for rule, said in common.UPDATES.items()
            if len(some := rows[rows["recipe.updates"] == rule])
        }

    def recipes(self) -> Styler | Markdown:
        """Return where new questions overtake new answers under each rule for the number of updates."""
        if not self._by_rule:
            return NOT_RUN
        profile = self._recipes.profile
        return common.crossover_table(self._by_rule, "recipes", "students trained", f"of profile {profile}")

    @property
    def updates(self) -> str:
        """Where new questions overtake new answers under each rule, in one sentence; empty where none was run."""
        places = {
            rule: {c.seed_size: _placed(c) for c in some if c.first == ANSWERS} for rule, some in self._by_rule.items()
        }
        sizes = sorted(set().union(*places.values()))
        at = [common.listed([there.get(size, "no crossover") for there in places.values()]) for size in sizes]
        said = [f"{where} with {size:g} seed questions" for where, size in zip(at, sizes, strict=True)]
        calls = "New questions overtake new answers, in calls per seed question, at"
        return f"{calls} {'; at '.join(said)} (in this order: {'; '.join(places)})." if said else ""

    def numbers(self) -> None:
        """Store what pages of the book quote."""
        self.quote(updates=self.updates)

    def _rules(self, rows: pd.DataFrame) -> str:
        there = self._recipes.runs
        elsewhere = there.loc[there["task"].isin(rows["task"]), "recipe.updates"]
        said = common.update_rules(rows["recipe.updates"], elsewhere, "in the section on the number of updates")
        return f"{said}; profile {self.profile}"

    def advice(self, task: str) -> Styler | Markdown:
        """Return what ``crossover advise`` says at each tested budget of another task."""
        there = self.over(task, every=False)
        rows = there.of(task)
        bought = rows[rows["budget"] > 0]
        if bought.empty:
            return NOT_RUN
        fits, said = fit_table(rows, LEVEL), []
        for seeds, budget in sorted({*bought[["seed_size", "budget"]].itertuples(index=False, name=None)}):
            advice = advise(fits, seeds, budget)
            name = "nothing" if advice.best.strategy == advice.idle else display_name(advice.best.strategy).lower()
            choice = name if advice.choose else f"undecided, {name} first"
            said.append((f"{seeds:,g}", f"{budget:,g}", choice, probability(advice.best.p_best)))
        shown = common.table(pd.DataFrame(said, columns=["seeds", "calls", "advice", "probability"]), f"advice-{task}")
        return shown.set_caption(f"Profile {there.profile}.")

    def grid_curves(self, grid: str) -> Picture | Markdown:
        """Draw the strategies of one grid: another task, or the split budget next to the pure strategies."""
        there = self.over(grid, every=False)
        rows = there.of(grid)
        if rows.empty:
            return NOT_RUN
        task = rows["task"].iloc[0]
        caption = f"Task: {TASKS.get(task, task)}. {there.words('direction')}"
        return there.curves(grid, rows, there._leads(rows), caption)

    def task_table(self, task: str) -> Styler | Markdown:
        """Return where strategies overtake one another on another task."""
        there = self.over(task, every=False)
        rows = there.of(task)
        if rows.empty:
            return NOT_RUN
        return common.crossover_table({"": _crossings(rows)}, f"crossovers-{task}", "", there._rules(rows))

    def mixed_regret(self) -> Styler | Markdown:
        """Return what always buying one strategy is expected to lose, a split budget among them."""
        there = self.over("mixed")
        rows = there.of("mixed")
        if rows.empty:
            return NOT_RUN
        losses = common.regret(fit_table(rows, LEVEL), rows).drop(columns="cells")
        names = {"mean": "mean loss, points", "largest": "largest loss, points"}
        shown = losses.rename(columns=names).assign(strategy=losses["strategy"].map(display_name))
        return common.table(shown, "mixed-regret", digits=1).set_caption(f"Profile {there.profile}.")

    @property
    def headline(self) -> str:
        """What the source of new questions adds."""
        rows = self.effects("overview")
        leads = {r.comparison: (r.estimate, r.low, r.high) for r in rows.itertuples() if not r.why}
        sources = {
            "all settings as in the base grid": "drawn from the whole task",
            "coverage 0": "that only edit the seeds",
        }
        known = {how: common.against("new answers", *leads[name]) for name, how in sources.items() if name in leads}
        said = ". New ".join(f"questions {how} {lead}" for how, lead in known.items())
        return f"{self._cell}, new {said}." if said else "These runs do not compare sources of new questions."

    @property
    def _cell(self) -> str:
        p = self.parameters
        where = f"In the {self.study}, with" if self.study else "With"
        return f"{where} {p.high_budgets[1]} teacher calls for {p.compared_seeds} seed questions"

    @cached_property
    def _settings(self) -> str:
        rows = common.starred(self.effects("overview").dropna(subset="estimate"))
        rows = rows[rows["panel"] != "base"]
        leading = rows["significant"] & (rows["low"] > 0)
        return f"new questions lead significantly under {leading.sum()} of {len(rows)} changed settings"

    def _leads(self, rows: pd.DataFrame) -> str:
        """Name the strategy that leads every other one throughout, if there is one, and which pairs cross."""
        found, names = _crossings(rows), rows["strategy"].unique()
        decided = {s: sum(c.status == "none" and c.leader == s for c in found) for s in names}
        if ahead := [display_name(s) for s, n in decided.items() if n == len(names) - 1 and n]:
            return f"{ahead[0]} lead throughout"
        crossing = [
            f"from {display_name(c.first).lower()} to {display_name(c.second).lower()} at {c.ratio:.2g}"
            for c in found
            if c.status == "found"
        ]
        turns = f"The lead changes {common.listed(crossing)} calls per seed question"
        return turns if crossing else "No crossover is located, and no strategy leads throughout"


def run(parameters: Ablations) -> Chapter:
    """Run the grids and return what there is to show."""
    return Chapter(parameters, settings_table(run_grid(parameters)), results_folder(parameters.results))


def _crossings(rows: pd.DataFrame) -> list[Crossover]:
    """Return the crossovers of some rows."""
    return find_crossovers(fit_table(rows[rows["budget"] > 0], LEVEL), checks=False)


def _placed(c: Crossover) -> str:
    return common.place(c.ratio, c.tested) if c.status == "found" and c.ratio else c.status.replace("_", " ")


def _by_coverage(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows whose new questions are named by their coverage, as strategies of their own, unless it is 1."""
    edited = (rows["strategy"] == QUESTIONS) & (rows["teacher.coverage"] < 1)
    names = "new_questions,_coverage_" + rows["teacher.coverage"].map("{:g}".format)
    return rows.assign(strategy=rows["strategy"].where(~edited, names))
