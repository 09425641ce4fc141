"""The files that rooms hand to each other, as models: no logic here beyond validation."""
