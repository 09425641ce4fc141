"""Which nodes of the graph a person means by an id, a hash, a file, a source or a run."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from slora_assets.config.errors import MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.curation.sources import canonical_source
from slora_assets.governance.lineage.graph import Graph, Node

_LEAST: Final = 6
"""Characters by which a hash may be named."""


def nodes_meant(graph: Graph, workspace: Workspace, asked: str) -> list[Node]:
    """The nodes that `asked` names: a clip's id, a source in any spelling, an adapter's hash (its
    first 6 characters are enough), the run or preset of a scenario, or any file or folder of a
    clip, adapter, verdict or video. Raises MissingInputError where nothing is meant.
    """
    source, file = canonical_source(asked), workspace.relative(Path(asked).absolute())
    inside = [file, *(one.as_posix() for one in Path(file).parents if one.name)]
    exact = [
        node
        for node in graph.nodes.values()
        if node.name == (source if node.kind == "source" else asked) or node.file == file
    ]
    found = exact or [
        node
        for node in graph.nodes.values()
        if (node.kind == "adapter" and len(asked) >= _LEAST and node.name.startswith(asked))
        or (node.kind in ("adapter", "verdict") and node.file in inside)
    ]
    if not found:
        raise MissingInputError(
            "nothing of this name is known",
            found=asked,
            expected="a clip's id or file, a source, an adapter's hash or file, a run, a preset, or"
            " a generated video",
            remedy="`slora lineage` without a name lists everything",
        )
    return found
