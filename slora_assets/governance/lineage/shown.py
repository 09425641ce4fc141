"""A part of the graph as a table, as JSON, and as a picture."""

from __future__ import annotations

from itertools import groupby
from typing import Any, Final
from xml.sax.saxutils import escape

from slora_assets.governance.lineage.graph import KINDS, Graph, Node

_TITLES: Final = {
    "source": "sources",
    "clip": "clips",
    "adapter": "adapters",
    "verdict": "verdicts",
    "preset": "presets",
    "video": "videos",
}
_COLUMN, _ROW, _TOP, _BOX = 240, 30, 44, 210
_MOST: Final = 60
"""Nodes of a kind that a picture shows; a line says how many more there are."""
_CHARACTERS: Final = 30


def as_table(nodes: list[Node]) -> list[str]:
    """A heading per kind, and a line per node."""
    lines = []
    for kind, group in groupby(nodes, key=lambda node: node.kind):
        mine = list(group)
        lines.append(f"{_TITLES[kind]} ({len(mine)})")
        for node in mine:
            file = f"  {node.file}" if node.file else ""
            lines.append(f"  {node.name}  {node.about}{file}".rstrip())
    return lines


def as_document(graph: Graph, nodes: list[Node]) -> dict[str, Any]:
    """Nodes, and edges as pairs of `kind:name`, from what was made to what it was made from."""
    wanted = set(nodes)
    return {
        "nodes": [
            {"kind": node.kind, "name": node.name, "about": node.about, "file": node.file}
            for node in nodes
        ],
        "made_from": sorted(
            [_key(child), _key(parent)]
            for child in nodes
            for parent in graph.made_from.get(child, ())
            if parent in wanted
        ),
    }


def as_svg(graph: Graph, nodes: list[Node]) -> str:
    """A column per kind from left to right, a line from each node to what was made of it. Text can
    be selected; what is cut off stands in the tooltip."""
    columns = {kind: [node for node in nodes if node.kind == kind] for kind in KINDS}
    columns = {kind: mine for kind, mine in columns.items() if mine}
    at: dict[Node, tuple[int, int]] = {}
    for number, mine in enumerate(columns.values()):
        for row, node in enumerate(mine[:_MOST]):
            at[node] = (10 + number * _COLUMN, _TOP + row * _ROW)
    rows = max((min(len(mine), _MOST + 1) for mine in columns.values()), default=0)
    width, height = 20 + len(columns) * _COLUMN, _TOP + (rows + 1) * _ROW
    drawn = [
        _line(at[parent], at[child])
        for child in at
        for parent in sorted(graph.made_from.get(child, ()), key=_key)
        if parent in at
    ]
    drawn += [_box(node, *place) for node, place in at.items()]
    for number, (kind, mine) in enumerate(columns.items()):
        x = 10 + number * _COLUMN
        drawn.append(f'<text class="head" x="{x}" y="24">{_TITLES[kind]} ({len(mine)})</text>')
        if len(mine) > _MOST:
            y = _TOP + _MOST * _ROW + 16
            drawn.append(f'<text x="{x}" y="{y}">and {len(mine) - _MOST} more</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" role="img"><title>Lineage</title><style>{_STYLE}</style>'
        + "".join(drawn)
        + "</svg>\n"
    )


_STYLE: Final = (
    ":root{color-scheme:light dark}text{font:12px system-ui,sans-serif;fill:light-dark(#222,#ddd)}"
    ".head{font-weight:600}rect{fill:light-dark(#f3f5f8,#20242b);stroke:light-dark(#8aa,#688)}"
    "path{fill:none;stroke:light-dark(#9ab,#567);opacity:.6}"
)


def _key(node: Node) -> str:
    return f"{node.kind}:{node.name}"


def _line(parent: tuple[int, int], child: tuple[int, int]) -> str:
    (x1, y1), (x2, y2) = (parent[0] + _BOX, parent[1] + 11), (child[0], child[1] + 11)
    middle = (x1 + x2) // 2
    return f'<path d="M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}"/>'


def _box(node: Node, x: int, y: int) -> str:
    name = node.name[:16] if node.kind == "adapter" else node.name
    shown = name if len(name) <= _CHARACTERS else f"{name[: _CHARACTERS - 2]} …"
    told = escape(f"{node.name}: {node.about}")
    return (
        f'<g><title>{told}</title><rect x="{x}" y="{y}" width="{_BOX}" height="22" rx="4"/>'
        f'<text x="{x + 6}" y="{y + 15}">{escape(shown)}</text></g>'
    )
