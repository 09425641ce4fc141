"""What came from what in a workspace, as a graph: sources, clips, adapters, verdicts, presets,
videos.

Read from the records that stages leave; of runs that were replaced since, from what the registry
keeps of them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from slora_assets.config.errors import SloraError
from slora_assets.config.workspace import Workspace
from slora_assets.deployment.permission import preset_use
from slora_assets.deployment.presets import read_presets
from slora_assets.documents import RUN_RECORD, RunRecord, RunVerdict
from slora_assets.provenance.curated import Curated, curated_now
from slora_assets.provenance.records import read_run_record, read_verdict

NodeKind = Literal["source", "clip", "adapter", "verdict", "preset", "video"]
KINDS: Final[tuple[NodeKind, ...]] = ("source", "clip", "adapter", "verdict", "preset", "video")
"""From the footage to what was made of it."""


@dataclass(frozen=True)
class Node:
    """One thing of the graph."""

    kind: NodeKind
    name: str
    """Unique among its kind: a clip's id, an adapter's hash, a run's or a preset's name, a file."""
    about: str = ""
    """What a person wants to know of it beside its name."""
    file: str | None = None
    """Where it lies, relative to the workspace."""


@dataclass
class Graph:
    """Nodes, and edges from what something was made from to that."""

    nodes: dict[tuple[NodeKind, str], Node] = field(default_factory=dict)
    made_from: dict[Node, set[Node]] = field(default_factory=lambda: defaultdict(set))
    became: dict[Node, set[Node]] = field(default_factory=lambda: defaultdict(set))

    def node(self, node: Node) -> Node:
        """The node of that kind and name: the first that was given."""
        return self.nodes.setdefault((node.kind, node.name), node)

    def edge(self, parent: Node, child: Node) -> None:
        """`child` was made from `parent`."""
        self.made_from[child].add(parent)
        self.became[parent].add(child)

    def around(self, start: Iterable[Node]) -> list[Node]:
        """`start`, all that they were made from and all that they became; in the graph's order."""
        wanted = set(_reached(start, self.made_from)) | set(_reached(start, self.became))
        return [
            node
            for kind in KINDS
            for node in self.nodes.values()
            if node in wanted and node.kind == kind
        ]


def _reached(start: Iterable[Node], ways: dict[Node, set[Node]]) -> Iterator[Node]:
    waiting, seen = list(start), set[Node]()
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            yield node
            waiting += ways.get(node, ())


def graph_of(workspace: Workspace) -> Graph:
    """The workspace's graph. Raises MissingInputError without metadata, IntegrityError."""
    graph = Graph()
    _add_clips(graph, curated_now(workspace))
    for folder in _run_folders(workspace):
        _add_run(graph, workspace, folder)
    _add_presets(graph, workspace)
    _add_videos(graph, workspace)
    return graph


def _add_clips(graph: Graph, curated: Curated) -> None:
    licence = curated.summary.dataset.licence
    for clip in curated.clips():
        about = ", ".join(filter(None, [clip.scenario, clip.split, clip.licence]))
        node = graph.node(Node("clip", clip.id, about, clip.path))
        graph.edge(graph.node(Node("source", clip.source_group, licence)), node)


def _run_folders(workspace: Workspace) -> list[Path]:
    """Of finished runs, those that stand now first; then what the registry keeps of others."""
    now = [
        workspace.unified_run,
        *sorted((workspace.root / "checkpoints/scenario_loras").glob("*")),
    ]
    kept = sorted(workspace.registry.glob("*"))
    return [one for one in (*now, *kept) if (one / RUN_RECORD).is_file() and one.name[0] != "."]


def _add_run(graph: Graph, workspace: Workspace, folder: Path) -> None:
    record = read_run_record(folder)
    of_registry = folder.parent == workspace.registry
    clips = [_clip(graph, record, number) for number in range(len(record.clips))]
    licence = record.base.get("licence") or "of no licence that is known"
    for kept in record.kept:
        if of_registry and kept.sha256 != folder.name:
            continue
        where = folder if of_registry else folder / kept.path
        about = f"{record.run}, epoch {kept.epoch}, {record.licence}, base {licence}"
        adapter = graph.node(Node("adapter", kept.sha256, about, workspace.relative(where)))
        for clip in clips:
            graph.edge(clip, adapter)
    _add_verdict(graph, workspace, record)


def _clip(graph: Graph, record: RunRecord, number: int) -> Node:
    clip = record.clips[number]
    said = [clip.scenario, clip.split, clip.licence, "no longer curated"]
    node = graph.node(Node("clip", clip.id, ", ".join(filter(None, said))))
    if clip.source is not None and node not in graph.made_from:
        graph.edge(graph.node(Node("source", clip.source, record.licence)), node)
    return node


def _add_verdict(graph: Graph, workspace: Workspace, record: RunRecord) -> None:
    try:
        verdict: RunVerdict = read_verdict(workspace, record.run)
    except SloraError:
        return
    adapter = graph.nodes.get(("adapter", verdict.adapter_sha256))
    if adapter is not None:
        about = f"{verdict.gate.answer} at strength {verdict.served.scale:g}"
        where = workspace.relative(workspace.validation(record.run))
        graph.edge(adapter, graph.node(Node("verdict", record.run, about, where)))


def _add_presets(graph: Graph, workspace: Workspace) -> None:
    for scenario, preset in read_presets(workspace.presets).presets.items():
        adapter = graph.nodes.get(("adapter", str(preset.sha256)))
        if adapter is not None:
            about = f"strength {preset.scale:g}, promoted with {preset.verdict}"
            use = preset_use(workspace, scenario, preset)
            about += f", for {use} use" if use else ""
            graph.edge(adapter, graph.node(Node("preset", scenario, about)))


def _add_videos(graph: Graph, workspace: Workspace) -> None:
    for sidecar in sorted(workspace.artifacts.glob("[!.]*.json")):
        try:
            told = json.loads(sidecar.read_bytes())
            adapter = graph.nodes.get(("adapter", str(told["adapter_sha256"])))
            video = Node(
                "video",
                told["artifact"],
                str(told["prompt"]),
                workspace.relative(sidecar.with_suffix(".mp4")),
            )
        except (OSError, ValueError, KeyError, TypeError):
            continue  # `slora verify` names it
        if adapter is not None:
            graph.edge(adapter, graph.node(video))
