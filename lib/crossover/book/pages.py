"""What goes into the book: its pages with executed notebooks and numbers from one profile's results.

A chapter that was not run is left out, with a note. Prose quotes ``numbers/`` as ``{{ name }}`` and the figure NAME of
a chapter as ``{{ figure_NAME }}``. A part of a page that draws on a chapter stands behind ``+++ {"needs":
"<notebook>"}``, up to the next ``+++``.
"""

import json
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path

import yaml

from crossover.book import advisor_page, appendices, samples
from crossover.chapters.common import NOT_RUN
from crossover.errors import CrossoverError, nearest
from crossover.study.store import read_numbers
from crossover.templates import render

#: The chapter whose curves the page that advises reads.
ADVISED = "03_budget_ratio"
#: The picture that a link to the book shows, and its text.
PREVIEW, SUMMARY = "_static/figures/crossover_map.png", "Which synthetic-data strategy should a query budget buy?"


def stage(book: Path, results: Path, profile: str) -> dict[str, bytes]:
    """Return what Jupyter Book is given: content by path, relative to the source folder."""
    paths = [p for p in book.rglob("*") if p.is_file() and "_build" not in p.relative_to(book).parts]
    staged = {p.relative_to(book).as_posix(): p.read_bytes() for p in paths if not p.name.startswith(".")}
    notebooks = {
        p.stem: p for p in sorted((results / "notebooks").glob("*.ipynb")) if "." not in p.stem
    }  # not failed, not running
    toc, left_out = _present_chapters(yaml.safe_load(staged["_toc.yml"]), set(notebooks), set(staged))
    if unlisted := set(notebooks) - set(_files(toc)):
        raise CrossoverError(
            f"{min(unlisted)} was run but is in no chapter: add '- file: {min(unlisted)}' to _toc.yml."
        )
    known = {"profile": profile, **read_numbers(results), **appendices.tables(results)}
    for path in sorted([*(results / "figures").glob("*.*"), *(results / "claims").glob("*.json")]):
        staged[f"_static/{path.parent.name}/{path.name}"] = path.read_bytes()
    shown: dict[str, str] = {}
    for name, number in _numbers(toc, set(notebooks)).items():
        record = results / "provenance" / f"{name}.json"
        staged[f"{name}.ipynb"] = _chapter(notebooks[name], record, profile, known, set(staged), number, shown)
    for name, content in staged.items():
        if name.endswith(".md") and not name.startswith("_static/"):
            staged[name] = fill(keep_blocks(content.decode(), set(notebooks), name), known | shown, name).encode()
    if ADVISED in notebooks:
        staged |= advisor_page.scripts(results) | samples.shards(results)
    if left_out:
        staged[f"{toc['root']}.md"] += _left_out_note(left_out, profile).encode()
    config = yaml.safe_load(staged["_config.yml"])
    added = public_settings(os.environ, staged)
    if preview := added.pop("preview", None):
        config["sphinx"]["config"]["myst_html_meta"] = preview
    staged["_toc.yml"] = yaml.safe_dump(toc, sort_keys=False).encode()
    staged["_config.yml"] = yaml.safe_dump(config | added, sort_keys=False).encode()
    return staged


def public_settings(environment: Mapping[str, str], staged: Collection[str]) -> dict[str, object]:
    """Return what a published site's environment adds to ``_config.yml``; ``preview`` are tags of a page's head.

    ``CROSSOVER_REPOSITORY`` (``owner/name`` on GitHub) adds buttons that open a chapter on Binder or Colab;
    ``CROSSOVER_SITE`` (the book's address) adds the picture that a link to the book shows.

    >>> public_settings({"CROSSOVER_REPOSITORY": "me/crossover"}, {})["repository"]["url"]
    'https://github.com/me/crossover'
    """
    added: dict[str, object] = {}
    if name := environment.get("CROSSOVER_REPOSITORY"):
        added["repository"] = {"url": f"https://github.com/{name}", "path_to_book": "notebooks", "branch": "main"}
        added["launch_buttons"] = {
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
        }
    if site := environment.get("CROSSOVER_SITE", "").rstrip("/"):
        meta = {
            "description": SUMMARY,
            "property=og:title": "Crossover",
            "property=og:description": SUMMARY,
            "property=og:url": f"{site}/",
        }
        if PREVIEW in staged:
            meta |= {"property=og:image": f"{site}/{PREVIEW}", "name=twitter:card": "summary_large_image"}
        added["preview"] = meta
    return added


def keep_blocks(text: str, available: Collection[str], page: str) -> str:
    r"""Return a page without the blocks that need a chapter which is not there.

    >>> page = 'one\n+++ {"needs": "03"}\ntwo\n+++\nthree\n'
    >>> keep_blocks(page, {"03"}, "index.md")
    'one\ntwo\nthree\n'
    >>> keep_blocks(page, set(), "index.md")
    'one\nthree\n'
    """
    kept, keeping = [], True
    for line in text.splitlines(keepends=True):
        if re.match(r"\+\+\+(\s|$)", line):
            try:
                needed = json.loads(line[3:].strip() or "{}").get("needs")
            except (json.JSONDecodeError, AttributeError):
                raise CrossoverError(
                    f'{page}: {line.strip()!r} is not of the form +++ {{"needs": "<notebook>"}}.'
                ) from None
            keeping = needed is None or needed in available
        elif keeping:
            kept.append(line)
    return "".join(kept)


def fill(text: str, numbers: Mapping[str, str], page: str) -> str:
    """Return a page with its ``{{ name }}`` replaced by the numbers.

    >>> fill("{{ n }} items", {"n": "150"}, "index.md")
    '150 items'
    """

    def number(quoted: re.Match[str]) -> str:
        if quoted[1] not in numbers:
            raise CrossoverError(f"{page} quotes {quoted[0]}, which no chapter computed.{nearest(quoted[1], numbers)}")
        return numbers[quoted[1]]

    return re.sub(r"\{\{ *(\w+) *\}\}", number, text)


def banner(profile: str, record: Mapping) -> str:
    """Return in Markdown where a chapter's numbers came from (commit, date, machine, versions) and what they cost."""
    machine = record["hardware"]
    commit = f"`{record['commit'][:10]}`" if record.get("commit") else "unknown (no git checkout)"
    if record.get("dirty"):
        commit += " with local changes"
    facts = {
        "Profile": _plain(profile),
        "Commit": commit,
        "Run": _plain(str(record["date"])[:10]),
        "Machine": _plain(
            f"{machine['cpu']}, {_count(machine['cores'], 'core')}, {machine['memory_gb']} GB, on {machine['device']}"
        ),
        "Cost": (
            f"{duration(record['seconds'])}, {_count(record['queries'], 'teacher call')}, "
            f"{_count(record['cells'], 'cell')}"
        ),
    }
    line = " · ".join(f"**{name}** {value}" for name, value in facts.items())
    rows = [f"| `{name}` | `{_literal(value)}` |" for name, value in record["parameters"].items()]
    rows += [f"| {_plain(name)} | {_plain(version)} |" for name, version in record["versions"].items()]
    rows += [f"| lock | `{record['lock']}` |"]
    table = "\n".join(["| name | value |", "|---|---|", *rows])
    return f":::{{div}} provenance\n{line}\n:::\n\n{_folded('Parameters and versions', table)}"


def duration(seconds: float) -> str:
    """Return a duration in hours, minutes and seconds.

    >>> duration(4.2), duration(75), duration(11_520)
    ('4 s', '1 min 15 s', '3 h 12 min')
    """
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _chapter(
    path: Path,
    record: Path,
    profile: str,
    known: Mapping[str, str],
    files: Collection[str],
    number: str,
    shown: dict[str, str],
) -> bytes:
    """Return an executed notebook as a chapter, code and record folded at its end; add its figures to ``shown``."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    first = notebook["cells"][0] if notebook["cells"] else {"cell_type": None}
    if first["cell_type"] != "markdown" or not "".join(first["source"]).startswith("# "):
        raise CrossoverError(f"{path.name} does not begin with a Markdown cell whose first line is '# ' and a title.")
    if not record.exists():
        raise CrossoverError(f"{path.name} has no record of how it was run ({record} is missing). Run it again.")
    code, figures = [], 0
    for place, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "markdown":
            cell["source"] = fill("".join(cell["source"]), known, path.name)
            continue
        cell["metadata"].setdefault("tags", []).append("remove-input")
        code.append("".join(cell["source"]))
        for output in cell.get("outputs", []):
            if output["output_type"] == "error":
                raise CrossoverError(
                    f"{path.name}, cell {place} failed: {output['ename']}: {output['evalue']}. Run it again."
                )
            if described := _figure_metadata(output):
                figures += 1
                name = described["figure"]
                drawn = figure(name, f"Figure {number}.{figures}", described, files, path.stem, profile)
                shown[f"figure_{name}"] = drawn
                output["metadata"], output["data"] = {}, {"text/html": drawn}
    notebook["cells"], left_out = _without_not_run(notebook["cells"])
    python = "```python\n" + "\n\n".join(code) + "\n```"
    end = f"## How this page was made\n\n{banner(profile, json.loads(record.read_text(encoding='utf-8')))}\n\n"
    end += f"Not run in this profile: {', '.join(left_out)}.\n\n" if left_out else ""
    end += _folded("Code of this page", python)
    notebook["cells"].append({"cell_type": "markdown", "id": "record", "metadata": {}, "source": end})
    return json.dumps(notebook).encode()


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


def _figure_metadata(output: Mapping) -> Mapping:
    """The metadata of an output that is a saved figure: ``figure`` (its name) and its words; empty for another."""
    images = (output.get("metadata", {}).get(kind, {}) for kind in ("image/svg+xml", "image/png"))
    return next((data for data in images if data.get("figure")), {})


def figure(
    name: str, number: str, described: Mapping[str, str], files: Collection[str], notebook: str, profile: str
) -> str:
    """Return a saved figure in HTML (a template): for each theme and screen, with caption, files and command.

    ``described`` has ``title`` (the finding), ``caption``, ``alt`` and the ``series`` to switch off, if any.
    """

    def saved(suffix: str, kind: str = "svg") -> bool:
        return f"_static/figures/{name}{suffix}.{kind}" in files

    both = [(theme, suffix) for theme, suffix in (("only-light", ""), ("only-dark", "_dark")) if saved(suffix)]
    themes = [(theme if saved("_dark") else "", suffix, saved(f"_narrow{suffix}")) for theme, suffix in both]
    if not themes:
        raise CrossoverError(
            f"{notebook} shows the figure {name!r}, and {name}.svg is not among its files. Run it again."
        )
    said = {part: described.get(part, "") for part in ("title", "caption", "alt")}
    kinds = [kind for kind in ("svg", "csv") if saved("", kind)]
    series = described.get("series", [])
    return render("book/figure.html.jinja", "figure", name, number, notebook, profile, said, themes, kinds, series)


def _present_chapters(toc: dict, notebooks: set[str], staged: set[str]) -> tuple[dict, list[str]]:
    """The table of contents without chapters whose notebook was not run, and their names."""
    left_out = [f for f in _files(toc) if f not in notebooks and f"{f}.md" not in staged]
    parts = [part | {"chapters": [c for c in part["chapters"] if c["file"] not in left_out]} for part in toc["parts"]]
    return toc | {"parts": [part for part in parts if part["chapters"]]}, left_out


def _numbers(toc: dict, notebooks: Collection[str]) -> dict[str, str]:
    """The numbers of the chapters: those of the table of contents, letters where it has none."""
    numbers = {}
    for numbered, first in ((True, "1"), (False, "A")):
        parts = [part["chapters"] for part in toc["parts"] if part.get("numbered", False) is numbered]
        names = [chapter["file"] for part in parts for chapter in part if chapter["file"] in notebooks]
        numbers |= {name: chr(ord(first) + i) for i, name in enumerate(names)}
    return numbers


def _files(toc: dict) -> list[str]:
    return [toc["root"]] + [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]


def _left_out_note(left_out: list[str], profile: str) -> str:
    names = ", ".join(f"`{name}`" for name in left_out)
    command = f"make notebook NB={left_out[0].partition('_')[0]} PROFILE={profile}"
    return (
        f"\n:::{{note}}\nNot run in the `{profile}` profile, so not in this book: {names}. To run one:"
        f" `{command}`.\n:::\n"
    )


def _folded(title: str, text: str) -> str:
    return f"::::{{dropdown}} {title}\n{text}\n::::"


def _plain(text: str) -> str:
    """Text with the characters that Markdown reads as markup escaped."""
    return re.sub(r"([\\`*_{}\[\]<>|$#])", r"\\\1", str(text))


def _literal(value: object) -> str:
    """A parameter's value as Python writes it, fit for a code span in a table."""
    return repr(value).replace("|", "\\|").replace("`", "'")


def _count(n: int, one: str) -> str:
    return f"{n:,} {one}{'' if n == 1 else 's'}"
