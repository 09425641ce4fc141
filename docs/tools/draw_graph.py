"""The asset graph as a picture: the real definitions in, an SVG out.

Columns follow the dependencies from left to right. `docs/tools/update.py` writes the picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Final
from xml.sax.saxutils import escape

GROUPS: Final = (
    "configuration",
    "data",
    "encoding",
    "training",
    "validation",
    "what_is_served",
)
"""In the order of the legend; each has a colour in `_STYLE`."""

_WIDTH, _HEIGHT = 178, 62
_COLUMN, _ROW = 226, 116
_LINE = 14
_MARGIN, _HEADER = 20, 46

_STYLE: Final = """\
svg { font-family: ui-sans-serif, system-ui, "DejaVu Sans", sans-serif; font-size: 11px }
.ground { fill: #ffffff } .box { fill: #f6f7f9; stroke: #8a94a3 }
.name { fill: #16191f; font-weight: 600; font-size: 13px } .note { fill: #4a5361 }
.edge { fill: none; stroke: #8a94a3; stroke-width: 1.4 } .tip { fill: #8a94a3 }
.configuration { fill: #8a63c9 } .data { fill: #2f7fb8 } .encoding { fill: #2a9387 }
.training { fill: #cc7a1e } .validation { fill: #b8486f } .what_is_served { fill: #5b7d2c }
@media (prefers-color-scheme: dark) {
  .ground { fill: #14171c } .box { fill: #20252d; stroke: #77808e }
  .name { fill: #f0f2f5 } .note { fill: #b4bcc8 }
  .edge { stroke: #77808e } .tip { fill: #77808e }
}
"""


@dataclass(frozen=True)
class Asset:
    """What the picture says of one asset."""

    name: str
    group: str
    per_scenario: bool
    accelerator: bool
    """Whether its step waits for a place in the pool `gpu`."""
    parents: tuple[str, ...]
    checks: tuple[tuple[str, bool], ...]
    """Each check's name, and whether it blocks what comes after."""


def assets() -> list[Asset]:
    """The assets of the real graph, by name."""
    from slora_assets.definitions import defs

    graph = defs.resolve_asset_graph()
    checks: dict[str, list[tuple[str, bool]]] = {}
    for key in graph.asset_check_keys:
        owner = key.asset_key.to_user_string()
        checks.setdefault(owner, []).append((key.name, graph.get(key).blocking))
    found = []
    for key in graph.get_all_asset_keys():
        node, name = graph.get(key), key.to_user_string()
        found.append(
            Asset(
                name,
                node.group_name,
                node.is_partitioned,
                bool(node.pools),
                tuple(sorted(parent.to_user_string() for parent in node.parent_keys)),
                tuple(sorted(checks.get(name, ()))),
            )
        )
    return sorted(found, key=lambda asset: asset.name)


def svg(graph: Sequence[Asset]) -> str:
    """The picture; the same graph gives the same text."""
    layers = _ordered(_layers(graph), graph)
    rows = max(len(layer) for layer in layers)
    places = {
        item: (_MARGIN + column * _COLUMN, _top(row, len(layer), rows))
        for column, layer in enumerate(layers)
        for row, item in enumerate(layer)
    }
    width = 2 * _MARGIN + (len(layers) - 1) * _COLUMN + _WIDTH
    height = _HEADER + rows * _ROW + _MARGIN
    by_name = {asset.name: asset for asset in graph}
    boxes = [_box(by_name[item], *places[item]) for item in sorted(by_name)]
    edges = [
        _edge([places[item] for item in way], [item in by_name for item in way])
        for way in _ways(graph, layers)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
            ' aria-label="The asset graph of slora">',
            f"<style>\n{_STYLE}</style>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7"'
            ' markerHeight="7" orient="auto"><path class="tip" d="M0 0 8 4 0 8z"/></marker></defs>',
            f'<rect class="ground" width="{width}" height="{height}" rx="8"/>',
            _legend(),
            *edges,
            *boxes,
            "</svg>\n",
        ]
    )


def _layers(graph: Sequence[Asset]) -> list[list[str]]:
    """Each asset's column, and in the columns between a way's ends a bend, `parent>child`."""
    by_name = {asset.name: asset for asset in graph}
    depth: dict[str, int] = {}

    def depth_of(name: str) -> int:
        if name not in depth:
            depth[name] = 1 + max(map(depth_of, by_name[name].parents), default=-1)
        return depth[name]

    for name in by_name:
        depth_of(name)
    for asset in graph:  # what has no parents stands just before what needs it
        children = [depth[other.name] for other in graph if asset.name in other.parents]
        if not asset.parents and children:
            depth[asset.name] = min(children) - 1
    layers: list[list[str]] = [[] for _ in range(1 + max(depth.values()))]
    for name in sorted(depth):
        layers[depth[name]].append(name)
    for asset in graph:
        for parent in asset.parents:
            for column in range(depth[parent] + 1, depth[asset.name]):
                layers[column].append(_bend(parent, asset.name))
    return layers


def _ordered(layers: list[list[str]], graph: Sequence[Asset]) -> list[list[str]]:
    """The columns with few crossings: each item at the mean height of its neighbours."""
    neighbours = _neighbours(_ways(graph, layers))
    for sweep in range(8):
        ways = range(1, len(layers)) if sweep % 2 == 0 else range(len(layers) - 2, -1, -1)
        for column in ways:
            beside = layers[column - 1 if sweep % 2 == 0 else column + 1]
            heights = {item: row / max(1, len(beside) - 1) for row, item in enumerate(beside)}

            def wanted(item: str, heights: Mapping[str, float] = heights) -> tuple[float, str]:
                known = [heights[other] for other in neighbours[item] if other in heights]
                return (fmean(known) if known else 0.5, item)

            layers[column] = sorted(layers[column], key=wanted)
    return layers


def _ways(graph: Sequence[Asset], layers: Sequence[Sequence[str]]) -> list[list[str]]:
    """For each dependency its items from left to right: parent, bends, child."""
    found = []
    for asset in graph:
        for parent in asset.parents:
            bend = _bend(parent, asset.name)
            bends = [bend for layer in layers if bend in layer]
            found.append([parent, *bends, asset.name])
    return found


def _neighbours(ways: Sequence[Sequence[str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for way in ways:
        for item, other in pairwise(way):
            found.setdefault(item, set()).add(other)
            found.setdefault(other, set()).add(item)
    return found


def _bend(parent: str, child: str) -> str:
    return f"{parent}>{child}"


def _top(row: int, count: int, rows: int) -> float:
    """The upper edge of an item; short columns stand in the middle."""
    return _HEADER + (rows - count) * _ROW / 2 + row * _ROW


def _box(asset: Asset, left: float, top: float) -> str:
    notes = ["per scenario" if asset.per_scenario else "for all scenarios"]
    notes += ["on the accelerator"] * asset.accelerator
    lines = [
        f'<text class="note" x="{left + 14:g}" y="{top + 39 + _LINE * number:g}">{note}</text>'
        for number, note in enumerate(notes)
    ]
    lines += [
        f'<text class="note" x="{left + 4:g}" y="{top + _HEIGHT + _LINE * (number + 1):g}">'
        f"{'■' if blocks else '□'} {escape(name)}</text>"
        for number, (name, blocks) in enumerate(asset.checks)
    ]
    return "\n".join(
        [
            f'<g id="{escape(asset.name)}"><rect class="box" x="{left:g}" y="{top:g}"'
            f' width="{_WIDTH}" height="{_HEIGHT}" rx="5"/>',
            f'<rect class="{escape(asset.group)}" x="{left:g}" y="{top:g}" width="6"'
            f' height="{_HEIGHT}" rx="3"/>',
            f'<text class="name" x="{left + 14:g}" y="{top + 22:g}">{escape(asset.name)}</text>',
            *lines,
            "</g>",
        ]
    )


def _edge(places: Sequence[tuple[float, float]], is_box: Sequence[bool]) -> str:
    """A curve from the right of the first box to the left of the last, through its bends."""
    points = []
    for (left, top), box in zip(places, is_box, strict=True):
        middle = top + _HEIGHT / 2
        points += [(left, middle), (left + _WIDTH, middle)] if not box else [(left, middle)]
    (first_left, _), *rest = points
    points = [(first_left + _WIDTH, points[0][1]), *rest]
    path = f"M{points[0][0]:g} {points[0][1]:g}"
    for (x, y), (to_x, to_y) in pairwise(points):
        bow = (to_x - x) / 2
        path += f" C{x + bow:g} {y:g} {to_x - bow:g} {to_y:g} {to_x:g} {to_y:g}"
    return f'<path class="edge" d="{path}" marker-end="url(#tip)"/>'


def _legend() -> str:
    parts, left = [], _MARGIN
    for group in GROUPS:
        parts.append(f'<rect class="{group}" x="{left}" y="16" width="10" height="10" rx="2"/>')
        parts.append(f'<text class="note" x="{left + 15}" y="25">{group}</text>')
        left += 104
    parts.append(
        f'<text class="note" x="{left + 20}" y="25">■ check that blocks what comes after'
        "   □ check that doesn't block</text>"
    )
    return "\n".join(parts)
