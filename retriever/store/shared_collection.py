"""A library's passages on servers: documents in PostgreSQL, vectors in Qdrant; several processes use it at once.

Order of writing, which keeps a killed process and a lost server harmless:

1. The process locks the document (`SharedDocuments.writing`). The lock ends with its connection.
2. The outbox gets the new passages.
3. Vectors and token vectors go to Qdrant.
4. One transaction, over the connection that has the lock, adds the document and its words, and deletes the one it
   replaces. It takes the new passages out of the outbox, and puts the deleted ones there.
5. The vectors of passages in the outbox that are in no document are deleted, and then their rows.

Step 5 is done by whoever gets the lock of the document: the process itself, or another one when it opens the library
and every SURPLUS_SECONDS. What a living process is at work on is locked. Search leaves out documents of the outbox that
are not in the library.
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from retriever.errors import IsthmusError, LibraryBusyError
from retriever.models.protocols import PassageEncoder
from retriever.store.documents import collection_prefix
from retriever.store.embedding import EmbeddedPassages, embed_passages
from retriever.store.qdrant import QdrantTokenVectors, QdrantVectors
from retriever.store.qdrant_server import QdrantServer
from retriever.store.reconciliation import reconcile
from retriever.store.shared_documents import SharedDocuments
from retriever.store.stored_passages import BASELINE_PASSAGES, StoredPassages, list_faults
from retriever.store.watch import Watch
from retriever.types import Document, Passage, Vectors

logger = logging.getLogger(__name__)

SURPLUS_SECONDS = 30.0
"""From one time to the next that vectors are deleted which killed processes left."""
MAX_HIDDEN = 200
"""Documents that a search leaves out, at most, of those that are not in the library but may still have vectors."""


class SharedCollection(StoredPassages):
    """Documents, vectors, token vectors and words of one library; a `PassageIndex`. Threads and processes may share it.

    With `keep_tokens` it keeps vectors of tokens, which late interaction needs; all processes must. The caller closes
    the connection to Qdrant; `documents` are closed with the collection. With `alone` no other process may have the
    library open. Raises IsthmusError if another encoder made the vectors, or a server cannot be reached, and
    LibraryBusyError if another process has the library alone.
    """

    documents: SharedDocuments

    def __init__(
        self,
        folder: Path,
        encoder: PassageEncoder,
        documents: SharedDocuments,
        qdrant: QdrantServer,
        *,
        keep_tokens: bool = True,
        alone: bool = False,
    ) -> None:
        self.folder = folder
        self.documents = documents
        self._encoder = encoder
        self._unfinished: list[Sequence[Passage]] = []  # whose vectors a failed write may have left
        self._erasing = threading.Lock()  # guards what failed writes left
        self._erased = 0.0  # when surplus vectors were last looked for
        with ExitStack() as stores:
            stores.callback(documents.close)
            documents.index_words()
            watch = Watch(documents, self._look, alone=alone)
            stores.callback(watch.close)
            with documents.opening():
                vectors = self.vectors = QdrantVectors(qdrant, encoder, documents.collection)
                tokens = QdrantTokenVectors(qdrant, encoder, documents.library_id) if keep_tokens else None
                self.tokens = tokens
                vectors.drop_others(lambda name: name.startswith(collection_prefix(documents.library_id)))
            self._erase_surplus()
            reconcile(documents, vectors, tokens, encoder)
            self._revision = documents.revision
            self.baseline = vectors.sample_baseline(BASELINE_PASSAGES)
            watch.start()
            self._stores = stores.pop_all()

    def nearest(self, vector: Vectors, k: int, where: Mapping[str, Any] | None = None) -> list[tuple[str, float]]:
        """See PassageIndex."""
        if hidden := self.documents.hidden_documents()[:MAX_HIDDEN]:  # `passages` has none of the others
            where = {"document": {"$nin": hidden}, **(where or {})}
        return self.vectors.search(vector, k, where)

    @contextmanager
    def writing(self, document: Document) -> Iterator[None]:
        """Nobody else writes this document, one of its source or one of its content meanwhile.

        Raises LibraryBusyError if somebody does for long.
        """
        try:
            with self.documents.writing(document):
                yield
        finally:
            self._erase_surplus()

    def write(
        self,
        document: Document,
        passages: Sequence[Passage],
        replaced: Sequence[str] = (),
        embedded: Iterable[EmbeddedPassages] | None = None,
    ) -> None:
        """Within `writing`, add a document and delete those with the ids in `replaced`, all or nothing.

        `embedded` are its passages, part by part, if they have been embedded and pooled already.
        """
        self.documents.note_unfinished(passages)
        try:
            embed_passages(self._encoder, passages, self.vectors, self.tokens, embedded)
            self.documents.replace(replaced, document, passages)
        except BaseException:
            with self._erasing:
                self._unfinished.append(passages)
            raise

    def remove(self, document_ids: Sequence[str]) -> None:
        """Delete documents with their passages and vectors."""
        self.documents.remove(document_ids)
        self._erase_surplus()

    def faults(self) -> list[str]:
        """What the indexes lack or have too much, a sentence each; normally nothing. Others may write meanwhile."""
        before = set(self.documents.passage_ids())
        noted = self.documents.noted_passages()
        indexes = self._indexed_ids()
        after = set(self.documents.passage_ids())
        return list_faults(indexes, before & after, before | after | noted | self.documents.noted_passages())

    def close(self) -> None:
        """Close every store; a second call changes nothing."""
        self._stores.close()

    def _look(self) -> None:
        """See what other processes changed, and clean up after those that were killed."""
        self.refresh()
        if time.monotonic() - self._erased > SURPLUS_SECONDS:
            self._erase_surplus()

    def _erase_surplus(self) -> None:
        """Delete vectors of passages that are in no document. Search leaves them out; it may be done later."""
        self._erased = time.monotonic()
        try:
            with self._erasing:
                while self._unfinished:  # if the lock was lost, another process may have taken them out of the outbox
                    self.documents.note_unfinished(self._unfinished[0])
                    del self._unfinished[0]
            self.documents.erase_surplus(self._erase)
        except LibraryBusyError:
            pass
        except IsthmusError as error:
            logger.warning("Old vectors could not be deleted now (%s); search leaves them out.", error)

    def _erase(self, ids: Sequence[str]) -> None:
        self.vectors.delete(ids)
        if self.tokens:
            self.tokens.delete(ids)
