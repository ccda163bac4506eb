"""Rendering the book with Jupyter Book: offline, warnings are errors, and only pages that changed are written again.

Papermill ran the notebooks before; nothing is executed and nothing is fetched here.
"""

import hashlib
import html
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from crossover.errors import CrossoverError
from crossover.paths import PUBLISHED, read_yaml, repository, results_folder

#: Whose version changes what a page looks like.
RENDERERS = ("jupyter-book", "sphinx", "sphinx-book-theme", "pydata-sphinx-theme", "myst-nb", "sphinxcontrib-bibtex")
#: Part of Jupyter Book's defaults, and of no use without a network.
ONLINE_EXTENSIONS = ("sphinx_thebe", "sphinx_comments", "sphinx.ext.intersphinx")


def build_book(book: Path, results: Path, out: Path, profile: str) -> Path:
    """Build the pages in ``book`` with the results in ``results`` into ``out``; return ``out/html/index.html``.

    With the same pages, results and versions nothing is done. A missing number, a failed notebook or any warning of
    Sphinx is an error.
    """
    index, stamp, work = out / "html" / "index.html", out / "stamp", out / "work"
    digest = _digest(book, results)
    if index.exists() and stamp.exists() and stamp.read_text() == digest:
        return index
    from crossover.book import pages  # which takes as long to import as all the rest of a run that has nothing to do

    staged = pages.stage(book, results, profile)
    outline = _outline(staged)
    if not (work / outline).exists():
        shutil.rmtree(work, ignore_errors=True)
    write_changed(out / "source", staged)
    try:
        _render(out / "source", work)
    except CrossoverError:
        shutil.rmtree(work)  # Sphinx repeats no warning of an unchanged page: the next build starts afresh.
        raise
    (work / outline).touch()
    # The old book stays until the new one is whole.
    shutil.rmtree(out / "html", ignore_errors=True)
    shutil.copytree(work / "html", out / "html")
    stamp.write_text(digest)
    return index


def web_address(remote: str) -> str:
    """Return the web page of a remote of git, without a user's name or password; empty where it has no public name.

    >>> web_address("git@git.example.org:us/crossover.git"), web_address("https://me:key@example.org/us/crossover")
    ('https://git.example.org/us/crossover', 'https://example.org/us/crossover')
    >>> [web_address(at) for at in ("/srv/crossover.git", "http://127.0.0.1:8080/x", "https://example.org/x?token=key")]
    ['', '', '']
    """
    host = r"(?:(?:https?|ssh|git)://)?(?:[^@/]+@)?([\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,})(?::\d+)?"
    found = re.fullmatch(rf"{host}[:/]([^\s?#]+?)(?:\.git)?/?", remote)
    return f"https://{found[1]}/{found[2]}" if found else ""


def repository_address(root: Path) -> str:
    """Return where the repository is published: by CITATION.cff or the remote of the clone; else empty."""
    cited = read_yaml(root / "CITATION.cff").get("repository-code")
    git = ["git", "-C", str(root), "remote", "get-url", "origin"]
    asked = (
        None if cited or not shutil.which("git") else subprocess.run(git, capture_output=True, text=True, check=False)
    )
    return web_address(cited or (asked.stdout.strip() if asked else ""))


def write_changed(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make a folder hold exactly these files, leaving those untouched that hold the same already."""
    for path in [p for p in folder.rglob("*") if p.is_file() and p.relative_to(folder).as_posix() not in files]:
        path.unlink()
    for name, content in files.items():
        path = folder / name
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _outline(staged: Mapping[str, bytes]) -> str:
    """A digest of what is on every page: contents with their titles, styles, settings, and the renderers' versions."""
    sources = [text for name, text in sorted(staged.items()) if name.endswith((".md", ".ipynb"))]
    titles = [title[1] for text in sources if (title := re.search(rb'(?m)(?:^|")# ([^\n"\\]+)', text))]
    extension = Path(__file__).with_name("sphinx_extension.py").read_bytes()
    styles = [style for name, style in sorted(staged.items()) if name.endswith(".css")]
    parts = [staged["_toc.yml"], staged["_config.yml"], extension, *styles, *titles]
    parts += [f"{name} {importlib.metadata.version(name)}".encode() for name in RENDERERS]
    return hashlib.sha256(b"\n".join(parts)).hexdigest()


def _render(source: Path, out: Path) -> None:
    """Write ``conf.py`` from ``_config.yml`` as Jupyter Book does, and run Sphinx with warnings as errors."""
    from jupyter_book.config import get_final_config

    config, _ = get_final_config(
        user_yaml=source / "_config.yml",
        cli_config={"latex_individualpages": False},
        sourcedir=source,
        raise_on_invalid=True,
    )
    config["extensions"] = [e for e in config["extensions"] if e not in ONLINE_EXTENSIONS]
    # Jupyter Book puts every script below _static on every page; a page that needs one names it.
    config["html_js_files"] = []
    if address := repository_address(repository()):
        links = {"Source code": address, "Report a problem": f"{address}/issues"}
        said = " · ".join(f'<a href="{html.escape(to)}">{name}</a>' for name, to in links.items())
        config["html_theme_options"]["extra_footer"] = f"<p>{said}</p>"
    (source / "conf.py").write_text("".join(f"{name} = {value!r}\n" for name, value in sorted(config.items())))
    out.mkdir(parents=True, exist_ok=True)
    warnings = out / "warnings.txt"
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-n", "-q", "-N", "-w", warnings]
    done = subprocess.run(
        [*map(str, command), "-d", str(out / "doctrees"), str(source), str(out / "html")],
        capture_output=True, text=True, check=False, env=os.environ | {"PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    if done.returncode:
        said = warnings.read_text(encoding="utf-8") if warnings.exists() else ""
        told = (said or done.stderr or done.stdout).replace(f"{source}{os.sep}", "")
        raise CrossoverError(f"The book has warnings, which are errors here:\n{told.strip()}")
    if (source / "_static").is_dir():  # Sphinx copies it only where a page has changed
        shutil.copytree(source / "_static", out / "html" / "_static", dirs_exist_ok=True)


def _digest(book: Path, results: Path) -> str:
    """A digest of all that a build reads: pages, results, profiles, this library, its renderers, the environment."""
    root = repository()
    kinds = ("*.csv", "notebooks/*.ipynb", "figures/*", "provenance/*.json", "numbers/*.json")
    paths = [p for p in book.rglob("*") if "_build" not in p.relative_to(book).parts and not p.name.startswith(".")]
    paths += [path for kind in kinds for path in results.glob(kind)]
    paths += [*(results.parent / "bench").rglob("*.csv"), *(results.parent / "bench").rglob("*.json")]
    paths += [results_folder(PUBLISHED) / "runs.csv", *(root / "notebooks" / "profiles").glob("*.yaml")]
    paths += [p for kind in ("*.py", "*.jinja") for p in Path(__file__).parents[1].rglob(kind)]
    parts = [f"{name} {importlib.metadata.version(name)}".encode() for name in RENDERERS]
    parts.append(repository_address(root).encode())
    parts += [f"{name}={value}".encode() for name, value in sorted(os.environ.items()) if name.startswith("CROSSOVER_")]
    parts += [part for path in sorted(set(paths)) if path.is_file() for part in (str(path).encode(), path.read_bytes())]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
