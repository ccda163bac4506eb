"""Parameters of the recipe pilot."""

from __future__ import annotations

from pydantic import model_validator

from crossover.params.budget_ratio import BudgetRatio
from crossover.params.fields import NAME, value

RECIPE = ("trained_layers", "epochs", "min_steps", "learning_rate", "updates", "max_steps", "weight_decay", "averaged")


class RecipePilot(BudgetRatio):
    """Parameters of ``06_recipe_pilot``: the recipe that the other parameters give, and changes of it."""

    reads = ("runs.csv",)

    profile: str = value("recipe", "size of the run", pattern=NAME)
    results: str = value("recipe", "folder under results/ that the run fills", pattern=NAME)
    factors: dict[str, list[dict[str, int | float | str]]] = value(
        {"learning_rate": [{"learning_rate": 1e-4}, {"learning_rate": 4e-4}]},
        "changes of the recipe by factor, tried one at a time",
    )

    @model_validator(mode="after")
    def _changes_recipes(self) -> RecipePilot:
        for factor, changes in self.factors.items():
            for change in changes:
                if unknown := sorted(set(change) - set(RECIPE)):
                    raise ValueError(f"factors[{factor!r}] changes {unknown[0]!r}; a recipe has {', '.join(RECIPE)}")
                BudgetRatio.model_validate(self.model_dump(exclude={"factors"}) | change)
        return self
