"""The cells that a chapter's parameters stand for."""

from collections.abc import Callable, Sequence
from typing import Any

from crossover.params.budget_ratio import Ablations, BudgetRatio, RecipePilot
from crossover.params.fields import Parameters
from crossover.params.finetuned_teacher import FinetunedTeacher
from crossover.params.template_questions import TemplateQuestions
from crossover.study.cell import Cell
from crossover.study.grids import ablations, budget_ratio, finetuned_teacher, template_questions

_CELLS: dict[type[Parameters], Callable[[Any], Sequence[Cell]]] = {
    Ablations: ablations.cells,
    BudgetRatio: budget_ratio.cells,
    FinetunedTeacher: finetuned_teacher.cells,
    RecipePilot: budget_ratio.recipe_cells,
    TemplateQuestions: template_questions.cells,
}


def cells_of(parameters: Parameters) -> list[Cell]:
    """Return the cells that a chapter runs, in the order of running; none for a chapter that trains no student."""
    cells = _CELLS.get(type(parameters))
    return list(cells(parameters)) if cells else []
