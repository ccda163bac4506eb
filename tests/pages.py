"""Opening a built page in a browser."""

from pathlib import Path


def visit(browser, page: Path, width: int) -> None:
    """Open a page from disk at a screen width, and wait until MathJax is done with it."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    )
    browser.get_log("browser")
    browser.get(page.as_uri())
    browser.set_script_timeout(20)
    browser.execute_async_script(
        "const done = arguments[0]; window.MathJax?.startup ? MathJax.startup.promise.then(() => done()) : done();"
    )
