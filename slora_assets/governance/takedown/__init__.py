"""Taking footage out: the entry, what it had left behind, and what is still to be done."""
