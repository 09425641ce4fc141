"""`slora clean`: list what nothing in the workspace needs any more, or remove it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from slora_assets.config.workspace import Workspace

_SHOWN = 3


def clean(
    delete: Annotated[
        bool, typer.Option("--delete", help="Remove it; without this it is only listed.")
    ] = False,
) -> None:
    """List first frames, latents and embeddings that no scenario, index or run names, leftovers of
    interrupted writes, and empty folders. Footage, runs and whatever is in use stay."""
    from slora_assets.governance.cleaning.clean import find, remove

    workspace = Workspace.from_environment()
    found = remove(workspace, typer.echo) if delete else find(workspace)
    for kind, files in found.files.items():
        typer.echo(
            f"{kind}: {len(files)}, {_size(found.bytes_[kind])} ({_names(workspace, files)})"
        )
    if found.in_shards:
        arrays = sum(map(len, found.in_shards.values()))
        where = _names(workspace, sorted(found.in_shards))
        typer.echo(
            f"arrays in shards that nothing needs: {arrays}, {_size(found.bytes_in_shards)}"
            f" ({where})"
        )
    if found.folders:
        typer.echo(f"empty folders: {len(found.folders)} ({_names(workspace, found.folders)})")
    for link in found.links:
        typer.echo(f"not looked into, as it is a link or behind one: {workspace.relative(link)}")
    if not found:
        typer.echo("nothing to remove: all that is there is in use")
    elif delete:
        typer.echo(f"removed; {_size(found.freed)} are free again")
    else:
        typer.echo(
            f"{_size(found.freed)} would be free again; `slora clean --delete` removes all this"
        )


def _names(workspace: Workspace, paths: Sequence[Path]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(workspace.relative(path) for path in paths[:_SHOWN]) + more


def _size(bytes_: int) -> str:
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if bytes_ >= unit:
            return f"{bytes_ / unit:.1f} {name}"
    return f"{bytes_} bytes"
