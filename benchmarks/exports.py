"""`slora export` of every run of a workspace, each format by its own tool: `python
benchmarks/exports.py <workspace>`.

Prints per run and format the errors that its tool finds, the seconds of writing it and its size,
then their sum, and whether a second writing gives the same bytes. SPDX's validator fetches its
model from spdx.org; `--spdx` names a folder with `spdx-context.jsonld` and `spdx-model.ttl`
instead.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from slora_assets.config.errors import SloraError
from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.governance.exports.facts import exported
from slora_assets.governance.exports.formats import Format
from slora_assets.governance.exports.stage import write_exports

Judge = Callable[[Path], int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--spdx", type=Path, help="a folder with SPDX's context and model")
    options = parser.parse_args()
    os.environ["SLORA_WORKSPACE"] = str(options.workspace.absolute())
    os.environ.setdefault("SLORA_CONFIGS", str(options.workspace.absolute() / "configs"))
    workspace = Workspace.from_environment()
    judges: Mapping[Format, Judge] = {
        Format.CROISSANT: croissant_errors,
        Format.CYCLONEDX: cyclonedx_errors,
        Format.SPDX: lambda file: spdx_errors(file, options.spdx),
        Format.OPENLINEAGE: openlineage_errors,
    }
    total, written, other = 0, 0, 0
    for name in (*workspace_runs(workspace), UNIFIED):
        try:
            run = exported(workspace, name)
        except SloraError as error:
            print(f"{name}: not exported, {error.what}")
            continue
        print(f"{name}: {len(run.record.clips)} clips")
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as again:
            for one in Format:
                start = time.perf_counter()
                [file] = write_exports(run, [one], Path(folder))
                took = time.perf_counter() - start
                judge = judges.get(one)
                errors = judge(file) if judge else 0
                said = f"{errors} errors" if judge else "no tool of its own"
                print(f"  {one:<12} {said:<20} {took:6.2f} s {file.stat().st_size:>10,} bytes")
                [same] = write_exports(run, [one], Path(again))
                total, written = total + errors, written + 1
                other += same.read_bytes() != file.read_bytes()
    print(f"{written} exports: {total} errors, {other} with other bytes the second time")


def workspace_runs(workspace: Workspace) -> list[str]:
    """Scenarios that have a run."""
    return sorted(one.name for one in workspace.scenario_run("any").parent.glob("[!.]*/"))


def croissant_errors(file: Path) -> int:
    """By mlcroissant."""
    import mlcroissant

    issues = mlcroissant.Dataset(str(file)).metadata.ctx.issues
    return len(issues.errors) + len(issues.warnings)


def cyclonedx_errors(file: Path) -> int:
    """By the strict schema of cyclonedx-python-lib."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    return int(JsonStrictValidator(SchemaVersion.V1_7).validate_str(file.read_text()) is not None)


def spdx_errors(file: Path, folder: Path | None) -> int:
    """By spdx3-validate."""
    import rdflib
    from spdx3_validate.core import check_graph, load_validation_data
    from spdx3_validate.spdx_versions import find_version

    document = json.loads(file.read_text())
    version = find_version(document["@context"])
    assert version is not None
    if folder is None:
        shapes = load_validation_data(version)[1]
    else:
        shapes = rdflib.Graph().parse(folder / "spdx-model.ttl")
        context = json.loads((folder / "spdx-context.jsonld").read_text())
        document["@context"] = context["@context"]
    graph = rdflib.Graph().parse(data=json.dumps(document), format="json-ld")
    return len(check_graph(graph, shapes, version, error_external=True))


def openlineage_errors(file: Path) -> int:
    """By the constructors of OpenLineage's own classes, which refuse what they don't know."""
    from openlineage.client import event_v2

    wrong = 0
    for line in file.read_text().splitlines():
        told = json.loads(line)
        try:
            event_v2.RunEvent(
                eventTime=told["eventTime"],
                eventType=event_v2.RunState(told["eventType"]),
                producer=told["producer"],
                run=event_v2.Run(**told["run"]),
                job=event_v2.Job(**told["job"]),
                inputs=[event_v2.InputDataset(**one) for one in told["inputs"]],
                outputs=[event_v2.OutputDataset(**one) for one in told["outputs"]],
            )
        except (TypeError, ValueError, KeyError):
            wrong += 1
    return wrong


if __name__ == "__main__":
    main()
