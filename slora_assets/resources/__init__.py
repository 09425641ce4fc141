"""What assets are given: the project's settings and paths, and where heavy steps run."""
