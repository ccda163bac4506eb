"""The chapter on template questions (arXiv 2310.07830).

The questions' quality, what training on them does, and their bias.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar

import numpy as np
import pandas as pd
from IPython.display import Markdown
from pandas.io.formats.style import Styler

from crossover.chapters.common import COLUMNS, LEVEL, NATS, counted, table
from crossover.chapters.template_questions.quality import QuestionBankChapter
from crossover.figures.charts import sweep
from crossover.figures.style import Picture
from crossover.labels import display_name
from crossover.params.template_questions import TemplateQuestions
from crossover.paths import results_folder
from crossover.questions.generate import load_bank
from crossover.stats.contrasts import contrast, items_needed
from crossover.stats.peak import Peak, find_peak
from crossover.study.paired import Outcome, item_outcomes, paired, paired_row
from crossover.study.run import run_grid
from crossover.study.select import Selector, select, settings_table

SET_NAMES = {
    "nq_open": "NQ-open", "web_questions": "WebQuestions", "trivia_qa": "TriviaQA", "all": "all question sets",
    "lambada_openai": "LAMBADA", "hellaswag": "HellaSwag", "copa": "COPA",
}  # fmt: skip
#: The paper's gains, as fractions of 1 (arXiv 2310.07830, section 5).
PUBLISHED_GAINS = {"nq_open": 0.0093, "web_questions": 0.0152, "trivia_qa": 0.0123}
RATES = (
    "Paper: rates of 0.1, 0.3 and 0.5 were tried, and a balance of the two was found best (arXiv 2310.07830,"
    " section 5)."
)
MIXTURES = ("tokens_equal", "real_equal")


@dataclass(frozen=True)
class Chapter(QuestionBankChapter):
    """Everything the chapter shows."""

    notebook: ClassVar[str] = "01_template_questions"

    # --- training -----------------------------------------------------------------------------------------------------

    def gains(self) -> Picture | Markdown:
        """Draw what template questions gain, next to the paper's gains."""
        what = "Mean over the paper's rates that were run; diamonds are the paper's gains."
        caption = f"{what} {self._how('test question')}"
        return self.forest("template_gains", self._gains, caption, xlabel="gain in exact match, points")

    @cached_property
    def _gains(self) -> pd.DataFrame:
        rows = [
            {"panel": display_name(strategy), "comparison": SET_NAMES[name], "value": PUBLISHED_GAINS[name]}
            | self._effect([name], [{"share": s} for s in self._published_shares(strategy)], _terms(strategy))
            for strategy in ("real_equal", "tokens_equal")
            for name in self.parameters.question_sets
            if self._published_shares(strategy)
        ]
        return pd.DataFrame(rows, columns=["panel", *COLUMNS])

    def detectable(self) -> Styler:
        """Return for each gain what this run could have detected, and the test items that would show one point."""
        rows = []
        for name in self.parameters.question_sets:
            found = self._differences([name], "real_equal")
            if found is not None:
                c = contrast(found, LEVEL)
                gain = f"{100 * c.estimate:+.2f} ({100 * c.low:.2f} to {100 * c.high:.2f})"
                rows.append({
                    "set": SET_NAMES[name], "test items": c.items, "replicates": c.replicates, "gain, points": gain,
                    "detectable at best, points": f"{100 * c.detectable:.2f}",
                    "items to show 1 point, at least": f"{items_needed(found, 0.01, LEVEL):,}",
                })  # fmt: skip
        return table(pd.DataFrame(rows), "detectable")

    def ratio_curves(self) -> Picture:
        """Draw exact match against the synthetic share."""
        points = pd.DataFrame(
            {"set": name, "strategy": strategy, "share": share, **self._level([name], strategy, share)}
            for name in self.parameters.question_sets
            for strategy, share in self._mixtures
        )
        sets = self.parameters.question_sets
        peaks = "; ".join(f"{display_name(s).lower()}: {_place(self._peak(sets, s))}" for s in MIXTURES)
        drawn = points[points["strategy"].isin([*MIXTURES, "real"])]
        marks = drawn.assign(task=drawn["set"].map(SET_NAMES), series=drawn["strategy"].map(display_name))
        marks = marks.rename(columns={"share": "value"})
        marks[["score", "score_low", "score_high"]] = 100 * marks[["estimate", "low", "high"]]
        draw = partial(sweep, marks, {"score": "exact match, %"}, "synthetic share of tokens")
        caption = f"{self._how('test question')} {RATES}"
        return self.figure("ratio_curves", draw, points, f"Best synthetic share, {peaks}", caption)

    def size(self) -> Picture | Markdown:
        """Draw the smaller student against the larger."""
        p, small = self.parameters, {"student_layers": self.parameters.small_layers}
        mixed = {"weight": 1, "strategy": "real_equal", "share": p.size_share, **small}
        real = {"weight": -1, "strategy": "real", "share": 0.0}
        rows = [
            {"panel": f"{p.small_layers} layers with template questions", "comparison": name}
            | self._effect(p.question_sets, [{}], [mixed, real | other])
            for name, other in (("against all layers without", {}), ("against the same without", small))
            if p.small_layers
        ]
        caption = (
            f"{self._how('test question')} Paper: a small model with template questions is comparable to a larger one"
            " without."
        )
        return self.forest("template_size", pd.DataFrame(rows, columns=["panel", *COLUMNS]), caption)

    def language(self) -> Picture | Markdown:
        """Draw what template questions change in language modelling."""
        p = self.parameters
        rows = [
            {"comparison": SET_NAMES[name]}
            | self._effect([name], [{"share": s} for s in p.language_shares], _terms("real_equal"))
            for name in p.language_sets
            if p.language_shares
        ]
        caption = f"With template questions added to the real ones. {self._how('test item')} Paper: little change."
        rows = pd.DataFrame(rows, columns=COLUMNS)
        return self.forest("template_language", rows, caption, xlabel="change in accuracy, points")

    def data_quality(self) -> Picture | Markdown:
        """Draw what spoilt, balanced and skewed template questions change, by the likelihood of gold answers."""
        p, same = self.parameters, {"strategy": "real_equal", "share": self.parameters.size_share}
        changes = [
            ("spoilt against clean", f"{share:.0%} by {by}", {"task.spoilt": share, "task.spoilt_by": by})
            for share in p.spoilt
            for by in ("answer", "grammar")
        ]
        changes += [("selected against natural", how, {"task.selection": how}) for how in p.selections]
        rows = [
            {"panel": panel, "comparison": name}
            | self._effect(p.question_sets, [same], [{"weight": 1, **change}, {"weight": -1}], "gold_loglik")
            for panel, name, change in changes
        ]
        rows = pd.DataFrame(rows, columns=["panel", *COLUMNS])
        return self.forest("template_data", rows, self._how("test question"), xlabel=NATS)

    # --- bias ---------------------------------------------------------------------------------------------------------

    def bias(self) -> Styler:
        """Return the variety of each mixture and its distances from the evaluation sets, means over replicates."""
        names = {
            "type_entropy": "question types, bits", "type_distance": "distance of types",
            "entity_entropy": "entity types, bits",
            "largest_entity": "largest entity type", "entity_distance": "distance of entities",
        }  # fmt: skip
        rows = self.runs[(self.runs["strategy"] != "untouched") & (self.runs["recipe.student_layers"] == 0)]
        found = pd.DataFrame([json.loads(text) for text in rows["measures"]], index=rows.index)
        found = found[list(names)].rename(columns=names)
        found.insert(0, "mixture", rows["strategy"].map(display_name))
        found.insert(1, "share", rows["task.share"].map("{:g}".format))
        return table(found.groupby(["mixture", "share"]).mean().reset_index(), "bias")

    # --- helpers ------------------------------------------------------------------------------------------------------

    @cached_property
    def headline(self) -> str:
        """How many questions there are, how good they are, and whether they help."""
        held_out, gains = self.precise("held_out"), self._gains[self._gains["estimate"].notna()]
        found = int(((gains["low"] > 0) | (gains["high"] < 0)).sum())
        return (
            f"Plain text gives {len(self.bank.questions):,} questions at a precision of {held_out.share:.0%}"
            f" ({held_out.low:.0%} to {held_out.high:.0%}). Whether they help is open: students answer"
            f" {self._floor:.1%} of real questions without them, and {found or 'none'} of {len(gains)} differences can"
            " be detected."
        )

    @cached_property
    def _floor(self) -> float:
        return self._level(self.parameters.question_sets, "real", 0.0)["estimate"]

    def numbers(self) -> None:
        """Store what pages of the book quote."""
        self.quote(
            template_finding=self.headline,
            n_template_questions=f"{len(self.bank.questions):,}",
            closed_book_floor=f"{self._floor:.1%}",
        )

    def _how(self, what: str) -> str:
        p = self.parameters
        items = counted(p.n_language if what == "test item" else p.n_test, what)
        return (
            f"{items} per set, zero-shot, {counted(p.replicates, 'replicate')}, {LEVEL:.0%} intervals; {p.n_real} real"
            f" questions, student {p.student}."
        )

    @property
    def _mixtures(self) -> list[tuple[str, float]]:
        shares = [(s, share) for s in MIXTURES for share in getattr(self.parameters, s)]
        return [("untouched", 0.0), ("real", 0.0), *shares]

    def _published_shares(self, strategy: str) -> list[float]:
        """Return the shares of a mixture that the paper tried too."""
        return [share for share in getattr(self.parameters, strategy) if share in (0.1, 0.3, 0.5)]

    def _level(self, sets: Sequence[str], strategy: str, share: float) -> dict[str, float]:
        one = [{"weight": 1, "strategy": strategy, "share": share}]
        c, _ = paired(self.runs, self.folder, _BASE, [{}], one, sets=sets)
        return {"estimate": c.estimate, "low": max(c.low, 0.0), "high": c.high}

    def _effect(
        self, sets: Sequence[str], points: list[Selector], terms: list[Selector], outcome: Outcome = "correct"
    ) -> dict[str, object]:
        return paired_row(self.runs, self.folder, _BASE, points, terms, outcome, sets)

    def _outcomes(self, strategy: str, share: float) -> pd.DataFrame:
        """Return right (1) and wrong (0) of the whole student's answers to test questions, replicates by items."""
        rows = select(self.runs, _BASE | {"strategy": strategy, "share": share}, _BASE)
        sets = self.parameters.question_sets
        read = {r.replicate: item_outcomes(self.folder, r.key, sets=sets) for r in rows.itertuples()}
        return pd.DataFrame(read).T.sort_index().sort_index(axis=1)

    def _differences(self, sets: Iterable[str], strategy: str) -> np.ndarray | None:
        """Return the mean over the published shares of a mixture's outcomes less those without, replicates by items."""
        shares = self._published_shares(strategy)
        if not shares:
            return None
        gain = sum(self._outcomes(strategy, s) for s in shares) / len(shares) - self._outcomes("real", 0.0)
        return gain[[item for item in gain if item.partition("/")[0] in sets]].to_numpy()

    def _peak(self, sets: Sequence[str], strategy: str) -> Peak | None:
        """Return the share at which a parabola through a mixture's outcomes is highest, over some sets together."""
        shares = sorted(getattr(self.parameters, strategy))
        if len(shares) < 2:
            return None
        tables = [self._outcomes("real", 0.0), *(self._outcomes(strategy, share) for share in shares)]
        kept = [item for item in tables[0] if item.partition("/")[0] in sets]
        return find_peak(np.array([0.0, *shares]), np.stack([found[kept].to_numpy() for found in tables]))


_BASE: Selector = {
    "experiment": "template_questions", "task": "closed_book_qa", "student_layers": 0, "task.spoilt": 0.0,
    "task.selection": "natural",
}  # fmt: skip


def run(parameters: TemplateQuestions) -> Chapter:
    """Run the grid and return what there is to show."""
    runs, folder = run_grid(parameters), results_folder(parameters.results) / "generations"
    return Chapter(parameters, settings_table(runs), load_bank(folder, parameters.text, parameters.texts))


def _place(peak: Peak | None) -> str:
    """Say where a peak is, if the runs locate it."""
    if peak is None or np.isnan(peak.share):
        return "not located"
    if peak.high - peak.low >= 0.8 * (peak.ends[1] - peak.ends[0]):
        return f"not located (the {LEVEL:.0%} interval spans the tested range)"
    return f"{peak.share:.2f} ({peak.low:.2f} to {peak.high:.2f})"


def _terms(strategy: str) -> list[Selector]:
    return [{"weight": 1, "strategy": strategy}, {"weight": -1, "strategy": "real", "share": 0.0}]
