"""What the questions made from text are like: yield, precision, fluency, answerability, repetition, variety.

The section on quality of the chapter on template questions (arXiv 2310.07830, section 4) shows what is here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from crossover.chapters.common import ChapterBase, table
from crossover.data.closed_book import Real, near_tests, pool, question_sets
from crossover.models.language_model import LanguageModel
from crossover.models.spacy_english import load_parser
from crossover.normal_text import word_set
from crossover.params.template_questions import TemplateQuestions
from crossover.questions.generate import Generator, Question, QuestionBank
from crossover.questions.hand_checked import EXPECTATIONS, Precision, failures, judge, precision, read_expectations
from crossover.questions.quality import (
    compare,
    distinct_of_sample,
    entropy,
    funnel_table,
    gallery,
    perplexity,
    repetition,
)
from crossover.study.experiments.template_mixture import distributions


@dataclass(frozen=True)
class QuestionBankChapter(ChapterBase):
    """The part of the chapter that shows the synthetic questions of ``bank``."""

    parameters: TemplateQuestions
    bank: QuestionBank

    def funnel(self) -> Styler:
        """Return how many reach each stage of the pipeline, and why the others do not."""
        return table(funnel_table(self.bank.funnel), "question-funnel")

    def precise(self, part: str) -> Precision:
        """Return how many questions on one part of the sentences (``tune``, ``held_out``) are among those expected."""
        return precision(self._judged[self._judged["part"] == part])

    def precision(self) -> Styler:
        """Return how many questions on 200 sentences are among those expected, by part, with 95% intervals."""
        found = {name: self.precise(part) for name, part in (("tuned on", "tune"), ("held out", "held_out"))}
        rows = [(name, p.made, p.right, f"{p.share:.1%} ({p.low:.1%} to {p.high:.1%})") for name, p in found.items()]
        columns = ["sentences", "questions", "right", "precision (95% interval)"]
        return table(pd.DataFrame(rows, columns=columns), "precision")

    def failures(self) -> Styler:
        """Return every question on the 200 sentences that was not expected."""
        return table(failures(self._judged), "failures")

    @cached_property
    def _judged(self) -> pd.DataFrame:
        expected = read_expectations(EXPECTATIONS)
        return judge(Generator(load_parser()), expected)

    def measures(self) -> Styler:
        """Return what can be measured of generated and of real questions alike."""
        generated, real = [q.question for q in self._drawn], [r.question for r in self._real_drawn]
        fluent = compare(perplexity(self._reader, generated), perplexity(self._reader, real))
        size = min(len(generated), len(real))
        makes = repetition((q.question, q.answer) for q in self.bank.questions)
        reals = repetition((r.question, r.answers[0]) for r in self._real)
        near = near_tests(question_sets(self.parameters.question_sources)).holds(
            [word_set(q.question) for q in self.bank.questions]
        )
        higher = f"{fluent.higher:.2f} ({fluent.low:.2f} to {fluent.high:.2f})"
        rows = [
            ("median perplexity", f"{fluent.generated:.0f}", f"{fluent.real:.0f}"),
            ("probability that a generated one's perplexity is higher", higher, ""),
            *(
                (
                    f"distinct-{n} of {size} questions",
                    *(f"{distinct_of_sample(some, n, size):.2f}" for some in (generated, real)),
                )
                for n in (1, 2)
            ),
            ("entropy of question types, bits", *(f"{entropy(_types(some)):.2f}" for some in (generated, real))),
            ("question and answer repeated", *(f"{r.repeated / r.questions:.1%}" for r in (makes, reals))),
            ("question with two answers", *(f"{r.ambiguous / r.questions:.1%}" for r in (makes, reals))),
            ("near a test question, and left out", f"{np.mean(near):.2%}", "left out before"),
        ]
        return table(pd.DataFrame(rows, columns=["measure", "generated", "real"]), "quality")

    def distributions(self) -> Styler:
        """Return the distributions of question types and of the answers' entity types, generated against real."""
        made = distributions([q.question for q in self._drawn], [q.answer for q in self._drawn])
        real = distributions([r.question for r in self._real_drawn], [r.answers[0] for r in self._real_drawn])
        rows = [
            pd.DataFrame({"of": title, "generated": generated, "real": seen})
            .fillna(0.0)
            .sort_values(["real", "generated"], ascending=False)
            for title, generated, seen in zip(("questions", "answers"), made, real, strict=True)
        ]
        shares = pd.concat(rows).rename_axis("type").reset_index()[["of", "type", "generated", "real"]]
        shown = table(shares.assign(of=shares["of"].ffill()), "distributions")
        return shown.format("{:.0%}", subset=["generated", "real"])

    def gallery(self, each: int = 2, seed: int = 0) -> Styler:
        """Return questions of every type, drawn by seed: what is usual, picked by nobody."""
        return table(gallery(self.bank.questions, each, seed), "gallery")

    @cached_property
    def _reader(self) -> LanguageModel:
        return LanguageModel.load(self.parameters.student, self.parameters.device)

    @cached_property
    def _real(self) -> list[Real]:
        return pool(question_sets(self.parameters.question_sources))

    @cached_property
    def _drawn(self) -> list[Question]:
        return _draw(self.bank.questions, self.parameters.n_quality)

    @cached_property
    def _real_drawn(self) -> list[Real]:
        return _draw(self._real, self.parameters.n_quality)


def _draw(items: Sequence, n: int, seed: int = 0) -> list:
    """Draw items by seed, all where there are fewer."""
    return [items[i] for i in np.random.default_rng(seed).permutation(len(items))[:n]]


def _types(questions: Sequence[str]) -> dict[str, float]:
    return distributions(questions, [])[0]
