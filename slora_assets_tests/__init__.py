"""Tests of slora: they state what a user would notice."""
