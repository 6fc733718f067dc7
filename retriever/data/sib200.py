"""SIB-200: sentences of FLORES that are parallel by their number in every language."""

from pathlib import Path

from retriever.data.files import clean_line, numbered_lines
from retriever.data.pairs import short_code
from retriever.errors import DataError

ENGLISH = "eng_Latn"


def read_sib200(folder: Path) -> dict[str, dict[str, str]]:
    """The sentences of every language by their number, from files named like swh_Latn.dev.tsv. Raises DataError."""
    sentences: dict[str, dict[str, str]] = {}
    for file in sorted(folder.glob("*_*.*.tsv")):
        language = short_code(file.name.split("_")[0])
        lines = list(numbered_lines(file))
        if not lines or lines[0][1].split("\t") != ["index_id", "category", "text"]:
            raise DataError(f"{file}, line 1: expected the columns index_id, category and text.")
        for number, line in lines[1:]:
            columns = line.split("\t")
            if len(columns) != 3:
                raise DataError(f"{file}, line {number}: {len(columns)} columns, expected 3.")
            sentences.setdefault(language, {})[columns[0]] = clean_line(columns[2])
    if "en" not in sentences:
        raise DataError(f"{folder} has no English file, named like {ENGLISH}.dev.tsv.")
    return sentences
