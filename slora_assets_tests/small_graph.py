"""One small graph end to end, through the same verbs as the demo: two scenarios, short training.

`python slora_assets_tests/small_graph.py <empty folder>`; exits non-zero when anything is missing.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]

SCENARIOS = """\
schema_version: 1
scenarios:
  market_floor:
    description: a busy market floor with stalls
    keywords: [market, bazaar, vendor, stall]
    min_train_clips: 3
  stage:
    description: a dark stage with spotlights
    keywords: [stage, concert, dancer, dancing, spotlight]
    min_train_clips: 3
  lighthouse:
    description: a scenario without footage
    keywords: [lighthouse]
"""

DATASET = """\
name: msr-vtt
format: msrvtt
annotations: [data/raw/msr-vtt/videodatainfo.json]
footage: data/raw/msr-vtt/videos
scenarios: scenarios.yaml
licence: Apache-2.0
use: tests
obtain: {kind: render, clips_per_scenario: 12, others: 2}
"""

RECIPE = """\
schema_version: 1
epochs: 2
repeats: 1
keep_top_k_adapters: 1
log_every_steps: 1
validation: {prompts: 1, steps: 2, max_clips: 2}
"""

PROMPTS = """\
schema_version: 1
seeds: [1]
scenarios:
  market_floor: {prompts: [a red person moving left at the market, a blue cart at the market]}
  stage: {prompts: [a blue dancer on the stage]}
gate:
  guards: {clip_similarity: {margin: 0.02, improves: true}}
"""


def prepare(root: Path) -> dict[str, str]:
    """Write a workspace with small settings and return the environment that selects it."""
    for folder, name, text in (
        ("data", "scenarios.yaml", SCENARIOS),
        ("data", "small.yaml", DATASET),
        ("training", "lora_default.yaml", RECIPE),
        ("training", "validation_prompts.yaml", PROMPTS),
    ):
        path = root / "configs" / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    model = root / "configs" / "model"
    shutil.copytree(PROJECT / "configs" / "model", model, dirs_exist_ok=True)
    presets = model / "optimized_inference.yaml"  # verdicts are about what is served, and as fast
    presets.write_text(presets.read_text().replace("steps: null", "steps: 2"))
    shutil.copy(PROJECT / "dagster.yaml", root)
    return {
        "SLORA_WORKSPACE": str(root),
        "SLORA_CONFIGS": str(root / "configs"),
        "SLORA_DATASET": str(root / "configs" / "data" / "small.yaml"),
        "DAGSTER_HOME": str(root),
    }


def run(root: Path) -> int:
    """Materialize the whole small graph; the scenario without footage must fail, and alone."""
    command = [sys.executable, "-m", "slora_assets.defs.launch", "demo"]
    status = subprocess.run(
        command, cwd=root, env=os.environ | prepare(root), check=False
    ).returncode
    wanted = [
        "data/metadata/scenario_metadata.json",
        "checkpoints/lora_unified/manifest.json",
        "outputs/summary/summary.md",
    ]
    for name in ("market_floor", "stage"):
        wanted += [
            f"checkpoints/scenario_loras/{name}/manifest.json",
            f"checkpoints/scenario_loras/{name}/validation_metrics.jsonl",
            f"outputs/validation/{name}/verdict.json",
        ]
    missing = [name for name in wanted if not (root / name).is_file()]
    if status != 1 or missing or (root / "checkpoints/scenario_loras/lighthouse").exists():
        print(f"small graph: status {status} (1 expected), missing {missing}", file=sys.stderr)
        return 1
    print("small graph: all there, and the scenario without footage failed alone")
    return 0


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]).resolve()))
