"""Teaching: what a teacher is shown, what its replies become, what each condition's student is trained on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossover.errors import CrossoverError
from crossover.models.recipe import Recipe
from crossover.params.finetuned_teacher import FinetunedTeacher
from crossover.strategies import Ledger, annotate, generate
from crossover.study.experiments import finetuned_teacher
from crossover.study.grids import cells_of
from crossover.study.grids import finetuned_teacher as finetuned_teacher_grids
from crossover.study.store import Store
from crossover.tasks import Problem, load_task
from crossover.teachers import Reply, Request
from crossover.teachers import instructed as module
from crossover.teachers.instructed import InstructedTeacher

EXPERIMENT = finetuned_teacher.FinetunedTeacherExperiment()
SST2, CAPTIONS = load_task("sst2"), load_task("captions")
RECIPE = Recipe(model="tiny-random", trained_layers=1, epochs=1, min_steps=1, batch_size=4, learning_rate=1e-3)


@dataclass
class Scripted:
    """A teacher that says what it is told, over and over, and remembers what it was asked."""

    texts: list[str | None]
    id: str = "scripted"
    repeatable: bool = False
    asked: list[Request] = field(default_factory=list)

    def reply(self, requests):
        start = len(self.asked)
        self.asked += requests
        return [Reply(self.texts[(start + i) % len(self.texts)], 5, 2) for i in range(len(requests))]


def buy_annotations(texts, n, task=SST2):
    split, teacher, ledger = task.split(8, n, 0), Scripted(texts), Ledger(max(1, n))
    return annotate(task, split.unlabelled, split.gold, teacher, ledger, n), teacher, split, ledger


def buy_examples(texts, n, task=SST2):
    split, teacher, ledger = task.split(8, 0, 0), Scripted(texts), Ledger(max(1, n))
    return generate(task, split.original, teacher, ledger, n), teacher, split, ledger


# --- annotate ---------------------------------------------------------------------------------------------------------


def test_the_teacher_is_shown_inputs_alone():
    data, teacher, split, ledger = buy_annotations([" positive"], 30)
    assert [r.problem for r in teacher.asked] == split.unlabelled
    assert not any(r.problem.answer or r.problem.structure for r in teacher.asked)
    assert ledger.spent == 30 == ledger.calls["annotate"]
    assert [s.question for s in data.samples] == [p.question for p in split.unlabelled]
    right = sum(answer == " positive" for answer in split.gold.values())
    assert data.funnel.verified == right and data.funnel.kept == 30, "gold is counted by, never filtered by"


def test_replies_that_are_no_label_are_paid_for_and_counted():
    data, _, split, ledger = buy_annotations([None, "", "neutral", "positive\n\nNow", "NEGATIVE."], 10)
    f = data.funnel
    assert (f.asked, f.returned, f.parsed, f.kept) == (10, 6, 4, 4) and ledger.spent == 10
    assert {s.answer for s in data.samples} == {" positive", " negative"}
    assert data.samples[0].question == split.unlabelled[3].question


def test_annotated_sentences_are_verified_by_what_they_mention():
    split = CAPTIONS.split(2, 6, 0)
    texts = [
        f"So {p.question.replace(',', ' and')}.\nNow" if i % 2 else "Nothing at all."
        for i, p in enumerate(split.unlabelled)
    ]
    data = annotate(CAPTIONS, split.unlabelled, split.gold, Scripted(texts), Ledger(6), 6)
    assert data.funnel.parsed == data.funnel.kept == 6 and data.funnel.verified == 3
    assert all("\n" not in s.answer for s in data.samples)


# --- generate ---------------------------------------------------------------------------------------------------------


@given(st.integers(1, 40))
@settings(max_examples=15, deadline=None)
def test_every_class_is_asked_for_as_often(n):
    _, teacher, _, ledger = buy_examples(["x"], n)
    counts = [sum(r.problem.question == label for r in teacher.asked) for label in SST2.labels]
    assert sum(counts) == n == ledger.spent and counts[0] - counts[1] in (0, 1)
    assert len({(r.problem.question, r.index) for r in teacher.asked}) == n, "no draw is made twice"


def test_copies_and_leaks_are_dropped():
    original, leaked = SST2.split(8, 0, 0).original[0].question, SST2.test(1)[0].question
    data, _, _, _ = buy_examples(
        [None, " ", "a new text about a film", original, leaked + " !", "a new text about a film"], 6
    )
    assert [s.question for s in data.samples] == ["a new text about a film"]
    f = data.funnel
    assert (f.asked, f.returned, f.parsed, f.unique, f.kept, f.verified) == (6, 5, 4, 1, 1, 0)


def test_a_generated_pair_needs_both_its_parts():
    texts = [
        "dog, park, run\nOutput: A dog runs in the park.",
        "dog, run",
        "dog\nOutput: A dog.",
        "dog, run\nOutput: A cat sleeps.",
    ]
    data, teacher, _, _ = buy_examples(texts, 4, CAPTIONS)
    assert all(r.problem.question == "" for r in teacher.asked)
    assert [s.question for s in data.samples] == ["dog, park, run", "dog, run"]
    assert (data.funnel.parsed, data.funnel.verified) == (2, 1)


# --- the instructed teacher -------------------------------------------------------------------------------------------


def teacher_of(task=SST2, n=0, **changes):
    tuning = {"original": tuple(task.split(n, 0, 0).original), "recipe": RECIPE} if n else {}
    return InstructedTeacher(task, "tiny-random", **{"temperature": 0.5, **tuning, **changes})


def requests_of(task, n=3):
    annotations = [Request("annotate", p, 0) for p in task.split(0, n, 0).unlabelled]
    return annotations + [Request("generate", Problem("new", c or "", ""), i) for i in range(n) for c in task.classes]


@pytest.mark.parametrize("task", [SST2, CAPTIONS], ids=["sst2", "captions"])
def test_a_reply_does_not_depend_on_its_neighbours(task, monkeypatch):
    teacher, requests = teacher_of(task), requests_of(task)
    teacher.language_model.model.float()
    together = teacher.reply(requests)
    assert together == [reply for request in requests[::-1] for reply in teacher.reply([request])][::-1]
    assert [r.tokens_in > 50 for r in together] == [True] * len(requests)
    module._load.cache_clear()


def test_a_tuned_teacher_learns_both_kinds_of_prompt_from_the_originals_alone():
    teacher = teacher_of(n=4)
    originals = SST2.split(4, 0, 0).original
    assert teacher.pairs[:4] == tuple((SST2.instruction.annotate(p.question), p.answer) for p in originals)
    assert teacher.pairs[4:] == tuple(
        (SST2.instruction.generate(p.answer.strip()), f" {p.question}") for p in originals
    )
    written = InstructedTeacher(CAPTIONS, "tiny-random", 0.5, original=CAPTIONS.split(1, 0, 0).original, recipe=RECIPE)
    only = CAPTIONS.split(1, 0, 0).original[0]
    assert written.pairs[1] == (CAPTIONS.instruction.generate(), f" {only.question}\nOutput:{only.answer}")


def test_the_id_names_all_that_replies_depend_on():
    teachers = [
        teacher_of(), teacher_of(temperature=0.1), teacher_of(layers=1), teacher_of(n=4), teacher_of(n=5),
        teacher_of(n=4, seed=1), teacher_of(n=4, recipe=replace(RECIPE, epochs=2)),
    ]  # fmt: skip
    assert len({t.id for t in teachers}) == len(teachers)
    assert teacher_of(n=4).id == teachers[3].id and "tuned on 4" in teachers[3].id and "tuned" not in teachers[0].id


def test_tuning_is_done_once_for_all_temperatures_and_not_before_a_reply(monkeypatch):
    calls = []
    monkeypatch.setattr("crossover.teachers.local.train", lambda *a, **k: calls.append(a))
    module._load.cache_clear()
    cold, warm = teacher_of(n=4, temperature=0.1), teacher_of(n=4, temperature=0.8)
    assert cold.id and not calls
    for teacher in (cold, warm):
        teacher.reply(requests_of(SST2, 1)[:1])
    assert len(calls) == 1
    module._load.cache_clear()


def test_tuning_changes_the_model_and_is_repeatable():
    def told(teacher):
        module._load.cache_clear()
        return [r.text for r in teacher.reply(requests_of(SST2, 2))]

    tuned = teacher_of(n=4, recipe=replace(RECIPE, min_steps=20, learning_rate=1e-2))
    assert told(tuned) == told(tuned) != told(teacher_of())
    module._load.cache_clear()


def test_a_teacher_of_more_layers_than_there_are_is_refused():
    with pytest.raises(CrossoverError, match="student_layers is 9; tiny-random has 2 layers"):
        teacher_of(layers=9).reply(requests_of(SST2, 1))


@pytest.mark.slow
def test_a_pretrained_teacher_knows_film_from_film():
    task = load_task("sst2")
    split = task.split(0, 64, 0)
    teacher = InstructedTeacher(task, "SmolLM2-135M-Instruct", 0.1)
    data = annotate(task, split.unlabelled, split.gold, teacher, Ledger(64), 64)
    assert data.funnel.parsed > 60 and data.funnel.verified > 40
    made = generate(task, [], replace(teacher, temperature=0.8), Ledger(8), 8)
    assert made.funnel.kept > 4
    module._load.cache_clear()


# --- cells ------------------------------------------------------------------------------------------------------------


def parameters(**changes):
    small = {
        "tasks": ["sst2"], "originals": [6], "queries": 12, "conditions": ["annotate", "generate", "both"], "n_test": 12, "n_test_texts": 12, "teacher_model": "tiny-random",
        "teacher_trained_layers": 1, "teacher_epochs": 1, "teacher_min_steps": 1, "classifier": "tiny-random-encoder",
        "classifier_epochs": 1, "classifier_min_steps": 2, "writer": "tiny-random",
        "writer_trained_layers": 1, "writer_epochs": 1, "writer_min_steps": 1, "workers": 1,
    }  # fmt: skip
    return FinetunedTeacher(**(small | changes))


@pytest.fixture
def scripted(monkeypatch):
    """Every cell's teacher is a scripted one; its texts can be changed."""
    teacher = Scripted(["positive", "negative"])
    monkeypatch.setattr(finetuned_teacher, "make_teacher", lambda *a: teacher)
    return teacher


def cell_of(strategy, **changes):
    [found] = [c for c in cells_of(parameters(**changes)) if c.strategy == strategy and c.teacher in ("tuned", "none")]
    return found


def test_a_student_learns_the_originals_and_what_was_bought(scripted, tmp_path):
    original = [(p.question, p.answer.strip()) for p in SST2.split(6, 0, 0).original]
    plain = EXPERIMENT.make_data(cell_of("original"), Store(tmp_path), "cpu")
    assert plain.pairs == original and (plain.queries, plain.funnel.asked, plain.measures) == (0, 0, {})
    made = EXPERIMENT.make_data(cell_of("annotate"), Store(tmp_path), "cpu")
    inputs = [p.question for p in SST2.split(6, 12, 0).unlabelled]
    assert made.pairs == original + [(text, ["positive", "negative"][i % 2]) for i, text in enumerate(inputs)]
    assert made.queries == 12 and made.measures["classes"] == {"negative": 6, "positive": 6}
    assert made.measures["annotations_right"] == round(made.funnel.verified / 12, 4)


def test_both_kinds_cost_as_many_queries_as_one(scripted, tmp_path):
    scripted.texts = [f"a text number {i} and {j} of its kind" for i in range(9) for j in "abc"]
    made = EXPERIMENT.make_data(cell_of("both", queries=15), Store(tmp_path), "cpu")
    assert [sum(r.kind == kind for r in scripted.asked) for kind in ("annotate", "generate")] == [8, 7]
    assert made.queries == 15 and made.funnel.asked == 15
    assert "annotations_right" not in made.measures, "none of its annotations is a label"
    assert made.measures["classes"] == {"negative": 4, "positive": 3}


def test_a_teacher_without_usable_replies_adds_nothing(scripted, tmp_path):
    scripted.texts = [None]
    nothing = EXPERIMENT.make_data(cell_of("annotate"), Store(tmp_path), "cpu")
    assert len(nothing.pairs) == 6 and nothing.measures == {} and nothing.funnel.returned == 0


def test_a_larger_amount_extends_a_smaller_one_and_pays_for_the_rest(scripted, tmp_path):
    less = EXPERIMENT.make_data(cell_of("annotate"), Store(tmp_path), "cpu")
    more = EXPERIMENT.make_data(cell_of("annotate", queries=24), Store(tmp_path), "cpu")
    assert more.pairs[: len(less.pairs)] == less.pairs and more.queries == 24
    assert len(scripted.asked) == 24, "stored replies are not asked for again"


def test_students_on_the_same_data_share_its_calls_and_differ_in_seed(scripted, tmp_path):
    one, two = (c for c in cells_of(parameters(classifier_seeds=2)) if (c.strategy, c.teacher) == ("annotate", "tuned"))
    first, second = (EXPERIMENT.make_data(cell, Store(tmp_path), "cpu") for cell in (one, two))
    assert first.pairs == second.pairs and len(scripted.asked) == 12 and one.key != two.key


def test_a_prompted_teachers_calls_serve_every_size_and_another_draw_is_another(scripted, tmp_path):
    sizes = [c for c in cells_of(parameters(originals=[3, 6])) if (c.strategy, c.teacher) == ("generate", "prompted")]
    for cell in sizes:
        EXPERIMENT.make_data(cell, Store(tmp_path), "cpu")
    assert len(scripted.asked) == 12, "it knows no original examples"
    again = replace(sizes[0], replicate=1)
    EXPERIMENT.make_data(again, Store(tmp_path), "cpu")
    assert len({(r.problem.question, r.index) for r in scripted.asked}) == 24


def test_an_oracles_errors_are_its_rate_and_nested(tmp_path):
    p = parameters(dial_tasks=["sst2"], queries=200, label_errors=[0.0, 0.2, 0.5])
    cells = finetuned_teacher_grids.grids(p)["label_errors"]
    gold, few, many = (EXPERIMENT.make_data(cell, Store(tmp_path), "cpu") for cell in cells)
    wrong = [
        {i for i, (a, b) in enumerate(zip(gold.pairs, other.pairs, strict=True)) if a != b} for other in (few, many)
    ]
    assert gold.measures["annotations_right"] == 1.0 and wrong[0] < wrong[1]
    assert 20 < len(wrong[0]) < 60 and 75 < len(wrong[1]) < 125
    assert [few.measures["annotations_right"], many.measures["annotations_right"]] == [1 - len(w) / 200 for w in wrong]
    assert cells[1].models == ["tiny-random-encoder"] and "teacher_model" not in cells[1].teacher_settings


def test_a_teacher_is_tuned_on_other_tasks_with_as_many_examples(monkeypatch):
    monkeypatch.setattr(finetuned_teacher, "BENCHMARKS", ("sst2", "rte", "boolq"))
    cells = finetuned_teacher_grids.grids(parameters(dial_tasks=["sst2"], tuned_on=["all", "others"]))["tuned_on"]
    by = {(c.teacher_settings["tuned_on"], c.strategy): c for c in cells}
    split = SST2.split(6, 12, 0)
    mixed, others = (
        finetuned_teacher.make_teacher(by[how, "annotate"], "annotate", SST2, split, "cpu") for how in ("all", "others")
    )
    own = {p.question for p in split.original}
    assert len(mixed.pairs) == len(others.pairs) == 12 and len(mixed.original) == 2 and not others.original
    assert any(question in prompt for question in own for prompt, _ in mixed.pairs)
    assert not any(question in prompt for question in own for prompt, _ in others.pairs)
    assert len({mixed.id, others.id, teacher_of(n=6).id}) == 3


def test_an_encoder_teaches_by_its_own_labels(tmp_path):
    p = parameters(dial_tasks=["sst2"], dial_size=6, swapped=True)
    cell = next(
        c for c in finetuned_teacher_grids.grids(p)["families"] if c.teacher == "encoder" and c.scoring == "classify"
    )
    made = EXPERIMENT.make_data(cell, Store(tmp_path), "cpu")
    assert made.funnel.parsed == 12 and {label for _, label in made.pairs} <= set(SST2.labels)
    teacher = finetuned_teacher.make_teacher(cell, "annotate", SST2, SST2.split(6, 12, 0), "cpu")
    assert (
        teacher.id
        != finetuned_teacher.make_teacher(replace(cell, replicate=1), "annotate", SST2, SST2.split(6, 12, 1), "cpu").id
    )
    with pytest.raises(CrossoverError, match="cannot generate"):
        teacher.reply([Request("generate", Problem("new", "positive", ""), 0)])


# --- parameters -------------------------------------------------------------------------------------------------------


def test_where_a_folder_lies_is_no_part_of_a_cell(monkeypatch):
    keys = []
    for folder in ("/one", "/two"):
        monkeypatch.setenv("CROSSOVER_DATA", folder)
        keys.append([c.key for c in cells_of(parameters(tasks=["rte", "captions"], source="dir"))])
    assert keys[0] == keys[1]
    with pytest.raises(CrossoverError, match="/two/glue_rte/.* is missing. Put the .* split of nyu-mll/glue there"):
        EXPERIMENT.check(cells_of(parameters(tasks=["rte"], source="dir")))
    assert {c.task_settings["source"] for c in cells_of(parameters(tasks=["captions"], source="dir"))} == {"pypi"}


def test_a_causal_student_can_write_labels():
    [cell] = finetuned_teacher_grids.grid(parameters(), "sst2", 6, "original", family="causal")
    pairs = [(SST2.prompt(p.question), p.answer) for p in SST2.seeds(4, 0)]
    scored = EXPERIMENT.train_and_score(cell, pairs, "cpu")
    assert len(scored.outcomes) == 12 and all(o.extracted in (None, *SST2.labels) for o in scored.outcomes)
