"""From rows to verdicts: what selectors pick, what families lend, where a floor is, and the published verdicts."""

import contextlib
import json

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats
from typer.testing import CliRunner

from claims_rows import STUDY, fill, register
from crossover.claims import decide, evidence, load_register, table, verdicts, whole
from crossover.claims.evidence import compared, planned_keys
from crossover.claims.findings import family_priors
from crossover.claims.floors import noisy_tasks
from crossover.claims.publish import rows_of
from crossover.claims.settle import spread_of
from crossover.cli import app
from crossover.errors import CrossoverError
from crossover.evaluation.answers import Outcome
from crossover.paths import repository
from crossover.study.cell import MixtureCell, QueryCell
from crossover.study.paired import paired_row
from crossover.study.select import MissingRows, choose, minus, settings_table
from crossover.study.store import read_runs
from stored import plant


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ((0.8, 0.2), "supported"),
        ((0.2, 0.8), "contradicted"),
        ((0.5, 0.5), "inconclusive"),
        ((0.02, 0.01), "at the floor"),
    ],
)
def test_the_verdict_turns_with_the_rows(tmp_path, shares, expected):
    fill(tmp_path, dict(zip(("new_question", "answer_augmentation"), shares, strict=True)))
    (finding,) = decide(tmp_path, register())
    assert finding.verdict == expected
    assert (len(finding.evidence.keys), finding.evidence.replicates) == (6, 3)
    runs = read_runs(tmp_path).groupby("strategy")["n_correct"].sum() / 300
    assert finding.estimate == pytest.approx(runs["new_question"] - runs["answer_augmentation"])
    assert np.mean(finding.evidence.by_replicate) == pytest.approx(finding.estimate)


def test_below_chance_is_not_at_chance(tmp_path):
    fill(tmp_path, {"new_question": 0.2, "answer_augmentation": 0.22}, items=400)
    (far,), (near,) = (decide(tmp_path, register(of={"chance": {"math_words": at}})) for at in (0.5, 0.22))
    assert far.verdict != "at the floor" == near.verdict


@pytest.mark.parametrize(("threshold", "said"), [(0.0, "zero"), (-0.02, "the threshold of -2 points")])
def test_no_difference_names_from_what_and_within_which_margin(tmp_path, threshold, said):
    fill(tmp_path, {"new_question": 0.5, "answer_augmentation": 0.5}, items=400, replicates=6)
    (found,) = decide(tmp_path, register(threshold=threshold, resolution=0.2))
    assert found.verdict == "no difference that matters" and found.margin == f"from {said} (margin 20 points)"
    (decided,) = decide(tmp_path, register(threshold=0.5, resolution=0.2))
    assert decided.verdict == "contradicted" and decided.margin == ""


@pytest.mark.parametrize(("apart", "noisy"), [(0.03, False), (0.0, True)])
def test_no_verdict_rests_on_a_task_whose_replicates_differ_more_than_its_conditions(apart, noisy):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {"experiment": "e", "task": "t", "strategy": "s", "seed_size": 8, "budget": b, "replicate": r, "n_test": 10_000,
         "n_correct": round(10_000 * (0.3 + apart * b + rng.normal(0, 0.02))), "settings": json.dumps({"budget": b, "replicate": r})}
        for b in range(12) for r in range(4)
    )  # fmt: skip
    assert noisy_tasks(rows) == ({("e", "t")} if noisy else set())
    assert noisy_tasks(rows[rows["budget"] < 9]) == set(), "too few conditions to tell"


# --- the gold log-likelihood --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "likelihood", "verdict"),
    [
        ((0.0, 0.005), (-0.4, -0.8), "supported"),
        ((0.0, 0.005), (-0.8, -0.4), "contradicted"),
        ((0.0, 0.005), None, "at the floor"),
        ((0.8, 0.2), (-0.8, -0.4), "supported"),
    ],
)
def test_the_likelihood_of_gold_answers_decides_at_the_floor_only(tmp_path, right, likelihood, verdict):
    names = ("new_question", "answer_augmentation")
    nats = likelihood and dict(zip(names, likelihood, strict=True))
    fill(tmp_path, dict(zip(names, right, strict=True)), likelihood=nats)
    (stand_in,) = register(outcome="gold_loglik").claims["C"].parts
    findings = decide(tmp_path, register({"at_the_floor": [stand_in]}))
    assert whole(findings) == {"C": verdict}
    if likelihood is None:
        assert findings[1].verdict == "not run in this profile" and "log-likelihood" in findings[1].why
    else:
        assert findings[1].estimate == pytest.approx(likelihood[0] - likelihood[1], abs=0.02)


BASE = {"task": "math_words", "coverage": 1.0}
RULES = [{"recipe.updates": "steps"}, {"recipe.updates": "memorised"}]
REPEATED = {"pilots": {"confirm": "study"}}

# --- update rules -------------------------------------------------------------------------------------------------------


def test_a_claim_has_a_verdict_of_its_own_under_each_update_rule(tmp_path):
    asked = register({"under": RULES}, of={"base": BASE | {"recipe.updates": "epochs"}})
    fill(tmp_path, {"new_question": 0.8, "answer_augmentation": 0.2})
    fill(tmp_path, {"new_question": 0.2, "answer_augmentation": 0.8}, recipe={"updates": "steps"})
    findings = decide(tmp_path, asked)
    assert [*verdicts(findings).values()] == ["supported", "contradicted", "not run in this profile"]
    assert table(findings, asked).query("under == 'recipe.updates steps'")["verdict"].tolist() == ["contradicted"]


def test_a_repetition_decides_once_it_is_whole(tmp_path, monkeypatch):
    asked = register(of=REPEATED)
    fill(tmp_path / "study", {"new_question": 0.2, "answer_augmentation": 0.8})
    fill(tmp_path / "confirm", {"new_question": 0.8, "answer_augmentation": 0.2})
    keys = [*read_runs(tmp_path / "confirm")["key"], "not trained yet"]
    monkeypatch.setattr("crossover.claims.findings.planned_keys", lambda *_: set(keys))
    (early,) = decide(tmp_path / "study", asked)
    assert (early.verdict, early.profile) == ("contradicted", "study")
    keys.pop()
    (late,) = decide(tmp_path / "study", asked)
    assert (late.verdict, late.profile) == ("supported", "confirm")
    assert set(rows_of([late], tmp_path / "study")["key"]) >= late.evidence.keys


def test_a_claim_is_planned_under_another_rule_only_with_all_of_its_parts():
    asked, steps = load_register(), {"recipe.updates": "steps"}
    assert (
        len(planned_keys("C1", steps, "confirm", asked)) == 48
    )  # two parts, two sizes, two strategies, six replicates
    with pytest.raises(CrossoverError, match="X1"):  # its first part asks for edited seeds at 64 seed questions
        planned_keys("X1", steps, "confirm", asked)


def test_a_repetition_decides_under_one_update_rule_at_a_time(tmp_path, monkeypatch):
    asked = register({"under": RULES}, of=REPEATED | {"base": BASE | {"recipe.updates": "epochs"}})
    for folder, right in (("study", (0.2, 0.8)), ("confirm", (0.8, 0.2))):
        for recipe in ({}, *({"updates": rule["recipe.updates"]} for rule in RULES)):
            fill(tmp_path / folder, dict(zip((NEW, OLD), right, strict=True)), recipe=recipe)
    done = set(read_runs(tmp_path / "confirm")["key"])
    monkeypatch.setattr(
        "crossover.claims.findings.planned_keys",
        lambda _, setting, *__: done if setting == RULES[0] else done | {"not trained yet"},
    )
    found = {f.under: (f.profile, f.verdict) for f in decide(tmp_path / "study", asked)}
    assert [*found] == ["", "recipe.updates steps", "recipe.updates memorised"]
    assert [*found.values()] == [("study", "contradicted"), ("confirm", "supported"), ("study", "contradicted")]


# --- families -----------------------------------------------------------------------------------------------------------


THREE = {"new_question": 0.6, "answer_augmentation": 0.5, "question_rephrase": 0.4}
ALIKE = {"terms": minus({"strategy": "new_question"}, {"strategy": "question_rephrase"})}


def test_a_chapters_difference_has_the_interval_of_the_claims(tmp_path):
    fill(tmp_path, THREE, replicates=2)
    asked = register({"base": {"experiment": "budget_ratio", **BASE}}, [ALIKE])
    part = asked.claims["C"].parts[0]
    (prior,) = family_priors(tmp_path, "budget_ratio", asked).values()
    found = decide(tmp_path, asked)[0]
    rows = settings_table(read_runs(tmp_path))
    row = paired_row(rows, tmp_path, asked.base_of("C"), part.compared, prior)
    assert (row["low"], row["high"]) == pytest.approx(found.interval)
    assert row["low"] != paired_row(rows, tmp_path, asked.base_of("C"), part.compared)["low"]
    assert family_priors(tmp_path, "another", asked) == {}


def test_replicates_of_like_contrasts_lend_each_other_their_spread(tmp_path):
    fill(tmp_path, THREE, replicates=2)
    alone, pooled = (decide(tmp_path, register(others=others))[0].evidence for others in ([], [ALIKE]))
    assert pooled.prior.most == 2 and alone.prior.most == 1
    assert pooled.pairing.between(pooled.prior)[1] == 2 and pooled.statistic.df != alone.statistic.df


NEW, OLD = "new_question", "answer_augmentation"
BOTH = {NEW: 0.5, OLD: 0.5}


@pytest.mark.parametrize(
    ("rows", "base", "points"),
    [
        ({"right": {NEW: 0.5}}, {}, None),
        ({"right": BOTH, "coverage": 0.0}, {}, None),
        ({"right": BOTH}, {"answer_error": 0.0}, None),  # a dial that the rows' teacher does not have
        ({"right": BOTH}, {}, [{"experiment": "other", "teacher_epochs": 3}]),  # an experiment that was not run
        ({"right": {}}, {}, None),
    ],
)
def test_rows_that_are_missing_leave_a_claim_open(tmp_path, rows, base, points):
    fill(tmp_path, **rows)
    points = {"points": points} if points else {}
    (finding,) = decide(tmp_path, register(of={"base": BASE | base}, **points))
    assert finding.verdict == "not run in this profile" and finding.why


def test_selectors_that_name_nothing_or_too_much_are_refused(tmp_path):
    fill(tmp_path, BOTH)
    for point in ({"covrage": 1.0}, {"experiment": "budget_ratio", "covrage": 1.0}):
        with pytest.raises(CrossoverError, match="'covrage' is a setting of no cell. Did you mean 'coverage'"):
            decide(tmp_path, register(points=[point]))
    fill(tmp_path, BOTH, items=90)
    with pytest.raises(CrossoverError, match="picks several cells of one replicate"):
        decide(tmp_path, register())


def test_a_claims_own_base_takes_the_registers_place(tmp_path):
    fill(tmp_path, {"new_question": 0.8, "answer_augmentation": 0.2}, coverage=0.0)
    (finding,) = decide(tmp_path, register({"base": BASE | {"coverage": 0.0}}))
    assert finding.verdict == "supported"


def test_students_on_the_same_data_are_averaged_and_scores_are_fractions(tmp_path):
    right = {("new_question", 0): 1.0, ("new_question", 1): 0.0, ("answer_augmentation", 0): 0.25}
    cells = [
        QueryCell(
            version=2, task="math_words", strategy=strategy, seed_size=16, budget=64, replicate=replicate,
            teacher="oracle", n_test=20, max_new_tokens=8, student_seed=seed,
        )
        for strategy, seed in right for replicate in range(2)
    ]  # fmt: skip

    def outcomes(cell):
        share = right[cell.strategy, cell.student_seed]
        return [Outcome(f"test-{i:05d}", "x", i < share * 20, score=100 * share + i % 2) for i in range(20)]

    plant(tmp_path, cells, outcomes)
    of = {"base": {"task": "math_words"}}
    (finding,) = decide(tmp_path, register(of=of))
    assert (finding.estimate, finding.evidence.replicates, len(finding.evidence.keys)) == (pytest.approx(0.25), 2, 6)
    (scored,) = decide(tmp_path, register(of=of, outcome="score"))
    assert scored.estimate == pytest.approx(0.25) and scored.interval[0] == pytest.approx(scored.interval[1])


def test_a_wrong_register_is_refused_by_name(tmp_path, monkeypatch):
    path = tmp_path / "notebooks" / "claims.yaml"
    path.parent.mkdir()
    known = yaml.safe_load((repository() / "notebooks" / "claims.yaml").read_text())
    known["claims"]["C1"]["parts"][0]["side"] = "over"
    path.write_text(yaml.safe_dump(known))
    monkeypatch.setattr("crossover.claims.register.repository", lambda: tmp_path)
    with pytest.raises(CrossoverError, match=r"claims.C1.parts.0.side"):
        load_register()


@pytest.fixture(scope="module")
def published():
    return decide(STUDY)


def test_the_published_verdicts_follow_from_the_published_rows(published):
    ours, theirs = table(published), pd.read_csv(STUDY / "claims.csv")
    for column in ("claim", "part_verdict", "verdict"):
        assert ours[column].tolist() == theirs[column].tolist()
    np.testing.assert_allclose(ours["estimate"], theirs["estimate"], rtol=1e-3, atol=1e-9)
    asked = load_register()
    for f in published:  # a resolution that the planned study could not reach would leave a part open for ever
        size = asked.planned.get(str(f.tasks[0]))
        if f.verdict == "inconclusive" and f.evidence and size and f.part.statistic == "contrast":
            error, df = spread_of(f.evidence.pairing, f.evidence.prior).error(
                size.replicates, size.items * len(set(f.evidence.pairing.strata))
            )
            assert error * stats.t.ppf(0.95, df) <= f.part.resolution, (f.claim, f.number)


def test_the_command_checks_plans_and_refuses(published, monkeypatch):
    for place in ("crossover.claims.decide", "crossover.claims.publish.decide"):
        monkeypatch.setattr(place, lambda *_: published)

    def run(*words):
        return CliRunner().invoke(app, ["claims", *words])

    checked = run("C2", "--check", "--json")
    assert checked.exit_code == 0 and json.loads(checked.output)["agrees"]
    planned = json.loads(run("B4", "--plan", "--json", "--hours", "0.2").output)
    assert any("beyond reach" in row["what"] for row in planned)
    known = pd.read_csv(STUDY / "claims_plan.csv").query("claim == 'B4'")
    assert {(row["claim"], row["number"]) for row in planned} == {*zip(known["claim"], known["number"], strict=True)}
    wrong = run("C22")
    assert wrong.exit_code == 2 and "C2" in wrong.stderr


@pytest.mark.parametrize("name", ["C1", "C4", "C7", "A1", "B2"])
def test_what_a_claim_is_decided_from_is_what_is_trained_for_it(published, name):
    found = [f for f in published if f.claim == name and not f.under]
    (profile,) = {f.profile for f in found}
    done = set(read_runs(STUDY.parent / profile)["key"])
    wanted = planned_keys(name, {}, profile, load_register())
    assert set().union(*(f.evidence.keys for f in found if f.evidence)) == wanted & done


def test_the_cells_of_a_claims_own_base_come_first_and_whole_replicates():
    cells = compared(["C1", "C5"], "confirm", load_register())
    own = [cell.replicate for cell in cells if "updates" not in cell.recipe]
    assert own == sorted(own) and not any("updates" in cell.recipe for cell in cells[: len(own)])


@pytest.mark.parametrize("name", ["B5", "C11"])
def test_a_claim_that_a_profile_does_not_run_is_refused(name):
    with pytest.raises(CrossoverError, match=name):
        compared([name], "confirm", load_register())


def test_the_register_is_whole():
    asked = load_register()
    assert sum(claim.kind == "claim" for claim in asked.claims.values()) == 19
    for name, claim in asked.claims.items():
        assert claim.paper in asked.papers, name
    for rule in asked.rules:
        assert {*rule.claims} <= {*asked.claims, "all"} and rule.change and rule.reason


def test_chance_is_the_commonest_label_of_the_test_items():
    runs = read_runs(STUDY, "finetuned_teacher")
    for task, chance in load_register().chance.items():
        for key in runs[(runs["task"] == task) & (runs["metric"].str.startswith("accuracy"))]["key"][:1]:
            items = pd.read_parquet(STUDY / "items" / f"{key}.parquet").dropna(subset="extracted")
            first = ((items["extracted"] == items["extracted"].iloc[0]) == items["correct"]).mean()
            assert max(first, 1 - first) == pytest.approx(chance, abs=1e-3), task


# --- several evaluation sets, and measures of the training data --------------------------------------------------------


@pytest.fixture
def mixtures(tmp_path):
    """Two replicates of students with and without template questions: better on one set, worse on another, more varied."""
    cells = [
        MixtureCell(
            version=1, task="closed_book_qa", strategy=strategy, seed_size=8, budget=4, replicate=replicate,
            n_test=80, max_new_tokens=32, task_settings={"share": 0.3 * (strategy == "real_equal")},
        )
        for replicate in (0, 1) for strategy in ("real", "real_equal")
    ]  # fmt: skip
    right = {"real": {"nq_open": 8, "trivia_qa": 10}, "real_equal": {"nq_open": 20, "trivia_qa": 4}}

    def outcomes(cell):
        return [Outcome(f"{name}/{i:05d}", None, i < n) for name, n in right[cell.strategy].items() for i in range(40)]

    def measures(cell):
        return {"type_entropy": 2.0 + (cell.strategy == "real_equal") * (0.5 + 0.1 * cell.replicate)}

    plant(tmp_path, cells, outcomes, measures)
    return tmp_path


def mixture_claim(**changes):
    part = {
        "says": "more", "side": "above", "threshold": 0.0, "resolution": 0.05,
        "terms": [{"weight": 1, "strategy": "real_equal", "share": 0.3}, {"weight": -1, "strategy": "real", "share": 0.0}],
    } | changes  # fmt: skip
    return register({"parts": [part], "base": {"experiment": "template_questions"}})


@pytest.mark.parametrize(("sets", "expected"), [(["nq_open"], 0.3), (["trivia_qa"], -0.15), ([], 0.075)])
def test_a_contrast_counts_the_items_of_the_sets_that_it_names(mixtures, sets, expected):
    (found,) = decide(mixtures, mixture_claim(sets=sets))
    assert found.estimate == pytest.approx(expected) and found.evidence.replicates == 2


def test_a_measure_has_a_t_interval_over_replicates(mixtures):
    (found,) = decide(mixtures, mixture_claim(statistic="measure", measure="type_entropy"))
    expected = stats.ttest_1samp([0.5, 0.6], 0).confidence_interval(0.9)
    assert (found.estimate, *found.interval) == pytest.approx((0.55, expected.low, expected.high))
    for lacking in ({"statistic": "measure", "measure": "type_entrop"}, {"sets": ["nq_open", "hellaswag"]}):
        (missing,) = decide(mixtures, mixture_claim(**lacking))
        assert missing.verdict == "not run in this profile" and missing.why


def test_the_confirmation_study_has_the_cells_of_every_claim():
    """Those on the budget ratio with the planned eight replicates; what is asked elsewhere picks one cell of a replicate, or none."""
    rows = evidence._grid("confirm")[1]
    asked, found = load_register(), {}
    for name, claim in asked.claims.items():
        for number, part in enumerate([*claim.parts, *claim.at_the_floor], 1):
            there = part.at("confirm")
            assert (there.side, there.threshold, there.resolution) == (part.side, part.threshold, part.resolution)
            if part.statistic != "misfit":
                with contextlib.suppress(MissingRows):
                    _, found[name, number] = choose(rows, asked.base_of(name), there.compared)
    assert {len(found[at]) for at in found if at[0][0] in "CX"} == {8}
    open_here = {
        name for name, claim in asked.claims.items() if any((name, n + 1) not in found for n in range(len(claim.parts)))
    }
    assert open_here == {"C7", "B5"}, "a fit, and four tasks that are bought as the plan says"


def test_the_floor_is_judged_on_the_pilots_rows(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSOVER_RESULTS", str(tmp_path))
    fill(tmp_path / "main", {"new_question": 0.5, "answer_augmentation": 0.5})
    fill(tmp_path / "first", {"new_question": 0.0, "answer_augmentation": 0.005})
    pilots = ({}, {"main": "first"}, {"main": "nowhere"})  # without such rows its own are judged
    verdicts = [decide(tmp_path / "main", register(of={"pilots": pilot}))[0].verdict for pilot in pilots]
    assert [verdict == "at the floor" for verdict in verdicts] == [False, True, False]
