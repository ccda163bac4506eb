"""A dry run: every notebook of a profile as it stands, with tiny models and data sets in place of its large ones.

A local model stands in for a served teacher; ``crossover teacher check`` tries the server itself.
"""

from __future__ import annotations

import yaml

from crossover.params.profiles import load_profile, resolve
from crossover.paths import repository


def changes(notebook: str, profile: str) -> dict[str, object]:
    """Return the values that a dry run of a notebook puts in place of the profile's, its results folder among them.

    A value of the smoke profile is taken only where it says how much is run, not what: tasks, strategies and kinds of teachers
    are the profile's own, or those of ``dry_run.yaml``.
    """
    own = yaml.safe_load((repository() / "notebooks" / "profiles" / "dry_run.yaml").read_text(encoding="utf-8"))
    what = ("tasks", "side_tasks", "dial_tasks")
    smoke = {name: value for name, value in load_profile("smoke")[notebook].items() if name not in what}
    own = own.get(notebook, {})
    if load_profile(profile)[notebook].get("source", "pypi") == "pypi":
        own = {name: value for name, value in own.items() if name not in (*what, "source", "revisions")}
    served = getattr(resolve(notebook, profile, {}), "teacher", "") == "endpoint"
    return smoke | own | ({"teacher": "local"} if served else {}) | {"results": f"{profile}-dry-run"}
