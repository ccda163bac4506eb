"""A teacher on this machine: any transformers causal language model, sampled in batches.

A pretrained model continues the prompts for answers and new questions; the one for rephrasings goes through the model's
chat template where it has one. Source: arXiv 2409.19759, appendix (sampling at temperature 0.7).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from crossover.assets import fingerprint
from crossover.decoding import by_length, decode, sampled
from crossover.errors import CrossoverError
from crossover.evaluate import answered
from crossover.students.causal import Student
from crossover.tasks.base import Problem, Task
from crossover.teachers.base import Reply, Request
from crossover.teachers.prompts import prompt


@dataclass(frozen=True)
class Local:
    """A transformers model as teacher and augmenter.

    Parameters
    ----------
    task : Task
        Its prompt format and its end of an answer.
    examples : sequence of Problem
        Solved problems that the prompts show.
    student : Student
        The model (a teacher is a model and its tokenizer, as a student is).
    name : str
        Model and content, part of :attr:`id`.
    temperature : float
        Of sampling, above 0.
    max_new_tokens : int
        Longest reply.
    batch_size : int
        Replies sampled side by side.
    """

    task: Task
    examples: Sequence[Problem]
    student: Student
    name: str
    temperature: float = 0.7
    max_new_tokens: int = 96
    batch_size: int = 64
    repeatable = False

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise CrossoverError(f"temperature is {self.temperature}; a sampled teacher needs one above 0.")

    @classmethod
    def load(
        cls, model: str, task: Task, examples: Sequence[Problem], temperature: float, max_new_tokens: int, device: str = "cpu"
    ) -> Local:
        """Load a model by the names that :func:`crossover.assets.model_folder` takes."""
        student = Student.load(model, device)
        return cls(task, examples, student, f"{model}@{fingerprint(model)}", temperature, max_new_tokens)

    @property
    def id(self) -> str:
        """Model and sampling settings, as stored with each reply."""
        return f"local({self.name}, temperature={self.temperature:g}, max_new_tokens={self.max_new_tokens})"

    def reply(self, requests: Sequence[Request]) -> list[Reply]:
        """Return one sampled reply a request; a request's draws do not depend on which others came with it."""
        prompts = self.student.tokenizer([self._prompt(request) for request in requests], add_special_tokens=False)["input_ids"]
        replies: dict[int, Reply] = {}
        for kind in dict.fromkeys(request.kind for request in requests):
            numbers = [i for i, request in enumerate(requests) if request.kind == kind]
            ended = answered(self.student.tokenizer, self.task) if kind == "answer" else self._line_ended
            for batch in by_length([prompts[i] for i in numbers], self.batch_size):
                rows = [numbers[i] for i in batch]
                pick = sampled(self.temperature, [self._seed(requests[i]) for i in rows])
                texts = decode(self.student, [prompts[i] for i in rows], pick, ended, self.max_new_tokens)
                for i, text in zip(rows, texts, strict=True):
                    out = len(self.student.tokenizer(text, add_special_tokens=False)["input_ids"])
                    replies[i] = Reply(text.rstrip() if kind == "answer" else text.strip() or None, len(prompts[i]), out)
        return [replies[i] for i in range(len(requests))]

    def _prompt(self, request: Request) -> str:
        text = prompt(request, self.task, self.examples)
        if request.kind != "rephrase":
            return text
        if self.student.tokenizer.chat_template is None:
            return f"{text}\n\nNew question:"
        turn = [{"role": "user", "content": text}]
        return self.student.tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)

    def _line_ended(self, tokens: list[int]) -> bool:
        """A question is one line: it has ended when a line ends after some text."""
        text = self.student.tokenizer.decode(tokens)
        return "\n" in text.lstrip() and bool(text.strip())

    def _seed(self, request: Request) -> int:
        text = f"{self.id}/{request.kind}/{request.problem.id}/{request.problem.question}/{request.index}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
