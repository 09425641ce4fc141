"""Generated video says of itself that it is: in its pixels, in its metadata, and in a register."""
