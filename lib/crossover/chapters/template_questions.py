"""The chapter on template questions (arXiv 2310.07830): their quality, what training on them does, and their bias."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar

import numpy as np
import pandas as pd
from IPython.display import Markdown
from pandas.io.formats.style import Styler

from crossover.chapters.common import NATS, ChapterBase, Line, counted_range, reading, starred, table
from crossover.data.closed_book import near_tests, pool, question_sets
from crossover.figures.charts import sweep
from crossover.figures.style import Picture
from crossover.labels import counted, display_name
from crossover.models.language_model import LanguageModel
from crossover.models.spacy_english import load_parser
from crossover.normal_text import word_set
from crossover.params.template_questions import TemplateQuestions
from crossover.questions import quality
from crossover.questions.generate import Generator, QuestionBank, load_bank
from crossover.stats.contrasts import items_needed
from crossover.stats.verdicts import LEVEL
from crossover.study.confirmation import shown
from crossover.study.experiments.template_mixture import distributions
from crossover.study.paired import pair
from crossover.study.run import run_grid
from crossover.study.select import Comparison, Selector, minus, select, settings_table

SET_NAMES = {
    "nq_open": "NQ-open", "web_questions": "WebQuestions", "trivia_qa": "TriviaQA", "all": "all question sets",
    "lambada_openai": "LAMBADA", "hellaswag": "HellaSwag", "copa": "COPA",
}  # fmt: skip
#: The paper's gains, as fractions of 1 (arXiv 2310.07830, section 5).
PUBLISHED_GAINS = {"nq_open": 0.0093, "web_questions": 0.0152, "trivia_qa": 0.0123}
MIXTURES = ("tokens_equal", "real_equal")
SPOILT_BY = {"answer": "with wrong answers", "grammar": "with broken grammar"}


@dataclass(frozen=True)
class Chapter(ChapterBase):
    """Everything the chapter shows; ``bank`` holds the synthetic questions."""

    notebook: ClassVar[str] = "01_template_questions"
    seeds: ClassVar[str] = "real question"
    experiment: ClassVar[str] = "template_questions"
    parameters: TemplateQuestions
    bank: QuestionBank

    def gains(self) -> Picture | Markdown:
        """Draw what template questions gain, next to the paper's gains."""
        caption = self.words("template_gains", setting=self._setting)
        return self.forest("template_gains", self._gains, caption, xlabel="gain in exact match, points")

    @cached_property
    def _gains(self) -> pd.DataFrame:
        lines = [
            Line(SET_NAMES[name], _gain(strategy, shares, name), display_name(strategy), PUBLISHED_GAINS[name])
            for strategy in ("real_equal", "tokens_equal")
            for name in self.parameters.question_sets
            if (shares := self._published_shares(strategy))
        ]
        return self.lines(_BASE, lines)

    def detectable(self) -> Styler:
        """Return for each gain what this run could have detected, and the test items that would show one point."""
        rows = []
        shares = self._published_shares("real_equal")
        for name in self.parameters.question_sets if shares else ():
            found = pair(self.runs, self.source, _BASE, _gain("real_equal", shares, name))
            c, needed = found.contrast(self.priors.get("correct")), items_needed(found.differences, 0.01, LEVEL)
            gain = f"{100 * c.estimate:+.2f} ({100 * c.low:.2f} to {100 * c.high:.2f})"
            rows.append((SET_NAMES[name], c.items, c.replicates, gain, f"{100 * c.detectable:.2f}", f"{needed:,}"))
        columns = ["set", "test items", "replicates", "gain, points"]
        columns += ["detectable at best, points", "items to show 1 point, at least"]
        return table(pd.DataFrame(rows, columns=columns), "detectable")

    def ratio_curves(self) -> Picture:
        """Draw exact match against the synthetic share."""
        points = pd.DataFrame(
            {"set": name, "strategy": strategy, "share": share, **self._level([name], strategy, share)}
            for name in self.parameters.question_sets
            for strategy, shares in {"untouched": [0.0], "real": [0.0], **self._shares}.items()
            for share in shares
        )
        sets = self.parameters.question_sets
        changes = [
            Line(f"{display_name(strategy).lower()}, share {share:g}", _gain(strategy, [share], *sets))
            for strategy, shares in self._shares.items()
            for share in shares
        ]
        marks = points[points["strategy"].isin([*MIXTURES, "real"])].rename(columns={"share": "value"})
        marks = marks.assign(task=marks["set"].map(SET_NAMES), series=marks["strategy"].map(display_name))
        marks[["score", "score_low", "score_high"]] = 100 * marks[["estimate", "low", "high"]]
        draw = partial(sweep, marks, {"score": "exact match, %"}, "synthetic share of tokens")
        title = f"{reading(self.lines(_BASE, changes))}, against real questions only"
        caption = self.words("ratio_curves", setting=self._setting, replicates=self._replicates)
        return self.figure("ratio_curves", draw, points, title, caption)

    def size(self) -> Picture | Markdown:
        """Draw the smaller student against the larger."""
        p, small = self.parameters, {"student_layers": self.parameters.small_layers}
        mixed = {"strategy": "real_equal", "share": p.size_share, **small}
        panel = f"{p.small_layers} layers with template questions"
        lines = [
            Line(name, Comparison(minus(mixed, _REAL | other), sets=p.question_sets), panel)
            for name, other in (("against all layers without", {}), ("against the same without", small))
            if p.small_layers
        ]
        caption = self.words("template_size", setting=self._setting)
        return self.forest("template_size", self.lines(_BASE, lines), caption)

    def language(self) -> Picture | Markdown:
        """Draw what template questions change in language modelling."""
        p = self.parameters
        lines = [
            Line(SET_NAMES[name], _gain("real_equal", p.language_shares, name))
            for name in p.language_sets
            if p.language_shares
        ]
        rows = self.lines(_BASE, lines).drop(columns="panel")
        caption = self.words("template_language", setting=self._with_items(p.n_language))
        return self.forest("template_language", rows, caption, xlabel="change in accuracy, points")

    def data_quality(self) -> Picture | Markdown:
        """Draw what spoilt, balanced and skewed template questions change, by the likelihood of gold answers."""
        p, same = self.parameters, {"strategy": "real_equal", "share": self.parameters.size_share}
        changes = [
            ("spoilt against clean", f"{share:.0%} {said}", {"task.spoilt": share, "task.spoilt_by": by})
            for share in p.spoilt
            for by, said in SPOILT_BY.items()
        ]
        changes += [("selected against the text's own mixture", how, {"task.selection": how}) for how in p.selections]
        lines = [
            Line(name, Comparison(minus(change, {}), [same], "gold_loglik", p.question_sets), panel)
            for panel, name, change in changes
        ]
        rows = self.lines(_BASE, lines)
        title = f"Likelihood of gold answers: {reading(rows, 'hundredths of a nat')}"
        return self.forest("template_data", rows, self._setting, title, xlabel=NATS)

    def bias(self) -> Styler:
        """Return the variety of each mixture and its distances from the evaluation sets, means over replicates."""
        names = {
            "type_entropy": "question types, bits", "type_distance": "distance of types",
            "entity_entropy": "entity types, bits",
            "largest_entity": "largest entity type", "entity_distance": "distance of entities",
        }  # fmt: skip
        rows = self.runs[(self.runs["strategy"] != "untouched") & (self.runs["recipe.student_layers"] == 0)]
        rows = rows[rows["task.spoilt"] == 0]
        found = pd.DataFrame([json.loads(text) for text in rows["measures"]], index=rows.index)
        found = found[list(names)].rename(columns=names)
        selected = (", " + rows["task.selection"]).where(rows["task.selection"] != "natural", "")
        found.insert(0, "mixture", rows["strategy"].map(display_name) + selected)
        found.insert(1, "share", rows["task.share"].map("{:g}".format))
        return table(found.groupby(["mixture", "share"]).mean().reset_index(), "bias")

    def funnel(self) -> Styler:
        """Return how many reach each stage of the pipeline, and why the others do not."""
        return table(quality.funnel_table(self.bank.funnel), "question-funnel").format("{:,}", subset=["count"])

    @cached_property
    def _judged(self) -> pd.DataFrame:
        return quality.judge(Generator(load_parser()), quality.read_expectations())

    def precise(self, part: str) -> quality.Precision:
        """Return how many questions on one part of the sentences (``tune``, ``held_out``) are among those expected."""
        return quality.precision(self._judged[self._judged["part"] == part])

    def precision(self) -> Styler:
        """Return how many questions on 200 sentences are among those expected, by part, with 95% intervals."""
        found = {name: self.precise(part) for name, part in (("tuned on", "tune"), ("held out", "held_out"))}
        rows = [(name, p.made, p.right, f"{p.share:.1%} ({p.low:.1%} to {p.high:.1%})") for name, p in found.items()]
        columns = ["sentences", "questions", "right", "precision (95% interval)"]
        return table(pd.DataFrame(rows, columns=columns), "precision")

    def failures(self) -> Styler:
        """Return every question on the 200 sentences that was not expected."""
        return table(quality.failures(self._judged), "failures")

    def measures(self) -> Styler:
        """Return what can be measured of generated and of real questions alike."""
        p = self.parameters
        sets = question_sets({name: p.sources.get(name, "pypi") for name in p.question_sets})
        pairs = [[(q.question, q.answer) for q in self.bank.questions], pool(sets)]
        repeats = [quality.repetition(some) for some in pairs]
        near = near_tests(sets).holds([word_set(question) for question, _ in pairs[0]])
        shuffled = [np.random.default_rng(0).permutation(len(some))[: p.n_quality] for some in pairs]
        drawn = [[some[i][0] for i in at] for some, at in zip(pairs, shuffled, strict=True)]
        reader = LanguageModel.load(p.student, p.device)
        fluency = [np.median(quality.perplexity(reader, some)) for some in drawn]
        size = min(map(len, drawn))
        rows = {"median perplexity": [f"{median:.0f}" for median in fluency]}
        for n in (1, 2):
            shares = (quality.distinct_of_sample(some, n, size) for some in drawn)
            rows[f"distinct-{n} of {size} questions"] = [f"{share:.2f}" for share in shares]
        entropies = (quality.entropy(distributions(some, [])[0]) for some in drawn)
        rows |= {
            "entropy of question types, bits": [f"{bits:.2f}" for bits in entropies],
            "question and answer repeated": [f"{r.repeated / r.questions:.1%}" for r in repeats],
            "question with two answers": [f"{r.ambiguous / r.questions:.1%}" for r in repeats],
            "near a test question, and left out": [f"{np.mean(near):.2%}", "left out before"],
        }
        shown = [(measure, *values) for measure, values in rows.items()]
        return table(pd.DataFrame(shown, columns=["measure", "generated", "real"]), "quality")

    def gallery(self) -> Styler:
        """Return two questions of every type, drawn by seed: what is usual, picked by nobody."""
        shown = quality.gallery(self.bank.questions, each=2, seed=0)
        return table(shown.drop(columns=["entity", "source", "template"]), "gallery")

    @cached_property
    def headline(self) -> str:
        """How many questions there are, how good they are, and whether they help."""
        held_out, gains = self.precise("held_out"), starred(self._gains[self._gains["estimate"].notna()])
        sides = gains.loc[gains["significant"], "estimate"] > 0
        values = {
            "precise": held_out,
            "floor": self._floor,
            "up": sides.sum() or "none",
            "down": (~sides).sum() or "none",
        }
        return self.words("template_headline", n=f"{len(self.bank.questions):,}", gains=len(gains), **values)

    @cached_property
    def _floor(self) -> float:
        return self._level(self.parameters.question_sets, "real", 0.0)["estimate"]

    def numbers(self) -> None:
        """Store what pages of the book quote."""
        self.quote(n_template_questions=f"{len(self.bank.questions):,}", closed_book_floor=f"{self._floor:.1%}")

    @property
    def _setting(self) -> str:
        return self._with_items(self.parameters.n_test)

    def _with_items(self, items: int) -> str:
        """Say on how many items of each set, with which student, a figure rests."""
        return self.words("template_setting", items=counted(items, "test item"))

    @property
    def _replicates(self) -> str:
        trained = self.runs[self.runs["seed_size"] > 0].groupby(["strategy", *_MIXTURE])
        return counted_range(trained["replicate"].nunique(), "replicate")

    @property
    def _shares(self) -> dict[str, list[float]]:
        """The synthetic shares of each mixture."""
        return {strategy: getattr(self.parameters, strategy) for strategy in MIXTURES}

    def _published_shares(self, strategy: str) -> list[float]:
        """Return the shares of a mixture that the paper tried too."""
        return [share for share in self._shares[strategy] if share in (0.1, 0.3, 0.5)]

    def _level(self, sets: Sequence[str], strategy: str, share: float) -> dict[str, float]:
        one = Comparison([{"weight": 1, "strategy": strategy, "share": share}], sets=sets)
        c = pair(self.runs, self.source, _BASE, one).contrast()
        return {"estimate": c.estimate, "low": max(c.low, 0.0), "high": c.high}


#: What tells the mixtures of a strategy apart.
_MIXTURE = ["task.share", "task.spoilt", "task.spoilt_by", "task.selection", "recipe.student_layers"]
_BASE: Selector = {
    "experiment": "template_questions", "task": "closed_book_qa", "student_layers": 0, "task.spoilt": 0.0,
    "task.selection": "natural",
}  # fmt: skip
_REAL: Selector = {"strategy": "real", "share": 0.0}


def run(parameters: TemplateQuestions) -> Chapter:
    """Run the grid and return what there is to show."""
    parameters, runs, source = shown(Chapter.notebook, parameters, run_grid(parameters))
    bank = load_bank(source / "generations", parameters.text, parameters.texts)
    runs = settings_table(runs)
    return Chapter(_trained(parameters, runs), runs, source, bank)


def _trained(p: TemplateQuestions, runs: pd.DataFrame) -> TemplateQuestions:
    """Return the parameters without the mixtures that have no rows yet."""
    shares = {strategy: {*some} for strategy, some in select(runs, _BASE, _BASE).groupby("strategy")["task.share"]}
    spoilt, selected = {*zip(runs["task.spoilt"], runs["task.spoilt_by"], strict=True)}, {*runs["task.selection"]}
    there = {name: [s for s in getattr(p, name) if s in shares.get(name, ())] for name in MIXTURES}
    there["spoilt"] = [s for s in p.spoilt if {(s, by) for by in SPOILT_BY} <= spoilt]
    return p.model_copy(update=there | {"selections": [how for how in p.selections if how in selected]})


def _gain(strategy: str, shares: Sequence[float], *sets: str) -> Comparison:
    """Compare a mixture, over some shares, with real questions alone."""
    return Comparison(minus({"strategy": strategy}, _REAL), [{"share": share} for share in shares], sets=sets)
