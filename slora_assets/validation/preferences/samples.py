"""The pairs that a person can judge: both clips of each prompt and seed of a run's validation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.documents import VERDICT_FILE
from slora_assets.provenance.records import read_run_record
from slora_assets.validation.standing import clips_of, prompts_asked, standing_verdict

_REMEDY = "run `make validate`"


@dataclass(frozen=True)
class SamplePair:
    """Two clips that differ in the adapter alone, and what a choice between them is about."""

    run: str
    prompt_id: str
    seed: int
    prompt: str
    base: Path
    adapter: Path
    adapter_sha256: str
    validation_hash: str


def judged_runs(workspace: Workspace) -> list[str]:
    """The runs that have a verdict, by name."""
    folder = workspace.validation("any").parent
    found = (path.parent.name for path in folder.glob(f"*/{VERDICT_FILE}"))
    return sorted(name for name in found if not name.startswith("."))


def chosen_runs(workspace: Workspace, run: str | None) -> list[str]:
    """All judged runs, or `run` alone. Raises MissingInputError when it, or any, has no verdict."""
    runs = judged_runs(workspace)
    if run is not None and run in runs:
        return [run]
    if run is None and runs:
        return runs
    raise MissingInputError(
        "no run has a verdict" if run is None else "the run has no verdict",
        file=workspace.validation("any").parent,
        found=run,
        expected=f"one of {runs}" if runs else None,
        remedy=_REMEDY,
    )


def sample_pairs(workspace: Workspace, run: str) -> list[SamplePair]:
    """The pairs of a run, in the order of its prompts and seeds.

    Raises MissingInputError when a clip isn't there, and IntegrityError when the verdict doesn't
    stand: its samples may show other prompts than those that are asked now.
    """
    run_folder = workspace.run_of(None if run == UNIFIED else run)
    prompts = read_validation_prompts(workspace.validation_prompts)
    verdict = standing_verdict(workspace, run_folder, prompts)
    if verdict is None or verdict.run != run:
        raise IntegrityError(
            "the verdict is about other prompts, settings or weights than those of now",
            file=workspace.validation(run) / VERDICT_FILE,
            remedy=_REMEDY,
        )
    record = read_run_record(run_folder)
    folder = workspace.validation(run) / "samples"
    pairs = []
    for prompt in prompts_asked(record, prompts, clips_of(workspace, record)):
        for seed in prompts.seeds:
            base, adapter = (
                folder / side / f"{prompt.id}_{seed}.mp4" for side in ("base", "adapter")
            )
            for clip in (base, adapter):
                if not clip.is_file():
                    raise MissingInputError(
                        "the clip does not exist",
                        file=clip,
                        remedy=f"delete {workspace.validation(run)} and {_REMEDY}",
                    )
            pairs.append(
                SamplePair(
                    run=run,
                    prompt_id=prompt.id,
                    seed=seed,
                    prompt=prompt.text,
                    base=base,
                    adapter=adapter,
                    adapter_sha256=verdict.adapter_sha256,
                    validation_hash=verdict.validation_hash,
                )
            )
    return pairs
