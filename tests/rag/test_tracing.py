"""Spans of answers, recorded by OpenTelemetry's own exporter for tests."""

import json

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from rag.errors import GeneratorError
from rag.pipeline import RAG
from rag.settings import load_settings

TEXTS = [("tower.txt", "The Eiffel Tower is 330 metres tall."), ("bridge.txt", "The bridge was opened in 1937.")]
QUESTION = "How tall is the Eiffel Tower?"
REPLY = "The Eiffel Tower is 330 metres tall [1]."


@pytest.fixture
def make(tmp_path, fake_encoder, scripted):
    opened = []

    def make_rag(*replies, **changes):
        settings = load_settings(library=tmp_path / "library", sample=False, **changes)
        rag = RAG(settings, encoder=fake_encoder, engine=scripted(*replies))
        rag.library.add_texts(TEXTS)
        opened.append(rag)
        return rag

    yield make_rag
    for rag in opened:
        rag.close()


def named(spans, name):
    (span,) = [span for span in spans() if span.name == name]
    return span


def test_an_answer_its_stages_and_the_generators_calls_are_spans(make, spans):
    answer = make(REPLY).ask(QUESTION)
    assert not answer.abstained
    whole = named(spans, "invoke_workflow isthmus")
    stages = [span for span in spans() if span.parent and span.parent.span_id == whole.context.span_id]
    assert {span.name for span in stages} == set(answer.timings) - {"total", "first_token"}
    call = named(spans, "chat scripted")
    assert call.parent.span_id == named(spans, "generate").context.span_id
    assert call.attributes["gen_ai.operation.name"] == "chat"
    assert call.attributes["gen_ai.request.model"] == "scripted"
    assert call.attributes["gen_ai.request.stream"] is True
    assert whole.attributes["isthmus.language"] == "en"
    assert whole.attributes["isthmus.abstained"] is False


def test_no_text_is_in_a_span(make, spans):
    make(REPLY).ask(QUESTION)
    recorded = "".join(span.to_json() for span in spans())
    assert "chat scripted" in recorded
    assert "Eiffel" not in recorded


def test_texts_are_recorded_if_they_are_asked_for(make, spans):
    answer = make(REPLY, record_texts=True).ask(QUESTION)
    whole, call = named(spans, "invoke_workflow isthmus"), named(spans, "chat scripted")
    assert json.loads(whole.attributes["gen_ai.input.messages"])[0]["parts"][0]["content"] == QUESTION
    assert json.loads(whole.attributes["gen_ai.output.messages"])[0]["parts"][0]["content"] == answer.text
    assert QUESTION in json.loads(call.attributes["gen_ai.input.messages"])[-1]["parts"][0]["content"]
    assert json.loads(call.attributes["gen_ai.output.messages"])[0]["parts"][0]["content"].strip() == REPLY


def test_an_error_fails_its_spans_without_its_words(make, spans):
    with pytest.raises(GeneratorError):
        make(GeneratorError(f"It did not accept {QUESTION}")).ask(QUESTION)
    for name in ("invoke_workflow isthmus", "chat scripted"):
        span = named(spans, name)
        assert span.status.status_code is StatusCode.ERROR
        assert span.attributes["error.type"] == "GeneratorError"
    assert "Eiffel" not in "".join(span.to_json() for span in spans())


def test_an_answer_that_is_given_up_ends_its_spans(make, spans):
    answers = make(REPLY).stream(QUESTION)
    while not next(answers).text:
        pass
    answers.close()
    assert named(spans, "chat scripted").parent.span_id == named(spans, "unfinished").context.span_id
    assert named(spans, "invoke_workflow isthmus").status.status_code is StatusCode.UNSET
    assert not trace.get_current_span().is_recording()
