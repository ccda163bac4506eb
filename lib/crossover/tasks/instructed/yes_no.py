"""Yes or no from a text: RTE (does it entail a sentence), BoolQ (a question), MC-TACO (is an answer about time plausible)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from crossover.data import load
from crossover.tasks.base import Problem
from crossover.tasks.instructed.base import Labelled, Splits
from crossover.tasks.instructed.prompts import Instruction


@dataclass(frozen=True)
class _YesNo(Labelled):
    labels: ClassVar[tuple[str, ...]] = ("no", "yes")

    def _problem(self, yes: bool, *values: str) -> Problem:
        return Problem("", self.as_input(*values), f" {self.labels[yes]}")


@dataclass(frozen=True)
class Rte(_YesNo):
    """Recognising textual entailment, the GLUE form (Wang et al. 2019): 2,490 training pairs.

    Examples
    --------
    >>> Rte().as_input("A dog barks.", "An animal\\nis heard.")
    'Premise: A dog barks.\\nHypothesis: An animal is heard.'
    """

    instruction = Instruction(
        "In this task, you are given a premise and a hypothesis. Answer yes if someone who takes the premise as true would "
        "conclude that the hypothesis is true, and no if not.",
        (
            (("Premise: The ferry to Harwich was cancelled on Monday because of a storm in the North Sea.\n"
             "Hypothesis: Bad weather kept a ferry from sailing."), "yes"),
            (("Premise: The council will vote on Thursday on a plan to close two of the town's libraries.\n"
             "Hypothesis: Two libraries have been closed."), "no"),
        ),
    )  # fmt: skip
    fields = ("Premise", "Hypothesis")
    input_tokens = 160
    shared_field = "Premise"
    data_set = "glue_rte"
    name: str = field(default="rte", init=False)

    def _problems(self, rows: list[load.Row]) -> list[Problem]:
        return [self._problem(row["label"] == 0, row["sentence1"], row["sentence2"]) for row in rows]

    def _group(self, row: load.Row) -> str:
        return row["sentence1"]


@dataclass(frozen=True)
class BoolQ(_YesNo):
    """Naturally asked yes/no questions with a Wikipedia passage (Clark et al. 2019).

    The question stands before the passage, so that an encoder that cuts long texts never cuts it off.
    """

    instruction = Instruction(
        "In this task, you are given a question and a passage. Answer the question with yes or no from what the passage says.",
        (
            (("Question: can you walk to the island at low tide\n"
             "Passage: Lindholm lies half a mile off the coast. A causeway that the sea leaves dry for about four hours on "
             "either side of low tide joins it to the mainland; there is no ferry."), "yes"),
            (("Question: is the old mill still in use\n"
             "Passage: The mill ground flour for the village from 1742. It was sold in 1931, stood empty for thirty years "
             "and is a museum today."), "no"),
        ),
    )  # fmt: skip
    fields = ("Question", "Passage")
    input_tokens = 240
    shared_field = "Passage"
    data_set = "boolq"
    name: str = field(default="boolq", init=False)

    def _problems(self, rows: list[load.Row]) -> list[Problem]:
        return [self._problem(bool(row["answer"]), row["question"], row["passage"]) for row in rows]

    def _group(self, row: load.Row) -> str:
        return row["passage"]


@dataclass(frozen=True)
class McTaco(_YesNo):
    """Temporal commonsense: is an answer about duration, order, frequency or time plausible (Zhou et al. 2019)?

    Its authors train on the validation split. About two answers in three are not plausible.
    """

    instruction = Instruction(
        "In this task, you are given a sentence, a question about when or how long something in it happens, and an answer. "
        "Answer yes if the answer is plausible, and no if it is not.",
        (
            (("Sentence: Ana boiled an egg before she left for work.\nQuestion: How long did it boil?\n"
             "Answer: seven minutes"), "yes"),
            (("Sentence: The brothers rebuilt their father's barn.\nQuestion: How long did they work on it?\n"
             "Answer: a few seconds"), "no"),
        ),
    )  # fmt: skip
    fields = ("Sentence", "Question", "Answer")
    input_tokens = 112
    shared_field = "Sentence"
    data_set = "mc_taco"
    split_names: ClassVar[Splits] = {"dir": ("validation", "test"), "hub": ("validation", "test")}
    name: str = field(default="mc_taco", init=False)

    def _problems(self, rows: list[load.Row]) -> list[Problem]:
        return [self._problem(row["label"] == 1, row["sentence"], row["question"], row["answer"]) for row in rows]

    def _group(self, row: load.Row) -> str:
        return row["sentence"]
