"""What is said of a document that another version of the project wrote, and which packages are
installed."""

from pathlib import Path

import pytest

from slora_assets.config.errors import IntegrityError
from slora_assets.documents import VERDICT_FILE, RunVerdict
from slora_assets.provenance import write_json
from slora_assets.provenance.records import installed_packages, read_verdict
from slora_assets_tests.workspaces import below

KNOWN = RunVerdict.model_fields["schema_version"].default


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (KNOWN - 1, "an older version of the project"),
        (KNOWN + 1, "a newer version of the project"),
        (str(KNOWN), "not a verdict"),
    ],
)
def test_a_document_of_another_version_is_called_that_and_a_damaged_one_is_not(
    tmp_path, found, said
):
    workspace = below(tmp_path)
    write_json(workspace.validation("stage") / VERDICT_FILE, {"schema_version": found})
    with pytest.raises(IntegrityError) as refused:
        read_verdict(workspace, "stage")
    assert said in str(refused.value)
    assert VERDICT_FILE in str(refused.value)


def test_packages_that_another_brings_for_itself_are_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As setuptools does, once it is imported: a run's environment would hang on who was first."""
    expected = installed_packages()
    for name in ("numpy", "nobody_else_has_it"):
        told = tmp_path / "_vendor" / f"{name}-0.1.dist-info"
        told.mkdir(parents=True)
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
    monkeypatch.syspath_prepend(str(tmp_path / "_vendor"))
    assert installed_packages() == expected
