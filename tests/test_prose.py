"""The project's English: phrases that readers stumbled over do not come back, in pages, notebooks, messages or help."""

import ast
import json
import re

import pytest
from bs4 import BeautifulSoup

from crossover.paths import repository

ROOT = repository()
#: Phrase and what to write in its place.
REPLACED = {
    r"not told from|told from (no|nothing|none|chance)": "no detectable difference",
    r"reckon(ed|s|ing)?\b": "estimate",
    r"\bmend(s|ed)?\b": "fix",
    r"\brightly\b": "correctly",
    r"as it comes\b|as they come\b": "off the shelf, unmodified",
    r"what was run\b|was not run here": "the tested range",
    r"not testable here": "not run in this profile",
    r"in other money|\bdear(er)?\b": "at a different price, expensive",
    r"(queries|calls|answers) a (seed|question)\b": "per seed question",
    r"one (row|line|student|process|folder|file|object|task|figure|entry) an? \w+": "one ... per ...",
    r"overtakes (answer|question|new_question)": "New questions overtake new answers at ...",
    r"buy (answer augmentation|question rephrase|new question)\b": "buy new answers, rephrasings, new questions",
    r"is ahead by|ahead is ": "leads by",
    r"goes on (where|from)|go on (where|from)": "resumes",
    r"cannot be had": "is not available",
    r"(program|oracle) as teacher": "programmatic teacher",
    r"of one's own|of a person's own": "your own",
    r"points? round\b": "around",
}


#: On built pages alone: files, options and columns keep the word that the papers use.
ON_PAGES = {r"\bquer(y|ies)\b": "teacher call"}


def article(page: str) -> str:
    """The text of a page's article, without code."""
    body = BeautifulSoup(page, "html.parser").article
    for part in body(["pre", "code", "script", "style"]):
        part.decompose()
    return body.get_text(" ")


def found(text: str, replaced: dict[str, str] = REPLACED) -> list[str]:
    flat = " ".join(text.split())
    return [f"...{flat[max(0, hit.start() - 40) : hit.end() + 20]}...: write {better!r}"
            for worse, better in replaced.items() for hit in re.finditer(worse, flat, re.IGNORECASE)]  # fmt: skip


def messages(path) -> list[str]:
    """The texts of a module that users read: arguments of errors and of options, and docstrings of commands."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            texts += [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        if path.parent.name == "cli" and isinstance(node, ast.FunctionDef):
            texts.append(ast.get_docstring(node) or "")
    return texts


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "CONTRIBUTING.md",
        "results/README.md",
        *sorted(f"book/{p.name}" for p in (ROOT / "book").glob("*.md")),
    ],
)
def test_a_page_is_written_plainly(name):
    assert found((ROOT / name).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_is_written_plainly(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert found("\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")) == []


def test_messages_and_help_are_written_plainly():
    faults = {path.name: found(" ¦ ".join(messages(path))) for path in (ROOT / "lib").rglob("*.py")}
    assert {name: hits for name, hits in faults.items() if hits} == {}


def test_the_published_pages_are_written_plainly(published_book):
    """Of chapters their notebooks and messages are read: a published chapter is as old as its run."""
    pages = [published_book / path.with_suffix(".html").name for path in (ROOT / "book").glob("*.md")]
    faults = {page.name: found(article(page.read_text(encoding="utf-8"))) for page in pages}
    for page in pages:
        if page.stem not in ("glossary", "api", "references"):  # where the word is defined, or a title or a signature
            faults[page.name] += found(article(page.read_text(encoding="utf-8")), ON_PAGES)
    assert {name: hits for name, hits in faults.items() if hits} == {}


def test_the_phrases_are_found():
    assert found("It is not told from no change; 0.78 queries a seed.") and not found("no detectable difference")
