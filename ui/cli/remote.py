"""The command as a client: while a server has the library open, it does what the command asks for, over HTTP."""

import os
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Unpack
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter

from rag.documents.ingest import read_file, supported_files
from rag.documents.library import Progress
from rag.documents.names import find_document
from rag.documents.parsing import printable
from rag.errors import UnreadableFileError
from rag.settings import Settings, TimeMode
from rag.types import Added, Answer, AskOptions
from retriever.errors import IsthmusError, NotFoundError
from retriever.types import Document, Hit, Passage
from ui.server.schemas import MAX_HISTORY, AnswerOut, HitOut, JobOut
from ui.state.access import TOKEN_FILE
from ui.state.types import LIBRARY, CollectionInfo

CONNECT_SECONDS = 10
POLL_SECONDS = 0.1
"""How often a job is asked how far it is."""


class Remote:
    """A server; every request that fails raises IsthmusError with the server's sentence."""

    def __init__(self, url: str, settings: Settings) -> None:
        self.url = url
        timeout = httpx.Timeout(CONNECT_SECONDS, read=None)  # a question may wait its turn
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=timeout, headers=_authorization(settings))

    def request(self, method: str, path: str, **options: Any) -> Any:
        """The JSON of a response; None if it is empty."""
        try:
            response = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise IsthmusError(f"The server at {self.url} does not answer ({error}); start it again.") from error
        if response.is_error:
            raise _error(response)
        return response.json() if response.content else None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


class RemoteCollections:
    """The collections of a running server; the same methods as `CollectionsView`, with the same errors."""

    def __init__(self, url: str, settings: Settings) -> None:
        self._remote = Remote(url, settings)
        self._max_file_bytes = settings.max_file_mb * 1_000_000

    def infos(self) -> list[CollectionInfo]:
        """See `CollectionsView`."""
        return TypeAdapter(list[CollectionInfo]).validate_python(self._remote.request("GET", "/v1/collections"))

    @contextmanager
    def use(self, name: str = LIBRARY) -> Iterator["RemoteRAG"]:
        """See `CollectionsView`."""
        yield RemoteRAG(self._remote, name, self._max_file_bytes)

    def create(self, name: str) -> str:
        """See `CollectionsView`."""
        return str(self._remote.request("POST", "/v1/collections", json={"name": name})["name"])

    def share(self, name: str, readers: list[str]) -> None:
        """See `CollectionsView`."""
        self._remote.request("PATCH", _path("collections", name), json={"readers": readers})

    def rename(self, name: str, new_name: str) -> str:
        """See `CollectionsView`."""
        return str(self._remote.request("PATCH", _path("collections", name), json={"name": new_name})["name"])

    def empty(self, name: str) -> None:
        """See `CollectionsView`."""
        self._remote.request("DELETE", f"{_path('collections', name)}/documents")

    def delete(self, name: str) -> None:
        """See `CollectionsView`."""
        self._remote.request("DELETE", _path("collections", name))

    def __enter__(self) -> "RemoteCollections":
        return self

    def __exit__(self, *_: object) -> None:
        self._remote.close()


class RemoteRAG:
    """A collection of a running server; the same methods as `RAG`, with the same errors."""

    def __init__(self, remote: Remote, collection: str, max_file_bytes: int) -> None:
        self._remote = remote
        self._collection = collection
        self._max_file_bytes = max_file_bytes

    def ask(self, question: str, **options: Unpack[AskOptions]) -> Answer:
        """See `RAG`."""
        turns = [asdict(turn) for turn in options.get("history", ())[-MAX_HISTORY:]]
        body = {"question": question, "collection": self._collection, **options, "history": turns}
        return AnswerOut.model_validate(self._remote.request("POST", "/v1/ask", json=body)).answer()

    def stream(self, question: str, **options: Unpack[AskOptions]) -> Generator[Answer, None, None]:
        """The finished answer alone: the server sends no drafts."""
        yield self.ask(question, **options)

    def search(
        self, query: str, k: int | None = None, *, time: TimeMode | None = None, as_of: str | None = None
    ) -> list[Hit]:
        """See `RAG`."""
        body = {"query": query, "collection": self._collection, "k": k, "time": time, "as_of": as_of}
        hits = TypeAdapter(list[HitOut]).validate_python(self._remote.request("POST", "/v1/search", json=body))
        return [found.hit for found in hits]

    def passage(self, id_: str) -> Passage:
        """See `RAG`."""
        body = self._remote.request("GET", _path("passages", id_), params=self._query)
        return TypeAdapter(Passage).validate_python(body)

    def documents(self) -> list[Document]:
        """See `RAG`."""
        body = self._remote.request("GET", "/v1/documents", params=self._query)
        return TypeAdapter(list[Document]).validate_python(body)

    def add(self, *paths: str | Path, progress: Progress | None = None) -> list[Added]:
        """See `RAG`. A file goes by its whole path, as without a server, and replaces the document of that path."""
        files = [file for path in paths for file in supported_files(Path(path))]
        names = [printable(os.path.abspath(file)) for file in files]
        known = {document.source for document in self.documents()}
        # Known names first, as a library does: else the old content of one would count as that of a new one.
        order = sorted(range(len(files)), key=lambda number: names[number] not in known)
        results: dict[int, Added] = {}
        for number in order:
            if progress:
                progress(len(results), len(files), files[number].name)
            results[number] = self._add(names[number], files[number])
        if progress:
            progress(len(files), len(files), "")
        return [results[number] for number in range(len(files))]

    def remove(self, *names: str) -> list[Document]:
        """See `RAG`."""
        documents = self.documents()
        removed = {document.id: document for document in (find_document(documents, name) for name in names)}
        for id_ in removed:
            self._remote.request("DELETE", _path("documents", id_), params=self._query)
        return list(removed.values())

    @property
    def _query(self) -> dict[str, str]:
        return {"collection": self._collection}

    def _add(self, name: str, file: Path) -> Added:
        try:
            data = read_file(file, self._max_file_bytes)
        except UnreadableFileError as error:
            return Added(name, "failed", reason=str(error))
        form = {**self._query, "replace": "true", "names": name}
        job = self._remote.request("POST", "/v1/documents", files=[("files", ("file", data))], data=form)
        while job["status"] in ("waiting", "running"):
            time.sleep(POLL_SECONDS)
            job = self._remote.request("GET", f"/v1/jobs/{job['id']}")
        if job["error"]:
            raise IsthmusError(job["error"])
        return JobOut.model_validate(job).results[0]


def _authorization(settings: Settings) -> dict[str, str]:
    """What lets this account in, if the server asks for a login."""
    token = settings.library / TOKEN_FILE
    try:
        return {"Authorization": f"Bearer {token.read_text(encoding='ascii')}"}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise IsthmusError(
            f"{token} cannot be read ({error.strerror}); use the account that the server runs in."
        ) from error


def _error(response: httpx.Response) -> IsthmusError:
    """What a response says went wrong: JSON of a route, or a line of text of the guard before all routes."""
    try:
        error = response.json()["error"]
    except (ValueError, LookupError, TypeError):
        return IsthmusError(response.text.strip() or f"The server answers with status {response.status_code}.")
    kind = NotFoundError if error["type"] == "NotFoundError" else IsthmusError
    return kind(error["message"])


def _path(kind: str, name: str) -> str:
    return f"/v1/{kind}/{quote(name, safe='')}"
