"""One typed settings tree: defaults < isthmus.toml < ISTHMUS_* environment < arguments."""

from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path, user_data_path
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from retriever.errors import IsthmusError

TimeMode = Literal["auto", "on", "off"]
Backend = Literal["auto", "torch", "openvino", "onnx"]
Grounding = Literal["strict", "flag", "off"]
GeneratorKind = Literal["auto", "endpoint", "vllm", "embedded"]


class Settings(BaseSettings):
    """All settings; docs/settings.md lists them with examples."""

    model_config = SettingsConfigDict(env_prefix="ISTHMUS_", toml_file="isthmus.toml", extra="forbid")

    library: Path = Field(user_data_path("isthmus") / "library", description="folder of the library")
    cache: Path = Field(user_cache_path("isthmus"), description="folder of model files")
    sample: bool = Field(True, description="fill an empty library with the sample articles when the page opens")

    encoder: str = Field(
        "aligned",
        description='"aligned" (the packaged multilingual-e5-small, aligned), "base" (as it was), a folder or a hub id',
    )
    query_prefix: str | None = Field(None, description="text put before queries; default: the model's own")
    passage_prefix: str | None = Field(None, description="text put before passages; default: the model's own")
    backend: Backend = Field("auto", description="engine that computes vectors; auto: torch on a GPU, else OpenVINO")
    device: str | None = Field(None, description='device of the encoder: "cpu", "cuda"; default: the fastest here')
    chroma_url: str | None = Field(None, description="a Chroma server; default: embedded, on disk")
    top_k: int = Field(6, ge=1, le=50, description="passages that search returns for an answer")
    passage_chars: int = Field(800, ge=100, le=4000, description="longest passage, in Latin letters")
    translate_queries: bool = Field(
        False, description="search with the generator's translation of a question into the library's language too"
    )
    expand_queries: bool = Field(
        False, description="search with a sentence too that the generator guesses as an answer"
    )
    rerank: str = Field(
        "late",
        description='the re-ranker of the nearest passages: "late" (the encoder\'s token vectors), "generator", a '
        'cross-encoder (folder or hub id), or "off"',
    )
    max_file_mb: int = Field(50, ge=1, description="largest file that can be added, in MB (10^6 bytes)")

    generator: GeneratorKind = Field("auto", description="engine that writes the answers")
    endpoint: str | None = Field(None, description="base URL of an OpenAI-compatible server, ending in /v1")
    model: str | None = Field(None, description="model of the endpoint; default: its first")
    api_key: SecretStr | None = Field(None, description="key for the endpoint")
    embedded_model: str = Field("1.5b", description='"1.5b" or "0.5b" (packaged Qwen2.5), or a GGUF file')
    timeout: float = Field(120, gt=0, description="longest wait for an answer of the generator, in seconds")
    max_answer_tokens: int = Field(200, ge=16, description="longest answer, in tokens")
    evidence_tokens: int | None = Field(None, ge=50, description="tokens of passages in the prompt; default: by engine")
    grounding: Grounding = Field(
        "strict",
        description='an answer with invented numbers or names: "strict" withholds it, "flag" marks it, "off" shows it',
    )

    time: TimeMode = Field(
        "auto",
        description='questions about time: "auto" recognises them, calculates calendar arithmetic and prefers passages '
        'of the time in question; "on" treats every question as one, "off" none',
    )

    demonstrations: Path | None = Field(
        None, description="solved English questions (TempReason's JSON lines); three go before a question about time"
    )
    demonstration_encoder: str | None = Field(
        None, description="encoder that chooses demonstrations, such as one that CLiTSSA tuned; default: the library's"
    )

    host: str = Field("127.0.0.1", description="address the page listens on")
    port: int = Field(7860, ge=1, le=65535, description="port the page listens on")
    serve_port: int = Field(8000, ge=1, le=65535, description="port of the local vLLM server")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, which wins over isthmus.toml."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(settings: Settings | None = None, /, **overrides: object) -> Settings:
    """The settings with the overrides applied; without `settings`, those of isthmus.toml and the environment.

    An override of None means unset. Raises IsthmusError that names the key if it is unknown or its value is bad.

    >>> load_settings(top_k=3).top_k
    3
    """
    base = settings.model_dump() if settings else {}
    changes = {key: value for key, value in overrides.items() if value is not None}
    try:
        return Settings(**(base | changes))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise IsthmusError(
            f"Setting {key!r}: {first['msg']} (got {first['input']!r}). See docs/settings.md."
        ) from error
    except (SettingsError, ValueError) as error:
        raise IsthmusError(f"isthmus.toml could not be read: {error}.") from error
