"""Pinned packages, the cache, the register of data sets and how they are loaded."""
