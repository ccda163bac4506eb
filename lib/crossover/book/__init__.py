"""Notebooks executed, the book built and its releases packed."""
