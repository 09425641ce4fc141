"""The verbs of the command line: the project's jobs, run in turn in one process."""
