"""How good an answer is: character-3-gram recall (BERGEN, arXiv 2407.01463), and whether it is in its language."""

import functools
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import regex
from lingua import LanguageDetector, LanguageDetectorBuilder

from rag.generation.citation_marks import strip_citation_marks
from rag.types import Answer
from retriever.languages.digits import ascii_digits

WRONG = 0.3
"""An answer with less recall is wrong."""
LEAST_LETTERS = 15
"""Answers with fewer are too short for their language to be detected."""
_QUOTED = regex.compile(r'"[^"]*"|“[^”]*”|„[^“”]*[“”]|«[^»]*»|「[^」]*」|”[^”“]*[”“]')


@dataclass(frozen=True, slots=True)
class AnswerScores:
    """Scores of one answer.

    `recall` is the best share of a gold answer's 3-grams, 0 for a refusal. `is_in_language` is None for a refusal and
    for an answer too short to tell. `right_citations` says of each citation whether it is of the gold passage; it is
    empty if none is known.
    """

    recall: float
    is_in_language: bool | None
    right_citations: tuple[bool, ...]


def score_answer(
    answer: Answer, golds: Sequence[str], passage: str | None, language: str, languages: Sequence[str]
) -> AnswerScores:
    """The scores of an answer that should be in `language`, one of the `languages` of the evaluation."""
    if answer.abstained:
        return AnswerScores(0.0, None, ())
    plain = strip_citation_marks(answer.text)
    cited = [citation.passage for citation in answer.citations if citation.used] if passage else []
    detected = detect_among(plain, languages)
    return AnswerScores(
        max((trigram_recall(plain, gold) for gold in golds), default=0.0),
        None if detected is None else detected == language,
        tuple(" ".join(each.text.split()) in str(passage) for each in cited),
    )


def trigram_recall(answer: str, gold: str) -> float:
    """Share of the gold answer's character 3-grams that the answer holds, within words; shorter words count whole.

    >>> trigram_recall("It was in 1936.", "1936"), trigram_recall("It was in 1938.", "1936")
    (1.0, 0.5)
    >>> trigram_recall("It has 39 rooms.", "39"), trigram_recall("It has 390 rooms.", "39")
    (1.0, 0.0)
    """
    gold_grams = _trigrams(gold)
    return sum((gold_grams & _trigrams(answer)).values()) / max(1, sum(gold_grams.values()))


def detect_among(text: str, languages: Sequence[str]) -> str | None:
    """Which of the languages a text is in, "und" for none of them; None if it is too short to tell.

    lingua's detector at full accuracy, which answering does not use. Capitalised words and quotations are left out:
    names, titles and quoted passages may be in another language, and rightly so.
    """
    words = " ".join(word for word in _QUOTED.sub(" ", text).split() if not word[0].isupper())
    if sum(character.isalpha() for character in words) < LEAST_LETTERS:
        return None
    detector = _detector(tuple(languages))
    language = detector.detect_language_of(words) if detector else None
    return language.iso_code_639_1.name.lower() if language else "und"


@functools.cache
def _detector(languages: tuple[str, ...]) -> LanguageDetector | None:
    """A detector of these languages, as far as lingua knows them, and English; None if that leaves one alone."""
    from lingua import IsoCode639_1

    known = {code for code in (*languages, "en") if hasattr(IsoCode639_1, code.upper())}
    if len(known) < 2:
        return None
    codes = (getattr(IsoCode639_1, code.upper()) for code in sorted(known))
    return LanguageDetectorBuilder.from_iso_codes_639_1(*codes).build()


def _trigrams(text: str) -> Counter[str]:
    grams: Counter[str] = Counter()
    for word in _normalize(text).split():
        grams.update([word] if len(word) < 3 else [word[i : i + 3] for i in range(len(word) - 2)])
    return grams


def _normalize(text: str) -> str:
    """Lower case, ASCII digits, letters and digits only.

    >>> _normalize("Die «Olympischen» Spiele, १९३६")
    'die olympischen spiele 1936'
    """
    lower = ascii_digits(unicodedata.normalize("NFKC", text).lower())
    return " ".join("".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in lower).split())
