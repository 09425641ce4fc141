"""Does an asset's record verify? The record itself, what it speaks of, the files written with it,
and the records that it was made from, by their bytes. Those have checks of their own: walking back
to the footage from each would look at all of it once for every asset. `slora verify` does walk."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import dagster as dg

from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.defs.checks.looks import Look, look
from slora_assets.defs.checks.sentences import counted, some_of
from slora_assets.defs.metadata import scenario_of
from slora_assets.defs.partitions import SCENARIOS
from slora_assets.defs.project import ProjectResource
from slora_assets.documents import RUN_RECORD, VERDICT_FILE
from slora_assets.governance.verification.verify import verify

Place = Callable[[Workspace, str], Path]

_OF_ALL: Final[Mapping[str, Place]] = {
    "footage": lambda workspace, _: workspace.footage_inventory,
    "scenario_metadata": lambda workspace, _: workspace.scenario_metadata,
    "unified_adapter": lambda workspace, _: workspace.unified_run / RUN_RECORD,
    "unified_validation": lambda workspace, _: workspace.validation(UNIFIED) / VERDICT_FILE,
    "inference_presets": lambda workspace, _: workspace.presets,
}
_OF_SCENARIO: Final[Mapping[str, Place]] = {
    "scenario_manifest": Workspace.manifest,
    "first_frames": Workspace.first_frame_index,
    "latents": lambda workspace, name: workspace.cache_index("latents", name),
    "prompt_embeddings": lambda workspace, name: workspace.cache_index("prompt_embeddings", name),
    "scenario_adapter": lambda workspace, name: workspace.scenario_run(name) / RUN_RECORD,
    "scenario_validation": lambda workspace, name: workspace.validation(name) / VERDICT_FILE,
    "scale_sweep": Workspace.sweep,
}
"""Where an asset's record is. What isn't here leaves none: a base has hashes of its own, pages and
the summary say what others recorded."""


def _check(asset: str, place: Place, partitions: dg.PartitionsDefinition[str] | None) -> Look:
    @look(
        asset,
        name=f"{asset}_record_verifies",
        partitions_def=partitions,
        description="Its record, its files and the records that it was made from are what their"
        " stages wrote; `slora verify` walks back to the footage.",
    )
    def record_verifies(
        context: dg.AssetCheckExecutionContext, project: ProjectResource
    ) -> dg.AssetCheckResult:
        workspace = project.workspace()
        file = place(workspace, "" if partitions is None else scenario_of(context))
        return _verified(workspace, file)

    return record_verifies


def _verified(workspace: Workspace, file: Path) -> dg.AssetCheckResult:
    tree = verify(workspace, file, far=False)
    broken = {f"{one.what} {one.path}".strip(): one.says for one in tree.broken()}
    where, looked = workspace.relative(file), sum(1 for _ in tree.lines())
    said = f"All {looked} links hold, of {where}, its files and what it was made from."
    if broken:
        told = some_of(broken).rstrip(".")
        said = (
            f"Of {where} and what it was made from,"
            f" {counted(len(broken), 'link is', 'links are')} broken:"
            f" {told}. Remedy: restore what was changed, or make it again; `slora verify {where}`"
            " shows the whole tree."
        )
    return dg.AssetCheckResult(
        passed=not broken,
        description=said,
        metadata={
            "links": looked,
            "broken": broken,
            "tree": dg.MetadataValue.md("```\n" + "\n".join(_shown(list(tree.lines()))) + "\n```"),
        },
    )


_SHOWN: Final = 60
"""Lines of the tree that the UI shows."""


def _shown(lines: list[str]) -> list[str]:
    more = len(lines) - _SHOWN
    return [*lines[:_SHOWN], f"... and {more} lines more"] if more > 0 else lines


RECORDS_VERIFY: Final = [
    *(_check(asset, place, None) for asset, place in _OF_ALL.items()),
    *(_check(asset, place, SCENARIOS) for asset, place in _OF_SCENARIO.items()),
]
