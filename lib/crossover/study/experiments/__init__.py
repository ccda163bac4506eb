"""The experiments, a module each: a worker loads the one that it trains for. All are listed in :mod:`.run`."""
