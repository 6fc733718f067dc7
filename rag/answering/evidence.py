"""Which sentences of the passages go into the prompt.

Reading the prompt is what a user with a small machine waits for, so the generator gets the sentences
nearest to the question, each with its neighbours, within a budget of tokens.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from retriever.languages.scripts import ALPHABETIC
from retriever.languages.sentences import Span, is_question, split_sentences
from retriever.models.protocols import PassageEncoder
from retriever.store.baseline import ScoreBaseline
from retriever.temporal.periods import find_periods
from retriever.types import Hit, Query, Timing, Vectors

MAX_SNIPPETS = 4
EXCERPT_TOKENS = 100
"""Length of the sentences that are read, or quoted, by themselves: two or three. On 46 questions of XQuAD's training
articles and AfriQA's they hold the answer in 83 % of the cases."""
EXCERPT_SHARE = 0.3
"""Least share of the best sentence's nearness that its neighbours in an excerpt have. So it holds the answer as often
(XQuAD's training articles .758, AfriQA .74 for .75), is a tenth shorter, and most orders planted beside the answer do
not stand in it."""
READ_SHARE = 0.7
"""The same for the neighbours of a sentence that the model read words in. Where both are there, an excerpt around these
words holds the answer as often as one around the nearest sentence (docs/decisions.md) and is shorter."""
TIME_BONUS = 0.03
"""What a sentence gains by naming the time that is asked for (`python -m benchmarks.time_mode`). A bonus for naming any
time, where the question asks when, was tried and gained nothing."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """Part [start, end) of a hit's passage, numbered as the prompt numbers it.

    `sentences` are the offsets in the passage of its sentences, `vectors` their unit vectors.
    """

    number: int
    hit: Hit
    start: int
    end: int
    sentences: tuple[Span, ...]
    vectors: Vectors

    @property
    def text(self) -> str:
        """The words given to the generator."""
        return " ".join(self.hit.passage.text[self.start : self.end].split())


def estimate_tokens(text: str) -> int:
    """About how many tokens a language model makes of a text: 4 ASCII letters each, 2.5 other alphabetic, else 1.

    >>> estimate_tokens("The Danube is long.")
    6
    """
    ascii_count = sum(character.isascii() for character in text)
    alphabetic = sum(not letter.isascii() for letter in ALPHABETIC.findall(text))
    return round(ascii_count / 4 + alphabetic / 2.5 + (len(text) - ascii_count - alphabetic)) + 1


def evidence_z_score(query: Query, snippets: Sequence[Snippet], baseline: ScoreBaseline) -> float:
    """How far the best sentence stands above ordinary passages in its language, in standard deviations.

    Cosines differ by language and encoder; this hardly does. `python -m benchmarks.evidence_z_score` measures how well
    it separates questions that the library answers from those that it does not. Infinite for a library too small to
    have a baseline.
    """
    z_scores = [-float("inf")]
    for snippet in snippets:
        cosine = float((snippet.vectors @ query.vector).max())
        z_score = cosine_z_score(cosine, query, snippet.hit.passage.language, baseline)
        if z_score is None:
            return float("inf")
        z_scores.append(z_score)
    return max(z_scores)


def passage_z_score(query: Query, hit: Hit, baseline: ScoreBaseline) -> float | None:
    """How far a passage stands above ordinary ones in its language, in standard deviations.

    0 for a hit that only its words brought; None for a library too small to have a baseline.
    """
    if hit.dense is not None:
        return cosine_z_score(hit.dense, query, hit.passage.language, baseline)
    return None if baseline.mean_std(query.vector, hit.passage.language) is None else 0.0


def cosine_z_score(cosine: float, query: Query, language: str, baseline: ScoreBaseline) -> float | None:
    """How far a cosine with the query stands above those of ordinary passages in a language, in standard deviations.

    None for a library too small to have a baseline.
    """
    mean_std = baseline.mean_std(query.vector, language)
    if mean_std is None:
        return None
    mean, deviation = mean_std
    return (cosine - mean) / deviation


def select_evidence(
    query: Query, hits: Sequence[Hit], encoder: PassageEncoder, baseline: ScoreBaseline, budget: int
) -> list[Snippet]:
    """The sentences that matter, as at most MAX_SNIPPETS snippets within `budget` tokens, best passage first.

    Every snippet is one run of sentences of one passage: the passage's best, then its neighbours, nearest to the
    question first, while the budget lasts. The best sentence of all always goes in. Sentences are compared by how far
    they stand above ordinary passages in their language, and by whether they name the time asked for.
    """
    passages = _score_sentences(query, hits, encoder, baseline)
    best = {h: int(np.argmax([row.score for row in rows])) for h, rows in enumerate(passages) if rows}
    runs: dict[int, tuple[int, int]] = {}
    spent = 0
    for h in sorted(best, key=lambda h: -passages[h][best[h]].score):
        cost = passages[h][best[h]].cost
        if len(runs) < MAX_SNIPPETS and (not runs or spent + cost <= budget):
            runs[h] = (best[h], best[h])
            spent += cost
    _lengthen(runs, passages, budget - spent, dict.fromkeys(best, -math.inf))
    return [_snippet(number, hits[h], passages[h], run) for number, (h, run) in enumerate(runs.items(), start=1)]


def select_excerpt(
    query: Query, hit: Hit, encoder: PassageEncoder, baseline: ScoreBaseline, words: Span | None = None
) -> Snippet:
    """The sentence of a hit's passage with these words, or the nearest to the question, with neighbours that matter.

    These are near to the question (EXCERPT_SHARE, with words READ_SHARE), or follow a question, whose answer they may
    be.
    """
    rows = _score_sentences(query, [hit], encoder, baseline)[0]
    if words is None:
        first, share = max(range(len(rows)), key=lambda s: rows[s].score), EXCERPT_SHARE
    else:
        first, share = max(s for s, row in enumerate(rows) if s == 0 or row.start <= words[0]), READ_SHARE
    runs = {0: (first, first)}
    _lengthen(runs, [rows], EXCERPT_TOKENS - rows[first].cost, {0: share * rows[first].score})
    return _snippet(1, hit, rows, runs[0])


@dataclass(frozen=True, slots=True)
class _Sentence:
    start: int
    end: int
    cost: int
    score: float
    vector: Vectors
    is_question: bool


def _score_sentences(
    query: Query, hits: Sequence[Hit], encoder: PassageEncoder, baseline: ScoreBaseline
) -> list[list[_Sentence]]:
    """The sentences of each hit's passage. A sentence is embedded with its title, which says what "it" is."""
    spans = [split_sentences(hit.passage.text, hit.passage.language) for hit in hits]
    texts = [
        f"{hit.passage.title}: {hit.passage.text[start:end]}"
        for hit, passage_spans in zip(hits, spans, strict=True)
        for start, end in passage_spans
    ]
    if not texts:
        return []
    vectors = iter(encoder.encode_passages(texts))
    scored = []
    for hit, passage_spans in zip(hits, spans, strict=True):
        mean, _ = baseline.mean_std(query.vector, hit.passage.language) or (0.0, 1.0)
        rows = []
        for start, end in passage_spans:
            vector = next(vectors)
            sentence = hit.passage.text[start:end]
            score = float(vector @ query.vector) - mean + _time_bonus(sentence, hit.passage.language, query.timing)
            rows.append(_Sentence(start, end, estimate_tokens(sentence), score, vector, is_question(sentence)))
        scored.append(rows)
    return scored


def _time_bonus(sentence: str, language: str, timing: Timing) -> float:
    return TIME_BONUS * timing.matches(find_periods(sentence, language)) if timing.periods else 0.0


def _snippet(number: int, hit: Hit, rows: Sequence[_Sentence], run: tuple[int, int]) -> Snippet:
    """The snippet of a run of sentences, from the first to the last of these numbers."""
    chosen = rows[run[0] : run[1] + 1]
    spans = tuple((row.start, row.end) for row in chosen)
    return Snippet(number, hit, spans[0][0], spans[-1][1], spans, np.stack([row.vector for row in chosen]))


def _lengthen(
    runs: dict[int, tuple[int, int]],
    passages: Sequence[Sequence[_Sentence]],
    budget: int,
    least: Mapping[int, float],
) -> None:
    """Take the best sentence next to a run in, again and again, while the budget lasts and there is one of `least`."""
    while edge := _best_edge(passages, runs, budget, least):
        h, s = edge
        runs[h] = (min(runs[h][0], s), max(runs[h][1], s))
        budget -= passages[h][s].cost


def _best_edge(
    passages: Sequence[Sequence[_Sentence]],
    runs: Mapping[int, tuple[int, int]],
    budget: int,
    least: Mapping[int, float],
) -> tuple[int, int] | None:
    """The best sentence next to a run that fits into what is left of the budget.

    It scores at least `least`, or follows a question.
    """
    edges = [
        (h, s)
        for h, (first, last) in runs.items()
        for s in (first - 1, last + 1)
        if 0 <= s < len(passages[h]) and passages[h][s].cost <= budget
        if passages[h][s].score >= least[h] or (s == last + 1 and passages[h][last].is_question)
    ]
    return max(edges, key=lambda edge: passages[edge[0]][edge[1]].score, default=None)
