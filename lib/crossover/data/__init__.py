"""Pinned packages, the cache, the catalogue of data sets and how they are loaded."""
