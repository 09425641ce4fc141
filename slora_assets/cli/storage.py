"""`slora push`, `slora pull`, `slora stored`: a workspace published to a store, and had back."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from slora_assets.config.errors import ConfigError
from slora_assets.config.workspace import Workspace
from slora_assets.storage.parts import Stage

CLIPS: Final = "artifacts"

Parts = Annotated[
    list[str] | None,
    typer.Argument(help="Parts, as `slora stored` lists them, or patterns of these: 'latents/*'."),
]


def push(
    parts: Parts = None,
    force: Annotated[
        bool, typer.Option("--force", help="Let this version stand where the store has another.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Read what the store has, and send anew what is damaged."),
    ] = False,
) -> None:
    """Publish what is here to the store that SLORA_STORE names: parts, or all that is here but
    bases. What the store has is not sent again."""
    from slora_assets.storage.opening import store_from_environment
    from slora_assets.storage.push import push as push_parts
    from slora_assets.storage.served import StoredClips

    store = store_from_environment()
    workspace = Workspace.from_environment()
    wanted, clips = _without_clips(parts)
    if clips:
        typer.echo(f"{CLIPS}: {StoredClips(workspace, store).send_all()} sent")
    if parts and not wanted:
        return
    done = push_parts(workspace, store, wanted, force=force, check=check, say=typer.echo)
    what = f"{done.sent} files sent ({_size(done.sent_bytes)}), {done.there} were there"
    if done.commit is None:
        typer.echo(f"{store.url}: has all of it already; {what}")
    else:
        typer.echo(f"{store.url}: commit {done.commit} of {len(done.parts)} parts; {what}")


def pull(
    parts: Parts = None,
    for_: Annotated[
        Stage | None, typer.Option("--for", help="What a stage reads, and nothing else.")
    ] = None,
    scenario: Annotated[
        list[str] | None, typer.Option(help="With --for: of this scenario.  [default: of all]")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write over files that were changed here.")
    ] = False,
) -> None:
    """Have parts from the store that SLORA_STORE names, each file compared with its hash; all but
    bases where none are named."""
    from slora_assets.storage.commits import newest_commit
    from slora_assets.storage.opening import store_from_environment
    from slora_assets.storage.parts import stage_parts
    from slora_assets.storage.pull import pull as pull_parts
    from slora_assets.storage.served import StoredClips

    if (parts and for_) or (scenario and not for_):
        raise ConfigError(
            "either parts are named, or a stage with its scenarios",
            key="--for",
            found=[*(parts or ()), *(scenario or ())],
            remedy="see `slora pull --help`",
        )
    store, workspace = store_from_environment(), Workspace.from_environment()
    wanted, clips = _without_clips(parts)
    if clips and for_ is None:
        typer.echo(f"{CLIPS}: {StoredClips(workspace, store).fetch_all()} fetched")
        if parts and not wanted:
            return
    if for_ is not None:
        there = newest_commit(store)
        wanted = stage_parts(there.parts if there else (), for_, scenario or ())
    done = pull_parts(workspace, store, wanted, force=force, say=typer.echo)
    removed = f", {done.removed} removed that are there no longer" if done.removed else ""
    typer.echo(
        f"{store.url}: commit {done.commit}, {len(done.parts)} parts; {done.fetched} files fetched"
        f" ({_size(done.fetched_bytes)}), {done.kept} were here{removed}"
    )


def stored() -> None:
    """List the parts that the store has, as its newest commit says."""
    from slora_assets.storage.commits import newest_commit
    from slora_assets.storage.opening import store_from_environment

    store = store_from_environment()
    commit = newest_commit(store)
    if commit is None:
        typer.echo(f"{store.url}: nothing was pushed yet")
        return
    for name, entry in sorted(commit.parts.items()):
        typer.echo(f"{name}: {entry.files} files, {_size(entry.total_bytes)}")
    typer.echo(f"{store.url}: commit {commit.number} of {commit.time} by {commit.host}")


def _without_clips(parts: list[str] | None) -> tuple[list[str], bool]:
    """The parts that commits name, and whether the service's clips, each of which has a mark of its
    own, are asked for: by name, or with all else."""
    named = parts or []
    return [one for one in named if one != CLIPS], not named or CLIPS in named


def _size(bytes_: int) -> str:
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if bytes_ >= unit:
            return f"{bytes_ / unit:.1f} {name}"
    return f"{bytes_} bytes"
