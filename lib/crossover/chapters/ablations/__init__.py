"""The chapter on what moves the crossover (arXiv 2409.19759, section 5.3)."""
