"""Captioned clips are sorted into scenarios and splits; the result is one metadata document."""
