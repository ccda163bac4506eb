"""Asking the page that advises, and the command line, the same question."""

from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner

from crossover.cli import app


def printed(*command):
    """Return what a command prints, as words with one space between them; rules of tables are left out."""
    from rich.console import Console

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("crossover.cli.counts.console", lambda: Console(width=1000))
        found = CliRunner().invoke(app, [str(part) for part in command])
    assert found.exit_code == 0, found.output
    return " ".join(found.output.replace("─", " ").split())


def ask(browser, refused=False, **values):
    """Fill the form and return the answer's rows by strategy, its sentence, and the fields' errors."""
    from selenium.webdriver.support.ui import WebDriverWait

    fill = "const f = document.getElementById('advisor'); f[arguments[0]].value = arguments[1]; f.dispatchEvent(new Event('change'));"
    errors = "return [...document.querySelectorAll('.refused')].map(e => e.textContent).filter(Boolean)"
    for name, value in values.items():
        browser.execute_script(fill, name, str(value))

    def answered(b):
        if refused:
            return len(b.execute_script(errors)) == len(values)
        if not b.execute_script(
            "return document.getElementById('advice-said').textContent && !document.querySelector('#advice[aria-busy]')"
        ):
            return False
        asked = parse_qs(urlsplit(b.current_url).query)
        return all(asked.get(name) == [str(value)] for name, value in values.items())

    WebDriverWait(browser, 60, 0.05).until(answered)
    read = (
        "return [[...document.querySelectorAll('#advice tbody tr')].map(r => [r.dataset.strategy, "
        "[...r.cells].slice(1).map(c => c.textContent)]), document.getElementById('advice-said').textContent, "
        "[...document.querySelectorAll('.refused')].map(e => e.textContent).filter(Boolean)]"
    )
    rows, *rest = browser.execute_script(read)
    return dict(rows), *rest
