"""What `benchmarks.lira` measures of rankings: nDCG@10 and R@1 by query, and the means of tables."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from benchmarks.fusion import RANK_CONSTANT
from retriever.alignment.methods.lira.rows import LiraQuery
from retriever.evaluation.metrics import Comparison, compare
from retriever.models.lira import View

Values = NDArray[np.float64]
BASELINES = ("query alone", "translation alone", "both by RRF", "mean of both")
CUTOFF = 10


def ndcg(scores: Tensor, right: Tensor) -> Values:
    """nDCG@10 of each query, with one right document each."""
    rank = ranks(scores, right)
    return torch.where(rank <= CUTOFF, 1 / torch.log2(1 + rank), 0.0).double().numpy()


def first(scores: Tensor, right: Tensor) -> Values:
    """R@1 of each query: 1 or 0."""
    return (ranks(scores, right) == 1).double().numpy()


def ranks(scores: Tensor, right: Tensor) -> Tensor:
    """The rank of each query's right document, (N,), from 1."""
    return 1 + (scores > scores.gather(1, right[:, None])).sum(dim=1)


def baseline_scores(own: View, english: Tensor, pool: Tensor) -> dict[str, Tensor]:
    """Scores (N, documents) of what costs as much as LiRA; `english` (N, d) are the translations' vectors."""
    own_vectors, english = own.vectors.float(), english.float()
    own_scores, english_scores = own_vectors @ pool.T, english @ pool.T
    by_rank = 1 / (RANK_CONSTANT + _all_ranks(own_scores)) + 1 / (RANK_CONSTANT + _all_ranks(english_scores))
    mean = functional.normalize(own_vectors + english, dim=1)
    return dict(zip(BASELINES, (own_scores, english_scores, by_rank, mean @ pool.T), strict=True))


def compare_by_question(values: Values, others: Values, queries: Sequence[LiraQuery]) -> Comparison:
    """Two systems by `mean_of_languages`, with the translations of a question kept together.

    Each query is weighted so that languages weigh the same; interval and p are of these weighted differences.
    """
    counts = Counter(query.language for query in queries)
    weights = [len(queries) / len(counts) / counts[query.language] for query in queries]
    return compare(list(weights * values), list(weights * others), [query.english for query in queries])


def mean_of_languages(values: Values, languages: Sequence[str]) -> float:
    """The mean over languages of the means of their queries' values, (N,)."""
    codes = np.asarray(languages)
    return float(np.mean([values[codes == code].mean() for code in dict.fromkeys(languages)]))


def _all_ranks(scores: Tensor) -> Tensor:
    """The rank of each document for each query, from 1."""
    return scores.argsort(dim=1, descending=True).argsort(dim=1) + 1
