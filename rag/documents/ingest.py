"""From files to documents and passages."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from rag.documents.chunking import split_into_passages
from rag.documents.parsing import PARSERS, parse
from rag.errors import UnreadableFileError
from rag.settings import Settings
from retriever.languages.detection import detect_language
from retriever.temporal.periods import with_times
from retriever.types import Document, Passage

MIN_DETECTED_CHARACTERS = 40
"""A shorter passage counts as one in its document's language."""


def read_document(source: str, data: bytes, digest: str, passage_chars: int) -> tuple[Document, list[Passage]]:
    """A document and its passages of at most `passage_chars`; `digest` is the SHA-256 of its data.

    Raises UnreadableFileError.
    """
    parsed = parse(Path(source).name, data)
    # The id is made of name and content, so a changed document never shares passage ids with its earlier version.
    document_id = hashlib.sha256(f"{source}\0{digest}".encode(errors="replace")).hexdigest()[:16]
    document_language = detect_language("\n".join(page.text for page in parsed.pages)[:4000])
    passages: list[Passage] = []
    for page in parsed.pages:
        for start, end in split_into_passages(page, document_language, passage_chars):
            text = page.text[start:end]
            language = detect_language(text) if len(text) >= MIN_DETECTED_CHARACTERS else document_language
            id_ = f"{document_id}-{len(passages):05}"
            passage = Passage(id_, document_id, parsed.title, text, page.number, start, end, language)
            passages.append(with_times(passage))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Document(document_id, source, parsed.title, digest, document_language, len(data), now), passages


def read_passages(path: Path, settings: Settings) -> list[Passage]:
    """The passages of a file, or of all files of a folder, as a library stores them. Raises UnreadableFileError."""
    passages: list[Passage] = []
    for file in supported_files(path):
        data = read_file(file, settings.max_file_mb * 1_000_000)
        passages += read_document(str(file), data, hashlib.sha256(data).hexdigest(), settings.passage_chars)[1]
    return passages


def supported_files(path: Path) -> list[Path]:
    """The file, or the files of a folder that can be read."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.suffix.lower() in PARSERS and file.is_file())


def read_file(file: Path, limit: int) -> bytes:
    """The content of a file of at most `limit` bytes. Raises UnreadableFileError."""
    try:
        if (size := file.stat().st_size) > limit:
            raise UnreadableFileError(
                f"{file.name}: it has {size / 1e6:.0f} MB, the limit is {limit / 1e6:.0f} MB (setting max_file_mb)."
            )
        return file.read_bytes()
    except FileNotFoundError as error:
        raise UnreadableFileError(f"{file.name}: there is no such file.") from error
    except (OSError, ValueError) as error:
        raise UnreadableFileError(f"{file.name}: it cannot be read ({error}).") from error
