"""`/openapi.json` says what the service does: every refusal, and which values are taken."""

from __future__ import annotations

import re

from fastapi import FastAPI
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter, ValidationError

from api.access.door import OPEN
from api.contract import PROMPT
from api.form import GenerateForm
from slora_assets_tests.api.refused import VALID

FORM = TypeAdapter(GenerateForm)


def test_every_refusal_is_a_problem_and_every_route_names_the_common_ones(app: FastAPI) -> None:
    document = app.openapi()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for operation in methods.values():
            said = operation["responses"]
            assert path in OPEN or {"401", "403", "429", "503"} <= set(said), path
            for status in said:
                if status >= "400":
                    [(kind, body)] = said[status]["content"].items()
                    assert kind == "application/problem+json", (path, status)
                    assert body["schema"]["$ref"].endswith("/Problem")


def test_prompts_that_the_schema_takes_are_those_that_the_form_takes() -> None:
    """Each character alone, those around every edge of a range, and beside a letter."""
    edges = {ord(one) + near for one in re.findall(r"[^\0]", _spelt(PROMPT)) for near in (-1, 0, 1)}
    for code in sorted({*range(0x3000), *range(0x3000, 0x110000, 97), *edges}):
        if 0xD800 <= code <= 0xDFFF or not 0 <= code < 0x110000:
            continue  # no JSON in UTF-8 has them
        for text in (chr(code), f"a{chr(code)}"):
            assert bool(re.search(PROMPT, text)) == _taken(text), f"{text!r} U+{code:04X}"


def test_the_schema_knows_each_scenarios_strengths_and_adapter(app: FastAPI) -> None:
    form = app.openapi()["components"]["schemas"]["GenerateForm"]
    by_name = {one["if"]["properties"]["scenario"]["const"]: one["then"] for one in form["allOf"]}
    known = by_name["market_floor"]["properties"]
    zero, judged = known["lora_scale"]["anyOf"]
    assert zero == {"const": 0} and judged == {"minimum": 0.0, "maximum": 1.5}
    assert all(path.startswith("checkpoints/") for path in known["lora_path"]["enum"])
    assert "lora_path" not in by_name["stage"]["properties"], "nothing serves it"
    in_json = app.openapi()["components"]["schemas"]["GenerateJson"]["properties"]
    assert in_json["seed"]["anyOf"][1] == {"type": "null"} and "anyOf" not in in_json["prompt"]


def test_model_may_stand_for_the_scenario_where_openais_clients_ask(app: FastAPI) -> None:
    document = app.openapi()
    content = document["paths"]["/v1/videos"]["post"]["requestBody"]["content"]
    named = {kind: one["schema"]["$ref"].rpartition("/")[2] for kind, one in content.items()}
    assert named["application/json"] == "VideoJson" and "VideoForm" in named.values()
    for name, of in (("VideoForm", "GenerateForm"), ("VideoJson", "GenerateJson")):
        schema, same = (document["components"]["schemas"][one] for one in (name, of))
        model = schema["properties"]["model"]
        assert "In the place of `scenario`" in model["description"]
        assert model["enum"] == same["properties"]["scenario"]["enum"]
        assert schema["properties"] == {**same["properties"], "model": model}
        taken = Draft202012Validator(schema)
        for fields, fine in (
            ({"scenario": "kitchen"}, True),
            ({"model": "kitchen", "lora_scale": 1.5}, True),
            ({"model": "kitchen", "lora_scale": 9}, False),
            ({"model": "nowhere"}, False),
            ({"model": "kitchen", "scenario": "kitchen"}, False),
            ({}, False),
        ):
            assert taken.is_valid({"prompt": "a red cart", **fields}) == fine, fields


def _spelt(pattern: str) -> str:
    return re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), pattern)


def _taken(text: str) -> bool:
    try:
        FORM.validate_python(VALID | {"prompt": text})
    except ValidationError:
        return False
    return True
