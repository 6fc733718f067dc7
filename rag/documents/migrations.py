"""Bringing a library of an earlier version up to date when it is opened."""

from retriever.store.documents import DocumentStore
from retriever.temporal.periods import with_times


def add_missing_times(documents: DocumentStore) -> None:
    """Find the times that passages name, in a library from before they were stored."""
    if passages := documents.passages_without_times():
        documents.set_times([with_times(passage) for passage in passages])
