"""From files to documents and passages."""

import hashlib
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

from rag.documents.chunking import split_into_passages
from rag.documents.parsing import PARSERS, parse, printable
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
    # Passages of another size are others; documents of the ordinary size keep the ids that earlier versions gave them.
    size = "" if passage_chars == Settings.model_fields["passage_chars"].default else f"\0{passage_chars}"
    document_id = hashlib.sha256(f"{source}\0{digest}{size}".encode(errors="replace")).hexdigest()[:16]
    document_language = detect_language("\n".join(page.text for page in parsed.pages)[:4000])
    passages: list[Passage] = []
    for page in parsed.pages:
        for start, end in split_into_passages(page, document_language, passage_chars):
            text = page.text[start:end]
            language = detect_language(text) if len(text) >= MIN_DETECTED_CHARACTERS else document_language
            id_ = f"{document_id}-{len(passages):05}"
            passage = Passage(id_, document_id, parsed.title, text, page.number, start, end, language)
            passages.append(with_times(passage))
    return Document(document_id, source, parsed.title, digest, document_language, len(data), utc_now()), passages


def utc_now() -> str:
    """The time, as `Document.added` has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_passages(path: Path, settings: Settings) -> list[Passage]:
    """The passages of a file, or of all files of a folder, as a library stores them. Raises UnreadableFileError."""
    passages: list[Passage] = []
    for file in supported_files(path):
        data = read_file(file, settings.max_file_mb * 1_000_000)
        passages += read_document(str(file), data, hashlib.sha256(data).hexdigest(), settings.passage_chars)[1]
    return passages


def supported_files(path: Path) -> list[Path]:
    """The file, or the files of a folder that can be read; a link in the folder that leads out of it is left out."""
    if not os.path.isdir(path):
        return [path]
    files = (file for file in path.rglob("*") if file.suffix.lower() in PARSERS and os.path.isfile(file))
    root = path.resolve()
    return sorted(file for file in files if not file.is_symlink() or file.resolve().is_relative_to(root))


def read_file(file: Path, limit: int) -> bytes:
    """The content of a file of at most `limit` bytes. Raises UnreadableFileError."""
    name = printable(file.name)
    try:
        # A device may do something when it is opened, and a pipe may never end.
        if not stat.S_ISREG(file.stat().st_mode):
            raise UnreadableFileError(f"{name}: it is no file but a folder, a device or a pipe; name a file.")
        with file.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            data = opened.read(limit + 1) if size <= limit else b""  # a file may grow while it is read
    except FileNotFoundError as error:
        raise UnreadableFileError(f"{name}: there is no such file.") from error
    except (OSError, ValueError) as error:
        raise UnreadableFileError(f"{name}: it cannot be read ({printable(str(error))}).") from error
    if max(size, len(data)) > limit:
        raise UnreadableFileError(
            f"{name}: it has {max(size, len(data)) / 1e6:.0f} MB, the limit is {limit / 1e6:.0f} MB "
            "(setting max_file_mb)."
        )
    return data
