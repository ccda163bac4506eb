"""Run the sections, each in a process of its own, and write their tables: ``python -m crossover.bench [section ...]``."""

from __future__ import annotations

import importlib
import os
import resource
import subprocess
import sys

from crossover.bench import SECTIONS
from crossover.bench.tables import table
from crossover.paths import results_folder
from crossover.study import provenance


def measure(section: str) -> None:
    """Run one section here, and write its table with the process's peak memory and its provenance."""
    folder = results_folder("bench")
    folder.mkdir(parents=True, exist_ok=True)
    found = importlib.import_module(f"crossover.bench.{section}").run()
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    rows = [
        *found[["what", "value", "unit", "wanted"]].itertuples(index=False, name=None),
        ("peak memory of a process", peak, "MB", ""),
    ]
    found = table(rows).assign(cpus=os.cpu_count(), provenance=provenance.save(provenance.record("cpu", {}), folder))
    found.to_csv(folder / f"{section}.csv", index=False, float_format="%.4g", lineterminator="\n")
    print(
        f"\n{folder / section}.csv\n{found[['what', 'value', 'unit', 'wanted', 'met']].to_string(index=False)}",
        flush=True,
    )


def main(sections: list[str]) -> int:
    """Run sections one after another; return 1 where one failed, 2 for a name that is none."""
    if unknown := [name for name in sections if name not in SECTIONS]:
        print(f"There is no section {unknown[0]!r}; there are: {', '.join(SECTIONS)}.", file=sys.stderr)
        return 2
    if len(sections) == 1:
        measure(sections[0])
        return 0
    codes = [
        subprocess.run([sys.executable, "-m", "crossover.bench", name], check=False).returncode
        for name in sections or SECTIONS
    ]
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
