"""What goes into the book, and what is refused."""

import json
import re
import shutil
from collections import Counter

import pandas as pd
import pytest

import crossover
from crossover.book import appendices
from crossover.book.pages import banner, figure, fill, stage
from crossover.chapters.common import NOT_RUN
from crossover.errors import CrossoverError
from crossover.figures.learning_curves import gains_over_seeds
from crossover.figures.style import publish
from crossover.paths import repository
from pages import visit
from planted import EARLY, LATE, noisy
from stored import write_runs

RECORD = {
    "notebook": "03_budget_ratio", "profile": "laptop", "commit": "0123456789abcdef", "dirty": True,
    "date": "2025-11-21T10:00:00Z", "hardware": {"cpu": "A|B_C @ 2 GHz", "cores": 2, "memory_gb": 8, "device": "cpu"},
    "versions": {"torch": "2.13.0"}, "seconds": 680.4, "queries": 6048, "cells": 1,
    "parameters": {"budgets": [32, 64], "note": "a|<b>`c"}, "lock": "abc123",
}  # fmt: skip
FIGURE = {
    "figure": "lead",
    "title": "T",
    "series": [],
    "alt": "New questions <lead>",
    "caption": "Means of 3 replicates & 150 items.",
}


def notebook() -> dict:
    """An executed notebook with a number and a figure."""
    output = {"output_type": "display_data", "metadata": {"image/png": FIGURE}, "data": {"image/png": "iVBO"}}
    code = {
        "cell_type": "code",
        "metadata": {},
        "execution_count": 1,
        "source": "chapter.curves()",
        "outputs": [output],
    }
    title = {"cell_type": "markdown", "metadata": {}, "source": "# The budget ratio\n\nBest: {{ best }}."}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"cells": [title, code], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 4}


@pytest.fixture
def results(tmp_path, monkeypatch):
    """The results folder of a profile that ran one chapter."""
    costs = {"paper_rows": [{"notebook": "03", "students": "1 of 1"}], "paper_notes": [], "price": 0.9}
    monkeypatch.setattr(appendices, "paper_costs", lambda: costs)  # which takes seconds
    folder = tmp_path / "results" / "laptop"
    for name in ("notebooks", "provenance", "figures", "numbers"):
        (folder / name).mkdir(parents=True)
    (folder / "notebooks" / "03_budget_ratio.ipynb").write_text(json.dumps(notebook()))
    (folder / "provenance" / "03_budget_ratio.json").write_text(json.dumps(RECORD))
    published = repository() / "results" / "study" / "numbers" / "03_budget_ratio.json"
    (folder / "numbers" / "03_budget_ratio.json").write_text(
        json.dumps({"best": "61%"} | dict.fromkeys(json.loads(published.read_text()), "7"))
    )
    for name in ("lead.svg", "lead.csv", "lead_dark.svg", "crossover_map.svg"):
        (folder / "figures" / name).write_text("")
    rows = pd.concat(noisy(EARLY, LATE, seed=size, size=size, n=300) for size in (50, 200))
    write_runs(folder, rows.assign(task="math_words", experiment="budget_ratio"))
    return folder


def staged(results):
    return stage(repository() / "book", results, "laptop")


def test_a_chapter_that_was_not_run_is_left_out_with_a_note(results):
    book = staged(results)
    assert b"03_budget_ratio" in book["_toc.yml"] and b"00_known_truth" not in book["_toc.yml"]
    assert b"`make notebook NB=04 PROFILE=laptop`" in book["index.md"] and b"{{" not in book["index.md"]
    assert not any(b"(05_claims.ipynb" in text for name, text in book.items() if name.endswith((".md", ".ipynb")))
    assert b"06_recipe_pilot" not in book["index.md"], "no notebook of the profile"


def test_without_any_results_the_pages_stand_alone(tmp_path):
    book = stage(repository() / "book", tmp_path / "nothing", "laptop-0123abcd")
    assert "_static/advisor_curves.js" not in book and b"your_own_run" in book["_toc.yml"]


def test_a_chapter_has_its_numbers_and_its_code_and_record_at_the_end(results):
    cells = json.loads(staged(results)["03_budget_ratio.ipynb"])["cells"]
    assert cells[0]["source"] == "# The budget ratio\n\nBest: 61%."
    assert cells[1]["metadata"]["tags"] == ["remove-input"]
    assert (
        "chapter.curves()" in cells[-1]["source"]
        and "<code>0123456789</code> with local changes" in cells[-1]["source"]
    )


def test_a_figure_has_a_number_a_caption_its_files_and_is_drawn_for_each_theme(results):
    shown = json.loads(staged(results)["03_budget_ratio.ipynb"])["cells"][1]["outputs"][0]["data"]["text/html"]
    for part in ('id="lead"', "Figure 1.1.", "Means of 3 replicates &amp; 150 items.", 'alt="New questions &lt;lead&gt;"',
                 'href="_static/figures/lead.csv"', 'class="only-dark"', "crossover run 03_budget_ratio --profile laptop"):  # fmt: skip
        assert part in shown


def test_what_was_not_run_goes_with_the_text_that_announces_it(results):
    def shown(text):
        output = {"output_type": "display_data", "metadata": {}, "data": {"text/markdown": [text]}}
        return {"cell_type": "code", "metadata": {}, "source": "", "outputs": [output]}

    def said(text):
        return {"cell_type": "markdown", "metadata": {}, "source": text}

    written = notebook()
    written["cells"] += [
        said("## Gone\n\nSee:"),
        shown(NOT_RUN.data),
        said("## Half"),
        shown(NOT_RUN.data),
        shown("kept"),
        said("## Last"),
    ]
    (results / "notebooks" / "03_budget_ratio.ipynb").write_text(json.dumps(written))
    *cells, end = json.loads(staged(results)["03_budget_ratio.ipynb"])["cells"]
    texts = [cell["source"] for cell in cells if cell["cell_type"] == "markdown"]
    assert texts[1:] == ["## Half", "## Last"] and len(cells) == len(texts) + 2
    assert "Not run in this profile: Gone." in end["source"]


def test_a_notebook_that_no_chapter_lists_is_named(results):
    shutil.copy(results / "notebooks" / "03_budget_ratio.ipynb", results / "notebooks" / "07_extra.ipynb")
    with pytest.raises(CrossoverError, match="- file: 07_extra"):
        staged(results)


def test_a_number_that_no_chapter_computes_is_named(results):
    broken = notebook()
    broken["cells"][0]["source"] = "# T\n\n{{ bets }}"
    (results / "notebooks" / "03_budget_ratio.ipynb").write_text(json.dumps(broken))
    with pytest.raises(CrossoverError, match=r"03_budget_ratio.ipynb.*\{\{ bets \}\}.*Did you mean 'best'"):
        staged(results)


def test_a_chapter_without_a_record_is_refused(results):
    (results / "provenance" / "03_budget_ratio.json").unlink()
    with pytest.raises(CrossoverError, match="no record of how it was run"):
        staged(results)


def test_the_record_escapes_what_would_be_read_as_markup():
    text = banner(RECORD)
    for fact in (
        "A|B_C @ 2 GHz, 2 cores, 8 GB, on cpu",
        "<strong>Run</strong> 2025-11-21",
        "0:11:20 h",
        "6,048 teacher calls",
        "1 cell<",
        "<code>[32, 64]</code>",
        "<code>&#39;a|&lt;b&gt;`c&#39;</code>",
    ):
        assert fact in text
    assert "no git checkout" in banner(RECORD | {"commit": None})


def test_a_part_of_a_page_is_kept_where_its_chapter_was_run():
    page = 'one\n{% if "03" in ran %}\ntwo\n{% endif %}\nthree\n'
    assert fill(page, {"ran": {"03"}}, "index.md") == "one\ntwo\nthree\n"
    assert fill(page, {"ran": set()}, "index.md") == "one\nthree\n"


def test_markers_and_numbers_that_cannot_be_read_are_refused():
    with pytest.raises(CrossoverError, match="index.md, line 2: .*needs"):
        fill("\n{% needs 03 %}\n", {}, "index.md")
    with pytest.raises(CrossoverError, match="index.md quotes .*rule"):
        fill("{{ rule }}", {"rules": "7"}, "index.md")


def test_the_counts_that_the_page_prints_can_be_fitted(tmp_path):
    page = (repository() / "book" / "your_own_run.md").read_text()
    table = next(part for part in page.split("```text\n") if part.startswith("strategy,")).partition("```")[0]
    (tmp_path / "pilot.csv").write_text(table)
    (found,) = crossover.find_crossovers(crossover.fit_table(crossover.read_counts(tmp_path / "pilot.csv"), draws=100))
    assert found.status == "found"


@pytest.mark.parametrize("width", [1280, 390])
def test_a_series_of_a_figure_is_switched_off_and_on_by_keyboard(browser, tmp_path, width):
    from PIL import Image
    from selenium.webdriver.common.keys import Keys

    points = pd.DataFrame({"ratio": [1, 4], "estimate": [0.1, 0.2], "low": [0.0, 0.1], "high": [0.2, 0.3]})
    gains = pd.concat([points.assign(strategy=s, seed_size=16) for s in ("answer_augmentation", "new_question")])
    folder = tmp_path / "_static" / "figures"
    drawn = publish(
        lambda narrow: gains_over_seeds(gains, narrow), gains, folder, figure="worth", title="t", caption="c", alt="a"
    )
    shown = figure(drawn.note, "Figure 1", "03_budget_ratio", "study")
    saved = {f"_static/figures/{path.name}" for path in folder.iterdir()}
    assert set(re.findall(r'(?:src|srcset|href)="(_static[^"]+)"', shown)) <= saved
    script = (repository() / "book" / "_static" / "series.js").read_text()
    head = '<!DOCTYPE html><meta name="viewport" content="width=device-width">'
    style = "<style>.only-dark { display: none } img { width: 100% }</style>"
    (tmp_path / "page.html").write_text(f"{head}{style}{shown}<script>{script}</script>")

    def inks() -> list[int]:
        """How many pixels have the colour of new answers, and that of new questions; the legend has some."""
        browser.save_screenshot(str(tmp_path / "shot.png"))
        pixels = Counter(Image.open(tmp_path / "shot.png").convert("RGB").get_flattened_data())
        return [pixels[colour] for colour in ((0x14, 0x30, 0x5E), (0xB5, 0x45, 0x1B))]

    visit(browser, tmp_path / "page.html", width)
    first, second = browser.find_elements("css selector", ".series input")
    full, seen = inks(), []
    for box in (second, first, second):
        box.send_keys(Keys.SPACE)
        seen.append([2 * now > before for now, before in zip(inks(), full, strict=True)])
    assert min(full) > 50 and seen == [[True, False], [False, False], [False, True]]
