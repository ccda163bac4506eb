"""Train and score cells by the library on the path, two at once: ``python run_cells.py SETTINGS FOLDER``, for both layouts of the library."""

import json
import sys
from pathlib import Path

try:
    from crossover.study.cell import read_cell
    from crossover.study.run import run_cells
    from crossover.study.store import Store
except ImportError:  # the layout of the first release
    from crossover.cells import Cell, run_cells
    from crossover.store import Store

    def read_cell(settings):
        """Return the cell of a row's settings."""
        return Cell(**json.loads(settings))


if __name__ == "__main__":
    run_cells([read_cell(settings) for settings in json.loads(sys.argv[1])], Store(Path(sys.argv[2])), workers=2)
