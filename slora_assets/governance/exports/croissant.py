"""Croissant 1.1 (mlcommons.org/croissant): the footage as it was trained on, as JSON-LD."""

from __future__ import annotations

from typing import Any, Final

from slora_assets.config.licences import Licence
from slora_assets.governance.exports.facts import (
    Exported,
    FootageFile,
    path_url,
    preprocessing,
    scenarios_of,
)
from slora_assets.provenance import json_text

FILE: Final = "croissant.json"

_CONTEXT: Final[dict[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The standard's own."""

_FIELDS: Final = {
    "id": ("sc:Text", "The dataset's name for the clip."),
    "file": ("sc:Text", "The video file that it is in."),
    "sha256": ("sc:Text", "Of that file's bytes."),
    "start_s": ("sc:Float", "Where it begins in its file, in seconds."),
    "scenario": ("sc:Text", "The scenario that it was sorted into."),
    "split": ("sc:Text", "`train`: trained on. `validation`: measured on, never trained on."),
    "source": ("sc:Text", "The video that it was cut from."),
    "licence": ("sc:Text", "What it is under."),
    "prompts": ("sc:Text", "What it was trained with, a line each."),
}


def croissant(run: Exported) -> str:
    """The document as text."""
    return json_text(
        {
            "@context": _CONTEXT,
            "@type": "sc:Dataset",
            "name": f"{run.record.dataset}-{run.name}",
            "description": _description(run),
            "conformsTo": [
                "http://mlcommons.org/croissant/1.1",
                "http://mlcommons.org/croissant/RAI/1.0",
            ],
            "version": f"1.0.0+{run.record.dataset_hash[:16]}",
            "datePublished": run.time[:10],
            "license": licence_url(run.dataset_licence),
            "url": f"urn:sha256:{run.record.dataset_hash}",
            "citeAs": f"{run.record.dataset}, as trained on by {run.title}, dataset hash"
            f" {run.record.dataset_hash}",
            "creator": {
                "@type": "sc:Organization",
                "name": f"the makers of {run.record.dataset}, whom no record names",
            },
            "isLiveDataset": False,
            "rai:dataCollection": "Footage that was provided to the project; none was collected by"
            " it.",
            "rai:dataPreprocessingProtocol": preprocessing(run),
            "rai:dataUseCases": f"Training and validation of the adapter {run.title} of"
            f" {run.record.base.get('name')}.",
            "rai:dataLimitations": _limits(run),
            "rai:personalSensitiveInformation": "Nobody looked for persons in the footage, and no"
            " record says whether they agreed.",
            "distribution": [_file(one) for one in run.files],
            "recordSet": [_clips(run)],
        }
    )


def licence_url(licence: Licence) -> str:
    """Where a licence of SPDX stands; of others the words."""
    of_spdx = licence.known and not licence.id.startswith("LicenseRef-")
    return f"https://spdx.org/licenses/{licence.id}" if of_spdx else licence.id


def _description(run: Exported) -> str:
    use = f" Use, in the words of the dataset: {run.dataset.use}." if run.dataset else ""
    return (
        f"The {len(run.record.clips)} clips of {run.record.dataset} that the adapter {run.title}"
        f" was trained on or measured on, for {scenarios_of(run)}."
        f" Licence: {run.record.licence}.{use}"
    )


def _limits(run: Exported) -> list[str]:
    dropped = len(run.record.dropped)
    return [
        f"Licences of the footage and the base allow {run.use} use at most.",
        f"{dropped} clips that could not be used were left out.",
    ]


def _file(file: FootageFile) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path.rpartition("/")[2],
        "contentUrl": path_url(file.path),
        "encodingFormat": file.media_type,
        "sha256": file.sha256,
        "license": licence_url(file.licence),
    }


def _clips(run: Exported) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "clips",
        "name": "clips",
        "description": "A row per clip.",
        "key": {"@id": "clips/id"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"clips/{name}",
                "name": name,
                "description": about,
                "dataType": kind,
            }
            for name, (kind, about) in _FIELDS.items()
        ],
        "data": [
            {
                "clips/id": clip.id,
                "clips/file": file.path,
                "clips/sha256": clip.sha256,
                "clips/start_s": clip.start_s,
                "clips/scenario": clip.scenario,
                "clips/split": clip.split,
                "clips/source": clip.source or "",
                "clips/licence": run.licence_of(clip).id,
                "clips/prompts": "\n".join(clip.prompts or []),
            }
            for file in run.files
            for clip in file.clips
        ],
    }
