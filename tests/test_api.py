"""The public interface: each name is documented, and its example runs."""

import doctest
import inspect
import subprocess
import sys

import pytest

import crossover


def test_importing_the_package_loads_nothing():
    code = "import sys, crossover; sys.exit(any(m in sys.modules for m in ('numpy', 'pandas', 'torch', 'pydantic')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="fit_tabel"):
        _ = crossover.fit_tabel


@pytest.mark.parametrize("name", [name for name in crossover.__all__ if name != "CrossoverError"])
def test_the_example_of_a_public_function_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    function = getattr(crossover, name)
    scope = dict(inspect.getmodule(function).__dict__)
    (example,) = doctest.DocTestFinder(recurse=False).find(function, name, globs=scope)
    assert example.examples, f"crossover.{name} has no example"
    assert not doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example).failed
