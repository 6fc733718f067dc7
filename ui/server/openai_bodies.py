"""Answers in the form of OpenAI's chat completions and responses."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rag.generation.citation_marks import MARK, cited_numbers
from retriever.errors import IsthmusError
from ui.server.schemas import AnswerOut


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat completion that is to be: its id, the time in seconds since 1970, and the model."""

    id: str
    created: int
    model: str

    def completion(self, answer: AnswerOut) -> dict[str, Any]:
        """The whole completion."""
        message = {"role": "assistant", "content": answer.text, "refusal": None, "annotations": _annotations(answer)}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        return {**self._head("chat.completion"), "choices": [choice], "isthmus": _extras(answer)}

    def chunks(self, answer: AnswerOut) -> Iterator[dict[str, Any]]:
        """The same as chunks of a stream; the last one has the key `isthmus`."""
        yield self._chunk({"role": "assistant", "content": answer.text, "annotations": _annotations(answer)})
        yield {**self._chunk({}, finish_reason="stop"), "isthmus": _extras(answer)}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}


@dataclass(frozen=True, slots=True)
class Response:
    """A response that is to be: its id, the time in seconds since 1970, and the model."""

    id: str
    created: int
    model: str

    def completed(self, question: str, answer: AnswerOut) -> dict[str, Any]:
        """The whole response: the search's results, and the message."""
        output = [self._search(question, answer), self._message(answer)]
        return {**self._response("completed"), "output": output, "isthmus": _extras(answer)}

    def created_event(self) -> dict[str, Any]:
        """The first event of a stream."""
        return {"type": "response.created", "sequence_number": 0, "response": self._response("in_progress")}

    def events(self, question: str, answer: AnswerOut) -> Iterator[dict[str, Any]]:
        """The events of a stream after the first, in order."""
        for number, event in enumerate(self._events(question, answer), start=1):
            yield {**event, "sequence_number": number}

    def failed_event(self, error: IsthmusError) -> dict[str, Any]:
        """The last event of a stream whose question could not be answered."""
        failure = {"code": "server_error", "message": str(error)}
        return {
            "type": "response.failed",
            "sequence_number": 1,
            "response": {**self._response("failed"), "error": failure},
        }

    def _events(self, question: str, answer: AnswerOut) -> Iterator[dict[str, Any]]:
        search, message = self._search(question, answer), self._message(answer)
        part = message["content"][0]
        empty = {**message, "content": [], "status": "in_progress"}
        place = {"item_id": message["id"], "output_index": 1, "content_index": 0}
        yield {"type": "response.output_item.added", "output_index": 0, "item": search}
        yield {"type": "response.output_item.done", "output_index": 0, "item": search}
        yield {"type": "response.output_item.added", "output_index": 1, "item": empty}
        yield {"type": "response.content_part.added", **place, "part": {**part, "text": "", "annotations": []}}
        yield {"type": "response.output_text.delta", **place, "delta": answer.text, "logprobs": []}
        for number, annotation in enumerate(part["annotations"]):
            kind = "response.output_text.annotation.added"
            yield {"type": kind, **place, "annotation_index": number, "annotation": annotation}
        yield {"type": "response.output_text.done", **place, "text": answer.text, "logprobs": []}
        yield {"type": "response.content_part.done", **place, "part": part}
        yield {"type": "response.output_item.done", "output_index": 1, "item": message}
        yield {"type": "response.completed", "response": self.completed(question, answer)}

    def _response(self, status: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "model": self.model,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "output": [],
            "parallel_tool_calls": False,
            "tool_choice": "none",
            "tools": [],
        }

    def _search(self, question: str, answer: AnswerOut) -> dict[str, Any]:
        results = [
            {
                "file_id": citation.passage.document_id,
                "filename": citation.passage.title,
                "score": citation.score,
                "text": citation.passage.text,
                "attributes": {"url": citation.url, "quote": citation.quote, "passage": citation.passage.id},
            }
            for citation in answer.citations
        ]
        return {
            "id": self.id.replace("resp_", "fs_"),
            "type": "file_search_call",
            "status": "completed",
            "queries": [question],
            "results": results,
        }

    def _message(self, answer: AnswerOut) -> dict[str, Any]:
        annotations = [{"type": "url_citation", **citation} for citation in _url_citations(answer)]
        text = {"type": "output_text", "text": answer.text, "annotations": annotations, "logprobs": []}
        return {
            "id": self.id.replace("resp_", "msg_"),
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [text],
        }


def _annotations(answer: AnswerOut) -> list[dict[str, Any]]:
    """The citations as a message of a chat completion has them."""
    return [{"type": "url_citation", "url_citation": citation} for citation in _url_citations(answer)]


def _url_citations(answer: AnswerOut) -> list[dict[str, Any]]:
    """Each mark [number] in the text: its place, and the title and address of the passage."""
    cited = {citation.number: citation for citation in answer.citations if citation.used}
    return [
        {
            "start_index": mark.start(),
            "end_index": mark.end(),
            "url": cited[number].url,
            "title": cited[number].passage.title,
        }
        for mark in MARK.finditer(answer.text)
        for number in cited_numbers(mark[0])
        if number in cited
    ]


def _extras(answer: AnswerOut) -> dict[str, Any]:
    """What OpenAI's answers have no place for."""
    return answer.model_dump(mode="json", exclude={"text"})
