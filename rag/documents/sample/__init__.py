"""A library to start with: short English articles and questions about them in many languages (CC0)."""

import json
from dataclasses import dataclass
from importlib.resources import files

from rag.documents.library import Library


@dataclass(frozen=True, slots=True)
class SampleQuestion:
    """A question about one of the articles, with its answer in the question's language."""

    language: str
    question: str
    answer: str
    article: str


def articles() -> dict[str, str]:
    """Markdown of each article by its short name."""
    entries = sorted(files("rag.documents.sample").joinpath("articles").iterdir(), key=lambda entry: entry.name)
    return {entry.name.removesuffix(".md"): entry.read_text(encoding="utf-8") for entry in entries}


def questions() -> list[SampleQuestion]:
    """The example questions, in many languages."""
    lines = files("rag.documents.sample").joinpath("questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [SampleQuestion(**json.loads(line)) for line in lines]


def add_sample(library: Library) -> None:
    """Add the articles to a library."""
    library.add_texts([(f"{name}.md", text) for name, text in articles().items()])
