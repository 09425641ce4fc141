"""From any clip to what it taught, and from any adapter or video back to what taught it."""
