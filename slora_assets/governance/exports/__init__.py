"""What a run was trained on and what came of it, in the words of other people's standards."""
