"""Documents with the indexes of their passages, as search reads them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from retriever.store.baseline import ScoreBaseline
from retriever.store.ports import DocumentStore, TokenStore, VectorStore
from retriever.types import Passage

BASELINE_PASSAGES = 1000
"""Passages whose scores tell what an ordinary one scores."""


class StoredPassages:
    """What a library of one process (`Collection`) and one of several (`SharedCollection`) have in common.

    Search, which is a reader, needs no lock in either. Whoever opens the stores sets the attributes.
    """

    folder: Path
    documents: DocumentStore
    vectors: VectorStore
    tokens: TokenStore | None
    baseline: ScoreBaseline
    _revision: int

    def matching(self, words: str, k: int) -> list[tuple[str, float]]:
        """See PassageIndex."""
        return self.documents.matching(words, k)

    def passages(self, ids: Sequence[str]) -> dict[str, Passage]:
        """See PassageIndex."""
        return self.documents.passages(ids)

    def languages(self) -> dict[str, int]:
        """See PassageIndex."""
        return self.documents.languages()

    def refresh(self) -> None:
        """Make the baseline anew if the documents changed."""
        revision = self.documents.revision
        if revision != self._revision:
            self.baseline = self.vectors.sample_baseline(BASELINE_PASSAGES)
            self._revision = revision

    def _indexed_ids(self) -> dict[str, set[str]]:
        """The passages of each index, by what the index is called."""
        indexes = {"vectors": self.vectors.ids(), "the index of words": self.documents.indexed_ids()}
        return indexes | ({"token vectors": self.tokens.ids()} if self.tokens else {})


def list_faults(indexes: Mapping[str, set[str]], needed: set[str], known: set[str]) -> list[str]:
    """What indexes lack of the passages they need, or have beside those that are known, a sentence each."""
    faults = []
    for name, ids in indexes.items():
        if missing := needed - ids:
            faults.append(f"{len(missing)} passages are missing from {name}")
        if surplus := ids - known:
            faults.append(f"{len(surplus)} passages in {name} belong to no document")
    return faults
