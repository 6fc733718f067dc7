"""A library's passages on disk, with everything that search reads.

Order of writing, which keeps a killed process harmless:

1. The store is marked as not cleanly shut down.
2. Vectors go to Chroma, and token vectors to their file.
3. One SQLite transaction adds the document and deletes the one it replaces.
4. Surplus vectors are deleted.
5. The BM25 index is saved under the new revision.

Closing the library removes the mark. Chroma, killed at any time after a write, may list passages whose vectors it lost
(the test that kills found this), so a library that still has the mark when it is opened gets a new copy of its vectors.
"""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from retriever.models.encoder import encoder_probe
from retriever.models.protocols import PassageEncoder
from retriever.store.baseline import ScoreBaseline
from retriever.store.documents import DOCUMENTS_FILE, DocumentStore
from retriever.store.embedding import embed_passages
from retriever.store.recovery import recover_token_vectors, recover_vectors
from retriever.store.token_vectors import TokenVectorStore
from retriever.store.vectors import VectorIndex
from retriever.store.words import BM25Index
from retriever.types import Document, Passage, Vectors

BASELINE_PASSAGES = 1000
"""Passages whose scores tell what an ordinary one scores."""


class Collection:
    """Documents, vectors, token vectors and words of one library; a `PassageIndex`.

    With `keep_tokens` it keeps vectors of tokens, which late interaction needs. Vectors live on the Chroma server at
    `chroma_url` if there is one. After a kill the indexes are recovered when it is opened. Raises IsthmusError if
    another encoder made the vectors, or the server cannot be reached.
    """

    def __init__(
        self, folder: Path, encoder: PassageEncoder, *, keep_tokens: bool = True, chroma_url: str | None = None
    ) -> None:
        self.folder = folder
        self._encoder = encoder
        self._chroma_url = chroma_url
        self.documents = DocumentStore(folder / DOCUMENTS_FILE)
        vectors = self._open_vectors(self.documents.generation)
        self.tokens = TokenVectorStore(folder / "tokens.sqlite") if keep_tokens else None
        if self.tokens:
            self.tokens.claim(encoder_probe(encoder))
        self.vectors = recover_vectors(
            self.documents, vectors, self.tokens, encoder, lambda n: self._open_vectors(n, fresh=True)
        )
        if self.tokens:
            recover_token_vectors(self.documents, self.tokens, encoder)
        self.baseline: ScoreBaseline = self.vectors.sample_baseline(BASELINE_PASSAGES)
        self.words = self._load_words()

    def nearest(self, vector: Vectors, k: int, where: Mapping[str, Any] | None = None) -> list[tuple[str, float]]:
        """See PassageIndex."""
        return self.vectors.search(vector, k, where)

    def matching(self, words: str, k: int) -> list[tuple[str, float]]:
        """See PassageIndex."""
        return self.words.search(words, k)

    def passages(self, ids: Sequence[str]) -> dict[str, Passage]:
        """See PassageIndex."""
        return self.documents.passages(ids)

    def languages(self) -> dict[str, int]:
        """See PassageIndex."""
        return self.documents.languages()

    def write(self, document: Document, passages: Sequence[Passage], replaced: Sequence[str] = ()) -> None:
        """Add a document, and delete those with the ids in `replaced`, all or nothing; `refresh` shows it to search."""
        surplus = self._passage_ids(replaced)
        self.documents.clean_shutdown = False
        embed_passages(self._encoder, passages, self.vectors, self.tokens)
        self.documents.replace(replaced, document, passages)
        self._delete_vectors(surplus)

    def remove(self, document_ids: Sequence[str]) -> None:
        """Delete documents with their passages and vectors; `refresh` shows it to search."""
        surplus = self._passage_ids(document_ids)
        self.documents.clean_shutdown = False
        self.documents.remove(document_ids)
        self._delete_vectors(surplus)

    def refresh(self) -> None:
        """Let search see what has changed: words and baseline are made anew if the documents changed."""
        if self.documents.revision != self._words_revision:
            self.words = self._build_words()
            self.baseline = self.vectors.sample_baseline(BASELINE_PASSAGES)

    def faults(self) -> list[str]:
        """What the indexes lack or have too much, a sentence each; normally nothing."""
        known = set(self.documents.passage_ids())
        indexes = {"vectors": self.vectors.ids(), "the lexical index": set(self.words.ids)}
        if self.tokens:
            indexes["token vectors"] = self.tokens.ids()
        faults = []
        for name, ids in indexes.items():
            if missing := known - ids:
                faults.append(f"{len(missing)} passages are missing from {name}")
            if surplus := ids - known:
                faults.append(f"{len(surplus)} passages in {name} belong to no document")
        return faults

    def close(self) -> None:
        """Close every store and note the clean shutdown."""
        self.vectors.close()
        if self.tokens:
            self.tokens.close()
        self.documents.clean_shutdown = True
        self.documents.close()

    def _passage_ids(self, document_ids: Iterable[str]) -> list[str]:
        return [id_ for document_id in document_ids for id_ in self.documents.passage_ids(document_id)]

    def _delete_vectors(self, ids: Sequence[str]) -> None:
        self.vectors.delete(ids)
        if self.tokens:
            self.tokens.delete(ids)

    def _open_vectors(self, generation: int, *, fresh: bool = False) -> VectorIndex:
        path = None if self._chroma_url else self.folder / "vectors"
        name = f"passages-{generation}"
        return VectorIndex(self._encoder, path=path, url=self._chroma_url, name=name, fresh=fresh)

    def _load_words(self) -> BM25Index:
        self._words_revision = self.documents.revision
        folder = self._words_folder()
        return BM25Index.load(folder) if folder.is_dir() else self._build_words()

    def _build_words(self) -> BM25Index:
        passages = self.documents.all_passages()
        words = BM25Index.build([p.id for p in passages], [p.embedded_text for p in passages])
        folder = self._words_folder()
        words.save(folder)
        self._words_revision = self.documents.revision
        for old in self.folder.glob("lexical-*"):
            if old != folder:
                shutil.rmtree(old)
        return words

    def _words_folder(self) -> Path:
        return self.folder / f"lexical-{self.documents.revision}"
