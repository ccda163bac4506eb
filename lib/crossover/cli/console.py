"""What commands print: tables for readers and JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def console() -> Console:
    """Return the console; a pipe has no width of its own, and gets one at which tables need no folding."""
    from rich.console import Console

    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 120)


#: Columns that hold sentences or pairs of names; on a wide console these alone are folded.
FOLDED = ("pair", "change of lead", "part", "ours (90% interval)", "addition", "verdict")


def print_table(out: Console, title: str, rows: Sequence[Mapping[str, str]]) -> None:
    """Print rows under their columns' names; without rows nothing."""
    from rich import box
    from rich.table import Table

    if not rows:
        return
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in rows[0]:
        table.add_column(name, overflow="fold", no_wrap=out.width >= 110 and name not in FOLDED)
    for row in rows:
        table.add_row(*row.values())
    out.print(table)


def print_json(value: Any) -> None:
    """Print a value as JSON, infinities and NaN as null."""
    from pydantic import TypeAdapter

    print(TypeAdapter(Any).dump_json(value, indent=2).decode())
