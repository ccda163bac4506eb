"""Run the sections, each in its own process, and write their tables: ``PYTHONPATH=tests python -m benchmarks [section ...]``."""

from __future__ import annotations

import argparse
import importlib
import os
import resource
import subprocess
import sys

from benchmarks import SECTIONS
from benchmarks.tables import table
from crossover.paths import results_folder
from crossover.study import provenance


def measure(section: str) -> None:
    """Run one section here, and write its table with the process's peak memory and its provenance."""
    folder = results_folder("bench")
    folder.mkdir(parents=True, exist_ok=True)
    found = importlib.import_module(f"benchmarks.{section}").run()
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    found = table(
        [*found.drop(columns="met").itertuples(index=False, name=None), ("peak memory of a process", peak, "MB", "")]
    )
    found = found.assign(cpus=os.cpu_count(), provenance=provenance.save(provenance.record("cpu", {}), folder))
    found.to_csv(folder / f"{section}.csv", index=False, float_format="%.4g", lineterminator="\n")
    print(
        f"\n{folder / section}.csv\n{found[['what', 'value', 'unit', 'wanted', 'met']].to_string(index=False)}",
        flush=True,
    )


def main() -> int:
    """Run the named sections one after another; return 1 where one failed."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("section", nargs="*", choices=[*SECTIONS, []], help="all by default")
    sections = parser.parse_args().section or SECTIONS
    if len(sections) == 1:
        measure(sections[0])
        return 0
    return max(subprocess.run([sys.executable, "-m", "benchmarks", name], check=False).returncode for name in sections)


if __name__ == "__main__":
    sys.exit(main())
