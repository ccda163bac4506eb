"""Answers of a student to test questions, in batches, and which of them are right.

Sampling of any kind would add noise to every point of a curve, so students answer greedily (temperature 0), as in arXiv
2409.19759, section 4 (:func:`evaluate`), or the likelihood of each given choice decides (:func:`choose`). The outcome
of each item is kept: two students that answered the same items are compared in pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crossover.errors import CrossoverError
from crossover.models.decoding import by_length, decode, greedy
from crossover.models.encoder import Encoder
from crossover.models.language_model import LanguageModel
from crossover.models.likelihood import log_likelihoods
from crossover.tasks.base import ChoiceTask, Problem, Task, answer_is_complete


@dataclass(frozen=True)
class Outcome:
    """One test item: its id, the final answer that was read (or ``None``), and whether it is right.

    ``score`` is how good a text is (chrF), for tasks whose answers are texts; under the harness F1, or a log-likelihood.
    """

    item: str
    extracted: str | None
    correct: bool
    score: float | None = None


def evaluate(
    student: LanguageModel, task: Task, problems: Sequence[Problem], max_new_tokens: int, batch_size: int = 256
) -> list[Outcome]:
    """Answer every problem greedily and score it; the order of ``problems`` is kept."""
    prompts = student.tokenizer([task.prompt(p.question) for p in problems], add_special_tokens=False)["input_ids"]
    ended = answer_is_complete(task, student.tokenizer.decode)
    completions: dict[int, str] = {}
    for rows in by_length(prompts, batch_size):
        texts = decode(student, [prompts[i] for i in rows], greedy, ended, max_new_tokens)
        completions.update(zip(rows, texts, strict=True))
    return [
        Outcome(p.id, task.extract(completions[i]), task.correct(completions[i], p)) for i, p in enumerate(problems)
    ]


def classify(student: Encoder, task: Task, problems: Sequence[Problem]) -> list[Outcome]:
    """Label every problem with a classifier and score it; the order of ``problems`` is kept."""
    labels = student.predict([p.question for p in problems])
    return [Outcome(p.id, label, task.correct(label, p)) for p, label in zip(problems, labels, strict=True)]


def choose(
    student: LanguageModel, task: ChoiceTask, problems: Sequence[Problem], batch_size: int = 16
) -> list[Outcome]:
    r"""Pick for every problem the choice that the student finds most likely; the order of ``problems`` is kept.

    A choice scores its log-likelihood after the prompt for each character of its text, ``acc_norm`` of EleutherAI's
    lm-evaluation-harness:

    .. math:: \frac{1}{\mathrm{characters}(c)} \sum_t \log p(c_t \mid \text{prompt}, c_{<t}).

    Undivided, the shortest choice would win too often. Characters rather than tokens, because a token's length is the
    tokenizer's doing: a rare word in many pieces would look cheap for each. The first of equal choices is picked.

    Parameters
    ----------
    student : LanguageModel
    task : ChoiceTask
    problems : sequence of Problem
    batch_size : int
        Problems side by side, each with all its choices.

    Returns
    -------
    list of Outcome
        ``extracted`` is the final answer of the choice that was picked.

    Raises
    ------
    CrossoverError
        A problem lists no choices.
    """
    tokenizer = student.tokenizer
    choices = [task.completions(p.question) for p in problems]
    for problem, listed in zip(problems, choices, strict=True):
        if not listed:
            raise CrossoverError(f"{problem.id} lists no choices to compare; score it with evaluate() instead.")
    prompts = tokenizer([task.prompt(p.question) for p in problems], add_special_tokens=False)["input_ids"]
    picked: dict[int, str] = {}
    for rows in by_length(prompts, batch_size):
        tokens = [tokenizer([text for _, text in choices[i]], add_special_tokens=False)["input_ids"] for i in rows]
        for i, totals in zip(rows, log_likelihoods(student, [prompts[i] for i in rows], tokens), strict=True):
            scores = [total / len(text.strip()) for total, (_, text) in zip(totals, choices[i], strict=True)]
            picked[i] = choices[i][scores.index(max(scores))][0]
    return [Outcome(p.id, picked[i], picked[i] == task.extract(p.answer)) for i, p in enumerate(problems)]
