"""What the asset modules share: progress as log lines, pictures and clips as metadata."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import dagster as dg

from slora_assets.documents import QuarantinedClip
from slora_assets.processes.progress import ProgressCallback, progress_lines

ON_CHANGED_INPUTS = (
    dg.AutomationCondition.any_deps_updated()
    .replace("newly_updated", dg.AutomationCondition.data_version_changed())
    .since(dg.AutomationCondition.newly_requested() | dg.AutomationCondition.initial_evaluation())
    & ~dg.AutomationCondition.any_deps_missing()
    & ~dg.AutomationCondition.in_progress()
).with_label("inputs have other content")
"""For assets that cost no accelerator: materialize when an input's data version changed, not when
the same bytes were made again. Acts only while the automation sensor is switched on."""


def log_progress(context: dg.AssetExecutionContext, what: str) -> ProgressCallback:
    """A progress callback that logs every few seconds."""
    return progress_lines(context.log.info, what)


def picture(path: Path, text: str = "") -> dg.MarkdownMetadataValue:
    """A PNG as Markdown that the UI shows."""
    encoded = base64.b64encode(path.read_bytes()).decode()
    return dg.MetadataValue.md(f"![{text}](data:image/png;base64,{encoded})")


def moving_pictures(videos: Sequence[Path], most: int = 4) -> dg.MarkdownMetadataValue:
    """The first clips of a run as animated pictures that the UI plays."""
    return dg.MetadataValue.md(" ".join(_animated(video) for video in videos[:most]))


def _animated(video: Path) -> str:
    import av
    from PIL import Image

    with av.open(str(video)) as container:
        rate = float(container.streams.video[0].average_rate or 8)
        frames = [frame.to_image() for frame in container.decode(video=0)]
    scale = min(1.0, 240 / frames[0].width)
    size = (round(frames[0].width * scale), round(frames[0].height * scale))
    small = [frame.resize(size, Image.Resampling.BILINEAR) for frame in frames]
    buffer = io.BytesIO()
    small[0].save(
        buffer,
        format="WEBP",
        save_all=True,
        append_images=small[1:],
        duration=round(1000 / rate),
        loop=0,
        quality=80,
    )
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return f"![{video.stem}](data:image/webp;base64,{encoded})"


def reject_table(clips: Sequence[QuarantinedClip]) -> dg.TableMetadataValue:
    """The first quarantined clips, each with its reason."""
    return dg.MetadataValue.table(
        [
            dg.TableRecord({"clip": c.clip_id, "reason": c.reason, "detail": c.detail})
            for c in clips[:100]
        ],
        schema=dg.TableSchema(
            columns=[dg.TableColumn(name, "string") for name in ("clip", "reason", "detail")]
        ),
    )
