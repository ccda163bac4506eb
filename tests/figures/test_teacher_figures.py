"""Figures and sentences of the chapter on fine-tuned teachers, from numbers that are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crossover.chapters.finetuned_teacher.chapter import Chapter, _advice
from crossover.chapters.finetuned_teacher.comparisons import against_alone, annotation, families, smaller, tuning
from crossover.claims import decide, load_register
from crossover.figures import sweep
from crossover.params.finetuned_teacher import FinetunedTeacher
from crossover.params.profiles import resolve
from crossover.study.grids import cells_of
from crossover.study.grids import finetuned_teacher as finetuned_teacher_grids


def rows_of(estimates):
    return pd.DataFrame(
        {"panel": panel, "line": line, "series": series, "estimate": e, "low": e - 0.02, "high": e + 0.02}
        for (panel, line, series), e in estimates.items()
    )


def test_a_panel_shows_what_was_run_in_points():
    rows = rows_of(
        {("A", "one", "s"): 0.05, ("A", "two", "s"): np.nan, ("B", "one", "s"): -0.01, ("B", "two", "s"): 0.0}
    )
    figure = sweep.differences(rows, 0.9, "more is more")
    drawn = {
        axes.get_title(loc="left"): [c.lines[0].get_xdata().tolist() for c in axes.containers] for axes in figure.axes
    }
    assert drawn["A"] == [pytest.approx([5.0])] and drawn["B"] == [pytest.approx([-1.0, 0.0])]
    assert figure._supxlabel.get_text() == "Paper: more is more"
    assert figure.legends[0].get_texts()[0].get_text() == "s, 90% interval"


def test_a_measure_that_nobody_knows_is_said_to_be():
    points = pd.DataFrame({"task": ["A", "A", "B", "B"], "series": "s", "value": [0.1, 0.8] * 2, "score": [50.0, 60, 30, 20],
                           "score_low": 10.0, "score_high": 70.0, "right": [0.9, 0.8, np.nan, np.nan]})  # fmt: skip
    figure = sweep.dial(points, {"score": "score", "right": "right"}, "temperature", "")
    texts = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert texts == [[], [], [], ["not known"]]


def test_tasks_beyond_three_go_below_with_all_their_measures():
    points = pd.DataFrame(
        {"task": list("ABCDE"), "series": "s", "value": 1.0, "score": [1.0, 2, 3, 4, 5], "right": 0.5}
    )
    figure = sweep.dial(points, {"score": "score", "right": "right"}, "temperature", "")
    grid = np.array(figure.axes).reshape(4, 3)
    shown = {(row, column): axes for (row, column), axes in np.ndenumerate(grid) if axes.get_visible()}
    assert set(shown) == {(r, c) for r in range(4) for c in range(3)} - {(2, 2), (3, 2)}
    assert [grid[row, column].get_title(loc="left") for row in (0, 2) for column in range(3)] == [
        "A",
        "B",
        "C",
        "D",
        "E",
        "",
    ]
    drawn = {where: axes.containers[0].lines[0].get_ydata().tolist() for where, axes in shown.items()}
    assert drawn[2, 1] == [5.0] and drawn[3, 0] == [0.5] and grid[3, 1].get_xlabel() == "temperature"


@pytest.mark.parametrize(
    ("curve", "said"),
    [
        (lambda r: 60 - 20 * np.exp(-r / 1.0), "2.3 queries an example"),
        (lambda r: 60 + 0 * r, "no gain seen"),
        (lambda r: 20 + 2 * r, "beyond the 8 queries an example that were run"),
    ],
)
def test_saturation_is_found_where_there_is_some(monkeypatch, curve, said):
    ratio = np.array([0.5, 1, 2, 4, 8])
    points = pd.DataFrame({"task": "SST-2", "series": "annotated", "budget": ratio * 50, "score": curve(ratio)})
    monkeypatch.setattr(Chapter, "_points", lambda *_: points)
    table = Chapter(FinetunedTeacher(dial_size=50), pd.DataFrame()).saturation().data
    assert table["90% of the gain at"].tolist() == [said]


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ([(0.1, 0.2), (0.1, 0.3), (-0.1, 0.1)], "are worth adding"),
        ([(-0.2, -0.1), (-0.1, 0.1)], "made students worse"),
        ([(0.1, 0.2), (-0.2, -0.1)], "It depends"),
        ([(0.1, 0.2), (-0.1, 0.1), (-0.1, 0.2)], "not told from none"),
    ],
)
def test_advice_decides_where_half_of_the_differences_do_and_none_is_against(ends, said):
    rows = pd.DataFrame(ends, columns=["low", "high"])
    told = (rows["low"] > 0) | (rows["high"] < 0)
    assert said in _advice("gains", rows.assign(p=np.where(told, 0.001, 0.5)))
    assert "not told from none" in _advice("gains", rows.assign(p=0.2)), "none is called a difference among so many"


def test_the_whole_grid_runs_what_the_chapter_and_the_claims_compare():
    """Every selector picks cells of the grid of which the study has run a part; the claims' are the chapter's own."""
    both = ["sst2", "common_gen"]
    p = resolve(
        "02_finetuned_teacher",
        "study",
        {"tasks": both, "side_tasks": ["rte", "e2e_nlg"], "dial_tasks": both, "replicates": 2},
    )
    flat = [
        {"task": c.task, "seed_size": c.seed_size, "scoring": c.scoring, "strategy": c.strategy, "teacher": c.teacher, "budget": c.budget,
         "teacher_layers": 0, "experiment": c.experiment, **c.teacher_settings}
        for c in cells_of(p)
    ]  # fmt: skip

    def runs(selector):
        return any(all(cell.get(name) == value for name, value in selector.items()) for cell in flat)

    wanted = [d for compared in (against_alone, tuning, annotation, smaller, families) for d in compared(p)]
    assert len(wanted) > 50 and len({(d.panel, d.line, d.series) for d in tuning(p)}) == len(tuning(p))
    for d in wanted:
        for which in (d.one, d.other):
            assert runs({"task": d.task, "seed_size": d.size} | which), (d, which)
    left_out = {"boolq", "mc_taco"}
    for name, claim in load_register().claims.items():
        if claim.paper == "2310.01119":
            for part in claim.parts:
                for point in part.points:
                    for term in part.terms:
                        selector = claim.base | point | {k: v for k, v in term.items() if k != "weight"}
                        planned = point["task"] not in left_out and selector["seed_size"] != 50  # not in this grid yet
                        assert runs(selector) == planned, (name, selector)


def test_side_tasks_have_their_own_draws_and_a_caption_says_so():
    small = {
        "tasks": ["film_sentiment"],
        "side_tasks": ["product_sentiment"],
        "replicates": 2,
        "classifier_seeds": 3,
        "full": 50,
    }
    p = resolve("02_finetuned_teacher", "smoke", small | {"side_draws": {"product_sentiment": 5}})
    students = {(c.task, c.replicate, c.student_seed) for c in finetuned_teacher_grids.grids(p)["base"]}
    assert students == {("film_sentiment", r, s) for r in range(2) for s in range(3)} | {
        ("product_sentiment", r, 0) for r in range(5)
    }
    upper = [(c.task, c.replicate) for c in finetuned_teacher_grids.grids(p)["full"]]
    assert (
        upper.count(("film_sentiment", 1)) == 3
        and upper.count(("product_sentiment", 0)) == 1
        and ("product_sentiment", 1) not in upper
    )
    said = Chapter(p, pd.DataFrame()).caption().data
    assert "of Product sentiment 5 draws, the first alone with 50 gold examples, one student for each" in said
    assert "With one draw and one student" in said and "two draws it is too narrow" in said
    several = Chapter(p.model_copy(update={"full": 0}), pd.DataFrame()).caption().data
    assert "one draw" not in several.lower() and "two draws it is too narrow" in several


def test_further_sizes_of_a_side_task_are_a_tuned_teachers_and_the_first_draws_alone():
    small = {
        "tasks": ["film_sentiment"],
        "side_tasks": ["product_sentiment"],
        "originals": [50],
        "other_originals": [],
        "replicates": 2,
    }
    p = resolve(
        "02_finetuned_teacher",
        "smoke",
        small | {"side_draws": {"product_sentiment": 3}, "side_sizes": {"product_sentiment": [25]}},
    )
    further = {
        (c.strategy, c.teacher, c.replicate) for c in finetuned_teacher_grids.grids(p)["base"] if c.seed_size == 25
    }
    assert further == {("original", "none", 0)} | {(s, "tuned", 0) for s in p.conditions if s != "both"}
    assert {c.task for c in finetuned_teacher_grids.grids(p)["base"] if c.seed_size == 25} == {"product_sentiment"}
    said = Chapter(p, pd.DataFrame()).caption("sizes").data
    assert (
        "Product sentiment 3 draws, the first alone at further sizes" in said
        and "With one draw and one student" in said
    )
    assert "Film" not in said and "2 draws" not in said and "two draws" not in said, (
        "the film task has one size, and no point in the figure"
    )
    assert (
        Chapter(p.model_copy(update={"side_sizes": {"product_sentiment": [50]}}), pd.DataFrame()).caption("sizes")
        is None
    )


def test_whole_training_sets_are_a_second_upper_line_of_one_student():
    small = {
        "tasks": ["film_sentiment"],
        "side_tasks": ["product_sentiment"],
        "replicates": 2,
        "classifier_seeds": 3,
        "full": 50,
    }
    p = resolve("02_finetuned_teacher", "smoke", small | {"whole": {"film_sentiment": 1200, "captions": 10}})
    assert [
        (c.task, c.strategy, c.seed_size, c.budget, c.replicate, c.student_seed)
        for c in finetuned_teacher_grids.grids(p)["whole"]
    ] == [("film_sentiment", "original", 1200, 0, 0, 0)]
    assert {c.key for c in finetuned_teacher_grids.grids(p)["whole"]} < {c.key for c in cells_of(p)}
    lines = [(d.task, d.one["seed_size"]) for d in against_alone(p) if d.line == "all examples at hand"]
    assert set(lines) == {("film_sentiment", 1200)}
    assert (
        "all training examples at hand that are not near a test item: Film sentiment 1,200 examples, one student for each"
        in Chapter(p, pd.DataFrame()).caption().data
    )


def test_a_figure_that_is_not_there_has_no_caption():
    bare = {"side_tasks": [], "dial_tasks": [], "other_originals": [], "originals": [50], "swapped": False}
    chapter = Chapter(resolve("02_finetuned_teacher", "smoke", bare), pd.DataFrame())
    assert chapter.caption() is not None
    assert [chapter.caption(name) for name in ("sizes", "amounts", "annotate_temperatures", "families")] == [None] * 4


def test_no_claim_is_decided_before_its_cells_are_run(tmp_path):
    assert {f.verdict for f in decide(tmp_path) if f.claim.startswith("B")} == {"not run in this profile"}
