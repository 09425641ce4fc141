"""CycloneDX 1.7: a bill of materials of an adapter, with a model card, its footage and its base."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from slora_assets.config.licences import Licence
from slora_assets.governance.exports.facts import (
    Exported,
    FootageFile,
    hyperparameters,
    limitations,
    path_url,
    scenarios_of,
    scores,
)
from slora_assets.provenance import json_text

FILE: Final = "bom.cdx.json"


def cyclonedx(run: Exported) -> str:
    """The document as text."""
    return json_text(
        {
            "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.7",
            "serialNumber": f"urn:uuid:{run.id('cyclonedx')}",
            "version": 1,
            "metadata": {
                "timestamp": run.seconds,
                "tools": {"components": [{"type": "application", "name": "slora"} | _version(run)]},
                "component": _adapter(run),
            },
            "components": [_base(run), _dataset(run), *_software(run)],
            "dependencies": [
                {"ref": "adapter", "dependsOn": ["base", "dataset"]},
                {"ref": "base"},
                {"ref": "dataset"},
            ],
        }
    )


def _version(run: Exported) -> dict[str, str]:
    version = run.record.code.version if run.record.code else None
    return {"version": version} if version else {}


def _adapter(run: Exported) -> dict[str, Any]:
    facts = {
        "use": run.use,
        "run_hash": run.record.run_hash,
        "config_hash": run.record.config_hash,
        "dataset_hash": run.record.dataset_hash,
        "verdict": run.verdict.gate.answer if run.verdict else "none",
        "promoted": run.promotion.time if run.promotion else "no",
        "code": (run.record.code.commit or run.record.code.package) if run.record.code else "",
    }
    return {
        "type": "machine-learning-model",
        "bom-ref": "adapter",
        "name": run.title,
        "version": run.adapter.sha256[:16],
        "description": f"A LoRA adapter of {run.adapter.base} for {scenarios_of(run)}.",
        "hashes": [_hash(run.adapter.sha256)],
        "modelCard": _card(run),
        "properties": _properties(facts),
    }


def _card(run: Exported) -> dict[str, Any]:
    return {
        "modelParameters": {
            "approach": {"type": "supervised"},
            "task": "text-to-video",
            "architectureFamily": "diffusion transformer",
            "modelArchitecture": f"LoRA of rank {run.adapter.rank} on {run.adapter.base}",
            "datasets": [{"ref": "dataset"}],
            "inputs": [{"format": "text/plain"}],
            "outputs": [{"format": "video/mp4"}],
        },
        "quantitativeAnalysis": {"performanceMetrics": _metrics(run)},
        "considerations": {
            "useCases": [f"Video of {name}" for name in run.record.scenarios],
            "technicalLimitations": limitations(run),
        },
        "properties": _properties(hyperparameters(run)),
    }


def _metrics(run: Exported) -> list[dict[str, Any]]:
    guarded = run.verdict.gate.metrics if run.verdict else {}
    found: list[dict[str, Any]] = []
    for name, value in scores(run).items():
        metric: dict[str, Any] = {"type": name, "value": repr(value)}
        found.append(metric)
    for name, one in guarded.items():
        if one.mean_delta is not None and one.lower is not None and one.upper is not None:
            bounds = {"lowerBound": repr(one.lower), "upperBound": repr(one.upper)}
            metric = {"type": f"{name}, adapter minus {one.yardstick}"}
            found.append(metric | {"value": repr(one.mean_delta), "confidenceInterval": bounds})
    return found


def _base(run: Exported) -> dict[str, Any]:
    base = run.record.base
    return {
        "type": "machine-learning-model",
        "bom-ref": "base",
        "name": str(base["name"]),
        "version": str(base["revision"]),
        "licenses": _licences([run.base_licence]),
        "components": [
            {
                "type": "file",
                "bom-ref": f"base/{part}",
                "name": part,
                "description": "Hash over its configuration and weights.",
                "hashes": [_hash(sha256)],
            }
            for part, sha256 in sorted(base["parts"].items())
        ],
    }


def _dataset(run: Exported) -> dict[str, Any]:
    use = run.dataset.use if run.dataset else ""
    return {
        "type": "data",
        "bom-ref": "dataset",
        "name": run.record.dataset,
        "version": run.record.dataset_hash[:16],
        "licenses": _licences([run.dataset_licence]),
        "data": [
            {
                "type": "dataset",
                "name": run.record.dataset,
                "description": f"{len(run.record.clips)} clips, for {scenarios_of(run)}.",
            }
        ],
        "properties": _properties({"dataset_hash": run.record.dataset_hash, "use": use}),
        "components": [_file(run, one) for one in run.files],
    }


def _file(run: Exported, file: FootageFile) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "file",
        "bom-ref": f"footage/{path_url(file.path)}",
        "name": file.path,
        "mime-type": file.media_type,
        "hashes": [_hash(file.sha256)],
        "licenses": _licences([file.licence]),
    }
    sources = sorted({clip.source for clip in file.clips if clip.source})
    properties = [{"name": "slora:source", "value": source} for source in sources]
    properties += [
        {"name": "slora:clip", "value": f"{clip.id}: {clip.scenario}, {clip.split}"}
        for clip in file.clips
    ]
    return found | {"properties": properties}


def _software(run: Exported) -> list[dict[str, Any]]:
    return [
        _library(name, version)
        for name, version in sorted(run.record.software.items())
        if version != "not installed" and name not in ("python", "slora")
    ]


def _library(name: str, version: str) -> dict[str, Any]:
    purl = f"pkg:pypi/{name.lower().replace('_', '-')}@{version}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _licences(licences: Iterable[Licence]) -> list[dict[str, Any]]:
    return [
        {
            "license": {"id": one.id}
            if one.known and not one.id.startswith("LicenseRef-")
            else {"name": one.id}
        }
        for one in licences
    ]


def _hash(sha256: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": sha256}


def _properties(facts: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {"name": f"slora:{name}", "value": str(value)} for name, value in facts.items() if value
    ]
