"""Crossover: which synthetic-data strategy should a query budget buy?"""

__version__ = "0.1.0"
