"""Procedural word problems whose structure is known."""
