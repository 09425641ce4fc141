"""The one partition dimension: scenarios, read from the reviewed configuration at load time."""

import warnings

import dagster as dg

from slora_assets.config.data import read_dataset
from slora_assets.config.workspace import Workspace

# Partitions of asset checks are a preview in Dagster 1.13, which the project pins.
warnings.filterwarnings("ignore", message=".*partitions_def on an AssetCheckSpec.*")

SCENARIOS = dg.StaticPartitionsDefinition(
    list(read_dataset(Workspace.from_environment().dataset_file)[1].scenarios)
)
