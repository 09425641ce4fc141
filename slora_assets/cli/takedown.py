"""`slora takedown`: take a clip or a source out for good, and see what is left of it."""

from __future__ import annotations

from typing import Annotated

import typer

from slora_assets.config.errors import ConfigError
from slora_assets.config.workspace import Workspace


def takedown(
    clip_or_source: Annotated[
        str | None,
        typer.Argument(help="A clip's name, its file's, or a source's address in any spelling."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    by: Annotated[str, typer.Option(help="Who decides.")] = "",
    ahead: Annotated[
        bool, typer.Option("--ahead", help="Refuse a source of which there is nothing yet.")
    ] = False,
    delete_footage: Annotated[
        bool, typer.Option("--delete-footage", help="Delete the original files, too.")
    ] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Only say what was taken down and what is left of it.")
    ] = False,
) -> None:
    """Take footage out for good: it is erased and never curated again, and adapters that saw it are
    neither promoted nor served. Again changes nothing."""
    from slora_assets.governance.takedown.stage import take_down
    from slora_assets.governance.takedown.status import left_lines, what_is_left

    workspace = Workspace.from_environment()
    if status == (clip_or_source is not None):
        raise ConfigError(
            "either something is taken down, or its status is asked for",
            key="CLIP_OR_SOURCE",
            found=clip_or_source,
            expected="a clip or a source with --by and --reason, or --status alone",
            remedy="see `slora takedown --help`",
        )
    if clip_or_source is not None:
        done = take_down(
            workspace,
            clip_or_source,
            by,
            reason,
            ahead=ahead,
            delete_footage=delete_footage,
            say=typer.echo,
        )
        for clip in done.entry.clips if done.entry else ():
            typer.echo(f"{clip.id}: taken down ({clip.because})")
        if done.entry is None:
            typer.echo(f"{clip_or_source}: was taken down already")
        elif done.entry.ahead:
            typer.echo(f"{', '.join(done.entry.sources)}: refused from now on")
        if done.entry and done.entry.spared:
            typer.echo(f"others of the same source stay: {', '.join(done.entry.spared[:8])}")
        for kind, files in done.erased.items():
            typer.echo(f"erased: {len(files)} {kind}")
        for path in done.deleted_footage:
            typer.echo(f"deleted: {path}")
        if done.not_curated is not None:
            typer.echo(f"the clips are not sorted anew: {done.not_curated}")
    for line in left_lines(what_is_left(workspace), workspace):
        typer.echo(line)
