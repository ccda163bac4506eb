"""The local teacher: prompted or fine-tuned on gold problems, loaded once and only when asked, the same from the cache."""

import gzip
import json
import shutil

import pytest

from crossover.errors import CrossoverError
from crossover.models.decoding import likelihoods
from crossover.models.language_model import LanguageModel
from crossover.models.weights import fingerprint, model_folder
from crossover.params.profiles import resolve
from crossover.study.cell import QueryCell
from crossover.study.experiments.query_budget import buy, draw_seeds
from crossover.study.grids import cells_of
from crossover.study.store import Store
from crossover.tasks import Problem, load_task
from crossover.tasks.base import seeds_apart
from crossover.teachers import Request, local
from crossover.teachers.local import LocalTeacher
from crossover.teachers.recorded import Recorded

TASK = load_task("math_words", steps=1)
RECIPE = {"trained_layers": 0, "epochs": 4, "min_steps": 4, "batch_size": 4, "learning_rate": 1e-2}
PROMPTED = {"model": "tiny-random", "temperature": 0.7}
TUNED = {**PROMPTED, "gold": 4, "recipe": RECIPE}
SEEDS = TASK.seeds(4, 0)
ASKED = [
    Request(kind, problem, i) for kind in ("answer", "rephrase", "new_question") for problem in SEEDS for i in (0, 1)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model cache for this file alone, which holds the pretrained model."""
    real = model_folder("tiny-random")
    made = tmp_path_factory.mktemp("cache")
    (made / real.name).symlink_to(real)
    return made


@pytest.fixture
def cache(folder, monkeypatch):
    """That cache in use, and no model loaded."""
    monkeypatch.setenv("CROSSOVER_CACHE", str(folder))
    local._load.cache_clear()
    yield folder
    local._load.cache_clear()


@pytest.fixture
def exact(cache, monkeypatch):
    """Teachers in float32: in bfloat16, sums differ by how rows are batched, and with them now and then a reply."""
    teacher().folder()  # trained as ever, before models are loaded in float32
    load = LanguageModel.load.__func__

    def loaded(cls, *arguments):
        student = load(cls, *arguments)
        student.model.float()
        return student

    monkeypatch.setattr(LanguageModel, "load", classmethod(loaded))


def teacher(settings=TUNED, task=TASK, **changes):
    return LocalTeacher(task, SEEDS[:3], **{"max_new_tokens": 6, **settings, **changes})


def texts(replies):
    return [reply.text for reply in replies]


# --- gold problems ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["math_words", "gsm_symbolic", "gsm8k", "arc"])
def test_gold_problems_are_no_seeds_of_any_replicate_and_no_test_problems(name):
    task = load_task(name)
    gold, tests = task.gold(200), task.test(200)
    assert task.gold(64) == gold[:64]
    assert (gold[3].id, len({p.id for p in gold})) == ("gold-00003", 200)
    held = {p.question for p in gold}
    assert not held & {p.question for p in tests}
    for replicate in (0, 7):
        seeds = seeds_apart(task, 100, replicate, gold)
        assert len(seeds) == 100 and not held & {p.question for p in seeds}
    assert seeds_apart(task, 30, 7, gold) == seeds[:30]


def test_seeds_beside_gold_are_the_replicates_own_with_the_gold_ones_passed_over():
    seeds = TASK.seeds(6, 0)
    shouted = Problem("gold-00000", seeds[1].question.upper(), "")
    assert seeds_apart(TASK, 4, 0, [shouted, seeds[3]]) == [seeds[0], seeds[2], seeds[4], seeds[5]]
    assert seeds_apart(TASK, 4, 0, []) == seeds[:4]


def test_a_cells_seeds_are_apart_from_the_larger_of_both_gold_sets():
    task = load_task("gsm8k")
    gold = {p.question for p in task.gold(300)}
    for teacher_gold, augmenter_gold in [(0, 300), (300, 0), (1, 300)]:
        cell = cell_of(
            {**TUNED, "gold": teacher_gold},
            {**TUNED, "gold": augmenter_gold},
            task="gsm8k",
            task_settings={},
            seed_size=200,
        )
        assert not gold & {p.question for p in draw_seeds(cell, task)}


def test_more_seeds_and_gold_than_there_are_is_refused():
    task = load_task("gsm8k")
    with pytest.raises(CrossoverError, match="100 seeds beside 600 gold problems; lower either.*656"):
        seeds_apart(task, 100, 0, task.gold(600))


# --- fine-tuning ------------------------------------------------------------------------------------------------------


def test_all_three_kinds_of_prompt_are_trained_with_gold_completions():
    tuned = teacher()
    gold = TASK.gold(4)
    answers, rephrasings, questions = tuned.pairs[:4], tuned.pairs[4:8], tuned.pairs[8:]
    assert answers == [(TASK.prompt(p.question), p.answer) for p in gold]
    for problem, (prompt, completion) in zip(gold, rephrasings, strict=True):
        assert prompt == f"Question: {problem.question}\nThe same question in other words:"
        assert completion.strip() != problem.question
        assert local.Oracle(TASK).reply([Request("rephrase", problem, 0)])[0].text == completion.strip()
    for problem, (prompt, completion) in zip(gold, questions, strict=True):
        shown = prompt.removesuffix("Question:").removeprefix("Question: ").strip().split("\n\nQuestion: ")
        assert completion == f" {problem.question}"
        assert 1 <= len(shown) <= 3 and set(shown) <= {p.question for p in gold} - {problem.question}


@pytest.mark.parametrize("name", ["gsm8k", "arc", "gsm_symbolic"])
def test_without_gold_rephrasings_the_other_two_are_trained_and_the_id_says_so(name):
    task = load_task(name)
    tuned = LocalTeacher(task, task.seeds(3, 0), max_new_tokens=6, **TUNED)
    assert len(tuned.pairs) == 8
    assert "trained=answer+new_question," in tuned.id
    assert tuned.kinds == ("answer", "new_question")


def test_fine_tuning_raises_the_likelihood_of_every_kind_of_gold_completion(cache):
    tuned = teacher()
    before, after = (
        scores(student, tuned.pairs) for student in (LanguageModel.load("tiny-random"), tuned.language_model)
    )
    for kind in range(3):
        assert sum(after[4 * kind : 4 * kind + 4]) > sum(before[4 * kind : 4 * kind + 4]) + 200


def scores(student, pairs):
    prompts = student.tokenizer([prompt for prompt, _ in pairs], add_special_tokens=False)["input_ids"]
    completions = [[student.tokenizer(text, add_special_tokens=False)["input_ids"]] for _, text in pairs]
    return [one.total for (one,) in likelihoods(student, prompts, completions)]


def test_a_fine_tuned_teacher_is_asked_without_solved_examples():
    answer, rephrase, new = (Request(kind, SEEDS[3], 0) for kind in ("answer", "rephrase", "new_question"))
    tuned = teacher()
    assert tuned.prompt(answer) == TASK.prompt(SEEDS[3].question)
    assert tuned.prompt(rephrase) == local.rephrase_prompt(SEEDS[3].question)
    assert tuned.prompt(new) == "".join(f"Question: {p.question}\n\n" for p in SEEDS) + "Question:"


def test_the_cached_teacher_is_the_freshly_trained_one(cache, monkeypatch):
    shutil.rmtree(teacher().folder())
    fresh = texts(teacher().reply(ASKED))
    weights = (teacher().folder() / "model.safetensors").read_bytes()
    local._load.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(local, "train", None)  # a second training would fail
        assert texts(teacher().reply(ASKED)) == fresh
    shutil.rmtree(teacher().folder())  # trained once more from nothing, it has the same weights
    assert (teacher().folder() / "model.safetensors").read_bytes() == weights


@pytest.mark.parametrize(
    "change", [{"gold": 5}, {"recipe": {**RECIPE, "epochs": 5}}, {"task": load_task("text_to_sql")}]
)
def test_the_id_names_all_that_a_fine_tuned_teacher_depends_on(change):
    first, other = teacher(), teacher(**change)
    assert first.id == teacher().id != other.id
    assert first.digest != other.digest
    assert teacher(temperature=0.9).id != first.id and teacher(temperature=0.9).digest == first.digest


def test_the_id_follows_the_pretrained_weights(tmp_path):
    for name in ("one", "two"):
        shutil.copytree(model_folder("tiny-random"), tmp_path / name)
    with open(tmp_path / "two" / "model.safetensors", "r+b") as file:
        file.seek(-1, 2), file.write(b"x")
    first, other = (teacher(model=str(tmp_path / name)) for name in ("one", "two"))
    assert first.digest != other.digest
    assert first.id.partition("@")[2].partition(",")[0] != other.id.partition("@")[2].partition(",")[0]


# --- loading ----------------------------------------------------------------------------------------------------------


def test_a_model_is_loaded_once_and_only_when_a_reply_is_missing(cache, tmp_path, monkeypatch):
    loads, load = [], LanguageModel.load.__func__
    monkeypatch.setattr(LanguageModel, "load", classmethod(lambda cls, *a: loads.append(a[0]) or load(cls, *a)))
    first = Recorded(teacher(PROMPTED), tmp_path / "g.jsonl.gz")
    assert loads == []
    said = first.reply(ASKED)
    assert Recorded(teacher(PROMPTED), tmp_path / "g.jsonl.gz").reply(ASKED[:5] + ASKED[7:]) == said[:5] + said[7:]
    Recorded(teacher(PROMPTED), tmp_path / "other.jsonl.gz").reply(ASKED[:2])
    assert loads == ["tiny-random"]


def test_replies_do_not_depend_on_their_batch(cache, exact):
    together = texts(teacher().reply(ASKED))
    for size in (1, 5):
        assert texts(teacher(batch_size=size).reply(ASKED)) == together
    assert texts(teacher().reply(ASKED[5:9])) == together[5:9]
    assert len(set(together)) > len(together) / 2


# --- cells ------------------------------------------------------------------------------------------------------------


def cell_of(teacher_settings, augmenter_settings, strategy="new_question", budget=8, **changes):
    fixed = {
        "version": 1,
        "task": "math_words",
        "task_settings": {"steps": 1},
        "seed_size": 3,
        "replicate": 0,
    }
    fixed |= {"teacher": "local", "n_test": 1, "max_new_tokens": 6, "strategy": strategy, "budget": budget}
    return QueryCell(
        **{**fixed, "teacher_settings": teacher_settings, "augmenter_settings": augmenter_settings, **changes}
    )


def calls(folder):
    """Stored calls as (teacher, kind, question, index, reply)."""
    names = ("teacher", "kind", "question", "index", "reply")
    lines = [
        line for path in sorted(folder.rglob("*.jsonl.gz")) for line in gzip.decompress(path.read_bytes()).splitlines()
    ]
    return [tuple(json.loads(line)[name] for name in names) for line in lines]


@pytest.mark.parametrize(
    ("answers", "asks"), [(TUNED, PROMPTED), (PROMPTED, TUNED), (TUNED, {**TUNED, "gold": 5}), (TUNED, {})]
)
def test_teacher_and_augmenter_may_differ_in_strength(cache, tmp_path, answers, asks):
    buy(cell_of(answers, asks), Store(tmp_path))
    by_kind = {kind: {call[0] for call in calls(tmp_path) if call[1] == kind} for kind in ("answer", "new_question")}
    assert by_kind == {"answer": {teacher(answers).id}, "new_question": {teacher(asks or answers).id}}


def test_an_augmenter_of_ones_own_changes_the_key_and_the_default_does_not():
    same = cell_of(PROMPTED, {})
    assert "augmenter" not in same.settings
    assert cell_of(PROMPTED, TUNED).key != same.key


@pytest.mark.parametrize(
    ("overrides", "teacher_gold", "augmenter_gold"),
    [
        ({}, None, "own"),
        ({"teacher_gold": 64}, 64, None),
        ({"augmenter_gold": 64}, None, 64),
        ({"teacher_gold": 64, "augmenter_gold": 64}, 64, "own"),
        ({"teacher_gold": 64, "augmenter_gold": 256}, 64, 256),
    ],
)
def test_parameters_set_the_strength_of_both(overrides, teacher_gold, augmenter_gold):
    parameters = resolve("03_budget_ratio", "laptop", {"teacher": "local", **overrides})
    cell = cells_of(parameters)[0]
    assert cell.teacher_settings.get("gold") == teacher_gold
    assert (cell.augmenter_settings.get("gold") if cell.augmenter_settings else "own") == augmenter_gold
    for settings in (cell.teacher_settings, cell.augmenter_settings):
        assert ("gold" in settings) == ("recipe" in settings)
        LocalTeacher(TASK, SEEDS, max_new_tokens=6, **settings) if settings else None


# --- the prompted teacher, and what is refused ------------------------------------------------------------------------


def test_a_prompted_teacher_is_shown_solved_seeds_and_named_by_model_and_sampling():
    prompted = teacher(PROMPTED)
    assert prompted.id == f"local(tiny-random@{fingerprint('tiny-random')}, temperature=0.7, max_new_tokens=6)"
    solved = [TASK.prompt(p.question) + p.answer for p in SEEDS[:3]]
    own, other = Request("answer", SEEDS[0], 0), Request("answer", SEEDS[3], 0)
    assert prompted.prompt(own) == "\n\n".join([*solved[1:], TASK.prompt(SEEDS[0].question)])
    assert prompted.prompt(other) == "\n\n".join([*solved, TASK.prompt(SEEDS[3].question)])
    assert prompted.prompt(Request("new_question", SEEDS[0], 0)) == local.new_question_prompt(
        [SEEDS[1].question, SEEDS[2].question, SEEDS[0].question]
    )
    asked = prompted.prompt(Request("rephrase", SEEDS[3], 0))
    assert f"Write the new question only.\n\n{SEEDS[3].question}" in asked and asked.endswith("<|im_start|>assistant\n")


def test_a_question_of_a_prompted_teacher_is_one_line(cache):
    said = texts(teacher(PROMPTED, max_new_tokens=40).reply([r for r in ASKED if r.kind != "answer"]))
    assert all("\n" not in text for text in said if text)


def test_more_gold_than_the_task_has_is_refused_before_anything_is_loaded(tmp_path):
    cell = cell_of({**TUNED, "gold": 700}, {}, task="gsm8k", task_settings={})
    with pytest.raises(CrossoverError, match="gold problems must be 0 to 656"):
        buy(cell, Store(tmp_path))


@pytest.mark.slow
def test_fine_tuning_makes_a_better_teacher():
    recipe = {"trained_layers": 15, "epochs": 3, "min_steps": 16, "batch_size": 8, "learning_rate": 2e-4}
    problems = seeds_apart(TASK, 40, 0, TASK.gold(64))
    settings = {"model": "SmolLM2-135M-Instruct", "max_new_tokens": 72}
    asked = [Request("answer", problem, 0) for problem in problems[3:]]

    def right(**tuned):
        replies = LocalTeacher(TASK, problems[:3], **settings, **tuned).reply(asked)
        return sum(TASK.correct(reply.text, r.problem) for reply, r in zip(replies, asked, strict=True))

    assert right(gold=64, recipe=recipe) > right() + 5
