"""Judges that look at pixels: what subject, colour, direction and place a clip shows."""
