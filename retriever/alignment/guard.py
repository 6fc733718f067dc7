"""The guard on English: which weights find most development questions, and whether English suffered."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.evaluation import BaseEvaluator
from torch import Tensor

from retriever.alignment.methods.late_distillation import late_scores, pad_tokens
from retriever.data.squad import ParallelSquad
from retriever.models.backends.pytorch import encode_tokens

Embed = Callable[[SentenceTransformer, list[str], str], Sequence[Tensor]]
"""Texts with a prefix to the unit vectors of each, (vectors, d)."""
QUERY_BATCH = 32


def embed_texts(model: SentenceTransformer, texts: list[str], prefix: str) -> list[Tensor]:
    """Each text as one unit vector, (1, d)."""
    vectors = model.encode(texts, prompt=prefix, normalize_embeddings=True, show_progress_bar=False)
    return list(torch.from_numpy(np.asarray(vectors))[:, None])


def embed_tokens(model: SentenceTransformer, texts: list[str], prefix: str) -> list[Tensor]:
    """Each text as the unit vectors of its tokens, (tokens, d)."""
    return [torch.from_numpy(one.tokens) for one in encode_tokens(model.encode, model.tokenizer, texts, prefix)]


class EnglishGuard(BaseEvaluator):
    """R@1 of development questions in every language against English passages, and whether English suffered.

    `english` holds the vectors of the English questions, by the untouched encoder, as Isthmus embeds them: what can
    hurt them is the passages' moving away. The score that picks the best weights is the mean over languages; it is 1
    less where English fell by more than `tolerance` below where it began, so such weights are never chosen. With
    `fixed` passage vectors (query-side alignment) passages are not embedded anew. A text is whatever `embed` makes of
    it: one vector, or its tokens', which are matched by late interaction.
    """

    def __init__(
        self,
        squad: ParallelSquad,
        prefixes: tuple[str, str],
        tolerance: float,
        english: Sequence[Tensor],
        fixed: Sequence[Tensor] | None = None,
        embed: Embed = embed_texts,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.primary_metric = "guarded_mean"
        self.squad = squad
        self.prefixes = prefixes
        self.tolerance = tolerance
        self.english = english
        self.fixed = fixed
        self.embed = embed
        self.english_before: float | None = None
        self.length: int | None = None

    def measure(self, model: SentenceTransformer) -> dict[str, float]:
        """R@1 of each language, at the model's full length."""
        trained_length = model.max_seq_length
        model.max_seq_length = self.length or trained_length
        try:
            return self._measure(model)
        finally:
            model.max_seq_length = trained_length

    def _measure(self, model: SentenceTransformer) -> dict[str, float]:
        pool = self.squad.passages["en"]
        names = np.array(list(pool))
        passages = self.fixed or self.embed(model, list(pool.values()), self.prefixes[1])
        found = {}
        for language, questions in self.squad.questions.items():
            if questions:
                texts = [question.text for question in questions]
                queries = self.english if language == "en" else self.embed(model, texts, self.prefixes[0])
                parts = [queries[start : start + QUERY_BATCH] for start in range(0, len(queries), QUERY_BATCH)]
                first = names[
                    torch.cat([late_scores(*pad_tokens(part), passages).argmax(dim=1) for part in parts]).numpy()
                ]
                right = [name == question.passage_id for name, question in zip(first, questions, strict=True)]
                found[language] = float(np.mean(right))
        return found

    def __call__(  # type: ignore[override]  # the library's own evaluators narrow it so
        self, model: SentenceTransformer, output_path: str | None = None, epoch: float = -1, steps: int = -1
    ) -> dict[str, float]:
        """The trainer's call."""
        found = self.measure(model)
        mean = float(np.mean(list(found.values())))
        english = found.get("en", mean)
        if self.english_before is None:
            self.english_before = english
        broken = english < self.english_before - self.tolerance
        return {"mean": mean, "english": english, "guarded_mean": mean - broken}
