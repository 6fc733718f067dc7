"""The page's strings: one file a language in `i18n`, chosen by the browser's languages."""

import functools
import json
from importlib.resources import files

import gradio as gr
from starlette.requests import Request

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
    accepted = request.headers.get("accept-language", "") if request else ""
    weighted_tags = []
    for position, part in enumerate(accepted.split(",")):
        tag, _, quality = part.strip().partition(";q=")
        try:
            weighted_tags.append((-float(quality or 1), position, tag.split("-")[0].lower()))
        except ValueError:
            continue  # ignore a malformed preference
    strings = translations()
    return next((strings[tag] for _, _, tag in sorted(weighted_tags) if tag in strings), strings[FALLBACK])
