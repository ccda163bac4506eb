"""The chapter on fine-tuned teachers (arXiv 2310.01119)."""
