"""The ``spider`` task: questions over many databases, answered by one SQL statement (Yu et al., arXiv 1809.08887).

Test problems come from the validation split, as the official test split is not public. The databases are a folder of
the user's own, laid out as the official ``database`` folder.
"""

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

from crossover.data import load
from crossover.errors import CrossoverError
from crossover.tasks.base import Problem
from crossover.tasks.problem_sets import Benchmark
from crossover.tasks.sql.execution_match import SqlAnswers, asked
from crossover.tasks.sql.sandbox import schema


@dataclass(frozen=True)
class Spider(SqlAnswers, Benchmark):
    """Spider from one of the data sources.

    ``databases`` is a folder with a file ``<db_id>/<db_id>.sqlite`` for every database that the rows name; a problem's
    ``structure`` is its ``db_id``.
    """

    databases: str
    source: str = field(default="dir", kw_only=True)  # the wheel does not have Spider
    name: str = field(default="spider", init=False)

    def _pool(self, side: str) -> list[Problem]:
        return [self._problem(row) for row in self._rows("spider", "train" if side == "seed" else "validation")]

    def _problem(self, row: load.Row) -> Problem:
        path = self._path(row["db_id"])
        try:
            tables = schema(path)
        except sqlite3.Error as error:
            raise CrossoverError(
                f"{path} cannot be read as an SQLite database ({error}); put the original there."
            ) from error
        query = " ".join(row["query"].split()).rstrip("; ")
        return Problem("", asked(tables.items(), row["question"]), f" {query}", row["db_id"])

    def path(self, problem: Problem) -> Path:
        return self._path(problem.structure)

    def _path(self, db_id: str) -> Path:
        path = Path(self.databases).expanduser() / db_id / f"{db_id}.sqlite"
        if not path.is_file():
            raise CrossoverError(
                f"{path} is missing. Set databases, now {self.databases!r}, to the folder `database` of Spider's "
                "download (https://yale-lily.github.io/spider), which holds one folder for each database."
            )
        return path
