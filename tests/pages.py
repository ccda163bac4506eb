"""What a built page loads and links to, and what a browser finds wrong with it."""

import functools
import importlib.util
from pathlib import Path

from bs4 import BeautifulSoup


def links(page: Path) -> tuple[list[str], list[str]]:
    """Return the addresses that a page loads, and those that it leads to."""
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    media = soup(["script", "img", "iframe", "source", "audio", "video", "object", "embed"])
    loads = [tag[name] for tag in media for name in ("src", "data") if tag.get(name)]
    aside = {"search", "next", "prev", "index", "canonical"}
    loads += [tag["href"] for tag in soup("link") if aside.isdisjoint(tag.get("rel", ()))]
    return loads, [tag["href"] for tag in soup("a") if tag.get("href")]


def visit(browser, page: Path, width: int) -> None:
    """Open a page from disk at a screen width."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    browser.get_log("browser")
    browser.get(page.as_uri())
    browser.set_script_timeout(300)


def faults(browser, page: Path, width: int) -> list[str]:
    """Return what is wrong with a page at a screen width: complaints in the console, sideways scrolling, pictures or icons not drawn."""
    visit(browser, page, width)
    found = [entry["message"] for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    if (needed := browser.execute_script("return document.documentElement.scrollWidth")) > width:
        found.append(f"{needed} px wide on a screen of {width}")
    found += browser.execute_script(
        "return [...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.src)"
    )
    drawn = "e.querySelector('path')?.getAttribute('d') && !e.querySelector('animate')"  # a missing icon is an animated question mark
    return found + browser.execute_script(
        f"return [...document.querySelectorAll('svg[data-icon]')].filter(e => !({drawn})).map(e => e.dataset.icon)"
    )


@functools.cache
def _axe() -> str:
    """The script of axe-core; the package that brings it is read, not imported, since it wants another browser driver."""
    (folder,) = importlib.util.find_spec("axe_playwright_python").submodule_search_locations
    return (Path(folder) / "axe.min.js").read_text(encoding="utf-8")


def broken_rules(browser, theme: str) -> list[str]:
    """Return the accessibility rules that the page shown breaks seriously or worse, each with the first element that does.

    In the dark theme only contrasts can differ, and only they are tried.
    """
    browser.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
    browser.execute_script(_axe())
    return browser.execute_async_script(
        "Promise.race([Promise.allSettled(document.getAnimations().map(a => a.finished)), new Promise(r => setTimeout(r, 2000))]).then(() => axe.run(arguments[0] === 'dark' ? {runOnly: ['color-contrast']} : {}))"  # colours change slowly, and never in what is folded
        ".then(r => arguments[1](r.violations.filter(v => ['serious', 'critical'].includes(v.impact))"
        ".map(v => `${v.id}: ${v.nodes[0].html}`)))",
        theme,
    )
