"""The claims ledger: contrasts against known truth, and verdicts that follow the rows."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml

from crossover import claims
from crossover.book import appendices
from crossover.claims import Claims, Part, decide, load_claims, summary, table, verdict, worst
from crossover.errors import CrossoverError
from crossover.evaluation.answers import Outcome
from crossover.paths import repository
from crossover.stats.contrasts import benjamini_hochberg, contrast, items_needed, minimum_detectable_effect
from crossover.study.cell import MixtureCell, QueryCell
from crossover.study.store import COLUMNS, Store, read_runs


def simulate(rng, replicate_sd, item_sd, replicates, items=150, effect=0.0):
    noise = rng.choice([-1, 0, 1], p=[0.1, 0.8, 0.1], size=(replicates, items))
    return effect + rng.normal(0, replicate_sd, replicates)[:, None] + rng.normal(0, item_sd, items) + noise


@pytest.mark.parametrize(
    ("replicate_sd", "item_sd", "replicates"),
    [(0, 0, 3), (0.03, 0.2, 3), (0.1, 0.2, 3), (0.05, 0.2, 8), (0, 0.2, 2), (0.2, 0.2, 2)],
)
def test_a_contrast_covers_the_truth_as_often_as_it_says(replicate_sd, item_sd, replicates):
    rng = np.random.default_rng(1)
    found = [contrast(simulate(rng, replicate_sd, item_sd, replicates, effect=0.05)) for _ in range(800)]
    assert 0.86 <= np.mean([c.low <= 0.05 <= c.high for c in found]) <= 0.97


def test_a_contrast_of_one_replicate_is_a_paired_t_interval():
    from scipy import stats

    d = np.random.default_rng(0).choice([-1, 0, 1], size=(1, 80)).astype(float)
    expected = stats.ttest_1samp(d[0], 0).confidence_interval(0.9)
    found = contrast(d)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_answers_that_never_differ_are_no_proof_that_none_could():
    found = contrast(np.zeros((3, 20)))
    assert found.estimate == 0 and found.error == 1 / 20 and found.low < -0.05 and found.high > 0.05 and found.p == 1
    scores = contrast(np.zeros((3, 20)), binary=False)
    assert (scores.low, scores.high, scores.p) == (0, 0, 1)


def test_the_probability_of_no_difference_is_that_of_the_interval():
    d = np.random.default_rng(1).choice([-1, 0, 1], size=(3, 60), p=[0.2, 0.4, 0.4]).astype(float)
    found = contrast(d)
    touching = contrast(d, level=1 - found.p)
    assert min(abs(touching.low), abs(touching.high)) == pytest.approx(0, abs=1e-9)


def test_false_discoveries_stay_below_their_share():
    rng, false, called = np.random.default_rng(0), [], []
    for _ in range(400):
        p = np.where(np.arange(20) < 15, rng.uniform(size=20), rng.uniform(0, 1e-4, size=20))
        found = benjamini_hochberg(p)
        called.append(found.sum()), false.append(found[:15].sum())
    assert np.mean(np.array(false) / np.maximum(1, called)) < 0.1 and np.mean(called) >= 5
    assert benjamini_hochberg([np.nan, 0.001]).tolist() == [False, True] and not len(benjamini_hochberg([]))


@pytest.mark.parametrize("bad", [np.zeros(5), np.zeros((3, 1)), np.full((3, 4), np.nan)])
def test_what_is_no_table_of_differences_is_refused(bad):
    with pytest.raises(CrossoverError, match="replicates by at least two test items"):
        contrast(bad)


@pytest.mark.parametrize("effect", [0.01, 0.03])
def test_no_fewer_items_show_an_effect_than_its_own_variance_asks_for(effect):
    """Simulated: where nothing is right without, a gain of whole items is found at the number given, and not at half of it."""
    rng, nothing = np.random.default_rng(0), np.zeros((1, 50))
    n = items_needed(nothing, effect)
    told = {
        m: np.mean([contrast((rng.random((1, m)) < effect).astype(float)).low > 0 for _ in range(400)])
        for m in (n, n // 2)
    }
    assert told[n] > 0.8 > told[n // 2]
    assert contrast(np.zeros((1, n))).detectable == minimum_detectable_effect(1, n) <= effect
    assert contrast(np.zeros((1, n)), binary=False).detectable == 0


PART = Part(says="", statistic="contrast", side="above", threshold=0.02, resolution=0.05)


@pytest.mark.parametrize(
    ("ends", "estimate", "replicates", "expected"),
    [
        ((0.03, 0.09), 0.06, 3, "holds"),
        ((-0.05, 0.01), -0.02, 3, "fails"),
        ((0.00, 0.08), 0.04, 3, "holds weakly"),
        ((-0.03, 0.05), 0.01, 3, "inconclusive"),
        ((-0.20, 0.40), 0.10, 3, "inconclusive"),
        ((0.03, 0.09), 0.06, 2, "holds weakly"),
        ((-0.05, 0.01), -0.02, 2, "inconclusive"),
        ((0.03, 0.09), 0.06, 1, "holds weakly"),
        ((-0.05, 0.01), -0.02, 1, "inconclusive"),
    ],
)
def test_the_verdict_follows_the_rule_of_the_ledger(ends, estimate, replicates, expected):
    assert verdict(PART, ends, ends, estimate, replicates) == expected
    mirrored = PART.model_copy(update={"side": "below", "threshold": -0.02})
    turned = (-ends[1], -ends[0])
    assert verdict(mirrored, turned, turned, -estimate, replicates) == expected
    wide = (-1.0, 1.0)
    assert verdict(PART, ends, wide, estimate, replicates) == {"fails": "inconclusive"}.get(expected, expected), (
        "only a failure takes more"
    )


def test_a_claim_is_as_good_as_its_worst_part():
    assert worst(["holds", "not testable here", "holds weakly"]) == "not testable here"
    assert worst(["inconclusive", "fails"]) == "fails"


# --- from rows to verdicts ---------------------------------------------------------------------------------------------


def ledger(**changes):
    base = {"task": "math_words", "coverage": 1.0}
    part = {
        "says": "new questions win", "statistic": "contrast", "side": "above", "threshold": 0.0, "resolution": 0.05,
        "points": [{"seed_size": 16, "budget": 64}],
        "terms": [{"weight": 1, "strategy": "new_question"}, {"weight": -1, "strategy": "answer_augmentation"}],
    }  # fmt: skip
    claim = {"paper": "p", "where": "w", "statement": "s", "published": "p", "parts": [part | changes]}
    return Claims.model_validate({"base": base, "claims": {"C": claim}})


def fill(folder, right, replicates=3, items=100, coverage=1.0):
    """A results folder in which each strategy answers its own share of the items."""
    store, rng = Store(folder), np.random.default_rng(0)
    for strategy, share in right.items():
        for replicate in range(replicates):
            cell = QueryCell(
                version=2, task="math_words", strategy=strategy, seed_size=16, budget=64, replicate=replicate,
                teacher="oracle", n_test=items, max_new_tokens=8, teacher_settings={"coverage": coverage},
            )  # fmt: skip
            correct = rng.random(items) < share
            outcomes = [Outcome(f"test-{i:05d}", "1", bool(c)) for i, c in enumerate(correct)]
            blank = {name: 0 if kind is not str else "-" for name, kind in COLUMNS.items()}
            row = blank | {
                "key": cell.key, "experiment": "e", "task": "math_words", "strategy": strategy, "seed_size": 16, "budget": 64,
                "replicate": replicate, "n_test": items, "n_correct": int(correct.sum()), "settings": cell.settings,
            }  # fmt: skip
            store.append(row, outcomes)
    return folder


@pytest.mark.parametrize(
    ("shares", "expected"), [((0.8, 0.2), "holds"), ((0.2, 0.8), "fails"), ((0.5, 0.5), "inconclusive")]
)
def test_the_verdict_turns_with_the_rows(tmp_path, shares, expected):
    fill(tmp_path, dict(zip(("new_question", "answer_augmentation"), shares, strict=True)))
    (finding,) = decide(tmp_path, ledger())
    assert finding.verdict == expected
    assert (finding.cells, finding.replicates) == (6, 3)
    runs = read_runs(tmp_path).groupby("strategy")["n_correct"].sum() / 300
    assert finding.estimate == pytest.approx(runs["new_question"] - runs["answer_augmentation"])


@pytest.mark.parametrize("parts", [1, 12])
def test_a_true_claim_of_many_parts_fails_no_more_often_than_one_of_a_single_part(tmp_path, monkeypatch, parts):
    """Simulated at the threshold itself, where a part fails in about one of twenty repetitions: intervals of five replicates are a little narrow."""
    rng = np.random.default_rng(0)
    one = ledger()
    claim = one.claims["C"]
    many = one.model_copy(update={"claims": {"C": claim.model_copy(update={"parts": claim.parts * parts})}})
    fill(tmp_path, {"new_question": 0.5, "answer_augmentation": 0.5})
    drawn = []

    def paired(*given):
        if given[-1] == claims.LEVEL:  # a part's first interval; a wider one is of the same outcomes
            drawn.append(simulate(rng, 0.05, 0.2, 5))
        return contrast(drawn[-1], given[-1], binary=False), set()

    monkeypatch.setattr(claims, "paired", paired)
    failed = [worst([finding.verdict for finding in decide(tmp_path, many)]) == "fails" for _ in range(300)]
    assert 0.0 < np.mean(failed) < 0.12, "of twelve at 90% each, 46% would"


def test_rows_that_are_missing_are_named(tmp_path):
    fill(tmp_path, {"new_question": 0.5})
    (finding,) = decide(tmp_path, ledger())
    assert finding.verdict == "not testable here"
    assert "strategy answer_augmentation" in finding.why
    (finding,) = decide(tmp_path / "empty", ledger())
    assert finding.verdict == "not testable here"


def test_cells_that_differ_in_the_base_are_not_picked(tmp_path):
    fill(tmp_path, {"new_question": 0.5, "answer_augmentation": 0.5}, coverage=0.0)
    (finding,) = decide(tmp_path, ledger())
    assert finding.verdict == "not testable here"


def test_cells_of_a_teacher_without_the_dial_are_not_picked(tmp_path):
    fill(tmp_path, {"new_question": 0.5, "answer_augmentation": 0.5})
    asked = ledger()
    (finding,) = decide(tmp_path, asked.model_copy(update={"base": asked.base | {"answer_error": 0.0}}))
    assert finding.verdict == "not testable here"


def test_a_selector_by_an_unknown_setting_is_refused(tmp_path):
    fill(tmp_path, {"new_question": 0.5, "answer_augmentation": 0.5})
    with pytest.raises(CrossoverError, match="'covrage' is a setting of no cell. Did you mean 'coverage'"):
        decide(tmp_path, ledger(points=[{"covrage": 1.0}]))


def test_a_selector_that_picks_two_cells_is_refused(tmp_path):
    fill(tmp_path, {"new_question": 0.5, "answer_augmentation": 0.5})
    fill(tmp_path, {"new_question": 0.5, "answer_augmentation": 0.5}, items=90)
    with pytest.raises(CrossoverError, match="picks several cells of one replicate"):
        decide(tmp_path, ledger())


def test_a_claims_own_base_takes_the_ledgers_place(tmp_path):
    fill(tmp_path, {"new_question": 0.8, "answer_augmentation": 0.2}, coverage=0.0)
    asked = ledger()
    claim = asked.claims["C"].model_copy(update={"base": {"task": "math_words", "coverage": 0.0}})
    (finding,) = decide(tmp_path, asked.model_copy(update={"claims": {"C": claim}}))
    assert finding.verdict == "holds"


def test_another_experiments_rows_are_not_looked_at(tmp_path):
    fill(tmp_path, {"new_question": 0.5, "answer_augmentation": 0.5})
    (finding,) = decide(tmp_path, ledger(points=[{"experiment": "other", "teacher_epochs": 3}]))
    assert finding.verdict == "not testable here", "a setting of an experiment that was not run is no mistake"
    with pytest.raises(CrossoverError, match="'covrage' is a setting of no cell"):
        decide(tmp_path, ledger(points=[{"experiment": "e", "covrage": 1.0}]))


def test_students_on_the_same_data_are_averaged_and_scores_are_fractions(tmp_path):
    store, right = (
        Store(tmp_path),
        {("new_question", 0): 1.0, ("new_question", 1): 0.0, ("answer_augmentation", 0): 0.25},
    )
    for (strategy, seed), share in right.items():
        for replicate in range(2):
            cell = QueryCell(
                version=2, task="math_words", strategy=strategy, seed_size=16, budget=64, replicate=replicate,
                teacher="oracle", n_test=20, max_new_tokens=8,
            )  # fmt: skip
            settings = json.dumps(json.loads(cell.settings) | {"student_seed": seed})
            outcomes = [Outcome(f"test-{i:05d}", "x", i < share * 20, score=100 * share + i % 2) for i in range(20)]
            blank = {name: 0 if kind is not str else "-" for name, kind in COLUMNS.items()}
            row = blank | {
                "key": f"{cell.key}-{seed}", "experiment": "e", "task": "math_words", "strategy": strategy, "seed_size": 16, "budget": 64,
                "replicate": replicate, "n_test": 20, "settings": settings,
            }  # fmt: skip
            store.append(row, outcomes)
    asked = ledger().model_copy(update={"base": {"task": "math_words"}})
    (finding,) = decide(tmp_path, asked)
    assert (finding.estimate, finding.replicates, finding.cells) == (pytest.approx(0.25), 2, 6)
    (scored,) = decide(tmp_path, ledger(outcome="score").model_copy(update={"base": {"task": "math_words"}}))
    assert scored.estimate == pytest.approx(0.25) and scored.low == pytest.approx(scored.high)


def test_a_wrong_ledger_is_refused_by_name(tmp_path):
    path = tmp_path / "claims.yaml"
    known = yaml.safe_load((repository() / "notebooks" / "claims.yaml").read_text())
    known["claims"]["C1"]["parts"][0]["side"] = "over"
    path.write_text(yaml.safe_dump(known))
    with pytest.raises(CrossoverError, match=r"claims.C1.parts.0.side"):
        load_claims(path)


def test_the_published_verdicts_follow_from_the_published_rows():
    folder = repository() / "results" / "study"
    ours, theirs = table(decide(folder)), pd.read_csv(folder / "claims.csv")
    assert list(ours["claim"]) == list(theirs["claim"])
    for ours_row, theirs_row in zip(ours.itertuples(), theirs.itertuples(), strict=True):
        where = f"claims.csv, {ours_row.claim}, {ours_row.part!r}"
        assert ours_row.part_verdict == theirs_row.part_verdict, f"{where}: rows say {ours_row.part_verdict}"
        assert ours_row.estimate == pytest.approx(theirs_row.estimate, rel=1e-3, abs=1e-9, nan_ok=True), where


def test_a_verdict_that_changes_is_on_record(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "load_claims", ledger)
    for shares, runs in (((0.5, 0.5), 1), ((0.9, 0.2), 2)):
        for _ in range(runs):  # the second time nothing changes
            (tmp_path / "runs.csv").unlink(missing_ok=True)
            fill(tmp_path, dict(zip(("new_question", "answer_augmentation"), shares, strict=True)))
            claims.publish(tmp_path)
    (row,) = pd.read_csv(tmp_path / "verdicts.csv").itertuples(index=False)
    assert (row.claim, row.part, row.was) == ("C", 1, "inconclusive") and row[3] == "holds" and row.estimate > 0.5
    table_ = appendices.verdict_changes(tmp_path / "verdicts.csv")
    assert f"| {row.date} | C, part 1 | inconclusive | holds |" in table_
    assert "No verdict" in appendices.verdict_changes(tmp_path / "none.csv")


def test_every_claim_of_the_ledger_names_its_paper():
    for name, claim in load_claims().claims.items():
        assert claim.paper in ("2310.07830", "2310.01119", "2409.19759", "2607.01727"), name
        assert json.dumps(claim.statement)


# --- several evaluation sets, and measures of the training data --------------------------------------------------------


@pytest.fixture
def mixtures(tmp_path):
    """Two replicates of students with and without template questions: better on one set, worse on another, more varied."""
    store, zeros = Store(tmp_path), {name: kind() for name, kind in COLUMNS.items()}
    for replicate, strategy in ((r, s) for r in (0, 1) for s in ("real", "real_equal")):
        with_ = strategy == "real_equal"
        cell = MixtureCell(
            version=1, task="closed_book_qa", strategy=strategy, seed_size=8, budget=4, replicate=replicate,
            n_test=80, max_new_tokens=32, task_settings={"share": 0.3 if with_ else 0.0},
        )  # fmt: skip
        right = {"nq_open": 20 if with_ else 8, "trivia_qa": 4 if with_ else 10}
        outcomes = [Outcome(f"{name}/{i:05d}", None, i < n) for name, n in right.items() for i in range(40)]
        measures = json.dumps({"type_entropy": 2.0 + 0.5 * with_ + 0.1 * replicate * with_})
        row = zeros | {"key": cell.key, "experiment": cell.experiment, "task": cell.task, "strategy": strategy, "replicate": replicate,
                       "settings": cell.settings, "measures": measures, "n_test": 80}  # fmt: skip
        store.append(row, outcomes)
    return tmp_path


def mixture_claim(**changes):
    part = {
        "says": "more", "statistic": "contrast", "side": "above", "threshold": 0.0, "resolution": 0.05,
        "terms": [{"weight": 1, "strategy": "real_equal", "share": 0.3}, {"weight": -1, "strategy": "real", "share": 0.0}],
    } | changes  # fmt: skip
    claim = {
        "paper": "p",
        "where": "w",
        "statement": "s",
        "published": "",
        "parts": [part],
        "base": {"experiment": "template_questions"},
    }
    return Claims.model_validate({"base": {}, "claims": {"A": claim}})


@pytest.mark.parametrize(
    ("sets", "expected"), [(["nq_open"], 0.3), (["trivia_qa"], -0.15), ([], 0.075), (["nq_open", "trivia_qa"], 0.075)]
)
def test_a_contrast_counts_the_items_of_the_sets_that_it_names(mixtures, sets, expected):
    (found,) = decide(mixtures, mixture_claim(sets=sets))
    assert found.estimate == pytest.approx(expected) and found.replicates == 2


def test_a_set_that_was_not_tested_leaves_a_claim_open(mixtures):
    (found,) = decide(mixtures, mixture_claim(sets=["hellaswag"]))
    assert found.verdict == "not testable here" and "no items of hellaswag" in found.why


def test_a_measure_has_a_t_interval_over_replicates(mixtures):
    from scipy import stats

    (found,) = decide(mixtures, mixture_claim(statistic="measure", measure="type_entropy"))
    expected = stats.ttest_1samp([0.5, 0.6], 0).confidence_interval(0.9)
    assert (found.estimate, found.low, found.high) == pytest.approx((0.55, expected.low, expected.high))
    (missing,) = decide(mixtures, mixture_claim(statistic="measure", measure="type_entrop"))
    assert "no measure 'type_entrop'" in missing.why


def test_the_summary_shows_what_decides_and_names_what_was_not_run():
    folder = repository() / "results" / "study"
    findings = decide(folder)
    text = summary(findings)
    whole = table(findings).drop_duplicates("claim").set_index("claim")
    shown = {
        line.split(". ")[0].strip("| "): line for line in text.splitlines() if line.startswith("| ") and ". " in line
    }
    missing = text.splitlines()[-1] if "Not testable here" in text else ""
    for claim, found in whole["verdict"].items():
        if claim in shown:
            assert f"**{found}**" in shown[claim]
        else:
            assert found == "not testable here" and claim in missing
    assert "C6" in shown
