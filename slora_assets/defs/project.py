"""Settings and paths as one resource; files are read when an asset asks, and validated then."""

from collections.abc import Sequence

import dagster as dg

from slora_assets.config.data import DatasetSettings, ScenariosSettings, read_dataset
from slora_assets.config.training import TrainingSettings, read_recipe
from slora_assets.config.validation import ValidationPrompts, read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.defs.run_host import tell_host


class ProjectResource(dg.ConfigurableResource[None]):
    """The workspace that the environment names (see `Workspace.from_environment`)."""

    device: str = ""
    """Where caches are computed: `cpu`, `cuda`; nothing means CUDA where there is one."""

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Say on which host the run is: every asset has this resource."""
        tell_host(context)

    def workspace(self) -> Workspace:
        """Every path of the file contracts."""
        return Workspace.from_environment()

    def dataset(self) -> tuple[DatasetSettings, ScenariosSettings]:
        """The active dataset and its scenarios. Raises ConfigError, MissingInputError."""
        return read_dataset(self.workspace().dataset_file)

    def training(self, overrides: Sequence[str] = ()) -> TrainingSettings:
        """The active recipe, with a run's own `dotted.key=value` over it. Raises ConfigError,
        MissingInputError."""
        return read_recipe(self.workspace().training_config, overrides)

    def prompts(self) -> ValidationPrompts:
        """Validation prompts and gate. Raises ConfigError, MissingInputError."""
        return read_validation_prompts(self.workspace().validation_prompts)
