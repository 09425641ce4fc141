"""Which refreshes footage and settings call for, as pure functions: the sensor looks and requests.

What is wanted is held against what adapters and verdicts record, never against what was asked for
before: a refresh that failed, was cancelled or was lost is wanted as it was. Past runs only say how
long to wait.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

FOOTAGE: Final = ""
"""Stands for the run over the whole dataset where others stand for a scenario's."""

_FIRST_WAIT_S: Final = 60.0
_LONGEST_WAIT_S: Final = 6 * 3600.0


@dataclass(frozen=True)
class PastRun:
    """A run that the sensor requested."""

    wanted: str
    """The hash that it was to reach."""
    state: Literal["running", "succeeded", "failed"]
    ended_at: float
    """Seconds since the epoch; of one that is running, anything."""


@dataclass(frozen=True)
class Past:
    """The sensor's runs of one scenario, or over the whole dataset."""

    total: int = 0
    last: Sequence[PastRun] = ()
    """The last first."""


@dataclass(frozen=True)
class ScenarioLook:
    """What a scenario should have been trained on, and what it was."""

    wanted: str
    """Hash of the clips that a training would read now."""
    recorded: str | None
    """The same of its adapter, as its run recorded it; None without an adapter or without a verdict
    on that adapter."""
    shortfall: str | None = None
    """Why it can't be trained at all."""


@dataclass(frozen=True)
class Look:
    """What one tick sees."""

    listing: str
    """`listing_hash` of the files now."""
    settings: str
    """`settings_hash` of the configuration now."""
    curated: tuple[str, str]
    """Listing and settings that the metadata were made from; empty if unknown."""
    scenarios: Mapping[str, ScenarioLook]
    """By name, as the metadata have them."""
    loaded: Sequence[str]
    """Scenarios that the code location has as partitions."""
    busy: Mapping[str, str]
    """Scenario, or FOOTAGE, to the short id of an unfinished run that changes it."""
    past: Mapping[str, Past] = field(default_factory=dict)
    """By scenario, or FOOTAGE."""


@dataclass(frozen=True)
class Request:
    """A run to launch: for a scenario, or for FOOTAGE."""

    scenario: str
    wanted: str
    run_key: str
    """Never used before for the same request, however often it comes up again."""


@dataclass(frozen=True)
class Decision:
    """What to launch, and in words what is waited for."""

    requests: list[Request]
    words: list[str]


def decide(look: Look, last_listing: str, now: float) -> Decision:
    """Look at the data first, and then at what hangs on them. `last_listing` is the listing of the
    tick before: files that are still arriving are left alone."""
    wanted = f"{look.listing}:{look.settings}"
    if (look.listing, look.settings) != look.curated:
        if look.listing not in (last_listing, look.curated[0]):
            return Decision([], ["files are still arriving, or one tick has to see them again"])
        return _decide_one(look, FOOTAGE, wanted, now)
    if FOOTAGE in look.busy:
        return Decision([], [f"run {look.busy[FOOTAGE]} is sorting the footage"])
    decisions = [_decide_scenario(look, name, now) for name in look.scenarios]
    return Decision(
        [request for decision in decisions for request in decision.requests],
        [words for decision in decisions for words in decision.words],
    )


def _decide_scenario(look: Look, name: str, now: float) -> Decision:
    scenario = look.scenarios[name]
    if scenario.shortfall is not None:
        return Decision([], [f"{name} can't be trained: {scenario.shortfall}"])
    if scenario.recorded == scenario.wanted:
        return Decision([], [])
    if name not in look.loaded:
        return Decision([], [f"{name} is new: reload the code location"])
    return _decide_one(look, name, scenario.wanted, now)


def _decide_one(look: Look, name: str, wanted: str, now: float) -> Decision:
    """Request what is wanted unless a run is at it, or the last one for it failed just now."""
    called = name or "the footage"
    if name in look.busy:
        return Decision([], [f"{called}: run {look.busy[name]} is at it"])
    past = look.past.get(name, Past())
    failures = 0
    for run in past.last:
        if run.wanted != wanted:
            break
        failures += 1  # one that succeeded and left what is wanted undone has failed too
    if failures:
        wait = min(_FIRST_WAIT_S * 2 ** min(failures - 1, 20), _LONGEST_WAIT_S)
        left = past.last[0].ended_at + wait - now
        if left > 0:
            words = f"{called}: {failures} failed or cancelled, tried again in {left:.0f} s"
            return Decision([], [words])
    # How many there were makes the key new when the same is wanted again after something else.
    key = f"{called}:{wanted}:{past.total}"
    return Decision([Request(name, wanted, key)], [f"{called}: requested"])
