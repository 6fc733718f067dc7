"""The libraries of a server: several in one process, with one encoder and one generator between them."""

import logging
import re
import shutil
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy.orm import Session

from rag.generation.engine import Engine
from rag.pipeline import RAG
from rag.settings import Settings, load_settings
from retriever.errors import IsthmusError, NotFoundError
from retriever.models.protocols import TextEncoder
from retriever.store.opening import delete_documents, has_documents, open_documents
from ui.state.access import Access
from ui.state.accounts import Accounts
from ui.state.database import CollectionRow
from ui.state.metrics import Metrics
from ui.state.opening import open_database
from ui.state.types import LIBRARY
from ui.state.view import OWN_SETTINGS, CollectionsView

logger = logging.getLogger(__name__)

MAX_OPEN = 20
"""Collections that stay open beside the library while nobody uses them: each takes memory and open files."""


class Collections:
    """The library of the settings and the collections beside it, each opened when it is used and not open.

    Collections live in the library's folder, under `collections`, each in a folder of its own. Threads may share this.
    Requests get a view (`of`), which shows what they may see. `holder` and `url` as in `Library`. Raises
    LibraryBusyError if another process has the library open.
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
        self.metrics = Metrics()
        self._holder = holder
        self._folder = settings.library / "collections"
        self._changed = threading.Condition()
        self._opening: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._open: dict[str, RAG] = {}
        self._users: Counter[str] = Counter()
        self._leaving: set[str] = set()
        try:
            self.database = open_database(settings)
            self.accounts = Accounts(self.database)
        except BaseException:
            self.library.close()
            raise

    def of(self, access: Access) -> CollectionsView:
        """The collections as someone sees them."""
        return CollectionsView(self, access)

    @contextmanager
    def use(self, row: CollectionRow) -> Iterator[RAG]:
        """A collection's library; it is not deleted while it is in use. Raises NotFoundError if it is by now."""
        try:
            with self._staying(row) as opening:
                with opening:
                    rag = self._open_rag(row) or self._open_row(row)
                with self._changed:
                    if row.id in self._open:  # the last in the dictionary is the latest used
                        self._open[row.id] = self._open.pop(row.id)
                yield rag
        finally:
            self._close_unused()

    def counts(self, row: CollectionRow) -> tuple[int, dict[str, int]]:
        """The documents of a collection and its passages by language; it is not opened for that.

        Raises NotFoundError if it is deleted by now.
        """
        with self._staying(row):
            if rag := self._open_rag(row):
                return len(rag.documents()), rag.library.collection.languages()
            folder = self._folder_of(row)
            if not has_documents(folder):
                return 0, {}
            with closing(open_documents(folder, self.library.settings.documents_address)) as store:
                return len(store.documents()), store.languages()

    def row(self, id_: str) -> CollectionRow:
        """A collection by its id, whoever may see it. Raises NotFoundError if it has been deleted."""
        with Session(self.database, expire_on_commit=False) as session:
            row = session.get(CollectionRow, id_)
        if row is None:
            raise NotFoundError("The collection has been deleted.")
        return row

    def is_leaving(self, row: CollectionRow) -> bool:
        """Whether a collection is being deleted."""
        return row.id in self._leaving

    def delete_files(self, row: CollectionRow) -> None:
        """Delete a collection's documents and folder, once nobody uses it; from now on nobody else can.

        Raises IsthmusError if the documents cannot be deleted, and the collection stays.
        """
        with self._changed:
            self._leaving.add(row.id)
        try:
            with self._changed:
                self._changed.wait_for(lambda: not self._users[row.id])
                rag, opening = self._open.pop(row.id, None), self._opening[row.id]
            with opening:  # it may be about to be closed
                if rag:
                    rag.close()
                if (folder := self._folder_of(row)).exists():
                    delete_documents(folder, self.library.settings.documents_address)
                    shutil.rmtree(folder)
        except BaseException:
            with self._changed:
                self._leaving.discard(row.id)
            raise

    def close(self) -> None:
        """Wait for writes under way, then let other processes open the libraries."""
        with self._changed:
            for rag in self._open.values():
                rag.close()
            self._open.clear()
            self.library.close()
            self.database.dispose()

    def __enter__(self) -> "Collections":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _staying(self, row: CollectionRow) -> Iterator[threading.Lock]:
        """A collection is neither deleted nor closed meanwhile. Gives the lock of whoever opens it."""
        with self._changed:
            if self.is_leaving(row):
                raise NotFoundError(f"The collection {row.name!r} has been deleted.")
            self._users[row.id] += 1
            opening = self._opening[row.id]
        try:
            yield opening
        finally:
            with self._changed:
                self._users[row.id] -= 1
                self._changed.notify_all()

    def _open_rag(self, row: CollectionRow) -> RAG | None:
        return self.library if row.id == LIBRARY else self._open.get(row.id)

    def _open_row(self, row: CollectionRow) -> RAG:
        own = {key: value for key, value in row.settings.items() if key in OWN_SETTINGS}
        settings = load_settings(self.library.settings, **own, library=self._folder_of(row))
        rag = RAG(
            settings,
            encoder=self.library.library.encoder,
            engine=lambda: self.library.engine,
            holder=self._holder,
        )
        with self._changed:
            self._open[row.id] = rag
        return rag

    def _close_unused(self) -> None:
        """Close the collection that nobody has used for longest, if too many are open."""
        with self._changed:
            unused = [id_ for id_ in self._open if not self._users[id_]]
            if len(self._open) <= MAX_OPEN or not unused:
                return
            rag, opening = self._open.pop(unused[0]), self._opening[unused[0]]
            opening.acquire()  # nobody holds it; who wants the collection again waits until it is closed
        try:
            rag.close()
        except IsthmusError as error:  # nothing is lost, and whoever was the last to use another has no part in it
            logger.warning("%s", error)
        finally:
            opening.release()

    def _folder_of(self, row: CollectionRow) -> Path:
        """The folder of a collection. The database may have come with a backup, so its ids are not trusted."""
        if not re.fullmatch(r"[0-9a-f]{32}", row.id):
            raise IsthmusError(
                f"The collection {row.name!r} has a damaged id; restore the library from another backup."
            )
        return self._folder / row.id
