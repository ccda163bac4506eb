"""The tables, figures and findings of each chapter of the book."""
