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
    """Everything that can be set; docs/settings.md lists it with examples."""

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
    backend: Backend = Field("auto", description="what computes vectors; auto: torch on a GPU, else OpenVINO")
    device: str | None = Field(None, description='where the encoder runs: "cpu", "cuda"; default: the best there is')
    chroma_url: str | None = Field(None, description="a Chroma server; default: embedded, on disk")
    top_k: int = Field(6, ge=1, le=50, description="passages looked at for an answer")
    passage_chars: int = Field(800, ge=100, le=4000, description="most Latin letters in a passage")
    translate_queries: bool = Field(
        False, description="have the generator put each question into the library's language, and search with both"
    )
    expand_queries: bool = Field(
        False, description="have the generator guess a sentence that answers the question, and search for it too"
    )
    rerank: str = Field(
        "late",
        description='what looks again at the nearest passages: "late" (the encoder\'s token vectors), "generator", a '
        'cross-encoder (folder or hub id), or "off"',
    )
    max_file_mb: int = Field(50, ge=1, description="largest file taken in, in MB (10^6 bytes)")

    generator: GeneratorKind = Field("auto", description="which engine writes the answers")
    endpoint: str | None = Field(None, description="base URL of an OpenAI-compatible server, ending in /v1")
    model: str | None = Field(None, description="model name to ask the endpoint for; default: its first")
    api_key: SecretStr | None = Field(None, description="key for the endpoint")
    embedded_model: str = Field("1.5b", description='"1.5b" or "0.5b" (packaged Qwen2.5), or a GGUF file')
    timeout: float = Field(120, gt=0, description="longest wait for the generator's next words, in seconds")
    max_answer_tokens: int = Field(200, ge=16, description="longest answer, in tokens")
    evidence_tokens: int | None = Field(None, ge=50, description="tokens of passages in the prompt; default: by engine")
    grounding: Grounding = Field("strict", description="what happens to an answer with invented numbers or names")

    time: TimeMode = Field(
        "auto",
        description='questions about time: "auto" recognises them, calculates calendar arithmetic and prefers passages '
        'of the time asked for; "on" takes every question for one, "off" none',
    )

    demonstrations: Path | None = Field(
        None, description="solved English questions (TempReason's JSON lines); three go before a question about time"
    )
    demonstration_encoder: str | None = Field(
        None, description="what chooses them, such as an encoder that CLiTSSA tuned; default: the library's"
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
    """The settings, read from isthmus.toml and the environment unless some are given, with the overrides applied.

    An override of None is left out. Raises IsthmusError that names a key that is unknown or has a bad value.

    >>> load_settings(top_k=3).top_k
    3
    """
    base = settings.model_dump() if settings else {}
    changed = {key: value for key, value in overrides.items() if value is not None}
    try:
        return Settings(**(base | changed))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise IsthmusError(
            f"Setting {key!r}: {first['msg']} (got {first['input']!r}). See docs/settings.md."
        ) from error
    except (SettingsError, ValueError) as error:
        raise IsthmusError(f"isthmus.toml could not be read: {error}.") from error
