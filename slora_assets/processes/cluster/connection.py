"""The cluster: how this process reaches it, and what it has."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from slora_assets.config.errors import ConfigError

ADDRESS: Final = "RAY_ADDRESS"
"""Ray's own variable; without it the cluster that this machine belongs to."""


@dataclass(frozen=True)
class Place:
    """Where one of our processes may work: a node, or a GPU of it with its share of the cores."""

    node: str
    cores: int
    gpus: int
    number: int = 0
    """Among those of its node."""


@contextmanager
def connected() -> Iterator[None]:
    """Be a driver of the cluster inside it: what it has started there ends with it, however it
    ends. Raises ConfigError."""
    try:
        import ray
    except ImportError as error:
        raise ConfigError(
            "work on a cluster needs Ray, which is not installed",
            remedy="pip install 'slora[ray]'",
        ) from error
    if ray.is_initialized():  # whoever did that ends it
        yield
        return
    address = os.environ.get(ADDRESS) or "auto"
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"the cluster can't be reached ({error})",
            key=ADDRESS,
            found=address,
            expected="<host>:<port> of a running cluster's head",
            remedy="start one (`ray start --head`), or set SLORA_COMPUTE=local",
        ) from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)  # Ray has put one of its own in its place
    try:
        yield
    finally:
        ray.shutdown()


def places(gpus: bool) -> list[Place]:
    """Where work can be: with `gpus` the GPUs, if the cluster has any; else nodes with cores."""
    import ray

    found, with_gpus = [], []
    for node in ray.nodes():
        has = node["Resources"] if node["Alive"] else {}
        cores, cards = int(has.get("CPU", 0)), int(has.get("GPU", 0))
        if cores:
            found.append(Place(node["NodeID"], cores, 0))
        each = max(1, cores // cards) if cards else 0
        with_gpus += [Place(node["NodeID"], each, 1, number) for number in range(cards)]
    return with_gpus if gpus and with_gpus else found
