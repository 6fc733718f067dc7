"""The checkable parts of an answer: numbers, months and names; and whether a source holds them.

Small models invent these, so they are compared with the sources across digits, number words, grouping,
scales, month names, calendars (Thai years) and scripts of names.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from rag.answering.months import find_months, find_numeric_months
from rag.answering.names import find_names, is_same_name, romanise
from rag.answering.number_values import WORD, find_numbers
from retriever.languages.digits import ascii_digits
from retriever.languages.scripts import CASED
from retriever.models.protocols import QueryEncoder
from retriever.types import Passage

SAME_MEANING = 0.90
"""Least cosine of a name and its translation, as the stock encoder sees them ("Dunărea", "Danube")."""

NameSimilarity = Callable[[Sequence[str], Sequence[str]], float]
"""Largest cosine between any of the first texts and any of the second."""


def name_similarity(encoder: QueryEncoder) -> NameSimilarity:
    """The similarity of names as an encoder sees them."""

    def similarity(left: Sequence[str], right: Sequence[str]) -> float:
        return float((encoder.encode_queries(left) @ encoder.encode_queries(right).T).max())

    return similarity


@dataclass(frozen=True, slots=True)
class Claim:
    """A number, month or name that an answer states, and the values it may stand for."""

    kind: Literal["number", "month", "name"]
    surface: str
    values: frozenset[float] = frozenset()


def extract_claims(text: str, language: str) -> list[Claim]:
    """The claims of an answer in a language, each once: numbers, then months, then names.

    >>> [claim.surface for claim in extract_claims("It was founded on 14 March 1879 by Stephen Báthory.", "en")]
    ['14', '1879', 'march', 'Stephen', 'Báthory']
    """
    claims: dict[str, Claim] = {}
    plain_text = ascii_digits(text)
    for surface, values in find_numbers(plain_text, language, claims_only=True):
        claims.setdefault(surface, Claim("number", surface, values))
    for surface, number in find_months(plain_text, language):
        claims.setdefault(surface, Claim("month", surface, frozenset({float(number)})))
    claimed_words = {word.casefold() for claim in claims.values() for word in claim.surface.split()}
    for surface in find_names(plain_text, language):
        if surface.casefold() not in claimed_words:
            claims.setdefault(surface, Claim("name", surface))
    return list(claims.values())


@dataclass(frozen=True, slots=True)
class Source:
    """What a text holds that a claim can be checked against.

    >>> source = Source.read("It was founded in March 1879.", "en")
    >>> [source.holds(claim) for claim in extract_claims("Fondată în 1879, nu în 1581.", "ro")]
    [True, False]
    """

    numbers: frozenset[float]
    months: frozenset[float]
    words: tuple[str, ...]
    romanised: tuple[str, ...]

    @classmethod
    def of_passage(cls, passage: Passage) -> "Source":
        """Read a passage with its title."""
        return cls.read(f"{passage.title} {passage.text}", passage.language)

    @classmethod
    def read(cls, text: str, language: str) -> "Source":
        """Read a text, such as a question."""
        plain_text = ascii_digits(text)
        numbers = {value for _, values in find_numbers(plain_text, language, claims_only=False) for value in values}
        months = {float(number) for _, number in find_months(plain_text, language)}
        months |= {float(number) for number in find_numeric_months(plain_text)}
        words = tuple(dict.fromkeys(WORD.findall(plain_text)))
        return cls(frozenset(numbers), frozenset(months), words, tuple(romanise(word) for word in words))

    def holds(self, claim: Claim, similarity: NameSimilarity | None = None) -> bool:
        """Whether the source states the claim; `similarity` recognises translated names."""
        if claim.kind == "number":
            return bool(claim.values & self.numbers)
        if claim.kind == "month":
            return bool(claim.values & self.months)
        romanised = romanise(claim.surface)
        if any(is_same_name(romanised, word) for word in self.romanised):
            return True
        if similarity is None:
            return False
        names = [word for word in self.words if len(word) > 2 and (word[0].isupper() or not CASED.match(word))]
        return bool(names) and similarity([claim.surface], names) >= SAME_MEANING
