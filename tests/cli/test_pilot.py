"""``crossover pilot`` from end to end: what it says before, what it refuses, and what it advises."""

import json
import re
from types import SimpleNamespace

import pandas as pd
import pytest
from typer.testing import CliRunner

from crossover.cli import app
from crossover.cli.pilot_report import NEXT, ended, next_step
from crossover.params.profiles import check
from crossover.stats.advice import LEAST_PILOT
from crossover.stats.curves import fit_table
from crossover.strategies import Sample
from crossover.study.pilot import STRATEGIES, Pilot, least_queries, replicates_for
from crossover.study.pilot_rounds import REPLICATES, Design, Stop
from crossover.tasks.user_pairs import UserPairs
from planted import EARLY, LATE, noisy

runner = CliRunner()


def sums(first, n):
    return [{"instruction": f"What is {i} and {i + 1} together?", "response": f"They make {2 * i + 1}."} for i in range(first, first + n)]  # fmt: skip


@pytest.fixture
def command(tmp_path, monkeypatch, in_process):
    """A pilot with tiny models on sums; a seed's response is missing where asked."""
    monkeypatch.setenv("CROSSOVER_RESULTS", str(tmp_path / "results"))
    monkeypatch.chdir(tmp_path)

    def arguments(*more, queries=48, seeds=None):
        for name, rows in (("seeds.jsonl", seeds or sums(0, 8)), ("test.jsonl", sums(100, 6))):
            (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        return ["pilot", "seeds.jsonl", "--test", "test.jsonl", "--queries", str(queries), "--compare", "number", "--replicates", "1",
                "--lead", "90", "--teacher-model", "tiny-random", "--student", "tiny-random", "--max-new-tokens", "8", *more]  # fmt: skip

    return arguments


def run(arguments, **settings):
    return runner.invoke(app, arguments, **settings)


def test_the_plan_is_shown_before_anything_starts(command, tmp_path):
    done = run(command("--max-new-tokens", "4"), input="n\n")
    assert done.exit_code == 1
    for said in ("instruction and response: instruction -> response, 8 pairs", "Question: What is", "(read as '", "Start?",
                 "13 of 13 students", "A lead of 90 points takes at least 48 calls (replicates: 1)", "at most 48 teacher calls", "--max-new-tokens 4 is too short for 6 of 6"):  # fmt: skip
        assert said in done.stdout
    assert not list((tmp_path / "results").rglob("runs.csv"))


def test_a_pilot_whose_hours_are_over_says_so(command):
    done = run(command("--max-hours", "0.0000001", "--yes"))
    assert done.exit_code == 0, done.output
    assert "--max-hours 1e-07 are over" in done.stdout and "report:" not in done.stdout


def test_too_few_queries_are_refused_with_what_it_would_take(command):
    for options, queries, needed, instead in (
        (("--replicates", "3"), 143, "--queries must be at least 144, got 143", "--replicates 2."),
        (
            ("--replicates", "0", "--lead", "40"),
            143,
            "--queries must be at least 192, got 143",
            "--replicates 2 --lead ",
        ),
        (("--lead", "40"), 500, "--replicates must be at least 4", "--queries 192 or more"),
        (("--lead", "1"), 500, "--lead must be at least ", "more tests"),
    ):
        done = run(command(*options, queries=queries))
        assert done.exit_code == 2 and needed in done.stderr and instead in done.stderr


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ""),
        ({"parsed": 1}, "Only 1 of the teacher's 20 answers"),
        ({"verified": 1}, "right on 1 of 16 answers"),
        ({"n_correct": 1}, "at the floor"),
        ({"n_correct": 20}, "No strategy beats the seeds alone"),
    ],
)
def test_a_pilot_that_cannot_help_says_why(monkeypatch, changed, said):
    bought = dict.fromkeys(("queries", "returned", "kept"), 20) | {"asked": 20, "parsed": 16, "verified": 6}
    bought |= {"n_correct": 60, "n_test": 100} | changed
    rows = [bought | {"strategy": s, "budget": b, "replicate": 0} for s in STRATEGIES for b in (2, 4, 8)]
    alone = bought | {"strategy": "seeds_only", "budget": 0, "n_correct": 1 if changed.get("n_correct") == 1 else 50}
    monkeypatch.setattr(Pilot, "runs", lambda self: pd.DataFrame([*rows, alone | {"replicate": 0}]))
    monkeypatch.setattr(Pilot, "failures", lambda self: "")
    made = Pilot(None, check("03_budget_ratio", {"n_test": 100}), 100)
    assert said in made.hopeless() and bool(made.hopeless()) == bool(said)
    assert bool(made.useless()) is bool({"parsed", "verified"} & set(changed))


@pytest.mark.parametrize(("useless", "designs"), [("", 2), ("Wrong.", 1)])
def test_only_a_useless_teacher_stops_a_grid_at_its_beginning(monkeypatch, tmp_path, useless, designs):
    """No student gains in the first replicate without its largest budget, and the rest of the grid is still run."""
    monkeypatch.setenv("CROSSOVER_RESULTS", str(tmp_path))
    made, run = Pilot(None, check("03_budget_ratio", {"n_test": 100, "replicates": 3}), 1000), []
    monkeypatch.setattr(Pilot, "cells", lambda self, design: run.append(design) or [])
    monkeypatch.setattr(Pilot, "counts", lambda self: None)
    monkeypatch.setattr(Pilot, "useless", lambda self: useless)
    monkeypatch.setattr(Pilot, "hopeless", lambda self: "No strategy beats the seeds alone.")
    assert made.run().status == "hopeless"
    assert run == [made.design.beginning, made.design][:designs] and len(run[0].cells) < len(made.design.cells)


def test_three_replicates_show_what_luck_does(tmp_path):
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in sums(0, 90)))
    task = UserPairs(str(tmp_path / "pairs.jsonl"))
    given = {"replicates": 0, "lead": 50.0, "queries": 1000, "until": ""}
    assert replicates_for(task, given) == 3 < replicates_for(task, given | {"lead": 10.0})


@pytest.mark.parametrize("export", ["nowhere/bought.jsonl", ".", "seeds.jsonl", "./test.jsonl"])
def test_training_data_that_cannot_be_written_are_refused_before_anything_is_bought(command, tmp_path, export):
    done = run(command("--yes", "--export", export))
    assert done.exit_code == 2 and "--export must be a file" in done.stderr and repr(export) in done.stderr
    assert len((tmp_path / "seeds.jsonl").read_text().splitlines()) == 8
    assert not (tmp_path / "results").exists()


def test_the_preview_of_a_long_pair_is_cut(command):
    long = [{"instruction": "What is 1 and 2? " + "x " * 50_000, "response": "3"}, *sums(4, 8)]
    done = run(command(seeds=long), input="n\n")
    assert done.exit_code == 1 and "..." in done.stdout and len(done.stdout) < 20_000


def test_a_cap_of_money_takes_prices(command):
    done = run(command("--max-cost", "5"))
    assert done.exit_code == 2 and "max_cost is 5 but nothing has a price" in done.stderr


def test_the_smallest_pilot_is_what_advice_recommends():
    assert least_queries(REPLICATES) == LEAST_PILOT


def test_a_pilot_runs_advises_reports_and_has_nothing_left_to_do(command, tmp_path, monkeypatch):
    done = run(command("--budget", "5000", "--yes"))
    assert done.exit_code == 0, done.output
    (rows,) = (tmp_path / "results").rglob("pilot.csv")
    table = pd.read_csv(rows)
    assert re.search(r"student hours: \S+ \(expected \S+, by the first\)", done.stdout)
    bought, alone = table[table["budget"] > 0], table[table["budget"] == 0]
    assert set(bought["budget"]) == {2, 4, 8, 16} and bought["strategy"].nunique() == 3 and len(bought) == 12
    assert alone["strategy"].tolist() == ["seeds_only"], "to buy nothing is a choice of what reads the counts"
    assert (
        "The seeds alone" in done.stdout
        and "One replicate cannot show" in done.stdout
        and "calls: 48 of 48" in done.stdout
    )
    # Nothing is left to do; what was bought is data in the report, never markup, and is written as trl reads it.
    nasty = Sample("<script>alert(1)</script> **b** $x$", " </pre><img src=x>\n#### 4")
    monkeypatch.setattr(Pilot, "purchases", lambda self: {name: [nasty] for name in STRATEGIES})
    monkeypatch.setattr(Pilot, "failures", lambda self: "<b>refused</b>")
    again = run(command("--budget", "5000", "--export", "bought.jsonl"))
    assert again.exit_code == 0 and "All 13 cells are there already" in again.stdout
    assert json.loads((tmp_path / "bought.jsonl").read_text()) == {
        "prompt": nasty.question,
        "completion": "</pre><img src=x>",
    }
    (report,) = (tmp_path / "results").rglob("report.html")
    text = report.read_text()
    assert not re.search(r"_augmentation (?!--)|_rephrase|new_question", text) and " lead " in text
    assert not re.search(r"(?<![.,\d])1 \w+s\b|[.;:,][.]", re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL)), (
        "counts and points"
    )
    assert "&lt;script&gt;alert(1)&lt;/script&gt; **b** $x$" in text and "&lt;b&gt;refused" in text
    assert not re.search(r"<(?:script|img|b)\b|src=\"http|href=\"http|@import", text), (
        "it opens offline and runs nothing"
    )
    looked = run(command("--budget", "16", "--until", "decided"))  # the first round is there
    assert looked.exit_code == 0 and "until decided" in looked.stdout and "calls: 48 of 48" in looked.stdout
    bought = run(command("--accepted", "3", "--strategy", "answer_augmentation", "--yes", queries=9))
    assert (
        bought.exit_code == 0
        and "samples of answer_augmentation for 9 calls. The cap of 9 calls came first." in bought.stdout
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--accepted", "3"), "--strategy, one of"),
        (("--strategy", "new_question"), "takes --accepted"),
        (("--accepted", "3", "--strategy", "new_question", "--until", "decided"), "--until is for a pilot"),
        (("--accepted", "25", "--strategy", "new_question"), "--queries must be at least 50 for 25 samples, got 48"),
    ],
)
def test_options_of_a_purchase_and_of_a_pilot_do_not_mix(command, options, said):
    done = run(command("--yes", *options))
    assert done.exit_code == 2 and said in done.stderr


def test_a_purchase_says_its_price_before_it_starts(command):
    served = (
        "--teacher",
        "endpoint",
        "--base-url",
        "http://127.0.0.1:9/v1",
        "--price-in",
        "1000",
        "--price-out",
        "1000",
    )
    done = run(command("--accepted", "3", "--strategy", "new_question", "--max-cost", "5", *served), input="n\n")
    assert done.exit_code == 1 and "at least 6 calls, at most 48" in done.stdout
    assert re.search(r"About \d\S* .*capped at 5\.\n", done.stdout)


def test_a_useless_teacher_ends_a_pilot_before_most_of_it_is_bought(command, tmp_path):
    """Its answers hold no number: the first replicate alone is bought, without its largest budget."""
    done = run(command("--yes", "--replicates", "2", queries=240))
    assert done.exit_code == 0, done.output
    assert "Only 0 of the teacher's 16 answers hold one to compare" in done.stdout and NEXT["hopeless"] in done.stdout
    (report,) = (tmp_path / "results").rglob("report.html")
    assert "calls: 48 of 240" in done.stdout and report.read_text().count("No sample could be used") == 3


def test_seeds_without_an_answer_are_answered_first_and_paid_once(command, tmp_path):
    rows = sums(0, 8)
    del rows[6]["response"], rows[7]["response"]
    short = run(command("--compare", "exact", queries=49, seeds=rows))
    assert short.exit_code == 2 and "at least 50, got 49: 2 to answer" in short.stderr
    done = run(command("--compare", "exact", "--yes", queries=50, seeds=rows))
    assert done.exit_code == 0, done.output
    assert "Seeds without an answer: 2" in done.stdout and "at most 48 teacher calls" in done.stdout
    (stored,) = (tmp_path / "results").rglob("labels.jsonl.gz")
    before = stored.read_bytes()
    assert run(command("--compare", "exact", "--yes", queries=50, seeds=rows)).exit_code == 0
    assert stored.read_bytes() == before, "no call is made twice"


def test_a_resumed_pilot_keeps_to_its_queries(command, monkeypatch):
    monkeypatch.setattr(Pilot, "useless", lambda self: "")
    assert run(command("--yes", queries=96)).exit_code == 0
    again = run(command("--yes", "--replicates", "2", queries=96))  # two smaller grids beside the one that was bought
    assert again.exit_code == 2 and "begun before" in again.stderr
    assert run(command("--yes", queries=96)).exit_code == 0


def test_advice_leaves_out_what_was_given_up():
    table = noisy(EARLY, LATE, seed=1, size=50)
    given_up = table[table["strategy"].eq("answer_augmentation") & (table["budget"] <= 200)].assign(strategy="given_up")
    table = pd.concat([table, given_up], ignore_index=True)
    pilot = SimpleNamespace(counts=lambda: table, fits=fit_table(table, draws=200), n_seeds=50, budget=400)
    (_, all_three), (_, two) = (Pilot.advice(pilot, names) for names in ((), ("answer_augmentation", "new_question")))
    assert all_three.choose is None and two.choose == "answer_augmentation"
    alone = table[table["budget"] == table["budget"].min()].drop_duplicates("replicate")
    alone = alone.assign(strategy="seeds_only", budget=0, n_correct=alone["n_test"])  # always right
    pilot.fits = fit_table(pd.concat([table, alone], ignore_index=True), draws=200)
    idle = Pilot.advice(pilot, ("answer_augmentation", "new_question"))[1]
    assert idle.choose == idle.idle == "seeds_only" and idle.purchase.strategy == "answer_augmentation"
    decided = Stop("decided", "buy", Design(frozenset()))
    assert next_step(idle, decided) == NEXT["nothing"] and ended(idle, decided) != "buy" == ended(two, decided)
    assert "--strategy answer_augmentation" in next_step(two, decided)
    assert next_step(all_three, decided) == NEXT["spent"] and ended(all_three, decided) != "buy"
    assert ended(idle, Stop("hopeless", "none", Design(frozenset()))) == "none"
