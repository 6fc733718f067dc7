"""How are nearness and words put together? Two kinds of questions, on parts that nothing was chosen on.

XQuAD's questions were written while looking at the passage; AfriQA's were asked by people who had not seen it (here in
their own language, and as people put them into English). The weight was chosen with `--part dev`: XQuAD's training
articles and AfriQA's development files.

    python -m benchmarks.fusion
"""

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from tqdm import tqdm

from benchmarks.answer_data import LANGUAGES, Part, afriqa_part, native_afriqa, xquad_part
from benchmarks.report import data_folder, publish
from rag.build import build_encoder
from rag.settings import load_settings
from retriever.evaluation.metrics import compare
from retriever.evaluation.systems import index_pool
from retriever.evaluation.tasks import Text
from retriever.languages.words import language_neutral_words
from retriever.models.encoder import Encoder
from retriever.search.fusion import fuse_scores
from retriever.search.late_interaction import LateInteraction
from retriever.search.retriever import DEPTH
from retriever.search.understanding import understand

RANK_CONSTANT = 60
"""The k of Cormack, Clarke and Buettcher (SIGIR 2009): damps the lead of the first ranks."""
OWN, OTHER = 0.5, 0.05
"""What BM25 weighed in reciprocal rank fusion, in the query's language and in others."""


@dataclass(frozen=True, slots=True)
class Search:
    """One question's scores: cosines and late interaction of the nearest passages, and BM25's."""

    right: str
    group: str
    language: str
    cosines: Mapping[str, float]
    late: Mapping[str, float]
    words: Mapping[str, float]


Ranking = Callable[[Search], Mapping[str, float]]


def ranks(search: Search) -> dict[str, float]:
    """Reciprocal rank fusion, as Isthmus did it before."""
    scores: dict[str, float] = {}
    weight = OWN if search.language == "en" else OTHER
    for run, run_weight in ((search.late, 1.0), (search.words, weight)):
        for rank, id_ in enumerate(sorted(run, key=run.__getitem__, reverse=True), start=1):
            scores[id_] = scores.get(id_, 0.0) + run_weight / (RANK_CONSTANT + rank)
    return scores


SYSTEMS: dict[str, Ranking] = {
    "dense": lambda search: search.cosines,
    "words": lambda search: search.words,
    "late interaction": lambda search: search.late,
    "by rank": ranks,
    "by score": lambda search: fuse_scores(search.late, [search.words]),
}


def searches(encoder: Encoder, pool: Sequence[str], questions: Sequence[tuple[str, str, str, str]]) -> list[Search]:
    """The scores of questions (group, language, text, right passage) among the passages of a pool."""
    numbers = {text: str(number) for number, text in enumerate(pool)}
    with tempfile.TemporaryDirectory() as folder:
        collection = index_pool(Path(folder), encoder, {number: Text(text, "en") for text, number in numbers.items()})
        reranker = LateInteraction(collection.tokens.max_similarities if collection.tokens else lambda *_: {})
        found = []
        for group, language, text, right in tqdm(questions, disable=None):
            query = understand(text, encoder, language=language)
            cosines = dict(collection.nearest(query.vector, DEPTH))
            near = list(collection.passages(list(cosines)).values())
            late = dict(zip([p.id for p in near], reranker.scores(query, near), strict=True))
            words = dict(collection.matching(text if language == "en" else language_neutral_words(text), DEPTH))
            found.append(Search(numbers[right], group, language, cosines, late, words))
        collection.close()
    return found


def first_hits(found: Sequence[Search], ranking: Ranking) -> list[float]:
    """Whether the right passage is first, the mean over the languages of each group of translations."""
    groups: dict[str, list[float]] = {}
    for search in found:
        scores = ranking(search)
        best = max(scores, key=scores.__getitem__, default=None)
        groups.setdefault(search.group, []).append(float(best == search.right))
    return [float(np.mean(values)) for values in groups.values()]


def main() -> None:
    """Search once, fuse in several ways, and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--part", choices=get_args(Part), default="test")
    part: Part = parser.parse_args().part
    encoder = build_encoder(load_settings())
    xquad, afriqa = xquad_part(data_folder("xquad"), part), afriqa_part(data_folder("afriqa"), part)
    native = native_afriqa(data_folder("afriqa"), part, set(afriqa.passages))
    squad = [(q.id, q.language, q.text, q.passage) for q in xquad.questions if q.language in LANGUAGES and q.passage]
    found = {
        "XQuAD": searches(encoder, xquad.passages, squad),
        "AfriQA": searches(
            encoder,
            afriqa.passages,
            [
                (row.english, language, text, row.passage)
                for row in native
                for language, text in (("en", row.english), (row.language, row.text))
            ],
        ),
    }
    table = []
    for name, of_data in found.items():
        for kind, chosen in (
            ("English", [search for search in of_data if search.language == "en"]),
            ("others", [search for search in of_data if search.language != "en"]),
        ):
            values = {system: first_hits(chosen, ranking) for system, ranking in SYSTEMS.items()}
            difference = compare(values["by score"], values["by rank"])
            table.append(
                [
                    *(name, kind, len(chosen), *(float(np.mean(v)) for v in values.values())),
                    *(difference.difference, difference.low, difference.high, difference.p),
                ]
            )
    columns = ["questions of", "in", "questions", *SYSTEMS, "score - rank", "low", "high", "p"]
    publish("fusion", f"R@1, {part} part", columns, table, data="XQuAD, AfriQA", encoders=[encoder])


if __name__ == "__main__":
    main()
