"""The seam between slora and diffusion models: one specification a base, found by the registry."""
