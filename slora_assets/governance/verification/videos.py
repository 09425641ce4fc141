"""Generated clips as links: what is said beside them, the register's entries, what drew them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from slora_assets.config.workspace import Workspace
from slora_assets.governance.verification.hashes import Hashes
from slora_assets.governance.verification.link import Link, of_nobody
from slora_assets.governance.verification.marks import entry_link
from slora_assets.governance.verification.records import Records


class Videos:
    """The clips that a workspace has published."""

    def __init__(self, workspace: Workspace, hashes: Hashes, records: Records) -> None:
        self._workspace, self._hashes, self._records = workspace, hashes, records

    def all(self) -> list[Link]:
        """Of each clip that something is said of."""
        return [
            self.of(sidecar) for sidecar in sorted(self._workspace.artifacts.glob("[!.]*.json"))
        ]

    def of(self, sidecar: Path) -> Link:
        """A clip, by what its sidecar says."""
        video = sidecar.with_suffix(".mp4")
        where = self._workspace.relative(video)
        try:
            told = json.loads(sidecar.read_bytes())
            sha256, adapter = told["sha256"], told["adapter_sha256"]
        except (OSError, ValueError, KeyError, TypeError):
            return Link("video", where, "broken", "what is said of it can't be read")
        found = self._hashes.of(video)
        link = Link("video", where, says=f"{told.get('scenario')}: {told.get('prompt')}")
        link.parents.append(self._records.link(self._workspace.relative(sidecar)))
        link.parents.append(entry_link(self._workspace, sidecar.stem, str(sha256)))
        if adapter is not None:  # else the base alone drew it
            link.parents.append(self._adapter_of(told, str(adapter)))
        if found != sha256:
            link.state = "broken"
            link.says = "the file is gone" if found is None else "it was changed since it was made"
        return link

    def entry(self, file: Path) -> Link:
        """What the register says of a clip that isn't there any more."""
        where = self._workspace.relative(file)
        if where in self._records.paths():
            return self._records.link(where)
        return entry_link(self._workspace, file.stem, None)

    def strays(self) -> list[Link]:
        """Clips among the published ones that nothing is said of, and entries of clips that aren't
        there, as far as no record is about them: older versions put no entry on record."""
        workspace, known = self._workspace, set(self._records.paths())
        said = [
            (file, file.with_suffix(".json"))
            for file in sorted(workspace.artifacts.glob("[!.]*.mp4"))
        ]
        clips = [
            of_nobody(workspace.relative(file))
            for file, sidecar in said
            if not sidecar.exists() and workspace.relative(sidecar) not in known
        ]
        entries = [
            self.entry(file)
            for file in sorted(workspace.register.glob("[!.]*.json"))
            if workspace.relative(file) not in known
            and not (workspace.artifacts / file.name).exists()
        ]
        return clips + entries

    def _adapter_of(self, told: dict[str, Any], sha256: str) -> Link:
        """What drew a clip: a preview's adapter stands with its run, not in the registry."""
        if told.get("status") != "preview":
            return self._records.registered(sha256)
        file = self._workspace.absolute(str(told.get("lora_path")))
        return self._records.written_with(file, sha256)
