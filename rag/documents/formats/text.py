"""Plain text, and JSON lines of texts."""

import json
from pathlib import Path

from rag.documents.formats.encodings import decode
from rag.documents.formats.page import Page, TitledPages
from rag.errors import UnreadableFileError


def parse_text(name: str, data: bytes) -> TitledPages:
    """Plain text in any encoding; the title is the file's name."""
    return Path(name).stem, [Page(None, decode(name, data))]


def parse_jsonl(name: str, data: bytes) -> TitledPages:
    """JSON lines with a "text" and perhaps a "title" each. Raises UnreadableFileError, naming the line."""
    parts = []
    for number, line in enumerate(decode(name, data).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise UnreadableFileError(f"{name}: line {number} is not JSON ({error.msg}).") from error
        if not isinstance(record, dict) or not isinstance(record.get("text"), str):
            raise UnreadableFileError(f'{name}: line {number} has no "text"; each line must be like {{"text": "…"}}.')
        title = record.get("title")
        parts.append(f"{title}\n{record['text']}" if isinstance(title, str) and title else record["text"])
    return Path(name).stem, [Page(None, "\n\n".join(parts))]
