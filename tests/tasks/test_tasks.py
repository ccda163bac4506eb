"""The registry of tasks, final answers, and the two sets of arithmetic problems that others made."""

from __future__ import annotations

import random
import re

import pytest

from crossover.errors import CrossoverError
from crossover.tasks import ProceduralTask, Task, load_task
from crossover.tasks.base import final_number, same_number


@pytest.mark.parametrize(
    ("completion", "number"),
    [
        ("#### 14", "14"), (" so\n#### 14\n#### 15", "14"), ("####14.0", "14"), ("#### 1,234.50", "1234.5"),
        ("#### -3", "-3"), ("#### $7", "7"), ("#### -$7", "-7"), ("#### +2", "2"), ("#### 0.5", "0.5"),
        ("#### .5", "0.5"), ("#### 14 pens.", "14"), ("14", None), ("####", None), ("#### \n14", None),
        ("#### many", None), ("", None), ("#### -0", "0"), ("#### 100", "100"),
    ],
)  # fmt: skip
def test_final_number(completion, number):
    assert final_number(completion) == number


def test_numbers_are_compared_as_numbers():
    assert same_number("7", "7.00") and not same_number("7", "-7")
    assert not same_number(None, "7") and not same_number(None, None)


def test_gsm_symbolic():
    pytest.importorskip("reasoning_gym")
    task, rng = load_task("gsm_symbolic"), random.Random(0)
    assert isinstance(task, Task) and not isinstance(task, ProceduralTask)
    tests, seeds = task.test(60), task.seeds(60, 0)
    assert task.seeds(20, 0) == seeds[:20] and task.test(20) == tests[:20]
    assert seeds != task.seeds(60, 1) and len({p.structure for p in seeds}) > 30
    for p in [*tests, *seeds]:
        assert p.answer[0] == " " and re.fullmatch(r"#### -?[\d.,]+", p.answer.splitlines()[-1]), p.answer
        assert task.correct(p.answer, p) and not task.correct("#### 123456789", p)
        assert not re.search(r"\.\d{5}", p.question)
    held_out = {p.question for p in tests}
    assert not held_out & {p.question for p in [*seeds, *(task.sample(rng) for _ in range(500))]}


def test_gsm8k_from_the_wheel():
    task = load_task("gsm8k")
    tests, seeds = task.test(600), task.seeds(600, 0)
    assert not {p.question for p in tests} & {p.question for p in seeds}
    assert task.seeds(50, 0) == seeds[:50] and task.seeds(50, 1) != seeds[:50]
    assert all(task.correct(p.answer, p) and "<<" not in p.answer and p.answer[0] == " " for p in [*tests, *seeds])
    ducks = next(p for p in [*tests, *task.seeds(656, 0)] if p.question.startswith("Janet’s ducks"))
    assert task.extract(ducks.answer) == "18" and "16 - 3 - 4 = 9 duck eggs" in ducks.answer
    with pytest.raises(CrossoverError, match="0 to 656.*got 2000"):
        task.seeds(2000, 0)
