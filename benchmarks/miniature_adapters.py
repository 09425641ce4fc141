"""Figures of adapters that the default recipe trained on the sample footage: run after `make demo`.

`python benchmarks/miniature_adapters.py`: held-out loss against the base's, looks by a rule over
pixels (own adapter, base, wrong scenario's adapter), motion against the training clips'.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import as_runs_do  # noqa: F401  # first
import numpy as np

from slora_assets.base_models.catalogue import open_base
from slora_assets.config.training import TrainingSettings
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.curation.validation_prompts import prompts_of
from slora_assets.documents import ADAPTER_FILE
from slora_assets.footage.decode import decode_clip
from slora_assets.miniature.rules.look_rules import look_of
from slora_assets.provenance import read_json
from slora_assets.provenance.curated import read_metadata
from slora_assets.provenance.records import read_adapter_record, read_run_record
from slora_assets.training.journal import last_entry
from slora_assets.validation.metrics.temporal_consistency import measure_temporal

WRONG_PROMPTS = 16


@dataclass(frozen=True)
class Bench:
    """The workspace's runs and the base they stand on."""

    workspace: Workspace
    base: Any
    scenarios: list[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wrong", type=int, default=WRONG_PROMPTS, help="clips of wrong adapters")
    options = parser.parse_args()
    workspace = Workspace.from_environment()
    names = list(read_metadata(workspace.scenario_metadata).scenarios)
    recipe = read_settings(workspace.scenario_run(names[0]) / "config.yaml", TrainingSettings)
    bench = Bench(workspace, open_base(recipe.base_model, workspace.models), names)
    print(
        "| scenario | held-out loss against base | own look | base | wrong adapter"
        " | frozen | motion / footage's | trained in |\n|---|---|---|---|---|---|---|---|"
    )
    for scenario in names:
        print(line(bench, scenario, options.wrong), flush=True)
    print("| target | -15 % | 80 % | < 20 % | < 20 % | 0 | 0.5 to 2 | 120 s |")


def line(bench: Bench, scenario: str, wrong: int) -> str:
    """One row of the table."""
    run = bench.workspace.scenario_run(scenario)
    record = read_run_record(run)
    best = read_adapter_record(run / record.best.path)
    change = best.metrics["held_out_loss"] / record.base_scores["held_out_loss"] - 1
    samples = bench.workspace.validation(scenario) / "samples"
    own, base = (looks(bench, samples / side) for side in ("adapter", "base"))
    pairs = read_json(samples.parent / "pairs.json", remedy="run `make validate`")
    assert isinstance(pairs, dict)
    frozen = sum(pair["adapter_frozen"] for pair in pairs["pairs"])
    moved = motion(bench, sorted((samples / "adapter").glob("*.mp4")))
    clips = read_metadata(bench.workspace.scenario_metadata).of_scenario(scenario)
    shown = motion(bench, [bench.workspace.absolute(c.path) for c in clips if c.split == "train"])
    seconds = last_entry(run, record.run_hash).get("seconds", float("nan"))
    return (
        f"| {scenario} | {change:+.0%} | {own.count(scenario) / len(own):.0%}"
        f" | {base.count(scenario) / len(base):.0%} | {wrong_looks(bench, scenario, wrong):.0%}"
        f" | {frozen} | {moved / shown:.2f} | {seconds:.0f} s |"
    )


def looks(bench: Bench, folder: Path) -> list[str | None]:
    """The look of each clip in a folder of samples."""
    files = sorted(folder.glob("*.mp4"))
    return [look_of(decode_clip(file, **bench.base.geometry.model_dump())) for file in files]


def motion(bench: Bench, files: list[Path]) -> float:
    """Mean speed of what moves in clips, in shorter sides per second."""
    geometry = bench.base.geometry
    clips = [decode_clip(file, **geometry.model_dump()) for file in files]
    return float(np.mean([measure_temporal(clip, geometry.fps).motion_speed for clip in clips]))


def wrong_looks(bench: Bench, scenario: str, count: int) -> float:
    """Share of clips with the scenario's look, asked with its prompts, from the next's adapter."""
    other = bench.scenarios[(bench.scenarios.index(scenario) + 1) % len(bench.scenarios)]
    run = bench.workspace.scenario_run(other)
    clips = read_metadata(bench.workspace.scenario_metadata).of_scenario(scenario)
    prompts = read_validation_prompts(bench.workspace.validation_prompts)
    asked = [prompt.text for prompt in prompts_of(prompts, scenario, clips)][:count]
    base = bench.base
    pipeline = base.pipeline("cpu", "float32")
    base.load_adapter(pipeline, run / read_run_record(run).best.path / ADAPTER_FILE, "wrong")
    made = [
        base.generate(
            pipeline,
            prompt=text,
            seed=at,
            steps=base.inference.steps,
            guidance_scale=base.inference.guidance_scale,
        )
        for at, text in enumerate(asked)
    ]
    return float(np.mean([look_of(clip) == scenario for clip in made]))


if __name__ == "__main__":
    main()
