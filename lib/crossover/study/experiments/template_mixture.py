"""Real and synthetic questions mixed, and the student trained on the mixture (arXiv 2310.07830, section 5).

With ``tokens_equal`` real questions make room for synthetic ones; with ``real_equal`` these are added to all real ones.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

from crossover.data.closed_book import Sources, answers, near_tests, pool, question_sets, test_rows
from crossover.errors import CrossoverError
from crossover.evaluation.lm_harness import score
from crossover.models.spacy_english import load_parser
from crossover.models.weights import model_folder
from crossover.normal_text import word_set
from crossover.questions.generate import load_bank
from crossover.questions.quality import distance, entity_types, entropy, question_type, shares
from crossover.strategies import Funnel
from crossover.study.cell import Evaluation, MixtureCell, TrainingData
from crossover.study.experiments.base import timed, train_causal
from crossover.study.store import Store

#: How the harness asks, with and without its heading; an answer follows after a space.
PROMPTS = ("Answer these questions:\n\nQ: {}?\nA:", "Question: {}?\nAnswer:")
#: Questions of the evaluation sets from which their distributions are taken.
MOST = 2000


class TemplateMixtureExperiment:
    """Cells of the chapter on template questions."""

    def check(self, cells: Sequence[MixtureCell]) -> None:
        """Refuse cells whose evaluation sets cannot be read; how many questions a text gives is known later."""
        for name, source in {s for cell in cells for s in cell.task_settings["sources"].items()}:
            test_rows(name, source)

    def make_data(self, cell: MixtureCell, store: Store, device: str) -> TrainingData:
        """Return a cell's mixture, and how varied it is."""
        examples = mixture(cell, store.folder)
        pairs = [_pair(example, number) for number, example in enumerate(examples)]
        made = len([e for e in examples if e.type != "real"])
        measures = measure(cell, examples) if examples else {}
        return TrainingData(pairs, Funnel(made, made, made, made, made, made), measures=measures)

    def train_and_score(self, cell: MixtureCell, pairs: Sequence[tuple[str, str]], device: str) -> Evaluation:
        """Train a student on a cell's pairs, unless there are none, and score it under the harness's definitions."""
        student, train = train_causal(cell, pairs, device)
        settings = cell.task_settings
        return timed(train, lambda: score(student, settings["sizes"], settings["sources"], cell.skip_test))

    def metric(self, cell: MixtureCell) -> str:
        return "items right of all sets, each by its harness metric"


@dataclass(frozen=True)
class Example:
    """A question and the answer to train on; ``type`` is how the question was made, ``real`` or a template's type."""

    question: str
    answer: str
    type: str


def mixture(cell: MixtureCell, folder: Path) -> list[Example]:
    """Return a cell's training examples, real ones first; too few questions are an error.

    Within a replicate, real and synthetic questions are each taken from one random order, so that smaller parts are
    contained in larger ones.
    """
    if cell.strategy == "untouched":
        return []
    share, model = cell.task_settings["share"], cell.recipe["model"]
    found = pool(question_sets(cell.task_settings["sources"]))
    real = _shuffled([Example(question, answer, "real") for question, answer in found], cell)
    if len(real) < cell.seed_size:
        raise CrossoverError(f"There are {len(real)} real questions to train on, not {cell.seed_size}; lower n_real.")
    base = real[: cell.seed_size]
    whole = sum(_lengths(base, model))
    if not share:
        return base
    made = _spoilt(_selected(_shuffled(synthetic(cell, folder), cell), cell), cell)
    if cell.strategy == "real_equal":
        return base + _filled(made, whole * share / (1 - share), model)
    return _filled(base, whole * (1 - share), model) + _filled(made, whole * share, model)


def synthetic(cell: MixtureCell, folder: Path) -> list[Example]:
    """Return all synthetic questions of a cell's text, none of them near a test question, each question once."""
    settings = cell.task_settings
    bank = load_bank(folder / "generations", settings["text"], settings["texts"])
    first = {q.question: q for q in reversed(bank.questions) if q.type in settings["question_types"]}
    made = [first[question] for question in dict.fromkeys(q.question for q in bank.questions) if question in first]
    near = near_tests(question_sets(settings["sources"])).holds([word_set(q.question) for q in made])
    return [Example(q.question, q.answer, q.type) for q, leaks in zip(made, near, strict=True) if not leaks]


def measure(cell: MixtureCell, examples: Sequence[Example]) -> dict[str, object]:
    """Return the entropies (bits) of a mixture's question and entity types, and distances from the evaluation sets."""
    types, entities = distributions([e.question for e in examples], [e.answer for e in examples])
    tested_types, tested_entities = tested(question_sets(cell.task_settings["sources"]))
    values = {
        "type_entropy": entropy(types),
        "entity_entropy": entropy(entities),
        "largest_entity": max(entities.values()),
        "type_distance": distance(types, tested_types),
        "entity_distance": distance(entities, tested_entities),
    }
    return {"synthetic": sum(e.type != "real" for e in examples)} | {n: round(v, 5) for n, v in values.items()}


def distributions(questions: Sequence[str], given: Sequence[str]) -> tuple[dict[str, float], dict[str, float]]:
    """Return the distributions of question types and of the entity types of answers that are entities."""
    labels = [label for label in _entities(tuple(given)) if label != "none"]
    return shares(map(question_type, questions)), shares(labels or ["none"])


@cache
def tested(sources: Sources) -> tuple[dict[str, float], dict[str, float]]:
    """Return the same distributions for the evaluation sets' questions, every set with the same weight."""
    rows = [(name, row) for name, source in sources for _, row in test_rows(name, source)[: MOST // len(sources)]]
    return distributions([row["question"] for _, row in rows], [answers(name, row)[0] for name, row in rows])


def _pair(example: Example, number: int) -> tuple[str, str]:
    """The prompt in one of the harness's forms, in turn, and the answer."""
    return PROMPTS[number % len(PROMPTS)].format(example.question.rstrip("?")), f" {example.answer}"


def _filled(examples: Sequence[Example], tokens: float, model: str) -> list[Example]:
    """Return the first examples with as many tokens in all as come nearest to a number."""
    total, taken = 0, list[Example]()
    for example, length in zip(examples, _lengths(examples, model), strict=True):
        if total + length / 2 > tokens:
            return taken
        taken.append(example)
        total += length
    if tokens - total > 50:
        kind = "real" if examples and examples[0].type == "real" else "synthetic"
        raise CrossoverError(
            f"The {len(examples)} {kind} questions have {total:,} tokens, {tokens:,.0f} are needed; read more texts or"
            " lower n_real."
        )
    return taken


def _shuffled(examples: list[Example], cell: MixtureCell) -> list[Example]:
    return random.Random(f"template questions {cell.replicate}").sample(examples, len(examples))


def _selected(examples: list[Example], cell: MixtureCell) -> list[Example]:
    """Examples in the order in which a mixture takes them: natural, or by kind of question and entity."""
    how = cell.setting("task.selection")
    if how == "natural":
        return examples
    kinds: dict[tuple[str, str], list[Example]] = {}
    for example, entity in zip(examples, _entities(tuple(e.answer for e in examples)), strict=True):
        kinds.setdefault((question_type(example.question), entity), []).append(example)
    groups = sorted(kinds.values(), key=len, reverse=True)
    if how == "skewed":
        return [example for group in groups for example in group]
    return [example for turn in zip_longest(*groups) for example in turn if example]


def _spoilt(examples: list[Example], cell: MixtureCell) -> list[Example]:
    """Examples of which a share has words in disorder, or the answer of another question."""
    share, by = cell.setting("task.spoilt"), cell.setting("task.spoilt_by")
    found, answers = [], [example.answer for example in examples]
    for example in examples:
        rng = random.Random(f"spoilt {cell.replicate} {example.question}")  # at every share the same ones first
        if rng.random() < share:
            if by == "grammar":
                words = example.question.rstrip("?").split()
                example = replace(example, question=" ".join(rng.sample(words, len(words))) + "?")
            else:
                example = replace(example, answer=rng.choice([a for a in answers if a != example.answer]))
        found.append(example)
    return found


def _lengths(examples: Sequence[Example], model: str) -> list[int]:
    """Tokens of each example in training, the end-of-text token included."""
    if not examples:
        return []
    texts = ["".join(_pair(example, number)) for number, example in enumerate(examples)]
    return [len(ids) + 1 for ids in _tokenizer(model)(texts, add_special_tokens=False)["input_ids"]]


@cache
def _tokenizer(model: str) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(model_folder(model))


@cache
def _entities(given: tuple[str, ...]) -> list[str]:
    return entity_types(load_parser(), given)
