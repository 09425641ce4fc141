"""Under `make ui`: what runs leave behind, what killed ones hold, and what Ctrl-C ends."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from slora_assets_tests.defs.user_interface import ENDED, UserInterface, opened
from slora_assets_tests.small_graph import PROJECT, RECIPE, prepare

SCENARIO, OTHER = "market_floor", "stage"


@pytest.fixture(scope="module")
def root(prepared_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that lacks first frames, and of its latents one."""
    root = Path(shutil.copytree(prepared_root, tmp_path_factory.mktemp("ui") / "workspace"))
    next((root / "data/prepared/latents" / SCENARIO).glob("*.npz")).unlink()
    return root


@pytest.fixture(scope="module")
def ui(root: Path) -> Iterator[UserInterface]:
    """Started once for the file; the last test ends it."""
    home = root / ".dagster"
    home.mkdir()
    (home / "dagster.yaml").symlink_to(PROJECT / "dagster.yaml")
    with opened(prepare(root) | {"DAGSTER_HOME": str(home)}, root / "dev.log") as ui:
        yield ui


@pytest.fixture
def whole(ui: UserInterface, root: Path) -> None:
    """All that a training reads is there, whether the first test ran or not."""
    if not list((root / "data/raw/msr-vtt/frames").glob("*.png")):
        assert ui.ended(ui.launch("preprocess", SCENARIO)) == "SUCCESS"


def _at_work(ui: UserInterface, run: str) -> psutil.Process:
    """Wait until a run has the pool's place and its worker works; the worker."""

    def workers() -> list[psutil.Process]:
        assert ui.status(run) not in ENDED, ui.log.read_text()[-3000:]
        return ui.processes().get("worker", []) if ui.holders() == [run] else []

    (worker,) = ui.wait_for(workers, "the worker")
    return worker


def _recipe(root: Path, epochs: str) -> None:
    """Another recipe for the next run, which goes on with nothing that another began."""
    shutil.rmtree(root / "checkpoints", ignore_errors=True)
    text = RECIPE.replace("epochs: 2", epochs)
    (root / "configs/training/lora_default.yaml").write_text(text)


# A training that lasts longer than anybody waits: whoever is gone was ended.
_ENDLESS = "epochs: 4000\nseed: {seed}\ncheckpoint_every_steps: 1"


def _nothing_of_runs(ui: UserInterface) -> Callable[[], bool]:
    return lambda: not ui.of_runs()


def test_runs_that_decode_and_compute_leave_no_process(ui: UserInterface, root: Path) -> None:
    run = ui.launch("preprocess", SCENARIO)
    backfill = ui.backfill(["scenario_manifest", "first_frames"], [SCENARIO, OTHER])
    seen: set[str] = set()

    def ended() -> bool:
        seen.update(ui.processes())
        return ui.status(run) == "SUCCESS"

    ui.wait_for(ended, "the run's success")
    assert ui.backfill_ended(backfill) == "COMPLETED_SUCCESS"
    assert {"decoder", "worker", "fork server"} <= seen
    assert len(list((root / "data/raw/msr-vtt/frames").glob("*.png"))) == 24
    ui.wait_for(_nothing_of_runs(ui), "the runs' processes to end")


@pytest.mark.usefixtures("whole")
def test_a_killed_run_gives_the_pool_s_place_back_and_its_worker_ends(
    ui: UserInterface, root: Path
) -> None:
    _recipe(root, _ENDLESS.format(seed=0))
    run = ui.launch("train_scenarios", SCENARIO)
    _at_work(ui, run)
    ui.processes()["run"][0].kill()
    assert ui.ended(run) == "FAILURE"
    ui.wait_for(lambda: not ui.holders(), "the killed run's place")
    ui.wait_for(_nothing_of_runs(ui), "the killed run's worker to end")


@pytest.mark.usefixtures("whole")
@pytest.mark.slow
def test_a_killed_worker_gives_the_pool_s_place_back_and_the_next_run_goes_on(
    ui: UserInterface, root: Path
) -> None:
    _recipe(root, "epochs: 4\ncheckpoint_every_steps: 1")
    run = ui.launch("train_scenarios", SCENARIO)
    _at_work(ui, run).kill()
    assert ui.ended(run) == "FAILURE"
    ui.wait_for(lambda: not ui.holders(), "the place of the run whose worker was killed")
    assert ui.ended(ui.launch("train_scenarios", SCENARIO)) == "SUCCESS"
    assert (root / f"checkpoints/scenario_loras/{SCENARIO}/manifest.json").is_file()
    ui.wait_for(_nothing_of_runs(ui), "the runs' processes to end")


@pytest.mark.usefixtures("whole")
@pytest.mark.slow
def test_a_killed_code_server_is_replaced_and_a_run_that_outlived_it_can_be_cancelled(
    ui: UserInterface, root: Path
) -> None:
    _recipe(root, _ENDLESS.format(seed=1))
    run = ui.launch("train_scenarios", SCENARIO)
    _at_work(ui, run)
    (killed,) = ui.processes()["code server"]
    killed.kill()
    ui.wait_for(lambda: killed not in ui.processes().get("code server", [killed]), "another")
    ui.wait_for(ui.loaded, "the graph")
    assert ui.status(run) == "STARTED"
    ui.cancel(run)
    assert ui.ended(run) == "CANCELED"
    ui.wait_for(lambda: not ui.holders(), "the cancelled run's place")
    ui.wait_for(_nothing_of_runs(ui), "its processes to end")


def test_ctrl_c_leaves_no_process_and_no_file(ui: UserInterface, root: Path) -> None:
    _recipe(root, _ENDLESS.format(seed=2))
    killed = set(ui.left_behind())  # by a run that was killed, which no run can help
    _at_work(ui, ui.launch("train_scenarios", SCENARIO))
    ui.interrupt()
    ui.wait_for(lambda: not ui.processes(), "everything to end")
    assert set(ui.left_behind()) <= killed
