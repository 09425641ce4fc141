"""What the documentation says is so: commands run, links and paths exist, generated parts are up to
date."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from pydantic import ValidationError

from slora_assets.config.variables import VARIABLES
from slora_assets.documents.schemas import DOCUMENTS
from slora_assets.footage.encode import write_mp4
from slora_assets.provenance.keys import KEYS
from slora_assets_tests.adapter_files.made import ATTENTION, adapter
from slora_assets_tests.docs.reading import blocks, complaints, files_of, runnable
from slora_assets_tests.small_graph import PROJECT
from slora_assets_tests.waiting import PATIENCE_S

PAGES = sorted(
    [*PROJECT.glob("*.md"), *(PROJECT / "deploy").glob("*.md"), *(PROJECT / "docs").rglob("*.md")]
)
RUN = [page for page in PAGES if runnable(page.read_text("utf-8"))]
CAPTIONS = {
    "a": "a boat enters the harbour",
    "b": "a ship at the quay",
    "c": "bathers at the beach",
    "d": "a quiet room",
}
_COPIED = ("configs", "docs")
_LINKED = (
    "Makefile",
    "api",
    "benchmarks",
    "dagster.yaml",
    "deploy",
    "pyproject.toml",
    "slora_assets",
    "src",
    "workspace.yaml",
)
_RENEW = "run `.venv/bin/python docs/tools/update.py` and commit what it writes"


def _name(page: Path) -> str:
    return page.relative_to(PROJECT).as_posix()


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small clips with captions beside them."""
    folder = tmp_path_factory.mktemp("footage")
    for number, (name, caption) in enumerate(CAPTIONS.items()):
        frames = np.full((9, 32, 48, 3), 40 * number, np.uint8)
        write_mp4(folder / f"{name}.mp4", frames, 8)
        (folder / f"{name}.txt").write_text(caption + "\n")
    return folder


@pytest.fixture
def copy(tmp_path: Path, footage: Path) -> Path:
    """The project as a reader has it, in a folder that commands may write in, with some footage and
    an adapter."""
    for name in _COPIED:
        shutil.copytree(PROJECT / name, tmp_path / name)
    for name in _LINKED:
        (tmp_path / name).symlink_to(PROJECT / name)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    shutil.copytree(footage, tmp_path / "my_footage")
    adapter(tmp_path / "pytorch_lora_weights.safetensors", ATTENTION)
    return tmp_path


def write_files(page: str, folder: Path) -> None:
    """Write the files that a page has its reader write."""
    for name, content in files_of(page).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_paths_modules_and_commands_exist(page: Path) -> None:
    assert complaints(page.read_text("utf-8"), page, PROJECT) == []


@pytest.mark.parametrize("page", RUN, ids=_name)
def test_commands_run(page: Path, copy: Path) -> None:
    text = page.read_text("utf-8")
    write_files(text, copy)
    environment = {k: v for k, v in os.environ.items() if k == KEYS or not k.startswith("SLORA_")}
    environment |= {"DAGSTER_HOME": str(copy), "HF_HUB_OFFLINE": "1"}
    for block in runnable(text):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.text],
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, f"{_name(page)}, line {block.line}:\n{done.stderr}"


def test_the_how_to_on_scenarios_ends_where_it_says(copy: Path) -> None:
    page = (PROJECT / "docs/howto/own_scenario.md").read_text("utf-8")
    write_files(page, copy)
    said = "".join(
        _run(block.text, copy)
        for block in blocks(page)
        if block.marker == ("run by", "slora_assets_tests/docs/test_documentation.py")
    )
    (shown,) = (block.text for block in blocks(page) if block.text.startswith("# Written by"))
    written = (copy / "configs/data/my_scenarios/harbour.yaml").read_text()
    retired = 'retired: true\nretired_because: "the harbour is closed"\n'
    assert written.replace(retired, "") == shown != written
    matched = dict(re.findall(r"^(\w+): (\d+) clips with any", said, re.MULTILINE))
    assert matched == {"harbour": "2", "beach": "1"}
    assert (copy / "data/metadata/curation_report.md").is_file()


def _run(command: str, copy: Path) -> str:
    """What a shell block prints, run as a reader would."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=copy,
        env=os.environ | {"SLORA_WORKSPACE": str(copy), "SLORA_CONFIGS": str(copy / "configs")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_recipes_that_the_pages_show_are_valid() -> None:
    from ruamel.yaml import YAML

    from slora_assets.config.training import TrainingSettings

    shown = [
        content
        for page in PAGES
        for name, content in files_of(page.read_text("utf-8")).items()
        if name.startswith("configs/training/")
    ]
    assert shown
    for content in shown:
        settings = YAML(typ="safe").load(content)
        TrainingSettings.model_validate(settings)
        with pytest.raises(ValidationError):
            TrainingSettings.model_validate(settings | {"no_such_key": 1})


@pytest.fixture(scope="module")
def update() -> ModuleType:
    """`docs/tools/update.py`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PROJECT / "docs" / "tools"))
        # A script beside the docs, on the path for this import alone.
        import update as module  # type: ignore[import-not-found]

        return module


def test_generated_parts_are_up_to_date(update: ModuleType) -> None:
    wanted = update.wanted()
    assert {_name(path) for path in wanted} >= {
        "docs/architecture.md",
        "docs/benchmarks.md",
        "docs/images/graph.svg",
        "docs/scaling.md",
        "docs/settings.md",
    }
    stale = [_name(path) for path, text in wanted.items() if path.read_text("utf-8") != text]
    assert stale == [], _RENEW


def test_a_changed_table_would_be_noticed(update: ModuleType) -> None:
    page = (PROJECT / "docs/settings.md").read_text("utf-8")
    changed = page.replace("`lora.rank`", "`lora.ranks`")
    assert changed != page
    assert update.renewed(changed) == page


def test_the_picture_shows_every_asset_and_check_of_the_graph() -> None:
    from slora_assets.definitions import defs

    graph = defs.resolve_asset_graph()
    picture = (PROJECT / "docs/images/graph.svg").read_text("utf-8")
    shown = set(re.findall(r'<g id="(\w+)">', picture))
    assert shown == {key.to_user_string() for key in graph.get_all_asset_keys()}, _RENEW
    assert all(f" {key.name}<" in picture for key in graph.asset_check_keys), _RENEW


OF_OTHERS = {
    "DAGSTER_HOME",
    "RAY_ADDRESS",
    "OPENLINEAGE_URL",
    "MLFLOW_TRACKING_URI",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
}
"""Variables that other people's programs have named."""


def test_every_document_stands_in_the_table_of_files() -> None:
    page = (PROJECT / "docs/architecture.md").read_text("utf-8")
    linked = set(re.findall(r"\[`(\w+)`\]\(schemas/(\w+)\.schema\.json\)", page))
    assert linked == {(name, name) for name in DOCUMENTS}


def test_the_list_of_environment_variables_is_the_code_s() -> None:
    files = [PROJECT / "Makefile"]
    for folder, pattern in (
        ("slora_assets", "*.py"),
        ("api", "*.py"),
        ("configs", "*.yaml"),
        ("deploy", "*.yaml"),
    ):
        files += (PROJECT / folder).rglob(pattern)
    listed = PROJECT / "slora_assets/config/variables.py"
    text = "\n".join(file.read_text("utf-8") for file in files if file != listed)
    read = set(re.findall(r"\bSLORA_[A-Z_]+\b", text))
    assert {one.name for one in VARIABLES} == read | OF_OTHERS


def test_make_passes_on_what_the_list_says() -> None:
    makefile = (PROJECT / "Makefile").read_text("utf-8")
    passed = re.findall(r"^export (SLORA_\w+) := .*?\$\((?:abspath \$\()?(\w+)\)", makefile, re.M)
    assert {one.name: one.make for one in VARIABLES if one.make} == dict(passed)


def test_the_header_of_an_adapter_holds_what_its_page_lists(tmp_path: Path) -> None:
    from diffusers import CogVideoXTransformer3DModel

    from slora_assets.base_models.lora import add_adapter, save_adapter
    from slora_assets.base_models.seam import LoraShape
    from slora_assets.base_models.weights import read_safetensors_header
    from slora_assets.documents.models import BaseIdentity
    from slora_assets.training.between_epochs.export import AdapterOrigin

    transformer = CogVideoXTransformer3DModel(
        num_attention_heads=1,
        attention_head_dim=16,
        num_layers=1,
        in_channels=2,
        out_channels=2,
        text_embed_dim=8,
        time_embed_dim=8,
    )
    shape = LoraShape(2, 2.0, ("to_q",))
    add_adapter(transformer, shape, 0, shape.targets)
    identity = BaseIdentity(name="small", revision="1", licence="any", trained=False, parts={})
    origin = AdapterOrigin("stage", identity, "any", ["a stage"], "c", "d", "r")
    file = tmp_path / "adapter.safetensors"
    save_adapter(transformer, shape, origin.header(1, 2, {"held_out_loss": 0.5}), file)
    header = read_safetensors_header(file)["__metadata__"]

    page = (PROJECT / "docs/adapters.md").read_text("utf-8")
    assert _first_column(page, "| entry | what it says |") == set(header)
    restored = json.loads(header["lora_adapter_metadata"])
    assert _first_column(page, "| entry of `lora_adapter_metadata` |") == set(restored)


def _first_column(page: str, heading: str) -> set[str]:
    """The code in the first column of the table that begins with `heading`."""
    table = page[page.index(heading) :].split("\n\n")[0]
    return set(re.findall(r"^\| `([^`]+)`", table, re.MULTILINE))
