"""The teachers that are a language model on this machine, sampled in batches: their common loop over requests."""

from __future__ import annotations

import hashlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from tqdm import tqdm

from crossover.errors import CrossoverError
from crossover.models.decoding import by_length, common, decode, sampled
from crossover.models.language_model import LanguageModel
from crossover.teachers.base import Kind, Reply, Request


class SampledTeacher(ABC):
    """A transformers causal language model as teacher; a subclass says what is asked and where a reply ends."""

    id: str
    temperature: float
    batch_size: int
    repeatable = False
    shares_prefix = False  # whether the tokens that all prompts of a batch begin with are computed once

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise CrossoverError(f"temperature is {self.temperature}; a sampled teacher needs one above 0.")

    @property
    @abstractmethod
    def language_model(self) -> LanguageModel:
        """The model and its tokenizer, loaded and fine-tuned when they are first asked for."""

    @abstractmethod
    def prompt(self, request: Request) -> str:
        """Return the text that a reply continues."""

    @abstractmethod
    def limits(self, kind: Kind) -> tuple[Callable[[list[int]], bool], int]:
        """Return the test of whether a reply has ended, and its most tokens."""

    def draw_name(self, request: Request) -> str:
        """Return the text that seeds a reply's random stream."""
        return f"{self.id}/{request.kind}/{request.problem.question}/{request.index}"

    def reply(self, requests: Sequence[Request]) -> list[Reply]:
        """Return one sampled reply per request; a request's draws do not depend on which others came with it."""
        tokenizer, replies = self.language_model.tokenizer, {}
        prompts = tokenizer([self.prompt(r) for r in requests], add_special_tokens=False)["input_ids"]
        with tqdm(total=len(requests), desc="Asking the teacher", unit="reply", file=sys.stderr, leave=False) as bar:
            for kind in dict.fromkeys(request.kind for request in requests):
                numbers = [i for i, request in enumerate(requests) if request.kind == kind]
                ended, most = self.limits(kind)
                for batch in by_length([prompts[i] for i in numbers], self.batch_size):
                    rows = [numbers[i] for i in batch]
                    asked = [prompts[i] for i in rows]
                    pick = sampled(self.temperature, [self._seed(requests[i]) for i in rows])
                    shared = common(asked) if self.shares_prefix else 0
                    texts = decode(self.language_model, asked, pick, ended, most, shared)
                    for i, text in zip(rows, texts, strict=True):
                        out = len(tokenizer(text, add_special_tokens=False)["input_ids"])
                        text = text.rstrip() if kind == "answer" else text.strip() or None
                        replies[i] = Reply(text, len(prompts[i]), out)
                    bar.update(len(rows))
        return [replies[i] for i in range(len(requests))]

    def _seed(self, request: Request) -> int:
        return int.from_bytes(hashlib.sha256(self.draw_name(request).encode()).digest()[:7], "big")
