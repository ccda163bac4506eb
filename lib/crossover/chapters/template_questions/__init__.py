"""The chapter on template questions (arXiv 2310.07830)."""
