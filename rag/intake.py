"""From files to documents and passages."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from rag.chunking import chunk
from rag.parsing import PARSERS, UnreadableFileError, parse
from rag.settings import Settings
from retriever.catalogue import Document
from retriever.language import detect_language
from retriever.types import Passage


def read_document(source: str, data: bytes, digest: str, passage_chars: int) -> tuple[Document, list[Passage]]:
    """A document and its passages; `digest` is of its data. Raises UnreadableFileError."""
    parsed = parse(Path(source).name, data)
    # The id is of name and content, so a document that changes never shares passage ids with its past.
    document_id = hashlib.sha256(f"{source}\0{digest}".encode(errors="replace")).hexdigest()[:16]
    language = detect_language("\n".join(page.text for page in parsed.pages)[:4000])
    passages: list[Passage] = []
    for page in parsed.pages:
        for start, end in chunk(page, language, passage_chars):
            text = page.text[start:end]
            spoken = detect_language(text) if len(text) >= 40 else language
            id_ = f"{document_id}-{len(passages):05}"
            passages.append(Passage(id_, document_id, parsed.title, text, page.number, start, end, spoken).dated())
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Document(document_id, source, parsed.title, digest, language, len(data), now), passages


def read_passages(path: Path, settings: Settings) -> list[Passage]:
    """The passages of a file, or of all files of a folder, as a library takes them in. Raises UnreadableFileError."""
    found: list[Passage] = []
    for file in supported(path):
        data = reader(file, settings.max_file_mb * 1_000_000)()
        found += read_document(str(file), data, hashlib.sha256(data).hexdigest(), settings.passage_chars)[1]
    return found


def supported(path: Path) -> list[Path]:
    """The file, or the files of a folder that can be read."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.suffix.lower() in PARSERS and file.is_file())


def reader(file: Path, limit: int) -> Callable[[], bytes]:
    """Reads a file of at most `limit` bytes when it is called; raises UnreadableFileError then."""

    def read() -> bytes:
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

    return read
