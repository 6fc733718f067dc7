"""What LiRA is trained and measured on, embedded once: both encoders are frozen."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, from_numpy

from retriever.alignment.data import ParallelText
from retriever.alignment.methods.lira.candidates import NOISE, add_noise, learn_gloss
from retriever.data.squad import ParallelSquad
from retriever.models.encoder import EMBED_TURN, Encoder
from retriever.models.lira import RATINGS, View, make_view

Critic = Callable[[str, str, str], Sequence[float]]
"""From a text, its language and an English translation to ratings from 0 to 1, in the order of RATINGS."""
RANK_PART = 1024
"""Queries whose scores with all documents are in memory at a time."""


@dataclass(frozen=True, slots=True)
class LiraQuery:
    """A query, its human translation, and the English text that it is to find.

    `group` names what the document is a part of, such as an article, so that whole articles can be held out.
    """

    language: str
    text: str
    english: str
    document: str
    group: str


@dataclass(frozen=True, slots=True)
class LiraRows:
    """N queries with K translations each.

    `own` is their view; `candidates` has vectors (N, K, d) and bins (N, K, S, d); `ratings` (N, K, 3) are the critic's
    from 0 to 1. `english` and `documents` (N, d) are unit vectors of the human translations and of the documents.
    """

    own: View
    candidates: View
    ratings: Tensor
    english: Tensor
    documents: Tensor
    languages: Sequence[str]

    def __len__(self) -> int:
        return len(self.languages)


@dataclass(frozen=True, slots=True)
class SimilarRows:
    """Queries beside English sentences, and how people score their similarity.

    The `documents` of `rows` are the sentences, as the encoder embeds queries. `scores` are (N,).
    """

    rows: LiraRows
    scores: Tensor

    def __len__(self) -> int:
        return len(self.rows)


def embed_view(encoder: Encoder, texts: Sequence[str], languages: Sequence[str]) -> View:
    """The view of queries, each by the encoder of its language, in 16 bits: there are many."""
    unique = list(dict.fromkeys(zip(texts, languages, strict=True)))
    vectors, bins = [], []
    for start in range(0, len(unique), EMBED_TURN):
        encoded = encoder.encode_query_batch(*zip(*unique[start : start + EMBED_TURN], strict=True))
        view = make_view([vector for vector, _ in encoded], [tokens for _, tokens in encoded])
        vectors.append(view.vectors.half())
        bins.append(view.bins.half())
    numbers = {text: number for number, text in enumerate(unique)}
    places = [numbers[text] for text in zip(texts, languages, strict=True)]
    return View(torch.cat(vectors)[places], torch.cat(bins)[places])


def embed_rows(
    queries: Sequence[LiraQuery], candidates: Sequence[Sequence[str]], encoder: Encoder, critic: Critic | None = None
) -> LiraRows:
    """Queries and as many candidates of each, embedded, and rated by the critic; without one the ratings are 0."""
    count, width = len(queries), len(candidates[0])
    flat = [text for row in candidates for text in row]
    view = embed_view(encoder, flat, ["en"] * len(flat))
    return LiraRows(
        own=embed_view(encoder, [query.text for query in queries], [query.language for query in queries]),
        candidates=View(view.vectors.reshape(count, width, -1), view.bins.reshape(count, width, *view.bins.shape[1:])),
        ratings=torch.tensor(
            [
                [critic(query.text, query.language, text) for text in row]
                for query, row in zip(queries, candidates, strict=True)
            ]
        )
        if critic
        else torch.zeros(count, width, len(RATINGS)),
        english=embed_view(encoder, [query.english for query in queries], ["en"] * count).vectors.float(),
        documents=from_numpy(encoder.encode_passages([query.document for query in queries])),
        languages=[query.language for query in queries],
    )


def reciprocal_ranks(rows: LiraRows) -> Tensor:
    """How well each translation would do: 1 / the rank of the right document, (N, K).

    It is searched for among all rows' documents, by the mean of the query's and the translation's vectors.
    """
    documents = torch.unique(rows.documents, dim=0)
    ranks = []
    for numbers in torch.split(torch.arange(len(rows)), RANK_PART):
        both = rows.own.vectors[numbers, None].float() + rows.candidates.vectors[numbers].float()
        own = (both * rows.documents[numbers, None]).sum(dim=2, keepdim=True)
        ranks.append(1 + (both @ documents.T > own + 1e-4).sum(dim=2))  # above its rounding
    return 1 / torch.cat(ranks)


def parallel_queries(texts: Sequence[ParallelText], squad: ParallelSquad | None) -> list[LiraQuery]:
    """The translated questions, which are to find their passages, and pairs, which are to find their English side."""
    passages = squad.passages["en"] if squad else {}
    right = {question.text: question for question in (squad.questions["en"] if squad else [])}
    queries = []
    for text in texts:
        if text.kind == "question" and (question := right.get(text.english)):
            document = passages[question.passage_id]
            queries.append(LiraQuery(text.language, text.text, text.english, document, question.article))
        elif text.kind == "pair":
            queries.append(LiraQuery(text.language, text.text, text.english, text.english, text.english))
    return queries


def noised_candidates(queries: Sequence[LiraQuery], seed: int) -> list[list[str]]:
    """Translations of each query without a translator: the human one noised by each of NOISE, and a learnt gloss.

    The gloss of a query is learnt from the other half of the queries of its language.
    """
    rng = random.Random(seed)
    vocabulary = sorted({word for query in queries for word in query.english.split()})
    sides = {key: rng.random() < 0.5 for key in dict.fromkeys((query.language, query.text) for query in queries)}
    halves = [sides[query.language, query.text] for query in queries]
    glosses = {}
    for language in sorted({query.language for query in queries}):
        for half in (True, False):
            pairs = [
                (query.text, query.english)
                for query, other in zip(queries, halves, strict=True)
                if query.language == language and other != half
            ]
            glosses[language, half] = learn_gloss(pairs)
    return [
        [
            *(add_noise(query.english, share, vocabulary, rng) for share in NOISE),
            glosses[query.language, half](query.text),
        ]
        for query, half in zip(queries, halves, strict=True)
    ]
