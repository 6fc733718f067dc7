"""The chat tab: question, streamed answer, sources."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from html import escape, unescape
from typing import Any

import gradio as gr

from prompts import languages
from rag.pipeline import RAG
from rag.settings import TimeMode
from rag.types import Answer, AskOptions, Citation, Turn
from retriever.errors import IsthmusError
from retriever.languages.locales import native_name
from retriever.languages.normalization import replace_surrogates
from ui.answering.answering import Answering, Questions
from ui.page import cards
from ui.page.access import questions_of
from ui.page.strings import strings_for
from ui.state.collections import Collections

Messages = list[dict[str, Any]]

EXAMPLES = [
    "Când a fost fondată Universitatea din Bologna?",
    "Wie hoch ist der Eiffelturm?",
    "Quand le canal de Panama a-t-il été ouvert ?",
    "¿Quién descubrió la penicilina?",
    "ताजमहल किसने बनवाया?",
    "متى افتتحت قناة السويس؟",
    "ใครเป็นผู้ประดิษฐ์แท่นพิมพ์",
    "长城有多长？",
    "Когда был запущен первый спутник?",
    "Which language has the most native speakers?",
]


def build(collections: Collections, answering: Answering, collection: gr.Dropdown, t: Any) -> None:
    """Lay out the tab; `collection` is the choice of one, `t` translates a string's key into the browser's language."""
    settings = collections.library.settings
    language_choices = [(t("automatic"), ""), *((native_name(code), code) for code in languages())]
    with gr.Row():
        with gr.Column(scale=3):
            conversation = gr.Chatbot(
                show_label=False, height=460, render_markdown=False, elem_id="conversation", buttons=["copy"]
            )
            with gr.Row(elem_id="question-row"):
                question = gr.Textbox(
                    placeholder=t("ask_placeholder"),
                    label=t("ask_placeholder"),
                    show_label=False,
                    lines=1,
                    max_lines=4,
                    scale=6,
                    elem_id="question",
                )
                send = gr.Button(t("send"), variant="primary", scale=1, min_width=80, elem_id="send")
                stop = gr.Button(t("stop"), scale=1, min_width=80, elem_id="stop")
            with gr.Row():
                language = gr.Dropdown(
                    language_choices, value="", label=t("answer_language"), scale=2, elem_id="language"
                )
                time_modes = [(t("automatic"), "auto"), (t("on"), "on"), (t("off"), "off")]
                time = gr.Dropdown(time_modes, value=settings.time, label=t("time_mode"), scale=2, elem_id="time")
                clear = gr.Button(t("clear"), scale=1, min_width=80)
            examples = gr.Dataset(
                components=[gr.Textbox(visible=False)],
                samples=[[example] for example in EXAMPLES],
                label=t("examples"),
                type="values",
            )
            generator = gr.HTML(cards.note(settings.generator), elem_id="generator")
        with gr.Column(scale=2, min_width=280):
            gr.Markdown(t("sources"))
            sources = gr.HTML(elem_id="sources")
            translate = gr.Button(t("translate"), visible=False, size="sm", elem_id="translate")
            shown = gr.State()

    def add_question(text: str, messages: Messages) -> tuple[str, Messages]:
        if not text.strip():
            return "", messages
        return "", [*messages, {"role": "user", "content": escape(replace_surrogates(text))}]

    async def answer(
        name: str, messages: Messages, language: str, time: TimeMode, request: gr.Request
    ) -> AsyncIterator[tuple[Messages, str, Answer | None, Any]]:
        words = strings_for(request)
        questions = questions_of(answering, collections, request)
        options: AskOptions = {"language": language or None, "time": time}
        async with contextlib.aclosing(_answer(questions, name, messages, options)) as answers:
            async for so_far, finished in answers:
                is_foreign = finished is not None and bool(_in_other_languages(finished))
                panel = cards.sources(finished, words) if finished else ""
                yield so_far, panel, finished, gr.update(visible=is_foreign)

    def translate_quotes(answer: Answer, request: gr.Request) -> Iterator[tuple[str, Any]]:
        yield from ((panel, gr.update(visible=False)) for panel in _translate(collections.library, answer, request))

    def drop_answer(messages: Messages, data: gr.RetryData) -> Messages:
        return messages[: data.index + 1] if isinstance(data.index, int) else messages

    # What can be cancelled is triggered "multiple" times: "once" ignores the first event after a cancelled one.
    translation = translate.click(
        translate_quotes, shown, [sources, translate], trigger_mode="multiple", api_visibility="private"
    )
    question_fields = [question, conversation]
    answer_step: dict[str, Any] = {
        "fn": answer,
        "inputs": [collection, conversation, language, time],
        "outputs": [conversation, sources, shown, translate],
        "trigger_mode": "multiple",
        "concurrency_limit": None,  # questions wait in the queue of all ways in
        "api_visibility": "private",
    }
    question_step: dict[str, Any] = {
        "fn": add_question,
        "inputs": question_fields,
        "outputs": question_fields,
        "cancels": translation,
        "queue": False,
        "api_visibility": "private",
    }
    example = examples.click(lambda row: row[0], examples, question, queue=False, api_visibility="private")
    retry = conversation.retry(
        drop_answer, conversation, conversation, cancels=translation, queue=False, api_visibility="private"
    )
    answer_events = [
        translation,
        question.submit(**question_step).then(**answer_step),
        send.click(**question_step).then(**answer_step),
        example.then(**question_step).then(**answer_step),
        retry.then(**answer_step),
    ]
    stop.click(None, cancels=answer_events)
    clear.click(
        lambda: ([], "", None, gr.update(visible=False)),
        None,
        answer_step["outputs"],
        cancels=answer_events,
        queue=False,
        api_visibility="private",
    )

    def generator_state(request: gr.Request) -> Iterator[str]:
        words = strings_for(request)
        yield cards.note(f"{words['generator']}: {words['starting']}")
        try:
            yield cards.note(f"{words['generator']}: {collections.library.engine.label}")
        except IsthmusError as error:
            yield cards.note(str(error))

    gr.on(None, generator_state, None, generator, api_visibility="private")


async def _answer(
    questions: Questions, name: str, messages: Messages, options: AskOptions
) -> AsyncGenerator[tuple[Messages, Answer | None], None]:
    """Stream the answer to the last message as the whole conversation, at the end with the finished answer.

    Each answer replaces the one before; the last has been checked against the sources.
    """
    turns = [Turn(message["role"], message_text(message)) for message in messages]
    if not turns or turns[-1].role != "user":
        return
    conversation: Messages = [{"role": turn.role, "content": escape(turn.text)} for turn in turns]
    yield [*conversation, {"role": "assistant", "content": "…"}], None  # it may wait for its turn
    try:
        options["history"] = turns[:-1]
        async with contextlib.aclosing(questions.stream(turns[-1].text, name, options)) as answers:
            async for answer in answers:
                reply = {"role": "assistant", "content": escape(answer.text) or "…"}
                yield [*conversation, reply], answer if answer.final else None
    except IsthmusError as error:
        yield [*conversation, {"role": "assistant", "content": f"⚠ {escape(str(error))}"}], None


def _in_other_languages(answer: Answer) -> list[Citation]:
    """The citations of an answer whose words are not in its language."""
    return [citation for citation in answer.citations if citation.passage.language != answer.language]


def _translate(rag: RAG, answer: Answer, request: gr.Request) -> Iterator[str]:
    """The sources of an answer with the quoted words' translations, one more each time, or what went wrong."""
    words = strings_for(request)
    translations: dict[int, str | None] = {}
    try:
        for citation in _in_other_languages(answer):
            translations[citation.number] = rag.translate(citation.quote, answer.language)
            yield cards.sources(answer, words, translations)
    except IsthmusError as error:
        yield f"{cards.failure(str(error))}{cards.sources(answer, words, translations)}"


def message_text(message: dict[str, Any]) -> str:
    """The text of a Gradio message, whose content is a string or a list of blocks, of which only text counts.

    Gradio shows a message as HTML even without Markdown, so the chat holds escaped messages; this unescapes them.
    """
    content = message["content"]
    blocks = [content] if isinstance(content, str) else [block["text"] for block in content if "text" in block]
    return replace_surrogates(unescape("\n".join(blocks)))
