"""Questions about a real database, answered in SQL."""
