"""Every command explains itself."""

import re

import pytest
import typer
from typer.testing import CliRunner

from crossover.cli import app


def commands(command, path=()):
    """Paths and commands of a group, and of the groups in it."""
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


COMMANDS = list(commands(typer.main.get_command(app)))


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) or "crossover" for path, _ in COMMANDS])
def test_help_names_every_option(path, command):
    done = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    shown = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    for option in command.params:
        if option.param_type_name == "option" and not option.hidden:
            assert max(option.opts, key=len) in shown
