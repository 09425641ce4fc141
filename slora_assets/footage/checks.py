"""Are the first frames whole and of the right size?"""

import dagster as dg

from slora_assets.footage.first_frames import HEIGHT, WIDTH
from slora_assets.partitions import SCENARIOS
from slora_assets.provenance.files import read_json
from slora_assets.resources.project import ProjectResource


@dg.asset_check(asset="first_frames", partitions_def=SCENARIOS)
def frames_are_whole(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """Each first frame is a 720x480 RGB picture that opens."""
    from PIL import Image

    workspace = project.workspace()
    dataset, _ = project.dataset()
    index = read_json(
        workspace.metadata / "first_frames" / f"{context.partition_key}.json",
        remedy="run `make preprocess`",
    )
    assert isinstance(index, dict)
    wrong = []
    for clip_id in index["frames"]:
        with Image.open(workspace.frames(dataset.name) / f"{clip_id}.png") as frame:
            if frame.size != (WIDTH, HEIGHT) or frame.mode != "RGB":
                wrong.append(clip_id)
    return dg.AssetCheckResult(passed=not wrong, metadata={"wrong": ", ".join(wrong)})
