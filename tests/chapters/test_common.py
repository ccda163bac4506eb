"""What chapters share: readings of differences, the funnel, regret over tested cells, and sentences that follow numbers."""

import dataclasses
import gzip
import itertools
import json
import re

import numpy as np
import pandas as pd
import pytest

from crossover.chapters.common import (
    ORACLE,
    Wanted,
    against,
    crossover_table,
    form_table,
    funnel_table,
    reading,
    regret,
    samples,
    starred,
    strategy_samples,
    table,
)
from crossover.chapters.sentences import agreement, gains_in_words, lead_in_short, lead_in_words, rule
from crossover.figures.learning_curves import decided_runs
from crossover.stats.crossovers import find_crossovers
from crossover.stats.curves import fit_table
from planted import EARLY, LATE, noisy


@pytest.fixture(scope="module")
def crossing():
    (found,) = find_crossovers(fit_table(noisy(EARLY, LATE), draws=200), checks=False)
    return found


def forest_rows(*ends):
    rows = pd.DataFrame(
        {"comparison": f"c{i}", "estimate": np.mean(e), "low": e[0], "high": e[1], "why": ""}
        for i, e in enumerate(ends)
    )
    return rows.assign(p=np.where((rows["low"] > 0) | (rows["high"] < 0), 0.001, 0.5))


def test_a_reading_names_what_has_a_star_only():
    said = reading(forest_rows((0.05, 0.15), (-0.1, 0.2), (-0.3, -0.1)))
    assert "c2 (-20.0 points)" in said and "c0 (+10.0 points)" in said and "c1" not in said and "2 of 3" in said
    assert reading(forest_rows((-0.1, 0.2), (-0.1, 0.1))).startswith("No significant difference in 2")
    assert reading(forest_rows((0, 0)).assign(estimate=np.nan)) == "Not run in this profile"
    some = starred(forest_rows((0.05, 0.15), (-0.1, 0.2), (-0.3, -0.1)).assign(p=[0.09, 0.5, 0.001]))[:2]
    assert reading(some).startswith("No significant difference in 2"), "rows of a starred forest keep its stars"


def test_a_star_needs_more_than_its_own_interval():
    rows = forest_rows((0.05, 0.15), *[(-0.1, 0.2)] * 20).assign(p=[0.04, *[0.5] * 20])
    assert not starred(rows)["significant"].any(), "one in twenty is chance"
    assert reading(rows).startswith("No significant difference in 21"), "the title says what the stars say"
    assert starred(rows.assign(p=[0.0004, *[0.5] * 20]))["significant"].tolist() == [True, *[False] * 20]


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.1), (-0.1, 0.0), (-0.2, 0.3)])
def test_an_interval_that_holds_zero_is_no_detectable_difference(low, high):
    assert "no detectable difference from new answers" in against("new answers", (low + high) / 2, low, high)


def test_the_rule_is_the_widest_span_of_the_intervals(crossing):
    one, other = (dataclasses.replace(crossing, interval=ends) for ends in ((1.0, 2.0), (0.5, 1.5)))
    assert (
        rule([one, other])
        == "By the fitted curves at both sizes, new answers lead below 0.5 teacher calls per seed question, new questions above 2"
    )
    for unknown in ({"status": "undetermined"}, {"interval": (1.2, None)}):
        assert f"with {one.seed_size:.0f} seeds, new answers lead below 1 " in rule(
            [one, dataclasses.replace(crossing, seed_size=999.0, **unknown)]
        )
    apart = dataclasses.replace(crossing, seed_size=1024.0, ratio=0.31, interval=(0.2, 0.4))
    assert (
        rule([apart, one])
        == f"By the fitted curves, new questions overtake new answers at {one.ratio:.2g} teacher calls per seed question with {one.seed_size:.0f} seeds and 0.31 with 1,024"
    )
    for open_ in ([dataclasses.replace(one, interval=(None, 2.0))], [dataclasses.replace(one, status="none")], []):
        assert "lead" not in rule(open_)
    turned = dataclasses.replace(crossing, first=crossing.second, second=crossing.first, seed_size=64.0)
    assert "lead below" in rule([crossing]) and "lead below" not in rule([crossing, turned]), "one order at every size"


def test_an_open_interval_is_not_said_to_overlap(crossing):
    c = dataclasses.replace(crossing, ratio=2.0, interval=(1.0, 3.0))
    assert agreement(1.0, 0.5, np.nan, c, c.first) == "off by a factor of 2; an interval is open"
    assert agreement(1.0, 0.5, 1.5, c, c.first).endswith("intervals overlap")
    assert agreement(0.5, 0.4, 0.6, c, c.first).endswith("do not overlap")
    assert agreement(np.nan, np.nan, np.nan, c, c.first) == "nothing to compare"
    assert agreement(1.0, 0.5, 1.5, dataclasses.replace(c, status="undetermined"), c.first) == "nothing to compare"
    assert "reversed" in agreement(2.0, 1.0, 3.0, c, c.second)


def test_crossovers_are_shown_in_readers_words(crossing):
    row = crossover_table({"0.5": [crossing]}, "t", "coverage").data.iloc[0]
    assert row["lead"] == "new answers → new questions" and row["coverage"] == "0.5"
    assert row["calls per seed (90% interval)"].startswith(f"{crossing.ratio:.2g} (")
    formed = dataclasses.replace(
        crossing, tested=(1.0, 8.0), by_form={"power_law": [1.234, 5.0], "rectified": [], "logistic": [0.1, 0.2, 9.0]}
    )
    shown = form_table([formed], "f").data.iloc[0, 2:].to_dict()
    assert shown == {"power law": "1.2, 5", "rectified": "", "logistic": "< 1, > 8"}, "what was not tested is no number"
    beyond = crossover_table({"": [dataclasses.replace(formed, ratio=9.0, interval=(5.0, None))]}, "t").data.iloc[0]
    assert beyond["calls per seed (90% interval)"] == "> 8 (5 to > 8)" and "calls" not in beyond
    never = dataclasses.replace(crossing, status="none", leader="new_question", ratio=None, queries=None)
    assert crossover_table({"": [never]}, "t").data["lead"].tolist() == ["new questions throughout"]


def test_regret_counts_only_cells_that_were_run():
    small, large = noisy(EARLY, LATE, size=100), noisy(EARLY, LATE, size=200)
    runs = pd.concat([small, large[large["budget"] > 800]])
    seeds = large[large["budget"] == large["budget"].max()].assign(strategy="seeds_only", budget=0)
    losses = regret(fit_table(runs, draws=100), pd.concat([runs, seeds]))
    assert (losses["cells"] == runs[["seed_size", "budget"]].drop_duplicates().shape[0]).all()
    assert (losses["largest"] >= losses["mean"]).all()


def funnel_rows(kept=None):
    rows = [
        {"strategy": s, "seed_size": 32, "budget": b, "replicate": j, "queries": b, "asked": b, "returned": b, "parsed": b - 1, "verified": b - 2,
         "unique": b - 3, "kept": b // 2 if kept is None else kept}
        for s in ("new_question", "answer_augmentation") for b in (32, 512) for j in range(3)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_the_funnel_counts_the_largest_budget_once():
    found = funnel_table(funnel_rows()).data.set_index("strategy")
    assert list(found.index) == ["New answers", "New questions"] and "seeds" not in found
    shown = found.loc["New questions", ["calls", "asked", "parsed", "kept", "yield", "calls each"]]
    assert shown.tolist() == [512, 512, 511, 256, 0.5, 2.0]


def test_the_funnel_table_says_when_nothing_was_kept():
    html = funnel_table(funnel_rows(kept=0)).to_html()
    assert "New questions" in html and "none kept" in html and "nan" not in html and "inf" not in html


def leads(*ends):
    return pd.DataFrame(
        {"seed_size": 0, "ratio": 2.0**i, "lead": np.mean(e), "low": e[0], "high": e[1]} for i, e in enumerate(ends)
    )


@pytest.mark.parametrize(
    ("ends", "runs", "said"),
    [
        (
            [(-0.2, -0.1), (-0.1, 0.1), (0.1, 0.2)],
            [(-1, [1]), (1, [4])],
            [
                "from 4 teacher calls per seed question on (at 4: +15 points, 10 to 20).",
                "up to 1 (at 1: +15",
                "undecided",
            ],
        ),
        (
            [(-0.2, 0.1), (0.1, 0.2), (-0.1, 0.2), (0.1, 0.3)],
            [(1, [2]), (1, [8])],
            ["at 2 teacher calls per seed question and from 8 on (at 8: +20"],
        ),
        ([(-0.1, 0.1), (-0.3, -0.1), (-0.2, -0.1), (0.1, 0.3)], [(-1, [2, 4]), (1, [8])], ["from 2 to 4 (at 4: +15"]),
        ([(-0.2, -0.1)], [(-1, [1])], ["New answers beat new questions at all tested ratios"]),
        ([(-0.2, 0.1), (-0.1, 0.2)], [], ["These runs decide nothing between"]),
    ],
)
def test_a_lead_is_named_at_the_ratios_that_decide_it(ends, runs, said):
    rows = leads(*ends)
    assert decided_runs(rows) == runs
    assert all(part in lead_in_words(rows) for part in said)
    assert ("lead" in lead_in_short(rows)) is bool(runs)


def test_sentences_about_leads_are_short_and_call_nothing_undecided_that_excludes_zero():
    for ends in itertools.product([(-0.2, -0.1), (-0.1, 0.1), (0.1, 0.2)], repeat=4):
        said, decided = lead_in_words(leads(*ends)), [low > 0 or high < 0 for low, high in ends]
        assert ("nothing between" in said) is not any(decided)
        assert ("undecided" in said) is (any(decided) and not all(decided))
        assert ("A ratio of" in said) is (sum(decided) == 3), "a single one is named"
        assert short(said) and short(lead_in_short(leads(*ends)))


def short(text):
    """Whether every sentence begins with a capital and has at most 25 words, brackets not counted."""
    sentences = re.split(r"[.;] ", re.sub(r" \([^)]*\)", "", text).rstrip("."))
    return text[:1].isupper() and all(0 < len(s.split()) <= 25 for s in sentences)


def test_sentences_about_gains_are_short():
    strategies = ("answer_augmentation", "question_rephrase", "new_question")
    outcomes = [[(-0.2, -0.1), (-0.1, 0.1)], [(-0.1, 0.1), (0.1, 0.2)], [(-0.2, -0.1), (0.1, 0.2)], [(0.1, 0.2)] * 2]
    for each in itertools.product(outcomes, repeat=3):
        rows = [
            {"strategy": s, "seed_size": size, "ratio": ratio, "estimate": np.mean(e), "low": e[0], "high": e[1]}
            for size in (16, 64)
            for s, ends in zip(strategies, each, strict=True)
            for ratio, e in zip((0.5, 1), ends, strict=True)
        ]
        said = gains_in_words(pd.DataFrame(rows))
        assert short(said), said
        assert said.count(" beat training ") == sum(ends[-1][0] > 0 for ends in each)


def test_samples_are_of_one_seed_and_a_spoilt_one_differs(tmp_path):
    def store(strategy, name, kind, teacher, replies):
        about = {"teacher": f"oracle({teacher}", "kind": kind, "index": 0}
        entries = [
            about | {"problem": f"seed-0-0000{n}", "question": f"q{n}", "reply": reply} for n, reply in replies.items()
        ]
        (tmp_path / "generations").mkdir(exist_ok=True)
        path = tmp_path / "generations" / f"t-{strategy}-S8-r0-{name}.jsonl.gz"
        path.write_bytes(gzip.compress("".join(json.dumps(e) + "\n" for e in entries).encode()))

    clean, weak = ORACLE.format(drift=0, coverage=1), ORACLE.format(drift=0.5, coverage=1)
    store("answer_augmentation", "a", "answer", clean, {0: "answer 0", 1: "<b>answer 1</b>"})
    store("question_rephrase", "a", "rephrase", clean, {0: "other 0", 1: "other 1"})
    store("new_question", "a", "new_question", clean, {0: "new 0", 1: "new 1"})
    store("new_question", "b", "new_question", weak, {0: "new 0", 1: "spoilt 1"})
    store("new_question", "c", "new_question", ORACLE.format(drift=0, coverage=0), {0: "edit 0", 1: "edit 1"})
    wanted = strategy_samples("t", 8)
    assert samples(tmp_path, wanted)["text"].tolist() == ["q0", "answer 0", "other 0", "new 0", "edit 0"]
    spoilt = Wanted("spoilt", wanted[2].files, "new_question", weak, unlike="new question")
    found = samples(tmp_path, [*wanted, spoilt])
    assert found["text"].tolist() == ["q1", "<b>answer 1</b>", "other 1", "new 1", "edit 1", "spoilt 1"]
    assert "&lt;b&gt;answer 1" in table(found, "x").to_html(), "replies are escaped"
    assert samples(tmp_path, [Wanted("none", "u-*", "answer")]).empty


def test_texts_of_a_table_wrap_and_stand_on_the_left():
    shown = table(pd.DataFrame({"sample": ["a seed question"], "share": [0.5]}), "t").to_html()
    styled = re.search(r"#T_t \.col0 \{(.*?)\}", shown, re.DOTALL)
    assert "white-space: normal" in styled.group(1) and "text-align: left" in styled.group(1)
    assert 'class="col_heading level0 col0"' in shown, "a header stands as its column does"
    assert ".col1 {" not in shown
