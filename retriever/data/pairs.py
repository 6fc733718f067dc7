"""Sentence pairs with English, as in Tatoeba: lines `text<TAB>english`, one file a language."""

import re
from dataclasses import dataclass
from pathlib import Path

from babel.core import get_global

from retriever.data.files import clean_line, numbered_lines
from retriever.errors import DataError

_PAIRS_FILE = re.compile(r"^([a-z]{2,3})[-_](?:eng?|en)\.tsv$")


@dataclass(frozen=True, slots=True)
class Pair:
    """A text and its English translation."""

    language: str
    text: str
    english: str


def read_pairs(path: Path, languages: list[str] | None = None) -> list[Pair]:
    """The pairs of a file such as ron-eng.tsv, or of a folder of such files, in all or in these languages.

    Further columns are ignored. Raises DataError.
    """
    files = sorted(path.glob("*.tsv")) if path.is_dir() else [path]
    pairs = []
    for file in files:
        match = _PAIRS_FILE.match(file.name)
        if not match:
            raise DataError(f"{file}: the language is read from the name; call it like ron-eng.tsv.")
        language = short_code(match[1])
        if languages and language not in languages:
            continue
        for number, line in numbered_lines(file):
            columns = line.split("\t")
            if len(columns) < 2 or not columns[0].strip() or not columns[1].strip():
                raise DataError(f"{file}, line {number}: expected text<TAB>english, found {line[:60]!r}.")
            pairs.append(Pair(language, clean_line(columns[0]), clean_line(columns[1])))
    if not pairs:
        raise DataError(f"{path} holds no pairs{f' in {languages}' if languages else ''}.")
    return pairs


def short_code(code: str) -> str:
    """CLDR's code of a language that may have a longer one.

    >>> short_code("ron"), short_code("cmn"), short_code("pes")
    ('ro', 'zh', 'fa')
    """
    alias = get_global("language_aliases").get(code, code)
    return str(alias).split("_")[0].split(" ")[0]
