"""What a notebook's parameters may be, and the grid of cells that they stand for: a class a chapter."""
