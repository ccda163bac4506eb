"""The experiments, by the name that their cells carry."""

from crossover.study.cell import Cell, MixtureCell, QueryCell, TeacherCell
from crossover.study.experiments.base import Experiment
from crossover.study.experiments.finetuned_teacher import FinetunedTeacherExperiment
from crossover.study.experiments.query_budget import QueryBudgetExperiment
from crossover.study.experiments.template_mixture import TemplateMixtureExperiment

EXPERIMENTS: dict[str, Experiment] = {
    QueryCell.experiment: QueryBudgetExperiment(),
    TeacherCell.experiment: FinetunedTeacherExperiment(),
    MixtureCell.experiment: TemplateMixtureExperiment(),
}


def experiment_of(cell: Cell) -> Experiment:
    """Return the experiment that a cell belongs to."""
    return EXPERIMENTS[cell.experiment]
