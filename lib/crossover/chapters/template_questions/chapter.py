"""The chapter on template questions (arXiv 2310.07830): the questions' quality, what training on them does, and their bias.

The notebook ``01_template_questions`` calls what is here and adds prose; every number that its sentences hold is computed
here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from IPython.display import Markdown

from crossover.chapters.ablations.comparisons import COLUMNS, sentences
from crossover.chapters.template_questions import figures
from crossover.chapters.template_questions.figures import SET_NAMES
from crossover.chapters.template_questions.quality import Quality, shown
from crossover.data.closed_book import answers, test_rows
from crossover.figures import forest, style
from crossover.figures.style import NOT_RUN
from crossover.labels import display_name
from crossover.models.spacy_english import load_parser
from crossover.params.template_questions import TemplateQuestions
from crossover.paths import PUBLISHED, results_folder
from crossover.questions.bank import QuestionBank, load_bank
from crossover.questions.quality import entity_types, question_type
from crossover.stats.contrasts import contrast, items_needed
from crossover.stats.peak import LEVEL, Peak, find_peak
from crossover.study.grids import cells_of
from crossover.study.paired import paired, paired_row
from crossover.study.run import run_cells
from crossover.study.select import Selector, settings_table
from crossover.study.store import Store, read_runs, save_numbers

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

#: The paper's gains, as fractions of 1 (arXiv 2310.07830, section 5).
PUBLISHED_GAINS = {"nq_open": 0.0093, "web_questions": 0.0152, "trivia_qa": 0.0123}
RATES = "rates of 0.1, 0.3 and 0.5 were tried, and a balance of the two was found best (arXiv 2310.07830, section 5)"
FLOOR = 0.05  # share of right answers below which a gain is hard to see
SMALLEST = 20  # test items that a type needs for its accuracy to be shown


@dataclass(frozen=True)
class Chapter:
    """Everything the chapter shows.

    Attributes
    ----------
    parameters : TemplateQuestions
    runs : DataFrame
        This run's cells, with a column for each setting (:func:`crossover.study.select.settings_table`).
    bank : QuestionBank
        The synthetic questions.
    """

    parameters: TemplateQuestions
    runs: pd.DataFrame
    bank: QuestionBank

    @property
    def folder(self) -> Path:
        """The run's results folder."""
        return results_folder(self.parameters.results)

    @cached_property
    def quality(self) -> Quality:
        """What the synthetic questions are like."""
        return Quality(self.parameters, self.bank)

    # --- training -----------------------------------------------------------------------------------------------------

    def ratio_curves(self) -> style.Picture:
        """Draw exact match against the synthetic share, and save figure and data."""
        points = [
            {"set": name, "strategy": strategy, "share": share, **self._level([name], strategy, share)}
            for name in self.parameters.question_sets
            for strategy, share in self._mixtures
        ]
        points = pd.DataFrame(points)
        figure = figures.ratio_curves(points, self._peaks, LEVEL, RATES)
        style.save(figure, "ratio_curves", self.folder / "figures", points)
        return figure

    def peaks(self) -> Markdown:
        """Say where each curve has its peak, over all question sets together."""
        lines = []
        for strategy, how in (("tokens_equal", "As many tokens in all"), ("real_equal", "As many real questions")):
            peak = self._peak(self.parameters.question_sets, strategy)
            if peak is None:
                lines.append(f"- {how}: fewer than three shares were run, so no peak is fitted.")
                continue
            if np.isnan(peak.share):
                lines.append(f"- {how}: every share has the same accuracy, so there is no peak.")
                continue
            wide = peak.high - peak.low >= 0.8 * (peak.ends[1] - peak.ends[0])
            said = (
                "**the range that was run is all in it: these runs do not place the peak**"
                if wide
                else f"inside the range in {peak.inside:.0%} of draws"
            )
            lines.append(
                f"- {how}: highest at a synthetic share of {peak.share:.2f} ({LEVEL:.0%} interval {peak.low:.2f} to {peak.high:.2f}), {said}."
            )
        return Markdown("\n".join(lines))

    def gains(self) -> style.Picture:
        """Draw what template questions gain beside the paper's gains, and save figure and data."""
        return self._forest("template_gains", self._gains)

    def gains_findings(self) -> Markdown:
        """Say what each gain shows, and whether there is much to be seen where so few answers are right."""
        without = self._level(self.parameters.question_sets, "real", 0.0)["estimate"]
        floor = (
            f"\n\n**At the floor.** Without template questions {without:.1%} of the answers are right. Hardly one can be lost, and intervals "
            "are narrow because next to nothing varies, not because much is known: the next table says what could have been seen."
        )
        return Markdown(_sentences(self._gains).data + (floor if without < FLOOR else ""))

    @cached_property
    def _gains(self) -> pd.DataFrame:
        rows = []
        for strategy, how in (("real_equal", "real questions kept"), ("tokens_equal", "as many tokens")):
            shares = self._published_shares(strategy)
            for name in self.parameters.question_sets if shares else []:
                value = PUBLISHED_GAINS[name]
                named = f"{SET_NAMES[name]}: with template questions, {how}"
                rows.append(
                    self._effect(
                        named,
                        f"{100 * value:+.2f} points",
                        value,
                        [name],
                        [{"share": s} for s in shares],
                        _terms(strategy),
                    )
                )
        return pd.DataFrame(rows, columns=COLUMNS)

    def detectable(self) -> Styler:
        """Return for each gain what this run could have told from zero, and the test items that would show one point."""
        rows = []
        for name in self.parameters.question_sets:
            found = self._differences([name], "real_equal")
            if found is None:
                continue
            c = contrast(found, LEVEL)
            rows.append(
                (SET_NAMES[name], c.items, c.replicates, f"{100 * c.estimate:+.2f}", f"{100 * c.low:+.2f} to {100 * c.high:+.2f}",
                 f"{100 * c.detectable:.2f}", f"{items_needed(found, 0.01, LEVEL):,}")
            )  # fmt: skip
        columns = [
            "set",
            "test items",
            "replicates",
            "gain, points",
            f"{LEVEL:.0%} interval",
            "detectable at best, points",
            "items to show 1 point, at least",
        ]
        return shown(pd.DataFrame(rows, columns=columns), "detectable")

    def size(self) -> style.Picture | Markdown:
        """Draw the smaller student against the larger, and save figure and data."""
        rows = self._size
        return NOT_RUN if rows.empty else self._forest("template_size", rows)

    def size_findings(self) -> Markdown | None:
        """Say how the smaller student compares."""
        return None if self._size.empty else _sentences(self._size)

    @cached_property
    def _size(self) -> pd.DataFrame:
        p, rows = self.parameters, []
        if not p.small_layers:
            return pd.DataFrame(columns=COLUMNS)
        small = {"student_layers": p.small_layers}
        mixed = {"weight": 1, "strategy": "real_equal", "share": p.size_share, **small}
        for name, other, said in (
            ("small with template questions against large without", {}, "comparable"),
            ("small with template questions against small without", small, "gains"),
        ):
            terms = [mixed, {"weight": -1, "strategy": "real", "share": 0.0, **other}]
            rows.append(self._effect(f"{p.small_layers} layers: {name}", said, None, p.question_sets, [{}], terms))
        return pd.DataFrame(rows, columns=COLUMNS)

    def language(self) -> style.Picture | Markdown:
        """Draw what template questions change in language modelling, and save figure and data."""
        rows = self._language
        return NOT_RUN if rows.empty else self._forest("template_language", rows)

    def language_findings(self) -> Markdown | None:
        """Say what each change shows."""
        return None if self._language.empty else _sentences(self._language)

    @cached_property
    def _language(self) -> pd.DataFrame:
        p, out = self.parameters, []
        for name in p.language_sets if p.language_shares else []:
            named = f"{SET_NAMES[name]}: with template questions beside the real ones"
            out.append(
                self._effect(
                    named,
                    "little change",
                    None,
                    [name],
                    [{"share": s} for s in p.language_shares],
                    _terms("real_equal"),
                )
            )
        return pd.DataFrame(out, columns=COLUMNS)

    def scores(self) -> Styler:
        """Return every set's metrics as the harness computes them, F1 beside exact match, means over replicates."""
        rows = []
        settings = self.runs.rename(columns={"task.share": "share", "recipe.student_layers": "layers"})
        for r in settings.itertuples():
            for name, metrics in json.loads(r.measures)["sets"].items():
                rows += [
                    (r.strategy, f"{r.share:g}", r.layers or "all", SET_NAMES[name], m, v)
                    for m, v in metrics.items()
                    if not m.endswith("_stderr")
                ]
        table = pd.DataFrame(rows, columns=["mixture", "share", "layers", "set", "metric", "value"])
        table["mixture"] = table["mixture"].map(display_name)
        shown = table.pivot_table(
            index=["mixture", "share", "layers"], columns=["set", "metric"], values="value", sort=False
        )
        return shown.style.format(lambda v: "" if pd.isna(v) else f"{v:.3g}").set_uuid("scores")

    # --- bias ---------------------------------------------------------------------------------------------------------

    def bias(self) -> Styler:
        """Return the variety of each mixture and its distances from the evaluation sets, means over replicates."""
        measured = pd.DataFrame([json.loads(text) for text in self.runs["measures"]], index=self.runs.index)
        names = {
            "type_entropy": "question types, bits", "type_distance": "distance of types", "entity_entropy": "entity types, bits",
            "largest_entity": "largest entity type", "entity_distance": "distance of entities",
        }  # fmt: skip
        whole = (self.runs["strategy"] != "untouched") & (self.runs["recipe.student_layers"] == 0)
        keys = [self.runs["strategy"].map(display_name), self.runs["task.share"].map("{:g}".format).rename("share")]
        table = measured.loc[whole, list(names)]
        shown = table.groupby([key[whole] for key in keys], sort=True).mean().rename(columns=names)
        return shown.style.format("{:.2f}").set_uuid("bias")

    def by_type(self) -> Styler:
        """Return accuracy by question type and by the entity type of the answer, with and without template questions."""
        found = [
            self._outcomes(strategy, share)
            for strategy, share in (("real", 0.0), *(("real_equal", s) for s in self._published_shares("real_equal")))
        ]
        if len(found) < 2:
            return shown(pd.DataFrame({"accuracy by type": ["not run in this profile"]}), "by-type")
        without, with_ = found[0], sum(found[1:]) / len(found[1:])
        labels = self._labels.reindex(without.columns)
        rows = []
        for kind in labels:
            for label, items in labels.groupby(kind).groups.items():
                if len(items) < SMALLEST:
                    continue
                c = contrast((with_[items] - without[items]).to_numpy(), LEVEL)
                rows.append((kind, label, len(items), f"{without[items].to_numpy().mean():.1%}", f"{100 * c.estimate:+.1f}",
                             f"{100 * c.low:+.1f} to {100 * c.high:+.1f}"))  # fmt: skip
        columns = ["by", "type", "test items", "exact match without", "change, points", f"{LEVEL:.0%} interval"]
        return shown(pd.DataFrame(rows, columns=columns), "by-type")

    @cached_property
    def _labels(self) -> pd.DataFrame:
        """The question type and the entity type of the first answer of each test question."""
        p = self.parameters
        rows = [(item, n, row) for n, s in p.question_sources.items() for item, row in test_rows(n, s)[: p.n_test]]
        entities = entity_types(load_parser(), [answers(n, row)[0] for _, n, row in rows])
        types = [question_type(row["question"]) for _, _, row in rows]
        return pd.DataFrame({"question type": types, "entity type": entities}, index=[item for item, _, _ in rows])

    # --- helpers ------------------------------------------------------------------------------------------------------

    def numbers(self) -> dict[str, str]:
        """Store and return what pages of the book quote, as text by name."""
        said = sentences(self._gains[self._gains["why"] == ""])
        numbers = {
            "template_findings": " ".join(said) or "This run compares nothing.",
            "n_template_questions": f"{len(self.bank.questions):,}",
        }
        save_numbers(self.folder, "01_template_questions", numbers)
        return numbers

    def caption(self, figure: str) -> Markdown | None:
        """Say what the points of a figure are: ``"ratio_curves"``, or one of differences (``"gains", "size", "language"``)."""
        p = self.parameters
        if (
            figure != "ratio_curves"
            and {"gains": self._gains, "size": self._size, "language": self._language}[figure].empty
        ):
            return None
        items = f"{p.n_language} test items" if figure == "language" else f"{p.n_test} test questions"
        what, more = "Differences over the same", "A diamond is the paper's value, where it gives one."
        if figure == "ratio_curves":
            what, more = "Exact match on", "Triangles and bars below: fitted peak and its interval."
        replicates = "one replicate" if p.replicates == 1 else f"{p.replicates} replicates"
        return Markdown(
            f"{what} {items} a set, zero-shot, {replicates}, {LEVEL:.0%} intervals over replicates and items; "
            f"{p.n_real} real questions, student {p.student}, profile {p.profile}. {more}"
        )

    @cached_property
    def _base(self) -> Selector:
        return {"experiment": "template_questions", "task": "closed_book_qa", "student_layers": 0}

    @property
    def _mixtures(self) -> list[tuple[str, float]]:
        p = self.parameters
        pairs = [("tokens_equal", s) for s in p.tokens_equal] + [("real_equal", s) for s in p.real_equal]
        return [("untouched", 0.0), ("real", 0.0), *pairs]

    def _published_shares(self, strategy: str) -> list[float]:
        """The shares of a mixture that the paper tried too."""
        run = self.parameters.tokens_equal if strategy == "tokens_equal" else self.parameters.real_equal
        return [share for share in run if share in (0.1, 0.3, 0.5)]

    def _level(self, sets: Sequence[str], strategy: str, share: float) -> dict[str, float]:
        c, _ = paired(
            self.runs, self.folder, self._base, [{}], [{"weight": 1, "strategy": strategy, "share": share}], sets=sets
        )
        return {"estimate": c.estimate, "low": max(c.low, 0.0), "high": c.high}

    def _effect(
        self,
        name: str,
        said: str,
        value: float | None,
        sets: Sequence[str],
        points: list[Selector],
        terms: list[Selector],
    ) -> dict[str, object]:
        found = paired_row(self.runs, self.folder, self._base, points, terms, sets=sets)
        return {"comparison": name, "published": said, "value": value} | found

    def _outcomes(self, strategy: str, share: float) -> pd.DataFrame:
        """Return right (1) and wrong (0) of the whole student's answers to test questions, replicates by items."""
        rows = self.runs[
            (self.runs["strategy"] == strategy)
            & (self.runs["task.share"] == share)
            & (self.runs["recipe.student_layers"] == 0)
        ]
        tables = {
            r.replicate: pd.read_parquet(self.folder / "items" / f"{r.key}.parquet").set_index("item")["correct"]
            for r in rows.itertuples()
        }
        table = pd.DataFrame(tables).T.astype(float).sort_index()
        return table[[item for item in sorted(table) if item.partition("/")[0] in self.parameters.question_sets]]

    def _differences(self, sets: Iterable[str], strategy: str) -> np.ndarray | None:
        """Return the mean over the published shares of a mixture's outcomes less those without, replicates by items."""
        shares = self._published_shares(strategy)
        if not shares:
            return None
        gain = sum(self._outcomes(strategy, s) for s in shares) / len(shares) - self._outcomes("real", 0.0)
        return gain[[item for item in gain if item.partition("/")[0] in sets]].to_numpy()

    @cached_property
    def _peaks(self) -> dict[tuple[str, str], Peak]:
        found = {
            (n, s): self._peak([n], s) for n in self.parameters.question_sets for s in ("tokens_equal", "real_equal")
        }
        return {where: peak for where, peak in found.items() if peak and not np.isnan(peak.share)}

    def _peak(self, sets: Sequence[str], strategy: str) -> Peak | None:
        shares = sorted(self.parameters.tokens_equal if strategy == "tokens_equal" else self.parameters.real_equal)
        if len(shares) < 2:
            return None
        tables = [self._outcomes("real", 0.0), *(self._outcomes(strategy, share) for share in shares)]
        kept = [item for item in tables[0] if item.partition("/")[0] in sets]
        return find_peak(np.array([0.0, *shares]), np.stack([table[kept].to_numpy() for table in tables]))

    def _forest(self, name: str, rows: pd.DataFrame) -> style.Picture:
        file = results_folder(PUBLISHED) / "figures" / f"{name}.csv"
        study = pd.read_csv(file) if self.parameters.profile != PUBLISHED and file.exists() else None
        figure = forest.forest(rows, study, LEVEL)
        style.save(figure, name, self.folder / "figures", rows)
        return figure


def run(parameters: TemplateQuestions) -> Chapter:
    """Run the grid and return what there is to show."""
    store = Store(results_folder(parameters.results))
    cells = cells_of(parameters)
    run_cells(cells, store, parameters.workers, parameters.device, parameters.cluster)
    runs = read_runs(store.folder, "template_questions")
    runs = runs[runs["key"].isin({cell.key for cell in cells})].reset_index(drop=True)
    bank = load_bank(store.folder / "generations", parameters.text, parameters.texts)
    return Chapter(parameters, settings_table(runs), bank)


def _terms(strategy: str) -> list[Selector]:
    return [{"weight": 1, "strategy": strategy}, {"weight": -1, "strategy": "real", "share": 0.0}]


def _sentences(rows: pd.DataFrame) -> Markdown:
    return Markdown("\n".join(f"- {text}" for text in sentences(rows)))
