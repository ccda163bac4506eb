"""Answers of a student to test questions, written greedily or picked by likelihood, and which of them are right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from crossover.models.decoding import by_length, greedy, likelihoods, likelihoods_after, read_prompts, write
from crossover.models.encoder import Encoder
from crossover.models.language_model import IGNORED, LanguageModel, encode
from crossover.tasks.base import Problem, Task, answer_is_complete
from crossover.tasks.benchmarks import Arc


@dataclass(frozen=True)
class Outcome:
    """The outcome of one test item."""

    item: str  #: its id
    extracted: str | None  #: the final answer that was read
    correct: bool
    score: float | None = None  #: of a text, its chrF; under the harness F1, or a log-likelihood
    #: Negative log-likelihood of the gold answer with its end token under teacher forcing, or of the gold label.
    gold_nats: float | None = None
    gold_tokens: int | None = None  #: with the end; 1 for a label
    gold_bytes: int | None = None


def gold(nats: float, tokens: int, text: str) -> dict[str, Any]:
    """Return the fields of an outcome that describe its gold answer; nats as stored, to six digits."""
    return {"gold_nats": float(f"{nats:.6g}"), "gold_tokens": tokens, "gold_bytes": len(text.encode())}


def evaluate(
    student: LanguageModel, task: Task, problems: Sequence[Problem], max_new_tokens: int, batch_size: int = 256
) -> list[Outcome]:
    """Answer every problem greedily and score it, and the gold answer's likelihood; a prompt is read once for both."""
    examples = encode(student.tokenizer, [(task.prompt(p.question), p.answer) for p in problems])
    starts = [labels.count(IGNORED) for _, labels in examples]
    prompts = [ids[:start] for (ids, _), start in zip(examples, starts, strict=True)]
    golds = [ids[start:] for (ids, _), start in zip(examples, starts, strict=True)]
    ended = answer_is_complete(task, student.tokenizer.decode)
    found: dict[int, Outcome] = {}
    for rows in by_length(prompts, batch_size):
        prefix = read_prompts(student, [prompts[i] for i in rows], remember=True)
        scored = likelihoods_after(student, prefix, [[golds[i]] for i in rows])
        texts = write(student, prefix, greedy, ended, max_new_tokens)
        for i, text, (one,) in zip(rows, texts, scored, strict=True):
            p = problems[i]
            likely = gold(-one.total, len(golds[i]), p.answer)
            found[i] = Outcome(p.id, task.extract(text), task.correct(text, p), **likely)
    return [found[i] for i in range(len(problems))]


def classify(student: Encoder, task: Task, problems: Sequence[Problem]) -> list[Outcome]:
    """Label every problem with a classifier and score it; the order is kept."""
    outcomes = []
    for p, logs in zip(problems, student.log_probabilities([p.question for p in problems]).tolist(), strict=True):
        label, right = student.labels[logs.index(max(logs))], task.extract(p.answer) or ""
        likely = gold(-logs[student.labels.index(right)], 1, right)
        outcomes.append(Outcome(p.id, label, task.correct(label, p), **likely))
    return outcomes


def choose(student: LanguageModel, task: Arc, problems: Sequence[Problem], batch_size: int = 16) -> list[Outcome]:
    """Pick for every problem the choice that the student finds most likely; the order is kept.

    A choice scores its log-likelihood per character, ``acc_norm`` of lm-evaluation-harness: undivided, the shortest
    would win too often, and per token a rare word in many pieces would look cheap.
    """
    tokenizer = student.tokenizer
    choices = [task.completions(p.question) for p in problems]
    prompts = tokenizer([task.prompt(p.question) for p in problems], add_special_tokens=False)["input_ids"]
    found: dict[int, Outcome] = {}
    for rows in by_length(prompts, batch_size):
        tokens = [tokenizer([text for _, text in choices[i]], add_special_tokens=False)["input_ids"] for i in rows]
        for i, each, several in zip(
            rows, tokens, likelihoods(student, [prompts[i] for i in rows], tokens), strict=True
        ):
            scores = [one.total / len(text.strip()) for one, (_, text) in zip(several, choices[i], strict=True)]
            picked, right = choices[i][scores.index(max(scores))][0], task.extract(problems[i].answer) or ""
            at = [label for label, _ in choices[i]].index(right)
            likely = gold(-several[at].total, len(each[at]), choices[i][at][1].strip())
            found[i] = Outcome(problems[i].id, picked, picked == right, **likely)
    return [found[i] for i in range(len(problems))]
