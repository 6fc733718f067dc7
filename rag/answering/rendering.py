"""Rendering: words of a passage put into a sentence of the user's language, or quoted if that cannot be trusted."""

from collections.abc import Sequence
from dataclasses import dataclass

import regex

from prompts import load_prompt
from rag.answering.claims import Claim, Source, extract_claims, name_similarity
from rag.answering.reader import Reading, confirm_odds, sentence_around
from rag.answering.units import find_units
from rag.answering.values import localise_value
from rag.generation.citation_marks import strip_citation_marks
from rag.generation.degeneration import (
    has_foreign_letters,
    has_mixed_words,
    is_degenerate,
    is_refusal,
    lacks_own_letters,
    strip_echoes,
)
from rag.generation.engine import Engine, complete
from rag.generation.language_check import is_in_language
from retriever.languages.detection import is_latin
from retriever.languages.digits import ascii_digits
from retriever.languages.scripts import scripts_of
from retriever.models.protocols import QueryEncoder

MAX_TOKENS = 64
"""Longest sentence."""
MIN_GAIN = 0.3
"""Least gain in log-odds: of 13 phrases in 7 languages, six of seven good sentences gained more and five of six bad
ones less (a look at XQuAD's training articles)."""
CARRIER = "The answer is:"
EVIDENCE = f"({CARRIER} {{words}})"
"""What stands for the passages: with the sentence around the words the model writes them in fewer cases (docs)."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """An answer in the language asked for; `is_quote` says that it is a fixed sentence around the passage's words."""

    text: str
    is_quote: bool


def render(engine: Engine, question: str, language: str, reading: Reading, encoder: QueryEncoder) -> Rendering:
    """The words in a sentence that the model writes, if that can be trusted, else as a value or in a fixed sentence.

    It can if it is in the language, holds the numbers, months and names of the words, and no others than the passage
    and the question; and where the words have none, if the model finds it a better answer than the words. Raises
    GeneratorError.
    """
    prompt = load_prompt("answer", language)
    messages = prompt.messages(system="brief", passages=EVIDENCE.format(words=reading.words), question=question)
    text = strip_echoes(complete(engine, messages, max_tokens=MAX_TOKENS), question, prompt.closing)
    sentence = reading.hit.passage.text[slice(*sentence_around(reading))]
    claims = claims_of_words(reading, sentence)
    if (
        is_degenerate(text, question)
        or CARRIER.casefold() in text.casefold()
        or is_refusal(text, load_prompt("fixed", language).texts["no_answer"])
        or has_mixed_words(text)
        or has_foreign_letters(text, language, f"{question} {sentence}")
        or lacks_own_letters(text, language)
        or not is_in_language(text, language)
        or _holds_untranslated(text, language, reading)
        or not _adds_no_unit(text, language, reading, sentence, question)
        or not _keeps_claims(text, language, reading, claims, question, encoder)
        or not (claims or _is_better(engine, reading, question, text))
    ):
        return _value(reading, language) or quote(reading.words, language)
    return Rendering(text, is_quote=False)


def _value(reading: Reading, language: str) -> Rendering | None:
    """Words in another language that are a date, measure or sum of money, as the language writes them."""
    source_language = reading.hit.passage.language
    text = None if source_language == language else localise_value(reading.words, source_language, language)
    return Rendering(text, is_quote=False) if text else None


def quote(words: str, language: str) -> Rendering:
    """Words of a passage inside a fixed sentence of the language, which has its own full stop and citation marks."""
    words = regex.sub(r"[\p{STerm}\s]+$", "", strip_citation_marks(words))
    return Rendering(load_prompt("fixed", language).render("quote", words=words), is_quote=True)


def is_quotation(text: str, language: str) -> bool:
    """Whether an answer is the fixed sentence of a language around words of a passage.

    >>> [is_quotation(text, "en") for text in ("The documents say: “in 1914”. [1]", "It was opened in 1914. [1]")]
    [True, False]
    """
    before, after = load_prompt("fixed", language).texts["quote"].split("$words")
    return text.startswith(before) and strip_citation_marks(text).endswith(after)


def _is_better(engine: Engine, reading: Reading, question: str, text: str) -> bool:
    """Whether the model confirms a text more than the words, by MIN_GAIN.

    A text that has no claim to check may be anything; but a translation answers the question more directly.
    """
    odds = [confirm_odds(engine, reading, question, answer) for answer in (text, reading.words)]
    return odds[0] - odds[1] >= MIN_GAIN


def _holds_untranslated(text: str, language: str, reading: Reading) -> bool:
    """Whether the words stand in a text as they are, though they are a phrase in another language."""
    return reading.words.casefold() in text.casefold() and not is_in_language(reading.words, language)


def _adds_no_unit(text: str, language: str, reading: Reading, sentence: str, question: str) -> bool:
    """Whether every unit of a text is one of the sentence with the words, or of the question."""
    allowed = find_units(sentence, reading.hit.passage.language) | find_units(question, language)
    return find_units(text, language) <= allowed


def _keeps_claims(
    text: str, language: str, reading: Reading, claims: Sequence[Claim], question: str, encoder: QueryEncoder
) -> bool:
    """Whether a text states every claim of the words, and no others than the passage or the question.

    Names that are translated are recognised by the encoder. A name of the words in Latin letters stands so in a text in
    another script: what a small model transliterates is often no name.
    """
    similarity = name_similarity(encoder)
    written = Source.read(text, language)
    allowed = [Source.of_passage(reading.hit.passage), Source.read(question, language)]

    def is_kept(claim: Claim) -> bool:
        if claim.kind == "name" and is_latin(claim.surface) and scripts_of(language) not in ((), ("Latn",)):
            return claim.surface.casefold() in text.casefold()
        return written.holds(claim) or written.holds(claim, similarity)

    return all(map(is_kept, claims)) and all(
        any(source.holds(claim) for source in allowed) or any(source.holds(claim, similarity) for source in allowed)
        for claim in extract_claims(text, language)
    )


def claims_of_words(reading: Reading, sentence: str) -> list[Claim]:
    """The numbers, months and names of the words, as the sentence around them shows them."""
    words = ascii_digits(reading.words).casefold()
    claims = extract_claims(sentence, reading.hit.passage.language)
    return [claim for claim in claims if claim.surface.casefold() in words]
