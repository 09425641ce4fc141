"""`/openapi.json`: FastAPI's schema, with what presets allow now and how every refusal looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from starlette.responses import JSONResponse

from api.access.described import describe
from api.access.door import OPEN
from api.errors import NotServable
from api.form import GenerateForm
from api.generator.choice import choose
from api.service import Service
from slora_assets.config.errors import SloraError
from slora_assets.documents import ADAPTER_FILE

router = APIRouter(include_in_schema=False)

_REF: Final = "#/components/schemas/{model}"
_LOST: Final = {"description": "What the service needs can't be read or used; the log says more."}

_LAST_OF_PLANES: Final = "".join(
    chr((plane << 16) + 0xFFFE) + chr((plane << 16) + 0xFFFF) for plane in range(1, 15)
)
_UNWELCOME: Final = (
    r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f"
    r"\u202a-\u202e\u2066-\u2069\ue000-\uf8ff\ufdd0-\ufdef\ufffd-\uffff"
    f"{_LAST_OF_PLANES}\U000f0000-\U0010ffff"
)
_UNSEEN: Final = (
    r"\u0009\u000a\u000d\u0020\u0085\u00a0\u00ad\u061c\u1680\u180e\u2000-\u200f\u2028\u2029\u202f"
    r"\u205f-\u2064\u206a-\u206f\u3000\u3164\ufeff\uffa0\ufff9-\ufffc"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
)
PROMPT: Final = f"^[^{_UNWELCOME}]*[^{_UNWELCOME}{_UNSEEN}][^{_UNWELCOME}]*$"
"""What `form` takes for a prompt: nothing that nobody types, and something that is seen."""

_MODEL: Final = (
    "In the place of `scenario`: the scenario, as clients that were written for OpenAI's API name"
    " it."
)


class Complaint(BaseModel):
    """What is wrong with a field, or with a part of the service."""

    field: str
    detail: str


class Problem(BaseModel):
    """A refusal (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[Complaint] = []


@router.get("/openapi.json")
def contract(request: Request) -> JSONResponse:
    """FastAPI's own route writes it on the thread that answers everybody."""
    return JSONResponse(request.app.openapi())


def contract_of(app: FastAPI, service: Service) -> dict[str, Any]:
    """The schema as it holds now."""
    if app.openapi_schema is None:  # what the routes and models say stays as it is
        app.openapi_schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
        describe(app.openapi_schema)
    document = deepcopy(app.openapi_schema)
    schemas = document["components"]["schemas"]
    form = GenerateForm.model_json_schema(ref_template=_REF)
    _limit(form, service)
    for name, fields in (("Generate", form), ("Video", _with_model(form))):
        schemas[f"{name}Form"] = fields | {"title": f"{name}Form"}
        schemas[f"{name}Json"] = _with_null(fields) | {"title": f"{name}Json"}
    for path, operation in _operations(document):
        if path not in OPEN:
            operation["responses"].setdefault("503", dict(_LOST))
        _name_problems(operation["responses"])
    problem = Problem.model_json_schema(ref_template=_REF)
    schemas |= problem.pop("$defs") | {"Problem": problem}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def _name_problems(responses: dict[str, Any]) -> None:
    """FastAPI says of every route with a name in its path that it refuses some, and names a body
    that none of ours has."""
    if "application/json" in responses.get("422", {}).get("content", {}):
        del responses["422"]
    ref = {"$ref": _REF.format(model="Problem")}
    for status, response in responses.items():
        if status >= "400":
            response["content"] = {"application/problem+json": {"schema": ref}}


def _limit(form: dict[str, Any], service: Service) -> None:
    """What the presets and the base have against values."""
    presets, fields = service.presets(), form["properties"]
    fields["scenario"]["enum"] = presets.scenarios
    for name in ("prompt", "negative_prompt"):
        fields[name] |= {"pattern": PROMPT, "maxLength": presets.limits.max_prompt_characters}
    fields["preset"]["enum"] = sorted(presets.speed)
    fields["num_inference_steps"]["maximum"] = presets.limits.max_steps
    with suppress(SloraError):  # without its base no clip is made anyway
        fields["num_frames"]["const"] = service.engine.base(presets.base_model).geometry.frames
    form["allOf"] = [
        {
            "if": {"properties": {"scenario": {"const": name}}},
            "then": _of_scenario(service, name),
        }
        for name in sorted(presets.presets)
    ]


def _with_model(form: dict[str, Any]) -> dict[str, Any]:
    """The same fields where `model` may name the scenario."""
    found: dict[str, Any] = deepcopy(form)
    fields = found["properties"]
    fields["model"] = fields["scenario"] | {"title": "Model", "description": _MODEL}
    found["required"].remove("scenario")
    found["oneOf"] = [{"required": ["scenario"]}, {"required": ["model"]}]
    for one in found["allOf"]:
        named = one["if"]["properties"]["scenario"]
        one["if"] = {
            "anyOf": [
                {"properties": {name: named}, "required": [name]} for name in ("scenario", "model")
            ]
        }
    return found


def _with_null(form: dict[str, Any]) -> dict[str, Any]:
    """The same fields in JSON, where null is a field left out."""
    found: dict[str, Any] = deepcopy(form)
    then = [one["then"]["properties"] for one in found["allOf"]]
    needed = {*found["required"], "scenario", "model"}
    optional = [n for n in found["properties"] if n not in needed]
    for fields, names in ((found["properties"], optional), *((one, list(one)) for one in then)):
        for name in names:
            fields[name] = {"anyOf": [fields[name], {"type": "null"}]}
    return found


def _of_scenario(service: Service, name: str) -> dict[str, Any]:
    """Strengths, and the adapter where one would be served: no other is taken, and it at no speed
    that it wasn't let through at."""
    presets = service.presets()
    preset = presets.presets[name]
    judged = {"minimum": preset.scale_min, "maximum": preset.scale_max}
    told: dict[str, Any] = {"lora_scale": {"anyOf": [{"const": 0}, judged]}}
    found: dict[str, Any] = {"properties": told}
    with suppress(NotServable, SloraError):
        choice = choose(service.settings, presets, name)
        adapter = choice.lora_path
        told["lora_path"] = {"enum": [adapter, adapter.removesuffix(f"/{ADAPTER_FILE}")]}
        if choice.speeds is not None and {*presets.speed} > {*choice.speeds}:
            base_alone = {"properties": {"lora_scale": {"const": 0}}, "required": ["lora_scale"]}
            let_through = {"properties": {"preset": {"enum": [*choice.speeds, None]}}}
            found["anyOf"] = [base_alone, let_through]
    return found
