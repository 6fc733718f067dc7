"""The same contract for the real engines: both embedded runtimes, and vLLM."""

import contextlib
import json
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import numpy as np
import pytest

from prompts import load_prompt
from rag.answering.reader import question_pmi
from rag.answering.rendering import is_quotation
from rag.errors import GeneratorError, NoProbabilitiesError
from rag.generation.client import ChatClient
from rag.generation.embedded import embedded_file, open_llama_cpp, open_openvino
from rag.generation.language_check import is_in_language
from rag.generation.reranking import GeneratorReranker
from rag.generation.tracing import TracedEngine
from rag.pipeline import RAG
from rag.settings import load_settings
from retriever.models.processor import has_quick_bf16
from retriever.types import Passage, Query
from tests.conftest import unused_port

pytestmark = pytest.mark.slow

PASSAGES = "[1] The University of Bologna was founded in 1088.\n[2] The Danube is 2,850 kilometres long."
VLLM_MODEL = "1.5b" if has_quick_bf16() else "0.5b"
"""In vLLM the 1.5B takes 12 GB and a minute for a prompt where the processor has no bf16."""
ARTICLES = {
    "bologna.txt": "The University of Bologna was founded in 1088. It is the oldest university in the world.",
    "danube.txt": "The Danube is 2,850 kilometres long and flows into the Black Sea.",
    "coffee.txt": "Coffee comes from Ethiopia. Brazil grows the most coffee.",
}


@pytest.fixture(scope="module")
def openvino(cache):
    settings = load_settings(cache=cache)
    with contextlib.closing(open_openvino(embedded_file(settings), settings, 1.5e9)) as engine:
        yield engine


@pytest.fixture(scope="module")
def llama_cpp(cache):
    settings = load_settings(cache=cache)
    with contextlib.closing(open_llama_cpp(embedded_file(settings), settings)) as engine:
        yield engine


@pytest.fixture(scope="module")
def vllm_url(command, tmp_path_factory):
    """A real vLLM server, as `isthmus serve` runs it; started once."""
    folder = tmp_path_factory.mktemp("serve")
    port = unused_port()
    log = folder / "log"
    with log.open("wb") as errors:
        server = subprocess.Popen(
            **command("serve", "--model", VLLM_MODEL, "--port", str(port), "--json"),
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=folder,
        )
    try:
        first_lines = b"".join(server.stdout.readline() for _ in range(3))  # the endpoint, once it is healthy
        assert first_lines, log.read_text()
        yield json.loads(first_lines)["endpoint"]
    finally:
        server.terminate()
        exit_code = server.wait(120)
    assert exit_code == 0, log.read_text()
    assert "Stopped." in log.read_text()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture(params=["openvino", "llama_cpp", "vllm"])
def engine(request):
    if request.param != "vllm":
        return request.getfixturevalue(request.param)
    return ChatClient(request.getfixturevalue("vllm_url"), model=None, api_key="none", timeout=300)


def writes_languages(engine) -> bool:
    """Whether the model is the 1.5B; the 0.5B answers in the passages' language at times."""
    return not isinstance(engine, ChatClient) or (engine.parameters or 0) > 1e9


def test_streams_an_answer_in_the_language_asked_for(engine):
    messages = load_prompt("answer", "ro").messages(
        system="brief", passages=PASSAGES, question="Când a fost fondată Universitatea din Bologna?"
    )
    pieces = list(engine.stream(messages, max_tokens=60))
    assert len(pieces) > 1
    assert "1088" in "".join(pieces)
    if writes_languages(engine):
        assert is_in_language("".join(pieces), "ro")


def test_max_tokens_and_cancel(engine):
    messages = [{"role": "user", "content": "Count from 1 to 200 in words."}]
    assert len(list(engine.stream(messages, max_tokens=5))) <= 6
    stream = engine.stream(messages, max_tokens=400)
    next(stream)
    stream.close()
    assert list(engine.stream(messages, max_tokens=3))


def test_a_recorded_answer_tells_its_tokens(engine, spans):
    completion = TracedEngine(engine, record_texts=False).answer(
        [{"role": "user", "content": "Count from 1 to 200 in words."}], max_tokens=6
    )
    (span,) = spans()
    assert completion.text
    assert 1 <= span.attributes["gen_ai.usage.output_tokens"] <= 6


def test_the_likeliest_first_words_tell_a_passage_that_answers(engine):
    sum_question = [{"role": "user", "content": "What is 1 + 1? Answer with one digit."}]
    two, seven, again = engine.choice_logprobs(sum_question, ["2", "7", "2"])
    assert seven < two <= 0
    assert again == pytest.approx(two, abs=0.3)
    passages = [
        Passage(str(n), "d", "", text, None, 0, len(text), "en")
        for n, text in enumerate(["The first coffee house of Vienna opened in 1685.", "Tea comes from China."])
    ]
    right, wrong = GeneratorReranker(lambda: engine).scores(
        Query("În ce an s-a deschis prima cafenea din Viena?", "ro", np.zeros(2, dtype=np.float32)), passages
    )
    assert 0 <= wrong < right <= 1


def test_a_passage_tells_of_the_question_that_it_answers(engine):
    passage = Passage("1", "d", "", "The first coffee house of Vienna opened in 1685.", None, 0, 48, "en")
    questions = ("În ce an s-a deschis prima cafenea din Viena?", "ภาษาใดมีผู้พูดมากที่สุดในอินเดีย")
    queries = [
        Query(text, language, np.zeros(2, dtype=np.float32))
        for text, language in zip(questions, ("ro", "th"), strict=True)
    ]
    if engine.provider == "llama.cpp":
        with pytest.raises(NoProbabilitiesError):
            question_pmi(engine, queries[0], passage)
        return
    answered, other = (question_pmi(engine, query, passage) for query in queries)
    assert answered > 5
    assert answered > other + 5
    assert question_pmi(engine, queries[0], passage) == pytest.approx(answered, abs=3)


def test_a_text_of_several_tokens_is_less_probable_than_its_first(engine):
    asked = [{"role": "user", "content": "Name the capital of France in one sentence."}]
    if engine.provider == "llama.cpp":
        with pytest.raises(NoProbabilitiesError):
            engine.text_logprob(asked, "The capital of France is Paris.")
        return
    (first,) = engine.choice_logprobs(asked, ["The"])
    likely = engine.text_logprob(asked, "The capital of France is Paris.")
    unlikely = engine.text_logprob(asked, "The capital of France is Ulaanbaatar.")
    assert unlikely + 3 < likely <= first + 0.1


def test_an_answer_tells_how_probable_its_tokens_are(engine):
    completion = engine.answer([{"role": "user", "content": "What is 1 + 1? Answer with one digit."}], max_tokens=8)
    assert "2" in completion.text
    assert 1 <= len(completion.logprobs) <= 8
    assert all(logprob <= 0.01 for logprob in completion.logprobs)
    assert engine.small


def test_several_ask_at_once(engine):
    questions = [f"How many is {number} + 1? Answer with digits alone." for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda text: engine.answer([{"role": "user", "content": text}], max_tokens=8).text, questions)
        )
    assert [str(number + 1) in answer for number, answer in enumerate(answers)] == [True] * 4


def test_an_openvino_process_that_dies_is_named_and_started_again(openvino):
    question = [{"role": "user", "content": "Count from 1 to 200 in words."}]
    stream = openvino.stream(question, max_tokens=400)
    next(stream)
    openvino._process._popen.kill()
    with pytest.raises(GeneratorError, match="ended while it answered"):
        list(stream)
    assert list(openvino.stream(question, max_tokens=3))


def test_nothing_of_the_working_folder_is_imported(cache, tmp_path):
    for name in ("json.py", "rag.py", "openvino_genai.py"):
        (tmp_path / name).write_text("raise SystemExit('a stranger ran')", encoding="utf-8")
    settings = load_settings(cache=cache)  # the tests' working folder is tmp_path
    with contextlib.closing(open_openvino(embedded_file(settings), settings, 1.5e9)) as engine:
        assert engine.answer([{"role": "user", "content": "Say yes."}], max_tokens=3).text


def test_openvino_keeps_to_the_time_limit(openvino, monkeypatch):
    monkeypatch.setattr(openvino, "_timeout", 0.2)
    with pytest.raises(GeneratorError, match=r"longer than 0\.2 seconds"):
        list(openvino.stream([{"role": "user", "content": "Count from 1 to 200 in words."}], max_tokens=400))


def test_a_prompt_beyond_the_context_is_a_clear_error(engine):
    with pytest.raises(GeneratorError, match="longer than the generator's context"):
        list(engine.stream([{"role": "user", "content": "word " * 6000}], max_tokens=5))


def test_the_command_finds_the_server_by_itself(vllm_url, command, tmp_path):
    (tmp_path / "bologna.txt").write_text(ARTICLES["bologna.txt"], encoding="utf-8")
    port = str(urlsplit(vllm_url).port)
    for arguments in (["add", "bologna.txt"], ["ask", "Wann wurde die Universität Bologna gegründet?", "--json"]):
        line = command(*arguments, ISTHMUS_LIBRARY=str(tmp_path / "library"), ISTHMUS_SERVE_PORT=port)
        done = subprocess.run(**line, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert "vLLM on this machine" in answer["generator"]
    assert "1088" in answer["text"]


@pytest.mark.parametrize(
    ("question", "language", "expected"),
    [
        ("Când a fost fondată Universitatea din Bologna?", "ro", "1088"),
        ("Wann wurde die Universität Bologna gegründet?", "de", "1088"),
    ],
)
def test_rag_answers_with_a_citation(engine, settings, encoder, question, language, expected):
    rag = RAG(settings, encoder=encoder, engine=engine)
    try:
        rag.library.add_texts(list(ARTICLES.items()))
        answer = rag.ask(question)
    finally:
        rag.library.close()
    assert answer.language == language
    assert expected in answer.text
    assert is_in_language(answer.text, language) or (
        not writes_languages(engine) and is_quotation(answer.text, language)
    )
    assert any(expected in citation.quote for citation in answer.citations)
    assert not answer.abstained
    assert answer.timings["first_token"] <= answer.timings["total"]
