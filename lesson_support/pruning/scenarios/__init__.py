"""Ready-made runs: the published scenarios, their data, networks and methods."""
