"""An encoder with a linear layer on its mean state, as all-MiniLM-L6-v2 was trained; in float32."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from transformers import AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from crossover.models.decoding import by_length
from crossover.models.recipe import Recipe
from crossover.models.training import Trained, overhead_tokens, train_loop
from crossover.models.weights import model_folder

MAX_LENGTH = 256  # tokens of a text; the rest is cut off


def mean_state(body: PreTrainedModel, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Return the mean of each text's last hidden states, ``(texts, width)``, of arguments ``(texts, tokens)``."""
    states = body(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
    weights = attention_mask.unsqueeze(-1)
    return (states * weights).sum(1) / weights.sum(1)


class Classifier(nn.Module):
    """An encoder and a linear layer on its mean state."""

    def __init__(self, body: PreTrainedModel, classes: int):
        super().__init__()
        self.body, self.head = body, nn.Linear(body.config.hidden_size, classes)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return logits ``(texts, classes)`` of token ids and their mask, both ``(texts, tokens)``."""
        return self.head(mean_state(self.body, input_ids, attention_mask))


@dataclass
class Encoder:
    """A classifier with its tokenizer and the labels that its outputs stand for."""

    model: Classifier
    tokenizer: PreTrainedTokenizerBase
    labels: tuple[str, ...]

    @classmethod
    def load(cls, model: str, labels: tuple[str, ...], seed: int, device: str = "cpu") -> Encoder:
        """Load a pretrained encoder under a head drawn by ``seed``."""
        folder = model_folder(model)
        body = AutoModel.from_pretrained(folder, dtype=torch.float32, use_safetensors=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            classifier = Classifier(body, len(labels))
        return cls(classifier.to(device).eval(), AutoTokenizer.from_pretrained(folder), labels)

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of texts, special tokens included, at most :data:`MAX_LENGTH` each."""
        return self.tokenizer(list(texts), truncation=True, max_length=MAX_LENGTH)["input_ids"] if texts else []

    def logits(self, tokens: Sequence[list[int]]) -> torch.Tensor:
        """Return the logits ``(texts, labels)`` of one batch of token ids."""
        batch = self.tokenizer.pad({"input_ids": list(tokens)}, return_tensors="pt").to(self.model.head.weight.device)
        return self.model(batch["input_ids"], batch["attention_mask"])

    @torch.inference_mode()
    def log_probabilities(self, texts: Sequence[str]) -> torch.Tensor:
        """Return the log-probability of each label, ``(texts, labels)``."""
        tokens, found = self.tokens(texts), torch.empty(len(texts), len(self.labels))
        for rows in by_length(tokens, 64):
            found[rows] = self.logits([tokens[i] for i in rows]).float().log_softmax(-1).cpu()
        return found

    def predict(self, texts: Sequence[str]) -> list[str]:
        return [self.labels[i] for i in self.log_probabilities(texts).argmax(-1).tolist()]


def train(encoder: Encoder, pairs: Sequence[tuple[str, str]], recipe: Recipe, seed: int) -> Trained:
    """Fine-tune an encoder in place on (text, label) pairs; ``seed`` seeds the order of the examples and dropout."""
    tokens = encoder.tokens([text for text, _ in pairs])
    targets = torch.tensor([encoder.labels.index(label) for _, label in pairs], device=encoder.model.head.weight.device)

    def loss_of(batch: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        logits, gold = encoder.logits([tokens[i] for i in batch]), targets[batch]
        return nn.functional.cross_entropy(logits, gold), (logits.detach().argmax(-1) == gold).float().mean()

    encoder.model.train()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        overhead = overhead_tokens(targets.device)
        done = train_loop(
            list(encoder.model.parameters()), list(map(len, tokens)), recipe, seed, loss_of, overhead=overhead
        )
    encoder.model.eval()
    return done
