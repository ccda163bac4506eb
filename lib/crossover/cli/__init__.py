"""The command line: ``crossover --help``."""

from typing import Any

import typer
from typer.core import TyperGroup

from crossover.cli import claims, counts, pilot, study, teacher
from crossover.errors import CrossoverError


class _Commands(TyperGroup):
    """All commands; a user's error is printed without a traceback and exits with status 2."""

    def invoke(self, context: Any) -> Any:
        try:
            return super().invoke(context)
        except CrossoverError as problem:
            typer.echo(f"crossover: {problem}", err=True)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            typer.echo("\ncrossover: stopped. Finished cells are kept; the same command resumes.", err=True)
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Which synthetic data should a budget of teacher calls buy? Reproduce the study, or fit your own numbers.",
)
for _command in (
    study.run, study.reproduce, study.train, study.book, study.audit, claims.claims,
    counts.fit, counts.advise, counts.compare, counts.plan, pilot.pilot,
):  # fmt: skip
    app.command()(_command)
app.add_typer(teacher.app, name="teacher")


def main() -> None:
    """Run the command line."""
    app()
