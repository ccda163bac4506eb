"""The chapter on fine-tuned teachers: verdicts on labels, saturation, and comparisons that pick cells of the grid."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from crossover.chapters import finetuned_teacher
from crossover.chapters.finetuned_teacher import against_alone, choices, teachers
from crossover.claims import load_register
from crossover.params.finetuned_teacher import FinetunedTeacher
from crossover.params.profiles import resolve
from crossover.study.grids import cells_of
from crossover.study.grids import finetuned_teacher as grids


@pytest.mark.parametrize(
    ("right", "labels", "verdict"), [(80, 100, "above"), (62, 100, "not above"), (30, 100, "below"), (0, 0, "no label")]
)
def test_a_teacher_below_the_commonest_label_is_not_at_chance(monkeypatch, right, labels, verdict):
    monkeypatch.setattr(finetuned_teacher, "labelled", lambda *_: True)
    monkeypatch.setattr(finetuned_teacher, "_commonest", lambda *_: 0.58)
    row = {"strategy": "annotate", "student_seed": 0, "task": "boolq", "seed_size": 125, "teacher": "tuned"}
    rows = pd.DataFrame([row | {"verified": right, "parsed": labels}])
    found = finetuned_teacher.label_accuracy(SimpleNamespace(), rows, None)
    assert found["verdict"].tolist() == [verdict]


@pytest.mark.parametrize(
    ("curve", "said"),
    [
        (lambda r: 60 - 20 * np.exp(-r), "2.3"),
        (lambda r: 60 + 0 * r, "no gain seen"),
        (lambda r: 20 + 2 * r, "more than the 8 tested"),
    ],
)
def test_saturation_is_found_where_there_is_some(monkeypatch, tmp_path, curve, said):
    monkeypatch.setenv("CROSSOVER_RESULTS", str(tmp_path))
    ratio = np.array([0.5, 1, 2, 4, 8])
    points = pd.DataFrame(
        {"task": "SST-2", "series": "annotated", "value": ratio * 50, "score": curve(ratio), "replicates": 1}
    )
    monkeypatch.setattr(finetuned_teacher.Chapter, "_points", lambda *_: points)
    figure = finetuned_teacher.Chapter(FinetunedTeacher(dial_size=50), pd.DataFrame(), None).amounts()
    assert figure.note["title"].endswith(f": {said} (SST-2, annotated)")


def test_the_whole_grid_runs_what_the_chapter_and_the_claims_compare():
    """Every selector picks cells of the grid of which the study has run a part; the claims' are the chapter's own."""
    both = ["sst2", "common_gen"]
    changed = {"tasks": both, "side_tasks": ["rte", "e2e_nlg"], "dial_tasks": both, "replicates": 2}
    p = resolve("02_finetuned_teacher", "study", changed)
    flat = [
        {"task": c.task, "seed_size": c.seed_size, "scoring": c.scoring, "strategy": c.strategy, "teacher": c.teacher, "budget": c.budget,
         "teacher_layers": 0, **dict.fromkeys(("tuned_on", "teacher.tuned_on"), "own"), **dict.fromkeys(("label_error", "teacher.label_error"), 0.0),
         "experiment": c.experiment, **c.teacher_settings}
        for c in cells_of(p)
    ]  # fmt: skip

    def runs(selector):
        return any(all(cell.get(name) == value for name, value in selector.items()) for cell in flat)

    wanted = [d for compared in (against_alone, choices, teachers) for d in compared(p)]
    assert len(wanted) > 50 and len({(d.panel, d.comparison) for d in wanted}) == len(wanted)
    for d in wanted:
        for which in (d.one, d.other):
            assert runs({"task": d.task, "seed_size": d.size} | which), (d, which)
    left_out = {"boolq", "mc_taco"}
    for name, claim in load_register().claims.items():
        if claim.paper == "2310.01119" and claim.kind == "claim":
            for part in claim.parts:
                for point in part.points:
                    for term in part.terms:
                        selector = claim.base | point | {k: v for k, v in term.items() if k != "weight"}
                        planned = point["task"] not in left_out and selector["seed_size"] != 50  # not in this grid yet
                        assert runs(selector) == planned, (name, selector)


def test_side_tasks_have_their_own_draws_and_sizes():
    small = {"tasks": ["sst2"], "side_tasks": ["rte"], "replicates": 2, "classifier_seeds": 3}
    side = {"side_draws": {"rte": 5}, "side_sizes": {"rte": [25]}}
    side |= {"originals": [60], "other_originals": [], "full": 50}
    found = grids.grids(resolve("02_finetuned_teacher", "smoke", small | side | {"whole": {"sst2": 1200}}))
    at_first = {(c.task, c.replicate, c.student_seed) for c in found["base"] if c.seed_size == 60}
    assert at_first == {("sst2", r, s) for r in range(2) for s in range(3)} | {("rte", r, 0) for r in range(5)}
    further = {(c.task, c.strategy, c.teacher, c.replicate) for c in found["base"] if c.seed_size == 25}
    assert {(task, replicate) for task, _, _, replicate in further} == {("rte", 0)}
    assert {teacher for _, strategy, teacher, _ in further if strategy != "original"} == {"tuned"}
    assert [(c.task, c.strategy, c.seed_size, c.budget, c.student_seed) for c in found["whole"]] == [
        ("sst2", "original", 1200, 0, 0)
    ]
