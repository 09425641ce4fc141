"""Tests of the shell commands."""
