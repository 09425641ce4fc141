"""Pages for people: one HTML file per run and one for the project, made of documents on disk."""
