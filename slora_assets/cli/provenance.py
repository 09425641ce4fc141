"""`slora verify` and `slora lineage`: is a file what its stages wrote, and what came from what?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from slora_assets.config.workspace import Workspace
from slora_assets.provenance import write_text

Artefact = Annotated[
    Path | None,
    typer.Argument(
        help="A record, an adapter or its folder, a sample, a first frame, a video, the presets or"
        " the change log.  [default: the whole workspace]"
    ),
]


def verify(
    path: Artefact = None,
    full: Annotated[
        bool, typer.Option("--full", help="Read every file again, whatever its size and time say.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the tree as JSON.")] = False,
) -> None:
    """Walk from a file back to the footage, compare all hashes, and name what is broken. Ends with
    1 where something is."""
    from slora_assets.governance.verification.verify import verify as verified

    workspace = Workspace.from_environment()
    tree = verified(workspace, path or workspace.root, full)
    broken = list(tree.broken())
    typer.echo(json.dumps(tree.document(), indent=2) if as_json else "\n".join(tree.lines()))
    if broken:
        first = broken[0]
        typer.echo(
            f"broken: {first.what} {first.path}: {first.says} ({len(broken)} in all)", err=True
        )
        raise typer.Exit(1)
    if not as_json:
        typer.echo("everything holds")


Asked = Annotated[
    str | None,
    typer.Argument(
        help="A clip's id or file, a source, an adapter's hash or file, a run, a preset, or a"
        " generated video.  [default: everything]"
    ),
]


def lineage(
    asked: Asked = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print nodes and edges as JSON.")] = False,
    svg: Annotated[Path | None, typer.Option(help="Draw a picture into this file.")] = None,
) -> None:
    """What something was made from, back to the sources and their licence, and what was made of it,
    on to presets and videos."""
    from slora_assets.governance.lineage.asked import nodes_meant
    from slora_assets.governance.lineage.graph import graph_of
    from slora_assets.governance.lineage.shown import as_document, as_svg, as_table

    workspace = Workspace.from_environment()
    graph = graph_of(workspace)
    start = graph.nodes.values() if asked is None else nodes_meant(graph, workspace, asked)
    nodes = graph.around(start)
    if svg is not None:
        write_text(svg, as_svg(graph, nodes))
    shown = json.dumps(as_document(graph, nodes), indent=2) if as_json else None
    typer.echo(shown or "\n".join(as_table(nodes)))
