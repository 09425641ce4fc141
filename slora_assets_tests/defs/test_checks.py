"""Each check says what it looked at, passes what is whole, and names what isn't."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from PIL import Image

from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.curation.manifest import read_manifest
from slora_assets.defs.code_location import build_definitions
from slora_assets.defs.launch.run_log import show
from slora_assets.documents import ADAPTER_FILE, VERDICT_FILE, registered_path
from slora_assets_tests.defs.shown import SCENARIO, TOO_SHORT, Graph, own_embeddings
from slora_assets_tests.workspaces import rewrite

BLOCKING = {
    "splits_do_not_leak",
    "latents_are_whole",
    "embeddings_are_whole",
    "scenario_export_is_proven",
    "unified_export_is_proven",
}
"""What fails these must not be trained on or judged."""
GATES = {"gate_passes", "unified_gate_passes"}
OF_CURRENCY = {"adapter_is_current", "verdict_is_current"}
"""Look at what stands after others have found it whole; see test_freshness.py."""
RECORDED = {
    "footage",
    "scenario_metadata",
    "scenario_manifest",
    "first_frames",
    "latents",
    "prompt_embeddings",
    "scenario_adapter",
    "unified_adapter",
    "scenario_validation",
    "unified_validation",
    "scale_sweep",
    "inference_presets",
}
"""Assets that leave a record, each with a check of it."""


def _sentences(checks: Iterable[dg.AssetCheckEvaluation]) -> dict[str, str]:
    """What each check says."""
    return {check.check_name: check.description or "" for check in checks}


def _numbers(check: dg.AssetCheckEvaluation) -> dict[str, Any]:
    return {name: value.value for name, value in check.metadata.items()}


def test_on_a_whole_graph_every_check_passes_but_the_gates_that_want_more_prompts(
    graph: Graph,
) -> None:
    checks = graph.second.checks
    assert {name for name, check in checks.items() if not check.passed} == GATES
    for name in GATES:
        assert checks[name].severity == dg.AssetCheckSeverity.WARN


def test_every_check_says_in_a_sentence_what_it_found(graph: Graph) -> None:
    checks, workspace = graph.second.checks, graph.workspace
    clips = read_manifest(workspace.manifest(SCENARIO)).clips
    sources = len({clip.source_group for clip in clips})
    latents = list((workspace.latents / SCENARIO).glob("*.npz"))
    embedded = own_embeddings(workspace)
    samples = len(list((workspace.validation(SCENARIO) / "samples" / "adapter").glob("*.mp4")))
    rows = len(json.loads((workspace.summary / "summary.json").read_text())["rows"])
    parity = graph.first.of("scenario_adapter")["parity"]
    wanted = {
        "splits_do_not_leak": f"{sources} sources of the {len(clips)} clips of {SCENARIO}",
        "frames_are_whole": f"{len(clips)} of {len(clips)} first frames are 720x480",
        "latents_are_whole": f"{len(latents)} of {len(latents)} moments have the right key, are"
        f" finite and of shape {_shape(latents[0], 'moments')}; 1 clip is in quarantine.",
        "embeddings_are_whole": f"{len(embedded)} of {len(embedded)} embeddings have the right"
        f" key, are finite and of shape {_shape(embedded[0], 'embedding')}.",
        "scenario_export_is_proven": f"1 of 1 adapters that {SCENARIO} kept are the recorded files;"
        f" the best, read back, differs by {parity['max_difference']:.2g}",
        "unified_export_is_proven": f"1 of 1 adapters that {UNIFIED} kept are the recorded files",
        "gate_passes": f"The verdict on {SCENARIO} is inconclusive over 2 clips: ",
        "unified_gate_passes": f"The verdict on {UNIFIED} is inconclusive over 2 clips: ",
        "samples_move": f"{samples} of {samples} validation clips of {SCENARIO} move.",
        "unified_samples_move": f"{samples} of {samples} validation clips of {UNIFIED} move.",
        "nothing_is_copied": f"None of {samples} validation clips of {SCENARIO} copies",
        "unified_nothing_is_copied": f"None of {samples} validation clips of {UNIFIED} copies",
        "presets_are_intact": "1 of 1 promoted adapter are in the registry",
        "summary_is_fresh": f"{rows} of {rows} rows of the summary say",
        **{
            f"{asset}_record_verifies": "its files and what it was made from." for asset in RECORDED
        },
    }
    said = _sentences(checks.values())
    assert {name for name, part in wanted.items() if part not in said[name]} == set()
    for sentence in said.values():
        assert sentence[0].isupper() or sentence[0].isdigit()
        assert sentence.endswith(".")
    assert _numbers(checks["samples_move"]) == {"frozen": 0, "samples": samples}
    assert _numbers(checks["embeddings_are_whole"])["right"] == len(embedded)


def _shape(file: Path, array: str) -> str:
    with np.load(file) as archive:
        return str(archive[array].shape)


def _check_all() -> dict[str, dg.AssetCheckEvaluation]:
    return {one.check_name: one for one in _evaluated(dg.AssetSelection.all_asset_checks())}


def _evaluated(checks: dg.AssetSelection) -> list[dg.AssetCheckEvaluation]:
    return [entry.get_dagster_event().asset_check_evaluation_data for entry in _look(checks)]


def _look(checks: dg.AssetSelection) -> list[dg.EventLogEntry]:
    """Run checks alone; their evaluations as the event log has them."""
    job = dg.define_asset_job("checks", checks)
    definitions = dg.Definitions.merge(build_definitions(), dg.Definitions(jobs=[job]))
    # Dagster 1.13 infers partitions from a job's assets, and this one has none.
    tags = {"dagster/partition": SCENARIO}
    evaluated = {dg.DagsterEventType.ASSET_CHECK_EVALUATION}
    with dg.DagsterInstance.ephemeral() as instance:
        done = definitions.resolve_job_def("checks").execute_in_process(
            instance=instance, tags=tags, raise_on_error=False
        )
        found = instance.get_records_for_run(done.run_id, of_type=evaluated).records
        return [record.event_log_entry for record in found]


def _fail(workspace: Workspace, run: str) -> None:
    """Let a verdict say that the adapter got worse and that a clip is frozen."""

    def worse(verdict: dict[str, Any]) -> None:
        verdict["validation_hash"] = "0" * 64
        verdict["verdict"] |= {"verdict": "fail", "reasons": ["It got worse."]}
        verdict["adapter_scores"]["frozen_samples"] = 1
        verdict["copies"] = 1

    rewrite(workspace.validation(run) / VERDICT_FILE, worse)


def test_every_check_fails_on_what_it_guards_against_and_names_it(
    graph: Graph, copy: Workspace
) -> None:
    manifest = copy.manifest(SCENARIO)
    trained = [c for c in read_manifest(manifest).clips if c.split == "train"]
    framed, encoded = (clip for clip in trained[:3] if clip.id != TOO_SHORT)
    Image.new("RGB", (480, 720)).save(copy.root / framed.first_frame)
    embedding = own_embeddings(copy)[0]
    with np.load(embedding) as archive:
        prompt = json.loads(str(archive["key"]))["prompt"]
    for cached in (copy.root / encoded.latent, embedding):
        cached.write_bytes(cached.read_bytes()[:-100])
    clips = json.loads(manifest.read_text())["clips"]
    held_out = next(clip for clip in clips if clip["split"] == "validation")
    source = held_out["source_group"]
    alike = [clip["id"] for clip in clips if clip["source_group"] == source]
    next(clip for clip in clips if clip["id"] == framed.id)["source_group"] = source
    rewrite(manifest, lambda document: document.update(clips=clips))
    for run in (copy.scenario_run(SCENARIO), copy.unified_run):
        (adapter,) = run.rglob(ADAPTER_FILE)
        adapter.write_bytes(adapter.read_bytes()[:-1] + b"?")
    sha256 = graph.first.of("scenario_adapter")["adapter_sha256"]
    (copy.root / registered_path(sha256)).unlink()
    for run_name in (SCENARIO, UNIFIED):
        _fail(copy, run_name)
    footage = copy.root / encoded.path
    footage.write_bytes(footage.read_bytes() + b"?")
    for record in (copy.scenario_metadata, copy.sweep(SCENARIO)):
        record.write_bytes(record.read_bytes() + b"\n")

    checks = _check_all()
    said = _sentences(checks.values())
    assert set(said) == set(graph.second.checks) - OF_CURRENCY
    assert {name for name, check in checks.items() if check.passed} == set()
    assert {name for name, check in checks.items() if check.blocking} == BLOCKING
    for name, parts in {
        "splits_do_not_leak": [
            f"{1 + len(alike)} clips of {SCENARIO} stand on two sides",
            f"{framed.id} (train)",
            f"{', '.join(alike)} (validation) are of one source, {source}",
        ],
        "frames_are_whole": [framed.id],
        "latents_are_whole": [f"{encoded.id}: the cache file is damaged"],
        "embeddings_are_whole": [f"{prompt or 'the empty prompt'}: the cache file is damaged"],
        "scenario_export_is_proven": ["0 of 1 adapters", "not the recorded one"],
        "unified_export_is_proven": ["0 of 1 adapters", "not the recorded one"],
        "gate_passes": ["is fail over 2 clips: It got worse."],
        "unified_gate_passes": ["is fail over 2 clips: It got worse."],
        "samples_move": ["1 of 2 validation clips", f"outputs/validation/{SCENARIO}/report.md"],
        "unified_samples_move": ["1 of 2 validation clips"],
        "nothing_is_copied": ["1 of 2 validation clips", f"{SCENARIO}/nearest.json"],
        "unified_nothing_is_copied": ["1 of 2 validation clips", "Remedy: train for fewer"],
        "presets_are_intact": ["0 of 1 promoted adapter", sha256],
        "summary_is_fresh": [f"not so: {UNIFIED}, {SCENARIO}"],
        "footage_record_verifies": [f"video files {encoded.path}: its bytes are others than"],
        "scenario_metadata_record_verifies": [": it was changed after its stage wrote it"],
        "scale_sweep_record_verifies": [": it was changed after its stage wrote it"],
        "scenario_validation_record_verifies": [
            "verdict.json: it was changed after its stage wrote it"
        ],
        **{
            f"{asset}_record_verifies": ["broken: ", "`slora verify ", "shows the whole tree"]
            for asset in RECORDED
            - {"footage", "scenario_metadata", "scale_sweep", "scenario_validation"}
        },
    }.items():
        assert [part for part in parts if part not in said[name]] == [], said[name]
    remedied = set(said) - GATES
    assert [said[name] for name in remedied if "Remedy: " not in said[name]] == []
    for name in GATES:
        assert checks[name].severity == dg.AssetCheckSeverity.ERROR


def test_clips_that_leak_are_named_by_side_with_a_remedy(
    copy: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the terminal too, where the run's log has nothing else to say of it."""
    manifest = copy.manifest(SCENARIO)
    clips = json.loads(manifest.read_text())["clips"]
    held_out = next(clip for clip in clips if clip["split"] == "validation")
    copies = [clip for clip in clips if clip["split"] == "train"][:2]
    for clip in copies:
        clip["sha256"] = held_out["sha256"]
    test = next(clip for clip in clips if clip["split"] == "train" and clip not in copies)
    test["official_split"] = "test"
    rewrite(manifest, lambda document: document.update(clips=clips))
    key = dg.AssetCheckKey(dg.AssetKey("scenario_manifest"), "splits_do_not_leak")
    errors: list[str] = []
    for entry in _look(dg.AssetSelection.checks(key)):
        show(entry, errors)
    (line,) = (one for one in capsys.readouterr().out.splitlines() if "splits_do_not_leak" in one)
    one, other = (clip["id"] for clip in copies)
    assert f"{one}, {other} (train), {held_out['id']} (validation) are one file" in line
    assert f"1 officially held-out clip of {SCENARIO} would be trained on: {test['id']}" in line
    assert line.rstrip().endswith("then run `make data preprocess`.")
    (failed,) = errors
    assert failed.endswith(line.partition(": ")[2].strip())


def test_one_check_of_an_asset_can_be_launched_without_the_others(copy: Workspace) -> None:
    key = dg.AssetCheckKey(dg.AssetKey("scenario_validation"), "samples_move")
    assert [one.check_name for one in _evaluated(dg.AssetSelection.checks(key))] == ["samples_move"]


def test_a_check_that_cannot_look_leaves_the_others_of_its_asset_to_say_what_they_see(
    copy: Workspace,
) -> None:
    (copy.validation(SCENARIO) / VERDICT_FILE).unlink()
    of_asset = dg.AssetSelection.checks_for_assets("scenario_validation")
    said = _sentences(_evaluated(of_asset))
    assert "verdict.json" in said["scenario_validation_record_verifies"]
    assert "gate_passes" not in said
