"""The guard on English: which weights rank most development questions right, and whether English dropped."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.evaluation import BaseEvaluator
from torch import Tensor

from retriever.alignment.similarity import late_scores, pad_tokens
from retriever.data.squad import ParallelSquad
from retriever.models.backends.pytorch import encode_tokens

Embed = Callable[[SentenceTransformer, list[str], str], Sequence[Tensor]]
"""From texts and their prefix to the unit vectors of each text, (vectors, d)."""
QUERY_BATCH = 32


def embed_texts(model: SentenceTransformer, texts: list[str], prefix: str) -> list[Tensor]:
    """Each text as one unit vector, (1, d)."""
    vectors = model.encode(texts, prompt=prefix, normalize_embeddings=True, show_progress_bar=False)
    return list(torch.from_numpy(np.asarray(vectors))[:, None])


def embed_tokens(model: SentenceTransformer, texts: list[str], prefix: str) -> list[Tensor]:
    """Each text as the unit vectors of its tokens, (tokens, d)."""
    return [torch.from_numpy(encoded.tokens) for encoded in encode_tokens(model, texts, "query", prefix)]


class EnglishGuard(BaseEvaluator):
    """R@1 of development questions in every language against English passages, and whether English dropped.

    `english` has the vectors of the English questions by the untouched encoder, which embeds them in use too: only
    passages that move can hurt them. `passages` has the vectors of the passages if the method leaves them where they
    are; without it the trained model embeds them anew each time. `embed` makes one vector of a text or one of each
    token; token vectors are matched by late interaction.

    The score that selects weights is the mean R@1 over languages, minus a penalty of 1 if English dropped by more than
    `tolerance` since the first measurement; so such weights are never selected. `prefixes` are the queries' and the
    passages'. `length` is the number of tokens a text is truncated to; None keeps the model's.
    """

    def __init__(
        self,
        squad: ParallelSquad,
        prefixes: tuple[str, str],
        tolerance: float,
        english: Sequence[Tensor],
        passages: Sequence[Tensor] | None = None,
        embed: Embed = embed_texts,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.primary_metric = "guarded_mean"
        self.squad = squad
        self.prefixes = prefixes
        self.tolerance = tolerance
        self.english = english
        self.passages = passages
        self.embed = embed
        self.english_before: float | None = None
        self.length: int | None = None

    def measure(self, model: SentenceTransformer) -> dict[str, float]:
        """R@1 of each language, at the model's full length."""
        trained_length = model.max_seq_length
        model.max_seq_length = self.length or trained_length
        try:
            return self._recall(model)
        finally:
            model.max_seq_length = trained_length

    def _recall(self, model: SentenceTransformer) -> dict[str, float]:
        texts = self.squad.passages["en"]
        ids = np.array(list(texts))
        passages = self.passages or self.embed(model, list(texts.values()), self.prefixes[1])
        recall = {}
        for language, questions in self.squad.questions.items():
            if not questions:
                continue
            queries = (
                self.english
                if language == "en"
                else self.embed(model, [question.text for question in questions], self.prefixes[0])
            )
            nearest = ids[_nearest(queries, passages).numpy()]
            hits = [id_ == question.passage_id for id_, question in zip(nearest, questions, strict=True)]
            recall[language] = float(np.mean(hits))
        return recall

    def __call__(  # type: ignore[override]  # the library's own evaluators narrow it so
        self, model: SentenceTransformer, output_path: str | None = None, epoch: float = -1, steps: int = -1
    ) -> dict[str, float]:
        """The trainer's call: the mean over languages, English alone, and the guarded mean."""
        recall = self.measure(model)
        mean = float(np.mean(list(recall.values())))
        english = recall.get("en", mean)
        if self.english_before is None:
            self.english_before = english
        penalty = english < self.english_before - self.tolerance
        return {"mean": mean, "english": english, "guarded_mean": mean - penalty}


def _nearest(queries: Sequence[Tensor], passages: Sequence[Tensor]) -> Tensor:
    """The number of the best passage of each query, (queries,)."""
    batches = [queries[start : start + QUERY_BATCH] for start in range(0, len(queries), QUERY_BATCH)]
    return torch.cat([late_scores(*pad_tokens(batch), passages).argmax(dim=1) for batch in batches])
