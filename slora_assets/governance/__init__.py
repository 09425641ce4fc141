"""What looks over all rooms: where a file came from, and whether its records hold."""
