"""What happens after an epoch: measure, sample, export, select, draw curves."""
