"""Claims: registered predictions, the evidence on each, the verdicts, and what would settle the undecided ones."""

from crossover.claims.findings import Finding, decide, table, verdicts, whole
from crossover.claims.register import Claim, Part, Register, load_register

__all__ = [
    "Claim", "Finding", "Part", "Register", "decide", "load_register", "table", "verdicts", "whole",
]  # fmt: skip
