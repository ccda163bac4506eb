"""Figures that several chapters draw."""
