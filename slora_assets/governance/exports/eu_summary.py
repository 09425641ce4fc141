"""The EU's public summary of training content (AI Act, Article 53(1)(d)), after the Commission's
template of 24 July 2025, as Markdown filled in from records.

What no record says is said to be so, and what doesn't apply is "not applicable": a person completes
the rest.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from slora_assets.config.errors import SloraError
from slora_assets.governance.exports.facts import Exported, preprocessing, scenarios_of
from slora_assets.provenance.inventories import read_inventory
from slora_assets.provenance.markdown import markdown_cell

FILE: Final = "eu_training_summary.md"

_NO_RECORD: Final = "to be filled in; no record of the project says it"
_NONE: Final = "Not applicable: no record of the project names any."
_RENDERED: Final = "rendered by this project"
_SHOWN: Final = 20

Rows = list[tuple[str, str]]


def eu_summary(run: Exported) -> str:
    """The document as text."""
    parts = [
        "# Public summary of training content",
        f"Of {run.title}, version {run.adapter.sha256[:16]}; after the Commission's template of"
        " 24 July 2025. It covers what this adapter was trained on; for its base see its provider's"
        " own summary.",
        "## 1. General information",
        "### 1.1. Provider identification",
        _table(
            [
                ("Provider name and contact details", _NO_RECORD),
                ("Authorised representative name and contact details", _NO_RECORD),
            ]
        ),
        "### 1.2. Model identification",
        _table(_model(run)),
        "### 1.3. Modalities, overall training data size and other characteristics",
        _table(_size(run)),
        "## 2. List of data sources",
        *_sources(run),
        "## 3. Data processing aspects",
        *_processing(run),
    ]
    return "\n\n".join(parts) + "\n"


def _model(run: Exported) -> Rows:
    base = run.record.base
    placed = (
        f"promoted for serving on {run.promotion.time[:10]}" if run.promotion else "not promoted"
    )
    return [
        ("Versioned model name", f"{run.title} {run.adapter.sha256}"),
        (
            "Model dependencies",
            f"Modification (LoRA of rank {run.adapter.rank}) of {base['name']}, revision"
            f" {base['revision']}, licence {run.base_licence.id}",
        ),
        ("Date of placement of the model on the Union market", f"{_NO_RECORD} ({placed})"),
    ]


def _size(run: Exported) -> Rows:
    record = run.record
    splits = Counter(clip.split for clip in record.clips)
    counted = ", ".join(f"{count} for {split}" for split, count in sorted(splits.items()))
    prompts = sum(len(clip.prompts or []) for clip in record.clips)
    return [
        ("Modality", "Video and text"),
        ("Training data size, video", f"{_hours(run)} ({len(record.clips)} clips: {counted})"),
        ("Training data size, text", f"Less than 1 billion tokens ({prompts} captions)"),
        ("Types of content", f"Video clips of {scenarios_of(run)}, with captions"),
        ("Latest date of data acquisition or collection", f"on record as of {run.time[:10]}"),
        ("Linguistic characteristics", "Captions; their language is not on record"),
        (
            "Other relevant characteristics",
            f"Licences allow {run.use} use at most: "
            + "; ".join(sorted({f"{one.what}, {one.licence.id}" for one in run.parents})),
        ),
        ("Additional comments", f"Dataset hash {record.dataset_hash}, run hash {record.run_hash}"),
    ]


def _hours(run: Exported) -> str:
    """The template's band. Footage that nobody has the length of is not counted."""
    lengths = {}
    try:
        files = read_inventory(run.workspace).files.values()
        lengths = {one.sha256: one.duration_s for one in files}
    except SloraError:
        pass
    known = [length for file in run.files if (length := lengths.get(file.sha256)) is not None]
    if not known:
        return "Lengths are not on record"
    hours = sum(known) / 3600
    band = "Less than 10 000" if hours < 10_000 else "10 000 to 1 million"
    band = band if hours <= 1_000_000 else "More than 1 million"
    missing = len(run.files) - len(known)
    unknown = f", and {missing} files whose length is not on record" if missing else ""
    return f"{band} hours: {hours:.3g} hours{unknown}"


def _sources(run: Exported) -> list[str]:
    """Which of the template's kinds the dataset is, its record doesn't say: what it does say stands
    under `other`, but for footage that the project renders."""
    rendered = run.dataset is not None and _RENDERED in run.dataset.use
    own = run.dataset_licence.id == "LicenseRef-Own"
    sources = sorted({clip.source for clip in run.record.clips if clip.source})
    shown = [f"- {markdown_cell(source)}" for source in sources[:_SHOWN]]
    if len(sources) > _SHOWN:
        shown.append(f"- and {len(sources) - _SHOWN} more, listed in croissant.json")
    told = _table(
        [
            ("Name", run.record.dataset),
            ("Licence", run.record.licence),
            (
                "Use, in the words of the dataset",
                run.dataset.use if run.dataset else "not on record",
            ),
            ("Clips", str(len(run.record.clips))),
            ("Sources", str(len(sources))),
        ]
    )
    listed = "Sources as the dataset names them:\n\n" + "\n".join(shown) if shown else ""
    here = "\n\n".join(filter(None, [told, listed]))
    note = f"Of which of the kinds above it is: {_NO_RECORD}."
    unknown = f"No record says whether {run.record.dataset} is one: see 2.6."
    elsewhere = _NONE if rendered or own else unknown
    return [
        "### 2.1. Publicly available datasets",
        elsewhere,
        "### 2.2. Private non-publicly available datasets obtained from third parties",
        "#### 2.2.1. Datasets commercially licensed by rightsholders or their representatives",
        elsewhere,
        "#### 2.2.2. Private datasets obtained from other third parties",
        elsewhere,
        "### 2.3. Data crawled and scraped from online sources",
        "Not applicable: the project crawls nothing. Whether the dataset's makers did is not on"
        " record.",
        "### 2.4. User data",
        "Not applicable: prompts and clips of the service are not trained on.",
        "### 2.5. Synthetic data",
        here if rendered else _NONE,
        "### 2.6. Other sources of data",
        _NONE if rendered else here if own else f"{here}\n\n{note}",
    ]


def _processing(run: Exported) -> list[str]:
    return [
        "### 3.1. Respect of reservation of rights from the text and data mining exception",
        "Files whose own metadata say that they may not be trained on (C2PA and CAWG"
        " training-and-data-mining assertions) are left out at curation. Footage is taken out for"
        " good on request (`slora takedown`): what was made of it is erased, and adapters that saw"
        " it are served no longer. Other ways of reservation, such as robots.txt, are for whoever"
        " collected the footage.",
        "### 3.2. Removal of illegal content",
        "Not applicable: the project looks for none. Footage is what was provided to it.",
        "### 3.3. Other information about data processing",
        "\n".join(f"- {one}" for one in preprocessing(run))
        + f"\n- {len(run.record.dropped)} clips that could not be used were left out.",
    ]


def _table(rows: Rows) -> str:
    lines = ["| | |", "|---|---|"]
    lines += [f"| {name} | {markdown_cell(value)} |" for name, value in rows]
    return "\n".join(lines)
