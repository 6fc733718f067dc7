"""A document's passages as a page, which citations lead to; the evidence is marked."""

from html import escape
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from retriever.errors import NotFoundError
from retriever.types import Passage
from ui.server.services import ViewOf
from ui.state.types import LIBRARY

router = APIRouter(tags=["sources"])

NEIGHBOURS = 5
"""Passages that are shown before and after the one asked for."""


@router.get("/sources/{document}", response_class=HTMLResponse)
def source(
    document: str,
    passage: str,
    view: ViewOf,
    collection: str = LIBRARY,
    start: Annotated[int, Query(ge=0)] = 0,
    end: Annotated[int, Query(ge=0)] = 0,
) -> HTMLResponse:
    """A passage among its neighbours, its characters [start, end) marked."""
    with view.use(collection) as rag:
        shown = rag.passage(passage)
        if shown.document_id != document:
            raise NotFoundError("That passage is not in that document; search again.")
        ids = rag.library.collection.documents.passage_ids(document)
        place = ids.index(passage) if passage in ids else 0
        around = ids[max(place - NEIGHBOURS, 0) : place + NEIGHBOURS + 1]
        passages = {**rag.library.collection.passages(around), passage: shown}
    texts = [_paragraph(text, (start, end) if id_ == passage else (0, 0)) for id_, text in passages.items()]
    title = escape(shown.title)
    head = f'<!doctype html><html lang="{escape(shown.language)}"><meta charset="utf-8"><title>{title}</title>'
    style = "<style>body{max-width:45rem;margin:2rem auto;font:1rem/1.6 sans-serif;padding:0 1rem}</style>"
    return HTMLResponse(f'{head}{style}<h1 dir="auto">{title}</h1>{"".join(texts)}</html>')


def _paragraph(passage: Passage, marked: tuple[int, int]) -> str:
    start, end = marked
    text = passage.text
    body = escape(text)
    if start < end:
        body = f"{escape(text[:start])}<mark>{escape(text[start:end])}</mark>{escape(text[end:])}"
    return f'<p dir="auto" lang="{escape(passage.language)}">{body}</p>'
