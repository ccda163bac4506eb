"""The book: stage its pages with executed notebooks and numbers from results, and render them with Jupyter Book.

Nothing is executed here and nothing is fetched: papermill ran the notebooks before, and MathJax is vendored. Warnings
are errors. What goes into the pages is decided by a profile's results folder alone:

``notebooks/*.ipynb``
    executed chapters; one that is listed in ``_toc.yml`` but was not run is left out, with a note
``provenance/<notebook>.json``
    for the banner below a chapter's title
``numbers/``
    ``{name: text}``, quoted in prose as ``{{ name }}``
``figures/``
    pictures that pages show, each with its data; a figure in a chapter links to its files
``runs.csv``
    for the appendices and, where the budget-ratio chapter was run, the page that advises

A part of a page that draws on a chapter stands behind ``+++ {"needs": "<notebook>"}``, up to the next ``+++``.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from crossover.book import appendices, slim
from crossover.book.publishing import public_settings
from crossover.errors import CrossoverError, nearest
from crossover.paths import PUBLISHED, repository, results_folder
from crossover.study.advice_counts import page_data
from crossover.study.store import read_numbers

#: Whose version changes what a page looks like.
RENDERERS = ("jupyter-book", "sphinx", "sphinx-book-theme", "pydata-sphinx-theme", "myst-nb", "sphinxcontrib-bibtex")
#: Part of Jupyter Book's defaults, and of no use without a network.
ONLINE_EXTENSIONS = ("sphinx_thebe", "sphinx_comments", "sphinx.ext.intersphinx")
_SHOWN_WARNINGS = 5
#: What Sphinx writes, and what readers without a mouse or a screen need: entries of a list of references in a role that a
#: list may hold (DPUB-ARIA 1.1 retired the other), and formulas that can be focused, since wide ones scroll.
ACCESSIBLE = {
    'role="doc-biblioentry"': 'role="listitem"',
    '<div class="math notranslate nohighlight"': '<div tabindex="0" class="math notranslate nohighlight"',
}
#: The chapter whose curves the page that advises reads.
ADVISED = "03_budget_ratio"


def build(profile: str, *, clean: bool = False) -> Path:
    """Build a profile's book and return its index page.

    With the same pages, results and versions as last time nothing is done.

    Parameters
    ----------
    profile : str
        Whose results: a profile's name, or the name of one run's own folder.
    clean : bool
        Build even where nothing changed.

    Raises
    ------
    CrossoverError
        A page quotes a number that is not there, a notebook failed or has no record, or Sphinx warned of anything.
    """
    book = repository() / "book"
    return build_book(book, results_folder(profile), book / "_build" / profile, profile, clean=clean)


def build_book(book: Path, results: Path, out: Path, profile: str, *, clean: bool = False) -> Path:
    """Build the pages in ``book`` with the results in ``results`` into ``out``; return ``out/html/index.html``."""
    index, stamp = out / "html" / "index.html", out / "stamp"
    digest = _digest(book, results)
    if not clean and index.exists() and stamp.exists() and stamp.read_text() == digest:
        return index
    source = stage(book, results, profile)
    # The old book stays until the new one is whole. Sphinx starts afresh: it repeats no warning of an unchanged page.
    fresh = out / "fresh"
    for folder in (out / "source", fresh):
        shutil.rmtree(folder, ignore_errors=True)
    for name, content in source.items():
        path = out / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    _render(out / "source", fresh, known={"profile": profile, **read_numbers(results)})
    shutil.rmtree(out / "html", ignore_errors=True)
    (fresh / "html").rename(out / "html")
    shutil.rmtree(fresh)
    stamp.write_text(digest)
    return index


def stage(book: Path, results: Path, profile: str) -> dict[str, bytes]:
    """Return what Jupyter Book is given: content by path, relative to the source folder."""
    import yaml

    paths = [p for p in book.rglob("*") if p.is_file() and "_build" not in p.relative_to(book).parts]
    staged = {p.relative_to(book).as_posix(): p.read_bytes() for p in paths if not p.name.startswith(".")}
    notebooks = {p.stem: p for p in sorted((results / "notebooks").glob("*.ipynb"))}
    toc, left_out = _present_chapters(yaml.safe_load(staged["_toc.yml"]), set(notebooks), set(staged))
    unlisted = set(notebooks) - set(_files(toc))
    if unlisted:
        raise CrossoverError(
            f"{min(unlisted)} was run but is in no chapter: add '- file: {min(unlisted)}' to _toc.yml."
        )
    for name, content in staged.items():
        if name.endswith(".md") and not name.startswith("_static/"):
            staged[name] = keep_blocks(content.decode(), set(notebooks), name).encode()
    for path in sorted((results / "figures").glob("*.*")):
        staged[f"_static/figures/{path.name}"] = path.read_bytes()
    for name, path in notebooks.items():
        staged[f"{name}.ipynb"] = _chapter(path, results / "provenance" / f"{name}.json", profile, staged)
    if ADVISED in notebooks:
        staged["_static/advisor_curves.js"] = page_data(results).encode()
    if left_out:
        staged[f"{toc['root']}.md"] += _left_out_note(left_out, profile).encode()
    config = yaml.safe_load(staged["_config.yml"])
    added = public_settings(os.environ, staged)
    if preview := added.pop("preview", None):
        config["sphinx"]["config"]["myst_html_meta"] = preview
    config |= added
    config.setdefault("parse", {})["myst_substitutions"] = {
        "profile": profile,
        **read_numbers(results),
    } | appendices.tables(results)
    staged["_toc.yml"] = yaml.safe_dump(toc, sort_keys=False).encode()
    staged["_config.yml"] = yaml.safe_dump(config, sort_keys=False).encode()
    return staged


def keep_blocks(text: str, available: set[str], page: str) -> str:
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


def banner(profile: str, record: dict) -> str:
    """Return the Markdown that stands below a chapter's title: what its numbers came from and what they cost.

    Parameters
    ----------
    profile : str
        The profile's name.
    record : dict
        ``commit, dirty, date, hardware, versions, seconds, queries, cells, parameters, lock``.
    """
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
        "Cost": f"{duration(record['seconds'])}, {_count(record['queries'], 'teacher query', 'teacher queries')}, "
        f"{_count(record['cells'], 'cell')}",
    }
    line = " · ".join(f"**{name}** {value}" for name, value in facts.items())
    rows = [f"| `{name}` | `{_literal(value)}` |" for name, value in record["parameters"].items()]
    rows += [f"| {_plain(name)} | {_plain(version)} |" for name, version in record["versions"].items()]
    rows += [f"| lock | `{record['lock']}` |"]
    return "\n".join(
        [":::::{div} provenance", line, "", "::::{dropdown} Parameters and versions", "| name | value |", "|---|---|"]
        + rows
        + ["::::", ":::::", ""]
    )


def duration(seconds: float) -> str:
    """Return a duration as people say it.

    >>> duration(4.2), duration(75), duration(11_520)
    ('4 s', '1 min 15 s', '3 h 12 min')
    """
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _chapter(path: Path, record: Path, profile: str, staged: Mapping[str, bytes]) -> bytes:
    """Return an executed notebook with the banner below its title, and below each figure links to its files."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for number, cell in enumerate(notebook["cells"]):
        for output in cell.get("outputs", []):
            if output["output_type"] == "error":
                raise CrossoverError(
                    f"{path.name}, cell {number} failed: {output['ename']}: {output['evalue']}. Run it again."
                )
    first = notebook["cells"][0] if notebook["cells"] else {"cell_type": None}
    title, _, rest = "".join(first.get("source", "")).partition("\n")
    if first["cell_type"] != "markdown" or not title.startswith("# "):
        raise CrossoverError(f"{path.name} does not begin with a Markdown cell whose first line is '# ' and a title.")
    if not record.exists():
        raise CrossoverError(f"{path.name} has no record of how it was run ({record} is missing). Run it again.")
    for cell in notebook["cells"]:
        _link_figures(cell, staged)
    shown = banner(profile, json.loads(record.read_text(encoding="utf-8")))
    first["source"] = f"{title}\n\n{shown}\n{rest}"
    return json.dumps(notebook).encode()


def _link_figures(cell: dict, staged: Mapping[str, bytes]) -> None:
    """Add to a cell, below each figure that was saved under a name, links to its SVG and its data, and a text for it."""
    outputs = []
    for output in cell.get("outputs", []):
        outputs.append(output)
        name = output.get("metadata", {}).get("image/png", {}).get("figure")
        files = {"SVG": f"_static/figures/{name}.svg", "data (CSV)": f"_static/figures/{name}.csv"}
        if name and all(file in staged for file in files.values()):
            links = " · ".join(f'<a href="{file}">{text}</a>' for text, file in files.items())
            html = f'<p class="figure-files">{links}</p>'
            outputs.append({"output_type": "display_data", "metadata": {}, "data": {"text/html": html}})
            alt = f"Figure: {name.replace('_', ' ')}; its numbers are in the table linked below."
            cell["metadata"]["mystnb"] = {"image": {"alt": alt}}
    if outputs:
        cell["outputs"] = outputs


def _present_chapters(toc: dict, notebooks: set[str], staged: set[str]) -> tuple[dict, list[str]]:
    """Return the table of contents without chapters whose notebook was not run, and their names."""
    left_out = [f for f in _files(toc) if f not in notebooks and f"{f}.md" not in staged]
    parts = [part | {"chapters": [c for c in part["chapters"] if c["file"] not in left_out]} for part in toc["parts"]]
    return toc | {"parts": [part for part in parts if part["chapters"]]}, left_out


def _files(toc: dict) -> list[str]:
    return [toc["root"]] + [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]


def _left_out_note(left_out: list[str], profile: str) -> str:
    names = ", ".join(f"`{name}`" for name in left_out)
    command = f"make notebook NB={left_out[0].partition('_')[0]} PROFILE={profile}"
    return (
        f"\n:::{{note}}\nNot run in the `{profile}` profile, so not in this book: {names}. For one: `{command}`.\n:::\n"
    )


def _render(source: Path, out: Path, known: dict[str, str]) -> None:
    """Write ``conf.py`` from ``_config.yml`` as Jupyter Book does, and run Sphinx with warnings as errors."""
    from jupyter_book.config import get_final_config

    config, _ = get_final_config(
        user_yaml=source / "_config.yml",
        cli_config={"latex_individualpages": False},
        sourcedir=source,
        raise_on_invalid=True,
    )
    config["extensions"] = [e for e in config["extensions"] if e not in ONLINE_EXTENSIONS]
    # Jupyter Book puts every script below _static on every page. Sphinx knows which pages have maths, and the page that
    # advises names its own.
    config["html_js_files"] = []
    (source / "conf.py").write_text("".join(f"{name} = {value!r}\n" for name, value in sorted(config.items())))
    out.mkdir(parents=True)
    warnings = out / "warnings.txt"
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-n", "-q", "-w", warnings]
    done = subprocess.run(
        [*map(str, command), "-d", str(out / "doctrees"), str(source), str(out / "html")],
        capture_output=True, text=True, check=False, env=os.environ | {"PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    if done.returncode:
        said = warnings.read_text(encoding="utf-8") if warnings.exists() else ""
        raise CrossoverError(_explain(said or done.stderr or done.stdout, source, known))
    for page in (out / "html").glob("*.html"):
        text = page.read_text(encoding="utf-8")
        for written, accessible in ACCESSIBLE.items():
            text = text.replace(written, accessible)
        page.write_text(text, encoding="utf-8")
    slim.slim(out / "html")


def _explain(said: str, source: Path, known: dict[str, str]) -> str:
    """Return the first warnings in words: which page, and for a missing number which name."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in said.splitlines()]
    lines = [line.replace(f"{source}{os.sep}", "") for line in lines if line]
    for line in lines:
        missing = re.match(r"(?P<page>[^:]+).*Substitution error.*'(?P<name>\w+)' is undefined", line)
        if missing:
            return f"{missing['page']} quotes {{{{ {missing['name']} }}}}, which results do not have.{nearest(missing['name'], known)}"
    more = f"\n(and {len(lines) - _SHOWN_WARNINGS} more)" if len(lines) > _SHOWN_WARNINGS else ""
    return "The book has warnings, which are errors here:\n" + "\n".join(lines[:_SHOWN_WARNINGS]) + more


def _digest(book: Path, results: Path) -> str:
    """Return a digest of all that a build reads: pages, results, profiles, this library, its renderers, the environment.

    Nothing is computed from these, so that it takes no time to find that nothing has changed.
    """
    studied, bench, root = results_folder(PUBLISHED), results.parent / "bench", repository()
    paths = [
        path
        for path in book.rglob("*")
        if "_build" not in path.relative_to(book).parts and not path.name.startswith(".")
    ]
    paths += [
        path
        for kind in ("*.csv", "*.json", "notebooks/*.ipynb", "figures/*", "provenance/*.json", "numbers/*.json")
        for path in results.glob(kind)
    ]
    paths += [
        studied / "runs.csv",
        *bench.rglob("*.csv"),
        *bench.rglob("*.json"),
        *(root / "notebooks" / "profiles").glob("*.yaml"),
    ]
    paths += Path(__file__).parents[1].rglob("*.py")
    parts = [f"{name} {importlib.metadata.version(name)}".encode() for name in RENDERERS]
    parts += [f"{name}={value}".encode() for name, value in sorted(os.environ.items()) if name.startswith("CROSSOVER_")]
    parts += [part for path in sorted(set(paths)) if path.is_file() for part in (str(path).encode(), path.read_bytes())]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _plain(text: str) -> str:
    """Return text with the characters that Markdown reads as markup escaped."""
    return re.sub(r"([\\`*_{}\[\]<>|$#])", r"\\\1", str(text))


def _literal(value: object) -> str:
    """Return a parameter's value as Python writes it, fit for a code span in a table."""
    return repr(value).replace("|", "\\|").replace("`", "'")


def _count(n: int, one: str, many: str | None = None) -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"
