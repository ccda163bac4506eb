"""What the parameters of all notebooks share."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

NAME = r"^[\w.-]+$"  #: What a profile or a results folder may be called.
Count = Annotated[int, Field(ge=1)]
Replicates = Annotated[int, Field(ge=1, le=100)]
Positive = Annotated[float, Field(gt=0)]
OpenShare = Annotated[float, Field(gt=0, lt=1)]
MixtureShare = Annotated[float, Field(gt=0, le=1)]
Share = Annotated[float, Field(ge=0, le=1)]


def value(default: Any, description: str, **limits: Any) -> Any:
    """Return a parameter's field: its default, what it is, and :func:`pydantic.Field`'s limits."""
    return Field(default, description=description, **limits)


class Parameters(BaseModel):
    """What every notebook has: where its results go."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    #: Result tables that the notebook reads, from its results folder; of ``runs.csv`` its own cells' rows alone.
    reads: ClassVar[tuple[str, ...]] = ()
    #: Parameters that decide no number: how a served teacher is called, what it may cost, and what runs servers and
    #: students.
    connection: ClassVar[tuple[str, ...]] = ()
    spending: ClassVar[tuple[str, ...]] = ()
    training: ClassVar[tuple[str, ...]] = ("workers", "cluster")

    profile: str = value("laptop", "size of the run", pattern=NAME)
    results: str = value("laptop", "folder under results/ that the run fills", pattern=NAME)

    def pick(self, *names: str) -> dict[str, Any]:
        """Return some of the parameters by name."""
        return {name: getattr(self, name) for name in names}


class TrainingParameters(Parameters):
    """What every notebook that trains students has."""

    #: Whether the published chapter shows the confirmation study's rows in place of its own.
    confirmed: ClassVar[bool] = False

    first_replicate: int = value(0, "number of the first draw; other numbers are other seeds", ge=0)
    skip_test: int = value(0, "test items that are passed over: those of an earlier study", ge=0)
    workers: int = value(0, "parallel students; 0 for one a core as memory allows", ge=0)
    device: Literal["cpu", "cuda"] = value("cpu", "where models run")
    cluster: str = value("", "Ray cluster: its address, or 'local'; empty for processes of this machine")
