"""What exists only to train faster or in less memory."""
