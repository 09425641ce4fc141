"""The graph's groups, one per stage, and the roles that answer for what is in them.

Dagster's UI lists groups by name. These sort as the pipeline runs: what an asset depends on stands
in its own group or in one above it.
"""

from typing import Final

CONFIGURATION: Final = "configuration"
DATA: Final = "data"
ENCODING: Final = "encoding"
"""The base, and what it makes of clips and prompts."""
TRAINING: Final = "training"
VALIDATION: Final = "validation"
SERVED: Final = "what_is_served"
"""What a person let through, and the roll-up beside it."""

FOOTAGE_TEAM: Final = ["team:footage"]
"""Who answers for clips, their licences and their splits."""
TRAINING_TEAM: Final = ["team:training"]
"""Who answers for the base, recipes, adapters and the gate."""
RELEASE_TEAM: Final = ["team:release"]
"""Who decides what is served."""

POOL: Final = "gpu"
"""The pool of the steps that use the accelerator."""

ACCELERATOR: Final = {"slora/runs_on": "accelerator"}
CPU: Final = {"slora/runs_on": "cpu"}
"""Tags: what costs an accelerator's time is told from what doesn't."""
