"""Text without what does not matter for a comparison (case, punctuation, articles), and its variety."""

import re
import string
from collections import Counter
from collections.abc import Sequence


def words(text: str) -> list[str]:
    """Return the words of a text without case and punctuation, in their order.

    >>> words("It's good, it's GOOD!")
    ['it', 's', 'good', 'it', 's', 'good']
    """
    return re.findall(r"\w+", text.casefold())


def word_set(text: str) -> frozenset[str]:
    """Return the different :func:`words` of a text.

    >>> sorted(word_set("It's good, it's GOOD!"))
    ['good', 'it', 's']
    """
    return frozenset(words(text))


def distinct(texts: Sequence[Sequence[str]], n: int) -> float:
    """Return distinct-n, different n-grams of words over all n-grams (Li et al. 2016, arXiv 1510.03055), 0 of none.

    It falls with the size of a set, so that only sets of one size compare.

    >>> distinct([["a", "good", "film"], ["a", "good", "day"]], 2)
    0.75
    """
    grams = Counter(gram for text in texts for gram in zip(*(text[k:] for k in range(n)), strict=False))
    return len(grams) / grams.total() if grams else 0.0


def token_f1(first: str, second: str) -> float:
    """Return the F1 of the :func:`answer_tokens` of two texts (SQuAD, arXiv 1606.05250, section 6.1).

    >>> token_f1("the Nile river", "River Nile"), round(token_f1("Nile", "River Nile"), 3), token_f1("", "Nile")
    (1.0, 0.667, 0.0)
    """
    one, other = Counter(answer_tokens(first)), Counter(answer_tokens(second))
    return 2 * (one & other).total() / (one.total() + other.total()) if one and other else float(one == other)


def answer_tokens(text: str) -> list[str]:
    """Return the tokens of an answer as SQuAD compares them: no case, ASCII punctuation or articles.

    >>> answer_tokens("The U.S. of America")
    ['us', 'of', 'america']
    """
    plain = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", plain).split()
