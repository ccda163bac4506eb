"""Classification tasks: RTE, BoolQ, MC-TACO, SST-2, and film and product reviews rated by people."""

from typing import ClassVar

from crossover.data import load
from crossover.tasks.base import Problem
from crossover.tasks.instructed.base import ClassificationTask

#: Sentences rated nearer to 0 than this, on the scale from -4 to 4, are left out: raters did not agree on a side.
CLEAR = 1.0


class Rte(ClassificationTask, card="rte"):
    """Recognising textual entailment, the GLUE form (Wang et al. 2019): 2,490 training pairs."""


class BoolQ(ClassificationTask, card="boolq"):
    """Naturally asked yes/no questions with a Wikipedia passage (Clark et al. 2019)."""


class McTaco(ClassificationTask, card="mc_taco"):
    """Temporal commonsense (Zhou et al. 2019), whose authors train on the validation split."""


class Sst2(ClassificationTask, card="sst2"):
    """The Stanford Sentiment Treebank with two classes, as in GLUE (Socher et al. 2013)."""


class _Rated(ClassificationTask):
    """Sentences with the mean of many human ratings (Hutto and Gilbert 2014); the sign is the label."""

    columns: ClassVar[tuple[str, ...]] = ("text",)

    def _problems(self, rows: list[load.Row]) -> list[Problem]:
        return super()._problems([row for row in rows if abs(row["rating"]) >= CLEAR])

    def _is_positive(self, row: load.Row) -> bool:
        return row["rating"] > 0

    def _group(self, row: load.Row) -> str:
        return row["id"].split("_")[0]  # the review, for products


class FilmSentiment(_Rated, card="film_sentiment"):
    """Sentences of film reviews. SST-2 is made from the same reviews: never train on the one to test on the other."""


class ProductSentiment(_Rated, card="product_sentiment"):
    """Sentences of reviews of five electronic products; a review's sentences all go to one side."""
