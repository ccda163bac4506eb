"""The ablations: grids that change one thing, and comparisons that recover a planted effect."""

import json
from types import SimpleNamespace

import pandas as pd
import pytest

from crossover.chapters import ablations
from crossover.chapters.ablations import COMPARISONS, Chapter
from crossover.chapters.common import starred
from crossover.errors import CrossoverError
from crossover.figures.charts import forest
from crossover.params.profiles import check, resolve
from crossover.study.grids import ablations as ablations_grids
from crossover.study.grids import cells_of
from crossover.study.grids.ablations import kept_size
from stored import first_right, plant


@pytest.fixture
def parameters():
    strategies = ["answer_augmentation", "question_rephrase", "new_question", "mixed", "seeds_only"]
    values = {
        "profile": "laptop", "results": "laptop", "replicates": 2, "n_test": 60, "budget_ratios": [1, 2, 4, 8, 16],
        "student_sizes": [15], "low_budget": 16, "high_budgets": [64, 128], "answer_errors": [0.25, 0.5],
    }  # fmt: skip
    return check("04_ablations", values | {"strategies": strategies})


def planted(cell):
    """Return the outcomes of a world in which each change has a known effect."""
    return first_right(round(60 * accuracy(cell)), 60)


def accuracy(cell):
    if cell.strategy == "seeds_only":
        return 0.2
    if cell.teacher_settings["invalid_rate"]:
        return 0.5 - (0.2 if cell.strategy == "new_question" else 0.05)
    if cell.verify:
        return 0.7
    if cell.teacher_settings["answer_error"]:
        return 0.4 if cell.budget == 128 else 0.3
    if cell.strategy == "new_question" and cell.budget == 16:
        return 0.4
    return 0.5


def test_every_grid_changes_one_thing(parameters):
    dials = {"coverage": 1.0, "invalid_rate": 0.0, "rephrase_drift": 0.0, "answer_error": 0.0}
    changed = {
        name: {
            *(k for cell in cells for k, v in cell.teacher_settings.items() if v != dials[k]),
            *(k for cell in cells for k in ("student_layers",) if cell.recipe.get(k)),
        }
        for name, cells in ablations_grids.grids(parameters).items()
    }
    assert changed == {
        "base": set(), "coverage": {"coverage"}, "augmenter": {"invalid_rate", "rephrase_drift"},
        "verification": {"answer_error"}, "student": {"student_layers"}, "mixed": set(), "local": set(), "recipes": set(),
        "claims_under_recipes": set(),
    }  # fmt: skip
    assert len({cell.key for cell in cells_of(parameters)}) == len(cells_of(parameters))


def test_a_local_teacher_and_its_augmenter_are_fine_tuned_apart_and_another_task_has_its_own_settings():
    others = ["text_to_sql", "gsm_symbolic", "arc"]
    given = {"local_gold": [8], "other_tasks": others, "side_replicates": 1, "budget_ratios": [1, 2, 4, 8]}
    grids = ablations_grids.grids(check("04_ablations", {"profile": "laptop", "results": "laptop", **given}))
    strengths = {
        (c.strategy, c.teacher_settings.get("gold", 0), (c.augmenter_settings or c.teacher_settings).get("gold", 0))
        for c in grids["local"]
    }
    assert strengths == {
        ("answer_augmentation", 8, 8), ("question_rephrase", 8, 8), ("new_question", 8, 8), ("question_rephrase", 8, 0),
        ("new_question", 8, 0), ("answer_augmentation", 0, 0),
    }  # fmt: skip
    assert {(c.task, json.dumps(c.task_settings), c.replicate) for c in grids["text_to_sql"]} == {
        ("text_to_sql", '{"shapes": "simple"}', 0)
    }
    assert {(c.task, c.teacher, c.scoring) for c in grids["arc"] if c.budget} == {("arc", "local", "choice")}
    assert {(c.task, c.teacher, c.teacher_settings["gold"]) for c in grids["gsm_symbolic"] if c.budget} == {
        ("gsm_symbolic", "local", 128)
    }
    assert "mixed" not in {c.strategy for c in grids["text_to_sql"]}


def test_as_many_samples_are_kept_as_the_smaller_budget_buys(parameters):
    budgets = {}
    for cell in ablations_grids.grids(parameters)["verification"]:
        budgets.setdefault((cell.teacher_settings["answer_error"], cell.verify), set()).add(cell.budget)
    assert budgets.pop((0.25, False)) == {96, 128} and kept_size(128, 0.25) == 96
    assert budgets == {key: {64, 128} for key in [(0.25, True), (0.5, False), (0.5, True)]}


def test_planted_effects_come_back(tmp_path, parameters):
    chapter = Chapter(parameters, plant(tmp_path, cells_of(parameters), planted), tmp_path)
    found = {name: chapter.effects(name) for name in COMPARISONS}
    assert found["augmenter"]["estimate"].tolist() == pytest.approx([-0.05, -0.2])
    assert found["verification"]["estimate"].tolist() == pytest.approx([0.3, 0.4, -0.3] * 4)
    assert found["student"]["estimate"].tolist() == pytest.approx([0.1, 0.1])
    calls = found["verification"]["comparison"].str.findall(r"\b(16|64|128)\b")
    assert calls.map(len).between(1, 2).all(), "each label says at which budgets"
    leads = dict(zip(found["overview"]["comparison"], found["overview"]["estimate"], strict=True))
    assert leads["50% of new questions spoilt"] == pytest.approx(-0.2) and leads["coverage 0"] == pytest.approx(0)
    assert all((f["replicates"] == 2).all() for f in found.values())


def test_missing_cells_are_named_and_nothing_is_said_of_them(tmp_path, parameters):
    rows = plant(tmp_path, [c for c in cells_of(parameters) if not c.verify], planted)
    found = Chapter(parameters, rows, tmp_path).effects("verification")
    assert found["estimate"].isna().all()
    assert found["why"].str.contains("no cells with .*verify True").all()
    drawn = forest(starred(found)).axes[0].texts
    assert [text.get_text() for text in drawn].count("not run") == len(found)


@pytest.mark.parametrize(
    ("statuses", "said"),
    [
        ({("a", "b"): "none", ("a", "c"): "none", ("b", "c"): "undetermined"}, "A lead throughout"),
        ({("a", "b"): "none", ("a", "c"): "undetermined", ("b", "c"): "undetermined"}, "no strategy leads"),
        ({("a", "b"): "found", ("a", "c"): "none", ("b", "c"): "none"}, "from a to b at 2 calls"),
    ],
)
def test_a_leader_is_named_only_if_decided_against_every_other(monkeypatch, tmp_path, parameters, statuses, said):
    found = [
        SimpleNamespace(status=s, leader=pair[0] if s == "none" else None, first=pair[0], second=pair[1], ratio=2.0)
        for pair, s in statuses.items()
    ]
    monkeypatch.setattr(ablations, "find_crossovers", lambda *_, **__: found)
    monkeypatch.setattr(ablations, "fit_table", lambda *_: None)
    rows = pd.DataFrame({"strategy": ["a", "b", "c"], "budget": 1})
    assert said in ablations.Chapter(parameters, rows, tmp_path)._leads(rows)


def test_a_section_shows_the_confirmation_study_once_its_students_are_trained(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSOVER_RESULTS", str(tmp_path))
    published, planned = (resolve("04_ablations", profile, {"results": "study"}) for profile in ("study", "confirm"))
    cells, few = ablations_grids.grids(planned), (100, 101)
    rules = [c for c in cells["recipes"] if c.strategy in ablations.PAIR and c.recipe["updates"] == "steps"]
    trained = [c for c in cells["base"] + cells["student"] + rules if c.replicate in few]
    trained += [c for c in cells["verification"] if c.replicate == few[0]]

    def crossing(cell):
        """New questions overtake new answers between 1 and 2 calls per seed question, under fixed updates from 4 to 8."""
        ahead = cell.budget / cell.seed_size > (4 if cell.recipe.get("updates") else 1)
        return first_right(30 if cell.strategy == "answer_augmentation" else 50 if ahead else 10, 60)

    plant(tmp_path / "confirm", {c.key: c for c in trained}.values(), crossing)
    rows = plant(tmp_path / "study", cells_of(published)[:1], lambda _: first_right(5, 10))
    chapter = ablations.Chapter(published, rows, tmp_path / "study")

    there = chapter._recipes
    assert there.source == tmp_path / "confirm" and there.folder == tmp_path / "study"
    found = there.of("base", "recipes").groupby("recipe.updates")
    assert found["replicate"].unique().map(set).to_dict() == {"epochs": {*few}, "steps": {*few}}
    assert found["strategy"].unique().map(set).to_dict() == {"epochs": {*ablations.PAIR}, "steps": {*ablations.PAIR}}
    at = {rule: [c.ratio for c in some] for rule, some in chapter._by_rule.items()}
    assert {rule: len(ratios) for rule, ratios in at.items()} == dict.fromkeys(at, 2) and len(at) == 2
    for rule, (low, high) in {"under fixed epochs": (1, 2), "under fixed updates": (4, 8)}.items():
        assert all(low < ratio < high for ratio in at[f"{rule}, 2 replicates"])
        assert all(f"{ratio:.2g}" in chapter.updates for ratio in at[f"{rule}, 2 replicates"])
    assert chapter.over("student").source == tmp_path / "confirm"
    rows_file = tmp_path / "confirm" / "runs.csv"
    stored = pd.read_csv(rows_file, dtype=str, keep_default_na=False)
    one_size = stored["settings"].map(json.loads).map(lambda s: s["recipe"].get("student_layers") == 10)
    stored[~one_size].to_csv(rows_file, index=False)
    assert chapter.over("student") is chapter and chapter.over("student", every=False) is not chapter
    for unfinished in (("recipes",), ("verification",), ("student", "verification"), ("gsm_symbolic",)):
        assert chapter.over(*unfinished) is chapter
    other = ablations.Chapter(published.model_copy(update={"results": "mine"}), rows, tmp_path / "mine")
    assert other.over("student") is other


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"teacher": "local"}, "set teacher='oracle'"),
        ({"low_budget": 500}, "low_budget 500 .* must rise"),
        ({"high_budgets": [64]}, "high_budgets"),
        ({"answer_errors": [1.0]}, r"answer_errors\[0\] is 1.0"),
        ({"weak_augmenter": 0.0}, "weak_augmenter is 0.0"),
    ],
)
def test_a_wrong_value_is_named(override, message):
    with pytest.raises(CrossoverError, match=message):
        resolve("04_ablations", "laptop", override)
