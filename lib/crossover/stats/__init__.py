"""Counts to noise, curves, crossovers and advice. Needs numpy, scipy and pandas only."""
