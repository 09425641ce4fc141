"""What Prometheus reads: counted in a registry of the service's own, by labels of which there are
few. No prompt, no id and no address that a client made up is ever one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import psutil
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.service_log import service_log

_LOG = service_log()
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_REQUEST_S: Final = (0.005, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 120.0, 600.0)
_STAGE_S: Final = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)


class Metrics:
    """One service's."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "slora_requests",
            "Answered requests.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self.latency = Histogram(
            "slora_request_seconds",
            "From a request's head to the end of its answer.",
            ("route", "method"),
            buckets=_REQUEST_S,
            registry=self.registry,
        )
        self.jobs = Counter(
            "slora_jobs", "Jobs that have ended.", ("state",), registry=self.registry
        )
        for state in ("completed", "failed", "cancelled"):
            self.jobs.labels(state)  # there from the start, at 0
        self.stages = Histogram(
            "slora_generation_seconds",
            "How long the stages of a clip take.",
            ("stage",),
            buckets=_STAGE_S,
            registry=self.registry,
        )

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered. `route` is a template: what clients send is no label."""
        method = method if method in _METHODS else "other"
        self.requests.labels(route, method, str(status)).inc()
        self.latency.labels(route, method).observe(seconds)

    def ended(self, state: str) -> None:
        """A job has ended so."""
        self.jobs.labels(state).inc()

    def made(self, clip: Mapping[str, object]) -> None:
        """A clip was made; `clip` is what the service says of it."""
        stages = clip.get("stage_durations")
        for stage, seconds in (stages if isinstance(stages, Mapping) else {}).items():
            self.stages.labels(stage).observe(seconds)


class Looked(Collector):
    """What is looked up when Prometheus asks."""

    def __init__(self, unfinished: Callable[[], int], switches: Callable[[], int]) -> None:
        self._unfinished, self._switches = unfinished, switches
        self._process = psutil.Process()

    def describe(self) -> list[Metric]:
        """Nothing is looked up to be registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The metrics as they stand; without the queue where its database doesn't answer."""
        try:
            queue = self._unfinished()
        except Exception as error:
            _LOG.error("the queue can't be counted: %s", error)
        else:
            yield GaugeMetricFamily("slora_queue_length", "Unfinished jobs.", value=queue)
        switches = self._switches()
        yield CounterMetricFamily(
            "slora_adapter_switches", "How often another adapter was loaded.", value=switches
        )
        memory = GaugeMetricFamily(
            "slora_memory_bytes", "Memory that the process has, or had at most.", labels=("which",)
        )
        memory.add_metric(("resident",), self._process.memory_info().rss)
        for which, bytes_ in {**_peak_bytes(), **_accelerator_bytes()}.items():
            memory.add_metric((which,), bytes_)
        yield memory


def _peak_bytes() -> dict[str, float]:
    """The most main memory that there was; nothing where the system doesn't count it so."""
    if sys.platform == "win32":
        return {}
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return {"peak_resident": float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)}


def _accelerator_bytes() -> dict[str, float]:
    """Peak memory on accelerators; nothing where none is used, as asking would begin to use it."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return {}
    return {
        f"peak_cuda_{device}": float(torch.cuda.max_memory_allocated(device))
        for device in range(torch.cuda.device_count())
    }
