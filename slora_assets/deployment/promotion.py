"""A person lets an adapter through, or takes it back: registry, presets and change log together.

The verdict is read, checked and judged again here, whatever a check in the graph said before.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import lock_descriptor

from slora_assets.config.errors import GateError, SloraError
from slora_assets.config.licences import Use
from slora_assets.config.workspace import Workspace
from slora_assets.curation.retirement import refuse_retired
from slora_assets.deployment.candidate import Candidate, candidate
from slora_assets.deployment.carried import carry_provenance
from slora_assets.deployment.changelog import log_change, promotion_of
from slora_assets.deployment.permission import admitted_use
from slora_assets.deployment.presets import (
    edited_preset,
    preset_of,
    preset_values,
    read_presets,
)
from slora_assets.deployment.registry import register_adapter
from slora_assets.deployment.signed import (
    refuse_changed_registration,
    refuse_unsigned_logs,
    sign_preset,
    verdict_signer,
    vouch_for_adapter,
    withdraw_preset,
)
from slora_assets.deployment.strengths import (
    Strengths,
    strengths_for,
    to_judge_at_another,
    tried_strengths,
)
from slora_assets.documents import (
    RUN_RECORD,
    VERDICT_FILE,
    Change,
    LoggedChange,
    PromotableAnswer,
    ScenarioPreset,
    SpeedPreset,
)
from slora_assets.provenance import sha256_file
from slora_assets.provenance.ledger import all_records, put_on_record
from slora_assets.provenance.records import read_run_record


@dataclass(frozen=True)
class Promotion:
    """What a promotion did; `change` is None when the adapter was promoted already."""

    scenario: str
    folder: Path
    sha256: str
    verdict: PromotableAnswer
    strengths: Strengths
    use: Use
    change: LoggedChange | None


def promote(
    workspace: Workspace,
    scenario: str,
    by: str,
    reason: str,
    override_inconclusive: bool = False,
    scale: float | None = None,
    use: Use | None = None,
) -> Promotion:
    """Register a scenario's candidate, log who let it through and why, and set its preset: the
    adapter, its strength (`scale`, or else the best of those that were let through), how far
    requests may go from it, and its `use` (or else the most that licences allow). Adapter, verdict
    and preset are signed.

    Raises GateError as `admitted` does, for a strength that wasn't let through and for a use that a
    licence doesn't allow; CurationError for a retired scenario; MissingInputError or IntegrityError
    for a verdict or a log that isn't signed as it stands.
    """
    by, reason = _signed(by, reason)
    refuse_retired(workspace, scenario)
    with _editing(workspace.presets):
        presets = read_presets(workspace.presets)
        preset = preset_of(workspace.presets, presets, scenario)
        chosen = candidate(workspace, scenario)
        answer = admitted(workspace, chosen, override_inconclusive)
        refuse_unsigned_logs(workspace)
        verdict_signer(workspace, scenario)
        strengths = strengths_for(tried_strengths(workspace, chosen.verdict), answer, scale)
        run, verdict = workspace.scenario_run(scenario), workspace.validation(scenario)
        use = admitted_use(workspace, run, use)
        refuse_changed_registration(workspace, chosen.record.sha256)
        folder, record = register_adapter(workspace, chosen.folder, run)
        carry_provenance(folder, record, read_run_record(run), chosen.verdict)
        vouch_for_adapter(workspace, folder, [run / RUN_RECORD, verdict / VERDICT_FILE])
        values = preset_values(record.sha256, answer, strengths, use)
        wanted = ScenarioPreset.model_validate(preset.model_dump() | values)
        known = promotion_of(workspace.changelog, scenario, record.sha256)
        speeds = {name: presets.speed[name] for name in strengths.speeds}
        if known is not None and preset == wanted and known.speeds == speeds:
            sign_preset(workspace, presets, scenario, wanted, known.hash)
            return Promotion(scenario, folder, record.sha256, answer, strengths, use, None)
        registered = replace(chosen, record=record)
        change = _change(
            workspace, registered, preset.sha256, answer, strengths, speeds, use, by, reason
        )
        # The log comes first: a preset without its entry would be a promotion by nobody, an entry
        # without its preset is put right by the same command again.
        with edited_preset(workspace.presets, scenario, values):
            logged = _logged(workspace, change)
            sign_preset(workspace, presets, scenario, wanted, logged.hash)
    return Promotion(scenario, folder, record.sha256, answer, strengths, use, logged)


def _change(
    workspace: Workspace,
    chosen: Candidate,
    replaced: str | None,
    answer: PromotableAnswer,
    strengths: Strengths,
    speeds: dict[str, SpeedPreset],
    use: Use,
    by: str,
    reason: str,
) -> Change:
    """The entry: who let what through, on which verdict, for what."""
    record = chosen.record
    return Change(
        action="promote",
        scenario=chosen.scenario,
        by=by,
        reason=reason,
        replaced=replaced,
        sha256=record.sha256,
        verdict=answer,
        verdict_reasons=chosen.verdict.gate.reasons,
        scale=strengths.scale,
        scale_min=strengths.least,
        scale_max=strengths.most,
        speeds=speeds,
        use=use,
        override_inconclusive=answer == "inconclusive",
        scores_note=chosen.verdict.scores_note,
        base=record.base,
        base_revision=record.base_revision,
        verdict_sha256=sha256_file(workspace.validation(chosen.scenario) / VERDICT_FILE),
        ledger=all_records(workspace)[-1].hash,
        run_hash=record.run_hash,
        config_hash=record.config_hash,
        dataset_hash=record.dataset_hash,
    )


def demote(workspace: Workspace, scenario: str, by: str, reason: str) -> LoggedChange:
    """Set a scenario's preset back to none; the adapter stays registered.

    Raises GateError when nothing is promoted.
    """
    by, reason = _signed(by, reason)
    with _editing(workspace.presets):
        preset = preset_of(workspace.presets, read_presets(workspace.presets), scenario)
        if preset.sha256 is None:
            raise GateError(f"nothing is promoted for {scenario}", file=workspace.presets)
        change = Change(
            action="demote", scenario=scenario, by=by, reason=reason, replaced=preset.sha256
        )
        with edited_preset(workspace.presets, scenario, preset_values(None, None)):
            logged = _logged(workspace, change)
            withdraw_preset(workspace, scenario)
    return logged


def admitted(
    workspace: Workspace, chosen: Candidate, override_inconclusive: bool
) -> PromotableAnswer:
    """The candidate's verdict, if it may be promoted with it.

    Raises GateError for one that was given under other settings than those in force, for a verdict
    of fail (never promoted), for an inconclusive one without `override_inconclusive`, and for one
    that its own scores don't give.
    """
    # The gate reckons with numpy, which definitions don't wait for.
    from slora_assets.validation.earned import refuse_outdated, refuse_unearned
    from slora_assets.validation.outdated import outdated_because

    run, gate = workspace.scenario_run(chosen.scenario), chosen.verdict.gate
    question = refuse_outdated(workspace, run, chosen.verdict)
    why = " ".join(gate.reasons)
    if gate.answer == "fail":
        since = outdated_because(chosen.verdict, question)
        raise GateError(
            f"the verdict on {chosen.scenario}'s adapter is fail: {why}"
            + (f" It no longer stands: {'; '.join(since)}" if since else ""),
            remedy="run `make validate`" if since else _instead(workspace, chosen),
        )
    if gate.answer == "pass" and not chosen.verdict.scores_trusted:
        raise GateError(
            f"the verdict on {chosen.scenario}'s adapter is pass, but its scores are not trusted",
            remedy="run `make validate`",
        )
    if gate.answer == "inconclusive" and not override_inconclusive:
        raise GateError(
            f"the verdict on {chosen.scenario}'s adapter is inconclusive: {why}",
            remedy="settle it with more prompts or trained models, or promote with the override "
            "for inconclusive verdicts, which is recorded with your name",
        )
    refuse_unearned(workspace, run, chosen.verdict)
    return gate.answer


def _instead(workspace: Workspace, chosen: Candidate) -> str:
    """What helps where the strength that is served failed."""
    passing: list[str] = []
    with suppress(SloraError):
        tried = tried_strengths(workspace, chosen.verdict)
        passing = [f"{scale:g}" for scale, one in tried.items() if one.answer == "pass"]
    if not passing:
        return "train a better adapter; a failed one is never promoted"
    presets = read_presets(workspace.presets)
    preset = preset_of(workspace.presets, presets, chosen.scenario)
    return (
        f"it passes at strength {' or '.join(passing)}:"
        f" {to_judge_at_another(chosen.scenario, preset)}, `make validate`, and promote it then"
    )


def _logged(workspace: Workspace, change: Change) -> LoggedChange:
    """The change in its log, and the log as it is then in the ledger: cutting off its end shows."""
    logged = log_change(workspace.changelog, change)
    put_on_record(workspace, "changes", workspace.changelog)
    return logged


def _signed(by: str, reason: str) -> tuple[str, str]:
    for key, value in (("by", by), ("reason", reason)):
        if not value.strip():
            raise GateError(
                "a promotion or demotion is signed and has a reason",
                key=key,
                found=value,
                expected="a text that isn't blank",
                remedy=f"say {key}",
            )
    # One line each: whoever reads the log must not take a part of a reason for an entry.
    return " ".join(by.split()), " ".join(reason.split())


@contextmanager
def _editing(path: Path) -> Iterator[None]:
    """One promotion or demotion at a time: two edits at once would lose one.

    The lock is on the folder, so that no lock file lies among the configuration.
    """
    read_presets(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        lock_descriptor(descriptor)
        yield
    finally:
        os.close(descriptor)
