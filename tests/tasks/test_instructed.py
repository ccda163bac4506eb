"""Instructed tasks: prompts, pools that leak nothing, labels and inputs read back, what a sentence mentions."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossover.data import load
from crossover.data.near_duplicates import NEAR
from crossover.tasks import Problem, Task, load_task
from crossover.tasks.instructed.base import ClassificationTask, GenerationTask, McTaco, Rte, Sst2
from crossover.tasks.instructed.generation import E2e, slots
from stored import write_lines

REAL = Path(os.environ.get(load.FOLDER_VARIABLE, "no such folder"))
needs_folder = pytest.mark.skipif(
    not (REAL / "e2e_nlg").is_dir(), reason=f"{load.FOLDER_VARIABLE} names no folder of data"
)
OFFLINE = ["rte", "boolq", "sst2", "captions"]
IN_FOLDER = ["rte", "boolq", "sst2", "mc_taco", "e2e_nlg", "common_gen"]
FOLDER = {"source": "dir", "folder": str(REAL)}
many = settings(max_examples=200, deadline=None)
lines = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" ")).filter(str.strip)


def jaccard(a, b):
    return len(a & b) / len(a | b) if a | b else 0.0


def entailment(premise, hypothesis="It holds.", label=0):
    return {"sentence1": premise, "sentence2": hypothesis, "label": label, "idx": 0}


# --- pools ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "settings_"),
    [(name, {}) for name in OFFLINE]
    + [pytest.param(name, FOLDER, marks=[needs_folder, pytest.mark.slow]) for name in IN_FOLDER],
)
def test_no_pool_holds_a_near_duplicate_of_a_test_item(name, settings_):
    task = load_task(name, **settings_)
    pool, tests = task._pool("seed"), task._pool("test")
    against = [task._units(p.question) for p in tests]
    for problem in random.Random(0).sample(pool, min(20, len(pool))):
        assert not any(jaccard(task._units(problem.question), other) >= NEAR for other in against), problem
    assert len({p.question for p in pool}) == len(pool)
    assert not {p.question for p in pool} & {p.question for p in tests}


def test_leaks_are_planted_and_found(tmp_path):
    tests = [entailment(f"The number {i} bus to the old harbour leaves at noon on every weekday.") for i in range(5)]
    clean = [entailment(f"Ship {i} sank.", f"A ship was lost, number {i}.") for i in range(20)]
    leaks = [
        entailment("The number 3 bus to the old harbour leaves at noon on every weekday.", "Another hypothesis."),
        entailment("the NUMBER 4 bus to the old harbour leaves at noon, on every weekday"),
        entailment("The number 2 bus to the old harbour leaves at noon on every weekday except one."),
    ]
    write_lines(tmp_path / "glue_rte" / "train.jsonl.gz", [*leaks, *clean, clean[0]])
    write_lines(tmp_path / "glue_rte" / "validation.jsonl.gz", tests)
    task = Rte(source="dir", folder=str(tmp_path))
    assert {p.question for p in task._pool("seed")} == {task.as_input(r["sentence1"], r["sentence2"]) for r in clean}
    assert task.near_test([task.as_input(leaks[2]["sentence1"], "x"), task.as_input("Ship 1 sank.", "x")]) == [
        True,
        False,
    ]


@pytest.mark.parametrize("name", OFFLINE)
def test_original_and_unlabelled_never_meet_and_are_nested(name):
    task = load_task(name)
    small, large = task.split(10, 20, 0), task.split(25, 60, 0)
    assert large.original[:10] == small.original and large.unlabelled[:20] == small.unlabelled
    assert not {p.question for p in large.original} & {p.question for p in large.unlabelled}
    assert all(p.answer for p in large.original)
    assert task.split(25, 60, 1).original != large.original
    everything = task.split(0, len(task._pool("seed")), 0)
    assert len(everything.unlabelled) == len(task._pool("seed")) and not everything.original
    assert task.split(5, 0, 0).unlabelled == []
    assert not any(p.answer or getattr(p, "references", ()) for p in large.unlabelled), "references are outputs too"
    truth = {p.question: p.answer for p in task._pool("seed")}
    assert {p.question: large.gold[p.id] for p in large.unlabelled}.items() <= truth.items()


# --- texts ------------------------------------------------------------------------------------------------------------


def test_prompts_have_the_form_of_super_natural_instructions():
    instruction = Sst2().instruction
    one, two = instruction.annotate("fine ."), instruction.generate("negative")
    assert one.startswith(f"Definition: {instruction.definition}\n\nPositive Example 1 -\nInput: ")
    assert one.endswith("\nOutput: negative\n\nNow complete the following example -\nInput: fine .\nOutput:")
    assert two.endswith("\n\nNow write another example -\nOutput: negative\nInput:")
    assert two.index("Output: positive") < two.index("Input: a warm")
    assert E2e().instruction.generate().endswith("\n\nNow write another example -\nInput:")


@pytest.mark.parametrize("name", sorted({*OFFLINE, *IN_FOLDER}))
def test_positive_examples_are_right_by_their_own_task(name):
    task = load_task(name)
    for given_, wanted in task.instruction.examples:
        assert task.read_input(given_) == given_
        if isinstance(task, ClassificationTask):
            assert task.extract(f" {wanted}\n") == wanted
        else:
            assert all(task.mentioned(given_, wanted)) and not task.unsupported(given_, wanted)
    if isinstance(task, ClassificationTask):
        assert {wanted for _, wanted in task.instruction.examples} == set(task.labels), "one of each class"


@pytest.mark.parametrize("name", OFFLINE)
def test_a_gold_example_is_read_back_as_generated(name):
    task = load_task(name)
    for problem in task.seeds(50, 0):
        output = task.extract(problem.answer) if isinstance(task, ClassificationTask) else None
        assert task.read_example(task.as_example(problem) + "\n\nNow write another", output) == (
            problem.question,
            problem.answer,
        )


@given(lines, lines, lines)
@many
def test_any_input_is_read_back(one, two, three):
    task = McTaco()
    text = task.as_input(one, two, three)
    assert task.read_input(f" {text}\nOutput: yes") == text
    assert task.read_input("\n".join(text.splitlines()[:2])) is None, "a field is missing"
    assert text.count("\n") == 2


@pytest.mark.parametrize(
    "text", ["", " ", "\n\n", "Premise: a", "Premise: a\nHypothesis:", "Hypothesis: a\nPremise: b", "a b"]
)
def test_what_is_no_input_is_refused(text):
    assert Rte().read_input(text) is None
    assert Rte().read_example(text, "yes") is None


@pytest.mark.parametrize(
    ("text", "label"),
    [(" positive", "positive"), ("Negative.\nInput: x", "negative"), (' "positive" ', "positive"), ("", None), ("\n", None),
     (" neutral", None), ("positive negative", None), ("posi", None)],
)  # fmt: skip
def test_a_label_that_the_task_does_not_have_is_no_label(text, label):
    task = Sst2()
    assert task.extract(text) == label
    assert task.correct(text, task.test(1)[0]) == (f" {label}" == task.test(1)[0].answer)


# --- what a sentence mentions -----------------------------------------------------------------------------------------

MR = "name[The Mill], eatType[pub], food[English], priceRange[less than £20], customer rating[5 out of 5], area[riverside], familyFriendly[yes], near[Café Rouge]"


def test_attributes_are_found_in_other_words():
    task = E2e()
    text = (
        "By the river near Café Rouge, The Mill is a cheap, kid friendly pub with British food and excellent reviews."
    )
    assert task.mentioned(MR, text) == [True] * 8 and task.unsupported(MR, text) == []
    assert task.correct(f" {text}\n", Problem("", MR, ""))
    assert [name for name, ok in zip([s for s, _ in slots(MR)], task.mentioned(MR, "The Mill"), strict=True) if ok] == [
        "name"
    ]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("The Mill is an expensive pub.", ["priceRange: high"]),
        ("The Mill is not a family place.", ["familyFriendly: no"]),
        ("The Mill, a restaurant in the city centre, has Indian food.", ["area: city centre", "food: Indian"]),
        ("The Mill is rated 1 out of 5.", ["customer rating: low"]),
        ("The Mill near Raja Indian Cuisine.", []),
    ],
)
def test_content_without_support_is_named(text, wrong):
    assert E2e().unsupported(MR, text) == wrong


@pytest.mark.parametrize(
    "text", ["", "name[]", "name[A], and more", "colour[red]", "name[A], name[B]", "priceRange[free]", "The Mill"]
)
def test_attributes_that_cannot_be_read(text):
    assert E2e().read_input(text) is None


@needs_folder
def test_human_references_mention_nearly_all_and_invent_little():
    task = load_task("e2e_nlg", **FOLDER)
    found = [ok for p in task._pool("seed") for text in p.references for ok in task.mentioned(p.question, text)]
    invented = [bool(task.unsupported(p.question, text)) for p in task._pool("seed") for text in p.references]
    assert sum(found) / len(found) > 0.92 and sum(invented) / len(invented) < 0.09
    assert all(task.read_input(p.question) == p.question for p in task._pool("seed"))


def test_concepts_are_found_in_any_form():
    task = load_task("captions")
    text = "Two boys rode their bikes while the dogs were running."
    assert task.mentioned("bike, boy, dog, ride, run", text) == [True] * 5
    assert task.mentioned("cat, ride", text) == [False, True]
    assert task.unsupported("boy", text) is None
    assert (
        task.read_input("dog") is None
        and task.read_input("dog, dog") is None
        and task.read_input("Name: [x], y!") is None
    )


def test_captions_use_all_their_concepts():
    task = load_task("captions")
    problems = task.test(60)
    assert all(task.correct(p.answer, p) and p.references == (p.answer.strip(),) for p in problems)
    assert all(3 <= len(p.question.split(", ")) <= 5 for p in problems)
    assert isinstance(task, GenerationTask) and isinstance(task, Task)
