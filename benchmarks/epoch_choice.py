"""How many clips tell a run's epochs apart: `python benchmarks/epoch_choice.py`, after trainings.

Samples every kept adapter of every scenario with all of the gate's prompts and seeds, as an epoch's
end does, and takes the choice by all clips as the truth. Then draws smaller sets of prompts as
training would and prints, for each size: how often the choice is the same, and by how much the
chosen epoch's combined score is behind the best one's; above them how far the epochs' CLIP
similarities lie apart, and how their paired differences scatter.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import combinations

import as_runs_do  # noqa: F401  # first
import numpy as np
from numpy.typing import NDArray

from slora_assets.base_models.catalogue import open_base
from slora_assets.caches.reading import CacheReader
from slora_assets.config.training import TrainingSettings
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.config.yaml_reader import read_settings
from slora_assets.curation.validation_prompts import prompts_of
from slora_assets.documents import ADAPTER_FILE, RunRecord
from slora_assets.provenance.curated import read_metadata
from slora_assets.provenance.records import read_adapter_record, read_run_record
from slora_assets.training.between_epochs.selection import EpochScores, combined_score
from slora_assets.validation.footage import draw_footage
from slora_assets.validation.metrics.scorer import open_scorer
from slora_assets.validation.sampling import (
    Sample,
    asked_with,
    mean_scores,
    new_drawing,
    new_scoring,
    sample_prompts,
)

DRAWS = 2000


@dataclass(frozen=True)
class Sampled:
    """A run's kept epochs on the same prompts and seeds."""

    record: RunRecord
    recipe: TrainingSettings
    losses: dict[int, float]
    samples: dict[int, list[Sample]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", help="those of the workspace if none is named")
    options = parser.parse_args()
    workspace = Workspace.from_environment()
    names = options.scenarios or list(read_metadata(workspace.scenario_metadata).scenarios)
    for name in names:
        run = sampled(workspace, name)
        show(name, run)


def sampled(workspace: Workspace, name: str) -> Sampled:
    """Every kept adapter of a scenario's run, sampled with all prompts and seeds."""
    folder = workspace.scenario_run(name)
    record = read_run_record(folder)
    recipe = read_settings(folder / "config.yaml", TrainingSettings)
    base = open_base(recipe.base_model, workspace.models)
    clips = read_metadata(workspace.scenario_metadata).of_scenario(name)
    prompts = read_validation_prompts(workspace.validation_prompts)
    asked = asked_with(prompts_of(prompts, name, clips), prompts.seeds)
    scorer = open_scorer(recipe.scorer, workspace.models, "cpu")
    footage = draw_footage(workspace, base, clips, "cpu")
    scoring = new_scoring(base, scorer, footage, {})
    reader = CacheReader(workspace, base.identity(), base.geometry)
    drawing = new_drawing(base, recipe.validation, reader.embedding)
    losses, samples = {}, {}
    for kept in sorted(record.kept, key=lambda one: one.epoch):
        pipeline = base.pipeline("cpu", "float32", text=False)
        base.load_adapter(pipeline, folder / kept.path / ADAPTER_FILE, "epoch", 1.0)
        samples[kept.epoch] = sample_prompts(drawing, scoring, pipeline, asked)
        metrics = read_adapter_record(folder / kept.path).metrics
        losses[kept.epoch] = metrics["held_out_loss"]
    return Sampled(record, recipe, losses, samples)


def show(name: str, run: Sampled) -> None:
    """Print a run's table."""
    print(
        f"\n{name}: epochs {list(run.samples)}, {len(next(iter(run.samples.values())))} clips each"
    )
    for one, other in combinations(run.samples, 2):
        pairs = zip(run.samples[one], run.samples[other], strict=True)
        gaps = np.array([b.clip_similarity - a.clip_similarity for a, b in pairs])
        print(
            f"  epochs {one} and {other}: CLIP similarity differs by {gaps.mean():+.4f},"
            f" scatter {gaps.std(ddof=1):.4f}"
        )
    truth = {epoch: score(run, epoch, samples) for epoch, samples in run.samples.items()}
    best = max(truth, key=lambda epoch: truth[epoch])
    print(f"  combined score by all clips: {truth}; best {best}, recorded {run.record.best.epoch}")
    print("  | prompts x seeds | same choice | score behind |\n  |---|---|---|")
    for prompts, seeds in ((1, 1), (2, 1), (4, 1), (8, 1), (8, 2)):
        same, behind = chosen(run, truth, prompts, seeds)
        print(f"  | {prompts} x {seeds} | {same:.0%} | {behind:.4f} |", flush=True)


def chosen(run: Sampled, truth: dict[int, float], prompts: int, seeds: int) -> tuple[float, float]:
    """How often the best epoch is chosen with clips drawn at random, and by how much the chosen
    one's score by all clips is behind on average."""
    rng = np.random.default_rng([prompts, seeds])
    any_epoch = next(iter(run.samples.values()))
    ids = list(dict.fromkeys(sample.prompt.id for sample in any_epoch))
    every_seed = list(dict.fromkeys(sample.seed for sample in any_epoch))
    best = max(truth.values())
    behind: NDArray[np.float64] = np.zeros(DRAWS)
    for draw in range(DRAWS):
        mine = set(rng.choice(ids, prompts, replace=False))
        with_seeds = set(rng.choice(every_seed, seeds, replace=False).tolist())
        scores = {
            epoch: score(
                run,
                epoch,
                [s for s in samples if s.prompt.id in mine and s.seed in with_seeds],
            )
            for epoch, samples in run.samples.items()
        }
        behind[draw] = best - truth[max(scores, key=lambda epoch: scores[epoch])]
    return float((behind == 0).mean()), float(behind.mean())


def score(run: Sampled, epoch: int, samples: list[Sample]) -> float:
    """The combined score of an epoch on some clips, as training has it."""
    means = mean_scores(samples)
    return combined_score(
        EpochScores(means["temporal_consistency"], means["clip_similarity"], run.losses[epoch]),
        EpochScores(None, None, run.record.base_scores["held_out_loss"]),
        run.recipe.selection,
    )


if __name__ == "__main__":
    main()
