"""The HTTP service: a prompt and a scenario in, a clip made with the scenario's adapter out."""
