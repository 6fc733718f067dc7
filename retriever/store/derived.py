"""Tables that follow from the passages and change with them: their words, and how many are in each language."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping

from tqdm import tqdm

from retriever.store.transaction import Transaction
from retriever.store.words import VERSION, WordIndex, count_words
from retriever.types import Passage

# Which version made the words, and at which revision of the documents; an earlier version raised only that.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS words (version TEXT NOT NULL, revision INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS languages (language TEXT PRIMARY KEY, passages INTEGER NOT NULL);
"""


class DerivedTables:
    """The tables, in the database that has `passages` and `state`; a passage's number is its row there."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database
        self._db.executescript(_SCHEMA)
        self._db.execute("INSERT INTO words SELECT ?, 0 WHERE NOT EXISTS (SELECT 1 FROM words)", (VERSION,))
        self.words = WordIndex(database)

    def add(self, passages: Mapping[int, Passage], counts: Mapping[int, bytes]) -> None:
        """Add passages by number; `counts` are `count_words` of them."""
        self.words.add(counts)
        self._count_languages(passages.values(), 1)

    def remove(self, passages: Mapping[int, Passage]) -> None:
        """Take passages out by number."""
        self.words.remove(count_passages(passages))
        self._count_languages(passages.values(), -1)

    def next_number(self) -> int:
        """The first number of the next passages."""
        (last,) = self._db.execute("SELECT coalesce(max(rowid), 0) FROM passages").fetchone()
        return max(int(last) + 1, self.words.first_free)

    def fit(self) -> bool:
        """Whether this version made them, of these documents."""
        made = self._db.execute("SELECT version, revision FROM words").fetchone()
        (revision,) = self._db.execute("SELECT revision FROM state").fetchone()
        passages, last = self._db.execute("SELECT count(*), coalesce(max(rowid), 0) FROM passages").fetchone()
        numbers = self.words.numbers()
        return bool((made, len(numbers), numbers.max(initial=0)) == ((VERSION, revision), passages, last))

    def make_anew(self, passages: Iterable[Mapping[int, Passage]]) -> None:
        """Fill them with all passages, a part in a transaction; broken off, they do not fit."""
        with Transaction(self._db):
            self.words.clear()
            self._db.execute("DELETE FROM languages")
            self._db.execute("UPDATE words SET revision = -1")
        for part in tqdm(passages, desc="Indexing words", disable=None):
            with Transaction(self._db):
                self.add(part, count_passages(part))
        with Transaction(self._db):
            self._db.execute("UPDATE words SET version = ?, revision = (SELECT revision FROM state)", (VERSION,))

    def _count_languages(self, passages: Iterable[Passage], sign: int) -> None:
        counts = Counter(passage.language for passage in passages)
        self._db.executemany(
            "INSERT INTO languages VALUES (?1, ?2) ON CONFLICT DO UPDATE SET passages = passages + ?2",
            [(language, sign * count) for language, count in counts.items()],
        )
        self._db.execute("DELETE FROM languages WHERE passages = 0")


def count_passages(passages: Mapping[int, Passage]) -> dict[int, bytes]:
    """`count_words` of passages by number."""
    return {number: count_words(passage.embedded_text) for number, passage in passages.items()}
