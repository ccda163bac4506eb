"""Final answers: the prompt that asks for one, the number after ``####``, and when two numbers are the same."""

import re
from decimal import Decimal

from crossover.tasks.base import Problem

_FINAL = re.compile(r"####\s*([-+−]?)\s*\$?\s*([-+]?)((?:\d[\d,]*)(?:\.\d+)?|\.\d+)")


def final_number(completion: str) -> str | None:
    r"""Return the number after the first ``####`` without commas, money signs and zeros at its end, or ``None``.

    >>> final_number(" 3 + 4 = 7\n#### 1,007.0"), final_number("#### -$3.50"), final_number("7")
    ('1007', '-3.5', None)
    """
    _, mark, rest = completion.partition("####")
    match = _FINAL.match(mark + rest.split("\n", 1)[0])
    if match is None:
        return None
    outer, inner, digits = match.groups()
    value = Decimal(digits.replace(",", ""))
    if ("-" in (outer, inner) or outer == "−") and value:
        value = -value
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def same_number(first: str | None, second: str | None) -> bool:
    """Whether two normalised numbers are equal; ``None`` equals nothing."""
    return first is not None and second is not None and Decimal(first) == Decimal(second)


class QuestionAnswer:
    """What tasks share whose completions end in a final answer after ``####``."""

    @property
    def metric(self) -> str:
        return "exact match of the final answer"

    def prompt(self, question: str) -> str:
        return f"Question: {question}\nAnswer:"


class NumberAnswers(QuestionAnswer):
    """What tasks share whose final answer is a number."""

    def extract(self, completion: str) -> str | None:
        return final_number(completion)

    def correct(self, completion: str, problem: Problem) -> bool:
        return same_number(self.extract(completion), self.extract(problem.answer))
