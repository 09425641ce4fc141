"""Adapters are trained: what to train on, the loop, checkpoints, export."""
