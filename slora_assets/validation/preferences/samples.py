"""The pairs that a person can judge: both clips of each prompt and seed of a run's validation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.documents import VERDICT_FILE
from slora_assets.provenance.ledger import refuse_changed
from slora_assets.validation.question import question_of
from slora_assets.validation.standing import standing_answer

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

    Raises IntegrityError when a clip isn't there or isn't what was sampled, and when the verdict
    doesn't stand: its samples may show other prompts than those that are asked now.
    """
    run_folder = workspace.run_of(None if run == UNIFIED else run)
    prompts = read_validation_prompts(workspace.validation_prompts)
    question = question_of(workspace, run_folder, prompts)
    refuse_changed(workspace, workspace.validation(run) / VERDICT_FILE, remedy=_REMEDY)
    verdict = standing_answer(workspace, question)
    if verdict is None or verdict.run != run:
        raise IntegrityError(
            "the verdict is about other prompts, settings or weights than those of now",
            file=workspace.validation(run) / VERDICT_FILE,
            remedy=_REMEDY,
        )
    folder = workspace.validation(run) / "samples"
    pairs = []
    # An adapter that was given up has clips of the first seeds alone.
    drawn = int(verdict.adapter_scores["samples"]) // max(1, len(question.prompts))
    for prompt in question.prompts:
        for seed in prompts.seeds[:drawn]:
            base, adapter = (
                folder / side / f"{prompt.id}_{seed}.mp4" for side in ("base", "adapter")
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
