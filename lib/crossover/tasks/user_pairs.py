"""The ``own`` task: anyone's instruction and response pairs, from two files of JSON lines.

A completion is the response and a last line that says where it ends: ``#### 42`` where answers are compared as numbers,
``#### B`` as choices, and ``####`` alone where the response itself is the answer. Responses that already end so are kept.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

from crossover.errors import CrossoverError, nearest
from crossover.tasks.base import Problem
from crossover.tasks.final_answers import QuestionAnswer, final_number, same_number
from crossover.tasks.problem_sets import Pooled

COMPARISONS = ("exact", "number", "choice")
#: What the two parts of a pair may be called.
ASKED, ANSWERED = ("instruction", "question", "prompt"), ("response", "answer", "completion", "output")
_WANTED = 'a pair is wanted, as {"instruction": "...", "response": "..."}'
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_LETTER = re.compile(r"[(\[]?([A-Za-z])(?:[)\].:]|\s|$)")


@dataclass(frozen=True)
class UserPairs(QuestionAnswer, Pooled):
    """Instruction and response pairs of a user's own.

    Parameters
    ----------
    seeds_file, test_file : str
        JSON lines, one object a pair: ``instruction`` and ``response`` (or ``question`` or ``prompt``, and ``answer``,
        ``completion`` or ``output``).
    compare : str
        ``"exact"`` (but for case and space), ``"number"`` (the last one), ``"choice"`` (a letter), or a function of the
        user's own as ``"path/to/file.py:name"``: it is given an answer and the reference, and says whether the answer is right.
    digest : str
        Of the files, from :func:`digest`: with it a changed file is noticed, rather than mixed with results of the old one.

    Raises
    ------
    CrossoverError
        A file is missing, changed, or has a line that is no such pair; a question is both a seed and a test.
    """

    seeds_file: str
    test_file: str
    compare: str = "exact"
    digest: str = ""
    name: str = field(default="own", init=False)
    source: str = field(default="own", init=False)

    def __post_init__(self) -> None:
        if self.compare not in COMPARISONS and ".py:" not in self.compare:
            raise CrossoverError(
                f"compare is {self.compare!r}; it is {', '.join(COMPARISONS)}, or a function as path/to/file.py:name."
            )
        if self.digest and self.digest != digest(self.seeds_file, self.test_file, self.compare):
            raise CrossoverError(
                f"{self.seeds_file}, {self.test_file} or what compares answers has changed since the run began. Put the old "
                "ones back, or start a run of its own with the new ones."
            )

    @property
    def metric(self) -> str:
        """What answers are judged by."""
        return f"{self.compare} match" if self.compare in COMPARISONS else f"right by {self.compare}"

    def extract(self, completion: str) -> str | None:
        """Return the number or letter after the first ``####``, or the text before it; ``None`` where there is none."""
        if self.compare == "number":
            return final_number(completion)
        text, mark, rest = completion.partition("####")
        if not mark:
            return None
        if self.compare == "choice":
            letter = _LETTER.match(rest.strip())
            return letter[1].upper() if letter else None
        return text.strip() or None

    def correct(self, completion: str, problem: Problem) -> bool:
        """Whether a completion's answer is right, by ``compare``."""
        answer, reference = self.extract(completion), self.extract(problem.answer)
        if answer is None or reference is None:
            return False
        if self.compare == "number":
            return same_number(answer, reference)
        if self.compare in COMPARISONS:
            return _plain(answer) == _plain(reference)
        return bool(_function(self.compare)(answer, reference))

    def _pool(self, side: str) -> list[Problem]:
        seeds, tests = _pairs(self.seeds_file), _pairs(self.test_file)
        known = {_plain(question): line for line, question, _ in tests}
        for line, question, _ in seeds:
            if (other := known.get(_plain(question))) is not None:
                raise CrossoverError(
                    f"{self.seeds_file}, line {line}, asks what {self.test_file}, line {other}, asks: take it out of one of them."
                )
        file, pairs = (self.test_file, tests) if side == "test" else (self.seeds_file, seeds)
        return [Problem("", question, self.completion(file, line, answer)) for line, question, answer in pairs]

    def readable(self, response: str) -> bool:
        """Whether a response holds what answers are compared by."""
        return self._final(response) is not None

    def _final(self, response: str) -> str | None:
        """What follows the ``####`` of a response that has none: a number, a letter, or nothing."""
        ends = {"number": lambda: (_NUMBER.findall(response) or [None])[-1], "choice": lambda: _choice(response)}
        return ends.get(self.compare, lambda: "")()

    def completion(self, file: str, line: int, answer: str) -> str:
        """Return a response as a student is to write it, its end included; the file and line are for the message where it has none."""
        if self.extract(f" {answer}") is not None:
            return f" {answer}"
        final = self._final(answer)
        if final is None:
            raise CrossoverError(f"{file}, line {line}: no {self.compare} is in the answer {answer[:60]!r}.")
        return f" {answer}\n#### {final}".rstrip()


def digest(seeds_file: str, test_file: str, compare: str) -> str:
    """Return a digest of the files that a run of this task depends on."""
    files = [seeds_file, test_file, *([compare.rpartition(":")[0]] if compare not in COMPARISONS else [])]
    return hashlib.sha256(b"".join(hashlib.sha256(_bytes(file)).digest() for file in files)).hexdigest()[:16]


def _bytes(file: str) -> bytes:
    try:
        return Path(file).expanduser().read_bytes()
    except OSError as problem:
        raise CrossoverError(f"{file} cannot be read: {problem.strerror}.") from None


def read_lines(file: str) -> list[tuple[int, dict]]:
    """Return the objects of a file of JSON lines that ask something, with their line numbers.

    Raises
    ------
    CrossoverError
        The file cannot be read, holds nothing, or a line is no JSON object with an instruction; the message names it.
    """
    try:
        lines = _bytes(file).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise CrossoverError(f"{file} is not text in UTF-8; save it so.") from None
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as problem:
            raise CrossoverError(
                f"{file}, line {number}: not JSON ({problem.msg}). One object a line is wanted."
            ) from None
        if (
            not isinstance(row, dict)
            or not text_of(row, ASKED)
            or any(isinstance(row.get(k), dict | list | bool) for k in (*ASKED, *ANSWERED))
        ):
            raise CrossoverError(f"{file}, line {number}: {_WANTED}; found {line[:60]!r}.")
        for name in row if not text_of(row, ANSWERED) else ():
            if name not in (*ASKED, *ANSWERED) and get_close_matches(name, ANSWERED, n=1):
                raise CrossoverError(
                    f"{file}, line {number}: {name!r} is no name for a response.{nearest(name, ANSWERED)}"
                )
        rows.append((number, row))
    if not rows:
        raise CrossoverError(f"{file} holds no pairs.")
    return rows


@lru_cache(maxsize=4)
def _pairs(file: str) -> list[tuple[int, str, str]]:
    """Line number, question and answer of every pair of a file."""
    pairs = [(number, text_of(row, ASKED), text_of(row, ANSWERED)) for number, row in read_lines(file)]
    for number, question, answer in pairs:
        if not answer:
            raise CrossoverError(f"{file}, line {number}: {_WANTED}; found no response to {question[:60]!r}.")
    return pairs


def text_of(row: dict, names: Sequence[str]) -> str:
    """The text under the first of some names that a row has, a number as it is written; empty where there is none."""
    value = next((row[name] for name in names if row.get(name) is not None), "")
    return json.dumps(value) if isinstance(value, int | float) else str(value).strip()


@lru_cache(maxsize=4)
def _function(named: str) -> Callable[[str, str], bool]:
    path, _, name = named.rpartition(":")
    spec = importlib.util.spec_from_file_location("crossover_own_comparison", path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        return getattr(module, name)
    except (OSError, AttributeError) as problem:
        raise CrossoverError(f"compare={named!r}: {problem}. Give a Python file and a function in it.") from None


def _choice(answer: str) -> str | None:
    """The letter that an answer begins with, or that is its last word."""
    for text in (answer, answer.split()[-1]):
        if letter := _LETTER.match(text):
            return letter[1].upper()
    return None


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
