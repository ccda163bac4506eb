"""The command line: ``crossover --help``."""

import sys

import typer

from crossover.cli import claims, counts, pilot, study, teacher
from crossover.errors import CrossoverError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Which synthetic-data strategy should a query budget buy? Reproduce the study, or fit your own numbers.",
)
study.register(app)
claims.register(app)
counts.register(app)
pilot.register(app)
teacher.register(app)


def main() -> None:
    """Run the command line; a user's error is printed without a traceback and exits with status 2."""
    try:
        app()
    except CrossoverError as problem:
        print(f"crossover: {problem}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("\ncrossover: stopped. Finished cells are kept; the same command resumes.", file=sys.stderr)
        sys.exit(130)
