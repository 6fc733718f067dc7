"""Citations: which passage holds which sentence of an answer, and which words no passage holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import regex

from rag.answering.claims import Claim, NameSimilarity, Source, extract_claims, name_similarity
from rag.answering.countries import uncovered_countries
from rag.answering.evidence import Snippet
from rag.answering.reader import Reading, sentence_around
from rag.generation.citation_marks import MARK, cited_numbers, strip_citation_marks
from rag.types import Citation
from retriever.languages.sentences import split_sentences
from retriever.models.protocols import QueryEncoder
from retriever.types import Query


@dataclass(frozen=True, slots=True)
class CitedText:
    """An answer with its citation marks; `doubts` are its words that no passage holds."""

    text: str
    citations: tuple[Citation, ...]
    doubts: tuple[str, ...]


def cite(text: str, query: Query, language: str, snippets: Sequence[Snippet], encoder: QueryEncoder) -> CitedText:
    """Cite, sentence by sentence, the passages that hold the answer, which is in `language`.

    A sentence cites the passages that the generator marked, else the nearest one. Other passages are cited too if they
    hold a number, month or name that these do not. Doubts are claims that neither the passages nor the question hold,
    and the question's country if the cited passages are about others.
    """
    question_source = Source.read(query.text, language)
    sources = {snippet.number: Source.of_passage(snippet.hit.passage) for snippet in snippets}
    by_number = {snippet.number: snippet for snippet in snippets}
    similarity = name_similarity(encoder)
    parts: list[str] = []
    citations: dict[int, Citation] = {}
    doubts: list[str] = []
    for sentence, numbers in _marked_sentences(text, language):
        vector = encoder.encode_queries([f"{query.text} {sentence}"])[0]
        nearness = {s.number: float((s.vectors @ vector).max()) for s in snippets}
        cited = [number for number in dict.fromkeys(numbers) if number in by_number]
        claims = [claim for claim in extract_claims(sentence, language) if not question_source.holds(claim)]
        if not cited and nearness:
            held_claims = {n: sum(source.holds(claim) for claim in claims) for n, source in sources.items()}
            cited = [max(nearness, key=lambda n: (held_claims[n], nearness[n]))]
        for claim in claims:
            order = cited + sorted(set(sources) - set(cited), key=lambda n: -nearness[n])
            holder = _find_holder(claim, {n: sources[n] for n in order}, similarity)
            if holder is None:
                doubts.append(claim.surface)
            elif holder not in cited:
                cited.append(holder)
        for number in cited:
            snippet = by_number[number]
            start, end = snippet.sentences[int(np.argmax(snippet.vectors @ vector))]
            if number not in citations or citations[number].score < nearness[number]:
                citations[number] = Citation(number, snippet.hit.passage, start, end, nearness[number])
        parts.append(sentence + "".join(f" [{number}]" for number in sorted(cited)))
    ordered = tuple(citations[number] for number in sorted(citations))
    cited_sources = [(citation.passage, sources[citation.number]) for citation in ordered]
    doubts += uncovered_countries(query.text, query.language, cited_sources)
    return CitedText(" ".join(parts), ordered, tuple(dict.fromkeys(doubts)))


def read_citation(reading: Reading) -> Citation:
    """The passage that words were read from, cited by the sentence that holds them."""
    start, end = sentence_around(reading)
    return Citation(1, reading.hit.passage, start, end, reading.hit.score)


def excerpt_citation(excerpt: Snippet) -> Citation:
    """An excerpt that is quoted, cited whole."""
    return Citation(1, excerpt.hit.passage, excerpt.start, excerpt.end, excerpt.hit.score)


def _find_holder(claim: Claim, sources: Mapping[int, Source], similarity: NameSimilarity) -> int | None:
    """The number of the first source that holds the claim; translated names count if no source spells the name."""
    holder = next((number for number, source in sources.items() if source.holds(claim)), None)
    if holder is None and claim.kind == "name":
        holder = next((number for number, source in sources.items() if source.holds(claim, similarity)), None)
    return holder


def nearest_citations(snippets: Sequence[Snippet], query: Query) -> tuple[Citation, ...]:
    """The passages nearest to a question that they do not answer, not used by any answer."""
    citations = []
    for snippet in snippets:
        scores = snippet.vectors @ query.vector
        start, end = snippet.sentences[int(np.argmax(scores))]
        citations.append(Citation(snippet.number, snippet.hit.passage, start, end, float(scores.max()), used=False))
    return tuple(citations)


def _marked_sentences(text: str, language: str) -> list[tuple[str, list[int]]]:
    """The sentences of an answer without their marks, each with the numbers of the marks in or right after it."""
    pieces = [text[start:end] for start, end in split_sentences(text, language)]
    marked: list[tuple[str, list[int]]] = []
    for piece in pieces:
        leading = regex.match(rf"(?:{MARK.pattern})+", piece)
        rest = piece[leading.end() :] if leading and marked else piece
        if leading and marked:
            marked[-1][1].extend(cited_numbers(leading.group()))
        words = strip_citation_marks(rest)
        if any(character.isalnum() for character in words):
            marked.append((words, cited_numbers(rest)))
        elif marked:
            marked[-1][1].extend(cited_numbers(rest))
    return marked
