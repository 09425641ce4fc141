"""The service's own log, in which a fault that people can mend is one line and others keep their
traceback."""

from __future__ import annotations

import logging

from slora_assets.config.errors import SloraError


def service_log() -> logging.Logger:
    """The logger of all that the service does beside answering."""
    log = logging.getLogger("slora.api")
    log.addFilter(_told_in_a_line)  # the same one is added once
    return log


def _told_in_a_line(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, SloraError):
        record.msg, record.args = f"{record.getMessage()}: {error}", None
        record.exc_info = record.exc_text = None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True
