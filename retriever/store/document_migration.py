"""Moving a library's documents between the file in its folder and PostgreSQL.

The copy counts only once it is checked. One that was broken off is taken up, document by document.
"""

import random
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tqdm import tqdm

from retriever.errors import IsthmusError
from retriever.store.documents import DocumentDatabase, sqlite_documents
from retriever.store.files import sync, write_file
from retriever.store.opening import ID_FILE, open_postgresql_documents
from retriever.store.ports import DocumentStore
from retriever.store.shared_documents import SharedDocuments

SAMPLE, HITS, WORDS = 20, 10, 8
"""Passages that are compared and searched for in both stores, the hits that are compared, and the words of a query."""
SAME = 1e-3
"""BM25 scores this near are the same: sums in another order."""


def migrate_to_postgresql(folder: Path, documents: DocumentStore, url: str) -> int:
    """Copy the documents of the library in a folder to PostgreSQL; the number of passages.

    The file in the folder stays as an old copy. The caller opens the library next with that database. Raises
    IsthmusError if the copy is not whole.
    """
    with closing(open_postgresql_documents(url, documents.library_id)) as copy, copy.joined(alone=True):
        _copy(documents, copy)
        write_file(folder / ID_FILE, documents.library_id)
        return len(copy.passage_ids())


def migrate_to_file(folder: Path, documents: SharedDocuments) -> int:
    """Copy the documents from PostgreSQL into the file in the library's folder; see `migrate_to_postgresql`.

    The caller has the library alone. Raises LibraryBusyError if it has lost that meanwhile.
    """
    with closing(sqlite_documents(folder)) as copy:
        _copy(documents, copy)
        count = len(copy.passage_ids())
    documents.confirm_alone()
    (folder / ID_FILE).unlink()
    sync(folder)
    return count


def _copy(source: DocumentStore, target: DocumentDatabase) -> None:
    """Make the target's documents those of the source, and check them; what it has already stays."""
    target.index_words()
    wanted = source.documents()
    copied = {document.id: document for document in target.documents()}
    known = {document.id for document in wanted if copied.get(document.id) == document}
    if stale := sorted(copied.keys() - known):
        target.remove(stale)
    for document in tqdm(wanted, desc="Copying documents", disable=None):
        if document.id not in known:
            passages = source.passages(ids := source.passage_ids(document.id))
            target.replace([], document, [passages[id_] for id_ in ids])
    check_copy(source, target)
    target.take_identity(source)


def check_copy(source: DocumentStore, target: DocumentStore) -> None:
    """Compare numbers, some passages, and hits of their words. Raises IsthmusError if they differ."""
    ids = source.passage_ids()
    sample = random.Random(0).sample(sorted(ids), min(SAMPLE, len(ids)))
    passages = source.passages(sample)
    is_whole = (
        len(source.documents()) == len(target.documents())
        and source.languages() == target.languages()
        and set(ids) == set(target.passage_ids()) == target.indexed_ids()
        and passages == target.passages(sample)
    )
    queries = [" ".join(passage.text.split()[:WORDS]) for passage in passages.values()]
    if not is_whole or not all(
        _are_same(source.matching(query, HITS), target.matching(query, HITS)) for query in queries
    ):
        raise IsthmusError(
            "The copy of the documents is not as they are. Nothing was changed; open the library once, so that its "
            "words are checked, and migrate again."
        )


def _are_same(hits: Sequence[tuple[str, float]], copied: Sequence[tuple[str, float]]) -> bool:
    """Whether the hits have the same scores in turn; those of one score may change places."""
    scores = dict(hits)
    return len(hits) == len(copied) and all(
        abs(score - expected) <= SAME and abs(scores.get(id_, hits[-1][1]) - score) <= SAME
        for (_, expected), (id_, score) in zip(hits, copied, strict=True)
    )
