"""Jobs: what clients asked for, kept in a database, and the thread that makes it."""
