"""What a pilot will take before anything is bought: tokens and money of its calls, hours of its students."""

from __future__ import annotations

import json
import math
from collections import Counter
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
from crossover.teachers.base import EXAMPLES, Kind, prompt
from crossover.teachers.dialects import chat_prompt, context_of, field_of

KINDS: dict[str, Kind] = {"question_rephrase": "rephrase", "new_question": "new_question"}  # of every other call
CHAT_TOKENS = 12  # of a chat template around a prompt, about
SHOWN = 200  # seeds that lengths are taken from
EARLY = 16  # queries of the first cells that an estimate is mended by, at most


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
    def _call_tokens(self) -> dict[Kind, tuple[list[int], list[int]]]:
        """Tokens of the prompts and replies that these pairs make, of each kind of call."""
        served, given = self.parameters.teacher == "endpoint", (self.task, self._seeds[:EXAMPLES])
        found: dict[Kind, tuple[list[int], list[int]]] = {}
        for kind in ("answer", *KINDS.values()):
            made = [Request(kind, problem, 0) for problem in self._seeds]
            asked = [chat_prompt(r, *given, "schema") if served else prompt(r, *given) for r in made]
            told = [p.answer if kind == "answer" else p.question for p in self._seeds]
            replies = [json.dumps({field_of(kind): text}) for text in told] if served else told
            written = [min(n + 1, self.parameters.max_new_tokens) for n in self._lengths(replies)]
            found[kind] = [n + CHAT_TOKENS * served for n in self._lengths(asked)], written
        return found

    def tokens(self, calls: Mapping[str, int], runs: pd.DataFrame | None = None) -> tuple[float, float]:
        """Estimate the tokens that calls read and write, by strategy.

        From the pairs: of all but new answers each second call makes a question. Where ``runs`` hold the first cells,
        by what these took for each token that the same estimate gives them.
        """
        totals = [0.0, 0.0]
        for strategy, n in calls.items():
            for kind, halves in Counter(("answer", KINDS.get(strategy, "answer"))).items():
                for side, lengths in enumerate(self._call_tokens[kind]):
                    rounds, rest = divmod(n * halves // 2, len(lengths))
                    totals[side] += rounds * sum(lengths) + sum(lengths[:rest])
        if runs is not None and len(bought := runs[(runs["budget"] > 0) & (runs["replicate"] == 0)]):
            some = bought[bought["budget"] <= max(EARLY, bought["budget"].min())].sort_values("budget")
            first = some.groupby("strategy")[["queries", "tokens_in", "tokens_out"]].last()
            expected = self.tokens(first["queries"].to_dict())
            totals = [total * took / of for total, took, of in zip(totals, first.sum()[1:], expected, strict=True)]
        return totals[0], totals[1]

    def money(self, calls: Mapping[str, int], runs: pd.DataFrame | None = None) -> float:
        """Estimate what calls cost, by strategy, at the given prices."""
        read, written = self.tokens(calls, runs)
        return (read * self.parameters.price_in + written * self.parameters.price_out) / 1e6

    def priced(self, calls: Mapping[str, int], runs: pd.DataFrame) -> str:
        """Say what calls cost: before the first, by which tokenizer; later, where that was wrong by a fifth."""
        money, before = self.money(calls, runs), self.money(calls)
        if not runs["budget"].any():
            return f"{money:.2g} (by the student's tokenizer, which stands for the teacher's until the first calls)"
        return f"{money:.2g}" + (f" (before the first calls: {before:.2g})" if abs(money - before) > before / 5 else "")

    def price(self, calls: Mapping[str, int], runs: pd.DataFrame) -> list[str]:
        """Say in one line what calls cost; none where they have no price."""
        p = self.parameters
        cap = f", capped at {p.max_cost:g}" if p.max_cost else ""
        return [f"About {self.priced(calls, runs)} at the prices given{cap}."] if p.price_in or p.price_out else []

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
        """Warn of answers longer than the longest reply, and of prompts that student or server has no context for."""
        p, tests = self.parameters, self.task.test(self.parameters.n_test)
        said = []
        lengths = self._lengths([problem.answer for problem in tests])
        over = sum(length > p.max_new_tokens for length in lengths)
        if over > len(lengths) / 20:
            wanted = quantiles(lengths, n=20)[-1] if len(lengths) > 1 else lengths[0]
            said.append(
                f"Warning: --max-new-tokens {p.max_new_tokens} is too short for {over} of {len(lengths)} test answers,"
                f" which would be cut and count as wrong. About {math.ceil(1.2 * wanted / 16) * 16} tokens would do."
            )
        about = json.loads((model_folder(p.student) / "config.json").read_text())
        reads = about.get("max_position_embeddings") or about.get("n_positions") or math.inf
        asked = self._lengths([self.task.prompt(problem.question) for problem in (*tests, *self._seeds)])
        if over := sum(length + p.max_new_tokens > reads for length in asked):
            said.append(
                f"Warning: the student's context of {reads:,} tokens is too short for {over} of {len(asked)} questions"
                " with an answer, which it cannot learn. Give shorter pairs, or another student."
            )
        if p.teacher != "endpoint":
            return said
        context = context_of(p.base_url, p.teacher_model) or math.inf
        for kind, (asked, _) in self._call_tokens.items():
            if over := sum(length + p.max_new_tokens > context for length in asked):
                said.append(
                    f"Warning: the server's context of {context:,} tokens is too short for {over} of {len(asked)}"
                    f" prompts ({kind.replace('_', ' ')}) with a reply: such calls buy nothing. Serve a longer context,"
                    " or give shorter pairs."
                )
        return said
