"""The contract of the procedural tasks: right, wrong, reworded and edited problems, and sets that are disjoint and nested."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossover.errors import CrossoverError
from crossover.tasks import ProceduralTask, Task, load_task
from crossover.tasks.base import DialTask
from crossover.tasks.text_to_sql.plan import is_test as is_test_query
from crossover.tasks.word_problems.story import is_test as is_test_story

IS_TEST = {"math_words": is_test_story, "text_to_sql": is_test_query}
# The first test problems of each procedural task: any change of wording or drawing shows here, and changes every result.
GOLDEN = {
    "math_words": (50, "6e965e5af88ed7d5b7351036f888d722469a827fb4c12a51e9ed1ad794cdd577"),
    "text_to_sql": (40, "3791dcc10eaa847aadd9bbd61f1aa898e5fcc64fe3e4a774c24831faa67ebe2b"),
}
every_task = pytest.mark.parametrize("name", IS_TEST)


@every_task
@given(seed=st.integers(0, 2**32))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_problems_and_their_rewordings(name, seed):
    task, rng = load_task(name), random.Random(seed)
    problem = task.sample(rng)
    reworded = task.reword(problem, rng)
    for p in (problem, reworded):
        assert task.correct(p.answer, p) and task.correct(task.solve(p, rng), p)
        assert not IS_TEST[name](p.structure), "training problems stay on their side"
    assert reworded.structure == problem.structure and hash(reworded.structure) == hash(problem.structure)
    assert reworded.question != problem.question and task.correct(reworded.answer, problem)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_mistakes_and_edits_of_word_problems(seed):
    task, rng = load_task("math_words"), random.Random(seed)
    problem = task.sample(rng)
    edited, drifted, invalid = (make(problem, rng) for make in (task.edit, task.drift, task.invalid))
    for p in (problem, edited, drifted):
        mistake = task.err(p, rng)
        assert task.extract(mistake) is not None and not task.correct(mistake, p) and task.correct(p.answer, p)
        assert not is_test_story(p.structure)
    assert edited.structure != problem.structure and drifted.question != problem.question
    assert not task.correct(drifted.answer, problem)
    assert invalid.structure is None and task.extract(invalid.answer) is not None


@every_task
def test_sets_are_nested_and_disjoint(name):
    task, rng = load_task(name), random.Random(5)
    tests, large = task.test(60), task.seeds(40, 1)
    assert len({p.structure for p in tests}) == 60 and all(IS_TEST[name](p.structure) for p in tests)
    made = [*large, *task.gold(60), *(task.sample(rng) for _ in range(100))]
    if isinstance(task, DialTask):
        made += [f(p, rng) for p in tests[:30] for f in (task.edit, task.drift)]
    assert not any(IS_TEST[name](p.structure) for p in made)
    assert task.seeds(16, 1) == large[:16] and task.seeds(0, 1) == [] and task.test(10) == tests[:10]
    assert len({p.question for p in large}) == len({p.id for p in large}) == 40 and large[3].id == "seed-1-00003"
    assert len({p.question for p in large} & {p.question for p in task.seeds(40, 2)}) < 3


@every_task
def test_problems_are_the_same_in_every_process(name):
    n, golden = GOLDEN[name]
    code = (
        f"import hashlib; from crossover.tasks import load_task; problems = load_task({name!r}).test({n})\n"
        "print(hashlib.sha256('\\n'.join(p.question + p.answer for p in problems).encode()).hexdigest())"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "77"}
    out = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    text = "\n".join(p.question + p.answer for p in load_task(name).test(n))
    assert out.stdout.strip() == hashlib.sha256(text.encode()).hexdigest() == golden


@every_task
def test_problems_have_many_wordings_and_solutions(name):
    task, rng = load_task(name), random.Random(4)
    for write in (lambda p: task.reword(p, rng).question, lambda p: task.solve(p, rng)):
        found = [len({write(p) for _ in range(60)}) for p in task.seeds(30, 0)]
        assert min(found) >= 3 and sum(found) >= 8 * 30


def test_tasks_by_name_and_settings():
    words, sql = load_task("math_words", steps=1, distractors=0), load_task("text_to_sql", shapes="simple")
    assert all(isinstance(task, ProceduralTask) and isinstance(task, Task) for task in (words, sql))
    assert isinstance(words, DialTask) and not isinstance(sql, DialTask) and sql == load_task("text_to_sql")
    assert words.prompt("How many?") == "Question: How many?\nAnswer:"
    assert sql.prompt("Tables: t(a). How many?") == "Tables: t(a). How many?\nSQL:"


def test_more_problems_than_there_are_are_refused(monkeypatch):
    task = load_task("math_words")
    monkeypatch.setattr(type(task), "tries", 300)
    monkeypatch.setattr(type(task), "_alike", lambda self, problem, test: problem.structure.family)
    with pytest.raises(CrossoverError, match=r"only \d\d distinct problems of 100"):
        task.test(100)
