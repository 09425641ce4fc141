"""Work on a Ray cluster: what is shared out among its nodes, and what one of them does for us."""
