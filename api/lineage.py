"""GET /scenarios/{name}/lineage and /artifacts/{filename}/lineage: what a served adapter, or that
of a clip, was trained on, as JSON and as a picture.

It names the footage, so pages of other sites get nothing of it.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from api.errors import NoLineage
from api.problems import public
from api.same_origin import refuse_foreign
from api.service import service_of
from slora_assets.config.errors import MissingInputError
from slora_assets.governance.lineage.graph import Graph, Node, NodeKind, graph_of
from slora_assets.governance.lineage.shown import as_document, as_svg

router = APIRouter(tags=["lineage"])

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""The picture brings its own style, and nothing else."""
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    403: {"description": "Asked by a page of another site."},
    404: {"description": "Nothing is promoted for the scenario, or no such clip is known."},
}
_PICTURE: Final[dict[int | str, dict[str, Any]]] = {
    **_RESPONSES,
    200: {"content": {"image/svg+xml": {}}, "description": "The picture."},
}


class NodeView(BaseModel):
    """A source, a clip, an adapter, a verdict, a preset or a video."""

    kind: NodeKind
    name: str
    about: str
    file: str | None
    """Relative to the workspace."""


class LineageView(BaseModel):
    """What something was made from and what was made of it."""

    nodes: list[NodeView]
    made_from: list[tuple[str, str]]
    """Pairs of `kind:name`, from what was made to what it was made from."""


@router.get("/scenarios/{name}/lineage", responses=_RESPONSES)
def of_scenario(name: str, request: Request) -> LineageView:
    """What a scenario's promoted adapter was made from."""
    return _view(*_around(request, "preset", name))


@router.get("/scenarios/{name}/lineage.svg", response_class=Response, responses=_PICTURE)
def picture_of_scenario(name: str, request: Request) -> Response:
    """The same as a picture."""
    return _picture(*_around(request, "preset", name))


@router.get("/artifacts/{filename}/lineage", responses=_RESPONSES)
def of_artifact(filename: str, request: Request) -> LineageView:
    """What the adapter that drew a clip was made from."""
    return _view(*_around(request, "video", filename))


@router.get("/artifacts/{filename}/lineage.svg", response_class=Response, responses=_PICTURE)
def picture_of_artifact(filename: str, request: Request) -> Response:
    """The same as a picture."""
    return _picture(*_around(request, "video", filename))


def _around(request: Request, kind: NodeKind, name: str) -> tuple[Graph, list[Node]]:
    """The node of that name with all that it was made from and that it became."""
    settings = service_of(request).settings
    refuse_foreign(request.headers, settings.exposure.origins)
    try:
        graph = graph_of(settings.workspace)
    except MissingInputError as error:  # clips of the base alone need no data
        raise NoLineage(f"Nothing here was made from footage yet. {public(error)}") from error
    node = graph.nodes.get((kind, name))  # names are compared with what is known, never opened
    if node is None:
        raise NoLineage(f"No {kind} of this name is known whose adapter is on record.")
    return graph, graph.around([node])


def _view(graph: Graph, nodes: list[Node]) -> LineageView:
    return LineageView.model_validate(as_document(graph, nodes))


def _picture(graph: Graph, nodes: list[Node]) -> Response:
    headers = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}
    return Response(as_svg(graph, nodes), media_type="image/svg+xml", headers=headers)
