"""How the cells of each experiment are made and scored."""
