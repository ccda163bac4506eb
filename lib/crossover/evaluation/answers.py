"""Answers of a student to test questions, in batches, and which of them are right.

Sampling of any kind would add noise to every point of a curve, so students answer greedily (temperature 0), as in arXiv
2409.19759, section 4 (:func:`evaluate`), or the likelihood of each given choice decides (:func:`choose`). The outcome
of each item is kept: two students that answered the same items are compared in pairs.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from transformers import DynamicCache

from crossover.errors import CrossoverError
from crossover.models.decoding import by_length, decode, greedy
from crossover.models.encoder import Encoder
from crossover.models.language_model import IGNORED, Student
from crossover.models.training import one_pass, parts
from crossover.tasks.base import ChoiceTask, Problem, Task


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
    student: Student, task: Task, problems: Sequence[Problem], max_new_tokens: int, batch_size: int = 256
) -> list[Outcome]:
    """Answer every problem greedily and score it; the order of ``problems`` is kept."""
    prompts = student.tokenizer([task.prompt(p.question) for p in problems], add_special_tokens=False)["input_ids"]
    ended = answered(student.tokenizer, task)
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


def choose(student: Student, task: ChoiceTask, problems: Sequence[Problem], batch_size: int = 16) -> list[Outcome]:
    r"""Pick for every problem the choice that the student finds most likely; the order of ``problems`` is kept.

    A choice scores its log-likelihood after the prompt for each character of its text, ``acc_norm`` of EleutherAI's
    lm-evaluation-harness:

    .. math:: \frac{1}{\mathrm{characters}(c)} \sum_t \log p(c_t \mid \text{prompt}, c_{<t}).

    Undivided, the shortest choice would win too often. Characters rather than tokens, because a token's length is the
    tokenizer's doing: a rare word in many pieces would look cheap for each. The first of equal choices is picked.

    Parameters
    ----------
    student : Student
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


def log_likelihoods(
    student: Student, prompts: Sequence[list[int]], completions: Sequence[Sequence[list[int]]]
) -> list[list[float]]:
    """Return the log-likelihood of every completion after its prompt, as :func:`likelihoods` computes it."""
    return [[total for total, _ in several] for several in likelihoods(student, prompts, completions)]


@torch.inference_mode()
def likelihoods(
    student: Student, prompts: Sequence[list[int]], completions: Sequence[Sequence[list[int]]]
) -> list[list[tuple[float, bool]]]:
    """Return the log-likelihood of every completion after its prompt, and whether greedy decoding would write it.

    A prompt is computed once for all its completions; on a CPU prompts and then completions go in parts of like length, so that
    little is computed for padding. Logits are computed for completion tokens alone, and their log-softmax in float32 whatever
    the model's arithmetic.

    Parameters
    ----------
    student : Student
    prompts : sequence of list of int
        Token ids, one batch, each of two tokens or more.
    completions : sequence of sequence of list of int
        For each prompt the token ids of its completions, each of one or more.
    """
    device = student.model.device
    one_more = one_pass(device)
    flat = [tokens for several in completions for tokens in several]
    of = [row for row, several in enumerate(completions) for _ in several]
    found: dict[int, tuple[float, bool]] = {}
    for rows in parts(range(len(prompts)), [len(prompt) for prompt in prompts], one_more):
        context = _padded([prompts[row][:-1] for row in rows], student.tokenizer.pad_token_id, device, "left")
        mask = _padded([[1] * (len(prompts[row]) - 1) for row in rows], 0, device, "left")
        cache = DynamicCache(config=student.model.config)
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        student.model.base_model(
            input_ids=context, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
        )
        theirs = [number for number, row in enumerate(of) if row in rows]
        left = parts(theirs, [len(tokens) for tokens in flat], one_more)
        while left:
            numbers = left.pop()
            at = torch.tensor(
                [rows.index(of[number]) for number in numbers]
            )  # on the CPU, from where it can pick rows on any device
            picked = copy.deepcopy(cache) if left else cache
            picked.batch_select_indices(at)  # a prompt's keys and values for each of its completions
            last = [prompts[of[number]][-1] for number in numbers]
            values = _after(student, picked, mask[at], last, [flat[number] for number in numbers])
            found.update(zip(numbers, values, strict=True))
            del picked
    number = itertools.count()
    return [[found[next(number)] for _ in several] for several in completions]


def _after(
    student: Student, cache: DynamicCache, mask: torch.Tensor, last: Sequence[int], completions: Sequence[list[int]]
) -> list[tuple[float, bool]]:
    """Return what :func:`likelihoods` does for completions of prompts that are in the cache but for their last tokens."""
    model, device = student.model, student.model.device
    # The state at a token predicts the next, so the prompt's last token is fed here and the completion's last is not.
    fed = [[token, *tokens[:-1]] for token, tokens in zip(last, completions, strict=True)]
    ids = _padded(fed, student.tokenizer.pad_token_id, device, "right")
    targets = _padded(completions, IGNORED, device, "right")
    states = model.base_model(
        input_ids=ids,
        attention_mask=torch.cat([mask, torch.ones_like(ids)], dim=1),
        position_ids=mask.sum(-1, keepdim=True) + torch.arange(ids.shape[1], device=device),
        past_key_values=cache,
        use_cache=True,
    ).last_hidden_state
    where = targets != IGNORED
    logits = model.lm_head(states[where.to(states.device)]).float().to(device)
    lengths = [len(tokens) for tokens in completions]
    losses = nn.functional.cross_entropy(logits, targets[where], reduction="none").split(lengths)
    chosen = (logits.argmax(-1) == targets[where]).split(lengths)
    return [(-float(loss.sum()), bool(same.all())) for loss, same in zip(losses, chosen, strict=True)]


def _padded(rows: Sequence[list[int]], value: int, device: torch.device, side: str) -> torch.Tensor:
    """Pad lists to ``(rows, longest)``."""
    tensors = [torch.tensor(row, device=device) for row in rows]
    return nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=value, padding_side=side)


def answered(tokenizer, task: Task) -> Callable[[list[int]], bool]:
    """Return a test of whether an answer has ended: a line ended, and a final answer can be read before its end."""

    def ended(tokens: list[int]) -> bool:
        return "\n" in tokenizer.decode(tokens[-1:]) and task.extract(tokenizer.decode(tokens[:-1])) is not None

    return ended
