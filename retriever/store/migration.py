"""Moving a library's vectors and token vectors to another engine as they are, without embedding its texts again.

The copy gets a name of its own, which the documents note only once it is checked. So a copy that was broken off changes
nothing, and the next one takes up what is there. An id stands for one text, so what is there need not be compared.
"""

import random
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from retriever.errors import IsthmusError
from retriever.models.encoder import encoder_probe
from retriever.models.protocols import PassageEncoder
from retriever.store.collection import TOKEN_FILE, VECTOR_FOLDER
from retriever.store.embedding import vector_rows
from retriever.store.files import sync, sync_tree
from retriever.store.ports import DocumentStore, TokenStore, VectorStore
from retriever.store.stored_passages import StoredPassages
from retriever.store.token_vectors import TokenVectorStore
from retriever.store.vectors import VectorIndex

if TYPE_CHECKING:
    from retriever.store.qdrant_server import QdrantServer

BATCH = 100
"""Passages copied at a time."""
SAMPLE, HITS = 20, 10
"""Passages that are searched for in both stores, and the hits that are compared."""
TIE = 0.02
"""Scores this near are ties: token vectors are packed into 8 bits."""
LEAST_ALIKE = 0.9
"""Least share of hits that are as near as the source's: large indexes search approximately."""

Stores = tuple[VectorStore, TokenStore | None]
"""Where vectors and token vectors are; None for a library that keeps no token vectors."""


def migrate_to_qdrant(collection: StoredPassages, encoder: PassageEncoder, server: "QdrantServer") -> int:
    """Copy a collection's vectors to a Qdrant server; the number of passages. A copy broken off is taken up.

    The caller closes the collection, and opens it next with that server. Raises IsthmusError if the copy is not whole.
    """
    from retriever.store.qdrant import QdrantTokenVectors, QdrantVectors

    documents = collection.documents
    source: Stores = (collection.vectors, collection.tokens)
    vectors = QdrantVectors(server, encoder, documents.reserve_collection())
    tokens = QdrantTokenVectors(server, encoder, documents.library_id) if collection.tokens else None
    copy_stores(documents, source, (vectors, tokens))
    check_copy(documents, source, (vectors, tokens))
    documents.use_reserved_collection()
    return len(vectors)


def migrate_to_folder(collection: StoredPassages, encoder: PassageEncoder) -> int:
    """Copy a collection's vectors from Qdrant into the library's folder; the number of passages.

    What an earlier copy left there is deleted: Chroma's files cannot be relied upon after a kill. For the rest see
    `migrate_to_qdrant`.
    """
    documents = collection.documents
    vector_folder, token_file = collection.folder / VECTOR_FOLDER, collection.folder / TOKEN_FILE
    for name in (f"{VECTOR_FOLDER}.seal", "tokens.seal", *(TOKEN_FILE + ending for ending in ("", "-wal", "-shm"))):
        (collection.folder / name).unlink(missing_ok=True)
    shutil.rmtree(vector_folder, ignore_errors=True)
    source: Stores = (collection.vectors, collection.tokens)
    with ExitStack() as stores:
        vectors = VectorIndex(encoder, path=vector_folder, name=documents.reserve_collection())
        stores.callback(vectors.close)
        tokens = TokenVectorStore(token_file) if collection.tokens else None
        if tokens:
            stores.callback(tokens.close)
            tokens.claim(encoder_probe(encoder))
        copy_stores(documents, source, (vectors, tokens))
        check_copy(documents, source, (vectors, tokens))
        count = len(vectors)
    sync_tree(vector_folder)
    sync(collection.folder)
    documents.use_reserved_collection()
    return count


def copy_stores(documents: DocumentStore, source: Stores, target: Stores) -> None:
    """Make the target's passages those of the documents; what it has already stays."""
    (vectors, tokens), (vectors_copy, tokens_copy) = source, target
    wanted, copied = documents.passage_ids(), vectors_copy.ids()
    whole = copied & tokens_copy.ids() if tokens_copy else copied
    missing = [id_ for id_ in wanted if id_ not in whole]
    for start in tqdm(range(0, len(missing), BATCH), desc="Copying vectors", disable=None):
        ids = missing[start : start + BATCH]
        passages, rows = documents.passages(ids), vectors.read(ids)
        if tokens and tokens_copy:
            tokens_copy.add(tokens.read(ids))
        if rows:
            vectors_copy.add(vector_rows([passages[id_] for id_ in rows]), np.stack(list(rows.values())))
    vectors_copy.delete(copied - set(wanted))
    if tokens_copy:
        tokens_copy.delete(tokens_copy.ids() - set(wanted))


def check_copy(documents: DocumentStore, source: Stores, target: Stores) -> None:
    """Compare ids, and hits of some passages by vector and by token vectors. Raises IsthmusError if they differ."""
    (vectors, tokens), (vectors_copy, tokens_copy) = source, target
    wanted = set(documents.passage_ids())
    is_whole = vectors_copy.ids() == wanted and (tokens_copy is None or tokens_copy.ids() == wanted)
    if not is_whole:
        raise IsthmusError("The copy of the vectors does not have the passages of the library; migrate again.")
    sample = random.Random(0).sample(sorted(wanted), min(SAMPLE, len(wanted)))
    rows = vectors.read(sample)
    alike: list[bool] = []
    for id_, row in rows.items():
        hits = vectors.search(row, HITS)
        alike += _as_near(hits, vectors_copy.search(row, HITS))
        if tokens and tokens_copy:
            query, ids = tokens.read([id_])[id_], [hit for hit, _ in hits]
            scores, copied = tokens.max_similarities(query, ids), tokens_copy.max_similarities(query, ids)
            alike += [abs(copied.get(hit, 0.0) - scores[hit]) <= TIE for hit in ids]
    if len(rows) < len(sample) or sum(alike) < LEAST_ALIKE * len(alike):
        raise IsthmusError(
            f"The copy of the vectors gives other hits: {sum(alike)} of {len(alike)} are as near as they should be. "
            "Nothing was changed; open the library once, so that it is checked, and migrate again."
        )


def _as_near(hits: Sequence[tuple[str, float]], copied: Sequence[tuple[str, float]]) -> list[bool]:
    """Whether each hit of the copy is as near as it was; one that was none, as near as the last."""
    cosines = dict(hits)
    alike = [abs(cosine - cosines.get(id_, hits[-1][1])) <= TIE for id_, cosine in copied]
    return alike + [False] * (len(hits) - len(copied))
