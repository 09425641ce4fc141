"""`slora verify` and `slora lineage`: is a file what its stages wrote, and what came from what?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from slora_assets.config.errors import ConfigError
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
    signed_in: Annotated[
        str | None,
        typer.Option(help="A folder that this person signed by way of sigstore; asks the network."),
    ] = None,
    issuer: Annotated[
        str, typer.Option(help="Where that person signs in.")
    ] = "https://github.com/login/oauth",
) -> None:
    """Walk from a file back to the footage, compare all hashes and signatures, and name what is
    broken. Ends with 1 where something is."""
    if signed_in is not None:
        _verify_keyless(path, signed_in, issuer)
        return
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


def _verify_keyless(folder: Path | None, identity: str, issuer: str) -> None:
    from slora_assets.provenance.signatures import refuse_other_keyless

    if folder is None or not folder.is_dir():
        raise ConfigError(
            "only a folder is signed without a key",
            key="PATH",
            found=str(folder),
            remedy="name the folder, as in `slora verify FOLDER --signed-in PERSON`",
        )
    refuse_other_keyless(folder.absolute(), identity, issuer)
    typer.echo(f"{folder}: signed by {identity} as it stands")


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


def reproduce(
    adapter: Annotated[
        str, typer.Argument(help="An adapter's hash (six characters are enough) or file, or a run.")
    ],
    into: Annotated[Path, typer.Option(help="An empty folder for all that is made.")],
    environment: Annotated[
        bool,
        typer.Option(
            "--environment", help="In a virtual environment with the very packages of the run."
        ),
    ] = False,
) -> None:
    """Train an adapter's run again from what it wrote down, and compare byte for byte. Ends with 1
    where an adapter comes out different."""
    from slora_assets.governance.reproduction.reproduce import reproduce as again
    from slora_assets.governance.reproduction.reproduce import run_of_adapter

    workspace = Workspace.from_environment()
    folder = run_of_adapter(workspace, adapter)
    made = again(workspace, folder, into.absolute(), typer.echo, environment)
    for one in made.adapters:
        said = "equal, byte for byte" if one.equal else f"different: {one.found or 'not kept'}"
        typer.echo(f"{made.run} epoch {one.epoch} {one.recorded[:16]}: {said}")
    for name, (then, now) in made.other_software.items():
        typer.echo(f"  {name} was {then or 'absent'} and is {now or 'absent'}")
    if not all(one.equal for one in made.adapters):
        raise typer.Exit(1)
