"""Tables that follow from the passages and change with them: their words, and how many are in each language."""

from collections import Counter
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, delete, func, select, text, update

from retriever.store.tables import insert_rows, languages, passages, state, words
from retriever.store.words import VERSION, WordIndex, count_words
from retriever.types import Passage

# SQLAlchemy has an expression of this for each database, and none for both.
_COUNT = text(
    "INSERT INTO languages VALUES (:language, :passages) "
    "ON CONFLICT (language) DO UPDATE SET passages = languages.passages + excluded.passages"
)


class DerivedTables:
    """The tables, in the caller's transaction; a passage's number is its row in `passages`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._words = WordIndex(connection)

    def add(self, added: Mapping[int, Passage], counts: Mapping[int, bytes]) -> None:
        """Add passages by number; `counts` are `count_words` of them."""
        self._words.add(counts)
        self._count_languages(added.values(), 1)

    def remove(self, removed: Mapping[int, Passage]) -> None:
        """Take passages out by number."""
        self._words.remove(count_passages(removed))
        self._count_languages(removed.values(), -1)

    def next_number(self) -> int:
        """The first number of the next passages."""
        last = self._connection.scalar(select(func.max(passages.c.rowid))) or 0
        return max(int(last) + 1, self._words.first_free)

    def fit(self) -> bool:
        """Whether this version made them, of these documents."""
        made = self._connection.execute(select(words)).one()
        revision = self._connection.scalar(select(state.c.revision))
        count, last = self._connection.execute(select(func.count(), func.max(passages.c.rowid))).one()
        numbers = self._words.numbers()
        return bool((made, len(numbers), numbers.max(initial=0)) == ((VERSION, revision), count, last or 0))

    def clear(self) -> None:
        """Empty them; they do not fit until `note_whole`."""
        self._words.clear()
        self._connection.execute(delete(languages))
        self._connection.execute(update(words).values(revision=-1))

    def note_whole(self) -> None:
        """Note that they have all passages."""
        revision = select(state.c.revision).scalar_subquery()
        self._connection.execute(update(words).values(version=VERSION, revision=revision))

    def _count_languages(self, counted: Iterable[Passage], sign: int) -> None:
        counts = Counter(passage.language for passage in counted)
        if counts:
            rows = [{"language": language, "passages": sign * count} for language, count in counts.items()]
            self._connection.execute(_COUNT, rows)
            self._connection.execute(delete(languages).where(languages.c.passages == 0))


def count_passages(counted: Mapping[int, Passage]) -> dict[int, bytes]:
    """`count_words` of passages by number."""
    return {number: count_words(passage.embedded_text) for number, passage in counted.items()}


def note_version(connection: Connection) -> None:
    """Note which version makes the words of a new library; those of an earlier version do not fit."""
    if not connection.scalar(select(func.count()).select_from(words)):
        insert_rows(connection, words, [{"version": VERSION, "revision": 0}])
