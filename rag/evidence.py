"""Which sentences of the passages go into the prompt.

Reading the prompt is what a user with a small machine waits for, so the generator gets the sentences
nearest to the question, each with its neighbours, within a budget of tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import regex

from rag.chunking import sentences
from retriever.background import Background
from retriever.encoder import Encoder
from retriever.temporal.periods import find_periods
from retriever.temporal.timing import Timing
from retriever.types import Hit, Vectors

_ALPHABETIC = regex.compile(r"[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Arabic}\p{Script=Hebrew}]")
MAX_SNIPPETS = 4
TIME_BONUS = 0.03
"""What a sentence gains by naming the time that is asked for (`python -m benchmarks.time_mode`). One for naming any
time, where the question asks when, was tried and gained nothing."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """Part [start, end) of a hit's passage, numbered as the prompt numbers it.

    `sentences` are the offsets in the passage of the sentences it is made of, `vectors` their unit vectors.
    """

    number: int
    hit: Hit
    start: int
    end: int
    sentences: tuple[tuple[int, int], ...]
    vectors: Vectors

    @property
    def text(self) -> str:
        """The words given to the generator."""
        return " ".join(self.hit.passage.text[self.start : self.end].split())


def count_tokens(text: str) -> int:
    """About how many tokens a language model makes of a text: 4 ASCII letters each, 2.5 other alphabetic, else 1."""
    ascii_ = sum(character.isascii() for character in text)
    alphabetic = sum(not letter.isascii() for letter in _ALPHABETIC.findall(text))
    return round(ascii_ / 4 + alphabetic / 2.5 + (len(text) - ascii_ - alphabetic)) + 1


def standing(question: str, snippets: Sequence[Snippet], background: Background, encoder: Encoder) -> float:
    """How far the best sentence stands out: standard deviations above ordinary passages in its language.

    A cosine alone means little, it differs by language and encoder; this hardly does. `python -m benchmarks.standing`
    tells how well it parts questions that the library answers from those it does not. Infinite for a library too small
    to have ordinary passages.
    """
    vector = encoder.encode_queries([question])[0]
    heights = [-float("inf")]
    for snippet in snippets:
        ordinary = background.ordinary(vector, snippet.hit.passage.language)
        if ordinary is None:
            return float("inf")
        mean, deviation = ordinary
        heights.append((float((snippet.vectors @ vector).max()) - mean) / deviation)
    return max(heights)


def select_evidence(
    question: str,
    hits: Sequence[Hit],
    encoder: Encoder,
    background: Background,
    budget: int,
    timing: Timing | None = None,
) -> list[Snippet]:
    """The sentences that matter, as at most MAX_SNIPPETS snippets within `budget` tokens, best passage first.

    Every snippet is one run of sentences of one passage: the passage's best, then its neighbours, nearest to the
    question first, while the budget lasts. The best sentence of all always goes in. Sentences compare by how far
    they stand above ordinary passages in their language, and by whether they name the time asked for.
    """
    passages = _score_sentences(question, hits, encoder, background, timing)
    best = {h: int(np.argmax([row.score for row in rows])) for h, rows in enumerate(passages) if rows}
    chosen: dict[int, tuple[int, int]] = {}
    spent = 0
    for h in sorted(best, key=lambda h: -passages[h][best[h]].score):
        cost = passages[h][best[h]].cost
        if len(chosen) < MAX_SNIPPETS and (not chosen or spent + cost <= budget):
            chosen[h] = (best[h], best[h])
            spent += cost
    while edge := _nearest_edge(passages, chosen, budget - spent):
        h, s = edge
        chosen[h] = (min(chosen[h][0], s), max(chosen[h][1], s))
        spent += passages[h][s].cost
    snippets = []
    for number, (h, (first, last)) in enumerate(chosen.items(), start=1):
        rows = passages[h][first : last + 1]
        spans = tuple((row.start, row.end) for row in rows)
        snippets.append(Snippet(number, hits[h], spans[0][0], spans[-1][1], spans, np.stack([r.vector for r in rows])))
    return snippets


@dataclass(frozen=True, slots=True)
class _Sentence:
    start: int
    end: int
    cost: int
    score: float
    vector: Vectors


def _score_sentences(
    question: str, hits: Sequence[Hit], encoder: Encoder, background: Background, timing: Timing | None
) -> list[list[_Sentence]]:
    """The sentences of each hit's passage. One is embedded with its title, which says what "it" is."""
    spans = [sentences(hit.passage.text, hit.passage.language) for hit in hits]
    texts = [
        f"{hit.passage.title}: {hit.passage.text[start:end]}"
        for hit, passage in zip(hits, spans, strict=True)
        for start, end in passage
    ]
    if not texts:
        return []
    query = encoder.encode_queries([question])[0]
    vectors = iter(encoder.encode_passages(texts))
    scored = []
    for hit, passage in zip(hits, spans, strict=True):
        mean, _ = background.ordinary(query, hit.passage.language) or (0.0, 1.0)
        rows = []
        for start, end in passage:
            vector = next(vectors)
            sentence = hit.passage.text[start:end]
            score = float(vector @ query) - mean + _timeliness(sentence, hit.passage.language, timing)
            rows.append(_Sentence(start, end, count_tokens(sentence), score, vector))
        scored.append(rows)
    return scored


def _timeliness(sentence: str, language: str, timing: Timing | None) -> float:
    if not timing or not timing.periods:
        return 0.0
    return TIME_BONUS * timing.matches(find_periods(sentence, language))


def _nearest_edge(
    passages: Sequence[Sequence[_Sentence]], chosen: dict[int, tuple[int, int]], left: int
) -> tuple[int, int] | None:
    """The best sentence next to a chosen run that fits into what is left of the budget."""
    edges = [
        (h, s)
        for h, (first, last) in chosen.items()
        for s in (first - 1, last + 1)
        if 0 <= s < len(passages[h]) and passages[h][s].cost <= left
    ]
    return max(edges, key=lambda edge: passages[edge[0]][edge[1]].score, default=None)
