"""SPDX 3.0.1 with its AI and Dataset profiles, as JSON-LD: an adapter, its base and its footage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from slora_assets.config.licences import Licence
from slora_assets.governance.exports.facts import (
    Exported,
    FootageFile,
    hyperparameters,
    limitations,
    path_url,
    preprocessing,
    scenarios_of,
    scores,
)
from slora_assets.provenance import json_text, sha256_bytes

FILE: Final = "spdx.json"

_CREATION: Final = "_:creation"
_PROFILES: Final = ["ai", "core", "dataset", "simpleLicensing", "software"]

Element = dict[str, Any]


def spdx(run: Exported) -> str:
    """The document as text."""
    return json_text(
        {
            "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
            "@graph": _Graph(run).elements(),
        }
    )


class _Graph:
    def __init__(self, run: Exported) -> None:
        self._run = run
        self._prefix = f"https://spdx.org/spdxdocs/{run.title}-{run.id('spdx')}#"

    def elements(self) -> list[Element]:
        """Creation, agents, packages, files, licences, relationships, and the document of all."""
        run = self._run
        things = [
            self._element("SoftwareAgent", "slora", name="slora"),
            self._element("Agent", "supplier", name="whoever trained it; no name is on record"),
            self._adapter(),
            self._base(),
            self._dataset(),
            *(self._file(one) for one in run.files),
            *self._licences(),
        ]
        relations = list(self._relations())
        document = self._element(
            "SpdxDocument",
            "document",
            name=f"{run.title} {run.adapter.sha256[:16]}",
            profileConformance=_PROFILES,
            rootElement=[self._id("adapter")],
            element=[one["spdxId"] for one in (*things, *relations)],
        )
        creation = {
            "type": "CreationInfo",
            "@id": _CREATION,
            "specVersion": "3.0.1",
            "created": run.seconds,
            "createdBy": [self._id("slora")],
        }
        return [creation, *things, *relations, document]

    def _id(self, name: str) -> str:
        return f"{self._prefix}{name}"

    def _element(self, kind: str, id_: str, **about: Any) -> Element:
        return {"type": kind, "spdxId": self._id(id_), "creationInfo": _CREATION} | about

    def _adapter(self) -> Element:
        run = self._run
        released = {"releaseTime": f"{run.promotion.time[:19]}Z"} if run.promotion else {}
        metrics = {name: repr(value) for name, value in scores(run).items()}
        return self._element(
            "ai_AIPackage",
            "adapter",
            name=run.title,
            description=f"A LoRA adapter of {run.adapter.base}.",
            verifiedUsing=[_hash(run.adapter.sha256)],
            builtTime=run.seconds,
            suppliedBy=self._id("supplier"),
            software_packageVersion=run.adapter.sha256[:16],
            software_downloadLocation=f"urn:sha256:{run.adapter.sha256}",
            software_primaryPurpose="model",
            ai_typeOfModel=["low-rank adapter", "diffusion transformer", "text-to-video"],
            ai_domain=[name.replace("_", " ") for name in run.record.scenarios],
            ai_hyperparameter=_entries(hyperparameters(run)),
            ai_metric=_entries(metrics),
            ai_modelDataPreprocessing=preprocessing(run),
            ai_informationAboutTraining=f"{run.record.steps} steps; config"
            f" {run.record.config_hash}, run {run.record.run_hash}",
            ai_informationAboutApplication=f"Licences allow {run.use} use at most.",
            ai_limitation=" ".join(limitations(run)),
            ai_useSensitivePersonalInformation="noAssertion",
            ai_autonomyType="no",
            **released,
        )

    def _base(self) -> Element:
        base = self._run.record.base
        return self._element(
            "ai_AIPackage",
            "base",
            name=str(base["name"]),
            software_packageVersion=str(base["revision"]),
            software_primaryPurpose="model",
            ai_typeOfModel=["diffusion transformer", "text-to-video"],
            comment=", ".join(f"{part}: {sha}" for part, sha in sorted(base["parts"].items())),
        )

    def _dataset(self) -> Element:
        run = self._run
        record = run.record
        use = f" Use, in the dataset's words: {run.dataset.use}." if run.dataset else ""
        return self._element(
            "dataset_DatasetPackage",
            "dataset",
            name=record.dataset,
            description=f"{len(record.clips)} clips for {scenarios_of(run)}."
            f" Licence: {record.licence}.{use}",
            originatedBy=[self._id("supplier")],
            builtTime=run.seconds,
            software_packageVersion=record.dataset_hash[:16],
            software_downloadLocation=f"urn:sha256:{record.dataset_hash}",
            software_primaryPurpose="data",
            dataset_datasetType=["video", "text"],
            dataset_datasetSize=len(record.clips),
            dataset_dataCollectionProcess="Provided to the project; none was collected by it.",
            dataset_dataPreprocessing=preprocessing(run),
            dataset_intendedUse=f"Training and validation of {run.title}.",
            dataset_hasSensitivePersonalInformation="noAssertion",
        )

    def _file(self, file: FootageFile) -> Element:
        return self._element(
            "software_File",
            f"footage/{path_url(file.path)}",
            name=file.path,
            contentType=file.media_type,
            software_primaryPurpose="data",
            verifiedUsing=[_hash(file.sha256)],
        )

    def _licences(self) -> Iterator[Element]:
        run = self._run
        found = {run.base_licence, run.dataset_licence, *(one.licence for one in run.files)}
        for licence in sorted(found, key=lambda one: one.id):
            if licence.known and not licence.id.startswith("LicenseRef-"):
                yield self._element(
                    "simplelicensing_LicenseExpression",
                    _licence_name(licence),
                    simplelicensing_licenseExpression=licence.id,
                )
            else:
                yield self._element(
                    "simplelicensing_SimpleLicensingText",
                    _licence_name(licence),
                    simplelicensing_licenseText=f"{licence.id}: {licence.clause}",
                )

    def _relations(self) -> Iterator[Element]:
        run, licensed = self._run, defaultdict[str, str](str)
        files = [f"footage/{path_url(one.path)}" for one in run.files]
        yield self._relation("trained", "adapter", "trainedOn", "dataset")
        if any(clip.split == "validation" for clip in run.record.clips):
            yield self._relation("tested", "adapter", "testedOn", "dataset")
        yield self._relation("needs", "adapter", "dependsOn", "base")
        yield self._relation("descends", "adapter", "descendantOf", "base")
        if files:
            yield self._relation("holds", "dataset", "contains", *files)
        licensed["base"] = _licence_name(run.base_licence)
        licensed["dataset"] = _licence_name(run.dataset_licence)
        for name, file in zip(files, run.files, strict=True):
            licensed[name] = _licence_name(file.licence)
        for name, licence in licensed.items():
            yield self._relation(f"licence-of/{name}", name, "hasDeclaredLicense", licence)

    def _relation(self, id_: str, origin: str, kind: str, *to: str) -> Element:
        return self._element(
            "Relationship",
            f"relation/{id_}",
            **{"from": self._id(origin)},
            relationshipType=kind,
            to=[self._id(one) for one in to],
        )


def _licence_name(licence: Licence) -> str:
    """A name for its element: free texts have characters that ids can't have."""
    return f"licence/{sha256_bytes(licence.id.encode())[:16]}"


def _hash(sha256: str) -> Element:
    return {"type": "Hash", "algorithm": "sha256", "hashValue": sha256}


def _entries(facts: dict[str, str]) -> list[Element]:
    return [{"type": "DictionaryEntry", "key": key, "value": value} for key, value in facts.items()]
