"""The one partition dimension: scenarios, read from the reviewed configuration at load time."""

import warnings
from typing import Final

import click
import dagster as dg

from slora_assets.config.data import read_dataset
from slora_assets.config.errors import ConfigError
from slora_assets.config.workspace import Workspace

# Partitions of asset checks are a preview in Dagster 1.13, which the project pins.
warnings.filterwarnings("ignore", message=".*partitions_def on an AssetCheckSpec.*")


class _Scenarios(dg.StaticPartitionsDefinition):
    """Says which scenarios there are to who names another on the command line, in the way in which
    Dagster's commands say what a person did wrong; its own answer is a traceback."""

    def validate_partition_key(self, partition_key: str, context: object) -> None:
        """Raises ClickException for what is no scenario."""
        if not self.has_partition_key(partition_key):
            raise click.ClickException(
                str(
                    ConfigError(
                        "no such scenario",
                        file=_DATASET,
                        key="partition",
                        found=partition_key,
                        expected=f"one of {list(self.get_partition_keys())}",
                        remedy="name one of them; `slora scenario add` makes a new one",
                    )
                )
            )


_DATASET: Final = Workspace.from_environment().dataset_file
SCENARIOS: Final = _Scenarios(list(read_dataset(_DATASET)[1].scenarios))
