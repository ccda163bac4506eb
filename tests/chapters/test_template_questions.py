"""The chapter on template questions: planted gains, sizes, peaks and variety come back in what it shows."""

import pandas as pd
import pytest

from crossover.chapters import template_questions
from crossover.chapters.common import starred
from crossover.chapters.template_questions import SET_NAMES, Chapter
from crossover.data.closed_book import test_rows as rows_of
from crossover.evaluation.answers import Outcome
from crossover.params.profiles import check
from crossover.questions.generate import QuestionBank, QuestionFunnel
from crossover.questions.quality import Precision, question_type
from crossover.study.grids import cells_of
from stored import plant

SETS = ["nq_open", "trivia_qa"]
N_TEST = 60
#: The one type of question that synthetic data help with in the planted world.
HELPED = "who"


@pytest.fixture(scope="module")
def questions():
    return {item: question_type(row["question"]) for name in SETS for item, row in rows_of(name, "pypi")[:N_TEST]}


@pytest.fixture(scope="module")
def parameters(tmp_path_factory):
    values = {
        "profile": "laptop", "results": "planted", "question_sets": SETS, "language_sets": ["lambada_openai", "copa"], "n_test": N_TEST,
        "n_language": 20, "tokens_equal": [0.3, 0.6, 1.0], "real_equal": [0.3, 0.6], "language_shares": [0.3], "size_share": 0.3,
        "replicates": 2, "n_real": 100, "small_layers": 10, "spoilt": [0.5, 1.0], "selections": ["balanced", "skewed"],
    }  # fmt: skip
    return check("01_template_questions", values)


@pytest.fixture(scope="module")
def chapter(tmp_path_factory, parameters, questions):
    folder = tmp_path_factory.mktemp("results")

    def outcomes(cell):
        """Real questions teach every third item; those with synthetic ones beside them, everything of one type too."""
        found = []
        for name, n in cell.task_settings["sizes"].items():
            items = (
                [item for item, _ in rows_of(name, "pypi")[:n]] if name in SETS else [f"{name}/{i}" for i in range(n)]
            )
            for i, item in enumerate(items):
                right = i % 3 == 0 if cell.strategy != "untouched" else False
                if cell.strategy == "real_equal":
                    right = right or questions.get(item) == HELPED
                    right = right and not (name == "lambada_openai" and i < 6)  # items 0 and 3 are lost
                if cell.strategy == "tokens_equal":
                    right = i < {0.3: 30, 0.6: 24, 1.0: 0}[cell.task_settings["share"]]
                if cell.recipe.get("student_layers"):
                    right = i < (24 if cell.strategy == "real_equal" else 12)
                found.append(Outcome(item, None, right))
        return found

    def measures(cell):
        if cell.strategy == "untouched":
            return {"sets": {}}
        names = ("type_entropy", "type_distance", "entity_entropy", "largest_entity", "entity_distance")
        sets = {name: {"exact_match": 0.25, "exact_match_stderr": 0.1} for name in SETS}
        further = {"balanced": 10, "skewed": 20}.get(cell.task_settings.get("selection"), 0)
        further += 100 * cell.task_settings.get("spoilt", 0)
        return dict.fromkeys(names, cell.replicate + cell.task_settings["share"] + further) | {"sets": sets}

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSSOVER_RESULTS", str(folder))
        runs = plant(folder / "planted", cells_of(parameters), outcomes, measures)
        yield Chapter(parameters, runs, folder / "planted", QuestionBank((), QuestionFunnel()))


def test_gains_are_those_planted_and_say_what_could_have_been_seen(chapter, questions):
    chapter.gains()
    rows = pd.read_csv(chapter.folder / "figures" / "template_gains.csv").set_index(["panel", "comparison"])
    for name in SETS:
        title = SET_NAMES[name]
        items = [item for item in questions if item.startswith(name)]
        gained = sum(questions[item] == HELPED and i % 3 != 0 for i, item in enumerate(items)) / N_TEST
        row = rows.loc["Synthetic added to real", title]
        assert row["estimate"] == pytest.approx(gained, abs=1e-6) and row["low"] <= gained <= row["high"]
        row = rows.loc["Synthetic in place of real", title]
        assert row["estimate"] == pytest.approx(10 / N_TEST, abs=1e-6), (
            "30 against 20 right at the one share that the paper tried"
        )
    table = chapter.detectable().data
    assert table["test items"].tolist() == [N_TEST, N_TEST] and (table["replicates"] == 2).all()
    assert (table["detectable at best, points"].astype(float) > 1).all(), "sixty items cannot show a point"
    assert all(int(n.replace(",", "")) > N_TEST for n in table["items to show 1 point, at least"])


def test_the_smaller_student_is_compared_with_the_larger_and_with_itself(chapter):
    chapter.size()
    rows = pd.read_csv(chapter.folder / "figures" / "template_size.csv")
    assert rows["estimate"].tolist() == pytest.approx([(24 - 20) / N_TEST, (24 - 12) / N_TEST], abs=1e-6)


def test_language_modelling_changes_where_it_was_planted(chapter):
    chapter.language()
    rows = pd.read_csv(chapter.folder / "figures" / "template_language.csv")
    assert rows["estimate"].tolist() == pytest.approx([-2 / 20, 0])


def test_the_title_names_the_share_that_was_planted(chapter):
    figure = chapter.ratio_curves()
    points = pd.read_csv(chapter.folder / "figures" / "ratio_curves.csv").set_index(["set", "strategy", "share"])[
        "estimate"
    ]
    assert points["nq_open", "tokens_equal", 0.3] == 0.5 and points["nq_open", "tokens_equal", 1.0] == 0
    assert points["nq_open", "untouched", 0.0] == 0
    assert "synthetic in place of real, share 1 (-33.3 points)" in figure.note["title"], "20 of 60 right, and none"


def test_the_bias_table_holds_means_over_replicates_of_the_whole_student(chapter):
    table = chapter.bias().data.set_index(["mixture", "share"])
    assert table.loc[("Real questions only", "0"), "question types, bits"] == pytest.approx(0.5)
    assert table.loc[("Synthetic added to real", "0.3"), "entity types, bits"] == pytest.approx(0.8), "nothing spoilt"
    assert table.loc[("Synthetic added to real, skewed", "0.3"), "entity types, bits"] == pytest.approx(20.8)
    kept = [name for name in table.index if name[1] == "0.6"]
    assert len(kept) == 2 and all(table.loc[name, "distance of entities"] == pytest.approx(1.1) for name in kept)


def test_a_profile_without_a_smaller_student_says_so(chapter, parameters):
    changed = parameters.model_copy(update={"small_layers": 0, "language_shares": [], "real_equal": [0.9]})
    less = Chapter(changed, chapter.runs, chapter.source, chapter.bank)
    assert "Not run" in less.size().data
    assert "Not run" in less.language().data
    assert less.detectable().data.empty, "no share of the paper's was run"


def test_the_published_chapter_shows_the_mixtures_of_the_confirmation_study_that_are_trained(
    chapter, parameters, monkeypatch
):
    runs = chapter.runs
    gone = (runs["task.spoilt"] == 1) & (runs["task.spoilt_by"] == "grammar") | (runs["task.selection"] == "skewed")
    gone |= (runs["strategy"] == "tokens_equal") & (runs["task.share"] == 0.6)
    kept = runs.loc[~gone, [name for name in runs if "." not in name and name not in ("verify", "ratio")]]
    monkeypatch.setattr(template_questions, "run_grid", lambda parameters: runs)
    monkeypatch.setattr(template_questions, "shown", lambda notebook, p, runs: (p, kept, chapter.source))
    monkeypatch.setattr(template_questions, "load_bank", lambda *text: chapter.bank)
    found = template_questions.run(parameters)
    p = found.parameters
    assert (p.tokens_equal, p.real_equal, p.spoilt, p.selections) == ([0.3, 1.0], [0.3, 0.6], [0.5], ["balanced"])
    found.data_quality()
    rows = pd.read_csv(found.folder / "figures" / "template_data.csv")
    assert rows["comparison"].tolist() == ["50% with wrong answers", "50% with broken grammar", "balanced"]


def test_the_headline_counts_significant_rises_and_falls_and_titles_name_their_unit(chapter, monkeypatch):
    monkeypatch.setattr(Chapter, "precise", lambda self, part: Precision(98, 100, 0.98, 0.95, 0.99))
    rows = chapter._gains
    rises = int((starred(rows)["significant"] & (rows["estimate"] > 0)).sum())
    assert rises > 0 and f"rises significantly in {rises} of {len(rows)} comparisons" in chapter.headline
    caption = chapter.gains().note["caption"]
    assert caption.count("2 replicates") == caption.count("interval") == 1, "said of the forest, once"
    assert "points" not in chapter.data_quality().note["title"]
