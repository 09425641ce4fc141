"""Video files are probed, decoded and, where they can't be used, quarantined with a reason."""
