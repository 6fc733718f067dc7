"""Prompts are text files that a translator can edit: one folder a task, one file a language.

A file is TOML. Its strings are `string.Template` texts; each task has a fixed set of variables. A missing or unknown
variable is an error, and texts are never evaluated as code.
"""

import functools
import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from string import Template

from retriever.errors import IsthmusError
from retriever.languages.locales import english_name, locale_of

FIELDS = {
    "answer": {
        "language": {"language"},
        "brief": {"language"},
        "system": {"no_answer", "language"},
        "user": {"passages", "question", "language"},
    },
    "fixed": {"no_answer": set[str](), "quote": {"words"}},
    "rewrite": {"system": set[str](), "user": {"history", "question", "language"}},
    "read": {
        "system": set[str](),
        "judge": {"passage", "question"},
        "extract": {"passage", "question", "language"},
        "confirm": {"passage", "question", "answer"},
        "ask": {"passage", "asked_in"},
        "ask_anything": {"asked_in"},
    },
    "rerank": {"system": set[str](), "user": {"passage", "question"}},
    "critic": {
        "system": set[str](),
        "user": {"source_language", "text", "translation", "aspect"},
        "semantics": set[str](),
        "emotion": set[str](),
        "pragmatics": set[str](),
    },
    "expand": {"system": {"language"}, "user": {"text"}},
    "ask": {"system": {"language"}, "user": {"text"}},
    "similar": {"system": {"language"}, "user": {"text"}},
    "temporal": {
        "head": set[str](),
        "tail": set[str](),
        "question": {"question"},
        "answer": set[str](),
        "answer_month": set[str](),
        "because": set[str](),
        "facts": set[str](),
    },
    "translate": {"system": {"language"}, "user": {"text", "language"}},
}
"""For each task its fields, and the variables that each may use. `fixed` are sentences that are shown as they stand."""

CODE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}")
"""How codes of languages are written."""
NO_LANGUAGE = "{!r} is the code of no language; write one such as ro, hi or pt-BR."


class PromptError(ValueError):
    """A prompt file lacks a field, has one too many, or uses a variable that its task does not have."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """The texts of one task in one language."""

    texts: dict[str, str]
    language_name: str

    def render(self, field: str, **values: str) -> str:
        """The text of a field with its variables filled in. Raises KeyError for a variable without a value."""
        return Template(self.texts[field]).substitute(values, language=self.language_name)

    @property
    def closing(self) -> str:
        """The last line of the user message, which asks for the language.

        >>> load_prompt("answer", "ro").closing
        'Te rog să răspunzi în limba română.'
        """
        return Template(self.texts["user"].splitlines()[-1]).substitute(language=self.language_name)

    def messages(self, *, system: str = "system", **values: str) -> list[dict[str, str]]:
        """The system message, rendered from the field `system`, and the user message, for a chat model.

        The system message depends only on the language, so that engines find it in their prompt cache.
        """
        return [
            {"role": "system", "content": self.render(system, **values)},
            {"role": "user", "content": self.render("user", **values)},
        ]


def languages(task: str = "answer") -> list[str]:
    """Codes of the languages that have a file for this task, sorted.

    >>> languages("rewrite")
    ['en']
    """
    names = (entry.name for entry in files("prompts").joinpath(task).iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml") and name != "other.toml")


def check_language(language: str) -> None:
    """Raise IsthmusError unless an answer can be written in the language: it has a prompt, or a name that one can take.

    >>> check_language("fi")
    >>> check_language("../rewrite/en")
    Traceback (most recent call last):
        ...
    retriever.errors.IsthmusError: '../rewrite/en' is the code of no language; write one such as ro, hi or pt-BR.
    """
    if language not in languages() and (not CODE.fullmatch(language) or locale_of(language) is None):
        raise IsthmusError(NO_LANGUAGE.format(language))


@functools.cache
def load_prompt(task: str, language: str) -> Prompt:
    """The prompt of a task in a language; if the language has no file, an English one that names the language.

    Raises PromptError if the file has other fields or variables than the task, and IsthmusError if the language is not
    written as a code.

    >>> load_prompt("answer", "fi").language_name
    'Finnish'
    """
    if not CODE.fullmatch(language):
        raise IsthmusError(NO_LANGUAGE.format(language))
    folder = files("prompts").joinpath(task)
    file = folder.joinpath(f"{language}.toml")
    if not file.is_file():
        file = folder.joinpath("other.toml" if folder.joinpath("other.toml").is_file() else "en.toml")
    texts = {key: str(value).strip() for key, value in tomllib.loads(file.read_text(encoding="utf-8")).items()}
    fields = FIELDS[task]
    if texts.keys() != fields.keys():
        raise PromptError(f"{task}/{file.name} has the fields {sorted(texts)}, the task needs {sorted(fields)}")
    for field, text in texts.items():
        if unknown_variables := set(Template(text).get_identifiers()) - fields[field]:
            raise PromptError(f"{task}/{file.name}, {field}: unknown variables {sorted(unknown_variables)}")
    language_name = texts.get("language", "$language")
    return Prompt(texts, english_name(language) if "$" in language_name else language_name)
