"""`make ui`: Dagster's UI, daemon and code server on the workspace that the environment names."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final, NoReturn

from slora_assets.config.places import PROJECT
from slora_assets.config.workspace import Workspace
from slora_assets.defs.home import prepare_home, refuse_copy
from slora_assets.processes.stopping import heed_signals

_ARGUMENTS: Final = ("dev", "--host", "127.0.0.1")
_WATCH: Final = "slora_assets.defs.launch.code_server_watch"


def open_ui(*options: str) -> NoReturn:
    """Become `dg dev` with `options` in the project's folder. Raises OSError when `dg` isn't
    installed."""
    workspace = Workspace.from_environment()
    refuse_copy("`dg` works in the project's folder")
    prepare_home()
    os.chdir(PROJECT)
    os.environ["SLORA_WORKSPACE"] = str(workspace.root)  # however it was named from here
    os.environ["SLORA_CONFIGS"] = str(workspace.configs)
    os.environ["SLORA_DATASET"] = str(workspace.dataset_file)
    os.environ.setdefault("VIRTUAL_ENV", sys.prefix)  # else dg warns that it guesses
    print(f"workspace {workspace.root}; the UI is at http://127.0.0.1:3000", flush=True)
    heed_signals()  # what is heard here `dg` hears, and what is ignored it ignores
    dg = Path(sys.executable).parent / "dg"
    subprocess.Popen([sys.executable, "-m", _WATCH, str(os.getpid())])  # ends with dg
    os.execv(dg, [str(dg), *_ARGUMENTS, *options])
