"""One typed settings tree: defaults < isthmus.toml < ISTHMUS_* environment < arguments."""

import functools
import logging
import os
import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from platformdirs import user_cache_path, user_config_path, user_data_path
from pydantic import Field, IPvAnyNetwork, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from retriever.errors import IsthmusError

logger = logging.getLogger(__name__)

FILE_NAME = "isthmus.toml"
SECRET_SETTINGS = {
    "api_key",
    "endpoint",
    "chroma_url",
    "qdrant_url",
    "qdrant_api_key",
    "oidc_client_secret",
    "otlp_endpoint",
    "documents_url",
    "state_url",
}
"""Settings that are secret or may hold a password: no message repeats their value."""
KEYS = {"api_key": "endpoint", "qdrant_api_key": "qdrant_url"}
"""Keys, and the settings that name the servers which get them."""
DAY = 86_400
"""Seconds."""

TimeMode = Literal["auto", "on", "off"]
Backend = Literal["auto", "torch", "openvino", "onnx"]
Grounding = Literal["strict", "flag", "off"]
ReaderMode = Literal["auto", "extract", "write"]
LoginKind = Literal["off", "local", "oidc", "proxy"]
LogFormat = Literal["text", "json"]
GeneratorKind = Literal["auto", "endpoint", "vllm", "embedded"]


class Settings(BaseSettings):
    """All settings; docs/settings.md lists them with examples."""

    model_config = SettingsConfigDict(env_prefix="ISTHMUS_", extra="forbid", hide_input_in_errors=True)

    library: Path = Field(user_data_path("isthmus") / "library", description="folder of the library")
    cache: Path = Field(user_cache_path("isthmus"), description="folder of model files")
    sample: bool = Field(True, description="fill an empty library with the sample articles when the page opens")

    encoder: str = Field(
        "aligned",
        description='"aligned" (the packaged multilingual-e5-small, aligned), "base" (as it was), a folder or a hub id',
    )
    query_prefix: str | None = Field(None, description="text put before queries; default: the model's own")
    passage_prefix: str | None = Field(None, description="text put before passages; default: the model's own")
    backend: Backend = Field(
        "auto",
        description="engine that computes vectors; auto: torch on a GPU or for a hub id, else OpenVINO if it can",
    )
    device: str | None = Field(None, description='device of the encoder: "cpu", "cuda"; default: the fastest here')
    chroma_url: str | None = Field(None, description="a Chroma server for the vectors; default: embedded, on disk")
    qdrant_url: str | None = Field(
        None, description="a Qdrant server for the vectors and token vectors; default: embedded, on disk"
    )
    qdrant_api_key: SecretStr | None = Field(None, description="key for the Qdrant server")
    documents_url: SecretStr | None = Field(
        None,
        description="PostgreSQL database for documents and their words, such as "
        "postgresql://NAME:PASSWORD@HOST/DATABASE, needs qdrant_url; default: SQLite, in the library's folder",
    )
    top_k: int = Field(6, ge=1, le=50, description="passages that search returns for an answer")
    passage_chars: int = Field(800, ge=100, le=4000, description="longest passage, in Latin letters")
    translate_queries: bool = Field(
        False, description="fuse a question with the generator's translation of it into the library's language"
    )
    expand_queries: bool = Field(
        False, description="fuse a question with a sentence that the generator guesses as an answer"
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
    timeout: float = Field(
        120,
        gt=0,
        le=DAY,
        allow_inf_nan=False,
        description="longest wait for an answer of the generator, in seconds, retries included",
    )
    max_answer_tokens: int = Field(200, ge=16, description="longest answer, in tokens")
    evidence_tokens: int | None = Field(None, ge=50, description="tokens of passages in the prompt; default: by engine")
    reader: ReaderMode = Field(
        "auto",
        description='how an answer comes about: "extract" reads the exact words out of one passage and puts them into '
        'the user\'s language, "write" lets the model write from all passages; auto: extract for models under 4 '
        "billion parameters",
    )
    grounding: Grounding = Field(
        "strict",
        description='an answer that no passage supports: "strict" withholds it, "flag" marks it, "off" shows it',
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
    login: LoginKind = Field(
        "off",
        description="who may use the server; off: everybody who reaches it; else programs with a key and users, local: "
        "with a password, oidc: of an OpenID Connect provider, proxy: whom a proxy names",
    )
    state_url: SecretStr | None = Field(
        None,
        description="PostgreSQL database for collections, users, keys and jobs, such as "
        "postgresql://NAME:PASSWORD@HOST/DATABASE; default: SQLite, in the library's folder",
    )
    oidc_issuer: str | None = Field(None, description="address of the OpenID Connect provider")
    oidc_client_id: str | None = Field(None, description="name of this server at the provider")
    oidc_client_secret: SecretStr | None = Field(None, description="secret of this server at the provider")
    trusted_proxies: list[IPvAnyNetwork] = Field(
        [], description='addresses whose header `proxy_user_header` is believed, such as ["10.0.0.2", "10.1.0.0/16"]'
    )
    proxy_user_header: str = Field("X-Forwarded-User", description="header in which a trusted proxy names the user")
    open_to_network: bool = Field(
        False,
        description="let the page listen without a login on a host that other machines reach; whoever reaches it "
        "reads, adds and deletes documents",
    )
    public_url: str | None = Field(
        None, description="address that a proxy with a login gives the page, such as https://help.example.org"
    )
    metrics: bool = Field(
        False,
        description="give counters for Prometheus at /metrics: requests, answers, refusals, support, seconds by stage; "
        "no texts",
    )
    otlp_endpoint: str | None = Field(
        None,
        description="address to which the server sends OpenTelemetry spans of answers over HTTP, such as "
        "http://127.0.0.1:4318; default: the OTEL_EXPORTER_OTLP_ENDPOINT of the environment, else none are sent",
    )
    log_format: LogFormat = Field(
        "text", description="the server's log: text has warnings alone, json an object a line, for each request as well"
    )
    record_texts: bool = Field(False, description="put the texts of questions and answers into spans and the JSON log")
    serve_port: int = Field(8000, ge=1, le=65535, description="port of the local vLLM server")

    @property
    def documents_address(self) -> str | None:
        """`documents_url` with its password."""
        return self.documents_url.get_secret_value() if self.documents_url else None

    @field_validator("endpoint", "chroma_url", "qdrant_url", "public_url", "oidc_issuer", "otlp_endpoint")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        if url is not None and not is_web_address(url):
            raise PydanticCustomError("address", "a web address is needed, such as http://127.0.0.1:8000")
        return url

    @field_validator("qdrant_url")
    @classmethod
    def _check_one_server(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is not None and info.data.get("chroma_url") is not None:
            raise PydanticCustomError("servers", "chroma_url is set too, and vectors live on one server; unset one")
        return url

    @field_validator("api_key", "qdrant_api_key")
    @classmethod
    def _check_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and not re.fullmatch(r"[!-~]+", key.get_secret_value()):
            raise PydanticCustomError("key", "a key is one word of ASCII characters, without spaces or line ends")
        return key

    @field_validator("documents_url")
    @classmethod
    def _check_vectors_of_documents(cls, url: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if url is not None and info.data.get("qdrant_url") is None:
            raise PydanticCustomError("servers", "qdrant_url is needed too, so that vectors are on a server as well")
        return url

    @field_validator("documents_url", "state_url")
    @classmethod
    def _check_database_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not is_database_address(url.get_secret_value()):
            raise PydanticCustomError(
                "address",
                "an address such as postgresql://NAME:PASSWORD@HOST/DATABASE is needed; a sign of the password that "
                "is no letter or digit is written as in web addresses, @ as %40",
            )
        return url

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
        path = settings_file()
        try:
            file_settings = TomlConfigSettingsSource(settings_cls, path)
        except (OSError, ValueError, RecursionError) as error:
            raise IsthmusError(f"{path} could not be read: {error}.") from error
        arguments, environment = init_settings(), env_settings()
        for key, address in KEYS.items():
            is_key_of_environment = key in environment and key not in arguments
            is_address_of_file = address in file_settings() and address not in environment | arguments
            if is_key_of_environment and is_address_of_file:
                raise IsthmusError(
                    f"The key is in the environment (ISTHMUS_{key.upper()}), but {path} names the {address} that would "
                    f"get it; set ISTHMUS_{address.upper()} too, or move the key into the file."
                )
        return init_settings, env_settings, file_settings


def settings_file() -> Path:
    """The file that ISTHMUS_CONFIG names, else isthmus.toml in the user's configuration folder, which may be missing.

    An isthmus.toml in the working folder is not read unless it is that file: a stranger may have put it there. A line
    in the log says so. Raises IsthmusError if ISTHMUS_CONFIG names no file.
    """
    if name := os.environ.get("ISTHMUS_CONFIG"):
        path = Path(name).expanduser()
        if not path.is_file():
            raise IsthmusError(f"ISTHMUS_CONFIG names {name!r}, and there is no such file; correct or unset it.")
        return path
    path = user_config_path("isthmus") / FILE_NAME
    if os.path.isfile(FILE_NAME):
        _warn_of_unread_file(Path.cwd() / FILE_NAME, path)
    return path


@functools.cache
def _warn_of_unread_file(unread: Path, path: Path) -> None:
    """Say once that a file is not read, unless it is the one that is."""
    if unread.resolve() != path.resolve():
        logger.warning(
            "isthmus.toml in the working folder is not read; move it to %s, or name it in ISTHMUS_CONFIG.", path
        )


def is_web_address(url: str) -> bool:
    """Whether a text is an http or https URL with a host and a possible port.

    >>> is_web_address("http://[::1]:8000/v1"), is_web_address("http://[::1"), is_web_address("file:///etc/passwd")
    (True, False, False)
    """
    if re.search(r"[\s\x00-\x1f\x7f-\x9f\\]", url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets without an end, or a port above 65535
        return False


def is_database_address(url: str) -> bool:
    """Whether a text is the URL of a PostgreSQL database, on a host or at a socket.

    >>> is_database_address("postgresql://me:pass@db/isthmus"), is_database_address("postgresql:///me?host=/run/pg")
    (True, True)
    >>> is_database_address("postgresql://me:p@ss@db/isthmus"), is_database_address("sqlite:///state.sqlite")
    (False, False)
    """
    if not re.fullmatch(r"[!-~]+", url):
        return False
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) or "host=" in parts.query
        return parts.scheme == "postgresql" and has_host and parts.netloc.count("@") <= 1 and parts.port != 0
    except ValueError:  # a port that is no number: part of a password, perhaps
        return False


def load_settings(settings: Settings | None = None, /, **overrides: object) -> Settings:
    """The settings with the overrides applied; without `settings`, those of isthmus.toml and the environment.

    An override of None means unset. Raises IsthmusError that names the key if it is unknown or its value is bad, and
    if a key of the environment would go to a server that the file names. No message holds a secret.

    >>> load_settings(top_k=3).top_k
    3
    """
    base = settings.model_dump() if settings else {}
    changes = {key: value for key, value in overrides.items() if value is not None}
    try:
        return Settings(**(base | changes))
    except ValidationError as error:
        first = error.errors()[0]
        key, value = ".".join(str(part) for part in first["loc"]), first["input"]
        is_shown = key in Settings.model_fields and key not in SECRET_SETTINGS and not isinstance(value, dict | list)
        hint = f" (got {value!r})" if is_shown else ""
        raise IsthmusError(f"Setting {key!r}: {first['msg']}{hint}. See docs/settings.md.") from error
    except SettingsError as error:
        raise IsthmusError(f"The settings could not be read: {error}.") from error
