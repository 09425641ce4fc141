"""The training loop and what it needs for a step: draws, batches, optimizer, guard, checkpoints."""
