"""What the book's pages load, made light: only the icons that they show, and pictures of 256 colours."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image

#: An icon in the theme's script: name, width, height, other names, code point, outline.
_ICON = re.compile(r'"?(?P<name>[a-z0-9-]+)"?:\[\d+,\d+,\[(?P<others>[^\]]*)\],"[0-9a-f]+",(?:"[^"]*"|\[[^\]]*\])\],?')
ICONS = "_static/scripts/fontawesome.js"


def slim(html: Path) -> None:
    """Drop from a built site the icons that no page or script names, and store its pictures with a palette.

    Parameters
    ----------
    html : Path
        The site's folder; files in it are replaced.
    """
    script = html / ICONS
    sources = [path for path in (*html.glob("*.html"), *html.rglob("*.js")) if path != script]
    used = {
        name
        for path in sources
        for name in re.findall(r"fa-([a-z0-9-]+)", path.read_text(encoding="utf-8", errors="replace"))
    }
    script.write_text(keep_icons(script.read_text(encoding="utf-8"), used), encoding="utf-8")
    for path in (html / "_images").glob("*.png"):
        with Image.open(path) as picture:
            palette = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        palette.save(path, optimize=True)


def keep_icons(script: str, used: set[str]) -> str:
    """Return Font Awesome's script with those icons alone whose name, or another name of theirs, is in ``used``.

    >>> keep_icons('{bars:[448,512,["navicon"],"f0c9","M0"],"list-ol":[512,512,[],"f0cb","M1"],}', {"navicon"})
    '{bars:[448,512,["navicon"],"f0c9","M0"],}'
    """

    def kept(icon: re.Match[str]) -> str:
        names = {icon["name"], *re.findall(r'"([^"]+)"', icon["others"])}
        return icon[0] if names & used else ""

    return _ICON.sub(kept, script)
