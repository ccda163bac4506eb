"""The Sphinx extension of the book: maths as MathML, which browsers draw without a script, and pages that are light.

Jupyter Book loads it by name (``_config.yml``).
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as xml
from pathlib import Path
from typing import TYPE_CHECKING

from crossover.errors import CrossoverError

if TYPE_CHECKING:
    from docutils.nodes import Element
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

ICONS = "_static/scripts/fontawesome.js"
#: An icon in the theme's script: name, width, height, other names, code point, outline.
_ICON = re.compile(r'"?(?P<name>[a-z0-9-]+)"?:\[\d+,\d+,\[(?P<others>[^\]]*)\],"[0-9a-f]+",(?:"[^"]*"|\[[^\]]*\])\],?')


def setup(app: Sphinx) -> dict[str, object]:
    """Register the extension with Sphinx."""
    app.add_html_math_renderer("mathml", (_inline_math, None), (_display_math, None))
    app.add_js_file("series.js", loading_method="defer")
    app.connect("html-page-context", _accessible)
    app.connect("html-page-context", _previewed)
    app.connect("build-finished", _slim)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def mathml(latex: str, display: str = "inline") -> str:
    r"""Return LaTeX as MathML; a formula that MathML cannot show is an error.

    >>> mathml("S")
    '<math xmlns="http://www.w3.org/1998/Math/MathML" display="inline"><mrow><mi>S</mi></mrow></math>'
    """
    from latex2mathml.converter import convert

    written = convert(latex, display=display)
    try:
        xml.fromstring(written)
    except xml.ParseError as problem:
        raise CrossoverError(f"The formula {latex!r} has no MathML ({problem}); use simpler LaTeX.") from None
    return written


def keep_icons(script: str, used: set[str]) -> str:
    """Return Font Awesome's script with only those icons of which a name is in ``used``.

    >>> keep_icons('{bars:[448,512,["navicon"],"f0c9","M0"],"list-ol":[512,512,[],"f0cb","M1"],}', {"navicon"})
    '{bars:[448,512,["navicon"],"f0c9","M0"],}'
    """

    def kept(icon: re.Match[str]) -> str:
        names = {icon["name"], *re.findall(r'"([^"]+)"', icon["others"])}
        return icon[0] if names & used else ""

    return _ICON.sub(kept, script)


def _inline_math(writer: HTML5Translator, node: Element) -> None:
    _write(writer, mathml(node.astext()))


def _display_math(writer: HTML5Translator, node: Element) -> None:
    # Wide formulas scroll in their own box, which the keyboard must reach.
    _write(writer, f'<div class="formula" tabindex="0">{mathml(node.astext(), "block")}</div>')


def _write(writer: HTML5Translator, html: str) -> None:
    from docutils.nodes import SkipNode

    writer.body.append(html)
    raise SkipNode


def _accessible(app: Sphinx, page: str, template: str, context: dict, doctree: object) -> None:
    """Give entries of the list of references a role that a list may hold (DPUB-ARIA 1.1 retired the other)."""
    context["body"] = context.get("body", "").replace('role="doc-biblioentry"', 'role="listitem"')


def _previewed(app: Sphinx, page: str, template: str, context: dict, doctree: object) -> None:
    """Give a page what a link to it shows (Open Graph): title, first finding or sentence, first figure."""
    body, base = context.get("body", ""), app.config.html_baseurl
    said = re.search(r"<p><strong>([^<]+)</strong></p>", body) or re.search(r"<p>(.+?)</p>", body, re.DOTALL)
    drawn = re.search(r'<figure id="(\w+)"', body)
    about = {"title": context.get("title", ""), "description": said[1] if said else ""}
    about |= {"image": f"{base}_static/figures/{drawn[1]}.png"} if drawn else {}
    plain = {
        name: " ".join(re.sub(r"<[^>]+>", "", html).split()).replace('"', "&quot;") for name, html in about.items()
    }
    tags = (f'<meta property="og:{name}" content="{text}" />' for name, text in plain.items() if text)
    context["metatags"] = "\n".join([context.get("metatags", ""), *tags])


def _slim(app: Sphinx, failure: Exception | None) -> None:
    """Drop from the theme's script the icons that no page or script names: 1.4 MB of 1.5."""
    html = Path(app.outdir)
    script = html / ICONS
    if failure or not script.exists():
        return
    sources = [path for path in (*html.glob("*.html"), *html.rglob("*.js")) if path != script]
    used = {name for path in sources for name in re.findall(r"fa-([a-z0-9-]+)", path.read_text(encoding="utf-8"))}
    script.write_text(keep_icons(script.read_text(encoding="utf-8"), used), encoding="utf-8")
