"""Marks as links of a chain: a video's entry in the register, an adapter's credentials."""

from __future__ import annotations

from pathlib import Path

from slora_assets.config.errors import IntegrityError, SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.registry import PROMOTE_ANEW
from slora_assets.documents import ADAPTER_CREDENTIALS, ADAPTER_FILE
from slora_assets.governance.verification.link import Link

# What reads marks needs numpy: only where somebody looks at one. Definitions import this.


def entry_link(workspace: Workspace, identifier: str, sha256: str | None) -> Link:
    """What the register says of a video, checked; `sha256` is the file's, None for one that is
    gone: its entry stays."""
    from slora_assets.marking.register import read_entry, state_of

    path = workspace.register / f"{identifier}.json"
    link = Link("entry", workspace.relative(path))
    try:
        video = read_entry(path)
        state = state_of(video)
    except SloraError as error:
        link.state, link.says = "broken", str(error)
        return link
    if state == "unknown key":
        link.state, link.says = "elsewhere", "signed with a key that is not known here"
    elif state == "invalid":
        link.state, link.says = "broken", "it was changed after it was signed"
    elif sha256 not in (None, video.sha256) or video.id != identifier:
        link.state, link.says = "broken", "it is another video's"
    else:
        link.says = f"signed, {video.made}"
    return link


def taken_away(workspace: Workspace, sidecar: Path) -> bool:
    """Whether somebody deleted a generated video with its sidecar, which is theirs to do: the
    register says that there was one."""
    gone = not sidecar.exists() and not sidecar.with_suffix(".mp4").exists()
    return gone and entry_link(workspace, sidecar.stem, None).state != "broken"


def refuse_other_credentials(folder: Path) -> None:
    """Raise IntegrityError where the credentials beside a registered adapter don't hold for it; one
    that an older version registered has none."""
    from slora_assets.marking.credentials import read_beside

    kept = folder / ADAPTER_CREDENTIALS
    if not kept.is_file():
        return
    read = read_beside(folder / ADAPTER_FILE, kept.read_bytes())
    if read is None or read.state == "invalid":
        raise IntegrityError(
            "the adapter's Content Credentials don't hold for it",
            file=kept,
            found=", ".join(read.faults) if read else "none",
            remedy=PROMOTE_ANEW,
        )
