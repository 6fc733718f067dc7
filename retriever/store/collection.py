"""A library's passages on disk, with everything that search reads.

Order of writing, which keeps a killed process harmless:

1. The store is marked as not cleanly shut down.
2. Vectors and token vectors go to their stores: Chroma and a file, or Qdrant.
3. One transaction adds the document and its words, and deletes the one it replaces.
4. Surplus vectors are deleted.

Closing the library removes the mark, unless a write failed half-way. Chroma, killed at any time after a write, may list
passages whose vectors it lost (the test that kills found this), so a library that still has the mark when it is opened
gets a new copy of its vectors. If the machine itself went down meanwhile, they are made anew instead: Chroma writes its
index in place, and one that is only half on the disk may end the process that reads it (the test of power cuts found
this). Closing also seals the files of the vectors; those that do not fit their seal when the library is opened are
damaged, and made anew.
"""

import logging
import shutil
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chromadb.errors import ChromaError

from retriever.errors import StoreServerError
from retriever.models.encoder import encoder_probe
from retriever.models.protocols import PassageEncoder
from retriever.store.disk_errors import is_sound
from retriever.store.documents import collection_prefix, sqlite_documents
from retriever.store.embedding import EmbeddedPassages, embed_passages
from retriever.store.files import Seal, sync_tree
from retriever.store.ports import DocumentStore, TokenStore, VectorStore
from retriever.store.recovery import recover_token_vectors, recover_vectors
from retriever.store.stored_passages import BASELINE_PASSAGES, StoredPassages, list_faults
from retriever.store.token_vectors import TokenVectorStore
from retriever.store.vectors import VectorIndex
from retriever.types import Document, Passage, Vectors

if TYPE_CHECKING:
    from retriever.store.qdrant_server import QdrantServer

logger = logging.getLogger(__name__)

STORAGE_ERRORS = (sqlite3.OperationalError, ChromaError, StoreServerError, OSError)
"""What the stores raise when the disk is full or fails, or a server has gone."""
VECTOR_FOLDER, TOKEN_FILE = "vectors", "tokens.sqlite"
"""What holds the vectors and the token vectors in the library's folder."""


class Collection(StoredPassages):
    """Documents, vectors, token vectors and words of one library; a `PassageIndex`.

    With `keep_tokens` it keeps vectors of tokens, which late interaction needs. Vectors live on the Chroma server at
    `chroma_url` if there is one; with `qdrant` vectors and token vectors live there, and the caller closes the
    connection. `documents` are in the folder by default; they are closed with the collection. After a kill the indexes
    are recovered when it is opened. One process may have it: see `SharedCollection` for several. Raises IsthmusError if
    another encoder made the vectors, or the server cannot be reached.
    """

    def __init__(
        self,
        folder: Path,
        encoder: PassageEncoder,
        *,
        keep_tokens: bool = True,
        chroma_url: str | None = None,
        qdrant: "QdrantServer | None" = None,
        documents: DocumentStore | None = None,
    ) -> None:
        self.folder = folder
        self._encoder = encoder
        self._chroma_url = chroma_url
        self._qdrant = qdrant
        self._has_server = bool(chroma_url or qdrant)
        self._vector_folder = folder / VECTOR_FOLDER
        self._token_file = folder / TOKEN_FILE
        self._vector_seal = Seal(folder / "vectors.seal", self._vector_folder)
        self._token_seal = Seal(folder / "tokens.seal", self._token_file)
        self._surplus: set[str] = set()  # passages of no document whose vectors a failed write has left
        self._is_whole = True
        with ExitStack() as stores:
            self.documents = documents or sqlite_documents(folder)
            stores.callback(self.documents.close)
            self.documents.index_words()
            self.documents.tell_from_copies()
            if qdrant and not self.documents.collection.startswith("isthmus-"):
                self.documents.switch_collection()  # an earlier version named the old one, which is in Chroma
            stores.push(self._note_shutdown)
            self.vectors = self._open_vectors()
            stores.callback(lambda: self.vectors.close())
            self.tokens = self._open_tokens() if keep_tokens else None
            if self.tokens:
                stores.callback(self.tokens.close)
            if not self._has_all_vectors():
                self.vectors = recover_vectors(
                    self.documents, self.vectors, self.tokens, encoder, lambda name: self._open(name, fresh=True)
                )
            self.vectors.drop_others(self._is_leftover)
            if self.tokens:
                recover_token_vectors(self.documents, self.tokens, encoder)
            self.baseline = self.vectors.sample_baseline(BASELINE_PASSAGES)
            self._revision = self.documents.revision
            self._stores = stores.pop_all()

    def nearest(self, vector: Vectors, k: int, where: Mapping[str, Any] | None = None) -> list[tuple[str, float]]:
        """See PassageIndex."""
        hits = self.vectors.search(vector, k + len(self._surplus), where)
        return [hit for hit in hits if hit[0] not in self._surplus][:k]

    def writing(self, document: Document) -> AbstractContextManager[None]:
        """As in `SharedCollection`: the library's own lock keeps others from the document."""
        return nullcontext()

    def write(
        self,
        document: Document,
        passages: Sequence[Passage],
        replaced: Sequence[str] = (),
        embedded: Iterable[EmbeddedPassages] | None = None,
    ) -> None:
        """Add a document, and delete those with the ids in `replaced`, all or nothing.

        `embedded` are its passages, part by part, if they have been embedded and pooled already.
        """
        surplus = self._passage_ids(replaced)
        ids = {passage.id for passage in passages}
        self.documents.clean_shutdown = False
        try:
            embed_passages(self._encoder, passages, self.vectors, self.tokens, embedded)
            self.documents.replace(replaced, document, passages)
        except BaseException:
            self._hide(ids)
            raise
        self._surplus -= ids
        self._delete_vectors(set(surplus) - ids)

    def remove(self, document_ids: Sequence[str]) -> None:
        """Delete documents with their passages and vectors."""
        surplus = self._passage_ids(document_ids)
        self.documents.clean_shutdown = False
        self.documents.remove(document_ids)
        self._delete_vectors(surplus)

    def faults(self) -> list[str]:
        """What the indexes lack or have too much, a sentence each; normally nothing."""
        known = set(self.documents.passage_ids())
        return list_faults(self._indexed_ids(), known, known)

    def close(self) -> None:
        """Close every store and note the shutdown as clean if it was; a second call changes nothing."""
        self._stores.close()

    def _note_shutdown(self, error_type: type[BaseException] | None, *_: object) -> None:
        """Once vectors and token vectors are closed: whether they can be relied on."""
        if error_type is not None or not self._is_whole:
            return
        if not self.documents.clean_shutdown:
            if self._vector_folder.is_dir():
                sync_tree(self._vector_folder)
            self.documents.clean_shutdown = True
        try:
            if self._vector_folder.is_dir():
                self._vector_seal.write()
            if self.tokens and not self._qdrant:
                self._token_seal.write()
        except OSError as error:
            logger.warning(
                "The indexes in %s could not be sealed (%s); damage to them may go unseen.", self.folder, error
            )

    def _passage_ids(self, document_ids: Iterable[str]) -> list[str]:
        return [id_ for document_id in document_ids for id_ in self.documents.passage_ids(document_id)]

    def _delete_vectors(self, ids: Iterable[str]) -> None:
        """Delete the vectors of passages that are in no document any more. Where that fails, search leaves them out."""
        passage_ids = list(ids)
        try:
            self.vectors.delete(passage_ids)
            if self.tokens:
                self.tokens.delete(passage_ids)
        except STORAGE_ERRORS as error:
            self._hide(passage_ids)
            logger.warning("Old vectors in %s could not be deleted (%s); the next start does it.", self.folder, error)
        except BaseException:
            self._hide(passage_ids)
            raise

    def _hide(self, ids: Iterable[str]) -> None:
        """After a write that failed: let search leave out passages in no document, and the next start copy vectors."""
        self._is_whole = False
        self._surplus |= set(ids) - set(self.documents.passage_ids())

    def _open(self, name: str, *, fresh: bool = False) -> VectorStore:
        if self._qdrant:
            from retriever.store.qdrant import QdrantVectors

            return QdrantVectors(self._qdrant, self._encoder, name, fresh=fresh)
        path = None if self._chroma_url else self._vector_folder
        return VectorIndex(self._encoder, path=path, url=self._chroma_url, name=name, fresh=fresh)

    def _open_vectors(self) -> VectorStore:
        """The vectors as they are; those in files that are or may be damaged are deleted first."""
        if self._has_server:
            return self._open(self.documents.collection)
        if self._vector_seal.state() == "broken" or self.documents.lost_power:
            self._delete_index(self._vector_folder)
        self._vector_seal.remove()
        try:
            return self._open(self.documents.collection)
        except ChromaError:
            if is_sound(self._vector_folder / "chroma.sqlite3"):
                raise
        self._delete_index(self._vector_folder)
        return self._open(self.documents.collection)

    def _has_all_vectors(self) -> bool:
        """Whether the vectors can be relied on.

        A collection of an earlier version on a server may be that of several libraries, and cannot.
        """
        is_shared = self._has_server and not self.documents.collection.startswith(self._prefix)
        if is_shared or not self.documents.clean_shutdown:
            return False
        try:
            self.vectors.sample_baseline(BASELINE_PASSAGES)
            return len(self.vectors) == sum(self.documents.languages().values())
        except ChromaError as error:
            logger.warning("The vectors in %s cannot be read (%s) and are copied.", self.folder, error)
            return False

    @property
    def _prefix(self) -> str:
        return collection_prefix(self.documents.library_id)

    def _is_leftover(self, name: str) -> bool:
        """Whether a collection is one of this library's, which has a folder of its own or a server with others."""
        return not self._has_server or name.startswith(self._prefix)

    def _open_tokens(self) -> TokenStore:
        """The token vectors of this encoder; a damaged file is deleted first."""
        if self._qdrant:
            from retriever.store.qdrant import QdrantTokenVectors

            return QdrantTokenVectors(self._qdrant, self._encoder, self.documents.library_id)
        state = self._token_seal.state()
        if state == "broken" or (state == "unknown" and not is_sound(self._token_file)):
            self._delete_index(self._token_file)
        self._token_seal.remove()
        tokens = TokenVectorStore(self._token_file)
        try:
            tokens.claim(encoder_probe(self._encoder))
        except BaseException:
            tokens.close()
            raise
        return tokens

    def _delete_index(self, path: Path) -> None:
        logger.warning("%s is damaged, or may be, and is made anew.", path)
        if path.is_dir():
            shutil.rmtree(path)
        for ending in ("", "-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
