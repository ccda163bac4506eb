"""Commands on tables of counts, run in this process."""

import pytest
from typer.testing import CliRunner

from crossover.cli import app


@pytest.fixture
def command(tmp_path):
    """Run a command; a table among its arguments is written to ``pilot.csv`` in a folder of the test's own."""

    def run(*args):
        path = tmp_path / "pilot.csv"
        given = []
        for arg in args:
            if hasattr(arg, "to_csv"):
                arg.to_csv(path, index=False)
                arg = path
            given.append(str(arg))
        return CliRunner().invoke(app, given)

    return run
