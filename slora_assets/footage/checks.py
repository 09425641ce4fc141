"""Are the first frames whole and of the right size?"""

import dagster as dg

from slora_assets.footage.first_frames import HEIGHT, WIDTH
from slora_assets.partitions import SCENARIOS
from slora_assets.provenance.files import read_json
from slora_assets.provenance.stat_cache import StatCache
from slora_assets.resources.project import ProjectResource


@dg.asset_check(asset="first_frames", partitions_def=SCENARIOS)
def frames_are_whole(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """Each first frame is a 720x480 RGB picture that opens."""
    from PIL import Image

    workspace = project.workspace()
    folder = workspace.frames(project.dataset()[0].name)
    index = read_json(
        workspace.metadata / "first_frames" / f"{context.partition_key}.json",
        remedy="run `make preprocess`",
    )
    assert isinstance(index, dict)
    wrong = []
    cache = StatCache(workspace.metadata / "first_frames" / f".{context.partition_key}_check.json")
    for clip_id in index["frames"]:
        path = folder / f"{clip_id}.png"
        found = cache.get(path, clip_id)
        if found is None:
            with Image.open(path) as frame:
                found = [*frame.size, frame.mode]
            cache.put(path, clip_id, found)
        if found != [WIDTH, HEIGHT, "RGB"]:
            wrong.append(clip_id)
    cache.save()
    return dg.AssetCheckResult(passed=not wrong, metadata={"wrong": ", ".join(wrong)})
