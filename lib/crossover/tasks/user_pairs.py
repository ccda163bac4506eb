"""The ``own`` task: anyone's question and answer pairs, from files of their own.

A completion is the response and a last line that says where it ends: ``#### 42`` where answers are compared as numbers,
``#### B`` as choices, and ``####`` alone where the response itself is the answer. Only a line that holds nothing else
is that mark: a Markdown heading is none.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import compress
from pathlib import Path
from runpy import run_path

from crossover.data.near_duplicates import Neighbourhood
from crossover.digests import digest as digest_of
from crossover.errors import CrossoverError, nearest
from crossover.labels import counted
from crossover.normal_text import token_f1, word_set
from crossover.tasks.base import Pooled, Problem, QuestionAnswer
from crossover.tasks.pair_files import Pair, Pairs, read_pairs
from crossover.tasks.written_answers import MARK, read_letter, read_number, same_text, same_value, whole_number

COMPARISONS = ("exact", "number", "choice", "f1")
F1_RIGHT = 0.5  # least token F1 of a right answer
HELD_OUT = 300  # most pairs that are held out as test where no test file is given


@dataclass(frozen=True)
class UserPairs(QuestionAnswer, Pooled):
    """Question and answer pairs of a user's own.

    ``seeds_file``, ``test_file``, ``question`` and ``answer`` are as :func:`crossover.tasks.pair_files.read_pairs`
    takes them; without a test file a third of the pairs is held out. ``compare`` is ``"exact"`` (but for case,
    punctuation and articles), ``"number"`` (with ``point`` as decimal sign), ``"choice"`` (a letter), ``"f1"`` (half of
    the tokens), ``"sql:file.sqlite"`` (the same result), or ``"path/to/file.py:name"``, a function of an answer and a
    reference that says whether the answer is right. ``digest``, from :func:`digest`, is of all that a run depends on: a
    changed file is refused, rather than mixed with results of the old one.
    """

    seeds_file: str
    test_file: str = ""
    compare: str = "exact"
    digest: str = ""
    question: str = ""
    answer: str = ""
    point: str = "."
    name: str = field(default="own", init=False)
    source: str = field(default="own", init=False)

    def __post_init__(self) -> None:
        kind, _, rest = self.compare.partition(":")
        if self.compare not in COMPARISONS and ".py:" not in self.compare and not (kind == "sql" and rest):
            hint = " Name the database: sql:file.sqlite." if kind == "sql" else nearest(kind, COMPARISONS)
            raise CrossoverError(
                f"compare is {self.compare!r}; it is {', '.join(COMPARISONS)}, sql:file.sqlite, or a function as"
                f" path/to/file.py:name.{hint}"
            )
        if self.point not in (".", ","):
            raise CrossoverError(f"point is {self.point!r}; the decimal sign is '.' or ','.")
        if self.digest and self.digest != digest(self):
            raise CrossoverError(
                f"{self.seeds_file}, {self.test_file or 'its held-out part'} or what compares answers has changed since"
                " the run began. Put the old ones back, or start a run of its own with the new ones."
            )

    @property
    def metric(self) -> str:
        """What answers are judged by."""
        return f"right by {self.compare}" if ":" in self.compare else f"{self.compare} match"

    # --- pairs -----------------------------------------------------------------------------------------------------

    def pairs(self, side: str) -> Pairs:
        """Return the pairs of a side, ``"seed"`` or ``"test"``."""
        file = self.test_file if side == "test" and self.test_file else self.seeds_file
        return read_pairs(file, self.question, self.answer)

    def split(self) -> tuple[list[Pair], list[Pair], int]:
        """Return the seeds, the tests, and how many seeds are near a test and therefore set apart."""
        kept, tests, near = _split(self.pairs("seed").pairs, self.pairs("test").pairs if self.test_file else ())
        if lacking := next((pair for pair in tests if not pair.answer), None):
            raise CrossoverError(
                f"{self.test_file}, {lacking.where}: found no response to {lacking.question[:60]!r}; tests need one."
            )
        if not kept or not tests:
            asks = f" Seeds that ask what a test asks: {near}." if near else ""
            raise CrossoverError(
                f"{self.seeds_file} leaves {counted(len(kept), 'seed')} and {counted(len(tests), 'test')}.{asks} Give"
                " more pairs: without --test, a third of those that have an answer is held out."
            )
        return list(kept), list(tests), near

    def said(self) -> str:
        """Say how the files were read."""
        seeds, tests, near = self.split()
        said = [str(self.pairs("seed"))]
        said += [str(self.pairs("test"))] if self.test_file else [f"Held out as tests: {counted(len(tests), 'pair')}"]
        said += [f"Set apart, near a test: {counted(near, 'seed')}"] if near else []
        same = len({pair.answer for pair in tests}) == 1 < len(tests)
        said += ["All tests have one answer: a student that always gives it would be right"] if same else []
        said.append(f"Compared by {self.compare}: {counted(len(seeds), 'seed')}, {counted(len(tests), 'test')}")
        return "\n".join(f"{line}." for line in said)

    def near_test(self, questions: Sequence[str]) -> list[bool]:
        """Whether each question is nearly a test question: four of five words are the same, and all numbers."""
        return _near(tuple(pair.question for pair in self.split()[1]), questions)

    def _pool(self, side: str) -> list[Problem]:
        seeds, tests, _ = self.split()
        file, some = (self.test_file or self.seeds_file, tests) if side == "test" else (self.seeds_file, seeds)
        return [self._problem(file, pair) for pair in some]

    def _problem(self, file: str, pair: Pair) -> Problem:
        if not pair.answer:
            raise CrossoverError(f"{file}, {pair.where}: found no response to {pair.question[:60]!r}.")
        if self.final(pair.answer) is None:
            wanted = {"number": "single number", "choice": "letter of a choice"}.get(self.compare, "answer")
            comma = self.compare == "number" and self.point == "." and read_number(pair.answer, ",")
            raise CrossoverError(
                f"{file}, {pair.where}: no {wanted} can be read in the answer {pair.answer[-80:]!r}. Correct the"
                f" row, or compare another way.{' Decimal commas take --decimal-comma.' if comma else ''}"
            )
        also = tuple(map(self.completion, pair.also))
        completion = self.completion(pair.answer)
        return Problem("", pair.question, completion, references=(completion, *also) if also else ())

    # --- answers -----------------------------------------------------------------------------------------------------

    def final(self, response: str) -> str | None:
        """Return what a response is compared by: its number, its letter, its statement or itself.

        ``None`` where there is none.
        """
        if self.compare == "number":
            return read_number(response, self.point)
        if self.compare == "choice":
            return read_letter(response)
        if self.compare.startswith("sql:"):
            from crossover.tasks.sql import statement

            return statement(response)
        return response.strip() or None

    def completion(self, response: str) -> str:
        """Return a response as a student is to write it, its end marked; as it is where nothing can be compared."""
        final = self.final(response)
        if final is None:
            return f" {response.strip()}"
        if self.compare not in ("number", "choice"):
            text = final.removesuffix(MARK).rstrip()
            # A line that is the mark alone is made a rule, so that the text does not end there.
            text = re.sub(rf"^{MARK}[ \t]*$", "---", text, flags=re.MULTILINE)
            return f" {text}\n{MARK}"
        lines = response.strip().split("\n")
        if lines[-1].lstrip().startswith(MARK):
            lines.pop()
        # A heading that would be read as the mark is set in bold.
        lines = [re.sub(rf"^\s*{MARK}\s*(.*)$", r"**\1**", line) if self._marked(line) else line for line in lines]
        text = "\n".join(lines).strip()
        return f" {text}\n{MARK} {final}" if text else f" {MARK} {final}"

    def extract(self, completion: str) -> str | None:
        """Return the number or letter after the first mark, or the text before it; ``None`` where there is none."""
        lines = completion.split("\n")
        if self.compare in ("number", "choice"):
            return next(filter(None, map(self._marked, lines)), None)
        for n, line in enumerate(lines):
            if line.strip() == MARK:
                return "\n".join(lines[:n]).strip() or None
        return None

    def _marked(self, line: str) -> str | None:
        """What a line marks as the final answer, if it does nothing else."""
        rest = line.strip().removeprefix(MARK)
        if rest == line.strip():
            return None
        if self.compare == "number":
            return whole_number(rest, self.point)
        return read_letter(rest) if re.fullmatch(r"\W*[A-Za-z]\W*", rest) else None

    def correct(self, completion: str, problem: Problem) -> bool:
        """Whether a completion's answer is right, by ``compare``.

        The same as the reference or as another right answer.
        """
        answer = self.extract(completion)
        references = [r for text in (problem.answer, *problem.references) if (r := self.extract(text)) is not None]
        return answer is not None and any(self.same(answer, reference) for reference in references)

    def same(self, answer: str, reference: str) -> bool:
        """Whether an answer, as :meth:`extract` gives it, equals the reference."""
        if self.compare == "number":
            return same_value(answer, reference)
        if self.compare == "choice":
            return answer == reference
        if self.compare == "exact":
            return same_text(answer, reference)
        if self.compare == "f1":
            return token_f1(*(unicodedata.normalize("NFKC", text) for text in (answer, reference))) >= F1_RIGHT
        if self.compare.startswith("sql:"):
            from crossover.tasks.sql import matches, statement

            return matches(self.compare.removeprefix("sql:"), statement(answer), reference)
        try:
            return bool(_function(self.compare)(answer, reference))
        except CrossoverError:
            raise
        except Exception as problem:  # noqa: BLE001 - whatever a user's function raises
            raise CrossoverError(
                f"{self.compare} fails on the answer {answer[:60]!r} and the reference {reference[:60]!r}:"
                f" {type(problem).__name__}: {problem}."
            ) from None

    def check(self) -> None:
        """Read every pair and try the comparison on two of them, before anything is paid."""
        tests = self._pool("test")
        for pair in self.split()[0]:
            if pair.answer:
                self._problem(self.seeds_file, pair)
        references = [self.extract(problem.answer) or "" for problem in tests]
        references = references if self.compare.startswith("sql:") else references[:2]
        if not any(self.same(reference, reference) for reference in references):
            raise CrossoverError(
                f"compare={self.compare!r} rejects {references[0][:60]!r}, although it is the reference answer."
                " Correct the comparison, or compare another way."
            )
        for reference in references:
            self.same(references[0], reference)


def digest(task: UserPairs) -> str:
    """Return a digest of the pairs that a run of a task depends on, and of what compares them."""
    files = {task.seeds_file, task.test_file or task.seeds_file}
    pairs = [
        [(p.question, p.answer, *p.also) for p in read_pairs(file, task.question, task.answer).pairs]
        for file in sorted(files)
    ]
    path, python, _ = task.compare.rpartition(".py:")
    compared = task.compare.removeprefix("sql:") if task.compare.startswith("sql:") else f"{path}.py" if python else ""
    if compared and not Path(compared).expanduser().is_file():
        raise CrossoverError(f"compare={task.compare!r}: {compared} cannot be read: there is no such file.")
    code = digest_of(Path(compared).expanduser().read_bytes()) if compared else ""
    return digest_of([pairs, code, task.point])


@lru_cache(maxsize=4)
def _split(seeds: tuple[Pair, ...], tests: tuple[Pair, ...]) -> tuple[tuple[Pair, ...], tuple[Pair, ...], int]:
    """Seeds and tests, held out where there are none, and how many seeds are near a test."""
    if not tests:
        answered = sorted((pair for pair in seeds if pair.answer), key=lambda pair: digest_of(pair.question))
        tests = tuple(answered[: min(HELD_OUT, len(answered) // 3)])
        held = set(tests)
        seeds = tuple(pair for pair in seeds if pair not in held)
    near = _near(tuple(pair.question for pair in tests), [pair.question for pair in seeds])
    kept = tuple(pair for pair, leaks in zip(seeds, near, strict=True) if not leaks)
    return kept, tests, sum(near)


def _near(tests: tuple[str, ...], questions: Sequence[str]) -> list[bool]:
    """Whether each question is near a test of the same numbers.

    The same words about other numbers are another question.
    """
    tested, asked = _by_numbers(tests), _by_numbers(questions)
    near: set[str] = set()
    for numbers in tested.keys() & asked.keys():
        held = Neighbourhood(map(word_set, tested[numbers])).holds([*map(word_set, asked[numbers])])
        near.update(compress(asked[numbers], held))
    return [question in near for question in questions]


def _by_numbers(questions: Sequence[str]) -> dict[tuple[str, ...], list[str]]:
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for question in questions:
        groups[tuple(sorted(re.findall(r"\d+", question)))].append(question)
    return groups


@lru_cache(maxsize=4)
def _function(named: str) -> Callable[[str, str], bool]:
    path, _, name = named.rpartition(":")
    try:
        defined = run_path(str(Path(path).expanduser()))
    except (Exception, SystemExit) as problem:  # noqa: BLE001 - whatever a user's file raises
        raise CrossoverError(
            f"compare={named!r}: {path} cannot be loaded: {type(problem).__name__}: {problem}."
        ) from None
    found = [n for n, value in defined.items() if callable(value) and not n.startswith("_")]
    if not callable(defined.get(name)):
        raise CrossoverError(
            f"compare={named!r}: {path} has no function {name!r}.{nearest(name, found)} It has:"
            f" {', '.join(found) or 'none'}."
        )
    return defined[name]
