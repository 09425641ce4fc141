"""The shipped miniature: a base, a scorer and sample footage, and how all three are made."""
