"""Dify's external knowledge: Dify searches here and answers itself."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from retriever.types import Hit
from ui.server.schemas import source_url
from ui.server.services import OriginOf, ViewOf

router = APIRouter(tags=["Dify"])


class RetrievalSetting(BaseModel):
    """How many records Dify wants, and the least score of each."""

    top_k: int = Field(5, ge=1, le=50)
    score_threshold: float = 0.0


class RetrievalBody(BaseModel):
    """A search; `knowledge_id` is a collection's name."""

    knowledge_id: str
    query: str
    retrieval_setting: RetrievalSetting = RetrievalSetting(top_k=5)


@router.post("/retrieval")
def retrieval(body: RetrievalBody, view: ViewOf, origin: OriginOf) -> dict[str, list[dict[str, Any]]]:
    """The passages that fit a query best. A record's score is the cosine of query and passage, 0 if it is negative."""
    with view.use(body.knowledge_id) as rag:
        hits = rag.search(body.query, body.retrieval_setting.top_k)
    records = [_record(hit, source_url(origin, body.knowledge_id, hit.passage)) for hit in hits]
    return {"records": [r for r in records if r["score"] >= body.retrieval_setting.score_threshold]}


def _record(hit: Hit, url: str) -> dict[str, Any]:
    passage = hit.passage
    metadata = {"url": url, "passage": passage.id, "document": passage.document_id, "language": passage.language}
    return {
        "content": passage.text,
        "title": passage.title,
        "score": min(max(hit.dense or 0.0, 0.0), 1.0),
        "metadata": metadata,
    }
