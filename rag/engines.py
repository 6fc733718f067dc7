"""Which engine answers: an endpoint, a vLLM server on this machine, or the embedded one."""

from rag.embedded import EmbeddedGenerator
from rag.generator import ENDPOINT_EVIDENCE_TOKENS, ChatGenerator, Engine, GeneratorError, served_by_vllm
from rag.settings import Settings


def open_generator(settings: Settings) -> Engine:
    """The engine that the settings name; "auto" is the endpoint, else a local vLLM that is up, else the embedded one.

    Raises GeneratorError if a named engine cannot be had.
    """
    kind = settings.generator
    local = f"http://127.0.0.1:{settings.serve_port}/v1"
    if kind == "endpoint" and not settings.endpoint:
        raise GeneratorError("generator is set to endpoint but no endpoint is named; set endpoint (ISTHMUS_ENDPOINT).")
    if kind == "endpoint" or (kind == "auto" and settings.endpoint):
        return _client(settings, str(settings.endpoint))
    if kind == "vllm" or (kind == "auto" and served_by_vllm(local)):
        return _client(settings, local, "vLLM on this machine")
    return EmbeddedGenerator(settings)


def _client(settings: Settings, url: str, place: str | None = None) -> ChatGenerator:
    key = settings.api_key.get_secret_value() if settings.api_key else "none"
    generator = ChatGenerator(
        url.rstrip("/"),
        model=settings.model,
        api_key=key,
        timeout=settings.timeout,
        evidence_tokens=settings.evidence_tokens or ENDPOINT_EVIDENCE_TOKENS,
    )
    if place:
        generator.label = f"{generator.model}, {place}"
    return generator
