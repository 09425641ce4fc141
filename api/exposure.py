"""Who the service answers, and how much each of them may ask for: from the environment."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from limits import RateLimitItem, parse_many

from slora_assets.config.environment import REQUIRE_KEYS, switch
from slora_assets.config.errors import ConfigError

ADDRESS: Final = "127.0.0.1"
"""Where the service listens unless something else is said: nothing but this machine is answered."""
_LOCAL_NAMES: Final = (ADDRESS, "localhost")
_RATE: Final = "600/minute"
_JOBS: Final = 3


@dataclass(frozen=True)
class Exposure:
    """Where the service listens, and to whom."""

    host: str = ADDRESS
    """The address that it is bound to."""
    ask_for_keys: bool = False
    """Ask for keys on the loopback address as well: there is a proxy before it."""
    keys_file: Path | None = None
    """The keys; None: those of the user."""
    names: tuple[str, ...] = ()
    """Host names that it is reached by."""
    origins: tuple[str, ...] = ()
    """Origins of other sites whose pages may use it."""
    rate: str = _RATE
    """Requests of one key, as `limits` writes it."""
    jobs_per_key: int = _JOBS
    """Unfinished jobs of one key."""

    @property
    def keys_required(self) -> bool:
        """Whether nobody is let in without a key."""
        return self.ask_for_keys or not is_loopback(self.host)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Host names that are answered, against DNS rebinding. `*` only where all need a key, which
        no page of a strange name has."""
        if self.names:
            return (*_LOCAL_NAMES, *self.names)
        if is_loopback(self.host):
            return _LOCAL_NAMES if self.host in _LOCAL_NAMES else (*_LOCAL_NAMES, self.host)
        return ("*",)

    @property
    def rates(self) -> list[RateLimitItem]:
        """`rate`, read."""
        return parse_many(self.rate)

    @classmethod
    def from_environment(cls) -> Exposure:
        """SLORA_HOST, SLORA_REQUIRE_KEYS, SLORA_HOST_NAMES, SLORA_CORS_ORIGINS, SLORA_RATE_LIMIT,
        SLORA_JOBS_PER_KEY. Raises ConfigError for what can't be meant."""
        return cls(
            host=_address(os.environ.get("SLORA_HOST") or ADDRESS),
            ask_for_keys=switch(REQUIRE_KEYS),
            names=_listed("SLORA_HOST_NAMES"),
            origins=tuple(_origin(one) for one in _listed("SLORA_CORS_ORIGINS")),
            rate=_rate(os.environ.get("SLORA_RATE_LIMIT") or _RATE),
            jobs_per_key=_count(os.environ.get("SLORA_JOBS_PER_KEY") or str(_JOBS)),
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listed(variable: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in os.environ.get(variable, "").split(",") if one.strip())


def _address(host: str) -> str:
    try:
        return host if host == "localhost" else str(ipaddress.ip_address(host))
    except ValueError as error:
        raise ConfigError(
            "the environment variable is no address",
            key="SLORA_HOST",
            found=host,
            expected="an IP address of this machine, as 127.0.0.1, or 0.0.0.0 for all it has",
        ) from error


def _origin(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or text != f"{parts.scheme}://{parts.netloc}":
        raise ConfigError(
            "the environment variable names no origin",
            key="SLORA_CORS_ORIGINS",
            found=text,
            expected="https://<host>, without a path; `*` is none, name each",
        )
    return text


def _rate(text: str) -> str:
    try:
        parse_many(text)
    except ValueError as error:
        raise ConfigError(
            "the environment variable is no rate",
            key="SLORA_RATE_LIMIT",
            found=text,
            expected="<number>/<second, minute, hour or day>, as 600/minute",
        ) from error
    return text


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 1000):
        raise ConfigError(
            "the environment variable is no number of jobs",
            key="SLORA_JOBS_PER_KEY",
            found=text,
            expected="1 to 1000",
        )
    return int(text)
