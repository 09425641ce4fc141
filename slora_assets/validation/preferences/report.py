"""People's preferences as a section of a report, in Markdown; a terminal shows it as well."""

from __future__ import annotations

from slora_assets.config.validation import read_validation_prompts
from slora_assets.config.workspace import Workspace
from slora_assets.provenance.markdown import markdown_cell
from slora_assets.validation.preferences.samples import chosen_runs
from slora_assets.validation.preferences.statistics import Estimate, win_probability
from slora_assets.validation.preferences.summary import (
    PersonAgreement,
    PreferenceSummary,
    RunPreference,
    read_preferences,
)


def preference_report(workspace: Workspace, run: str | None = None) -> str:
    """The section on a run, or on all that have a verdict. Which way of a metric is better, the
    gate's settings say. Raises ConfigError, MissingInputError, IntegrityError."""
    gate = read_validation_prompts(workspace.validation_prompts).gate
    runs = chosen_runs(workspace, run)
    ways = {name: guard.higher_is_better for name, guard in gate.guards.items()}
    return preference_section(read_preferences(workspace, runs, ways))


def preference_section(summary: PreferenceSummary, heading: str = "## What people prefer") -> str:
    """The section, with its heading; ends with a line feed."""
    level = f"{summary.confidence:.0%}"
    stale = sum(run.stale for run in summary.runs)
    lines = [heading, ""]
    judged = [run for run in summary.runs if run.choices]
    if judged:
        lines += _counts(judged)
        lines += _shares(judged, level)
        lines += _persons(summary.persons)
        lines += _automatic(summary, level)
    else:
        lines += ["Nobody has chosen between these clips yet: run `make compare`.", ""]
    if silent := [run.run for run in summary.runs if not run.choices and judged]:
        lines += [f"Not judged by anyone: {', '.join(map(markdown_cell, silent))}.", ""]
    if stale:
        lines += [f"Not counted: {_number(stale, 'choice')} on samples of before.", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _counts(runs: list[RunPreference]) -> list[str]:
    lines = [
        "Choices between two unlabelled clips of one prompt and seed:",
        "",
        "| run | persons | choices | adapter | base | no difference | left pressed | verdict |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for run in runs:
        lines.append(
            f"| {markdown_cell(run.run)} | {run.persons} | {run.choices} | {run.for_adapter}"
            f" | {run.for_base} | {run.no_difference} | {run.pressed_left} | {run.answer} |"
        )
    lines.append("")
    same = sum(run.on_same_clips for run in runs)
    if same:
        differing = sum(run.differing_on_same_clips for run in runs)
        lines += [
            f"{_number(same, 'choice')} on clips that are the same to the byte, which count as no"
            f" difference; {differing} of them preferred one.",
            "",
        ]
    return lines


def _shares(runs: list[RunPreference], level: str) -> list[str]:
    lines = [
        "| run | base | prompts for adapter, base, undecided | share of prompts for the adapter"
        " | strength over the base | as probability |",
        "|---|---|---|---|---|---|",
    ]
    for run in runs:
        lines.append(
            f"| {markdown_cell(run.run)} | {markdown_cell(run.base)} | {run.prompts_for_adapter},"
            f" {run.prompts_for_base}, {run.prompts_undecided} | {_shown(run.share, '.2f')}"
            f" | {_shown(run.strength, '+.2f')} | {_shown(_as_probability(run.strength), '.2f')} |"
        )
    return [
        *lines,
        "",
        f"Brackets are {level} intervals over prompts, for these persons. Share: Wilson, undecided"
        " prompts as a half. Strength: Bradley-Terry log odds, no difference as half a win for"
        " each side, half a win for each side beforehand (so no strength is infinite), profile"
        " likelihood. Adapters over one base share its zero. Several choices on a prompt count for"
        " as much as they differ.",
        "",
    ]


def _persons(persons: PersonAgreement) -> list[str]:
    if not persons.pairs:
        return ["No pair was judged by two persons, so their agreement is not known.", ""]
    alpha = (
        "not defined, since only one answer was given"
        if persons.alpha is None
        else f"{persons.alpha:.2f} (1 is full agreement, 0 is chance)"
    )
    return [
        f"Of {_number(persons.pairs, 'pair')} that several persons judged, {persons.unanimous} got"
        f" one answer from all; Krippendorff's alpha is {alpha}.",
        "",
    ]


def _automatic(summary: PreferenceSummary, level: str) -> list[str]:
    if not summary.automatic:
        return []
    lines = [
        "| run | metric | agrees with the persons | of prompts | share | by chance | undecided |",
        "|---|---|---|---|---|---|---|",
    ]
    guessed = False
    for one in summary.automatic:
        found = one.found
        guessed |= not one.direction_known
        mark = "" if one.direction_known else " (?)"
        chance = "-" if found.by_chance is None else f"{found.by_chance:.2f}"
        lines.append(
            f"| {markdown_cell(one.run)} | {markdown_cell(one.metric)}{mark} | {found.agreeing}"
            f" | {found.n} | {_shown(found.share, '.2f')} | {chance} | {found.undecided} |"
        )
    lines += [
        "",
        f"Per prompt: does the metric's difference point where most choices do? {level} Wilson"
        " intervals; by chance: what two signs would agree on that are as often positive and have"
        " nothing to do with each other.",
    ]
    if guessed:
        lines.append("(?): nobody said which way is better; higher was taken for it.")
    return [*lines, ""]


def _as_probability(strength: Estimate | None) -> Estimate | None:
    if strength is None:
        return None
    value, lower, upper = map(win_probability, (strength.value, strength.lower, strength.upper))
    return Estimate(value, lower, upper)


def _shown(estimate: Estimate | None, form: str) -> str:
    if estimate is None:
        return "-"
    value, lower, upper = (
        format(number, form) for number in (estimate.value, estimate.lower, estimate.upper)
    )
    return f"{value} ({lower} to {upper})"


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
