"""Dagster's wing, and the only one that knows it: what depends on what, and how it is started."""
