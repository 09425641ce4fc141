"""The configuration in the graph: each part that something depends on is observed."""

import warnings

import dagster as dg

from slora_assets.defs import groups
from slora_assets.defs.configuration import PARTS, Configured, Part, version_of
from slora_assets.defs.partitions import SCENARIOS
from slora_assets.defs.project import ProjectResource

# Source assets that observe themselves are beta in Dagster 1.13, which the project pins.
warnings.filterwarnings("ignore", message=".*observable_source_asset.*")


def _observed(part: Part) -> dg.SourceAsset:
    @dg.observable_source_asset(
        name=part.name,
        group_name=groups.CONFIGURATION,
        description=f"{part.description} Edited in `{part.files}`.",
        partitions_def=SCENARIOS if part.by_scenario else None,
        tags={"dagster/kind/yaml": ""},
    )
    def observe(project: ProjectResource) -> dg.DataVersion | dg.DataVersionsByPartition:
        now = Configured(project)
        if not part.by_scenario:
            return dg.DataVersion(version_of(part, now, None))
        return dg.DataVersionsByPartition(
            {name: version_of(part, now, name) for name in SCENARIOS.get_partition_keys()}
        )

    return observe


CONFIGURATION = [_observed(part) for part in PARTS.values()]
