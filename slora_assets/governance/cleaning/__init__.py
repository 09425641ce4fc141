"""What nothing in a workspace needs any more: found, and removed when asked."""
