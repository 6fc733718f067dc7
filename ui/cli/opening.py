"""Open the library for a command, or reach the server that has it open."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rag.settings import Settings
from retriever.errors import IsthmusError
from retriever.store.lock import read_holder
from ui.state.access import OWNER

if TYPE_CHECKING:
    from ui.cli.remote import RemoteCollections
    from ui.state.view import CollectionsView


@contextmanager
def open_collections(
    settings: Settings, holder: str, *, own_generator: bool = False
) -> "Iterator[CollectionsView | RemoteCollections]":
    """The collections, in this process or, while a server has them open, through it; `holder` names this process.

    Raises IsthmusError if a server has them open and `own_generator` says that this command names a generator.
    """
    url = read_holder(settings.library).get("url") if settings.library.exists() else None
    if not url:
        from ui.state.collections import Collections

        with Collections(settings, holder=holder) as collections:
            yield collections.of(OWNER)
        return
    if own_generator:
        raise IsthmusError(
            f"The library is open in the server at {url}, which answers with its own generator; leave out --generator "
            "and --endpoint, or stop the server."
        )
    from ui.cli.remote import RemoteCollections

    with RemoteCollections(url, settings) as remote:
        yield remote
