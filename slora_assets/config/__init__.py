"""Typed settings and the errors every room raises; imports nothing of slora's."""
