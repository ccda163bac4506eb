"""The public interface: each name is documented, and every example of the library runs."""

import doctest
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import crossover

LIBRARY = Path(crossover.__file__).parent
WITH_EXAMPLES = [p.relative_to(LIBRARY.parent) for p in sorted(LIBRARY.rglob("*.py")) if ">>> " in p.read_text()]


def test_importing_the_package_loads_nothing():
    code = "import sys, crossover; sys.exit(any(m in sys.modules for m in ('numpy', 'pandas', 'torch', 'pydantic')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="fit_tabel"):
        _ = crossover.fit_tabel


@pytest.mark.parametrize("name", [name for name in crossover.__all__ if name != "CrossoverError"])
def test_a_public_function_has_an_example(name):
    assert ">>> " in getattr(crossover, name).__doc__


@pytest.mark.parametrize("file", WITH_EXAMPLES, ids=str)
def test_the_examples_of_a_module_run(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = import_module(".".join(file.with_suffix("").parts).removesuffix(".__init__"))
    assert not doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed
