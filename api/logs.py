"""The service's log: lines for people, or with SLORA_LOG=json an object per line for programs, each
with the id of the request or the job that it is about. Prompts stand in neither.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.processors import JSONRenderer, TimeStamper, format_exc_info
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name
from structlog.typing import EventDict, Processor

from slora_assets.config.errors import ConfigError

_FORMATS: Final = ("text", "json")


@contextmanager
def known_of_request(request_id: str) -> Iterator[None]:
    """What is logged meanwhile is of this request."""
    with bound_contextvars(request_id=request_id):
        yield


@contextmanager
def known_of_job(job_id: str) -> Iterator[None]:
    """What is logged meanwhile is of this job."""
    with bound_contextvars(job=job_id):
        yield


def log_settings() -> dict[str, Any]:
    """For `logging.config.dictConfig`, by SLORA_LOG. Raises ConfigError for a format that there
    isn't."""
    asked = os.environ.get("SLORA_LOG") or "text"
    if asked not in _FORMATS:
        raise ConfigError(
            "the environment variable names no format of the log",
            key="SLORA_LOG",
            found=asked,
            expected=" or ".join(_FORMATS),
        )
    loggers = ("slora", "uvicorn")
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": {"format": "%(asctime)s %(levelname)s %(message)s"},
            "json": {"()": _json_lines},
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": asked}},
        "loggers": {
            name: {"handlers": ["stderr"], "level": "INFO", "propagate": False} for name in loggers
        },
        # Warnings of libraries come in the same form.
        "root": {"handlers": ["stderr"], "level": "WARNING"},
    }


def _without_colours(_logger: object, _name: str, event: EventDict) -> EventDict:
    """uvicorn gives a second form of its lines, for terminals."""
    event.pop("color_message", None)
    return event


def _json_lines() -> ProcessorFormatter:
    about: list[Processor] = [
        merge_contextvars,
        add_logger_name,
        add_log_level,
        ExtraAdder(),
        TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    written: list[Processor] = [
        ProcessorFormatter.remove_processors_meta,
        _without_colours,
        format_exc_info,
        JSONRenderer(sort_keys=True, ensure_ascii=False, default=str),
    ]
    return ProcessorFormatter(foreign_pre_chain=about, processors=written)
