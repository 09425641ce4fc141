"""Verdicts and sweeps, judged again from what was measured. A record that was edited, put on record
anew and signed anew agrees with every hash; it doesn't agree with its own measurements.
"""

from __future__ import annotations

from pathlib import Path

from slora_assets.config.errors import MissingInputError, SloraError
from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import UNIFIED, Workspace
from slora_assets.documents import RunVerdict, ScaleSweep
from slora_assets.provenance.records import read_document, read_verdict


def verdict_judged(workspace: Workspace, file: Path) -> str:
    """What a verdict says, and whether it was judged again. Raises SloraError for one that its
    measurements don't give."""
    verdict = read_document(file, RunVerdict, what="a verdict", remedy="run `make validate`")
    run = _run_of(workspace, verdict.run)
    asked_else = _asked_else(workspace, run, verdict)
    if asked_else is None:
        # Definitions wait for none of what judges: numpy.
        from slora_assets.validation.earned import refuse_unearned

        refuse_unearned(workspace, run, verdict)
    again = "judged again" if asked_else is None else f"not judged again: {asked_else}"
    strength = f"{verdict.gate.answer} at strength {verdict.served.scale:g}"
    return f"{strength}, of adapter {verdict.adapter_sha256[:16]}; {again}"


def sweep_judged(workspace: Workspace, file: Path) -> str:
    """What a sweep says, and whether it was judged again. Raises SloraError as `verdict_judged`."""
    sweep = read_document(file, ScaleSweep, what="a sweep", remedy="run `make sweep`")
    said = f"{len(sweep.scales)} strengths of adapter {sweep.adapter_sha256[:16]}"
    try:
        verdict = read_verdict(workspace, sweep.run)
    except MissingInputError:
        return f"{said}; not judged again: there is no verdict on this adapter"
    run = _run_of(workspace, sweep.run)
    asked_else = _asked_else(workspace, run, verdict)
    if asked_else is None and verdict.adapter_sha256 != sweep.adapter_sha256:
        asked_else = "the verdict is about another adapter"
    if asked_else is not None:
        return f"{said}; not judged again: {asked_else}"
    from slora_assets.validation.earned import earned_strengths

    earned_strengths(workspace, run, verdict, sweep)
    return f"{said}; judged again"


def _run_of(workspace: Workspace, run: str) -> Path:
    return workspace.run_of(None if run == UNIFIED else run)


def _asked_else(workspace: Workspace, run: Path, verdict: RunVerdict) -> str | None:
    """Why what was measured doesn't answer what would be asked now; None where it does. An older
    verdict is stale, not wrong."""
    from slora_assets.validation.outdated import outdated_because
    from slora_assets.validation.question import question_of

    try:
        settings = read_validation_prompts(workspace.validation_prompts)
        question = question_of(workspace, run, settings)
        if verdict.validation_hash == question.hash:
            return None
        reasons = outdated_because(verdict, question)
    except SloraError as error:
        return f"what it was asked can't be made out any more ({error})"
    return f"it was given under other settings or footage than those in force: {'; '.join(reasons)}"
