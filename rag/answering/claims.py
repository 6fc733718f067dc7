"""The checkable parts of an answer: numbers, months and names; and whether a source holds them.

Small models invent these, so they are compared with the sources across digits, number words, grouping,
scales, month names, calendars (Thai years) and scripts of names.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import regex
from anyascii import anyascii
from num2words import num2words
from rapidfuzz import fuzz

from retriever.languages.digits import ascii_digits
from retriever.languages.months import month_names
from retriever.languages.scripts import CASED

_NUMBER = regex.compile(r"\d+(?:[.,'’\u00a0\u202f\u066b\u066c]\d+)*")
_ROMAN = regex.compile(r"\b[IVXLC]{2,7}\b")
_MONTH_SIGNS = ("月", "월")
_SIGNED_MONTH = regex.compile(r"(\d{1,2})\s?[月월]")
_WORD = regex.compile(r"[\p{L}\p{M}]+(?:['’-][\p{L}\p{M}]+)*")
_NAME_WORD = regex.compile(r"(?:\p{Lu}[\p{L}\p{M}'’-]*[\p{L}\p{M}]|\p{Lu}{2,})")
_SENTENCE_START = regex.compile(r"(?:^|[.!?:;…»”\"]\s+|\n|[\[(«“„\"]\s*)$")

SCALE_WORDS = {
    3: "thousand mil mille tausend mie mii тысяч тысячи тысяча हज़ार हजार ألف آلاف พัน nghìn ngàn ribu bin elfu tysięcy",
    4: "万 萬 만 หมื่น",
    5: "lakh लाख लाखों লাখ لاکھ แสน",
    6: "million millions millionen milioane milion millones milhões milioni миллионов миллиона миллион мільйонів "
    "مليون ملايين ล้าน triệu juta milyon milionów milionu",
    7: "crore करोड़ করোড় কোটি کروڑ",
    8: "億 亿 억",
    9: "billion billions milliarden milliards miliarde miliardi миллиардов миллиарда миллиард مليار अरब tỷ miliar "
    "milyar miliardów",
    12: "trillion trillions billionen 兆 조 ล้านล้าน",
}
"""Words after a number that multiply it, by their power of ten."""
SCALES = {word: 10**power for power, words in SCALE_WORDS.items() for word in words.split()}
_SCALES_LONGEST_FIRST = sorted(SCALES.items(), key=lambda pair: -len(pair[0]))
SPELLED_UP_TO = 100
ARTICLES_UP_TO = 2
"""Words for one and two are articles and pronouns in many languages; they are no claim."""
SHORT_ANSWER = 3
"""An answer of so few words may be nothing but a name."""
SAME_NAME = 72
"""Least similarity (rapidfuzz, 0-100) of two romanised names that count as one."""
SAME_MEANING = 0.90
"""Least cosine of a name and its translation, as the stock encoder sees them ("Dunărea", "Danube")."""

Similar = Callable[[Sequence[str], Sequence[str]], float]
"""Largest cosine between any of the first texts and any of the second."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A number, month or name that an answer states, and the values it may stand for."""

    kind: Literal["number", "month", "name"]
    surface: str
    values: frozenset[float] = frozenset()


def extract_claims(text: str, language: str) -> list[Claim]:
    """The claims of an answer in a language, in order, each once."""
    claims: dict[str, Claim] = {}
    plain = ascii_digits(text)
    for surface, values in _numbers(plain, language, claims_only=True):
        claims.setdefault(surface, Claim("number", surface, values))
    for surface, number in _months(plain, language):
        claims.setdefault(surface, Claim("month", surface, frozenset({float(number)})))
    taken = {word.casefold() for claim in claims.values() for word in claim.surface.split()}
    for surface in _names(plain, language):
        if surface.casefold() not in taken:
            claims.setdefault(surface, Claim("name", surface))
    return list(claims.values())


@dataclass(frozen=True, slots=True)
class Source:
    """What a text holds that a claim can be checked against."""

    numbers: frozenset[float]
    months: frozenset[float]
    words: tuple[str, ...]
    romanised: tuple[str, ...]

    @classmethod
    def read(cls, text: str, language: str) -> "Source":
        """Read a passage or a question."""
        plain = ascii_digits(text)
        numbers = {value for _, values in _numbers(plain, language, claims_only=False) for value in values}
        months = {float(number) for _, number in _months(plain, language)} | _numeric_months(plain)
        words = tuple(dict.fromkeys(_WORD.findall(plain)))
        return cls(frozenset(numbers), frozenset(months), words, tuple(_romanise(word) for word in words))

    def holds(self, claim: Claim, similar: Similar | None = None) -> bool:
        """Whether the source states the claim; `similar` recognises translated names."""
        if claim.kind == "number":
            return bool(claim.values & self.numbers)
        if claim.kind == "month":
            return bool(claim.values & self.months)
        romanised = _romanise(claim.surface)
        if any(_same_name(romanised, word) for word in self.romanised):
            return True
        if similar is None:
            return False
        names = [word for word in self.words if len(word) > 2 and (word[0].isupper() or not CASED.match(word))]
        return bool(names) and similar([claim.surface], names) >= SAME_MEANING


def _numbers(text: str, language: str, *, claims_only: bool) -> list[tuple[str, frozenset[float]]]:
    found = []
    for match in _NUMBER.finditer(text):
        values = _readings(match.group())
        follows = text[match.end() :].lstrip(" \u00a0-").casefold()
        scale = next((s for word, s in _SCALES_LONGEST_FIRST if follows.startswith(word)), None)
        if claims_only and follows.startswith(_MONTH_SIGNS):
            continue  # Chinese, Japanese and Korean number their months; `_months` has them
        if scale:
            values = values | {value * scale for value in values}
        if language == "th":
            values = values | {value - 543 for value in values if 2400 <= value <= 2700}
        found.append((match.group(), frozenset(round(value, 6) for value in values)))
    for match in _ROMAN.finditer(text):
        if value := _roman(match.group()):
            found.append((match.group(), frozenset({float(value)})))
    spelled = _spelled(language)
    for match in _WORD.finditer(text):
        value_ = spelled.get(match.group().casefold())
        if value_ is not None and (value_ > ARTICLES_UP_TO or not claims_only):
            found.append((match.group(), frozenset({float(value_)})))
    return found


def _readings(digits: str) -> frozenset[float]:
    """What a number may mean: "286,598" is 286598 or 286.598; "2,86,598" is 286598; "14.03.1879" is a date."""
    parts = regex.split(r"\D", digits)
    readings = set()
    if len(parts) == 1 or (len(parts[-1]) == 3 and all(len(part) in (2, 3) for part in parts[1:])):
        readings.add(float("".join(parts)))
    if len(parts) > 1:
        readings.add(float("".join(parts[:-1]) + "." + parts[-1]))
    if len(parts) == 3 and len(parts[-1]) != 3:
        readings = {float(part) for part in parts}
    return frozenset(readings)


def _roman(numeral: str) -> int:
    """Value of a Roman numeral, 0 if it is none."""
    if not regex.fullmatch(r"C{0,3}(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})", numeral):
        return 0
    values = [{"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}[letter] for letter in numeral]
    return sum(-v if i + 1 < len(values) and v < values[i + 1] else v for i, v in enumerate(values))


@functools.cache
def _spelled(language: str) -> dict[str, int]:
    """Number words of a language up to SPELLED_UP_TO, cardinal and ordinal, as far as num2words knows it."""
    words: dict[str, int] = {}
    for kind in ("cardinal", "ordinal"):
        for number in range(SPELLED_UP_TO + 1):
            try:
                word = num2words(number, lang=language, to=kind).casefold()
            except (NotImplementedError, TypeError, ValueError, KeyError, IndexError, OverflowError):
                continue  # a language or form that num2words does not know has no spelled numbers here
            if " " not in word and not any(character.isdigit() for character in word):
                words.setdefault(word, number)
    return words


def _months(text: str, language: str) -> list[tuple[str, int]]:
    """Month names of the language in the text; in scripts without spaces, wherever they stand."""
    names = month_names(language.split("-")[0], ("wide",))
    found = [(match.group(), int(match[1])) for match in _SIGNED_MONTH.finditer(text) if 1 <= int(match[1]) <= 12]
    for name, number in names.items():
        if any(character.isdigit() for character in name):
            continue  # "tháng 3": a number, and checked as one
        edge = r"\b" if CASED.match(name) else ""
        word = f"{edge}{regex.escape(name)}"
        # "may" and "mars" are words too: a month stands beside a number, at most a short word between.
        after, before = rf"\d[\w.]*\s+(?:\p{{L}}{{1,3}}\s+)?{word}", rf"{word}{edge}(?:\s+\p{{L}}{{1,3}})?,?\s*\d"
        if regex.search(f"{after}|{before}", text, flags=regex.IGNORECASE):
            found.append((name, number))
    return found


def _numeric_months(text: str) -> set[float]:
    months = {float(m) for m in regex.findall(r"\b\d{4}[-/.](\d{1,2})[-/.]\d{1,2}\b", text)}
    for first, second in regex.findall(r"\b(\d{1,2})[-/.](\d{1,2})[-/.]\d{4}\b", text):
        months |= {float(first), float(second)}
    return {month for month in months if 1 <= month <= 12}


def _names(text: str, language: str) -> list[str]:
    """Capitalised words that do not open a sentence, or make up the whole of a short answer.

    None in German, which capitalises every noun. In a script without capitals, Latin words are names; names in
    the script itself are not recognised.
    """
    if language == "de":
        return []
    words = text.rstrip(".").split()
    whole = len(words) <= SHORT_ANSWER and all(_NAME_WORD.match(word) for word in words)
    return [
        match.group()
        for match in _NAME_WORD.finditer(text)
        if len(match.group()) > 2
        and (whole or not _SENTENCE_START.search(text[: match.start()]))
        and not _roman(match.group().split("-")[0])
    ]


def _romanise(word: str) -> str:
    return "".join(c for c in anyascii(word).casefold() if c.isalnum())


def _same_name(left: str, right: str) -> bool:
    """Whether two romanised words spell one name: "kachinsky" and "kaczynski", "londra" and "london"."""
    if not left or not right:
        return False
    if min(len(left), len(right)) <= 3:
        return left == right
    if fuzz.ratio(left, right) >= SAME_NAME or (min(len(left), len(right)) >= 5 and left[:5] == right[:5]):
        return True
    bones = [_skeleton(word) for word in (left, right)]
    return min(map(len, bones)) >= 3 and fuzz.ratio(*bones) >= SAME_NAME + 8


def _skeleton(word: str) -> str:
    """Consonants, with the letters that scripts spell differently made one."""
    for many, one in (
        ("tch", "c"),
        ("sch", "s"),
        ("ch", "c"),
        ("sh", "s"),
        ("cz", "c"),
        ("ph", "f"),
        ("th", "t"),
        ("ck", "k"),
    ):
        word = word.replace(many, one)
    table = str.maketrans("kqgwvbpdyjzs", "ccgvvbbtiiss")
    return regex.sub(r"[aeiouh]|(.)(?=\1)", "", word.translate(table))
