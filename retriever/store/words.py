"""BM25 over passages of any script, kept on disk."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import bm25s
import numpy as np

from retriever.languages.words import tokenize
from retriever.store.files import Seal, sync, sync_tree


class BM25Index:
    """BM25 (bm25s, Lucene's variant) over passages; built once, saved, loaded at the next start."""

    def __init__(self, ids: Sequence[str], bm25: bm25s.BM25 | None) -> None:
        self.ids = list(ids)
        self._bm25 = bm25

    @classmethod
    def build(cls, ids: Sequence[str], texts: Sequence[str]) -> "BM25Index":
        """Index texts[i] under ids[i]."""
        tokens = [tokenize(text) for text in texts]
        if not any(tokens):
            return cls(ids, None)
        bm25 = bm25s.BM25()
        bm25.index(tokens, show_progress=False)
        return cls(ids, bm25)

    def save(self, folder: Path) -> None:
        """Write the index to a new folder, which appears whole or not at all, whatever ends the process."""
        draft = folder.with_name(folder.name + ".draft")
        shutil.rmtree(draft, ignore_errors=True)
        try:
            draft.mkdir(parents=True)
            if self._bm25 is not None:
                self._bm25.save(draft, show_progress=False)
            (draft / "ids.json").write_text(json.dumps(self.ids), encoding="utf-8")
            _seal(draft).write()
            sync_tree(draft)
        except OSError:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
        sync(folder.parent)

    @classmethod
    def load(cls, folder: Path) -> "BM25Index | None":
        """Read a saved index; None if it is missing, damaged, or of a version that kept no seal."""
        if _seal(folder).state() != "whole":
            return None
        ids = json.loads((folder / "ids.json").read_text(encoding="utf-8"))
        is_empty = not any(folder.glob("params*"))
        return cls(ids, None if is_empty else bm25s.BM25.load(folder, verbosity=0))

    def search(self, query: str, k: int) -> list[tuple[str, float]]:
        """The k best passages as (id, BM25 score), best first; only those that share a term with the query."""
        vocabulary = self._bm25.vocab_dict if self._bm25 is not None else {}
        terms = [term for term in tokenize(query) if term in vocabulary]
        if self._bm25 is None or not terms:
            return []
        scores = self._bm25.get_scores(terms)
        best = np.argsort(-scores, kind="stable")[:k]
        return [(self.ids[i], float(scores[i])) for i in best if scores[i] > 0]


def _seal(folder: Path) -> Seal:
    return Seal(folder / "seal.json", folder)
