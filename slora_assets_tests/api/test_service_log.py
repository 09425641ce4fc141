"""What a person can mend stands in the service's log as one line; what is a bug keeps its trace."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from api.service_log import service_log
from slora_assets.config.errors import ConfigError


def logged(error: Exception, caplog: pytest.LogCaptureFixture) -> str:
    log = service_log()
    with caplog.at_level(logging.INFO, logger=log.name):
        try:
            raise error
        except type(error):
            log.exception("the artifacts can't be swept for %s", "job 7")
    return caplog.text


def test_a_fault_with_a_remedy_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    fault = ConfigError("the file is no text in UTF-8", file=Path("p.yaml"), remedy="save it so")
    said = logged(fault, caplog)
    assert "Traceback" not in said and said.count("\n") == 1
    assert "swept for job 7: p.yaml: the file is no text in UTF-8. Remedy: save it so" in said


def test_any_other_error_keeps_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    said = logged(ValueError("something of ours"), caplog)
    assert "Traceback" in said and "ValueError: something of ours" in said
