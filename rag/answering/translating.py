"""Translation by the generator, kept only if it can be trusted a little: for people who cannot read the original."""

from prompts import load_prompt
from rag.answering.claims import Source, extract_claims
from rag.generation.degeneration import is_degenerate
from rag.generation.engine import Engine, complete
from rag.generation.language_check import is_in_language
from retriever.languages.detection import detect_language

MAX_TOKENS = 400
"""Longest translation."""


def translate(engine: Engine, text: str, language: str) -> str | None:
    """A text in another language, as the generator translates it. Raises GeneratorError.

    None if what it writes is in another language, goes round in circles, or lacks a number or month of the text.
    """
    messages = load_prompt("translate", language).messages(text=text)
    translation = complete(engine, messages, max_tokens=MAX_TOKENS)
    written = Source.read(translation, language)
    claims = [claim for claim in extract_claims(text, detect_language(text)) if claim.kind != "name"]
    if (
        is_degenerate(translation, text)
        or not is_in_language(translation, language)
        or not all(map(written.holds, claims))
    ):
        return None
    return translation
