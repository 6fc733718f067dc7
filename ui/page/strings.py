"""The page's strings: one file a language in `i18n`, chosen by the browser's languages."""

import functools
import json
from importlib.resources import files

import gradio as gr
from starlette.requests import Request

from ui.answering.request_context import preferred_languages

FALLBACK = "en"


@functools.cache
def translations() -> dict[str, dict[str, str]]:
    """Strings by language and key."""
    entries = sorted(files("ui").joinpath("page", "i18n").iterdir(), key=lambda entry: entry.name)
    return {
        entry.name.removesuffix(".json"): json.loads(entry.read_text(encoding="utf-8"))
        for entry in entries
        if entry.name.endswith(".json")
    }


def strings_for(request: gr.Request | Request | None) -> dict[str, str]:
    """The strings in the language that the browser prefers among those with a file, else in English."""
    tags = preferred_languages(request.headers.get("accept-language", "") if request else "")
    strings = translations()
    codes = (tag.partition("-")[0].lower() for tag in tags)
    return next((strings[code] for code in codes if code in strings), strings[FALLBACK])
