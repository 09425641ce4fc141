"""A registered adapter's model card, as the Hugging Face Hub reads it: `README.md` beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from slora_assets.documents import AdapterRecord, RunRecord, RunVerdict

if TYPE_CHECKING:
    from huggingface_hub import ModelCardData

_HUB_LICENCES: Final = {"Apache-2.0": "apache-2.0", "MIT": "mit", "CC-BY-4.0": "cc-by-4.0"}
"""SPDX's names of licences that the Hub knows -> the Hub's."""


def model_card(record: AdapterRecord, run: RunRecord, verdict: RunVerdict) -> str:
    """The card's text: what it is for, from what it was made, and what the gate measured."""
    front = _front_matter(record, run).to_yaml()
    return f"---\n{front}\n---\n\n{_text(record, run, verdict)}"


def _front_matter(record: AdapterRecord, run: RunRecord) -> ModelCardData:
    from huggingface_hub import ModelCardData

    licences = {record.base_licence, run.licence}
    known = _HUB_LICENCES.get(record.base_licence) if len(licences) == 1 else None
    named = None if known else _both(record, run)
    return ModelCardData(
        base_model=record.base,
        datasets=[run.dataset],
        library_name="diffusers",
        license=known or "other",
        license_name=named,
        pipeline_tag="text-to-video",
        tags=["lora", "text-to-video", "slora", *run.scenarios],
    )


def _both(record: AdapterRecord, run: RunRecord) -> str:
    return f"base: {record.base_licence}; footage: {run.licence}"


def _text(record: AdapterRecord, run: RunRecord, verdict: RunVerdict) -> str:
    parts = (_about(record, run), _use(verdict), _training(record, run), _figures(verdict))
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _about(record: AdapterRecord, run: RunRecord) -> Iterator[str]:
    shows = f"the scenario `{record.scenario}`" if record.scenario else "all scenarios together"
    yield f"# LoRA adapter for {shows}"
    yield ""
    yield f"For `{record.base}` {record.base_revision}. Rank {record.rank}, alpha {record.alpha:g},"
    yield f"of {', '.join(f'`{one}`' for one in record.targets)}."
    yield ""
    yield f"- SHA-256 of the file: `{record.sha256}`"
    yield f"- run: `{run.run}`, epoch {record.epoch}, step {record.step}, `{record.run_hash}`"
    yield f"- recipe: `{record.config_hash}`"


def _use(verdict: RunVerdict) -> Iterator[str]:
    yield "## Intended use"
    yield ""
    yield f"Short clips of its scenario from a prompt, at strength {verdict.served.scale:g}."
    yield "They are generated: whoever publishes one says so, and leaves the marks in it that"
    yield "slora puts there. Not for showing people or events as if they had been filmed. What it"
    yield "does outside of its scenario is not judged beyond what stands below."


def _training(record: AdapterRecord, run: RunRecord) -> Iterator[str]:
    taught = sum(clip.split == "train" for clip in run.clips)
    yield "## Training data"
    yield ""
    yield f"- {taught} clips of `{run.dataset}` taught it, {len(run.clips) - taught} were held out"
    yield f"- licence of the clips: {run.licence}; of the base: {record.base_licence}"
    yield f"- hash of the data: `{record.dataset_hash}`"
    yield f"- each clip with its source: `slora lineage {record.sha256[:12]}`"


def _figures(verdict: RunVerdict) -> Iterator[str]:
    gate = verdict.gate
    yield "## Verdict"
    yield ""
    yield f"**{gate.answer}**: {' '.join(gate.reasons)}"
    yield ""
    yield "| metric | base | adapter | footage | difference | lower bound | margin | clips |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, one in gate.metrics.items():
        shown = (one.base, one.adapter, one.footage, one.mean_delta, one.lower, one.margin)
        yield f"| {name} | {' | '.join(map(_number, shown))} | {one.n} |"
    if gate.held_out is not None:
        loss = gate.held_out
        yield ""
        yield f"Loss on {loss.clips} held-out clips: {loss.adapter:.4f}; base: {loss.base:.4f}."
    if verdict.copies is not None:
        yield ""
        yield f"Samples that copy a training clip: {verdict.copies}."
    if verdict.scores_note:
        yield ""
        yield verdict.scores_note


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
