"""Notebook parameters: the profiles that set them, and how a value that cannot be is refused before anything starts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from crossover.digests import digest
from crossover.errors import CrossoverError, nearest
from crossover.params.budget_ratio import Ablations, BudgetRatio, RecipePilot
from crossover.params.fields import Parameters, value
from crossover.params.finetuned_teacher import FinetunedTeacher
from crossover.params.template_questions import TemplateQuestions
from crossover.paths import CONFIRMATION, PUBLISHED, read_yaml, repository

PROFILES = ("smoke", "laptop", "study", "recipe", "confirm", "paper")


Design = Literal[
    "independent", "shared_3", "shared_8", "edge", "beyond", "late", "sudden", "step", "rise_fall", "plateau", "power",
    "logistic", "both_late", "stretched", "dip", "waves", "never",
]  # fmt: skip


class KnownTruth(Parameters):
    """Parameters of ``00_known_truth``."""

    reads = tuple(f"../{PUBLISHED}/{name}.csv" for name in ("coverage", "left_out", "signal"))

    studies: int = value(40, "simulated studies per design; half for replicates", ge=4, le=10_000)
    draws: int = value(300, "bootstrap draws per study", ge=50, le=10_000)
    level: float = value(0.9, "level of the intervals", gt=0, lt=1)
    seed: int = value(0, "of the simulations", ge=0)
    designs: list[Design] = value(
        ["independent", "shared_3", "edge", "late", "rise_fall", "never"], "scenarios", min_length=1
    )
    example: Design = value("shared_3", "scenario of the worked example")


class ClaimsPage(Parameters):
    """Parameters of ``05_claims``: none of its own; it reads what the other chapters' runs left."""

    reads = ("runs.csv", f"../{CONFIRMATION}/runs.csv")


SCHEMAS: dict[str, type[Parameters]] = {
    "00_known_truth": KnownTruth,
    "01_template_questions": TemplateQuestions,
    "02_finetuned_teacher": FinetunedTeacher,
    "03_budget_ratio": BudgetRatio,
    "04_ablations": Ablations,
    "05_claims": ClaimsPage,
    "06_recipe_pilot": RecipePilot,
}


def find_notebook(name: str) -> str:
    """Return the full name of a notebook given by name, number or file name (``"03"``, ``"03_budget_ratio.ipynb"``)."""
    wanted = Path(name).stem
    found = [known for known in SCHEMAS if wanted in (known, *known.split("_", 1))]
    if not found:
        raise CrossoverError(f"Unknown notebook {name!r}.{nearest(wanted, SCHEMAS)}")
    return found[0]


def load_profile(profile: str) -> dict[str, dict[str, object]]:
    """Return a profile's settings, by notebook, as written in ``notebooks/profiles/<profile>.yaml``."""
    if profile not in PROFILES:
        raise CrossoverError(f"Unknown profile {profile!r}.{nearest(profile, PROFILES)}")
    path = repository() / "notebooks" / "profiles" / f"{profile}.yaml"
    return read_yaml(path) or {}


def resolve(notebook: str, profile: str, values: Mapping[str, object]) -> Parameters:
    """Return the checked parameters of one run: the profile's, with the given values in their place.

    Where a value that decides a number differs from the profile's, results go to a folder of their own, named by the
    digest of what differs. A run goes on where it was when its server has moved or a cluster takes over.
    """
    settings = load_profile(profile).get(notebook)
    if settings is None:
        raise CrossoverError(f"The profile {profile} does not run {notebook}; see notebooks/profiles/{profile}.yaml.")
    own = check(notebook, {"profile": profile, "results": profile, **settings})
    asked = check(notebook, {**own.model_dump(), **values})
    aside = {"profile", "results", *own.connection, *own.spending, *own.training}
    changed = {name: value for name, value in asked.model_dump(exclude=aside).items() if value != getattr(own, name)}
    if not changed or asked.results != profile:
        return asked
    return asked.model_copy(update={"results": f"{profile}-{digest([notebook, changed], 8)}"})


def check(notebook: str, values: Mapping[str, object]) -> Parameters:
    """Return the checked parameters of a notebook, or raise a :class:`CrossoverError` that names what is wrong."""
    schema = SCHEMAS[notebook]
    try:
        return schema.model_validate(dict(values))
    except ValidationError as problem:
        raise CrossoverError("\n".join(_message(schema, error) for error in problem.errors())) from None


def collect(notebook: str, namespace: Mapping[str, object]) -> Parameters:
    """Return a notebook's parameters from its own variables: ``collect("03_budget_ratio", globals())``."""
    fields = SCHEMAS[notebook].model_fields
    values = {name: namespace[name] for name in fields if name in namespace}
    return resolve(notebook, str(values.get("profile", fields["profile"].default)), values)


def parse_override(text: str) -> tuple[str, object]:
    """Read ``name=value`` as typed on the command line; the value is a Python literal or, failing that, a string.

    >>> parse_override("seed_sizes=[16, 32]"), parse_override("task=gsm8k")
    (('seed_sizes', [16, 32]), ('task', 'gsm8k'))
    """
    import ast

    name, equals, value = text.partition("=")
    if not equals:
        raise CrossoverError(f"{text!r} is not of the form name=value, as in -p seed_sizes='[16]'.")
    try:
        return name.strip(), ast.literal_eval(value.strip())
    except (ValueError, SyntaxError):
        return name.strip(), value.strip()


def _message(schema: type[Parameters], error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        name = str(error["loc"][0])
        return f"Unknown parameter {name!r}.{nearest(name, schema.model_fields)}"
    if not error["loc"]:
        return str(error["msg"]).removeprefix("Value error, ")
    name = str(error["loc"][0])
    spec = schema.model_json_schema()["properties"][name]
    where = "".join(f"[{part}]" for part in error["loc"][1:])
    if error["type"] == "value_error":
        return f"Parameter {name}{where}: {error['msg'].removeprefix('Value error, ')}."
    return f"Parameter {name}{where} is {error['input']!r}: {error['msg'].lower()} ({spec['description']})."
