"""From settings to parts: the encoder, the re-ranker, the query rewriters, the engine, the demonstrations."""

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import GeneratorError
from rag.generation.engine import Engine
from rag.generation.reranking import GeneratorReranker
from rag.generation.rewriting import QueryRewriter, RewriteMode
from rag.settings import Settings, load_settings
from retriever.errors import IsthmusError
from retriever.models.encoder import LIRA_FILE, Encoder
from retriever.models.protocols import QueryEncoder
from retriever.search.late_interaction import LateInteraction
from retriever.search.rerankers import CrossEncoderReranker, Reranker
from retriever.store.ports import TokenStore
from retriever.temporal.demonstrations import DemonstrationPool
from retriever.temporal.questions import read_questions

if TYPE_CHECKING:
    from rag.generation.client import ChatClient
    from retriever.store.qdrant_server import QdrantServer

logger = logging.getLogger(__name__)

NO_KEY = "none"
"""What a server without a key is sent: the protocol's client needs one."""
MOST_AT_ONCE, EMBEDDED_AT_ONCE = 16, 2
"""Answers to write at a time. An embedded engine has the processor's time alone to share: more at once end no sooner,
and a question that comes later waits for all of them."""
EngineSource = Callable[[], Engine]
"""Opens the generator, or returns the open one."""


def build_encoder(settings: Settings, engine: EngineSource | None = None) -> Encoder:
    """The encoder that the settings name; if it fuses queries with translations, the engine translates."""
    options: dict[str, Any] = {
        "cache": settings.cache,
        "query_prefix": settings.query_prefix,
        "passage_prefix": settings.passage_prefix,
        "device": settings.device,
        "backend": None if settings.backend == "auto" else settings.backend,
    }
    if fuses_translations(settings):
        if engine:
            from retriever.models.lira_encoder import LiraEncoder

            translator = QueryRewriter(engine, settings.cache, "translate")
            return LiraEncoder(settings.encoder, translators=[translator], **options)
        logger.warning("%s fuses queries with translations; without a generator they go alone.", settings.encoder)
    return Encoder(settings.encoder, **options)


def fuses_translations(settings: Settings) -> bool:
    """Whether the encoder is a folder that `isthmus align --method lira` wrote."""
    return Path(settings.encoder, LIRA_FILE).is_file()


def build_tuned_encoders(folders: Iterable[str | Path]) -> dict[str, Encoder]:
    """Encoders that `isthmus align` made, by the names of their folders."""
    return {Path(folder).name: build_encoder(load_settings(encoder=str(folder))) for folder in folders}


def build_reranker(
    settings: Settings, tokens: TokenStore | None, engine: EngineSource | None = None
) -> Reranker | None:
    """The re-ranker that the setting `rerank` names; None for "off", or for "generator" without an engine.

    `tokens` are the stored token vectors, which "late" needs. Raises IsthmusError if a cross-encoder cannot be loaded.
    """
    match settings.rerank:
        case "off":
            return None
        case "late":
            return LateInteraction(tokens.max_similarities) if tokens else None
        case "generator":
            return GeneratorReranker(engine) if engine else None
        case model:
            return CrossEncoderReranker(model, settings.device)


def connect_qdrant(settings: Settings) -> "QdrantServer | None":
    """The Qdrant server that the settings name, if they name one.

    Raises IsthmusError if its client is not installed, or no server answers.
    """
    if settings.qdrant_url is None:
        return None
    try:
        from retriever.store.qdrant_server import connect
    except ModuleNotFoundError as error:
        if error.name != "qdrant_client":
            raise
        raise IsthmusError("qdrant_url needs the client of Qdrant; run `pip install 'isthmus[cluster]'`.") from error
    return connect(settings.qdrant_url, settings.qdrant_api_key.get_secret_value() if settings.qdrant_api_key else None)


def build_rewriters(settings: Settings, engine: EngineSource) -> list[QueryRewriter]:
    """What puts a question into the library's language, or guesses at its answer, as far as the settings ask for it.

    An encoder that fuses translations has them already.
    """
    wanted: Mapping[RewriteMode, bool] = {
        "translate": settings.translate_queries and not fuses_translations(settings),
        "expand": settings.expand_queries,
    }
    return [QueryRewriter(engine, settings.cache, mode) for mode, is_wanted in wanted.items() if is_wanted]


def build_demonstrations(settings: Settings, encoder: QueryEncoder) -> DemonstrationPool | None:
    """The solved questions that the settings name, and the encoder that chooses among them. Raises DataError."""
    if not settings.demonstrations:
        return None
    name = settings.demonstration_encoder
    chooser = build_encoder(settings.model_copy(update={"encoder": name})) if name else encoder
    return DemonstrationPool(read_questions(settings.demonstrations), chooser, reuse_query_vectors=not name)


def build_engine(settings: Settings) -> Engine:
    """The engine that the settings name; "auto" is the endpoint, else a local vLLM that is up, else the embedded one.

    Raises GeneratorError if a named engine cannot be had.
    """
    from rag.generation.client import vllm_model_at
    from rag.generation.embedded import open_embedded

    kind = settings.generator
    local = f"http://127.0.0.1:{settings.serve_port}/v1"
    if kind == "endpoint" and not settings.endpoint:
        raise GeneratorError("generator is set to endpoint but no endpoint is named; set endpoint (ISTHMUS_ENDPOINT).")
    if kind == "endpoint" or (kind == "auto" and settings.endpoint):
        key = settings.api_key.get_secret_value() if settings.api_key else NO_KEY
        return _client(settings, str(settings.endpoint), key)
    if kind == "vllm" or (kind == "auto" and vllm_model_at(local)):
        return _client(settings, local, NO_KEY, "vLLM on this machine")
    return open_embedded(settings)


def answers_at_once(engine: Engine | None) -> int:
    """How many answers an engine should write at a time; None is one that has not started."""
    from rag.generation.llama_cpp_engine import LlamaCppEngine
    from rag.generation.openvino_engine import OpenVinoEngine

    is_embedded = engine is None or isinstance(engine, LlamaCppEngine | OpenVinoEngine)
    return EMBEDDED_AT_ONCE if is_embedded else MOST_AT_ONCE


def _client(settings: Settings, url: str, key: str, place: str | None = None) -> "ChatClient":
    from rag.generation.client import ENDPOINT_EVIDENCE_TOKENS, ChatClient

    client = ChatClient(
        url.rstrip("/"),
        model=settings.model,
        api_key=key,
        timeout=settings.timeout,
        evidence_tokens=settings.evidence_tokens or ENDPOINT_EVIDENCE_TOKENS,
    )
    if place:
        client.label = f"{client.model}, {place}"
    return client
