"""What goes into the book: its pages with executed notebooks and numbers from one profile's results.

A chapter that was not run is left out. Pages are jinja templates: prose quotes ``numbers/`` as ``{{ name
}}`` and the figure NAME of a chapter as ``{{ figure_NAME }}``; ``ran`` and ``not_run`` hold notebooks of the profile.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path

import yaml
from jinja2 import Environment, StrictUndefined, TemplateSyntaxError, UndefinedError

from crossover.book import advisor_page, appendices, samples
from crossover.chapters.common import NOT_RUN
from crossover.chapters.numbers import read_numbers
from crossover.errors import CrossoverError, nearest
from crossover.params.profiles import PROFILES, load_profile
from crossover.templates import render

#: The chapter whose curves the page that advises reads.
ADVISED = "03_budget_ratio"
_PAGES = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)


def stage(book: Path, results: Path, profile: str) -> dict[str, bytes]:
    """Return what Jupyter Book is given: content by path, relative to the source folder."""
    paths = [p for p in book.rglob("*") if p.is_file() and "_build" not in p.relative_to(book).parts]
    staged = {p.relative_to(book).as_posix(): p.read_bytes() for p in paths if not p.name.startswith(".")}
    # A name with a second dot is of a failed or of a running notebook.
    notebooks = {p.stem: p for p in sorted((results / "notebooks").glob("*.ipynb")) if "." not in p.stem}
    toc, left_out = _present_chapters(
        yaml.safe_load(staged["_toc.yml"]), {*notebooks, *(name.removesuffix(".md") for name in staged)}
    )
    files = [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]
    if unlisted := set(notebooks) - set(files):
        raise CrossoverError(
            f"{min(unlisted)} was run but is in no chapter: add '- file: {min(unlisted)}' to _toc.yml."
        )
    wanted = load_profile(profile) if profile in PROFILES else {}  # a run of one's own has a folder of another name
    known: dict[str, object] = {"profile": profile, "ran": set(notebooks)}
    known["not_run"] = [name for name in left_out if name in wanted]
    known |= read_numbers(results) | appendices.tables(results)
    for path in sorted([*(results / "figures").glob("*.*"), *(results / "claims").glob("*.json")]):
        staged[f"_static/{path.parent.name}/{path.name}"] = path.read_bytes()
    figures: dict[str, str] = {}
    for name, number in _numbers(toc, notebooks).items():
        record = results / "provenance" / f"{name}.json"
        staged[f"{name}.ipynb"], drawn = _chapter(notebooks[name], record, known, number)
        figures |= drawn
    for name, content in staged.items():
        if name.endswith(".md") and not name.startswith("_static/"):
            staged[name] = fill(content.decode(), known | figures, name).encode()
        if name.endswith((".md", ".ipynb")):
            staged[name] = without_dead_links(staged[name].decode(), set(notebooks)).encode()
    if ADVISED in notebooks:
        staged |= advisor_page.scripts(results) | samples.shards(results)
    staged["_toc.yml"] = yaml.safe_dump(toc, sort_keys=False).encode()
    return staged


def without_dead_links(text: str, notebooks: Collection[str]) -> str:
    """Return a page whose links to notebooks that were not run are plain text.

    >>> without_dead_links("[the claims](05_claims.ipynb#A1), [curves](03_x.ipynb)", {"03_x"})
    'the claims, [curves](03_x.ipynb)'
    """
    link = re.compile(r"\[([^\]]+)\]\((\w+)\.ipynb[^)]*\)")
    return link.sub(lambda found: found[0] if found[2] in notebooks else found[1], text)


def fill(text: str, known: Mapping[str, object], page: str) -> str:
    """Return a page, a jinja template, filled with what is known.

    >>> fill("{{ n }} items", {"n": "150"}, "index.md")
    '150 items'
    """
    try:
        return _PAGES.from_string(text).render(known)
    except UndefinedError as problem:
        name = str(problem).split("'")[1]
        raise CrossoverError(
            f"{page} quotes {{{{ {name} }}}}, which no chapter computed.{nearest(name, known)}"
        ) from None
    except TemplateSyntaxError as problem:
        raise CrossoverError(f"{page}, line {problem.lineno}: {problem.message}") from None


def banner(record: Mapping) -> str:
    """Return where a chapter's numbers came from (commit, date, machine, versions) and what they cost (a template)."""
    taken = datetime.timedelta(seconds=round(record["seconds"]))
    parameters = {name: repr(value) for name, value in record["parameters"].items()}
    table = render("book/record.html.jinja", "settings", parameters, record["versions"], record["lock"])
    return f"{render('book/record.html.jinja', 'origin', record, taken)}\n\n{_folded('Parameters and versions', table)}"


def _chapter(path: Path, record: Path, known: Mapping[str, object], number: str) -> tuple[bytes, dict[str, str]]:
    """Return an executed notebook as a chapter, code and record folded at its end, and its figures by name."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = notebook["cells"]
    if not record.exists():
        raise CrossoverError(f"{path.name} has no record of how it was run ({record} is missing). Run it again.")
    origin = json.loads(record.read_text(encoding="utf-8"))
    code, drawn = [], dict[str, str]()
    for cell in cells:
        if cell["cell_type"] == "markdown":
            cell["source"] = fill("".join(cell["source"]), known, path.name)
            continue
        cell["metadata"].setdefault("tags", []).append("remove-input")
        code.append("".join(cell["source"]))
        for output in cell.get("outputs", []):
            images = (output.get("metadata", {}).get(kind, {}) for kind in ("image/svg+xml", "image/png"))
            if described := next((data for data in images if data.get("figure")), None):
                name, label = described["figure"], f"Figure {number}.{len(drawn) + 1}"
                shown = figure(described, label, path.stem, origin["profile"])
                output["metadata"], output["data"] = {}, {"text/html": shown}
                drawn[f"figure_{name}"] = shown
    stay, left_out = _without_not_run(cells)
    end = f"## How this page was made\n\n{banner(origin)}\n\n"
    end += f"Not run in this profile: {', '.join(left_out)}.\n\n" if left_out else ""
    end += _folded("Code of this page", "```python\n" + "\n\n".join(code) + "\n```")
    stay.append({"cell_type": "markdown", "id": "record", "metadata": {}, "source": end})
    return json.dumps(notebook | {"cells": stay}).encode(), drawn


def _without_not_run(cells: list[dict]) -> tuple[list[dict], list[str]]:
    """Return the cells without what was not run and the texts that announce nothing else, and these texts' headings."""
    groups: list[list[dict]] = []
    for cell in cells:
        groups += [[]] if cell["cell_type"] == "markdown" else []
        groups[-1].append(cell)
    stay, headings = [], []
    for text, *code in groups:
        shown = [[o.get("data", {}).get("text/markdown", "") for o in cell.get("outputs", [])] for cell in code]
        ran = [cell for cell, out in zip(code, shown, strict=True) if NOT_RUN.data not in map("".join, out)]
        if code and not ran:
            headings += re.findall(r"(?m)^## (.+)", "".join(text["source"]))
        else:
            stay += [text, *ran]
    return stay, headings


def figure(note: Mapping[str, object], number: str, notebook: str, profile: str) -> str:
    """Return a figure in HTML (a template), as :func:`crossover.figures.style.publish` stored it with its ``note``."""
    return render("book/figure.html.jinja", "figure", note, number, notebook, profile)


def _present_chapters(toc: dict, present: Collection[str]) -> tuple[dict, list[str]]:
    """The table of contents without chapters whose notebook was not run, and their names."""
    every = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    parts = [part | {"chapters": [c for c in part["chapters"] if c["file"] in present]} for part in toc["parts"]]
    toc = toc | {"parts": [part for part in parts if part["chapters"]]}
    return toc, [name for name in every if name not in present]


def _numbers(toc: dict, notebooks: Collection[str]) -> dict[str, str]:
    """The numbers of the chapters: those of the table of contents, letters where it has none."""
    numbers: dict[str, str] = {}
    for numbered, first in ((True, "1"), (False, "A")):
        parts = [part["chapters"] for part in toc["parts"] if part.get("numbered", False) is numbered]
        names = [chapter["file"] for part in parts for chapter in part if chapter["file"] in notebooks]
        numbers |= {name: chr(ord(first) + i) for i, name in enumerate(names)}
    return numbers


def _folded(title: str, text: str) -> str:
    return f"::::{{dropdown}} {title}\n{text}\n::::"
