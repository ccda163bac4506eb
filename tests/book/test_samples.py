"""The sample explorer: every stored reply is in it, light and escaped, with the verdict of the funnel."""

import gzip
import json
import shutil
from dataclasses import replace
from xml.etree import ElementTree

import pandas as pd
import pytest

from crossover.book import samples
from crossover.chapters.common import as_html
from crossover.paths import repository, results_folder
from crossover.tasks import load_task
from pages import visit
from stored import write_lines

SEED = "Tess makes 22 buttons. How many are left?"


def call(kind, problem, question, reply, index=0, teacher="oracle(coverage=1)"):
    return {"teacher": teacher, "kind": kind, "problem": problem, "question": question, "index": index, "reply": reply}


def write(results, name, calls):
    write_lines(results / "generations" / name, calls)


def content(script):
    return json.loads(script.decode().partition(", ")[2].removesuffix(");\n"))


def test_each_sample_stands_beside_its_seed_with_the_verdict_of_the_funnel():
    calls = [
        call("answer", "s0", SEED, "22\n#### 22"), call("answer", "s0", SEED, "22 #### 22", 1), call("answer", "s0", SEED, "many", 2),
        call("answer", "s0", SEED, None, 3), call("new_question", "s0", SEED, "How many?"), call("new_question", "s0", SEED, None, 1),
        call("answer", "s0/new_question-0", "How many?", "#### 1"), call("rephrase", "s0", SEED, SEED),
        call("answer", "s0/rephrase-0", SEED, "#### 3"),
    ]  # fmt: skip
    found = list(samples.samples(calls, "math_words"))
    assert [(question, verdict) for _, question, _, verdict, _ in found] == [
        ("", samples.KEPT), ("", samples.REPEATED), ("", samples.UNREADABLE), ("", samples.NO_REPLY),
        ("", samples.NO_REPLY), ("How many?", samples.KEPT), (SEED, samples.COPY),
    ]  # fmt: skip
    assert {seed for seed, *_ in found} == {SEED}


def test_every_reply_of_a_task_that_needs_files_is_readable():
    (found,) = samples.samples([call("answer", "s0", SEED, "whatever")], "own")
    assert found[3:] == (samples.KEPT, samples.UNKNOWN)


def test_answers_to_a_seed_and_its_rephrasings_are_compared_with_gold():
    seed = load_task("math_words").seeds(1, 0)[0]
    calls = [
        call("answer", seed.id, seed.question, seed.answer), call("answer", seed.id, seed.question, "#### -1", 1),
        call("rephrase", seed.id, seed.question, "Said again?"), call("new_question", seed.id, seed.question, "New?"),
        *(call("answer", f"{seed.id}/{kind}-0", question, seed.answer)
          for kind, question in (("rephrase", "Said again?"), ("new_question", "New?"))),
    ]  # fmt: skip
    gold = samples._gold("math_words", 1, 0)
    found = [right for *_, right in samples.samples(calls, "math_words", gold)]
    assert found == [samples.RIGHT, samples.WRONG, samples.RIGHT, samples.UNKNOWN]
    other = {seed.id: replace(seed, question="Another?")}
    assert {right for *_, right in samples.samples(calls, "math_words", other)} == {samples.UNKNOWN}


def test_shards_are_light_and_hold_every_published_reply():
    results = results_folder("study")
    found = samples.shards(results)
    assert all(len(script) < samples.LARGEST for script in found.values())
    rows = [row for name, script in found.items() if "index" not in name for row in content(script)["rows"]]
    held = {text for row in rows for text in row[2:4]}
    for path in (results / "generations").glob("*-r0-*.jsonl.gz"):
        for line in gzip.decompress(path.read_bytes()).splitlines():
            assert (json.loads(line)["reply"] or "").strip() in held


def test_a_file_larger_than_a_shard_is_cut_and_nothing_is_lost(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "LARGEST", 3000)
    write(
        tmp_path,
        "math_words-answer_augmentation-S1-r0-ab.jsonl.gz",
        [call("answer", "s0", SEED, f"#### {n}", n) for n in range(99)],
    )
    found = samples.shards(tmp_path)
    parts = [script for name, script in found.items() if "index" not in name]
    assert len(parts) > 1 and max(map(len, parts)) < 3000
    assert [row[3] for part in parts for row in content(part)["rows"]] == [f"#### {n}" for n in range(99)]


def test_the_published_samples_begin_with_those_of_the_confirmation_study(tmp_path):
    for folder, reply in (("study", "#### 1"), ("confirm", "#### 2"), ("laptop", "#### 3")):
        name = "math_words-answer_augmentation-S1-r0-ab.jsonl.gz"
        write(tmp_path / folder, name, [call("answer", "s0", SEED, reply)])
    for folder, replies in (("study", ["#### 2", "#### 1"]), ("laptop", ["#### 3"])):
        found = samples.shards(tmp_path / folder)
        (part,) = [script for name, script in found.items() if "index" not in name]
        assert [row[3] for row in content(part)["rows"]] == replies


def test_replies_are_text_whatever_they_hold_and_changed_words_are_marked(browser, tmp_path):
    hostile = "<img src=x onerror=\"document.title='broken'\"></script> **b** $x$ \\(y\\) \u2028 #### 1"
    calls = [
        call("new_question", "s0", SEED, "Tess makes 22 pens."),
        call("answer", "s0/new_question-0", "Tess makes 22 pens.", hostile),
    ]
    write(tmp_path, "math_words-new_question-S1-r0-ab.jsonl.gz", calls)
    for name, script in samples.shards(tmp_path).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(script)
    page = (repository() / "book" / "samples.md").read_text().partition("{raw} html\n")[2].partition("```")[0]
    (tmp_path / "page.html").write_text(f"<meta charset=utf-8>{page}")
    shutil.copy(repository() / "book" / "_static" / "samples.js", tmp_path / "_static")
    visit(browser, tmp_path / "page.html", 1280)
    shown = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)"
    assert browser.execute_script(shown, ".reply") == [hostile]
    assert browser.execute_script(shown, "mark") == ["pens."]
    assert browser.title != "broken" and not browser.execute_script("return document.images.length")
    browser.execute_script(
        "f = document.getElementById('explorer'); f.words.value = 'zebra'; f.dispatchEvent(new Event('input'))"
    )
    assert browser.execute_script(shown, ".sample") == []


def test_a_reply_in_a_notebook_s_table_is_text():
    hostile = "<script>alert(1)</script></td> **b** `c` $x^2$ {{ number }} <img src=x>"
    shown = as_html(pd.DataFrame({"sample": ["new answer"], "text": [hostile]}))
    assert "\n" not in shown, "one block of HTML, which Markdown leaves alone"
    cells = ElementTree.fromstring(shown).findall(".//td")
    assert [cell.text for cell in cells] == ["new answer", hostile] and not any(len(cell) for cell in cells)


@pytest.mark.parametrize(
    "identity", ["local(SmolLM2@1b35a3ca5f05ba4a, temperature=0.7, epochs=3)", "oracle(coverage=0)"]
)
def test_a_teacher_is_named_by_what_a_reader_can_tell_apart(identity):
    assert samples.plain_teacher(identity) in ("local(SmolLM2, temperature=0.7)", "oracle(coverage=0)")
