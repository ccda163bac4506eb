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


COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(path) or "crossover")
def test_help_names_every_command_and_option_and_says_what_each_does(path):
    done = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    command, shown = COMMANDS[path], re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
    named = {max(option.opts, key=len) for option in options} | {*getattr(command, "commands", ())}
    assert named <= {*re.findall(r"[\w-]+", shown)}
    assert command.help and not [p.name for p in command.params if not (p.help or getattr(p, "hidden", False))]
