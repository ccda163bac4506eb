"""What a pilot will take before anything is bought: tokens and money of its calls, hours of its students."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, quantiles

import pandas as pd

from crossover.models.weights import model_folder
from crossover.params.budget_ratio import BudgetRatio
from crossover.paths import PUBLISHED, repository
from crossover.study.cell import Cell
from crossover.study.cost_estimate import Estimate, estimate
from crossover.study.store import read_runs
from crossover.tasks.base import Problem
from crossover.tasks.user_pairs import UserPairs
from crossover.teachers import Request
from crossover.teachers.base import Kind
from crossover.teachers.few_shot_prompts import EXAMPLES, chat_prompt, prompt

KINDS: dict[str, Kind] = {"question_rephrase": "rephrase", "new_question": "new_question"}  # of every other call
CHAT_TOKENS, JSON_TOKENS = 12, 6  # of a chat template around a prompt, and of a reply's structure, about
SHOWN = 20  # seeds that lengths are taken from


@dataclass(frozen=True)
class Forecast:
    """Estimates from a task's own pairs, counted with the student's tokenizer, which stands for a served teacher's."""

    task: UserPairs
    parameters: BudgetRatio

    @cached_property
    def _seeds(self) -> list[Problem]:
        return self.task.seeds(min(SHOWN, self.task.available("seed")), 0)

    @cached_property
    def _tokenizer(self) -> Callable[[list[str]], dict]:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(model_folder(self.parameters.student))

    def _lengths(self, texts: Sequence[str]) -> list[int]:
        return list(map(len, self._tokenizer(list(texts))["input_ids"]))

    @cached_property
    def _call_tokens(self) -> dict[str, tuple[float, float]]:
        """Mean tokens that a call of each kind reads and writes, from the prompts that these pairs make."""
        served, shown = self.parameters.teacher == "endpoint", self._seeds
        found: dict[str, tuple[float, float]] = {}
        kinds: tuple[Kind, ...] = ("answer", *KINDS.values())
        for kind in kinds:
            made = [Request(kind, problem, 0) for problem in shown]
            given = self.task, shown[:EXAMPLES]
            asked = [chat_prompt(r, *given, "schema") if served else prompt(r, *given) for r in made]
            written = self._lengths([p.answer if kind == "answer" else p.question for p in shown])
            read = fmean(self._lengths(asked)) + CHAT_TOKENS * served
            found[kind] = read, min(fmean(written) + JSON_TOKENS * served, self.parameters.max_new_tokens)
        return found

    def tokens(self, calls: Mapping[str, float]) -> tuple[float, float]:
        """Estimate the tokens that calls read and write, by strategy; each second one makes a question, if any does."""
        read = written = 0.0
        for strategy, n in calls.items():
            for kind in ("answer", KINDS.get(strategy, "answer")):
                read += n / 2 * self._call_tokens[kind][0]
                written += n / 2 * self._call_tokens[kind][1]
        return read, written

    def money(self, calls: Mapping[str, float]) -> float:
        """Estimate what calls cost, by strategy, at the given prices."""
        read, written = self.tokens(calls)
        return (read * self.parameters.price_in + written * self.parameters.price_out) / 1e6

    def students(self, cells: Sequence[Cell], done: Collection[str], runs: pd.DataFrame) -> Estimate:
        """Estimate the hours of students that are not done.

        By the speed of the first one among ``runs``, trained on the seeds alone, once it is there; before, by the
        lengths of these pairs and the speeds of the published study.
        """
        first, device = runs[(runs["strategy"] == "seeds_only") & (runs["replicate"] == 0)], self.parameters.device
        if len(first):
            return estimate(cells, done, first, device)
        length = fmean(self._lengths([self.task.prompt(p.question) + p.answer for p in self._seeds]))
        published = read_runs(repository() / "results" / PUBLISHED)
        return estimate(cells, done, published, device, length)

    def too_long(self) -> list[str]:
        """Warn of answers that do not fit into the longest reply."""
        lengths = self._lengths([p.answer for p in self.task.test(self.parameters.n_test)])
        most = self.parameters.max_new_tokens
        over = sum(length > most for length in lengths)
        if over <= len(lengths) / 20:
            return []
        wanted = quantiles(lengths, n=20)[-1] if len(lengths) > 1 else lengths[0]
        would_do = math.ceil(1.2 * wanted / 16) * 16
        said = (
            f"{over} of {len(lengths)} test answers are longer than --max-new-tokens {most}: they would be cut and"
            " count as wrong"
        )
        return [f"Warning: {said}. About {would_do} tokens would do."]
