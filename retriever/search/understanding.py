"""From a question's text to a `Query`: its language is detected and its vectors are made here, once."""

from retriever.languages.detection import detect_language
from retriever.models.protocols import TextEncoder
from retriever.types import Query, Timing


def understand(
    text: str,
    encoder: TextEncoder,
    *,
    language: str | None = None,
    timing: Timing | None = None,
    with_tokens: bool = True,
) -> Query:
    """The query of a text; `language` is detected if it is not known already. `with_tokens` asks for token vectors."""
    language = language or detect_language(text)
    vector, tokens = encoder.encode_query(text, language, with_tokens=with_tokens)
    return Query(text, language, vector, tokens, timing or Timing())
