"""The in-process engine for a machine with neither GPU nor server: llama.cpp on a GGUF file.

llama.cpp's own server runs inside this process on a free loopback port, behind a random key, so the embedded engine
speaks the same protocol as every other.
"""

import os
import secrets
from pathlib import Path

from rag.errors import GeneratorError
from rag.generation.client import ChatClient
from rag.generation.weights import GENERATORS, generator_file, packaged_size
from rag.settings import Settings

CONTEXT_TOKENS = 4096
EVIDENCE_TOKENS = 180
"""Tokens of passages in a prompt: a processor reads some 75 prompt tokens a second, and the user waits for that."""
PROMPT_CACHE_MB = 128
"""Prompts kept in memory beside the one in use, so that the instructions of each language are read once."""


class EmbeddedEngine(ChatClient):
    """llama.cpp (xllamacpp) in this process. Raises GeneratorError if the model file cannot be loaded."""

    def __init__(self, settings: Settings) -> None:
        import xllamacpp

        name = settings.embedded_model
        size = packaged_size(name)
        path = generator_file(size, settings.cache) if size else Path(name).expanduser()
        if not path.is_file():
            raise GeneratorError(f"embedded_model {name!r} is neither {' nor '.join(GENERATORS)} nor a GGUF file.")
        key = secrets.token_urlsafe(24)
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx = CONTEXT_TOKENS
        params.n_parallel = 1
        params.n_batch = params.n_ubatch = 512
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = os.cpu_count() or 2
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
                f"The model file {path} could not be loaded ({error}); delete it to fetch it anew."
            ) from error
        super().__init__(
            f"{self._server.listening_address}/v1",
            model=f"qwen2.5-{size}" if size else path.stem,
            api_key=key,
            timeout=settings.timeout,
            label=f"Qwen2.5 {size.upper()}, embedded" if size else f"{path.stem}, embedded",
            evidence_tokens=settings.evidence_tokens or EVIDENCE_TOKENS,
        )

    def close(self) -> None:
        """Stop the engine and free its memory."""
        super().close()
        del self._server
