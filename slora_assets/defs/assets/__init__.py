"""The assets, one module per domain: each resolves its partition, calls its stage and reports."""
