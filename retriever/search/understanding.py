"""From a question's text to a `Query`: its language is detected and its vectors are made here, once."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from retriever.languages.detection import detect_language
from retriever.models.backends.tokens import join_tokens
from retriever.models.normalization import normalize
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


def fuse_queries(versions: Sequence[Query]) -> Query:
    """The first query with the vectors of all its versions: their mean, and the token vectors of each.

    On AfriQA this finds more than a search for each version, fused by rank, and loses little where a translation is
    bad (docs/decisions.md). Token vectors are kept if every version has them.
    """
    first = versions[0]
    if len(versions) == 1:
        return first
    vector = normalize(np.mean([version.vector for version in versions], axis=0))
    tokens = [version.tokens for version in versions if version.tokens is not None]
    return replace(first, vector=vector, tokens=join_tokens(*tokens) if len(tokens) == len(versions) else None)
