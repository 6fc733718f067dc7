"""The chat tab: question, streamed answer, sources."""

import contextlib
from collections.abc import Iterator
from html import escape, unescape
from typing import Any

import gradio as gr

from prompts import languages
from rag.pipeline import RAG
from rag.settings import TimeMode
from rag.types import AskOptions, Turn
from retriever.errors import IsthmusError
from retriever.languages.locales import native_name
from ui.page import cards
from ui.page.strings import strings_for

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


def build(rag: RAG, t: Any) -> None:
    """Lay out the tab; `t` gives the browser's language of a string by key."""
    automatic = (t("automatic"), "")
    choices = [automatic, *((native_name(code), code) for code in languages())]
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
                language = gr.Dropdown(choices, value="", label=t("answer_language"), scale=2, elem_id="language")
                modes = [(t("automatic"), "auto"), (t("on"), "on"), (t("off"), "off")]
                time = gr.Dropdown(modes, value=rag.settings.time, label=t("time_mode"), scale=2, elem_id="time")
                clear = gr.Button(t("clear"), scale=1, min_width=80)
            examples = gr.Dataset(
                components=[gr.Textbox(visible=False)],
                samples=[[e] for e in EXAMPLES],
                label=t("examples"),
                type="values",
            )
            state = gr.HTML(f'<p class="note">{rag.settings.generator}</p>', elem_id="generator")
        with gr.Column(scale=2, min_width=280):
            gr.Markdown(t("sources"))
            panel = gr.HTML(elem_id="sources")

    def put(text: str, messages: Messages) -> tuple[str, Messages]:
        if not text.strip():
            return "", messages
        return "", [*messages, {"role": "user", "content": escape(text)}]

    def answer(messages: Messages, wanted: str, time: TimeMode, request: gr.Request) -> Iterator[tuple[Messages, str]]:
        yield from _answer(rag, messages, {"language": wanted or None, "time": time}, request)

    def again(messages: Messages, data: gr.RetryData) -> Messages:
        return messages[: data.index + 1] if isinstance(data.index, int) else messages

    asked = [question, conversation]
    replied = {
        "fn": answer,
        "inputs": [conversation, language, time],
        "outputs": [conversation, panel],
        "api_visibility": "private",
    }
    running = []
    for trigger in (question.submit, send.click):
        event = trigger(put, asked, asked, queue=False, api_visibility="private")
        running.append(event.then(**replied))
    chosen = examples.click(lambda row: row[0], examples, question, queue=False, api_visibility="private")
    running.append(chosen.then(put, asked, asked, queue=False, api_visibility="private").then(**replied))
    running.append(
        conversation.retry(again, conversation, conversation, queue=False, api_visibility="private").then(**replied)
    )
    stop.click(None, cancels=running)
    clear.click(lambda: ([], ""), None, [conversation, panel], cancels=running, queue=False, api_visibility="private")

    def engine_state(request: gr.Request) -> Iterator[str]:
        words = strings_for(request)
        yield _note(f"{words['generator']}: {words['starting']}")
        try:
            yield _note(f"{words['generator']}: {rag.engine.label}")
        except IsthmusError as error:
            yield _note(str(error))

    gr.on(None, engine_state, None, state, api_visibility="private")


def _answer(rag: RAG, messages: Messages, wishes: AskOptions, request: gr.Request) -> Iterator[tuple[Messages, str]]:
    """Stream the answer to the last message; the text is replaced by the checked one at the end."""
    words = strings_for(request)
    turns = [Turn(message["role"], text_of(message)) for message in messages]
    if not turns or turns[-1].role != "user":
        return
    try:
        wishes["history"] = turns[:-1]
        stream = rag.stream(turns[-1].text, **wishes)
        with contextlib.closing(stream) as answers:
            for answer in answers:
                reply = {"role": "assistant", "content": escape(answer.text) or "…"}
                yield [*messages, reply], cards.sources(answer, words) if answer.final else ""
    except IsthmusError as error:
        yield [*messages, {"role": "assistant", "content": f"⚠ {escape(str(error))}"}], ""


def text_of(message: dict[str, Any]) -> str:
    """The text of a Gradio message, whose content is a string or a list of blocks.

    Gradio shows a message as HTML even without Markdown, so messages are kept escaped, and unescaped here.
    """
    content = message["content"]
    if isinstance(content, str):
        return unescape(content)
    blocks = (str(block.get("text", "")) if isinstance(block, dict) else str(block) for block in content)
    return unescape("\n".join(blocks))


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'
