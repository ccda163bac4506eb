"""The chapter on simulated studies whose truth is known."""
