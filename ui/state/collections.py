"""The collections of a server: several libraries in one process, with one encoder and one generator between them."""

import shutil
import threading
import unicodedata
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select
from sqlalchemy.orm import Session

from rag.documents.parsing import printable
from rag.generation.engine import Engine
from rag.pipeline import RAG
from rag.settings import Settings, load_settings
from retriever.errors import IsthmusError, NotFoundError
from retriever.models.protocols import TextEncoder
from ui.state.database import CollectionRow, open_database
from ui.state.types import LIBRARY, CollectionInfo

MAX_NAME = 80
"""Characters of a collection's name."""
SETTINGS = (
    "top_k",
    "passage_chars",
    "rerank",
    "translate_queries",
    "expand_queries",
    "max_answer_tokens",
    "evidence_tokens",
    "reader",
    "grounding",
    "time",
)
"""The settings that a collection may have of its own."""


class Collections:
    """The library of the settings and the collections beside it, each opened when it is first used.

    Collections live in the library's folder, under `collections`, each in a folder of its own. Threads may share this.
    `holder` and `url` as in `Library`. Raises LibraryBusyError if another process has the library open.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        encoder: TextEncoder | None = None,
        engine: Engine | None = None,
        holder: str = "the Isthmus server",
        url: str | None = None,
    ) -> None:
        self.library = RAG(settings, encoder=encoder, engine=engine, holder=holder, url=url)
        self.url = url
        self._holder = holder
        self._folder = settings.library / "collections"
        self._changed = threading.Condition()
        self._open: dict[str, RAG] = {}
        self._users: Counter[str] = Counter()
        self._leaving: set[str] = set()
        try:
            self._database = open_database(settings.library)
        except BaseException:
            self.library.close()
            raise

    def names(self) -> list[str]:
        """The names of all collections, the library's first."""
        with Session(self._database) as session:
            return [LIBRARY, *session.scalars(select(CollectionRow.name).order_by(CollectionRow.created))]

    @contextmanager
    def use(self, name: str = LIBRARY) -> Iterator[RAG]:
        """The collection of this name; it is not deleted while it is in use. Raises NotFoundError."""
        if name == LIBRARY:
            yield self.library
            return
        with self._changed:
            row = self._row(name)
            rag = self._open.get(row.id) or self._open_row(row)
            self._users[row.id] += 1
        try:
            yield rag
        finally:
            with self._changed:
                self._users[row.id] -= 1
                self._changed.notify_all()

    def infos(self) -> list[CollectionInfo]:
        """What all collections are, the library first."""
        return [self.info(name) for name in self.names()]

    def info(self, name: str) -> CollectionInfo:
        """What a collection is. Raises NotFoundError."""
        own = {} if name == LIBRARY else self._row(name).settings
        with self.use(name) as rag:
            return CollectionInfo(name, len(rag.documents()), rag.library.collection.languages(), own)

    def create(self, name: str, settings: dict[str, object]) -> str:
        """Make an empty collection; returns its name in NFC.

        Raises IsthmusError if the name is taken or unfit, or a setting is.
        """
        name = checked_name(name)
        if unknown := settings.keys() - set(SETTINGS):
            raise IsthmusError(f"A collection has no own setting {min(unknown)!r}; it may have {', '.join(SETTINGS)}.")
        load_settings(self.library.settings, **settings)
        with self._changed, Session(self._database) as session:
            self._check_free(name)
            session.add(CollectionRow(id=uuid.uuid4().hex, name=name, settings=settings))
            session.commit()
        return name

    def rename(self, name: str, new_name: str) -> str:
        """Give a collection another name; returns it in NFC.

        Raises NotFoundError, and IsthmusError if the new name is taken or unfit.
        """
        new_name = checked_name(new_name)
        with self._changed, Session(self._database) as session:
            row = self._row(name)
            self._check_free(new_name)
            row.name = new_name
            session.merge(row)
            session.commit()
        return new_name

    def empty(self, name: str) -> int:
        """Delete every document of a collection; returns how many. Raises NotFoundError."""
        with self.use(name) as rag:
            return len(rag.remove(*(document.id for document in rag.documents())))

    def delete(self, name: str) -> None:
        """Delete a collection with its documents, for good, once nobody uses it. Raises NotFoundError."""
        with self._changed:
            row = self._row(name)
            self._leaving.add(row.id)
            try:
                self._changed.wait_for(lambda: not self._users[row.id])
                if rag := self._open.pop(row.id, None):
                    rag.close()
                if (folder := self._folder / row.id).exists():
                    shutil.rmtree(folder)
                with Session(self._database) as session:
                    session.delete(session.get_one(CollectionRow, row.id))
                    session.commit()
            finally:
                self._leaving.discard(row.id)

    def close(self) -> None:
        """Wait for writes under way, then let other processes open the libraries."""
        with self._changed:
            for rag in self._open.values():
                rag.close()
            self._open.clear()
            self.library.close()
            self._database.dispose()

    def __enter__(self) -> "Collections":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _row(self, name: str) -> CollectionRow:
        if name == LIBRARY:
            raise IsthmusError(f"The collection {LIBRARY!r} stays as it is; it can be emptied, not renamed or deleted.")
        with Session(self._database, expire_on_commit=False) as session:
            row = session.scalar(select(CollectionRow).where(CollectionRow.name == name))
        if row is None or row.id in self._leaving:
            raise NotFoundError(f"No collection is called {printable(name)!r}; there are: {', '.join(self.names())}.")
        return row

    def _open_row(self, row: CollectionRow) -> RAG:
        settings = load_settings(self.library.settings, **row.settings, library=self._folder / row.id)
        self._open[row.id] = RAG(
            settings,
            encoder=self.library.library.encoder,
            engine=lambda: self.library.engine,
            holder=self._holder,
        )
        return self._open[row.id]

    def _check_free(self, name: str) -> None:
        if name in self.names():
            raise IsthmusError(f"There is a collection called {name!r} already; choose another name.")


def checked_name(name: str) -> str:
    r"""A collection's name in NFC, without spaces around it. Raises IsthmusError if it is unfit.

    >>> checked_name(" Hilfe für alle ")
    'Hilfe für alle'
    """
    name = " ".join(unicodedata.normalize("NFC", printable(name)).split())
    if not 0 < len(name) <= MAX_NAME or "/" in name or not name.isprintable():
        raise IsthmusError(f"A collection's name has 1 to {MAX_NAME} characters, without a slash; choose another.")
    return name
