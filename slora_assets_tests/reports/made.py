"""A judged run with everything that its page may show, as documents and clips on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from slora_assets.config.validation import ValidationPrompts, read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.curation.validation_prompts import Prompt
from slora_assets.documents import (
    RUN_RECORD,
    VERDICT_FILE,
    Elsewhere,
    FootageClip,
    NearestTrainingClip,
    NearestTrainingClips,
    PairedMeasurements,
    PromptPair,
    RunRecord,
    RunVerdict,
    ScaleSweep,
    ScenarioManifest,
    ScenarioMetadata,
    SweptScale,
)
from slora_assets.footage.encode import write_mp4
from slora_assets.provenance import write_json
from slora_assets.provenance.ledger import put_on_record
from slora_assets.reports.run_report import write_run_report
from slora_assets.validation.gate.decision import judge
from slora_assets.validation.question import question_of
from slora_assets.validation.swept import sweep_hash
from slora_assets_tests.made_runs import verdict
from slora_assets_tests.on_record import put_run_on_record
from slora_assets_tests.reports.made_parts import (
    RUN,
    SEEDS,
    SHA256,
    STRENGTHS,
    TEXTS,
    configure,
    manifest_of,
    run_of,
    write_logs,
)
from slora_assets_tests.workspaces import below

Frames = NDArray[np.uint8]


def reported_workspace(
    root: Path, texts: Sequence[str] = TEXTS, clip_id: str = "video7", worse_by: float = 0.0
) -> Workspace:
    """A workspace with one judged run; `worse_by` is what its adapter is less steady by."""
    workspace = below(root)
    configure(workspace, texts)
    record = RunRecord.model_validate(run_of(clip_id))
    run = workspace.scenario_run(RUN)
    write_json(run / RUN_RECORD, record.model_dump(mode="json"))
    write_json(workspace.manifest(RUN), manifest_of(clip_id).model_dump(mode="json"))
    picture = workspace.frames("sample") / "frame.png"
    picture.parent.mkdir(parents=True)
    Image.fromarray(moving(0, 30)[0]).save(picture)
    write_logs(run)
    _judge(workspace, worse_by, clip_id)
    return workspace


def moving(number: int, ground: int, size: tuple[int, int] = (64, 96)) -> Frames:
    """A patch that moves to the right over a ground of this brightness."""
    frames = np.full((9, *size, 3), ground, np.uint8)
    high, wide = size[0] // 4, size[1] // 6
    colour = ((200, 40, 40), (40, 90, 200), (40, 160, 70), (150, 60, 170))[number // 2 % 4]
    for at, frame in enumerate(frames):
        left = at * (size[1] - wide) // len(frames)
        frame[high : 2 * high, left : left + wide] = colour
    return frames


def prompts_of(workspace: Workspace) -> ValidationPrompts:
    return read_validation_prompts(workspace.validation_prompts)


def _judge(workspace: Workspace, worse_by: float, clip_id: str) -> None:
    settings = prompts_of(workspace)
    question = question_of(workspace, workspace.scenario_run(RUN), settings)
    folder = workspace.validation(RUN)
    pairs = []
    for number, (prompt, seed) in enumerate((p, s) for p in question.prompts for s in SEEDS):
        name = f"{prompt.id}_{seed}.mp4"
        write_mp4(folder / "samples" / "base" / name, moving(number, 230), 8)
        write_mp4(folder / "samples" / "adapter" / name, moving(number, 120 + number), 8)
        pairs.append(_pair(prompt, seed, number, worse_by))
    footage = []
    for number in range(8):
        name = clip_id if number == 0 else f"held_out_{number}"
        write_mp4(folder / "samples" / "footage" / f"{number}.mp4", moving(number, 90), 8)
        plain_name = folder / "samples" / "footage" / f"{name}.mp4"
        if plain_name.parent == folder / "samples" / "footage":
            write_mp4(plain_name, moving(number, 90), 8)
        footage.append(
            FootageClip(
                clip_id=name,
                split="train" if number == 0 else "validation",
                caption=f"{TEXTS[number]} <i>caption</i>",
                scores={
                    "clip_similarity": 0.6 + 0.01 * number,
                    "steadiness": 0.97,
                    "motion_jitter": 0.2 + 0.01 * number,
                },
            )
        )
    document = _verdict(pairs, footage, settings) | {
        "validation_hash": question.hash,
        "question": question.told.model_dump(mode="json"),
    }
    write_json(folder / VERDICT_FILE, document)
    measured = PairedMeasurements(pairs=pairs, footage=footage)
    write_json(folder / "pairs.json", measured.model_dump(mode="json"))
    put_run_on_record(workspace, RUN)


def _pair(prompt: Prompt, seed: int, number: int, worse_by: float) -> PromptPair:
    wave = 0.004 * (number % 5)
    return PromptPair(
        prompt_id=prompt.id,
        prompt=prompt.text,
        seed=seed,
        labels={"subject": prompt.id},
        counts_as=prompt.id,
        base={"clip_similarity": 0.4 + wave, "steadiness": 0.985, "motion_jitter": 0.21},
        adapter={
            "clip_similarity": 0.7 + wave,
            "steadiness": 0.983 - worse_by - (0.05 if number == 5 else 0) + wave,
            "motion_jitter": 0.2 + wave,
        },
        base_frozen=False,
        adapter_frozen=False,
        difference=0.2,
    )


def _verdict(
    pairs: list[PromptPair], footage: list[FootageClip], settings: ValidationPrompts
) -> dict[str, Any]:
    decision = judge(pairs, footage, settings.gate, trusted=True, untrusted_reason=None)
    elsewhere = Elsewhere(
        asked="neutral", n_clips=4, base=0.5, adapter=0.4, mean_delta=-0.1, lower=-0.2, upper=0.01
    )
    scores = {"clip_similarity": 0.5, "steadiness": 0.98, "motion_jitter": 0.2, "new_one": 3.0}
    document = verdict(RUN, SHA256) | {
        "verdict": decision.model_dump(mode="json"),
        "base_scores": scores | {"samples": len(pairs), "frozen_samples": 0},
        "adapter_scores": scores | {"samples": len(pairs), "frozen_samples": 0},
        "footage_scores": scores | {"clip_similarity": 0.51},
        "elsewhere": [elsewhere.model_dump(mode="json")],
        "copies": 1,
    }
    RunVerdict.model_validate(document)
    return document


def add_metadata(workspace: Workspace) -> None:
    """The curation's document, with a scenario that was not trained and one that can't be."""
    mine = ScenarioManifest.model_validate(json.loads(workspace.manifest(RUN).read_text()))
    short = mine.entry.model_copy(update={"shortfall": "0 of 3 <clips>"})
    document = ScenarioMetadata(
        dataset=mine.dataset,
        config_hash="1" * 64,
        dataset_hash="2" * 64,
        scenarios={RUN: mine.entry, "stage": mine.entry, "lighthouse": short},
        clips=mine.clips,
        reject_counts={},
        rejects=[],
    )
    write_json(workspace.scenario_metadata, document.model_dump(mode="json"))


def report_of(workspace: Workspace) -> Path:
    """The run's page, written."""
    return write_run_report(workspace, workspace.scenario_run(RUN), prompts_of(workspace))


def add_nearest(workspace: Workspace, clip_id: str = "video7") -> None:
    """What `make validate` says of the nearest training clips."""
    rows = [
        NearestTrainingClip(
            prompt_id=f"{RUN}_00",
            seed=seed,
            clip_id=clip_id,
            similarity=0.9 / seed,
            limit=0.8,
            copied=seed == 1,
            evidence="frames & motion",
            mirrored=seed == 2,
        )
        for seed in SEEDS
    ]
    document = NearestTrainingClips(clips=rows).model_dump(mode="json")
    write_json(workspace.validation(RUN) / "nearest.json", document)


def add_sweep(workspace: Workspace, stands: bool = True) -> None:
    """A sweep over five strengths, of which the middle ones pass, and one with another speed."""
    found = json.loads((workspace.validation(RUN) / VERDICT_FILE).read_text())
    metrics = found["verdict"]["metrics"]

    def swept(scale: float, speed: str) -> SweptScale:
        answer = "pass" if 0.3 < scale < 0.9 else "fail"
        moved = {
            name: {**one, "lower": one["lower"] + 0.01 * (scale - 0.6)}
            for name, one in metrics.items()
        }
        return SweptScale.model_validate(
            {
                "scale": scale,
                "speed": speed,
                "answer": answer,
                "reasons": [f"steadiness at {scale}."],
                "adapter_scores": found["adapter_scores"],
                "metrics": moved,
                "n_clips": 16,
            }
        )

    question = question_of(workspace, workspace.scenario_run(RUN), prompts_of(workspace))
    sweep = ScaleSweep(
        run=RUN,
        adapter_sha256=SHA256,
        pairs_sha256="6" * 64,
        sweep_hash=sweep_hash(workspace, question) if stands else "5" * 64,
        base_scores={},
        footage_scores={},
        scales=[*(swept(scale, "default") for scale in STRENGTHS), swept(0.85, "fast")],
    )
    write_json(workspace.sweep(RUN), sweep.model_dump(mode="json"))
    put_on_record(workspace, "sweep", workspace.sweep(RUN))
