"""HTML and SVG from jinja2 templates that lie beside the modules that use them; every value is escaped."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, macro: str, *values: object, **known: object) -> str:
    """Return what a macro of a template makes of some values, without space between tags; all its macros see ``known``.

    The template's path is relative to the package, as ``"chapters/claims.html.jinja"``.
    """
    module = _environment().get_template(template).make_module(known)
    return re.sub(r">\s+<", "><", str(getattr(module, macro)(*values)).strip())


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).parent)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
