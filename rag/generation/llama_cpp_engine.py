"""The embedded engine on llama.cpp, which reads every GGUF file.

llama.cpp's own server runs inside this process on a free loopback port, behind a random key, so it speaks the same
protocol as every other.
"""

import secrets
from collections.abc import Sequence
from pathlib import Path

from rag.errors import GeneratorError, NoProbabilitiesError
from rag.generation.client import ChatClient
from rag.generation.engine import Message
from retriever.models.processor import processor_count

CONTEXT_TOKENS = 4096
PROMPT_CACHE_MB = 128
"""Prompts kept in memory beside the one in use, so that the instructions of each language are read once."""


class LlamaCppEngine(ChatClient):
    """llama.cpp (xllamacpp) in this process. Raises GeneratorError if the model file cannot be loaded."""

    provider = "llama.cpp"

    def __init__(self, gguf: Path, *, label: str, evidence_tokens: int, timeout: float) -> None:
        import xllamacpp

        key = secrets.token_urlsafe(24)
        params = xllamacpp.CommonParams()
        params.model.path = str(gguf)
        params.n_ctx = CONTEXT_TOKENS
        params.n_parallel = 1
        params.n_batch = params.n_ubatch = 512
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = processor_count()
        params.cache_ram_mib = PROMPT_CACHE_MB
        # llama.cpp repacks the weights for the processor; mapping the file would keep the originals in memory too.
        params.load_mode = xllamacpp.llama_load_mode.LLAMA_LOAD_MODE_NONE
        params.hostnames = ["127.0.0.1"]
        params.port = 0
        params.api_keys = [key]
        params.endpoint_slots = False
        params.verbosity = -1
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as error:
            raise GeneratorError(
                f"The model file {gguf} could not be loaded ({error}); delete it to fetch it anew."
            ) from error
        super().__init__(
            f"{self._server.listening_address}/v1",
            model=None,
            api_key=key,
            timeout=timeout,
            label=label,
            evidence_tokens=evidence_tokens,
        )

    def text_logprob(self, messages: Sequence[Message], text: str) -> float:
        """See `Engine.text_logprob`: llama.cpp's server tells none."""
        raise NoProbabilitiesError("llama.cpp tells no probabilities of a text.")

    def close(self) -> None:
        """Stop the engine and free its memory."""
        super().close()
        del self._server
