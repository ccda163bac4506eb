"""Claims: registered predictions, the evidence on each, the verdicts, and what would settle the undecided ones."""

from crossover.claims.findings import Finding, decide, table, under_settings, whole
from crossover.claims.register import Claim, Part, Register, load_register

__all__ = [
    "Claim", "Finding", "Part", "Register", "decide", "load_register", "table", "under_settings", "whole",
]  # fmt: skip
