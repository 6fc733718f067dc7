"""The collections as one person sees them: what he may not see is not there, whatever he tries."""

import unicodedata
import uuid
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from typing import TYPE_CHECKING

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from rag.documents.parsing import printable
from rag.pipeline import RAG
from rag.settings import load_settings
from rag.types import Answer, AskOptions
from retriever.errors import IsthmusError, NotFoundError
from ui.state.access import EVERYONE, Access, ForbiddenError, Scope
from ui.state.database import CollectionRow
from ui.state.types import LIBRARY, CollectionInfo

if TYPE_CHECKING:
    from ui.state.collections import Collections

MAX_NAME = 80
"""Characters of a collection's name."""
OWN_SETTINGS = (
    "top_k",
    "passage_chars",
    "translate_queries",
    "expand_queries",
    "max_answer_tokens",
    "evidence_tokens",
    "reader",
    "grounding",
    "time",
)
"""The settings that a collection may have of its own."""


class CollectionsView:
    """Collections, with the rights of one `Access`.

    A collection that is not to be seen raises the same NotFoundError as one that is not there.
    """

    def __init__(self, collections: "Collections", access: Access) -> None:
        self._collections = collections
        self._database = collections.database
        self.access = access

    def names(self) -> list[str]:
        """The names of the collections that can be seen, in the order in which they were made."""
        return [row.name for row in self._rows()]

    @contextmanager
    def use(self, name: str = LIBRARY) -> Iterator[RAG]:
        """The collection of this name, to ask and search in. Raises NotFoundError."""
        self.access.check(Scope.ASK)
        with self._collections.use(self._row(name)) as rag:
            yield rag

    def stream(self, name: str, question: str, options: AskOptions) -> Generator[Answer, None, None]:
        """As `RAG.stream`, in the collection of this name. Raises as `RAG.stream`, and NotFoundError."""
        with self.use(name) as rag, closing(rag.stream(question, **options)) as answers:
            yield from answers

    def writable(self, name: str) -> CollectionRow:
        """The row of a collection whose documents may be changed. Raises NotFoundError and ForbiddenError."""
        self.access.check(Scope.WRITE)
        return self._row(name)

    @contextmanager
    def change(self, name: str, action: str, what: str = "") -> Iterator[RAG]:
        """The collection of this name, to change its documents. Raises NotFoundError and ForbiddenError."""
        with (
            self._collections.use(self.writable(name)) as rag,
            self._recording(action, f"{name}: {what}" if what else name),
        ):
            yield rag

    def infos(self) -> list[CollectionInfo]:
        """What the collections are; one that is deleted meanwhile is left out."""
        infos = []
        for row in self._rows():
            with suppress(NotFoundError):
                infos.append(self._info(row))
        return infos

    def info(self, name: str) -> CollectionInfo:
        """What a collection is. Raises NotFoundError."""
        return self._info(self._row(name))

    def create(self, name: str, settings: dict[str, object] | None = None) -> str:
        """Make an empty collection, which only its owner and administrators see; returns its name in NFC.

        Raises ForbiddenError, and IsthmusError if the name is taken or unfit, or a setting is.
        """
        self.access.check(Scope.WRITE)
        name, settings = checked_name(name), settings or {}
        if unknown := settings.keys() - set(OWN_SETTINGS):
            raise IsthmusError(
                f"A collection has no own setting {min(unknown)!r}; it may have {', '.join(OWN_SETTINGS)}."
            )
        load_settings(self._collections.library.settings, **settings)
        with Session(self._database) as session:
            _check_free(session, name)
            row = CollectionRow(id=uuid.uuid4().hex, name=name, settings=settings, owner=self.access.name, readers=[])
            session.add(row)
            session.commit()
        self._record("create collection", name)
        return name

    def rename(self, name: str, new_name: str) -> str:
        """Give a collection another name; returns it in NFC.

        Raises NotFoundError, ForbiddenError, and IsthmusError if the new name is taken or unfit.
        """
        row = self._own_row(name, "renamed")
        new_name = checked_name(new_name)
        with Session(self._database) as session:
            _check_free(session, new_name)
            session.get_one(CollectionRow, row.id).name = new_name
            session.commit()
        self._record("rename collection", f"{name} to {new_name}")
        return new_name

    def share(self, name: str, readers: Sequence[str]) -> None:
        """Say who sees a collection: "everyone", "user:NAME", "group:NAME". Raises NotFoundError, ForbiddenError."""
        row = self._own_row(name)
        readers = [unicodedata.normalize("NFC", reader) for reader in readers]
        for reader in readers:
            if reader != EVERYONE and not reader.startswith(("user:", "group:")):
                raise IsthmusError(f"{printable(reader)!r} is no reader; write everyone, user:NAME or group:NAME.")
        with Session(self._database) as session:
            session.get_one(CollectionRow, row.id).readers = readers
            session.commit()
        self._record("share collection", f"{name} with {', '.join(readers) or 'nobody'}")

    def empty(self, name: str) -> None:
        """Delete every document of a collection. Raises NotFoundError and ForbiddenError."""
        self._own_row(name)
        with self.change(name, "empty collection") as rag:
            rag.remove(*(document.id for document in rag.documents()))

    def delete(self, name: str) -> None:
        """Delete a collection with its documents, for good, once nobody uses it.

        Raises NotFoundError and ForbiddenError.
        """
        row = self._own_row(name, "deleted")
        with self._recording("delete collection", name):
            self._collections.delete_files(row)
            with Session(self._database) as session:
                session.execute(delete(CollectionRow).where(CollectionRow.id == row.id))
                session.commit()

    def _info(self, row: CollectionRow) -> CollectionInfo:
        documents, languages = self._collections.counts(row)
        readers = row.readers if self.access.manages(row.owner) else []
        return CollectionInfo(row.name, documents, languages, row.settings, row.owner, readers)

    def _recording(self, action: str, what: str) -> AbstractContextManager[None]:
        return self._collections.accounts.audit.recording(self.access.name, action, what)

    def _record(self, action: str, what: str) -> None:
        self._collections.accounts.audit.record(self.access.name, action, what)

    def _rows(self) -> list[CollectionRow]:
        with Session(self._database, expire_on_commit=False) as session:
            rows = session.scalars(select(CollectionRow).order_by(CollectionRow.created)).all()
        return [
            row for row in rows if self.access.sees(row.owner, row.readers) and not self._collections.is_leaving(row)
        ]

    def _row(self, name: str) -> CollectionRow:
        name = unicodedata.normalize("NFC", printable(name))
        rows = self._rows()
        for row in rows:
            if row.name == name:
                return row
        there_are = ", ".join(row.name for row in rows) or "none"
        raise NotFoundError(f"No collection is called {name!r}; there are: {there_are}.")

    def _own_row(self, name: str, done: str | None = None) -> CollectionRow:
        """A collection that may be managed; the library itself cannot be `done` anything that would take it away."""
        self.access.check(Scope.WRITE)
        row = self._row(name)
        if not self.access.manages(row.owner):
            raise ForbiddenError(f"The collection {row.name!r} is {row.owner}'s; ask its owner or an administrator.")
        if done and row.id == LIBRARY:
            raise IsthmusError(f"The collection {LIBRARY!r} is always there; it can be emptied, not {done}.")
        return row


def checked_name(name: str) -> str:
    r"""A collection's name in NFC, without spaces around it. Raises IsthmusError if it is unfit.

    >>> checked_name(" Hilfe für alle ")
    'Hilfe für alle'
    """
    name = " ".join(unicodedata.normalize("NFC", printable(name)).split())
    if not 0 < len(name) <= MAX_NAME or "/" in name or not name.isprintable():
        raise IsthmusError(f"A collection's name has 1 to {MAX_NAME} characters, without a slash; choose another.")
    return name


def _check_free(session: Session, name: str) -> None:
    if session.scalar(select(CollectionRow).where(CollectionRow.name == name)):
        raise IsthmusError(f"There is a collection called {name!r} already; choose another name.")
