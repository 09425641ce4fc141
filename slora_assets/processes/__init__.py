"""What runs in a process of its own: how it is started, watched, limited and ended."""
