"""REST: questions, search, documents and collections."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response, UploadFile
from sse_starlette import EventSourceResponse, ServerSentEvent

from retriever.errors import IsthmusError, NotFoundError
from retriever.types import Document, Passage
from ui.answering.answering import Questions
from ui.server.answering import ask_while_connected
from ui.server.errors import error_body
from ui.server.schemas import AnswerOut, AskBody, CollectionBody, CollectionChange, HitOut, JobOut, SearchBody
from ui.server.services import OriginOf, QuestionsOf, ServicesOf, ViewOf
from ui.state.jobs import Job
from ui.state.types import LIBRARY, CollectionInfo

router = APIRouter(prefix="/v1")
EVENT_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "Answer, or its events with `stream`"}
}


@router.post("/ask", response_model=AnswerOut, responses=EVENT_STREAM, tags=["ask"])
async def ask(
    body: AskBody, request: Request, questions: QuestionsOf, origin: OriginOf
) -> AnswerOut | EventSourceResponse:
    """Answer a question out of a collection's documents, in the question's language or the one named.

    With `stream`, the events are `progress` (seconds by stage so far), then `answer`, or `error`.
    """
    if body.stream:
        return EventSourceResponse(_events(body, questions, origin))
    answer = await ask_while_connected(questions, request, body.question, body.collection, body.options)
    return AnswerOut.of(answer, origin, body.collection)


@router.post("/search", tags=["ask"])
def search(body: SearchBody, view: ViewOf, origin: OriginOf) -> list[HitOut]:
    """The passages that fit a query in any language best."""
    with view.use(body.collection) as rag:
        hits = rag.search(body.query, body.k, time=body.time, as_of=body.as_of)
    return [HitOut.of(hit, origin, body.collection) for hit in hits]


@router.get("/passages/{passage}", tags=["documents"])
def passage(passage: str, view: ViewOf, collection: str = LIBRARY) -> Passage:
    """A passage by its id."""
    with view.use(collection) as rag:
        return rag.passage(passage)


@router.get("/documents", tags=["documents"])
def documents(view: ViewOf, collection: str = LIBRARY) -> list[Document]:
    """The documents of a collection, oldest first."""
    with view.use(collection) as rag:
        return rag.documents()


@router.post("/documents", status_code=202, tags=["documents"])
def add_documents(
    files: list[UploadFile],
    services: ServicesOf,
    view: ViewOf,
    response: Response,
    collection: Annotated[str, Form()] = LIBRARY,
    replace: Annotated[bool, Form(description="replace documents of the same name")] = False,
    names: Annotated[list[str] | None, Form(description="the documents' names, if not those of the files")] = None,
) -> JobOut:
    """Start a job that adds files to a collection; `Location` tells where its progress is."""
    names = names or [file.filename or "unnamed" for file in files]
    if len(names) != len(files):
        raise IsthmusError(f"There are {len(files)} files and {len(names)} names; send as many.")
    contents = [file.file for file in files]
    job = services.jobs.start(view, collection, list(zip(names, contents, strict=True)), replace=replace)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return _job(job)


@router.get("/jobs/{job}", tags=["documents"])
def job(job: str, services: ServicesOf, view: ViewOf) -> JobOut:
    """How far a job is."""
    return _job(services.jobs.job(job, view.access.name))


@router.delete("/documents/{document}", tags=["documents"])
def remove_document(document: str, view: ViewOf, collection: str = LIBRARY) -> list[Document]:
    """Delete a document, by its id, with all its passages."""
    with view.change(collection, "remove document", document) as rag:
        if document not in {known.id for known in rag.documents()}:
            raise NotFoundError(f"No document has the id {document!r}; list the documents again.")
        return rag.remove(document)


@router.get("/collections", tags=["collections"])
def collections(view: ViewOf) -> list[CollectionInfo]:
    """All collections."""
    return view.infos()


@router.post("/collections", status_code=201, tags=["collections"])
def create_collection(body: CollectionBody, view: ViewOf) -> CollectionInfo:
    """Make an empty collection."""
    return view.info(view.create(body.name, body.settings))


@router.patch("/collections/{name}", tags=["collections"])
def change_collection(name: str, body: CollectionChange, view: ViewOf) -> CollectionInfo:
    """Give a collection another name, other readers, or both."""
    if body.readers is not None:
        view.share(name, body.readers)
    return view.info(view.rename(name, body.name) if body.name is not None else name)


@router.delete("/collections/{name}/documents", tags=["collections"])
def empty_collection(name: str, view: ViewOf) -> CollectionInfo:
    """Delete every document of a collection."""
    view.empty(name)
    return view.info(name)


@router.delete("/collections/{name}", status_code=204, tags=["collections"])
def delete_collection(name: str, view: ViewOf) -> None:
    """Delete a collection with its documents, for good."""
    view.delete(name)


async def _events(body: AskBody, questions: Questions, origin: str) -> AsyncIterator[ServerSentEvent]:
    """Progress, then the checked answer: a draft may be withdrawn, so it is not sent."""
    try:
        async with aclosing(questions.stream(body.question, body.collection, body.options)) as answers:
            async for answer in answers:
                if answer.final:
                    yield _event("answer", AnswerOut.of(answer, origin, body.collection).model_dump_json())
                else:
                    yield _event("progress", json.dumps(dict(answer.timings)))
    except IsthmusError as error:
        yield _event("error", json.dumps(error_body(error), ensure_ascii=False))


def _job(job: Job) -> JobOut:
    done, total = len(job.results), len(job.names)
    results = [job.results[number] for number in range(total)] if job.status == "done" else []
    return JobOut.model_validate(
        {"id": job.id, "status": job.status, "done": done, "total": total, "results": results, "error": job.error}
    )


def _event(name: str, data: str) -> ServerSentEvent:
    return ServerSentEvent(data, event=name)
