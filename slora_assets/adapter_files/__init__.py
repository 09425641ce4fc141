"""Adapter files: what the layers are called, what a file holds, and the way between namings."""
