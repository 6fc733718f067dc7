"""The OpenAI protocol, by OpenAI's own client and LangChain's."""

import openai
import pytest
from langchain.chat_models import init_chat_model

from rag.errors import GeneratorError
from tests.ui.server.conftest import TEXTS

QUESTION = "When was the Golden Gate Bridge opened?"
ANSWER = f"{TEXTS['bridge.txt'].removesuffix('.')} [1]."


@pytest.fixture(scope="module")
def client(server):
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)


def messages(*texts: str) -> list[dict[str, str]]:
    roles = ("user", "assistant") * len(texts)
    return [
        {"role": "system", "content": "Be brief."},
        *({"role": r, "content": t} for r, t in zip(roles, texts, strict=False)),
    ]


def test_collections_are_models(client):
    assert [model.id for model in client.models.list()] == ["library"]
    assert client.models.retrieve("library").owned_by == "isthmus"
    with pytest.raises(openai.NotFoundError, match="No collection is called 'gpt-5'; there are: library"):
        client.models.retrieve("gpt-5")


def test_a_completion_has_annotations_where_the_marks_are(client, server):
    completion = client.chat.completions.create(model="library", messages=messages(QUESTION))
    (choice,) = completion.choices
    text = choice.message.content
    assert choice.finish_reason == "stop"
    assert text == server.collections.library.ask(QUESTION).text
    citation = choice.message.annotations[0].url_citation
    assert text[citation.start_index : citation.end_index].strip() == "[1]"
    assert citation.title == "bridge"
    assert f"<mark>{TEXTS['bridge.txt']}</mark>" in server.http.get(citation.url).text
    assert completion.isthmus["language"] == "en"
    assert completion.isthmus["abstained"] is False
    assert completion.isthmus["citations"][0]["quote"] == TEXTS["bridge.txt"]


def test_a_streamed_completion_is_the_same(client):
    whole = client.chat.completions.create(model="library", messages=messages(QUESTION))
    chunks = list(client.chat.completions.create(model="library", messages=messages(QUESTION), stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole.choices[0].message.content
    annotations = whole.choices[0].message.annotations
    assert chunks[0].choices[0].delta.annotations == [annotation.model_dump() for annotation in annotations]
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].isthmus["citations"] == whole.isthmus["citations"]


def test_parts_of_a_message_are_read(client):
    parts = [{"type": "text", "text": QUESTION}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    completion = client.chat.completions.create(model="library", messages=[{"role": "user", "content": parts}])
    assert completion.choices[0].message.annotations


def test_language_and_time_come_under_a_key_of_their_own(client):
    with pytest.raises(openai.BadRequestError, match="'xx'"):
        client.chat.completions.create(
            model="library", messages=messages(QUESTION), extra_body={"isthmus": {"language": "xx"}}
        )


@pytest.mark.parametrize("stream", [False, True])
def test_errors_reach_the_client_as_such(client, server, stream):
    server.engine.error = GeneratorError("The generator is gone; start it again.")
    with pytest.raises(openai.APIError, match="The generator is gone"):
        list(client.chat.completions.create(model="library", messages=messages(QUESTION), stream=stream))
    server.engine.error = None


def test_a_conversation_must_end_with_a_question(client):
    with pytest.raises(openai.BadRequestError, match="The last message must be the user's question"):
        client.chat.completions.create(model="library", messages=messages(QUESTION, ANSWER))


def test_a_response_has_the_passages_as_a_file_search(client, server):
    response = client.responses.create(model="library", input=QUESTION)
    assert response.output_text == server.collections.library.ask(QUESTION).text
    search, message = response.output
    assert search.queries == [QUESTION]
    assert search.results[0].filename == "bridge"
    assert search.results[0].text == TEXTS["bridge.txt"]
    annotation = message.content[0].annotations[0]
    assert response.output_text[annotation.start_index : annotation.end_index].strip() == "[1]"
    assert response.isthmus["abstained"] is False


def test_a_streamed_response_is_the_same(client):
    whole = client.responses.create(model="library", input=messages(QUESTION))
    with client.responses.stream(model="library", input=messages(QUESTION)) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds[0] == "response.created"
    assert "response.output_text.annotation.added" in kinds
    assert kinds[-1] == "response.completed"
    assert final.output_text == whole.output_text
    assert final.output[1].content[0].annotations[0].title == "bridge"


def test_a_streamed_response_that_fails_says_so(client, server):
    server.engine.error = GeneratorError("The generator is gone; start it again.")
    events = list(client.responses.create(model="library", input=QUESTION, stream=True))
    server.engine.error = None
    assert events[-1].type == "response.failed"
    assert events[-1].response.error.message == "The generator is gone; start it again."


def test_langchains_client_works_unchanged(server):
    model = init_chat_model("library", model_provider="openai", base_url=f"{server.url}/v1", api_key="none")
    assert "1937" in model.invoke(QUESTION).text
    assert "1937" in "".join(chunk.text for chunk in model.stream(QUESTION))
