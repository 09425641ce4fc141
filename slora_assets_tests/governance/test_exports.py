"""`slora export`: each format's own tool finds nothing wrong, and the same workspace gives the same
bytes wherever it lies."""

from __future__ import annotations

import io
import json
import os
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import mlcroissant
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from typer.testing import CliRunner

from slora_assets.cli.commands import app
from slora_assets.config.errors import IntegrityError, MissingInputError, SloraError
from slora_assets.config.licences import LICENCES
from slora_assets.config.workspace import Workspace
from slora_assets.documents import RUN_RECORD
from slora_assets.governance.exports.facts import exported
from slora_assets.governance.exports.formats import Format
from slora_assets.governance.exports.stage import write_exports
from slora_assets.provenance import read_json, write_json
from slora_assets.provenance.records import read_run_record
from slora_assets_tests.governance.made import SCENARIO, adapter_of
from slora_assets_tests.on_record import put_run_on_record
from slora_assets_tests.workspaces import choose

SPDX_FOLDER: Final = "SPDX_3_0_1"
"""A folder with `spdx-context.jsonld`, `spdx-model.ttl` and `spdx-json-schema.json` of spdx.org,
for machines that can't fetch them."""


def _text(workspace: Workspace, which: Format, tmp_path: Path) -> str:
    [file] = write_exports(exported(workspace, SCENARIO), [which], tmp_path / "out")
    return file.read_text("utf-8")


def _document(workspace: Workspace, which: Format, tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_text(workspace, which, tmp_path))
    return found


def _licensed(workspace: Workspace, licence: str, clip_licence: str) -> None:
    """As if the run's footage had been under these, one clip under its own."""
    file = workspace.scenario_run(SCENARIO) / RUN_RECORD
    record = read_json(file, remedy="")
    assert isinstance(record, dict)
    clips = record["clips"]
    assert isinstance(clips, list) and isinstance(clips[0], dict)
    clips[0]["licence"] = clip_licence
    write_json(file, record | {"licence": licence})
    put_run_on_record(workspace, SCENARIO)


# What is told


def test_the_command_writes_all_formats_or_those_named(project: Workspace, tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["export", SCENARIO, "--out", str(tmp_path / "all")])
    assert told.exit_code == 0, told.output
    assert len(list((tmp_path / "all").iterdir())) == len(Format)
    named = ["export", SCENARIO, "--out", str(tmp_path / "one"), "--format", "spdx"]
    assert CliRunner().invoke(app, named).exit_code == 0
    assert [one.name for one in (tmp_path / "one").iterdir()] == ["spdx.json"]


def test_a_copy_elsewhere_gives_the_same_bytes_and_names_no_place(
    project: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = write_exports(exported(project, SCENARIO), Format, tmp_path / "here")
    root = Path(shutil.copytree(project.root, tmp_path / "elsewhere"))
    named = {
        name: str(root / Path(os.environ[name]).relative_to(project.root))
        for name in ("SLORA_WORKSPACE", "SLORA_CONFIGS", "SLORA_DATASET")
    }
    copy = choose(named, monkeypatch)
    there = write_exports(exported(copy, SCENARIO), Format, tmp_path / "there")
    for one, other in zip(here, there, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
        assert str(tmp_path) not in one.read_text("utf-8"), one.name


def test_what_was_changed_since_is_not_exported(project: Workspace) -> None:
    file = project.scenario_run(SCENARIO) / RUN_RECORD
    before = file.read_bytes()
    file.write_bytes(before.replace(b"Apache-2.0", b"CC0-1.0"))
    with pytest.raises(IntegrityError, match="not what its stage left"):
        exported(project, SCENARIO)
    file.write_bytes(before)
    weights = adapter_of(project)
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0\0")
    with pytest.raises(IntegrityError):
        exported(project, SCENARIO)


def test_what_was_never_trained_is_refused(project: Workspace) -> None:
    for name in ("stage", "unified", "nowhere"):
        with pytest.raises(SloraError):
            exported(project, name)
    (project.scenario_run(SCENARIO) / RUN_RECORD).unlink()
    with pytest.raises(MissingInputError):
        exported(project, SCENARIO)


# Croissant


def _croissant_issues(text: str, folder: Path) -> tuple[set[str], set[str]]:
    file = folder / "croissant.json"
    file.write_text(text)
    issues = mlcroissant.Dataset(str(file)).metadata.ctx.issues
    return issues.errors, issues.warnings


def test_croissant_has_no_errors_and_names_each_file_with_its_hash(
    project: Workspace, tmp_path: Path
) -> None:
    text = _text(project, Format.CROISSANT, tmp_path)
    assert _croissant_issues(text, tmp_path) == (set(), set())
    record = read_run_record(project.scenario_run(SCENARIO))
    dataset = mlcroissant.Dataset(str(tmp_path / "croissant.json"))
    rows = {row["clips/id"]: row for row in dataset.records("clips")}
    assert {name: row["clips/split"] for name, row in rows.items()} == {
        clip.id: clip.split for clip in record.clips
    }
    files = {one["@id"]: one["sha256"] for one in json.loads(text)["distribution"]}
    assert {row["clips/file"]: row["clips/sha256"] for row in rows.values()} == files
    assert set(files.values()) == {clip.sha256 for clip in record.clips}
    assert all((project.root / path).is_file() for path in files)


def test_croissants_tool_sees_what_is_wrong(project: Workspace, tmp_path: Path) -> None:
    document = _document(project, Format.CROISSANT, tmp_path)
    del document["distribution"][0]["sha256"]
    with pytest.raises(mlcroissant.ValidationError):
        _croissant_issues(json.dumps(document), tmp_path)


# CycloneDX


def test_cyclonedx_is_valid_against_its_strict_schema(project: Workspace, tmp_path: Path) -> None:
    _licensed(project, "our own words", "CC-BY-NC-4.0")
    text = _text(project, Format.CYCLONEDX, tmp_path)
    validator = JsonStrictValidator(SchemaVersion.V1_7)
    assert validator.validate_str(text) is None
    document = json.loads(text)
    [dataset] = [one for one in document["components"] if one["type"] == "data"]
    assert dataset["licenses"] == [{"license": {"name": "our own words"}}]
    told = {json.dumps(one["licenses"]) for one in dataset["components"]}
    assert told == {
        json.dumps([{"license": {"id": "CC-BY-NC-4.0"}}]),
        json.dumps([{"license": {"name": "our own words"}}]),
    }
    refs = [one["bom-ref"] for one in (*document["components"], *dataset["components"])]
    assert len(set(refs)) == len(refs)
    assert validator.validate_str(text.replace('"bomFormat"', '"bomFormt"')) is not None


def test_cyclonedx_knows_every_licence_of_the_table_that_spdx_has(tmp_path: Path) -> None:
    ids = [one.id for one in LICENCES.values() if not one.id.startswith("LicenseRef-")]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "components": [
            {"type": "data", "name": one, "licenses": [{"license": {"id": one}}]} for one in ids
        ],
    }
    found = JsonStrictValidator(SchemaVersion.V1_7).validate_str(json.dumps(document))
    assert found is None


# SPDX


def test_spdx_has_each_element_once_and_refers_to_nothing_else(
    project: Workspace, tmp_path: Path
) -> None:
    _licensed(project, "our own words", "CC-BY-NC-4.0")
    graph = _document(project, Format.SPDX, tmp_path)["@graph"]
    ids = [one["spdxId"] for one in graph if "spdxId" in one]
    assert len(set(ids)) == len(ids)
    [document] = [one for one in graph if one["type"] == "SpdxDocument"]
    assert set(document["element"]) == set(ids) - {document["spdxId"]}
    for one in graph:
        if one["type"] == "Relationship":
            assert {one["from"], *one["to"]} <= set(ids)
    kinds = {one["relationshipType"] for one in graph if one["type"] == "Relationship"}
    assert {"trainedOn", "dependsOn", "contains", "hasDeclaredLicense"} <= kinds


def test_spdx_can_be_read_by_the_bindings_of_its_makers(project: Workspace, tmp_path: Path) -> None:
    bindings = pytest.importorskip("spdx_python_model.bindings.v3_0_1")
    found = bindings.SHACLObjectSet()
    text = _text(project, Format.SPDX, tmp_path)
    bindings.JSONLDDeserializer().read(io.StringIO(text), found)
    assert not found.missing_ids


@pytest.fixture(scope="module")
def spdx_model() -> dict[str, str]:
    """The context, the shapes and the schema, which spdx3-validate fetches each time."""
    names = ("spdx-context.jsonld", "spdx-model.ttl", "spdx-json-schema.json")
    folder = os.environ.get(SPDX_FOLDER)
    if folder:
        files = [Path(folder) / name for name in names]
        return {one.name: one.read_text("utf-8") for one in files if one.is_file()}
    import httpx

    try:
        return {
            name: httpx.get(
                f"https://spdx.org/{'schema' if name.endswith('.json') else 'rdf'}/3.0.1/{name}",
                timeout=5,
            )
            .raise_for_status()
            .text
            for name in names
        }
    except httpx.HTTPError as error:
        pytest.skip(f"spdx3-validate needs spdx.org, or its files in {SPDX_FOLDER} ({error!r})")


def test_spdx_has_no_errors_by_its_own_validator(
    project: Workspace, tmp_path: Path, spdx_model: dict[str, str]
) -> None:
    import rdflib
    from spdx3_validate.core import check_graph, schema_validator
    from spdx3_validate.spdx_versions import find_version

    _licensed(project, "our own words", "CC-BY-NC-4.0")
    document = _document(project, Format.SPDX, tmp_path)
    version = find_version(document["@context"])
    assert version is not None and version.pretty == "3.0.1"
    if "spdx-json-schema.json" in spdx_model:
        schema = schema_validator(json.loads(spdx_model["spdx-json-schema.json"]))
        assert list(schema.iter_errors(document)) == []
    shapes = rdflib.Graph().parse(data=spdx_model["spdx-model.ttl"], format="turtle")

    def errors(told: dict[str, Any]) -> list[str]:
        context = json.loads(spdx_model["spdx-context.jsonld"])["@context"]
        whole = json.dumps(told | {"@context": context})
        graph = rdflib.Graph().parse(data=whole, format="json-ld")
        return check_graph(graph, shapes, version, error_external=True)

    assert errors(document) == []
    for one in document["@graph"]:
        one.pop("dataset_datasetType", None)
    assert errors(document), "the validator sees what is missing"


# The EU's summary


def test_the_eu_summary_has_all_sections_and_none_is_empty(
    project: Workspace, tmp_path: Path
) -> None:
    text = _text(project, Format.EU_SUMMARY, tmp_path)
    heads = [line.lstrip("# ").split(" ")[0] for line in text.splitlines() if line.startswith("#")]
    sections = ["1.", "1.1.", "1.2.", "1.3.", "2.", "2.1.", "2.2.", "2.2.1.", "2.2.2."]
    sections += ["2.3.", "2.4.", "2.5.", "2.6.", "3.", "3.1.", "3.2.", "3.3."]
    assert heads[1:] == sections
    parts = [part for part in text.split("\n\n") if part.strip()]
    for part, following in pairwise(parts):
        deeper = following.startswith("#") and following.index(" ") > part.find(" ")
        assert not (part.startswith("#") and following.startswith("#")) or deeper, part
    record = read_run_record(project.scenario_run(SCENARIO))
    assert f"({len(record.clips)} clips" in text
    assert {clip.source for clip in record.clips if clip.source and clip.source in text}


def test_a_source_cannot_write_into_the_eu_summary(project: Workspace, tmp_path: Path) -> None:
    file = project.scenario_run(SCENARIO) / RUN_RECORD
    record = read_json(file, remedy="")
    assert isinstance(record, dict) and isinstance(record["clips"], list)
    for clip in record["clips"]:
        assert isinstance(clip, dict)
        clip["source"] = "a\n\n## 9. forged | <b>"
    write_json(file, record)
    put_run_on_record(project, SCENARIO)
    text = _text(project, Format.EU_SUMMARY, tmp_path)
    assert "\n## 9." not in text and "<b>" not in text


# MLflow
