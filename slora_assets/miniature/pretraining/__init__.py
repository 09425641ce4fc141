"""How the miniature's weights are made, stage by stage, each resumable."""
