"""Where generated clips are kept."""
