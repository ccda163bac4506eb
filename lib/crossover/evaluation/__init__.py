"""Students' answers scored, and synthetic data described."""
