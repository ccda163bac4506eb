"""Text to template questions: the pipeline of chapter 1."""
