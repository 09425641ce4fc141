"""`python -m api.client`: one clip over HTTP, from a running service or from one started for it.

Prints where the clip is, its temporal score and what made it; on refusal the server's message, and
ends non-zero.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slora_assets.config.edge import exit_status
from slora_assets.config.errors import IntegrityError, MissingInputError
from slora_assets.config.workspace import Workspace
from slora_assets.processes.preloading import configure_libraries
from slora_assets.provenance import sha256_bytes, write_bytes

if TYPE_CHECKING:
    import httpx

_START_TIMEOUT_S = 60.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    return exit_status(lambda: _ask(_parser().parse_args(arguments)))


def _ask(options: argparse.Namespace) -> int:
    workspace = Workspace.from_environment()
    fields = {"scenario": options.scenario, "prompt": options.prompt}
    if options.prompt is None:
        fields["prompt"] = _default_prompt(workspace, options.scenario)
    fields |= {
        name: value
        for name, value in (("lora_scale", options.scale), ("lora_path", options.lora_path))
        if value is not None
    }
    if options.url is not None:
        return _generate(options, options.url, fields, workspace)
    configure_libraries()
    with _local_service(workspace, preview=not options.strict) as url:
        return _generate(options, url, fields, workspace)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m api.client", description="Generate one clip.")
    parser.add_argument("--scenario", required=True)
    parser.add_argument("--scale", help="adapter strength (default: the preset's)")
    parser.add_argument("--prompt", help="default: the scenario's first validation prompt")
    parser.add_argument("--lora-path", help="adapter file (default: the scenario's own)")
    parser.add_argument("--url", help="a running service (default: start one for this call)")
    parser.add_argument(
        "--strict", action="store_true", help="promoted adapters only, no preview of the last run's"
    )
    parser.add_argument("--json", action="store_true", help="print the server's answer as JSON")
    parser.add_argument("--timeout-s", type=float, default=3600.0)
    return parser


def _generate(
    options: argparse.Namespace, url: str, fields: dict[str, str], workspace: Workspace
) -> int:
    """Post the form, fetch the clip, print both."""
    import httpx

    try:
        key = os.environ.get("SLORA_API_KEY")
        shown = {"Authorization": f"Bearer {key}"} if key else {}
        with httpx.Client(
            base_url=url, headers=shown, timeout=options.timeout_s, trust_env=False
        ) as http:
            answer = http.post("/generate", data=fields)
            if answer.is_error:
                return _refused(answer)
            made = _answered(answer, url)
            if options.strict and made["status"] != "promoted":
                print("The service served a preview, and --strict was asked for.", file=sys.stderr)
                return 1
            clip = http.get(made["url"])
            if clip.is_error:
                return _refused(clip)
    except httpx.HTTPError as error:
        print(f"The service at {url} can't be reached ({error}).", file=sys.stderr)
        return 1
    path = _keep(clip.content, made, workspace)
    if options.json:
        print(json.dumps({**made, "path": workspace.relative(path)}, indent=2, sort_keys=True))
    else:
        _report(made, workspace.relative(path))
    return 0


def _answered(answer: httpx.Response, url: str) -> dict[str, Any]:
    """What the service made. Raises IntegrityError for the answer of another server."""
    try:
        made = answer.json()
        made["status"], made["url"], made["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(
            "the answer is not one of slora's service",
            key="--url",
            found=url,
            remedy="name the address that `make serve` prints",
        ) from error
    return dict(made)


def _refused(answer: httpx.Response) -> int:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = "no reason given"
    print(f"Refused ({answer.status_code}): {detail}", file=sys.stderr)
    return 1


def _keep(content: bytes, made: dict[str, Any], workspace: Workspace) -> Path:
    """Check the download; write it down unless the service published it in this workspace."""
    if sha256_bytes(content) != made["sha256"]:
        raise IntegrityError("the downloaded clip is not the one that was announced")
    name = f"{made['sha256'][:32]}.mp4"
    published = workspace.artifacts / Path(made["url"]).name
    if published.is_file():
        return published
    path = workspace.root / "outputs" / "downloads" / name
    write_bytes(path, content)
    return path


def _report(made: dict[str, Any], path: str) -> None:
    score = made["temporal_score"]
    headline = score["temporal_consistency"]
    lines = {
        "artifact": path,
        "url": made["url"],
        "metadata": f"{made['url']}/metadata",
        "temporal score": "none" if headline is None else f"{headline:.4f}",
        "": score["reason"],
        "scenario": f"{made['scenario']} at scale {made['lora_scale']:g}",
        "prompt": made["prompt"],
        "adapter": made["adapter_sha256"] or "none: the base alone",
        "verdict": made["verdict"] or made["verdict_note"],
        "status": made["status"],
        "marked": f"as generated, by {', '.join(made['marks'])}",
        "base": f"{made['base']['name']} {made['base']['revision']}",
    }
    for name, value in lines.items():
        print(f"{name + ':' if name else '':<16}{value}")
    if made["scores_note"]:
        print(f"{'note:':<16}{made['scores_note']}")


def _default_prompt(workspace: Workspace, scenario: str) -> str:
    from slora_assets.config.validation import read_validation_prompts
    from slora_assets.curation.validation_prompts import prompts_of

    settings = read_validation_prompts(workspace.validation_prompts)
    prompts = prompts_of(settings, scenario, [])
    return prompts[0].text if prompts else scenario.replace("_", " ")


@contextmanager
def _local_service(workspace: Workspace, preview: bool) -> Iterator[str]:
    """A service on a free port of this machine, for as long as the block runs."""
    import uvicorn

    from api.app import create_app
    from api.exposure import ADDRESS
    from api.settings import ApiSettings

    app = create_app(ApiSettings(workspace, preview=preview))
    with socket.socket() as listener:
        listener.bind((ADDRESS, 0))
        port = listener.getsockname()[1]
        # Its own settings of logs would replace those of whoever calls this.
        config = uvicorn.Config(app, log_level="warning", log_config=None)
        server = uvicorn.Server(config)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="slora-api", daemon=True
        )
        thread.start()
        try:
            deadline = time.monotonic() + _START_TIMEOUT_S
            while not server.started:
                if not thread.is_alive() or time.monotonic() > deadline:
                    raise MissingInputError("the service did not start")
                time.sleep(0.02)
            yield f"http://{ADDRESS}:{port}"
        finally:
            server.should_exit = True
            thread.join()


if __name__ == "__main__":
    sys.exit(main())
