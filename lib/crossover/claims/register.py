"""The register of claims: what the papers say, what would decide it, and the questions that they leave open.

``notebooks/claims.yaml`` holds it; its head explains every field and the rule of verdict. Entries are committed before
the rows that decide them, and a rule that changes later is logged there with its reason.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from crossover.errors import CrossoverError
from crossover.paths import read_yaml, repository
from crossover.study.select import Comparison, Outcome, Selector


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Elsewhere(_Strict):
    """What a part compares in a profile with other sizes or sets; what is not given stays."""

    says: str | None = None
    sets: list[str] | None = None
    points: list[Selector] | None = None
    terms: list[Selector] | None = None


class Part(_Strict):
    """One quantity of a claim, the side of the threshold on which the claim puts it, and the paper's own value."""

    says: str
    value: float | None = None
    statistic: Literal["contrast", "misfit", "measure"] = "contrast"
    outcome: Outcome = "correct"
    sets: list[str] = []
    measure: str = ""
    side: Literal["above", "below"]
    threshold: float
    resolution: float = Field(gt=0)
    points: list[Selector] = Field([{}], min_length=1)
    terms: list[Selector] = []
    least_ratio: float = Field(0.0, ge=0)
    profiles: dict[str, Elsewhere] = {}

    @property
    def compared(self) -> Comparison:
        """The cells that a contrast or a measure compares."""
        return Comparison(self.terms, self.points, self.outcome, self.sets)

    @property
    def scale(self) -> tuple[float, str]:
        """The factor and the unit in which readers see the part's numbers."""
        if self.statistic == "measure":
            return 1.0, ""
        return (1.0, "nats per token") if self.outcome == "gold_loglik" else (100.0, "points")

    def amount(self, value: float) -> str:
        """Return a number of the part as readers see it, without its unit.

        >>> Part(says="", side="above", threshold=0.0, resolution=0.05).amount(0.0612)
        '+6.1'
        """
        scale, unit = self.scale
        form = "z.1f" if self.statistic == "misfit" else "+z.1f" if unit == "points" else "+z.2f"
        return format(scale * value, form)

    @property
    def prediction(self) -> str:
        """Where the part puts its quantity, as ``above 5 points``."""
        scale, unit = self.scale
        return f"{self.side} {scale * self.threshold:g} {unit if self.threshold else ''}".rstrip()

    def at(self, profile: str) -> Part:
        """Return the part as a profile asks it."""
        other = self.profiles.get(profile)
        return self.model_copy(update=other.model_dump(exclude_none=True)) if other else self


class Planned(_Strict):
    """Size of the study that resolutions are set for: replicates, and test items per evaluation set."""

    replicates: int = Field(ge=1)
    items: int = Field(ge=1)


class Claim(_Strict):
    """A published statement, or an open question, with the parts that decide it."""

    kind: Literal["claim", "question"] = "claim"
    paper: str
    where: str
    statement: str
    published: str
    base: Selector | None = None
    under: list[Selector] = []
    parts: list[Part] = Field(min_length=1)
    at_the_floor: list[Part] = []


class Paper(_Strict):
    """Where claims are from: who taught whom, on what."""

    title: str
    setting: str


class Rule(_Strict):
    """A change to the rules or thresholds after results had been seen."""

    name: str
    date: str
    claims: list[str]
    change: str
    reason: str


class Register(_Strict):
    """All entries; ``base`` is what a selector means by settings that it does not name."""

    base: Selector
    chance: dict[str, float] = {}
    planned: dict[str, Planned] = {}
    pilots: dict[str, str] = {}
    rules: list[Rule] = []
    papers: dict[str, Paper] = {}
    claims: dict[str, Claim]

    def base_of(self, name: str) -> Selector:
        """Return the settings that an entry's selectors need not name."""
        own = self.claims[name].base
        return self.base if own is None else own


def load_register() -> Register:
    """Read and check the project's register."""
    path = repository() / "notebooks" / "claims.yaml"
    try:
        return Register.model_validate(read_yaml(path))
    except ValidationError as problem:
        first = problem.errors()[0]
        raise CrossoverError(f"{path.name}, {'.'.join(map(str, first['loc']))}: {first['msg']}.") from None
