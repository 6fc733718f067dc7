"""Is the answer in the passages, and in the right language? Citations, evidence check, language check."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import regex
from babel.core import get_global
from rapidfuzz import fuzz

from rag.chunking import sentences
from rag.claims import Source, extract_claims
from rag.evidence import Snippet
from rag.places import elsewhere
from rag.types import Citation
from retriever.encoder import Encoder
from retriever.language import ROMANISED_HINDI, UNKNOWN, detect_language

_MARK = regex.compile(r"\s*[\[［【]\s*(\d{1,2}(?:\s*[,，、;]\s*\d{1,2})*)\s*[\]］】]")
_CAPITALISED = regex.compile(r"\b\p{Lu}[\p{L}\p{M}'’-]*")
_SCRIPTS = {
    "Arab": "Arabic", "Beng": "Bengali", "Cyrl": "Cyrillic", "Deva": "Devanagari", "Grek": "Greek", "Hebr": "Hebrew",
    "Hans": "Han", "Hant": "Han", "Jpan": "Han}\\p{Script=Hiragana}\\p{Script=Katakana", "Kore": "Hangul",
    "Khmr": "Khmer", "Laoo": "Lao", "Latn": "Latin", "Mymr": "Myanmar", "Taml": "Tamil", "Telu": "Telugu",
    "Thai": "Thai",
}  # fmt: skip
_CONFUSABLE = [
    {"id", "ms"}, {"hi", "mr", "ne"}, {"no", "nb", "nn", "da"}, {"cs", "sk"}, {"sr", "hr", "bs"}, {"tl", "fil"},
    {"zh", "yue", "wuu"}, {"pt", "gl"}, {"fa", "ps"}, {"hi-Latn", "ur", "hi"},
]  # fmt: skip
_ASKS = regex.compile(r"[?？؟\u037e]['\"»”’)\]\s]*$")
_LABEL = regex.compile(r"[:：]\s*$")
LOOP_CHARACTERS, LOOP_SHARE = 100, 0.5
"""From which length on, and below which share of distinct 4-grams, a text repeats itself."""
SHORT_LETTERS = 13
"""Answers with fewer letters ("Denver Broncos") tell no language; only their script is judged."""
OWN_SCRIPT = 0.5
"""Least share of an answer's letters in its language's script; the rest may be names."""
ECHO = 85
"""Similarity (rapidfuzz, 0-100) from which a sentence is the abstention, or the question said back."""


@dataclass(frozen=True, slots=True)
class Grounded:
    """An answer with its citations put in, and the words of it that no passage holds."""

    text: str
    citations: tuple[Citation, ...]
    doubts: tuple[str, ...]


def strip_marks(text: str) -> str:
    """The text without its [n] marks."""
    return _MARK.sub("", text).strip()


def marked_numbers(text: str) -> list[int]:
    """The passage numbers that [n] marks name."""
    return [int(number) for marks in _MARK.findall(text) for number in regex.findall(r"\d+", marks)]


def ground(text: str, question: str, language: str, snippets: Sequence[Snippet], encoder: Encoder) -> Grounded:
    """Cite, sentence by sentence, the passages that hold the answer.

    A sentence cites the passages its author marked, else the nearest one; then whichever others hold a
    number, month or name that those do not. What none of them holds, nor the question, is doubtful, and so is the
    question's country if what is cited is on others.
    """
    asked = Source.read(question, language)
    sources = {
        s.number: Source.read(f"{s.hit.passage.title} {s.hit.passage.text}", s.hit.passage.language) for s in snippets
    }
    by_number = {snippet.number: snippet for snippet in snippets}

    def similar(left: Sequence[str], right: Sequence[str]) -> float:
        return float((encoder.encode_queries(left) @ encoder.encode_queries(right).T).max())

    parts: list[str] = []
    citations: dict[int, Citation] = {}
    doubts: list[str] = []
    for sentence, numbers in _marked_sentences(text, language):
        vector = encoder.encode_queries([f"{question} {sentence}"])[0]
        nearness = {s.number: float((s.vectors @ vector).max()) for s in snippets}
        cited = [number for number in dict.fromkeys(numbers) if number in by_number]
        open_claims = [claim for claim in extract_claims(sentence, language) if not asked.holds(claim)]
        if not cited and nearness:
            held = {n: sum(source.holds(claim) for claim in open_claims) for n, source in sources.items()}
            cited = [max(nearness, key=lambda n: (held[n], nearness[n]))]
        for claim in open_claims:
            order = cited + sorted(set(sources) - set(cited), key=lambda n: -nearness[n])
            holder = next((n for n in order if sources[n].holds(claim)), None)
            if holder is None and claim.kind == "name":
                holder = next((n for n in order if sources[n].holds(claim, similar)), None)
            if holder is None:
                doubts.append(claim.surface)
            elif holder not in cited:
                cited.append(holder)
        for number in cited:
            snippet = by_number[number]
            start, end = snippet.sentences[int(np.argmax(snippet.vectors @ vector))]
            if number not in citations or citations[number].score < nearness[number]:
                citations[number] = Citation(number, snippet.hit.passage, start, end, nearness[number])
        parts.append(sentence + "".join(f" [{number}]" for number in sorted(cited)))
    ordered = tuple(citations[number] for number in sorted(citations))
    cited_sources = [(citation.passage, sources[citation.number]) for citation in ordered]
    doubts += elsewhere(question, detect_language(question), cited_sources)
    return Grounded(" ".join(parts), ordered, tuple(dict.fromkeys(doubts)))


def _marked_sentences(text: str, language: str) -> list[tuple[str, list[int]]]:
    """The sentences of an answer without their marks, each with the numbers of the marks in or right after it."""
    bounded = [text[a:b] for a, b in sentences(text, language)]
    found: list[tuple[str, list[int]]] = []
    for piece in bounded:
        leading = regex.match(rf"(?:{_MARK.pattern})+", piece)
        rest = piece[leading.end() :] if leading and found else piece
        if leading and found:
            found[-1][1].extend(marked_numbers(leading.group()))
        words = strip_marks(rest)
        if any(character.isalnum() for character in words):
            found.append((words, marked_numbers(rest)))
        elif found:
            found[-1][1].extend(marked_numbers(rest))
    return found


def nearest(snippets: Sequence[Snippet], question: str, encoder: Encoder) -> tuple[Citation, ...]:
    """The passages nearest to a question that they do not answer."""
    vector = encoder.encode_queries([question])[0]
    shown = []
    for snippet in snippets:
        scores = snippet.vectors @ vector
        start, end = snippet.sentences[int(np.argmax(scores))]
        shown.append(Citation(snippet.number, snippet.hit.passage, start, end, float(scores.max()), used=False))
    return tuple(shown)


def says_no_answer(text: str, no_answer: str) -> bool:
    """Whether the model wrote the sentence that it was told to write when the passages hold no answer."""
    plain = strip_marks(text)
    return fuzz.partial_ratio(no_answer.casefold(), plain.casefold()) >= ECHO and len(plain) < 2 * len(no_answer)


def is_rubbish(text: str, question: str) -> bool:
    """Nothing but marks and signs, the question said back, or the same words over and over."""
    plain = strip_marks(text)
    if not any(character.isalnum() for character in plain):
        return True
    return echoes(plain, question) or repeats(plain)


def repeats(text: str) -> bool:
    """Whether a text goes round in circles, as small models do: few of its character 4-grams are new ones."""
    if len(text) < LOOP_CHARACTERS:
        return False
    grams = [text[i : i + 4] for i in range(len(text) - 3)]
    return len(set(grams)) < LOOP_SHARE * len(grams)


def without_echo(text: str, question: str, instruction: str) -> str:
    """The answer without sentences that ask, only say the question or the instruction back, or announce an answer."""
    pieces = [text[start:end] for start, end in sentences(text, UNKNOWN)]
    return " ".join(piece for piece in pieces if not _says_nothing(strip_marks(piece), question, instruction))


def _says_nothing(sentence: str, question: str, instruction: str) -> bool:
    asks = _ASKS.search(sentence) or _LABEL.search(sentence)
    return bool(asks) or echoes(sentence, question) or echoes(sentence, instruction)


def echoes(text: str, said: str) -> bool:
    """Whether a text says another one back and adds no word to it."""
    ours, theirs = (regex.findall(r"[\p{L}\p{M}\p{N}]+", strip_marks(each).casefold()) for each in (text, said))
    return bool(ours) and set(ours) <= set(theirs) and fuzz.ratio(" ".join(ours), " ".join(theirs)) >= ECHO


def in_language(text: str, language: str) -> bool:
    """Whether a text is in a language, as far as its length lets one tell.

    Names tell nothing ("Peyton Manning a jucat la Super Bowl"): capitalised words are left out of account.
    """
    plain = regex.sub(r"[\d\p{P}\p{S}]+", " ", _CAPITALISED.sub(" ", strip_marks(text)))
    letters = [character for character in plain if character.isalpha()]
    if not letters or language == UNKNOWN:
        return True
    script = _script(language)
    own = len(regex.findall(rf"[\p{{Script={script}}}&&\p{{L}}]", plain, flags=regex.V1)) if script else len(letters)
    if len(letters) < SHORT_LETTERS:
        return True if own or script == "Latin" else len(plain.split()) <= 3
    if script and script != "Latin" and own < OWN_SCRIPT * len(letters):
        return False
    detected = detect_language(plain)
    if script and script != "Latin" and own >= OWN_SCRIPT * len(letters) and detected in ("en", UNKNOWN):
        return True  # names in Latin letters amid the right script
    return detected == language or any({detected, language} <= group for group in _CONFUSABLE)


def _script(language: str) -> str | None:
    """The script a language is written in, by CLDR's likely subtags, as a Unicode property value."""
    if language == ROMANISED_HINDI:
        return "Latin"
    likely = get_global("likely_subtags").get(language.split("-")[0], "")
    return next((_SCRIPTS[part] for part in likely.split("_") if part in _SCRIPTS), None)
