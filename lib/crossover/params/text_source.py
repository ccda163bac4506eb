"""Names of text sources, and the folder of one's own whose name holds a digest of what is in it."""

import re
from pathlib import Path

from crossover.digests import digest
from crossover.errors import CrossoverError

SUFFIXES = (".txt", ".md", ".markdown", ".html", ".htm")
_FOLDER = re.compile(r"folder:(.+?)(?:@([0-9a-f]{12}))?")


def text_files(path: Path | str) -> list[Path]:
    """Return the text, Markdown and HTML files of a folder and its subfolders, in order of their names.

    Raises
    ------
    CrossoverError
        There is no such folder, or no such file in it.
    """
    files = sorted(p for p in Path(path).rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not files:
        raise CrossoverError(f"{path} holds no file {', '.join(f'*{s}' for s in SUFFIXES)}; give a folder of texts")
    return files


def folder_of(text: str) -> Path | None:
    """Return the folder that a source names, or ``None`` for another source."""
    match = _FOLDER.fullmatch(text)
    return Path(match[1]).expanduser() if match else None


def pinned(text: str) -> str:
    """Return a source with the absolute path of its folder and a digest of its files; other sources as they are.

    The digest makes a corrected text another source, so that no result of the old one passes for one of the new.

    Raises
    ------
    CrossoverError
        The folder holds no text, or its files are not those that a digest in the name stands for.
    """
    named = _FOLDER.fullmatch(text)
    if named is None:
        return text
    folder = Path(named[1]).expanduser().resolve()
    files = [(file.relative_to(folder).as_posix(), digest(file.read_bytes(), 64)) for file in text_files(folder)]
    now = f"folder:{folder}@{digest(files, 12)}"
    if named[2] is not None and not now.endswith(f"@{named[2]}"):
        raise CrossoverError(f"the texts in {folder} have changed since {text!r} was named; leave out @{named[2]}")
    return now
