"""What the miniature's footage shows, and how it is drawn and captioned."""
