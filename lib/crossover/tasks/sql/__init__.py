"""SQL run in a sandbox and compared by its rows."""
