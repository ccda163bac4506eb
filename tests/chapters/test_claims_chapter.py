"""The page of claims: a card per claim, a strip of squares, and what other pages quote."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pandas as pd
import pytest

from claims_rows import STUDY, fill, register
from crossover.chapters import claims
from crossover.chapters.numbers import read_numbers
from crossover.claims.register import Paper
from crossover.stats.verdicts import DECIDED, VERDICTS
from crossover.study.store import read_runs


@pytest.fixture
def chapter(tmp_path, monkeypatch):
    """One claim with awkward words, decided, and one open question."""
    monkeypatch.setenv("CROSSOVER_RESULTS", str(tmp_path))
    asked = register(
        {"statement": "More <b>is</b> & stays more", "published": "up by 3 < 5", "under": [{"recipe.updates": "steps"}]}
    )
    question = asked.claims["C"].model_copy(update={"kind": "question", "under": []})
    asked = asked.model_copy(update={"claims": asked.claims | {"Q": question}})
    monkeypatch.setattr(claims, "load_register", lambda: asked)
    shares = {"new_question": 0.8, "answer_augmentation": 0.2}
    fill(tmp_path / "study", shares, replicates=4, recipe={"model": "tiny"})
    return claims.run("study")


def test_a_card_shows_the_evidence_and_escapes_every_word(chapter):
    card = chapter.cards().data
    assert card.count("<section") == 1 and 'id="C"' in card, "the question has its own place"
    assert "<b>is</b>" not in card and "&lt;b&gt;is&lt;/b&gt; &amp; stays" in card and "3 &lt; 5" in card
    row = ET.fromstring(re.search(r"<svg class=\"claim-row\".*?</svg>", card).group())
    marks = [shape.attrib.get("class") for shape in row.iter("path")]
    assert (marks.count("estimate"), marks.count("replicate"), marks.count("paper")) == (1, 4, 0)
    rule = "<b>Update rule:</b> under fixed epochs; not yet run under fixed updates or until memorised.</p>"
    assert rule in card, "asked under another rule, but not run"
    keys = {row.key for row in chapter.runs.itertuples()}
    assert {*re.findall(r"<td><code>(\w+)</code></td>", card)} == keys, "the rows behind the verdict"
    assert 'id="Q"' in chapter.cards(kind="question").data


def test_a_card_draws_the_part_that_decides_and_folds_the_others(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSOVER_RESULTS", str(tmp_path))
    asked = register(others=[{"side": "below", "says": "new questions lose"}])
    monkeypatch.setattr(claims, "load_register", lambda: asked)
    fill(tmp_path / "study", {"new_question": 0.8, "answer_augmentation": 0.2}, replicates=4)
    before, _, folded = claims.run("study").cards().data.partition("1 more part: 1 supported")
    assert "2. new questions lose" in before and "1. new questions win" not in before
    assert "1. new questions win" in folded


def test_the_settings_are_those_of_the_rows_that_decide_by_study(chapter):
    papers = {"papers": {"p": Paper(title="t", setting="s")}}
    (row,) = replace(chapter, register=chapter.register.model_copy(update=papers)).settings().data.to_dict("records")
    assert (
        row["here, first study"].startswith("C, Q: tiny on Word problems") and "8 students" in row["here, first study"]
    )


def test_the_strip_and_the_badge_count_the_papers_claims_only(chapter):
    strip = ET.fromstring(read_numbers(chapter.folder)["claims_strip"])
    assert [a.attrib["href"] for a in strip.iter("a")] == ["05_claims.html#C"]
    assert chapter.tally() == "1 of 1 claims are decided: 1 supported."
    badge = ET.fromstring((chapter.folder / "figures" / "claims_badge.svg").read_text())
    assert badge.attrib["aria-label"] == "claims decided: 1 of 1"


def test_every_verdict_has_a_sign_of_its_own():
    assert {*claims.MARKS} == {*VERDICTS} > DECIDED
    assert len({sign for _, _, sign in claims.MARKS.values()}) == len(VERDICTS)


def test_rows_behind_a_verdict_show_what_varies_between_them(chapter):
    runs = read_runs(STUDY)
    runs = runs[runs["task"] == "math_words"]
    verified = runs["settings"].str.contains('"verify": ?true')
    rows = pd.concat([runs[verified].head(2), runs[~verified & (runs["experiment"] == "budget_ratio")].head(2)])
    shown = claims._behind(rows)
    assert shown["verify"].tolist() == [True, True, False, False] and "answer error" in shown
    assert "model" not in shown, "the same in every row"
    assert shown["key"].tolist() == rows["key"].tolist() and list(shown)[-1] == "key"
    assert "<th>seed questions</th>" in chapter.cards().data and "(first study)" in chapter.cards().data


def test_error_rates_are_the_worst_of_enough_replicates(chapter):
    rates = {"replicates": [2, 3, 3, 8], "truth": [0, 0, 0.05, 0.05], "studies": 1000}
    rates |= {"supported": [0.5, 0.04, 0.2, 0.9], "contradicted": [0.5, 0.06, 0.01, 0.0]}
    chapter.__dict__["_rates"] = pd.DataFrame(
        rates | {"weakly contradicted": [0.5, 0.1, 0.02, 0.0], "weakly supported": 0.0}
    )
    said = chapter.errors()
    assert "simulated 1,000 times" in said and "at most 10% of studies decide firmly" in said
    assert "At most 3% contradict an effect that lies 5 points" in said
