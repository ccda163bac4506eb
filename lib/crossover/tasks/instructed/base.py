"""The tasks of arXiv 2310.01119: an instruction, classes or free text, and pools that leak nothing.

Prompts have the form in which Tk-Instruct was trained (arXiv 2204.07705); definitions and examples are ours. An input
is one line, or one line per field (``Premise: ...``). A training item that is nearly a test item, or shares its premise
or passage, is neither given with its output nor unlabelled.
"""

import re
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

from crossover.data import load
from crossover.data.near_duplicates import Neighbourhood
from crossover.errors import CrossoverError
from crossover.normal_text import word_set
from crossover.paths import read_yaml
from crossover.tasks.base import Benchmark, Problem, Task, half


@dataclass(frozen=True)
class Instruction:
    """The definition of a task, and positive examples (inputs with their outputs) written for this project."""

    definition: str
    examples: tuple[tuple[str, str], ...]

    def annotate(self, text: str) -> str:
        """Return the prompt that asks for the output of an input."""
        shown = (f"Input: {given}\nOutput: {wanted}" for given, wanted in self.examples)
        return f"{self._shown(shown)}Now complete the following example -\nInput: {text}\nOutput:"

    def generate(self, output: str | None = None) -> str:
        """Return the prompt that asks for a new example, of an ``output`` (which then comes first) if given."""
        if output is None:
            shown = (f"Input: {given}\nOutput: {wanted}" for given, wanted in self.examples)
            return f"{self._shown(shown)}Now write another example -\nInput:"
        shown = (f"Output: {wanted}\nInput: {given}" for given, wanted in self.examples)
        return f"{self._shown(shown)}Now write another example -\nOutput: {output}\nInput:"

    def _shown(self, examples: Iterable[str]) -> str:
        numbered = (f"Positive Example {i} -\n{text}\n\n" for i, text in enumerate(examples, 1))
        return f"Definition: {self.definition}\n\n" + "".join(numbered)


@dataclass(frozen=True)
class Split:
    """The data of a replicate: original problems, and inputs without outputs, which ``gold`` holds by id."""

    original: list[Problem]
    unlabelled: list[Problem]
    gold: dict[str, str]


@dataclass(frozen=True)
class Instructed(Benchmark, Task):
    """A task that a teacher is instructed in; an entry of ``tasks.yaml`` gives the facts below."""

    instruction: ClassVar[Instruction]
    fields: ClassVar[tuple[str, ...]] = ()
    shared_field: ClassVar[str] = ""
    input_tokens: ClassVar[int]
    output_tokens: ClassVar[int] = 6
    data_set: ClassVar[str]
    split_names: ClassVar[dict[str, tuple[str, str]]]

    def __init_subclass__(cls, card: str | None = None) -> None:
        super().__init_subclass__()
        if card is not None:
            facts = read_yaml(Path(__file__).with_name("tasks.yaml"))[card]
            cls.name = card
            cls.instruction = Instruction(facts.pop("definition"), tuple(map(tuple, facts.pop("examples"))))
            for key, value in facts.items():
                setattr(cls, key, tuple(value) if isinstance(value, list) else value)

    @property
    @abstractmethod
    def classes(self) -> tuple[str | None, ...]:
        """Outputs that generation is conditioned on, each in turn; ``(None,)`` where outputs are free text."""

    @abstractmethod
    def _problems(self, rows: list[load.Row]) -> list[Problem]:
        """Turn rows of the data set into problems, in order."""

    @abstractmethod
    def _group(self, row: load.Row) -> str:
        """What rows have in common that must fall on one side where a split is halved."""

    def split(self, original: int, unlabelled: int, replicate: int) -> Split:
        """Return ``original`` items with outputs and ``unlabelled`` inputs without."""
        pool = self.seeds(len(_pool(self)), replicate)
        if original + unlabelled > len(pool):
            raise CrossoverError(
                f"{self.name}: {original} original and {unlabelled} unlabelled items were asked for; the {self.source} "
                f"source has {len(pool)} that are not near a test item. Lower the sizes or the amount."
            )
        rest = pool[: -unlabelled - 1 : -1]
        return Split(pool[:original], [Problem(p.id, p.question, "") for p in rest], {p.id: p.answer for p in rest})

    def near_test(self, questions: Sequence[str]) -> list[bool]:
        """Whether each input is a near-duplicate of an item of the whole test side, or shares its shared field."""
        return _test_side(self).holds([self._units(question) for question in questions])

    def _pool(self, side: str) -> list[Problem]:
        return list(_side(self, "test") if side == "test" else _pool(self))

    def _units(self, question: str) -> frozenset[str]:
        """What near-duplicates have in common: words of the input, or of the field that several items may share."""
        found = re.search(rf"^{self.shared_field}: (.*)$", question, re.MULTILINE) if self.shared_field else None
        return word_set(found[1] if found else question)

    def prompt(self, question: str) -> str:
        return f"Input: {question}\nOutput:"

    def as_input(self, *values: str) -> str:
        lines = [" ".join(value.split()) for value in values]
        if not self.fields:
            return lines[0]
        return "\n".join(f"{name}: {line}" for name, line in zip(self.fields, lines, strict=True))

    def read_input(self, text: str) -> str | None:
        """Return the input at the start of a teacher's text, or ``None`` where a field is missing or empty."""
        lines, prefixes = text.strip().splitlines(), [f"{name}: *" for name in self.fields] or [""]
        found = [re.fullmatch(rf"{prefix}(\S.*)", line.strip()) for prefix, line in zip(prefixes, lines, strict=False)]
        values = [match[1] for match in found if match]
        return self.as_input(*values) if len(values) == len(prefixes) else None

    @abstractmethod
    def read_example(self, text: str, output: str | None) -> tuple[str, str] | None:
        """Return input and completion of a generated example, or ``None`` where they cannot be read."""

    @abstractmethod
    def as_example(self, problem: Problem) -> str:
        """Return a problem as a teacher should have generated it, which :meth:`read_example` reads."""


class ClassificationTask(Instructed):
    """A classification task: every output is one of :attr:`labels`."""

    labels: ClassVar[tuple[str, ...]]
    columns: ClassVar[tuple[str, ...]]
    group: ClassVar[str]
    truth: ClassVar[tuple[str, object]]
    metric = "accuracy of the label"

    @property
    def classes(self) -> tuple[str | None, ...]:
        return self.labels

    def _problems(self, rows: list[load.Row]) -> list[Problem]:
        column, positive = self.truth
        labels = [self.labels[row[column] == positive] for row in rows]
        inputs = [self.as_input(*(row[column] for column in self.columns)) for row in rows]
        return [Problem("", given, f" {label}") for given, label in zip(inputs, labels, strict=True)]

    def _group(self, row: load.Row) -> str:
        return row[self.group]

    def extract(self, completion: str) -> str | None:
        """Return the label that a completion's first line is, whatever its case and end, or ``None`` if it is none."""
        first = first_line(completion).strip(" .!\"'").casefold()
        return first if first in self.labels else None

    def correct(self, completion: str, problem: Problem) -> bool:
        label = self.extract(completion)
        return label is not None and label == self.extract(problem.answer)

    def read_example(self, text: str, output: str | None) -> tuple[str, str] | None:
        question = self.read_input(text)
        return (question, f" {output}") if question else None

    def as_example(self, problem: Problem) -> str:
        return f" {problem.question}"


class Rte(ClassificationTask, card="rte"):
    """Recognising textual entailment, the GLUE form (Wang et al. 2019): 2,490 training pairs."""


class BoolQ(ClassificationTask, card="boolq"):
    """Naturally asked yes/no questions with a Wikipedia passage (Clark et al. 2019)."""


class McTaco(ClassificationTask, card="mc_taco"):
    """Temporal commonsense (Zhou et al. 2019), whose authors train on the validation split."""


class Sst2(ClassificationTask, card="sst2"):
    """The Stanford Sentiment Treebank with two classes, as in GLUE (Socher et al. 2013)."""


class GenerationTask(Instructed):
    """A generation task: a sentence has to mention what the input lists, and may have several references."""

    classes = (None,)
    metric = "everything in the input is mentioned"
    reference: ClassVar[str]  # the column of the sentences

    def _problems(self, rows: list[load.Row]) -> list[Problem]:
        references: dict[str, list[str]] = {}
        for row in rows:
            references.setdefault(self.as_input(self._group(row)), []).append(" ".join(row[self.reference].split()))
        return [Problem("", given, f" {texts[0]}", references=tuple(texts)) for given, texts in references.items()]

    @abstractmethod
    def mentioned(self, question: str, text: str) -> list[bool]:
        """Whether a text mentions each thing that an input lists."""

    @abstractmethod
    def unsupported(self, question: str, text: str) -> list[str] | None:
        """Return what a text says that its input does not; ``None`` for a task whose texts may add what they like."""

    def extract(self, completion: str) -> str | None:
        return first_line(completion) or None

    def correct(self, completion: str, problem: Problem) -> bool:
        text = self.extract(completion)
        return text is not None and all(self.mentioned(problem.question, text))

    def read_example(self, text: str, output: str | None) -> tuple[str, str] | None:
        first, mark, second = text.strip().partition("\nOutput:")
        question, sentence = self.read_input(first), self.extract(second)
        return (question, f" {sentence}") if mark and question and sentence else None

    def as_example(self, problem: Problem) -> str:
        return f" {problem.question}\nOutput:{problem.answer}"


def first_line(text: str) -> str:
    """Return the first line of a text that is not blank, stripped; empty where there is none."""
    return next(iter(text.strip().splitlines()), "").strip()


@cache
def _side(task: Instructed, side: str) -> tuple[Problem, ...]:
    """Every item of a side before near-duplicates are left out; tasks are equal where their settings are."""
    splits = task.split_names.get(task.source)
    if splits is None:
        known = ", ".join(task.split_names)
        raise CrossoverError(f"{task.name}: there is no source {task.source!r}; it can be read from {known}.")
    train, test = splits
    rows = task._rows(task.data_set, test if side == "test" else train)
    return tuple(task._problems([row for row in rows if train != test or half(task._group(row)) == side]))


@cache
def _test_side(task: Instructed) -> Neighbourhood:
    return Neighbourhood(task._units(p.question) for p in _side(task, "test"))


@cache
def _pool(task: Instructed) -> tuple[Problem, ...]:
    """The training side without repeated inputs and near-duplicates of test items."""
    problems = {p.question: p for p in reversed(_side(task, "seed"))}.values()
    near = task.near_test([p.question for p in problems])
    return tuple(p for p, leaks in zip(problems, near, strict=True) if not leaks)
