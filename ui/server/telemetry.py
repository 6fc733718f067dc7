"""Sending OpenTelemetry spans over OTLP, if the setting or the standard environment names an address."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace

from rag.settings import Settings
from retriever.errors import IsthmusError

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


@contextmanager
def sending_spans(settings: Settings) -> Iterator[None]:
    """Send the spans that end meanwhile, if that is wanted; those that wait are sent before this ends.

    A provider that the program has set up already is left as it is. Raises IsthmusError if the extra is missing.
    """
    is_set_up = not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    if is_set_up or not is_wanted(settings):
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise IsthmusError("Sending spans needs an extra: pip install 'isthmus[telemetry]'.") from error
    endpoint = f"{settings.otlp_endpoint.rstrip('/')}/v1/traces" if settings.otlp_endpoint else None
    resource = Resource.create({"service.name": "isthmus"}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint)))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()


def is_wanted(settings: Settings) -> bool:
    """Whether an address is named, and the environment does not say that nothing is to be sent."""
    has_address = bool(settings.otlp_endpoint) or any(os.environ.get(name) for name in ENDPOINTS)
    return has_address and os.environ.get("OTEL_TRACES_EXPORTER") != "none"
