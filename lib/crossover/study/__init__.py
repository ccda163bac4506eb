"""Cells, how they are run and stored, and what selects them."""
