"""Making the vectors of a library of several processes fit its documents, where a server lost some or has too many."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress

from tqdm import tqdm

from retriever.errors import LibraryBusyError
from retriever.models.protocols import PassageEncoder
from retriever.store.embedding import EMBED_BATCH, embed_passages
from retriever.store.postgresql import BUSY_SECONDS
from retriever.store.qdrant import QdrantPoints, QdrantTokenVectors, QdrantVectors
from retriever.store.shared_documents import SharedDocuments


def reconcile(
    documents: SharedDocuments, vectors: QdrantVectors, tokens: QdrantTokenVectors | None, encoder: PassageEncoder
) -> None:
    """Make vectors that are missing, and delete those of no document, if the numbers do not fit.

    Others may write meanwhile. The outbox has what they are at work on, and what they left; that is not touched.
    """
    stores: list[QdrantPoints] = [vectors, tokens] if tokens else [vectors]
    most = len(documents.noted_passages())
    size = sum(documents.languages().values())
    if all(size <= store.count() <= size + most for store in stores):
        return
    stored = [store.ids() for store in stores]
    known = documents.passage_ids()
    whole = set.intersection(*stored)
    _restore(documents, [id_ for id_ in known if id_ not in whole], vectors, tokens, encoder)
    _erase(documents, set.union(*stored) - set(known), stores)


def _restore(
    documents: SharedDocuments,
    missing: Sequence[str],
    vectors: QdrantVectors,
    tokens: QdrantTokenVectors | None,
    encoder: PassageEncoder,
) -> None:
    """Make the vectors of these passages, except of those that are gone by now or have theirs from another process."""
    for start in tqdm(range(0, len(missing), EMBED_BATCH), desc="Embedding passages", disable=None):
        by_document: defaultdict[str, list[str]] = defaultdict(list)
        for passage in documents.passages(missing[start : start + EMBED_BATCH]).values():
            by_document[passage.document_id].append(passage.id)
        for document_id, ids in by_document.items():
            with documents.locked(document_id):
                stored = vectors.read(ids).keys() & (tokens.read(ids).keys() if tokens else set(ids))
                passages = documents.passages([id_ for id_ in ids if id_ not in stored])
                embed_passages(encoder, list(passages.values()), vectors, tokens)


def _erase(documents: SharedDocuments, surplus: set[str], stores: Sequence[QdrantPoints]) -> None:
    """Delete these passages, except those that somebody has added or begun to; only while nobody writes."""
    surplus -= documents.noted_passages()
    if not surplus:
        return
    with suppress(LibraryBusyError), documents.alone(seconds=BUSY_SECONDS):
        surplus -= documents.noted_passages() | documents.passages(list(surplus)).keys()
        for store in stores:
            store.delete(surplus)
