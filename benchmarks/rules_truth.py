"""Keyword rules held against where clips truly are: `python benchmarks/rules_truth.py`.

Thousands of clips of the sample footage are told as people would (`captioned.py`) and sorted by
`configs/data/scenarios.yaml` as it is shipped, with more words, and in tiers: what is right for
less than `--weak-below` of its clips in footage of another seed becomes a weak keyword, and so do
the added words. Each with the default minimum of matching captions, and with one. Printed are
precision, recall and F1 of each scenario, then of each keyword: in how many of its scenario's clips
it is found, how many of them are right, and which share of all that are truly the scenario's.
`--wrong 3` shows clips that a keyword is wrong about. Half a minute.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from captioned import Told, told_clips

from slora_assets.config.data import (
    DatasetSettings,
    ScenarioSettings,
    ScenariosSettings,
    read_dataset,
)
from slora_assets.config.workspace import Workspace
from slora_assets.curation.annotations import read_annotations
from slora_assets.curation.keyword_table import KeywordClips, clips_by_keyword
from slora_assets.curation.sorting import build_metadata
from slora_assets.documents import FootageFile, Inventory, ScenarioMetadata
from slora_assets.miniature.scenes.sample_plan import msr_vtt
from slora_assets.provenance import write_json
from slora_assets.provenance.curated import Curated

CONFIGS: Final = Path(__file__).resolve().parent.parent / "configs"
ADDED: Final[dict[str, tuple[str, ...]]] = {
    "market_floor": ("cart", "shopper", "fruit"),
    "kitchen": ("cook", "sink", "oven"),
    "street": ("car", "city", "sidewalk"),
    "sports_field": ("game", "match", "goal"),
    "stage": ("curtain", "audience", "show"),
}
"""What somebody would think of who looked at clips that the keywords miss."""


@dataclass(frozen=True)
class Sorted:
    """Footage sorted by some rules, beside the truth."""

    rules: ScenariosSettings
    metadata: ScenarioMetadata
    truth: Mapping[str, str | None]
    """By clip id."""

    def right(self, keyword: KeywordClips) -> int:
        """How many of a keyword's clips are where it says they are."""
        return sum(self.truth[clip] == keyword.scenario for clip in keyword.clips)

    @property
    def keywords(self) -> list[KeywordClips]:
        """The project's own table of keywords."""
        return clips_by_keyword(Curated(self.metadata, Path()), self.rules.active)


def sort_clips(told: list[Told], rules: ScenariosSettings) -> Sorted:
    """Annotations written, read and sorted as `slora curate` does, with a file for each clip."""
    file = FootageFile(
        path="f", sha256="0", bytes_=1, width=1, height=1, fps=8.0, duration_s=None, codec="h264"
    )
    plans = [one.plan for one in told]
    inventory = Inventory(
        dataset="told", annotations={}, files={one.video_id: file for one in plans}, rejects=[]
    )
    dataset = DatasetSettings(
        name="told",
        format="msrvtt",
        annotations=["told.json"],
        footage="f",
        licence="l",
        use="u",
    )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_json(root / "told.json", msr_vtt(plans))
        batches = read_annotations(dataset, [root / "told.json"], {})
        workspace = Workspace(root, root, root / "told.yaml")
        metadata = build_metadata(dataset, rules, batches, inventory, workspace)
    return Sorted(rules, metadata, {one.plan.video_id: one.scenario for one in told})


def with_minimum(rules: ScenariosSettings, captions: int) -> ScenariosSettings:
    """The rules with another minimum of matching captions."""
    return _changed(rules, {name: {"min_matching_captions": captions} for name in rules.scenarios})


def with_tiers(looked_at: Sorted, weak_below: float) -> ScenariosSettings:
    """The rules with their doubtful keywords made weak, as other footage shows them, and ADDED.
    Each scenario keeps its most reliable keyword."""
    shares: dict[str, dict[str, float]] = {}
    for one in looked_at.keywords:
        share = looked_at.right(one) / len(one.clips) if one.clips else 1.0
        shares.setdefault(one.scenario, {})[one.keyword] = share
    keys: dict[str, dict[str, list[str]]] = {}
    for name, of in shares.items():
        least = min(weak_below, max(of.values()))
        weak = [word for word, share in of.items() if share < least]
        strong = [word for word in of if word not in weak]
        keys[name] = {"keywords": strong, "weak_keywords": [*weak, *ADDED.get(name, ())]}
    return _changed(looked_at.rules, keys)


def with_words(rules: ScenariosSettings) -> ScenariosSettings:
    """The rules with ADDED among their keywords."""
    keys = {
        name: {"keywords": [*one.keywords, *ADDED.get(name, ())]}
        for name, one in rules.scenarios.items()
    }
    return _changed(rules, keys)


def _changed(
    rules: ScenariosSettings, keys: Mapping[str, Mapping[str, object]]
) -> ScenariosSettings:
    scenarios = {
        name: ScenarioSettings.model_validate({**one.model_dump(), **keys[name]})
        for name, one in rules.scenarios.items()
    }
    return ScenariosSettings(schema_version=1, scenarios=scenarios)


def print_scenarios(name: str, found: Sorted) -> None:
    """A row for each scenario, and one for all."""
    placed = Counter(clip.scenario for clip in found.metadata.clips)
    true = Counter(found.truth.values())
    right = Counter(
        clip.scenario for clip in found.metadata.clips if found.truth[clip.id] == clip.scenario
    )
    rows = [(one, placed[one], right[one], true[one]) for one in found.rules.active]
    rows.append(("all", *(sum(row[at] for row in rows) for at in (1, 2, 3))))
    for scenario, *counts in rows:
        print(f"| {name} | {scenario} | {scores(*counts)} |")
    print(f"| {name} | rejected | {said(found.metadata.reject_counts)} | | | | |")


def scores(placed: int, right: int, true: int) -> str:
    """Clips, those that are right, precision, recall, F1: cells of a table."""
    f1 = f"{2 * right / (placed + true):.3f}" if placed + true else ""
    return f"{placed} | {right} | {share(right, placed)} | {share(right, true)} | {f1}"


def share(part: int, whole: int) -> str:
    """A share, or nothing where there is nothing to share."""
    return f"{part / whole:.3f}" if whole else ""


def said(counts: Mapping[str, int]) -> str:
    """Counts by reason."""
    return ", ".join(f"{reason} {count}" for reason, count in counts.items())


def print_keywords(found: Sorted, wrong: int) -> None:
    """A row for each keyword, and up to `wrong` clips that it is wrong about."""
    true = Counter(found.truth.values())
    clips = {clip.id: clip for clip in found.metadata.clips}
    for one in found.keywords:
        right, tier = found.right(one), "weak" if one.weak else "strong"
        cells = scores(len(one.clips), right, true[one.scenario])
        print(f"| {one.scenario} | {one.keyword} | {tier} | {cells} | {one.alone} |")
        astray = [clip for clip in one.clips if found.truth[clip] != one.scenario]
        for clip in astray[:wrong]:
            captions = "; ".join(clips[clip].evidence.matching_captions)
            print(f"    {clip}, truly {found.truth[clip]}: {captions}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=600, help="of each scenario")
    parser.add_argument("--others", type=int, default=2000, help="clips of no scenario")
    parser.add_argument("--seed", type=int, default=1, help="of the clips that are judged by")
    parser.add_argument("--weak-below", type=float, default=0.85, metavar="SHARE")
    parser.add_argument("--wrong", type=int, default=0, help="wrong clips shown per keyword")
    options = parser.parse_args()
    _, shipped = read_dataset(CONFIGS / "data" / "sample.yaml")
    looked_at = sort_clips(told_clips(options.seed + 1, options.clips, options.others), shipped)
    told = told_clips(options.seed, options.clips, options.others)
    kinds = {
        "shipped": shipped,
        "more words": with_words(shipped),
        "tiers": with_tiers(looked_at, options.weak_below),
    }
    captions = sum(len(one.plan.captions) for one in told)
    print(f"{len(told)} clips with {captions} captions, {options.others} of them of no scenario\n")
    print("| rules | scenario | clips | right | precision | recall | F1 |")
    print("|---|---|---|---|---|---|---|")
    found = {}
    for name, rules in kinds.items():
        for minimum, few in (("", rules), (", one caption", with_minimum(rules, 1))):
            found[name + minimum] = sort_clips(told, few)
            print_scenarios(name + minimum, found[name + minimum])
    for name, one in found.items():
        print(f"\n{name}\n")
        print(
            "| scenario | keyword | tier | clips | right | precision | recall | F1 | by it alone |"
        )
        print("|---|---|---|---|---|---|---|---|---|")
        print_keywords(one, options.wrong)


if __name__ == "__main__":
    main()
