"""The asset checks, one module per domain."""
