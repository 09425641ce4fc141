"""The project's verbs as jobs: the Makefile, the UI and the sensor launch these."""

import dagster as dg

_CACHES = ("scenario_manifest", "first_frames", "prompt_embeddings", "latents")
_SOURCES = ("footage", "scenario_metadata", "base_model")
REFRESHED = (
    *_CACHES,
    "scenario_adapter",
    "scenario_validation",
    "scenario_report",
    "project_report",
)
"""What hangs on one scenario's clips, and the page over all that shows it."""

_VERBS: dict[str, tuple[str, tuple[str, ...]]] = {
    "data": ("Find the footage and sort it into scenarios.", _SOURCES),
    "preprocess": ("First frames, latents and embeddings of a scenario.", _CACHES),
    "train_scenarios": ("Train a scenario's adapter.", ("scenario_adapter",)),
    "train": ("Train the unified adapter.", ("unified_adapter",)),
    "validate": ("Judge a scenario's adapter.", ("scenario_validation", "scenario_report")),
    "validate_unified": ("Judge the unified adapter.", ("unified_validation", "unified_report")),
    "sweep": (
        "Judge a scenario's adapter at several strengths.",
        ("scale_sweep", "scenario_report"),
    ),
    "summary": (
        "Roll up what there is.",
        ("inference_presets", "project_summary", "project_report"),
    ),
    "refresh": (
        "Everything that a scenario's footage leads to, up to its verdict.",
        (*_SOURCES, *REFRESHED),
    ),
}

_PERSONAL = {
    "promote": "Let a scenario's adapter be served; fill in who decides and why.",
    "demote": "Stop serving a scenario's adapter; fill in who decides and why.",
}

JOBS = [
    dg.define_asset_job(name, dg.AssetSelection.assets(*assets), description=description)
    for name, (description, assets) in _VERBS.items()
] + [
    dg.define_asset_job(
        name,
        dg.AssetSelection.assets("inference_presets"),
        description=description,
        config={
            "ops": {
                "inference_presets": {
                    "config": {"action": name, "scenario": "", "by": "", "reason": ""}
                }
            }
        },
    )
    for name, description in _PERSONAL.items()
]
