"""What the parameters of all notebooks share."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

NAME = r"^[\w.-]+$"  #: What a profile or a results folder may be called.
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Workers = Annotated[int, Field(ge=0, description="parallel students; 0 for one a core as memory allows")]
Device = Annotated[
    Literal["cpu", "cuda"],
    Field(description="where models run"),
]
Cluster = Annotated[
    str,
    Field(
        description="Ray cluster that trains the students: its address, or 'local'; empty for this machine's processes"
    ),
]


class Parameters(BaseModel):
    """What every notebook has: where its results go."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    #: Result tables that the notebook reads, of its own run and of the published study. Of the run's ``runs.csv`` a notebook
    #: that has cells reads their rows alone.
    reads: ClassVar[tuple[str, ...]] = ()
    #: Parameters that decide no number: how a served teacher is called, what it may cost, and what runs servers and students.
    connection: ClassVar[tuple[str, ...]] = ()
    spending: ClassVar[tuple[str, ...]] = ()
    training: ClassVar[tuple[str, ...]] = ("workers", "cluster")

    profile: str = Field("laptop", pattern=NAME, description="size of the run")
    results: str = Field("laptop", pattern=NAME, description="folder under results/ that the run fills")

    def pick(self, *names: str) -> dict[str, object]:
        """Return some of the parameters by name."""
        return {name: getattr(self, name) for name in names}


class TrainingParameters(Parameters):
    """What every notebook that trains students has."""

    first_replicate: int = Field(0, ge=0, description="number of the first draw; other numbers are other seeds")
    skip_test: int = Field(0, ge=0, description="test items that are passed over: those of an earlier study")
    workers: Workers = 0
    device: Device = "cpu"
    cluster: Cluster = ""
