"""Jobs: what clients asked for, kept in a database, and who makes it, here or elsewhere."""
