"""Text without what does not matter for a comparison: case, punctuation, articles."""

from __future__ import annotations

import re
import string


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


def answer_tokens(text: str) -> list[str]:
    """Return the tokens of an answer as SQuAD compares them: no case, ASCII punctuation or articles.

    >>> answer_tokens("The U.S. of America")
    ['us', 'of', 'america']
    """
    plain = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", plain).split()
