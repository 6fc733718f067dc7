"""Which document a user means by a name."""

import os
from collections.abc import Sequence
from pathlib import Path

from rag.documents.parsing import printable
from retriever.errors import NotFoundError
from retriever.types import Document


def find_document(documents: Sequence[Document], name: str) -> Document:
    """The document that an id, source, file name or title names. Raises NotFoundError if none or several have it."""
    name = printable(name)
    keys = {name, os.path.abspath(name)}
    matching = [d for d in documents if {d.id, d.source} & keys] or [
        d for d in documents if name in (Path(d.source).name, d.title)
    ]
    if len(matching) == 1:
        return matching[0]
    if not matching:
        raise NotFoundError(f"No document is called {name!r}; `isthmus list` shows what there is.")
    raise NotFoundError(
        f"{len(matching)} documents are called {name!r}; name one by its id: {', '.join(d.id for d in matching)}."
    )
