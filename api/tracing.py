"""OpenTelemetry, where an endpoint for it is named: a span per request and one per generation.

Loaded only then; its packages are those of the extra `otel`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final

from slora_assets import __version__
from slora_assets.config.errors import ConfigError

if TYPE_CHECKING:
    from fastapi import FastAPI
    from opentelemetry.trace import Span as OpenSpan

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_WITH_QUERY: Final = ("http.url", "url.full", "http.target", "url.query")
"""Attributes of a request's span that would tell what stands after its `?`."""

Span = Callable[[str, Mapping[str, str]], AbstractContextManager[object]]
"""A name and attributes to what lasts as long as it is entered."""


def no_span(_name: str, _facts: Mapping[str, str]) -> AbstractContextManager[object]:
    """For a service that nobody traces."""
    return nullcontext()


def traced(app: FastAPI) -> tuple[Span, Callable[[], None]]:
    """Trace `app` if an endpoint is named; returns how to make a span, and what sends the rest at
    the end. Raises ConfigError where the packages are missing."""
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        return no_span, lambda: None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
        from opentelemetry.metrics import NoOpMeterProvider
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigError(
            "an endpoint for OpenTelemetry is named, and its packages are not installed",
            key=_ENDPOINTS[0],
            remedy="pip install 'slora[otel]', or leave the variable empty",
        ) from error
    service = {"service.name": "slora", "service.version": __version__}
    provider = TracerProvider(resource=Resource.create(service))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    FastAPIInstrumentor.instrument_app(
        app,
        tracer_provider=provider,
        meter_provider=NoOpMeterProvider(),
        excluded_urls="/livez,/readyz,/metrics",
        server_request_hook=_without_query,
        exclude_spans=["receive", "send"],
    )
    tracer = provider.get_tracer("slora")

    def span(name: str, facts: Mapping[str, str]) -> AbstractContextManager[object]:
        return tracer.start_as_current_span(name, attributes=dict(facts))

    return span, provider.shutdown


def _without_query(span: OpenSpan, _scope: dict[str, Any]) -> None:
    """What a client wrote into a query is told to nobody."""
    told = getattr(span, "attributes", None) or {}
    for name in _WITH_QUERY:
        if name in told:
            bare = "" if name == "url.query" else str(told[name]).partition("?")[0]
            span.set_attribute(name, bare)
