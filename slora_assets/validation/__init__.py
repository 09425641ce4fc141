"""Adapters are measured and judged; who trained them is not known here."""
