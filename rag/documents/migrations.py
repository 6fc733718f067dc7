"""Bringing a library of an earlier version up to date when it is opened."""

import shutil
from pathlib import Path

from retriever.store.ports import DocumentStore
from retriever.temporal.periods import with_times


def add_missing_times(documents: DocumentStore) -> None:
    """Find the times that passages name, in a library from before they were stored."""
    if passages := documents.passages_without_times():
        documents.set_times([with_times(passage) for passage in passages])


def delete_saved_words(folder: Path) -> None:
    """Delete the folders of words of a library from before they stood beside the documents."""
    for words in folder.glob("lexical-*"):
        shutil.rmtree(words) if words.is_dir() else words.unlink()
