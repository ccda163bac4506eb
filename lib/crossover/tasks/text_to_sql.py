"""The ``text_to_sql`` task: questions in English about the chemical elements, answered by one SQL statement.

The database is ``elements.db`` of the package mendeleev (MIT licence): elements, their isotopes, oxidation states,
ionization energies, ionic radii and phase transitions. Plans of questions are in :mod:`crossover.tasks.query`, their SQL
in :mod:`crossover.tasks.query_sql`, their English in :mod:`crossover.tasks.query_wording`; an answer is right when it
returns the reference's rows (:mod:`crossover.tasks.sql`). Training and test problems are kept apart by a stable hash of
form and values.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache

from crossover.errors import CrossoverError
from crossover.tasks import query as plan
from crossover.tasks.base import DRAW, Problem, by_seed
from crossover.tasks.query import Condition, Query, database
from crossover.tasks.query_sql import fair, other_column, same, simpler, turned, with_condition, write
from crossover.tasks.query_wording import question, tables
from crossover.tasks.sql import SqlAnswers, asked, matches

_TRIES = 20_000
_NEAR = 30


@dataclass(frozen=True)
class TextToSql(SqlAnswers):
    """Questions over a real database of chemical elements.

    Parameters
    ----------
    shapes : {"all", "simple"}
        ``"simple"`` keeps to one table, at most one condition and five shapes of query (a look-up, a list, a count, an
        aggregate, the row with the highest or lowest value), which a small model can learn.

    Raises
    ------
    CrossoverError
        When ``shapes`` is neither.

    Examples
    --------
    >>> task = TextToSql()
    >>> p = task.seeds(1, replicate=0)[0]
    >>> task.correct(p.answer, p), task.correct(" SELECT name FROM elements", p)
    (True, False)
    """

    shapes: str = "all"
    name: str = field(default="text_to_sql", init=False)

    def __post_init__(self) -> None:
        if self.shapes not in ("all", "simple"):
            raise CrossoverError(f"text_to_sql: shapes is {self.shapes!r}; it must be 'all' or 'simple'.")

    # --- the task as every other one -------------------------------------------------------------------------------

    def seeds(self, n: int, replicate: int) -> list[Problem]:
        """Draw ``n`` seed problems, no two asking the same; a smaller set is a prefix of a larger one."""
        return by_seed(f"seed-{replicate}", self._distinct(n, self._rng("seed", replicate), test=False))

    def test(self, n: int) -> list[Problem]:
        """Draw ``n`` test problems, no two asking the same, and none ever drawn for training."""
        return by_seed("test", self._distinct(n, self._rng("test", 0), test=True))

    def correct(self, completion: str, problem: Problem) -> bool:
        """Whether the completion's statement returns the rows that the reference's returns."""
        return matches(database(), self.extract(completion), self.extract(problem.answer) or "")

    def forms(self) -> int:
        """How many forms of question there are: shapes, columns and conditions, without values and wordings."""
        return sum(1 for _ in plan.forms(self._simple))

    # --- what a procedural task adds -------------------------------------------------------------------------------

    def sample(self, rng: random.Random) -> Problem:
        """Draw a problem from the whole training side."""
        return self._problem(self._draw(rng, test=False), rng)

    def edit(self, problem: Problem, rng: random.Random) -> Problem:
        """Return a problem of the same shape: other values, often one other column, now and then another operation."""
        old: Query = problem.structure

        def near(r: random.Random) -> Query | None:
            new = other_column(old, r) if r.random() < 0.5 else old
            if r.random() < 0.1:  # a question without values has little else to change
                new = turned(new, r)
            return plan.revalued(new, r) if plan.fits(new, self._simple) else None

        return self._problem(self._first(near, rng, old, f"another problem like {problem.id}"), rng)

    def reword(self, problem: Problem, rng: random.Random) -> Problem:
        """Return the same query in other words; ten draws are made for a text that differs."""
        text = problem.question
        for _ in range(10):
            text = self._text(problem.structure, rng)
            if text != problem.question:
                break
        return replace(problem, id=self._id("reword", text), question=text)

    def drift(self, problem: Problem, rng: random.Random) -> Problem:
        """Return a rewording in which one value or operation has changed, and with it the right answer."""
        old: Query = problem.structure
        return self._problem(self._first(lambda r: _slipped(old, r), rng, old, f"a drifted {problem.id}"), rng)

    def invalid(self, problem: Problem, rng: random.Random) -> Problem:
        """Return a question about a property that the database does not hold; the answer takes another column for it.

        There is no truth to keep, so its ``structure`` is ``None``.
        """
        query: Query = problem.structure
        places = [c for c in _named(query) if _renameable(c)]
        if not places and query.shape == "lookup":
            places = list(query.columns)
        elif not places:
            # The question names no quantity, so it gets a condition on one.
            known = plan.condition_forms(query.table, self._simple)
            places = [rng.choice([c for c in known if _renameable(c) and (c, "above") in known[c]])]
            query = replace(query, conditions=(plan.valued((places[0], "above"), rng), *query.conditions[:1]))
        column = rng.choice(places)
        table = query.table if query.shape == "lookup" else column.partition(".")[0]
        missing = rng.choice(list(plan.lexicon()["unknown"][table].items()))
        text = asked(tables(query), question(query, rng, {column: missing}))
        return Problem(self._id("drawn", text), text, f" {write(query)}")

    def solve(self, problem: Problem, rng: random.Random) -> str:
        """Write right SQL for the problem, in one of several styles."""
        return f" {write(problem.structure, rng)}"

    def err(self, problem: Problem, rng: random.Random) -> str:
        """Write SQL with one slip: a wrong value, operation or column, or a part left out."""
        old: Query = problem.structure
        short = list(simpler(old))
        for _ in range(_TRIES):
            slip = rng.choice((_other_value, turned, other_column, *([None] if short else [])))
            wrong = slip(old, rng) if slip else rng.choice(short)
            if wrong != old and not same(wrong, old):
                return f" {write(wrong, rng)}"
        raise CrossoverError(f"text_to_sql: no slip gives {problem.id} a wrong answer; draw another problem instead.")

    # --- drawing ---------------------------------------------------------------------------------------------------

    @property
    def _simple(self) -> bool:
        return self.shapes == "simple"

    def _rng(self, stream: str, replicate: int) -> random.Random:
        # Seeded by text: random.Random hashes strings with SHA-512, so the stream is the same in every process.
        return random.Random(f"{self.name}/{DRAW}/shapes={self.shapes}/{stream}/{replicate}")

    def _id(self, prefix: str, text: str) -> str:
        return f"{prefix}-{hashlib.blake2b(text.encode(), digest_size=6).hexdigest()}"

    def _text(self, query: Query, rng: random.Random) -> str:
        return asked(tables(query), question(query, rng))

    def _problem(self, query: Query, rng: random.Random) -> Problem:
        text = self._text(query, rng)
        return Problem(self._id("drawn", text), text, f" {write(query)}", query)

    def _draw(self, rng: random.Random, test: bool) -> Query:
        shape = rng.choice(plan.SIMPLE if self._simple else plan.SHAPES)

        def drawn(r: random.Random) -> Query | None:
            query = plan.draw(r, shape, self._simple)
            wanted = query is not None and plan.is_test(query) == test and fair(query) and _can_drift(query)
            return query if wanted else None

        return self._first(drawn, rng, None, f"a {shape} problem", training=False)

    def _first(
        self,
        make: Callable[[random.Random], Query | None],
        rng: random.Random,
        old: Query | None,
        what: str,
        training: bool = True,
    ) -> Query:
        """The first fair query that ``make`` gives, whose answer is not ``old``'s, on the training side if asked."""
        for _ in range(_TRIES):
            query = make(rng)
            if query is None or (training and plan.is_test(query)) or not fair(query):
                continue
            if old is None or not same(old, query):
                return query
        raise CrossoverError(f"text_to_sql: no values give {what}; draw another problem instead.")

    def _distinct(self, n: int, rng: random.Random, test: bool) -> list[Problem]:
        if n < 0:
            raise CrossoverError(f"text_to_sql: {n} problems were asked for; ask for 0 or more.")
        found: dict[Query, Problem] = {}
        misses = 0
        while len(found) < n:
            query = self._draw(rng, test)
            misses = misses + 1 if query in found else 0
            if misses > _TRIES:
                raise CrossoverError(f"text_to_sql: only {len(found)} distinct problems of {n}; ask for fewer.")
            found.setdefault(query, self._problem(query, rng))
        return list(found.values())


def _slipped(query: Query, rng: random.Random) -> Query:
    """The query with one operation or value changed."""
    return turned(query, rng) if rng.random() < 0.5 else _other_value(query, rng)


@cache
def _can_drift(query: Query) -> bool:
    """Whether a slip can be found that is a fair question with another answer; of a few queries all answers agree."""
    rng = random.Random(repr(query))
    near = (_slipped(query, rng) for _ in range(_NEAR))
    return any(other != query and not plan.is_test(other) and fair(other) and not same(query, other) for other in near)


def _other_value(query: Query, rng: random.Random) -> Query:
    """The query with the values of one condition, or its number, drawn anew."""
    places = len(query.conditions) + bool(query.number)
    if not places:
        return query
    i = rng.randrange(places)
    if i == len(query.conditions):
        return replace(query, number=plan.revalued(query, rng).number)
    return with_condition(query, i, plan.valued(plan.form(query.conditions[i]), rng))


def _named(query: Query) -> Iterator[str]:
    """The columns that a question names, those of conditions on other tables too."""
    yield from query.columns
    for condition in query.conditions:
        inner: tuple[Condition, ...] = condition.values if condition.op in ("some", "none") else ()
        yield from (c.column for c in (condition, *inner) if "." in c.column)


def _renameable(column: str) -> bool:
    """Whether a column is a quantity whose wordings all name it."""
    return (
        "." in column and plan.kind(column) in ("number", "integer") and "says" not in plan.lexicon()["columns"][column]
    )
