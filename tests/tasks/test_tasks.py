"""Tasks: protocol, known truth of math_words, disjoint and nested problems, and the benchmark tasks."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import random
import re
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossover.errors import CrossoverError
from crossover.tasks import ProceduralTask, Task, load_task
from crossover.tasks.benchmarks.gsm8k import Gsm8k
from crossover.tasks.benchmarks.gsm_symbolic import GsmSymbolic
from crossover.tasks.final_answers import final_number, same_number
from crossover.tasks.word_problems import story as plot
from crossover.tasks.word_problems.task import MathWords
from crossover.tasks.word_problems.wording import WORDS, past, plural, question

LINE = re.compile(r"(\d+) ([-+*/]) (\d+) = (\d+)")
cases = st.tuples(st.sampled_from([1, 2, 3]), st.sampled_from([0, 1, 2]), st.integers(0, 2**32))
many = settings(max_examples=80, deadline=None)

# The first 50 test problems (two steps): any change of wording or drawing shows here, and changes every later result.
GOLDEN = "33ee8f8176041d760de21904fdc6d33d73027ac4ca2fefe0910c98b1ca198b52"


def drawn(case):
    steps, distractors, seed = case
    task, rng = MathWords(steps, distractors), random.Random(seed)
    return task, task.sample(rng), rng


def sums(chain):
    """The calculations of a chain, as written."""
    return [(int(a), op, int(b), int(c)) for a, op, b, c in LINE.findall(chain)]


def truth(story):
    """The answer of a story, from what its steps mean and nothing else."""
    here = there = story.start
    for step in story.steps:
        k = step.operand
        before = here
        if step.kind in ("gain", "more", "earn"):
            here += k
        elif step.kind in ("lose", "fewer", "spend"):
            here -= k
        elif step.kind in ("groups", "times", "price"):
            here *= k
        elif step.kind in ("share", "pack", "halve"):
            parts = 2 if step.kind == "halve" else k
            assert here % parts == 0
            here //= parts
        else:
            assert step.kind == "together"
            here += there
        there = before
    return here


def numbers(text):
    """All quantities of a question, digits and words, in order of size."""
    text = text.replace("the two", "").replace("twice", "2")
    words = re.findall(r"\d+|" + "|".join(rf"\b{w}\b" for w in WORDS[2:]), text, re.IGNORECASE)
    return sorted(int(w) if w.isdigit() else WORDS.index(w.lower()) for w in words)


def quantities(story):
    """All quantities that a story's question must hold."""
    told = [story.start] + [s.operand for s in story.steps if s.kind not in ("halve", "together")]
    return sorted(told + [x for _, x, _, _ in story.asides])


# --- math_words: what its texts say -----------------------------------------------------------------------------------


@given(cases)
@many
def test_solutions_are_right_by_an_independent_reading(case):
    task, problem, rng = drawn(case)
    for chain in (problem.answer, task.solve(problem, rng)):
        lines = sums(chain)
        assert len(lines) == task.steps
        for a, op, b, c in lines:
            assert {"+": a + b, "-": a - b, "*": a * b, "/": a / b}[op] == c
            assert 2 <= c < 1000
        assert chain.endswith(f"\n#### {truth(problem.structure)}")
        assert lines[-1][3] == truth(problem.structure)
        assert chain.startswith(" ")
        assert task.correct(chain, problem)


@given(cases)
@many
def test_mistakes_are_well_formed_and_always_wrong(case):
    task, problem, rng = drawn(case)
    for _ in range(5):
        chain = task.err(problem, rng)
        wrong = task.extract(chain)
        assert wrong is not None and int(wrong) >= 2 and int(wrong) != truth(problem.structure)
        assert sums(chain) and sums(chain)[-1][3] == int(wrong)
        assert not task.correct(chain, problem)


@given(cases)
@many
def test_a_question_holds_exactly_its_storys_quantities(case):
    task, problem, rng = drawn(case)
    for new in (problem, task.reword(problem, rng), task.edit(problem, rng), task.drift(problem, rng)):
        assert numbers(new.question) == quantities(new.structure), new.question


@given(cases)
@many
def test_rewording_keeps_the_story_and_the_answer(case):
    task, problem, rng = drawn(case)
    other = task.reword(problem, rng)
    assert other.structure == problem.structure and hash(other.structure) == hash(problem.structure)
    assert other.question != problem.question
    assert task.correct(other.answer, problem) and task.correct(task.solve(other, rng), problem)


@given(cases)
@many
def test_edits_keep_family_plan_and_events(case):
    task, problem, rng = drawn(case)
    new, old = task.edit(problem, rng).structure, problem.structure
    assert (new.family, new.plan) == (old.family, old.plan)
    assert [s.event for s in new.steps] == [s.event for s in old.steps]
    assert (new.start, new.steps) != (old.start, old.steps)
    assert plot.allowed(new)


@given(cases)
@many
def test_drift_changes_the_answer_and_knows_the_new_one(case):
    task, problem, rng = drawn(case)
    other = task.drift(problem, rng)
    assert other.structure.names == problem.structure.names
    assert not task.correct(other.answer, problem)
    assert task.correct(task.solve(other, rng), other)


@given(cases)
@many
def test_invalid_questions_lack_a_quantity_and_are_answered_all_the_same(case):
    task, problem, rng = drawn(case)
    other = task.invalid(problem, rng)
    assert other.structure is None
    lost = Counter(quantities(problem.structure)) - Counter(numbers(other.question))
    assert lost.total() == 1 and not Counter(numbers(other.question)) - Counter(quantities(problem.structure))
    assert re.search(r"\b(some|several|a few)\b", other.question)
    assert not re.search(r"\b(some|several|a few)\b", other.answer)
    # The guess is a whole chain that only the missing number could contradict.
    assert len(sums(other.answer)) == task.steps and sums(other.answer)[-1][3] == int(task.extract(other.answer))


@given(cases)
@many
def test_grammar(case):
    task, problem, rng = drawn(case)
    texts = [p.question for p in (problem, task.reword(problem, rng), task.drift(problem, rng))]
    invalid = task.invalid(problem, rng).question
    for text in [*texts, invalid, problem.answer, task.err(problem, rng)]:
        assert not re.search(r"[{}\[\]]|  |\.\.|,,|\bNone\b", text), text
        assert not re.search(r"\b[Aa] [aeio]|\b[Aa]n [^aeiouh]", text), text
        assert not re.search(r"\b(1|one|One) (\w+s)\b(?! of)", text), text
        assert not re.search(r"\b(\w+) \1\b", text.replace("that that", "")), text
        assert not re.search(r"[.?] [a-z]|, [ST]hen\b|\bfor (he|she)\b|\band and\b", text), text
        assert not re.search(r"\b(leaved|goed|taked|gived|putted|hitted)\b", text), text
    for text in [*texts, invalid]:
        assert text.endswith("?") and text.count("?") == 1 and text[0].isupper()
        verbs = {"does": re.search(r"\bdoes\b", text), "did": re.search(r"\bdid\b", text)}
        assert not (verbs["does"] and verbs["did"])


@given(cases)
@many
def test_pronouns_fit_the_person(case):
    task, problem, rng = drawn(case)
    names = plot.lexicon()["names"]
    people = set(problem.structure.names) | {a[2] for a in problem.structure.asides}
    for text in (problem.question, problem.answer, task.solve(problem, rng)):
        if re.search(r"\b[Ss]he\b", text):
            assert people & set(names["she"])
        if re.search(r"\b[Hh]e\b", text):
            assert people & set(names["he"])
    # With two people of one kind after a comparison, nobody is called by a pronoun.
    story = problem.structure
    if len(story.names) > 1 and (set(story.names) <= set(names["he"]) or set(story.names) <= set(names["she"])):
        compared = re.search(rf"{story.names[1]}.*", problem.question)
        assert compared and not re.search(r"\b([Hh]e|[Ss]he)\b", compared[0]), problem.question


def test_words():
    assert [past(v) for v in ("bakes", "carries", "finishes", "leaves", "plays")] == [
        "baked", "carried", "finished", "left", "played"]  # fmt: skip
    assert [plural(n) for n in ("box", "puppy", "loaf", "slice of pizza", "goldfish", "child", "toy boat")] == [
        "boxes", "puppies", "loaves", "slices of pizza", "goldfish", "children", "toy boats"]  # fmt: skip


# --- math_words: how much of it there is ------------------------------------------------------------------------------


def test_the_lexicon_is_large():
    lex = plot.lexicon()
    families = lex["families"]
    assert len(families) >= 12
    nouns = {i for f in families.values() for i in f["items"]}
    phrases = {p for f in families.values() for k in ("groups", "gain", "lose", "halve") for e in f[k] for p in e}
    people = lex["names"]["she"] + lex["names"]["he"]
    assert len(nouns) >= 160 and len(phrases) >= 300 and len(set(people)) == len(people) >= 130


@pytest.mark.parametrize("family", list(plot.lexicon()["families"]))
def test_every_plan_has_many_wordings(family):
    rng = random.Random(1)
    for steps in (2, 3):
        assert len(plot.plans(family, steps)) >= 6
    for plan in plot.plans(family, 2):
        bare = plot.Story(family, (), "", 0, tuple(plot.Step(k, 0, 0) for k in plan))
        story = plot.quantities(plot.cast(bare, rng, 0), rng)
        texts = {numberless(question(story, rng)) for _ in range(60)}
        assert len(texts) >= 4, (plan, texts)


def numberless(text):
    """A text with its number words in digits, so that wordings are counted and not spellings."""
    for value, word in enumerate(WORDS):
        text = re.sub(rf"\b{word}\b", str(value), text, flags=re.IGNORECASE)
    return text


def test_a_problem_has_many_solutions():
    task, rng = MathWords(2), random.Random(3)
    for problem in task.seeds(30, 0):
        assert len({task.solve(problem, rng) for _ in range(400)}) >= 30


def test_sixteen_seeds_cover_little_of_the_distribution():
    task, rng = MathWords(2), random.Random(0)
    seeds = {(p.structure.family, p.structure.plan) for p in task.seeds(16, 0)}
    drawn = [task.sample(rng).structure for _ in range(2000)]
    assert sum((s.family, s.plan) in seeds for s in drawn) < 0.1 * len(drawn)
    assert len({(s.family, s.plan) for s in drawn}) > 500


# --- math_words: streams ----------------------------------------------------------------------------------------------


def side(story):
    return (story.family, story.plan, story.start, tuple(s.operand for s in story.steps))


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_test_problems_never_come_up_in_training(steps):
    task, rng = MathWords(steps), random.Random(5)
    tests = task.test(200)
    held_out = {side(p.structure) for p in tests}
    assert len(held_out) == 200
    seeds = task.seeds(200, 0)
    made = [task.sample(rng) for _ in range(1000)]
    near = [f(p, rng) for p in seeds[:60] for f in (task.edit, task.drift, task.reword)]
    # Edits of a test problem, too, stay on the training side.
    near += [task.edit(p, rng) for p in tests[:60]]
    assert not held_out & {side(p.structure) for p in [*seeds, *made, *near]}
    assert all(plot.is_test(p.structure) for p in tests)


def test_about_one_problem_in_ten_is_on_the_test_side():
    rng = random.Random(2)
    share = sum(plot.is_test(plot.draw(rng, 2, 0)) for _ in range(4000)) / 4000
    assert 0.07 < share < 0.13


def test_smaller_sets_are_prefixes_and_replicates_differ():
    task = MathWords(2)
    large = task.seeds(100, 1)
    assert task.seeds(16, 1) == large[:16] and task.seeds(0, 1) == []
    assert len({p.question for p in large}) == len({p.id for p in large}) == 100
    assert large[3].id == "seed-1-00003"
    assert not {p.question for p in large} & {p.question for p in task.seeds(100, 2)}
    assert task.test(10) == task.test(50)[:10]


def test_the_same_state_gives_the_same_text():
    task = MathWords(2, distractors=1)

    def run(seed):
        rng = random.Random(seed)
        p = task.sample(rng)
        return [p, task.edit(p, rng), task.reword(p, rng), task.drift(p, rng), task.invalid(p, rng), task.err(p, rng)]

    assert run(4) == run(4)
    assert run(4) != run(5)


def test_problems_are_the_same_in_every_process():
    code = (
        "import hashlib; from crossover.tasks.word_problems.task import MathWords\n"
        "text = '\\n'.join(p.question + p.answer for p in MathWords(2).test(50))\n"
        "print(hashlib.sha256(text.encode()).hexdigest())"
    )
    text = "\n".join(p.question + p.answer for p in MathWords(2).test(50))
    assert hashlib.sha256(text.encode()).hexdigest() == GOLDEN
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "77"}
    out = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == GOLDEN


def test_distractors_add_sentences_and_leave_the_answer():
    for count in (0, 1, 2, 3):
        for problem in MathWords(2, distractors=count).seeds(20, 0):
            assert len(problem.structure.asides) == count
            assert truth(problem.structure) == int(final_number(problem.answer))


def test_steps_and_distractors_are_checked():
    for settings_ in ({"steps": 0}, {"steps": 4}, {"steps": "2"}, {"distractors": -1}, {"distractors": 9}):
        with pytest.raises(CrossoverError, match=next(iter(settings_))):
            MathWords(**settings_)
    with pytest.raises(CrossoverError, match="-3"):
        MathWords().seeds(-3, 0)


def test_more_problems_than_there_are_is_refused(monkeypatch):
    monkeypatch.setattr(MathWords, "tries", 300)
    with pytest.raises(CrossoverError, match=r"only \d+ distinct problems of 50000"):
        MathWords(1).test(50_000)


# --- answers ----------------------------------------------------------------------------------------------------------


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


# --- registry and the other tasks -------------------------------------------------------------------------------------


def test_tasks_by_name():
    task = load_task("math_words", steps=3, distractors=1)
    assert (task.steps, task.distractors, task.name) == (3, 1, "math_words")
    assert isinstance(task, ProceduralTask) and isinstance(task, Task)
    assert dataclasses.replace(task) == task
    with pytest.raises(CrossoverError, match="Did you mean 'math_words'"):
        load_task("mathwords")
    with pytest.raises(CrossoverError, match="'step'.*steps, distractors"):
        load_task("math_words", step=3)


def test_the_prompt_ends_where_the_completion_begins():
    for task in (MathWords(), GsmSymbolic(), Gsm8k()):
        assert task.prompt("How many?") == "Question: How many?\nAnswer:"


def test_gsm_symbolic():
    pytest.importorskip("reasoning_gym")
    task, rng = load_task("gsm_symbolic"), random.Random(0)
    assert isinstance(task, Task) and not isinstance(task, ProceduralTask)
    tests, seeds = task.test(60), task.seeds(60, 0)
    assert task.seeds(20, 0) == seeds[:20] and task.test(20) == tests[:20]
    assert seeds != task.seeds(60, 1)
    assert len({p.structure for p in seeds}) > 30
    for p in [*tests, *seeds]:
        assert p.answer[0] == " " and re.fullmatch(r"#### -?[\d.,]+", p.answer.splitlines()[-1]), p.answer
        assert task.correct(p.answer, p) and not task.correct("#### 123456789", p)
        assert not re.search(r"\.\d{5}", p.question)
    others = [task.edit(p, rng) for p in seeds]
    assert all(
        new.structure == p.structure and new.question != p.question for p, new in zip(seeds, others, strict=True)
    )
    held_out = {p.question for p in tests}
    assert not held_out & {p.question for p in [*seeds, *others, *(task.sample(rng) for _ in range(500))]}


def test_gsm8k_from_the_wheel():
    task = load_task("gsm8k")
    tests, seeds = task.test(600), task.seeds(600, 0)
    assert not {p.question for p in tests} & {p.question for p in seeds}
    assert task.seeds(50, 0) == seeds[:50] and task.seeds(50, 1) != seeds[:50]
    assert all(task.correct(p.answer, p) and "<<" not in p.answer and p.answer[0] == " " for p in [*tests, *seeds])
    ducks = next(p for p in [*tests, *task.seeds(656, 0)] if p.question.startswith("Janet’s ducks"))
    assert task.extract(ducks.answer) == "18" and "16 - 3 - 4 = 9 duck eggs" in ducks.answer
    with pytest.raises(CrossoverError, match="2000 seed problems.*656"):
        task.seeds(2000, 0)
