"""The page's words, one file a language in `i18n`, chosen by what the browser asks for."""

import functools
import json
from importlib.resources import files

import gradio as gr

FALLBACK = "en"


@functools.cache
def translations() -> dict[str, dict[str, str]]:
    """Every language's strings by key."""
    entries = sorted(files("ui").joinpath("page", "i18n").iterdir(), key=lambda entry: entry.name)
    return {
        entry.name.removesuffix(".json"): json.loads(entry.read_text(encoding="utf-8"))
        for entry in entries
        if entry.name.endswith(".json")
    }


def strings_for(request: gr.Request | None) -> dict[str, str]:
    """The strings in the first language of the browser's list that there is a file for."""
    accepted = request.headers.get("accept-language", "") if request else ""
    weighted = []
    for position, part in enumerate(accepted.split(",")):
        tag, _, quality = part.strip().partition(";q=")
        try:
            weighted.append((-float(quality or 1), position, tag.split("-")[0].lower()))
        except ValueError:
            continue  # a malformed preference is none
    known = translations()
    return next((known[tag] for _, _, tag in sorted(weighted) if tag in known), known[FALLBACK])
